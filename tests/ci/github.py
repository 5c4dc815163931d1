"""The part of GitHub's API that shows a plan: the comments of pull requests, on loopback."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.ci.loopback import serving

REPOSITORY = "OWNER/REPOSITORY"
TOKEN = "a-token"
_PATH = re.compile(rf"/repos/{REPOSITORY}/issues/(?:(?P<number>\d+)/comments|comments/(?P<id>\d+))")


@dataclass
class Github:
    """What the server holds, and how it answers."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    read_only: bool = False
    failures: list[int] = field(default_factory=list)
    login: str | None = None
    pulls: list[dict[str, Any]] = field(default_factory=list)
    may_open: bool = True

    def add(self, body: str, *, login: str = "github-actions[bot]", kind: str = "Bot", number: int = 7) -> None:
        """Somebody comments."""
        id_ = len(self.comments) + 1
        page = f"https://github.com/{REPOSITORY}/pull/{number}#issuecomment-{id_}"
        user = {"login": login, "type": kind}
        self.comments.append({"id": id_, "number": number, "body": body, "user": user, "html_url": page})

    def answer(self, method: str, path: str, content: dict[str, Any]) -> tuple[int, object]:
        """The status and the body for a request that is signed in."""
        self.requests.append(f"{method} {path}")
        if self.failures:
            return self.failures.pop(0), {}
        if path == "/user":
            return (403, {}) if self.login is None else (200, {"login": self.login})
        address = urlsplit(path)
        if address.path == f"/repos/{REPOSITORY}/pulls":
            return self._pulls(method, parse_qs(address.query), content)
        match = _PATH.fullmatch(address.path)
        if match is None:
            return 404, {}
        if method == "GET":
            query = parse_qs(address.query)
            size, page = int(query["per_page"][0]), int(query["page"][0])
            there = [comment for comment in self.comments if comment["number"] == int(match["number"])]
            return 200, there[size * (page - 1) : size * page]
        if self.read_only:
            return 403, {"message": "Resource not accessible by integration"}
        if len(content["body"]) > 65_536:
            return 422, {"message": "Validation Failed"}
        if method == "POST":
            self.add(content["body"], number=int(match["number"]))
            return 201, self.comments[-1]
        comment = self.comments[int(match["id"]) - 1]
        comment["body"] = content["body"]
        return 200, comment

    def _pulls(self, method: str, query: dict[str, list[str]], content: dict[str, Any]) -> tuple[int, object]:
        """Pull requests are listed by their branch, and opened; a branch has one that is open."""
        there = [pull for pull in self.pulls if pull["state"] == "open"]
        if method == "GET":
            return 200, [pull for pull in there if query["head"] == [f"OWNER:{pull['head']}"]]
        if not self.may_open:
            return 403, {"message": "GitHub Actions is not permitted to create or approve pull requests."}
        taken = content["head"] in [pull["head"] for pull in there]
        if taken or len(content["title"]) > 256 or len(content["body"].encode("utf-16-le")) > 2 * 65_536:
            return 422, {"message": "Validation Failed"}
        login = self.login or "github-actions[bot]"
        self.pulls.append({**content, "number": len(self.pulls) + 8, "state": "open", "user": {"login": login}})
        return 201, self.pulls[-1]


@contextmanager
def github() -> Iterator[Github]:
    """Run the server."""
    state = Github()

    def answer(method: str, path: str, headers: Message, content: dict[str, Any]) -> tuple[int, object]:
        signed_in = headers.get("Authorization") == f"Bearer {TOKEN}"
        return state.answer(method, path, content) if signed_in else (401, {})

    with serving(answer) as state.url:
        yield state
