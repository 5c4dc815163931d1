"""What happens at an endpoint that is not AWS is not taken for what happens on AWS."""

import json
import os
import sys
from pathlib import Path

import pytest

from reconciler import load_state
from reconciler.sandbox import Sandbox
from tests.command_line import NOBODY, PROGRAM, Reconciler, banning, in_a_process, write_a_state

HERE = [sys.executable, "-m", "reconciler"]


@pytest.fixture(params=["variable of the service", "variable", "profile", "services", "option"])
def elsewhere(request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A sandbox that is called in each of the ways in which it can be named."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_IVSCHAT")
    config = tmp_path / "config"
    match request.param:
        case "variable of the service":
            monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        case "variable":
            monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
        case "profile":
            config.write_text(f"[default]\nendpoint_url = {sandbox.url}\n")
        case "services":
            config.write_text(
                f"[default]\nservices = here\n[services here]\nivschat =\n  endpoint_url = {sandbox.url}\n"
            )
        case "option":
            monkeypatch.setenv("RECONCILER_ENDPOINT_URL", sandbox.url)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    return sandbox.url


def test_the_question_and_the_foot_of_the_plan_name_an_endpoint_that_is_not_aws(
    reconciler: Reconciler, elsewhere: str
) -> None:
    asked = reconciler("apply", typed="no\n")
    assert asked.out.endswith(
        f"""
1 DisconnectUser call.
The calls go to {elsewhere}, which is not AWS.

Disconnect these users at {elsewhere}, which is not AWS, and record it? Only `yes` goes ahead: \
Apply cancelled. Nothing was done.
"""
    )


def test_a_rehearsal_never_gets_into_the_state_of_aws(reconciler: Reconciler, elsewhere: str, sandbox: Sandbox) -> None:
    write_a_state()
    before = Path("bans.state.json").read_bytes()
    reconciler("plan", "--out", "plan.json")
    for arguments in (["--auto-approve"], ["plan.json"]):
        refused = reconciler("apply", *arguments)
        assert refused.code == 1
        assert refused.err == (
            f"Error: bans.state.json records what was done on AWS, and this run calls {elsewhere}. Rehearse with"
            " another state, such as --state rehearsal.state.json. To apply on AWS, do without --endpoint-url,"
            " AWS_ENDPOINT_URL… and an endpoint_url in the AWS configuration. Nothing was done.\n"
        )
    assert sandbox.requests == ()
    assert Path("bans.state.json").read_bytes() == before
    assert reconciler("apply", "--auto-approve", "--state", "rehearsal.state.json").code == 0
    assert load_state("rehearsal.state.json").endpoint == elsewhere


def test_changes_without_a_call_are_kept_apart_too(reconciler: Reconciler, elsewhere: str) -> None:
    write_a_state()
    imported = reconciler("import", "--auto-approve")
    Path("bans.yaml").write_text(NOBODY)
    if imported.code == 0:  # a configuration file is read only by what calls
        lifted = reconciler("apply", "--auto-approve")
        assert "records what was done on AWS, and this run calls" in lifted.err
        assert len(load_state("bans.state.json").records) == 1
    else:
        assert "records what was done on AWS, and this run calls" in imported.err


def test_a_state_of_a_rehearsal_is_not_taken_for_one_of_aws(
    reconciler: Reconciler, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_a_state("http://127.0.0.1:9")
    planned = reconciler("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.out.startswith(
        "bans.state.json records a rehearsal against http://127.0.0.1:9, not on AWS. It does not tell who has been"
        " disconnected on AWS. An apply on AWS is refused: name the state of AWS with --state.\n\n  + lobby/ABC123"
    )
    refused = reconciler("apply", "--auto-approve")
    assert refused.code == 1
    assert "records a rehearsal against http://127.0.0.1:9, not on AWS, and this run calls AWS." in refused.err
    assert refused.err.endswith("give --endpoint-url. Nothing was done.\n")


def test_the_port_of_a_sandbox_may_change(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write_a_state("http://127.0.0.1:9")
    assert reconciler("apply", "--auto-approve").code == 0
    assert load_state("bans.state.json").endpoint == sandbox.url


def test_a_plan_says_that_applying_it_here_would_be_refused(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_a_state()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:secret@127.0.0.1:9")
    said = "An apply is refused. bans.state.json records what was done on AWS, and this run calls http://127.0.0.1:9."
    assert reconciler("plan").out.startswith(said)
    notices = json.loads(reconciler("plan", "--format", "json").out)["notices"]
    assert notices[0].startswith(said)
    assert notices[1:] == ["The calls go to http://127.0.0.1:9, which is not AWS."]
    comment = reconciler("plan", "--format", "markdown").out
    assert "\n> [!WARNING]\n> An apply is refused. `bans.state.json` records what was done on AWS" in comment
    assert "secret" not in comment


def test_programs_are_told_the_endpoint(reconciler: Reconciler, sandbox: Sandbox) -> None:
    start = json.loads(reconciler("apply", "--auto-approve", "--format", "json").out.splitlines()[0])
    assert (start["type"], start["endpoint"]) == ("apply_start", sandbox.url)
    planned = json.loads(reconciler("plan", "--format", "json").out)
    assert planned["state"]["endpoint"] == sandbox.url
    assert json.loads(reconciler("state", "pull").out)["endpoint"] == sandbox.url
    reconciler("state", "rm", "lobby/ABC123def456")
    assert load_state("bans.state.json").endpoint == sandbox.url


def test_what_is_imported_in_a_rehearsal_is_of_the_rehearsal(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("import", "--auto-approve").code == 0
    assert load_state("bans.state.json").endpoint == sandbox.url


# The sandbox around a command


def test_a_command_in_the_sandbox_works_on_a_copy_that_it_may_use(folder: Path) -> None:
    write_a_state()
    before = Path("bans.state.json").read_bytes()
    in_a_process("plan", "--out", "plan.json")
    for arguments in (["--auto-approve"], ["plan.json"]):
        result = in_a_process("sandbox", "--", *PROGRAM, "apply", *arguments)
        assert "Apply complete: 1 banned" in result.stdout, result.stderr
    assert Path("bans.state.json").read_bytes() == before


def test_a_command_in_the_sandbox_does_not_work_on_a_state_of_aws(folder: Path) -> None:
    write_a_state()
    environment = os.environ | {"RECONCILER_STATE": "bans.state.json"}
    refused = in_a_process("sandbox", "--", *HERE, "apply", "--auto-approve", env=environment)
    assert refused.returncode == 1
    assert refused.stderr == (
        "Error: bans.state.json records what was done on AWS, and what happens in the sandbox must not get into it."
        " Without --state and RECONCILER_STATE, the command works on a copy of the list's state. Or name another state,"
        " such as --state rehearsal.state.json.\n"
    )
    rehearsal = ["sandbox", "--state", "rehearsal.state.json", "--", *HERE, "apply", "--auto-approve"]
    assert "Apply complete: 1 banned" in in_a_process(*rehearsal).stdout
    assert (load_state("rehearsal.state.json").endpoint or "").startswith("http://127.0.0.1:")
    assert "No changes." in in_a_process(*rehearsal).stdout


def test_a_copy_that_was_tried_on_cannot_be_pushed_as_the_state(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("a"))
    write_a_state()
    copy_it = f'{" ".join(HERE)} apply --auto-approve && cp "$RECONCILER_STATE" tried.json'
    assert in_a_process("sandbox", "--", "sh", "-c", copy_it).returncode == 0
    refused = in_a_process("state", "push", "tried.json")
    assert refused.returncode == 1
    assert "The two do not go into one state." in refused.stderr
