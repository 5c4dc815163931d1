"""The comment of a pull request on GitHub that is made once and kept up to date."""

from reconciler.ci.api import Api, ApiFailed


class Comments:
    """The comments of the pull requests of a repository.

    Args:
        url: the address of GitHub's API.
        repository: `OWNER/REPOSITORY`.
        token: a token that may read and write the comments.
    """

    def __init__(self, url: str, repository: str, token: str) -> None:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._api = Api("GitHub", url, headers)
        self._issues = f"repos/{repository}/issues"

    def put(self, number: int, body: str, *, marker: str) -> str:
        """Make the comment, or bring it up to date.

        Args:
            number: the number of the pull request.
            body: Markdown that begins with the marker.
            marker: an HTML comment by which to tell it from other comments.

        Returns:
            The address of the comment.

        Raises:
            ApiFailed: the token may not comment, or GitHub does not answer.
        """
        comments = f"{self._issues}/{number}/comments"
        ours = self._find(comments, marker)
        if ours is None:
            made = self._api.call("POST", comments, {"body": body})
        else:
            made = self._api.call("PATCH", f"{self._issues}/comments/{ours}", {"body": body})
        return str(made.get("html_url", "")).split("\n", maxsplit=1)[0]

    def _find(self, comments: str, marker: str) -> int | None:
        """The comment that was made before.

        Anybody who may comment can write the marker too. Their comment is left alone, since its author could change it
        later.
        """
        login = self._own_login()
        for comment in self._api.listed(comments):
            author = comment.get("user") or {}
            ours = author.get("type") == "Bot" if login is None else author.get("login") == login
            if ours and (comment.get("body") or "").startswith(marker):
                return int(comment["id"])
        return None

    def _own_login(self) -> str | None:
        """Whose token it is; None for a token of the run or of an app, which comment as bots and cannot ask."""
        try:
            return str(self._api.call("GET", "user")["login"])
        except (ApiFailed, KeyError):
            return None
