"""The part of GitHub's API that shows a plan, and tells of an apply: comments and issues, on loopback.

From GitHub's documentation ("REST API endpoints for issues") and what others have met:

- Issues are listed together with pull requests, which have the key `pull_request`; at most 100 a page.
- Where issues are turned off, the list is empty, and making one is a 410.
- A title has at most 256 characters, a text 65,536.
"""

import json
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
_ISSUE = re.compile(rf"/repos/{REPOSITORY}/issues(?:/(?P<number>\d+))?")
_PATH = re.compile(rf"/repos/{REPOSITORY}/issues/(?:(?P<number>\d+)/comments|comments/(?P<id>\d+))")


@dataclass
class Github:
    """What the server holds, and how it answers."""

    url: str = ""
    comments: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    read_only: bool = False
    issues: list[dict[str, Any]] = field(default_factory=list)  # those that have changed last are last
    no_issues: int | None = None  # the status for each issue that is to be made, changed or commented on
    failures: list[int] = field(default_factory=list)
    fails: str = ""  # what of a request that makes GitHub fail
    login: str | None = None
    pulls: list[dict[str, Any]] = field(default_factory=list)
    may_open: bool = True

    def add(self, body: str, *, login: str = "github-actions[bot]", kind: str = "Bot", number: int = 7) -> None:
        """Somebody comments."""
        id_ = len(self.comments) + 1
        page = f"https://github.com/{REPOSITORY}/pull/{number}#issuecomment-{id_}"
        user = {"login": login, "type": kind}
        self.comments.append({"id": id_, "number": number, "body": body, "user": user, "html_url": page})

    def add_issue(
        self, body: str, *, title: str = "", login: str = "github-actions[bot]", kind: str = "Bot", pull: bool = False
    ) -> dict[str, Any]:
        """Somebody opens an issue, or a pull request."""
        number = len(self.issues) + 100
        page = f"https://github.com/{REPOSITORY}/{'pull' if pull else 'issues'}/{number}"
        issue: dict[str, Any] = {
            "id": number + 5000, "number": number, "title": title, "body": body, "html_url": page,
            "state": "open", "state_reason": None, "user": {"login": login, "type": kind},
        }  # fmt: skip
        if pull:
            issue["pull_request"] = {"html_url": page}
        self.issues.append(issue)
        return issue

    def said(self, issue: dict[str, Any]) -> list[str]:
        """The comments on an issue."""
        return [comment["body"] for comment in self.comments if comment["number"] == issue["number"]]

    def answer(self, method: str, path: str, content: dict[str, Any]) -> tuple[int, object]:
        """The status and the body for a request that is signed in."""
        self.requests.append(f"{method} {path}")
        if self.failures:
            return self.failures.pop(0), {}
        if path == "/user":
            return (403, {}) if self.login is None else (200, {"login": self.login})
        if self.fails and self.fails in f"{method} {path} {json.dumps(content)}":
            return 502, {}
        address = urlsplit(path)
        issue = _ISSUE.fullmatch(address.path)
        if issue is not None:
            return self._issues(method, issue["number"], parse_qs(address.query), content)
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
            for issue_ in [each for each in self.issues if each["number"] == int(match["number"])]:
                if self.no_issues is not None:
                    return self.no_issues, {}
                self.issues.remove(issue_)
                self.issues.append(issue_)
            self.add(content["body"], number=int(match["number"]))
            return 201, self.comments[-1]
        comment = self.comments[int(match["id"]) - 1]
        comment["body"] = content["body"]
        return 200, comment

    def _issues(
        self, method: str, number: str | None, query: dict[str, list[str]], content: dict[str, Any]
    ) -> tuple[int, object]:
        if method == "GET":
            asked = {name: query.get(name, [""])[0] for name in ("state", "sort", "direction")}
            if asked != {"state": "open", "sort": "updated", "direction": "desc"}:
                return 422, {"message": "This stand-in lists issues in no other order"}
            there = [issue for issue in reversed(self.issues) if issue["state"] == "open"]
            size, page = min(int(query["per_page"][0]), 100), int(query["page"][0])
            return 200, there[size * (page - 1) : size * page]
        if self.no_issues is not None:
            return self.no_issues, {}
        if method == "POST":
            if len(content["title"]) > 256 or len(content["body"]) > 65_536:
                return 422, {"message": "Validation Failed"}
            made = self.add_issue(content["body"], title=content["title"])
            if self.login is not None:
                made["user"] = {"login": self.login, "type": "User"}
            return 201, made
        [issue] = [issue for issue in self.issues if issue["number"] == int(number or 0)]
        issue |= content
        return 200, issue

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
