"""Open pull requests on GitHub.

What is sent and answered is in GitHub's "REST API endpoints for pull requests".
"""

from dataclasses import dataclass
from urllib.parse import quote

from reconciler.ci import us
from reconciler.ci.api import ApiFailed, Json


@dataclass(frozen=True, slots=True)
class Opened:
    """A pull request.

    Attributes:
        number: its number.
        by_run: whether the token of a run has opened it: GitHub then has somebody approve the workflows for it.
    """

    number: int
    by_run: bool


class Pulls:
    """The pull requests of a repository on GitHub.

    Args:
        url: the address of GitHub's API.
        repository: `OWNER/REPOSITORY`.
        token: a token that may read and open them.
    """

    def __init__(self, url: str, repository: str, token: str) -> None:
        self._api = us.github(url, token)
        self._path = f"repos/{repository}/pulls"
        self._owner = repository.partition("/")[0]

    def find(self, branch: str) -> Opened | None:
        """The open pull request of a branch, if there is one. Raises ApiFailed."""
        found = self._api.call("GET", f"{self._path}?state=open&head={quote(f'{self._owner}:{branch}')}")
        return _opened(found) if found else None

    def open(self, branch: str, base: str, title: str, body: str) -> Opened:
        """Open one.

        Args:
            branch: the branch with the change.
            base: the branch that it is to be merged into.
            title: its title.
            body: its description, in Markdown.

        Raises:
            ApiFailed: it cannot be told that there is one.
        """
        content = {"title": title, "head": branch, "base": base, "body": body}
        try:
            return _opened(self._api.call("POST", self._path, content))
        except ApiFailed as failure:
            if failure.status is not None and failure.status < 500:
                raise
            # It may be there although no answer came.
            if (found := self.find(branch)) is None:
                raise
            return found


def _opened(answer: Json) -> Opened:
    """The pull request that was answered, or the first of several. Raises ApiFailed if it is none."""
    try:
        pull = answer[0] if isinstance(answer, list) else answer
        return Opened(int(pull["number"]), pull["user"]["login"] == us.RUN_ON_GITHUB)
    except (KeyError, TypeError, ValueError) as error:
        raise ApiFailed("GitHub answers something else than a pull request") from error
