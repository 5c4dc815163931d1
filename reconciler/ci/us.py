"""Signed in to GitHub or GitLab, and what tells our own comments and issues there from those of others."""

from collections.abc import Callable

from reconciler.ci.api import Api, ApiFailed, Json


def github(url: str, token: str) -> Api:
    """GitHub's API.

    Args:
        url: its address.
        token: what signs in.
    """
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return Api("GitHub", url, headers)


RUN_ON_GITHUB = "github-actions[bot]"
"""Who the token of a run signs in."""


def on_github(api: Api, login: str | None = None) -> Callable[[Json], bool]:
    """What tells whether an author is who the token signs in.

    Args:
        api: GitHub's API.
        login: who that is, if it is known.

    Raises:
        ApiFailed: the API does not answer, so that what a person has made with this token would not be known again.
    """
    try:
        login = login or str(api.call("GET", "user")["login"])
    except KeyError:
        return _is_bot
    except ApiFailed as failure:
        # A token of the run or of an app comments as a bot, and cannot ask whose it is.
        if failure.status is None or failure.status >= 500:
            raise
        return _is_bot
    return lambda author: bool(author) and author.get("login") == login


def _is_bot(author: Json) -> bool:
    return bool(author) and author.get("type") == "Bot"


def gitlab(url: str, token: str) -> Api:
    """GitLab's API.

    Args:
        url: its address.
        token: an access token with the scope `api`.
    """
    return Api("GitLab", url, {"PRIVATE-TOKEN": token})


def id_on_gitlab(api: Api) -> int:
    """The ID of who the token signs in.

    Raises:
        ApiFailed: the token is not good, or the API does not answer.
    """
    return int(api.call("GET", "user")["id"])
