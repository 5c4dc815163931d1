"""The comment of a proposed change that is made once and kept up to date: on GitHub, and as a note on GitLab."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import ClassVar

from reconciler.ci import us
from reconciler.ci.api import Api, Json


class Comments(ABC):
    """The comments of the proposed changes of a repository."""

    _api: Api
    _update: ClassVar[str]
    """The HTTP method that changes a comment."""

    def put(self, number: int, body: str, *, marker: str) -> str:
        """Make the comment, or bring it up to date.

        Args:
            number: the number of the proposed change.
            body: Markdown that begins with the marker.
            marker: an HTML comment by which to tell it from other comments.

        Returns:
            The address of the comment.

        Raises:
            ApiFailed: the token may not comment, or the API does not answer.
        """
        every, each = self._paths(number)
        ours = self.made(number, [marker]).get(marker)
        if ours is None:
            made = self._api.call("POST", every, {"body": body})
        else:
            made = self._api.call(self._update, f"{each}/{ours}", {"body": body})
        return self._address(made).split("\n", maxsplit=1)[0]

    def made(self, number: int, markers: Collection[str]) -> dict[str, int]:
        """The comments that were made before: marker → ID.

        Anybody who may comment can write the marker too. Their comment is left alone, since its author could change it
        later.

        Args:
            number: the number of the proposed change.
            markers: which comments to look for.

        Raises:
            ApiFailed: the token may not read them, or the API does not answer.
        """
        is_ours = self._recogniser()
        found: dict[str, int] = {}
        for comment in self._api.listed(self._paths(number)[0]):
            first_line = (comment.get("body") or "").partition("\n")[0].rstrip("\r")
            if first_line in markers and is_ours(comment.get("author") or comment.get("user")):
                found.setdefault(first_line, int(comment["id"]))
                if len(found) == len(markers):
                    break
        return found

    @abstractmethod
    def _recogniser(self) -> Callable[[Json], bool]:
        """What tells whether an author is who comments here."""

    @abstractmethod
    def _paths(self, number: int) -> tuple[str, str]:
        """The path where the comments of a change are listed and made, and the one below which each of them is."""

    @abstractmethod
    def _address(self, made: Json) -> str:
        """Where people see a comment, by what the API says of it."""


class GithubComments(Comments):
    """The comments of the pull requests of a repository on GitHub.

    Args:
        url: the address of GitHub's API.
        repository: `OWNER/REPOSITORY`.
        token: a token that may read and write the comments.
    """

    _update = "PATCH"

    def __init__(self, url: str, repository: str, token: str) -> None:
        self._api = us.github(url, token)
        self._issues = f"repos/{repository}/issues"

    def _recogniser(self) -> Callable[[Json], bool]:
        return us.on_github(self._api)

    def _paths(self, number: int) -> tuple[str, str]:
        return f"{self._issues}/{number}/comments", f"{self._issues}/comments"

    def _address(self, made: Json) -> str:
        return str(made.get("html_url", ""))


class GitlabNotes(Comments):
    """The notes of the merge requests of a project on GitLab (https://docs.gitlab.com/api/notes/#merge-requests).

    Args:
        url: the address of GitLab's API.
        project: the ID of the project.
        page: the address of the project.
        token: an access token with the scope `api`.
    """

    _update = "PUT"

    def __init__(self, url: str, project: str, page: str, token: str) -> None:
        self._api = us.gitlab(url, token)
        self._requests = f"projects/{project}/merge_requests"
        self._page = page

    def _recogniser(self) -> Callable[[Json], bool]:
        ours = us.id_on_gitlab(self._api)
        return lambda author: bool(author) and author.get("id") == ours

    def _paths(self, number: int) -> tuple[str, str]:
        notes = f"{self._requests}/{number}/notes"
        return notes, notes

    def _address(self, made: Json) -> str:
        return f"{self._page}/-/merge_requests/{made.get('noteable_iid')}#note_{made.get('id')}"
