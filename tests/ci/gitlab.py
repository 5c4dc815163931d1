"""A GitLab on loopback: the part of its API that shows a plan, and its repositories over HTTP.

It answers in the shapes in which gitlab.com has been recorded (`shapes.py`), which is checked of every answer, and
refuses what GitLab refuses. From the documentation and the source of GitLab (gitlab.com/gitlab-org/gitlab, mirrored as
github.com/gitlabhq/gitlabhq):

- `doc/api/notes.md`, "Merge requests": the paths, the fields of a note, and its limit of 1,000,000 characters. Notes
  come newest first.
- `lib/api/notes.rb`: a page is filled first, and then loses the notes that the caller may not read. So there may be
  fewer than `per_page` on a page that is not the last.
- `lib/api/helpers/notes_helpers.rb`: a note that is not valid is a 400 with what is wrong with it; only its author (or
  a maintainer) may change a note.
- `doc/api/issues.md`: an issue is made of a `title` and a `description`, has an `iid`, is `opened` or `closed`, is
  closed by `state_event`, and is listed by `state` and `author_id`.
- `doc/api/rest/_index.md`, "Pagination": `per_page` is 20 unless given, and 100 at most; `Link` and `x-next-page`.
- `doc/api/rest/authentication.md`: 401 and its body without a good token, 403 `insufficient_scope` for a token that
  may do less.
- `doc/api/rest/troubleshooting.md`: the other status codes.
- `doc/user/project/settings/project_access_tokens.md`: any user name goes with a token in git.
- `lib/api/api_guard.rb`: what a token is told that has expired.
- `lib/api/helpers/rate_limiter.rb`: what whoever makes too many notes is told.
- `lib/gitlab/pagination/offset_header_builder.rb`: the headers of a page.
- `app/controllers/repositories/git_http_client_controller.rb`: what git is told without a good token.
- `doc/ci/jobs/ci_job_token.md`: the token of a job signs in as `gitlab-ci-token`, and may not push unless the project
  lets it.
"""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.ci.loopback import handling
from tests.ci.shapes import Exchange, problems_of_gitlab

NOTE_TOKEN, PUSH_TOKEN, JOB_TOKEN = "note-token", "push-token", "job-token"
READ_TOKEN, OLD_TOKEN = "a-token-that-may-only-read", "a-token-that-has-expired"
PROJECT, REQUEST = 3, 7
SITE = "https://gitlab.example.com"


def _user(id_: int, username: str, name: str) -> dict[str, Any]:
    return {
        "id": id_,
        "username": username,
        "public_email": None,
        "name": name,
        "state": "active",
        "locked": False,
        "avatar_url": f"{SITE}/uploads/-/system/user/avatar/{id_}/avatar.png",
        "web_url": f"{SITE}/{username}",
    }


SOMEBODY = _user(1, "pipin", "Pip")
BOT = _user(11, "project_3_bot_4ffca233d8298ea1", "reconciler") | {
    **dict.fromkeys(("bio", "job_title", "linkedin", "twitter", "discord", "website_url", "github"), ""),
    **dict.fromkeys(("location", "organization", "pronouns", "work_information", "local_time"), None),
    **dict.fromkeys(("last_sign_in_at", "current_sign_in_at", "theme_id"), None),
    **dict.fromkeys(("shared_runners_minutes_limit", "extra_shared_runners_minutes_limit"), None),
    **dict.fromkeys(("can_create_group", "can_create_project", "two_factor_enabled", "external"), False),
    "bot": True,
    "color_scheme_id": 1,
    "created_at": "2026-01-02T08:57:14.000Z",
    "confirmed_at": "2026-01-02T08:57:14.000Z",
    "last_activity_on": "2026-01-03",
    "email": "project_3_bot_4ffca233d8298ea1@noreply.gitlab.example.com",
    "commit_email": "project_3_bot_4ffca233d8298ea1@noreply.gitlab.example.com",
    "projects_limit": 0,
    "identities": [],
    "scim_identities": [],
    "private_profile": False,
}
"""The bot of the token, with all that it is told of itself."""


def _shown(body: Any) -> Any:
    """What is said, with no more about an author than is said of one."""
    if isinstance(body, list):
        return [_shown(each) for each in body]
    if isinstance(body, dict) and "author" in body:
        return body | {"author": {name: body["author"][name] for name in SOMEBODY}}
    return body


Answer = tuple[int, object, dict[str, str]]
UNAUTHORISED: Answer = (401, {"message": "401 Unauthorized"}, {})
EXPIRED = {
    "error": "invalid_token",
    "error_description": "Token is expired. You can either do re-authorization or token refresh.",
}
REFUSALS: dict[int, object] = {
    400: {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'},
    429: {"message": {"error": "This endpoint has been requested too many times. Try again later."}},
    500: {"message": "500 Internal Server Error"},
}
"""What is said when a note is not made, by status."""


@dataclass
class Gitlab:
    """What the server holds, and what it was asked."""

    repositories: Path
    url: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)  # oldest first
    hidden: set[int] = field(default_factory=set)  # notes that the caller may not read
    requests: list[str] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    refuses: int | None = None  # the status for each note that is to be made
    public: bool = False
    exchanges: list[Exchange] = field(default_factory=list)  # requests to the API, with what it has answered
    git_requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # with their headers

    def add(self, body: str, author: dict[str, Any] = SOMEBODY) -> dict[str, Any]:
        """Somebody comments."""
        note = {
            "id": len(self.notes) + 300,
            "type": None,
            "body": body,
            "attachment": None,
            "author": author,
            "created_at": "2026-01-02T08:57:14.000Z",
            "updated_at": "2026-01-02T08:57:14.000Z",
            "system": False,
            "noteable_id": 2,
            "noteable_type": "MergeRequest",
            "project_id": PROJECT,
            "noteable_iid": REQUEST,
            "resolvable": False,
            "confidential": False,
            "internal": False,
            "imported": False,
            "imported_from": "none",
            "commands_changes": {},
        }
        self.notes.append(note)
        return note

    def bodies(self) -> list[str]:
        """The notes of ours."""
        return [note["body"] for note in self.notes if note["author"] is BOT]

    def answer(self, method: str, path: str, token: str, content: dict[str, Any]) -> Answer:
        """The API, below `/api/v4`."""
        address = urlsplit(path)
        if token == OLD_TOKEN:
            return 401, EXPIRED, {}
        if token not in {NOTE_TOKEN, READ_TOKEN}:
            return UNAUTHORISED
        if method != "GET" and token == READ_TOKEN:
            text = "The request requires higher privileges than provided by the access token."
            return 403, {"error": "insufficient_scope", "error_description": text, "scope": "api"}, {}
        if address.path == "/user":
            return 200, BOT, {}
        if issues := re.fullmatch(rf"/projects/{PROJECT}/issues(?:/(\d+)(/notes)?)?", address.path):
            if self.refuses is not None:
                return self.refuses, {"message": f"{self.refuses} refused"}, {}
            return self._issues(method, parse_qs(address.query), int(issues[1] or 0), issues[2], content)
        match = re.fullmatch(r"/projects/(\d+)/merge_requests/(\d+)/notes(?:/(\d+))?", address.path)
        if match is None or int(match[1]) != PROJECT:
            return 404, {"message": "404 Project Not Found"}, {}
        if int(match[2]) != REQUEST:
            return 404, {"message": "404 MergeRequest Not Found"}, {}
        if method == "GET":
            return self._list(address.path, parse_qs(address.query))
        if self.refuses is not None:
            return self.refuses, REFUSALS[self.refuses], {}
        return self._write(method, int(match[3] or 0), content)

    def add_issue(self, title: str, description: str, author: dict[str, Any] = SOMEBODY) -> dict[str, Any]:
        """Somebody opens an issue."""
        iid = len(self.issues) + 1
        issue = {
            "id": iid + 70, "iid": iid, "project_id": PROJECT, "title": title, "description": description,
            "state": "opened", "author": author, "web_url": f"https://gitlab.example.com/group/project/-/issues/{iid}",
            "said": [],
        }  # fmt: skip
        self.issues.append(issue)
        return issue

    def _issues(
        self, method: str, query: dict[str, list[str]], iid: int, notes: str | None, content: dict[str, Any]
    ) -> Answer:
        if method == "GET":
            asked = {name: query.get(name, [""])[0] for name in ("scope", "order_by", "sort")}
            if asked != {"scope": "all", "order_by": "updated_at", "sort": "desc"}:
                return 400, {"error": "this stand-in lists issues in no other order"}, {}
            state, author = query["state"][0], int(query["author_id"][0])
            there = [issue for issue in self.issues if issue["state"] == state and issue["author"]["id"] == author]
            return 200, list(reversed(there)), {}
        if not iid:
            return 201, self.add_issue(content["title"], content["description"], BOT), {}
        [issue] = [issue for issue in self.issues if issue["iid"] == iid]
        if notes:
            issue["said"].append(content["body"])
            return 201, {"id": 1, "body": content["body"]}, {}
        if content != {"state_event": "close"}:
            return 400, {"error": "state_event does not have a valid value"}, {}
        issue["state"] = "closed"
        return 200, issue, {}

    def _list(self, path: str, query: dict[str, list[str]]) -> Answer:
        size, page = min(int(query.get("per_page", ["20"])[0]), 100), int(query.get("page", ["1"])[0])
        pages = max(1, -(-len(self.notes) // size))
        found = [*reversed(self.notes)][size * (page - 1) : size * page]
        links = {"prev": page - 1} if page > 1 else {}
        links |= {"next": page + 1} if page < pages else {}
        links |= {"first": 1, "last": pages}
        asked = {"activity_filter": "all_notes", "id": PROJECT, "noteable_id": REQUEST, "order_by": "created_at"}
        headers = {
            "Link": ", ".join(
                f"<{self.url}/api/v4{path}?"
                + urlencode({**asked, "page": number, "per_page": size, "sort": "desc"})
                + f'>; rel="{name}"'
                for name, number in links.items()
            ),
            "X-Next-Page": str(links.get("next", "")),
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Prev-Page": str(links.get("prev", "")),
            "X-Total": str(len(self.notes)),
            "X-Total-Pages": str(pages),
        }
        return 200, [note for note in found if note["id"] not in self.hidden], headers

    def _write(self, method: str, id_: int, content: dict[str, Any]) -> Answer:
        if "body" not in content:
            return 400, {"error": "body is missing"}, {}
        if len(content["body"]) > 1_000_000:
            text = '400 Bad request - Note {:note=>["is too long (maximum is 1000000 characters)"]}'
            return 400, {"message": text}, {}
        if method == "POST":
            return 201, self.add(content["body"], BOT), {}
        note = next((note for note in self.notes if note["id"] == id_), None)
        if note is None:
            return 404, {"message": "404 Not found"}, {}
        if note["author"] is not BOT:
            return 403, {"message": "403 Forbidden"}, {}
        note["body"] = content["body"]
        return 200, note, {}

    def may(self, authorisation: str, path: str, query: str) -> bool:
        """Whether whoever signs in like this may read from, or push to, a repository."""
        user, _, password = base64.b64decode(authorisation.removeprefix("Basic ").encode()).decode().partition(":")
        pushing = "git-receive-pack" in path + query
        if password == PUSH_TOKEN and user:
            return True
        if (user, password) == ("gitlab-ci-token", JOB_TOKEN):
            return not pushing and path.startswith(("/group/", "/fork/"))
        return False


@contextmanager
def gitlab(repositories: Path) -> Iterator[Gitlab]:
    """Run the server.

    Args:
        repositories: a folder with bare repositories, at their paths.
    """
    state = Gitlab(repositories)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            address = urlsplit(self.path)
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.requests.append(f"{self.command} {self.path}")
            if not address.path.startswith("/api/v4/"):
                state.git_requests.append((f"{self.command} {self.path}", dict(self.headers)))
                self._git(address.path, address.query, given)
                return
            content = json.loads(given or b"{}") if self.headers.get("Content-Type") == "application/json" else {}
            token = self.headers.get("PRIVATE-TOKEN", "")
            status, body, headers = state.answer(self.command, self.path.removeprefix("/api/v4"), token, content)
            encoded = json.dumps(_shown(body)).encode()
            exchange = Exchange(
                self.command, self.path, dict(self.headers), content or None, status, headers, json.loads(encoded)
            )
            state.exchanges.append(exchange)
            self._send(status, {"Content-Type": "application/json", **headers}, encoded)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - named by http.server

        def _git(self, path: str, query: str, given: bytes) -> None:
            authorisation = self.headers.get("Authorization", "").replace("basic ", "Basic ")
            reading = state.public and "receive-pack" not in path + query
            if not reading and not (authorisation and state.may(authorisation, path, query)):
                self._send(401, {"WWW-Authenticate": 'Basic realm="GitLab"'}, b"HTTP Basic: Access denied.")
                return
            done = subprocess.run(
                ["git", "-c", "receive.advertisePushOptions=true", "http-backend"],
                input=given,
                capture_output=True,
                check=True,
                env=dict(os.environ)
                | {
                    "GIT_PROJECT_ROOT": str(state.repositories),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "REMOTE_USER": "somebody",
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                    "CONTENT_LENGTH": str(len(given)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                },
            )
            head, _, body = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self._send(int(headers.pop("Status", "200").split()[0]), headers, body)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with handling(Handler) as state.url:
        yield state
    assert [problem for exchange in state.exchanges for problem in problems_of_gitlab(exchange)] == []
