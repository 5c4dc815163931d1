"""The one comment of a pull request that is made once and brought up to date from then on."""

import json
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

PAGE = 100
ATTEMPTS = 3


class CannotComment(Exception):
    """GitHub does not take the comment. The message says why."""


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of the pull requests of a repository.

    Attributes:
        api: the address of GitHub's API.
        repository: `OWNER/REPOSITORY`.
        token: what may read and write the comments.
    """

    api: str
    repository: str
    token: str

    def put(self, number: int, body: str, *, marker: str) -> str:
        """Make the comment, or bring it up to date.

        Args:
            number: of the pull request.
            body: Markdown, which begins with the marker.
            marker: an HTML comment that tells it from other comments.

        Returns:
            The address of the comment.

        Raises:
            CannotComment: the token may not, or GitHub does not answer.
        """
        ours = self._find(number, marker)
        if ours is None:
            made = self._call("POST", f"issues/{number}/comments", {"body": body})
        else:
            made = self._call("PATCH", f"issues/comments/{ours}", {"body": body})
        return str(made.get("html_url", "")).split("\n", maxsplit=1)[0]

    def _find(self, number: int, marker: str) -> int | None:
        """The comment that was made before.

        Whoever may comment can write the marker too. Such a comment is left alone, since its author could change it
        afterwards.
        """
        login = self._own_login()
        page = 1
        while True:
            comments = self._call("GET", f"issues/{number}/comments?per_page={PAGE}&page={page}")
            for comment in comments:
                author = comment.get("user") or {}
                ours = author.get("type") == "Bot" if login is None else author.get("login") == login
                if ours and (comment.get("body") or "").startswith(marker):
                    return int(comment["id"])
            if len(comments) < PAGE:
                return None
            page += 1

    def _own_login(self) -> str | None:
        """Whose token it is; None for a token of the run or of an app, which comment as bots and cannot ask."""
        try:
            return str(self._request("GET", f"{self.api}/user")["login"])
        except (CannotComment, KeyError):
            return None

    def _call(self, method: str, path: str, content: object = None) -> Any:  # noqa: ANN401 - as the API answers
        return self._request(method, f"{self.api}/repos/{self.repository}/{path}", content)

    def _request(self, method: str, url: str, content: object = None) -> Any:  # noqa: ANN401
        request = Request(  # noqa: S310 - the address is the runner's
            url,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "reconciler",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with urlopen(request, timeout=30) as answer:  # noqa: S310
                    return json.load(answer)
            except HTTPError as error:
                error.close()
                why = f"GitHub answers {error.code}"
                if error.code < 500:
                    raise CannotComment(_explained(error.code)) from error
            except (OSError, HTTPException, ValueError) as error:
                why = f"GitHub cannot be reached ({type(error).__name__})"
            if method == "POST":  # it may have been taken all the same, and a second one would stay
                break
            if attempt < ATTEMPTS:
                time.sleep(attempt)
        raise CannotComment(why)


def _explained(code: int) -> str:
    if code in {401, 403, 404}:
        return f"the token may not comment ({code}), as on a pull request from a fork"
    return f"GitHub answers {code}"
