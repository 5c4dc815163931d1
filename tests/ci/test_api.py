"""An API that sends its callers elsewhere, answers what is no answer, or does not come to an end."""

from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from reconciler.ci import api as module
from reconciler.ci import us
from reconciler.ci.api import Api, ApiFailed
from reconciler.ci.pulls import Pulls
from tests.ci.github import TOKEN
from tests.ci.loopback import Answered, handling, serving


def test_the_token_goes_to_no_other_server() -> None:
    heard: list[str] = []

    def other(_method: str, path: str, headers: Message, _content: dict[str, Any]) -> Answered:
        heard.append(f"{path} {headers.get('Authorization')}")
        return 200, {"login": "mallory"}

    with serving(other) as elsewhere:

        def answer(_method: str, path: str, _headers: Message, _content: dict[str, Any]) -> Answered:
            return 302, {}, {"Location": f"{elsewhere}{path}"}

        with serving(answer) as url, pytest.raises(ApiFailed, match=r"^GitHub answers 302$"):
            us.github(url, TOKEN).call("GET", "user")
    assert heard == []


def test_a_repository_that_was_renamed_is_found_where_it_is() -> None:
    def answer(_method: str, path: str, headers: Message, _content: dict[str, Any]) -> Answered:
        if path == "/repos/old":
            return 301, {}, {"Location": "/repositories/1"}
        return 200, {"path": path, "signed in": headers.get("Authorization") is not None}

    with serving(answer) as url:
        assert us.github(url, TOKEN).call("GET", "repos/old") == {"path": "/repositories/1", "signed in": True}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_was_not_done_because_it_has_moved_is_not_taken_for_done(method: str, status: int) -> None:
    asked: list[str] = []

    def answer(method: str, path: str, _headers: Message, _content: dict[str, Any]) -> Answered:
        asked.append(f"{method} {path}")
        return (200, []) if method == "GET" else (status, {}, {"Location": "/elsewhere"})

    with serving(answer) as url, pytest.raises(ApiFailed, match=f"^GitHub answers {status}$"):
        us.github(url, TOKEN).call(method, "repos/old", {"body": "x"})
    assert asked == [f"{method} /repos/old"]


def raw(content: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@pytest.mark.parametrize(
    ("content", "says"), [(b"[" * 100_000, "(RecursionError)"), (b"<html>", "(JSONDecodeError)"), (b"", "Error)")]
)
def test_what_is_no_answer_is_a_failure(content: bytes, says: str) -> None:
    with handling(raw(content)) as url, pytest.raises(ApiFailed) as failed:
        Api("GitHub", url, {}).call("POST", "x")
    assert says in str(failed.value)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 2**20)
    with handling(raw(b" " * 2**21)) as url, pytest.raises(ApiFailed, match=r"^GitHub answers more than 1 MiB$"):
        Api("GitHub", url, {}).call("POST", "x")


@pytest.mark.parametrize("nonsense", [{"message": "x"}, ["x"], "x", 1, [[]], [{"number": None}]])
def test_what_is_no_pull_request_is_a_failure(nonsense: object) -> None:
    with serving(lambda *_: (200, nonsense)) as url:
        pulls = Pulls(url, "OWNER/REPOSITORY", TOKEN)
        with pytest.raises(ApiFailed, match="something else than a pull request"):
            pulls.find("a")
        with pytest.raises(ApiFailed, match="something else than a pull request"):
            pulls.open("a", "main", "title", "body")
