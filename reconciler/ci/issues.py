"""The issue that says that a list is not applied: on GitHub, and on GitLab."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from reconciler.ci import us
from reconciler.ci.api import Api, Json

PAGES = 5
"""How many pages of open issues are looked through at most. Ours changes with each apply that fails, so it is among
the first.
"""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue that we have opened.

    Attributes:
        number: its number in the repository.
        body: its text, which begins with its marker.
        page: where people see it.
    """

    number: int
    body: str
    page: str


class Issues(ABC):
    """The issues of a repository."""

    _api: Api
    _path: str
    _body: ClassVar[str]
    """What the API calls the text of an issue."""
    _number: ClassVar[str]
    """What it calls the number of an issue."""
    _page: ClassVar[str]
    """What it calls the address for people."""
    _update: ClassVar[str]
    """The HTTP method that changes an issue."""
    _comments: ClassVar[str]
    """The path below an issue where its comments are made."""
    _closed: ClassVar[dict[str, str]]
    """What closes an issue."""

    def found(self, marker: str) -> list[Issue]:
        """The open issues that we have opened, those that have changed last first.

        Anybody who may open issues can write the marker too. Theirs are left alone.

        Args:
            marker: the first line of their text.

        Raises:
            ApiFailed: the token may not read them, or the API does not answer.
        """
        issues = map(self._issue, self._ours())
        return [issue for issue in issues if issue.body.partition("\n")[0].rstrip("\r") == marker]

    def open(self, title: str, body: str) -> Issue:
        """Open an issue.

        Raises:
            ApiFailed: the token may not do that, or the API does not answer.
        """
        return self._issue(self._api.call("POST", self._path, {"title": title, self._body: body}))

    def comment(self, issue: Issue, body: str) -> None:
        """Comment on an issue.

        Raises:
            ApiFailed: as above.
        """
        self._api.call("POST", f"{self._path}/{issue.number}/{self._comments}", {"body": body})

    def close(self, issue: Issue) -> None:
        """Close an issue.

        Raises:
            ApiFailed: as above.
        """
        self._api.call(self._update, f"{self._path}/{issue.number}", self._closed)

    @abstractmethod
    def _ours(self) -> Iterator[Json]:
        """The open issues that we have opened, as the API lists them: those that have changed last first."""

    def _issue(self, told: Json) -> Issue:
        return Issue(int(told[self._number]), told.get(self._body) or "", str(told.get(self._page, "")).split("\n")[0])


class GithubIssues(Issues):
    """The issues of a repository on GitHub (https://docs.github.com/rest/issues/issues).

    Args:
        url: the address of GitHub's API.
        repository: `OWNER/REPOSITORY`.
        token: a token that may read and write issues.
        login: whom it signs in, if that is known; else any bot is taken for us if a bot's token cannot tell.
    """

    _body = "body"
    _number = "number"
    _page = "html_url"
    _update = "PATCH"
    _comments = "comments"
    _closed: ClassVar = {"state": "closed", "state_reason": "completed"}

    def __init__(self, url: str, repository: str, token: str, login: str | None = None) -> None:
        self._api = us.github(url, token)
        self._login = login
        self._path = f"repos/{repository}/issues"

    def _ours(self) -> Iterator[Json]:
        is_ours = us.on_github(self._api, self._login)
        for told in self._api.listed(self._path, pages=PAGES, state="open", sort="updated", direction="desc"):
            if "pull_request" not in told and is_ours(told.get("user")):  # the API lists pull requests too
                yield told


class GitlabIssues(Issues):
    """The issues of a project on GitLab (https://docs.gitlab.com/api/issues/).

    Args:
        url: the address of GitLab's API.
        project: the ID of the project.
        token: an access token with the scope `api`.
    """

    _body = "description"
    _number = "iid"
    _page = "web_url"
    _update = "PUT"
    _comments = "notes"
    _closed: ClassVar = {"state_event": "close"}

    def __init__(self, url: str, project: str, token: str) -> None:
        self._api = us.gitlab(url, token)
        self._path = f"projects/{project}/issues"

    def _ours(self) -> Iterator[Json]:
        ours = str(us.id_on_gitlab(self._api))
        yield from self._api.listed(
            self._path, pages=PAGES, state="opened", author_id=ours, scope="all", order_by="updated_at", sort="desc"
        )
