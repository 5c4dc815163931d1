"""A JSON API over HTTP, as GitHub and GitLab have one."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

PAGE = 100
PAGES = 500
ATTEMPTS = 3
TIMEOUT = 30  # seconds
MAX_ANSWER = 64 * 2**20  # bytes; a page of 100 issues, as long as they may be, takes less than half of that

Json: TypeAlias = Any
"""What an API answers."""


class ApiFailed(Exception):
    """The API refuses a request, or does not answer. The message says which.

    Attributes:
        status: the HTTP status; None without an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class _SameServer(HTTPRedirectHandler):
    """Follows where an API has moved something, and takes the token to no other server.

    What changes something is not sent again: `urllib` would make a GET of it, which looks like success.
    """

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if req.get_method() == "GET" and urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None


_OPENER = build_opener(_SameServer)


@dataclass(frozen=True, slots=True)
class Api:
    """An API, and who calls it.

    Attributes:
        name: what people call it.
        url: its address.
        headers: what signs each request in.
    """

    name: str
    url: str
    headers: Mapping[str, str]

    def listed(self, path: str, *, pages: int = PAGES, **query: str) -> Iterator[Json]:
        """Every item of a list that comes in pages, up to 50,000.

        Whether there is another page is in the header `Link`. GitLab may leave items out of a page that the caller may
        not see, so a short page is no sign of the last one.

        Args:
            path: the path below the address of the API.
            pages: how many pages to read at most.
            query: which items to list, and in which order.

        Raises:
            ApiFailed: a page cannot be read.
        """
        for page in range(1, pages + 1):
            asked = urlencode({**query, "per_page": PAGE, "page": page})
            items, links = self._answer("GET", f"{path}?{asked}")
            yield from items
            if 'rel="next"' not in links and (links or len(items) < PAGE):
                return

    def call(self, method: str, path: str, content: object = None) -> Json:
        """Call the API, up to three times while it does not answer.

        Args:
            method: the HTTP method.
            path: the path below the address of the API.
            content: what to send as JSON, if anything.

        Returns:
            The JSON that it answers.

        Raises:
            ApiFailed: it refuses the request, or does not answer.
        """
        return self._answer(method, path, content)[0]

    def _answer(self, method: str, path: str, content: object = None) -> tuple[Json, str]:
        """The JSON that it answers, and the links to other pages."""
        request = Request(  # noqa: S310 - the CI system names the address
            f"{self.url}/{path}",
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "reconciler", **self.headers},
        )
        attempt = 1
        while True:
            try:
                with _OPENER.open(request, timeout=TIMEOUT) as answer:
                    answered = answer.read(MAX_ANSWER + 1)
                    if len(answered) > MAX_ANSWER:
                        raise ApiFailed(f"{self.name} answers more than {MAX_ANSWER // 2**20} MiB")
                    return json.loads(answered), answer.headers.get("Link", "")
            except HTTPError as error:
                error.close()
                failure = ApiFailed(f"{self.name} answers {error.code}", error.code)
                if error.code < 500:
                    raise failure from error
            except (OSError, HTTPException, ValueError, RecursionError) as error:
                failure = ApiFailed(f"{self.name} cannot be reached ({type(error).__name__})")
            # A POST may have been carried out although no answer came, and a second comment would stay.
            if method == "POST" or attempt == ATTEMPTS:
                raise failure
            time.sleep(attempt)
            attempt += 1
