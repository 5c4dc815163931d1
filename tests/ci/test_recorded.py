"""GitLab is asked as recorded, and answers in recorded shapes.

What of this is real: the shapes of the answers are those of gitlab.com, recorded by somebody else's client, which
`shapes.py` names. Our own requests have not been recorded from gitlab.com: no test has a token for it. They are
recorded from a run against the stand-in, compared with `doc/api/notes.md` and `lib/api/notes.rb` of GitLab, and held as
they are.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github import Github
from tests.ci.gitlab import SITE
from tests.ci.recording import CASES, MARKER, RECORDED, record, record_git, replaying, show
from tests.ci.shapes import Exchange, problems, problems_of_gitlab

WHOLE: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))
NOTE = next(iter(WHOLE["cases"].values()))[-1]["answer"]["body"]


@pytest.mark.parametrize("name", CASES)
def test_gitlab_is_asked_as_recorded(name: str, tmp_path: Path) -> None:
    """A change of ours shows here. Compare it with GitLab's documentation, then `python -m tests.ci.recording`."""
    assert record(CASES[name], tmp_path) == WHOLE["cases"][name]


@pytest.mark.parametrize("name", CASES)
def test_the_step_gets_along_with_the_recorded_answers_and_asks_for_nothing_else(name: str, tmp_path: Path) -> None:
    exchanges = WHOLE["cases"][name]
    with replaying(exchanges) as replay:
        shown = show(CASES[name], replay.url, tmp_path)
    assert (replay.unexpected, replay.left) == ([], [])
    refused = exchanges[-1]["answer"]["status"] >= 400
    assert shown.report.startswith(MARKER) is refused
    assert ("it cannot be a note" in shown.log) is refused


@pytest.mark.parametrize(
    ("part", "value"),
    [("method", "PUT"), ("path", "/api/v4/user?page=1"), ("headers", {"user-agent": "another"}), ("body", {})],
)
def test_a_request_that_was_not_recorded_gets_no_answer(part: str, value: object, tmp_path: Path) -> None:
    first, *others = WHOLE["cases"]["the first plan"]
    changed = {**first, "request": {**first["request"], part: value}}
    with replaying([changed, *others]) as replay:
        shown = show(CASES["the first plan"], replay.url, tmp_path)
    assert replay.unexpected == [first["request"]]
    assert "GitLab answers 418" in shown.log


def test_git_is_asked_as_recorded(tmp_path: Path) -> None:
    """The requests are those of git-http-protocol; whose they are is ours: the owner of the token that may push."""
    assert record_git(tmp_path) == WHOLE["git"]


@pytest.mark.parametrize("name", CASES)
def test_the_recorded_answers_have_the_shapes_of_gitlab(name: str) -> None:
    for one in WHOLE["cases"][name]:
        asked, answer = one["request"], one["answer"]
        exchange = Exchange(
            asked["method"], asked["path"], asked["headers"], asked["body"],
            answer["status"], answer["headers"], answer["body"],
        )  # fmt: skip
        assert problems_of_gitlab(exchange) == []


@pytest.mark.parametrize(
    "change",
    [
        {"id": "300"},
        {"body": None},
        {"author": {"id": 11}},
        {"created_at": "2026-01-02T08:57:14Z"},
        {"noteable_type": "Issue"},
        {"something_else": 1},
    ],
)
def test_a_note_in_another_shape_does_not_fit(change: dict[str, object]) -> None:
    assert problems("gitlab-note", NOTE) == []
    assert problems("gitlab-note", NOTE | change)
    assert problems("gitlab-note", {name: value for name, value in NOTE.items() if name not in change} | {"x": 1})


def exchange(
    method: str = "GET", *, path: str = "/notes", status: int = 200, body: object = (), **headers: str
) -> Exchange:
    """An exchange about the notes of a merge request."""
    whole = f"/api/v4/projects/3/merge_requests/7{path}"
    page = {
        "Link": f'<{SITE}?page=1>; rel="first", <{SITE}?page=1>; rel="last"', "X-Next-Page": "", "X-Page": "1",
        "X-Per-Page": "100", "X-Prev-Page": "",
    }  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(method, whole, {}, None, status, page | named, list(body) if body == () else body)


@pytest.mark.parametrize(
    "wrong",
    [
        exchange("DELETE", path="/notes/1"),
        exchange(path="/discussions"),
        exchange(status=201),
        exchange(body={}),
        exchange(status=404, body={"status": 404}),
        exchange(Link=f'<{SITE}?page=1>; rel="first"', X_Next_Page="2"),
        exchange(Link=f"<{SITE}>; rel=next"),
        exchange(X_Per_Page="101"),
    ],
)
def test_an_exchange_that_gitlab_does_not_have_is_found(wrong: Exchange) -> None:
    assert problems_of_gitlab(exchange()) == []
    assert problems_of_gitlab(wrong)


# GitHub


def test_the_comments_of_the_other_stand_in_have_the_shape_of_github() -> None:
    server = Github()
    server.add("Somebody's.", login="somebody", kind="User")
    server.add("Ours.")
    for comment in server.comments:
        shown = {name: value for name, value in comment.items() if name != "number"}  # which is for the stand-in itself
        assert problems("github-comment", shown) == []


def test_an_event_in_another_shape_does_not_fit() -> None:
    head = {"ref": "ban-zed", "sha": "0" * 40}
    event = {
        "action": "opened", "number": 7, "pull_request": {"number": 7, "head": head, "base": {"ref": "main"}},
    }  # fmt: skip
    assert problems("github-pull_request", event) == []
    assert problems("github-pull_request", event | {"action": "closed"})
    assert problems("github-pull_request", event | {"pull_request": {"number": 7, "head": {"ref": "ban-zed"}}})
    assert problems("github-schedule", {"schedule": "17 4 * * *", "repository": {"default_branch": "main"}})
