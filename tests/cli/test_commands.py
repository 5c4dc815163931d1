"""The commands as people use them: what they print, how they exit, and what they leave on disk."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler import __version__, load_state
from reconciler.sandbox import Sandbox
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from tests.command_line import AWS_ARN, AWS_EXAMPLE, NOBODY, Reconciler, banning

# The main job


def test_the_example_of_aws_from_the_list_to_the_state_and_back(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("validate").out == "bans.yaml is valid: 1 ban, of 1 user in 1 room.\n"

    planned = reconciler("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.out == (
        """\
  + lobby/ABC123def456   disconnect   "Violated terms of service"

Plan: 1 to ban, 0 to update, 0 to lift.
1 DisconnectUser call, about 1 s at 100 calls/s.
"""
    )

    applied = reconciler("apply", "--auto-approve")
    assert applied.code == 0
    assert applied.out.endswith("\nApply complete: 1 banned, 0 updated, 0 lifted.\n")
    assert [(request.operation, request.params) for request in sandbox.requests] == [
        ("DisconnectUser", {"roomIdentifier": AWS_ARN, "userId": "ABC123def456", "reason": "Violated terms of service"})
    ]

    again = reconciler("plan", "--detailed-exitcode")
    assert (again.code, again.out) == (0, "No changes. The state matches bans.yaml.\n")
    assert reconciler("apply", "--auto-approve").out == "No changes. The state matches bans.yaml.\n"

    Path("bans.yaml").write_text(NOBODY)
    removed = reconciler("plan")
    assert removed.out == (
        """\
  - lobby/ABC123def456   lift         removed from bans.yaml

Plan: 0 to ban, 0 to update, 1 to lift.
No DisconnectUser calls.
"""
    )
    lifted = reconciler("apply", "--auto-approve")
    assert lifted.out.endswith("\nApply complete: 0 banned, 0 updated, 1 lifted.\n")
    assert len(sandbox.requests) == 1
    assert reconciler("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("written", "user_id"),
    [
        ("00123", "00123"),
        ("1e5", "1e5"),
        ("0x1F", "0x1F"),
        ("no", "no"),
        ("2026-01-01", "2026-01-01"),
        ("'~'", "~"),
        ("😀" * 128, "😀" * 128),
        ('"a \'b\' \\"c\\" /d\\\\ e"', "a 'b' \"c\" /d\\ e"),
    ],
)
def test_user_ids_reach_the_service_as_they_are_written(
    reconciler: Reconciler, sandbox: Sandbox, written: str, user_id: str
) -> None:
    Path("bans.yaml").write_text(banning(written))
    assert reconciler("apply", "--auto-approve").code == 0
    assert sandbox.disconnected == ((AWS_ARN, user_id),)
    assert reconciler("plan", "--detailed-exitcode").code == 0


# Asking


def test_only_yes_goes_ahead(reconciler: Reconciler, sandbox: Sandbox) -> None:
    for answer in ("no\n", "y\n", "YES\n", "\n", ""):
        result = reconciler("apply", typed=answer)
        assert result.code == 1
        assert result.out.endswith("Apply cancelled. Nothing was done.\n")
    assert sandbox.requests == ()
    assert not Path("bans.state.json").exists()
    assert reconciler("apply", typed="yes\n").code == 0
    assert len(sandbox.requests) == 1


def test_without_a_terminal_to_ask_on_apply_ends_at_once(reconciler: Reconciler, sandbox: Sandbox) -> None:
    result = reconciler("apply")
    assert result.code == 1
    assert "there is no terminal to ask on; give a PLAN or --auto-approve" in result.err
    assert result.out == ""
    assert sandbox.requests == ()


# Saved plans


def test_a_saved_plan_is_applied_without_asking(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    shown = reconciler("show", "plan.json")
    assert shown.out == reconciler("plan").out
    assert reconciler("apply", "plan.json").code == 0
    assert len(sandbox.requests) == 1


def test_a_saved_plan_knows_its_list_and_its_state(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").rename("other.yaml")
    assert reconciler("plan", "-f", "other.yaml", "--state", "s.json", "--out", "plan.json").code == 0
    assert reconciler("apply", "plan.json").code == 0
    assert len(load_state("s.json").records) == 1


def test_a_plan_that_was_applied_is_stale(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    reconciler("apply", "plan.json")
    again = reconciler("apply", "plan.json")
    assert again.code == 1
    assert "the state has changed since it was made (serial 0 then, 1 now)" in again.err
    assert len(sandbox.requests) == 1


def test_a_plan_is_stale_once_the_state_has_moved_on(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text(NOBODY)
    reconciler("plan", "--out", "plan.json")
    reconciler("apply", "plan.json")
    again = reconciler("apply", "plan.json")
    assert "the state has changed since it was made (serial 1 then, 2 now)" in again.err
    assert "Make a new plan" in again.err


def test_a_plan_is_stale_once_the_list_has_changed(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    Path("bans.yaml").write_text(AWS_EXAMPLE + "# a comment\n")
    result = reconciler("apply", "plan.json")
    assert result.code == 1
    assert "bans.yaml has changed since it was made" in result.err
    assert sandbox.requests == ()


def test_a_plan_that_somebody_edited_is_refused(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    saved = Path("plan.json").read_text()
    for edited in (
        saved.replace("ABC123def456", "somebody-else"),
        saved.replace("Violated terms", "Violated the terms"),
        saved.replace('"because": "new"', '"because": "requested"'),
        saved.replace('"location": "bans.state.json"', '"location": "elsewhere.json"'),
    ):
        assert edited != saved
        Path("plan.json").write_text(edited)
        result = reconciler("apply", "plan.json")
        assert result.code == 1
        assert "its content was changed since it was saved" in result.err
    assert sandbox.requests == ()


@pytest.mark.parametrize("content", [None, "", "{}", "garbage"])
def test_what_is_no_plan_is_said_so(reconciler: Reconciler, content: str | None) -> None:
    if content is not None:
        Path("plan.json").write_text(content)
    for command in ("apply", "show"):
        result = reconciler(command, "plan.json")
        assert result.code == 1
        assert "plan.json" in result.err


def test_json_of_a_plan_is_what_out_saves(reconciler: Reconciler) -> None:
    printed = reconciler("plan", "--format", "json", "--out", "plan.json").out
    strip = '"created_at"'
    assert printed == Path("plan.json").read_text()
    assert reconciler("show", "plan.json", "--format", "json").out == printed
    assert strip in printed


# Part of a plan, and more of it


def test_a_target_is_applied_alone(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", '"c d"'))
    assert reconciler("apply", "--auto-approve", "--target", "lobby/b").code == 0
    assert reconciler("apply", "--auto-approve", "--target", f'{AWS_ARN}/"c d"').code == 0  # as the plan shows it
    assert [user for _, user in sandbox.disconnected] == ["b", "c d"]


def test_targets_can_come_from_the_environment(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(banning("a", "b", '"c d"'))
    monkeypatch.setenv("RECONCILER_TARGET", "lobby/a\nlobby/c d")
    changes = json.loads(reconciler("plan", "--format", "json").out)["changes"]
    assert [change["user_id"] for change in changes] == ["a", "c d"]


def test_replace_disconnects_again(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    result = reconciler("apply", "--auto-approve", "--replace", "lobby/ABC123def456")
    assert result.out.endswith("Apply complete: 0 banned, 0 updated, 0 lifted, 1 repeated.\n")
    assert len(sandbox.requests) == 2


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--target", "lobby/nobody", "not a ban of the list, nor of the state"),
        ("--target", "lobbi/ABC123def456", 'there is no room "lobbi"'),
        ("--target", "ABC123def456", "an address is ROOM/USER_ID"),
        ("--replace", "lobby/nobody", "the list has no such ban in force"),
        ("--rate", "-1", "--rate"),
        ("--parallelism", "0", "--parallelism"),
        ("--state", "s3://bucket", "a state on S3 is s3://BUCKET/KEY"),
        ("--no-such-option", "x", "No such option"),
    ],
)
def test_wrong_usage_exits_with_1_and_does_nothing(
    reconciler: Reconciler, sandbox: Sandbox, option: str, value: str, why: str
) -> None:
    result = reconciler("apply", "--auto-approve", option, value)
    assert result.code == 1
    assert why in result.err
    assert sandbox.requests == ()


# Guardrails


def test_a_refused_plan_is_shown_and_neither_planned_nor_applied(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", extra="guardrails:\n  max_bans: 1\n"))
    planned = reconciler("plan", "--detailed-exitcode", "--out", "plan.json")
    assert planned.code == 1
    assert "  + lobby/a" in planned.out
    assert planned.out.endswith(
        """
Refused: it bans 2 times, and guardrails.max_bans is 1.
If this is meant, change guardrails.max_bans in bans.yaml, so that the exception is reviewed too.
"""
    )
    for arguments in (["--auto-approve"], ["plan.json"], ["--auto-approve", "--format", "json"]):
        applied = reconciler("apply", *arguments)
        assert applied.code == 1
        assert "guardrails.max_bans is 1" in applied.out + applied.err
    assert sandbox.requests == ()


# When something is wrong


def test_every_problem_of_the_list_is_reported_and_nothing_is_done(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(AWS_EXAMPLE + "  - user_id: \n    rooms: [loby]\n")
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        result = reconciler(*command)
        assert result.code == 1
        assert result.out == ""
        first, second, last = result.err.splitlines()
        assert first.startswith("bans.yaml:8:5: bans[1].user_id: has no value")
        assert second.startswith("bans.yaml:9:13: bans[1].rooms[0]: there is no room")
        assert last == "Error: bans.yaml has 2 problems. Nothing was done."
    assert sandbox.requests == ()


def test_a_missing_list_is_said_so(reconciler: Reconciler) -> None:
    result = reconciler("plan", "-f", "no\x1b[31m.yaml")
    assert result.code == 1
    assert r"Error: no\x1b[31m.yaml: there is no such file" in result.err


def test_a_damaged_state_stops_everything(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.state.json").write_text("{")
    for command in (["plan"], ["apply", "--auto-approve"], ["show"]):
        result = reconciler(*command)
        assert result.code == 1
        assert "bans.state.json is not a state file" in result.err
    assert sandbox.requests == ()
    assert Path("bans.state.json").read_text() == "{"


def test_one_failed_ban_fails_the_apply_and_the_next_one_goes_on(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "\nApply incomplete: 2 banned, 1 failed, 0 not started.\n" in result.out
    assert f"There is no room {AWS_ARN}x." in result.out
    sandbox.add_room(AWS_ARN + "x")
    assert reconciler("apply", "--auto-approve").code == 0
    assert [user for _, user in sandbox.disconnected] == ["a", "b", "c"]


def test_without_credentials_nothing_is_lost(reconciler: Reconciler) -> None:
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "Error: There are no AWS credentials." in result.err
    assert not Path("bans.state.json").exists()


def test_what_failed_for_good_ends_the_run_and_what_was_done_stays(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number}" for number in range(50))))
    sandbox.fault_next()
    reconciler("apply", "--auto-approve", "--target", "lobby/user7")
    sandbox.fault("expired")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "The AWS credentials have expired." in result.out
    assert "\nApply incomplete: 0 banned, 1 failed, 48 not started.\n" in result.out
    assert len(load_state("bans.state.json").records) == 1


def test_an_apply_can_be_followed_as_json_lines(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    result = reconciler("apply", "--auto-approve", "--format", "json")
    assert result.code == 1
    start, *events, summary = map(json.loads, result.out.splitlines())
    assert (start["type"], start["summary"]["ban"]) == ("apply_start", 2)
    assert sorted(event["type"] for event in events) == ["ban_complete", "ban_failed"]
    assert next(event["error"]["code"] for event in events if "error" in event) == "RoomNotFound"
    assert {event["format_version"] for event in (start, *events, summary)} == {1}
    assert summary == {
        "format_version": 1,
        "type": "summary",
        "banned": 1,
        "updated": 0,
        "lifted": 0,
        "repeated": 0,
        "failed": 1,
        "not_started": 0,
        "complete": False,
    }


# show


def test_show_says_who_is_banned(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("show").out == "0 bans in bans.state.json, serial 0.\n"
    reconciler("apply", "--auto-approve")
    shown = reconciler("show").out
    assert re.fullmatch(
        r'  lobby/ABC123def456   disconnected 20.* UTC   "Violated terms of service"', shown.splitlines()[0]
    )
    assert shown.endswith("\n1 ban in bans.state.json, serial 1.\n")
    assert reconciler("show", "--format", "json").out == Path("bans.state.json").read_text()


def test_show_works_without_a_usable_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").unlink()
    shown = reconciler("show", "--state", "bans.state.json")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


# The program as a whole


def run(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_version_and_help(reconciler: Reconciler) -> None:
    assert reconciler("--version").out == f"reconciler {__version__}\n"
    for command in ("validate", "plan", "apply", "show", "sandbox"):
        assert f"\n  {command} " in reconciler("--help").out
        assert reconciler(command, "--help").code == 0


def test_no_command_shows_the_help(reconciler: Reconciler) -> None:
    result = reconciler()
    assert result.code == 1
    assert "Usage: reconciler [OPTIONS] COMMAND" in result.err


def test_every_option_reads_an_environment_variable(reconciler: Reconciler) -> None:
    for command in ("validate", "plan", "apply", "show", "sandbox"):
        text = " ".join(reconciler(command, "--help").out.split())
        options = [word for word in text.split() if word.startswith("--") and word.strip("-,").isascii()]
        for option in {option.strip(",") for option in options} - {"--help", "--"}:
            if f" {option} " in text.split("Options:")[1]:
                assert f"RECONCILER_{option.removeprefix('--').replace('-', '_').upper()}" in text, option


def test_completion_is_offered_for_shells(folder: Path) -> None:
    environment = os.environ | {"_RECONCILER_COMPLETE": "bash_source"}
    assert "_RECONCILER_COMPLETE=bash_complete" in run(env=environment).stdout


def test_plan_neither_imports_boto3_nor_needs_a_network(folder: Path) -> None:
    code = (
        "import sys, socket\n"
        "def refuse(*_): raise AssertionError('the network was used')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "sys.argv = ['reconciler', 'plan']\n"
        "from reconciler.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as error:\n"
        "    slow = {'boto3', 'botocore', 'aiohttp', 'filelock', 'rich.console'} & set(sys.modules)\n"
        "    sys.exit(f'imported {slow}' if slow else error.code)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Plan: 1 to ban" in result.stdout


def test_output_that_nobody_reads_any_more_is_no_traceback(folder: Path) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number:06}" for number in range(5000))))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "plan"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_terminal_without_utf_8_shows_escapes(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("王"))
    result = run("plan", env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("  + lobby/\\u738b   disconnect\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_calls_in_flight_end_and_records_them(
    folder: Path, sandbox: Sandbox, number: signal.Signals, code: int
) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number}" for number in range(1000))))
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--rate", "20", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "ban_complete":
                process.send_signal(number)
                break
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == code
    summary = rest[-1]
    assert summary["banned"] + summary["not_started"] == 1000
    assert summary["banned"] == len(sandbox.disconnected) == len(load_state("bans.state.json").records)
    assert not Path("bans.state.json.journal").exists()


def test_kill_9_loses_nothing_that_was_reported(folder: Path, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number}" for number in range(1000))))
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(100)]
        process.kill()
        lines += process.stdout.readlines()
    reported = {json.loads(line)["user_id"] for line in lines if line.endswith("\n") and "ban_complete" in line}
    recorded = {key.user_id for key in load_state("bans.state.json").records}
    called = {user for _, user in sandbox.disconnected}
    assert reported <= recorded <= called
    assert len(called - recorded) <= 32  # no more than were in flight
    result = run("apply", "--auto-approve")
    assert result.returncode == 0, result.stderr
    assert len(load_state("bans.state.json").records) == 1000
    assert len(sandbox.disconnected) <= 1000 + 32


# sandbox


def test_the_sandbox_runs_a_command_and_shows_what_it_asked(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    result = run("sandbox", "--", *here, "apply", "--auto-approve")
    assert result.returncode == 0, result.stderr
    assert "Apply complete: 1 banned" in result.stdout
    assert result.stdout.endswith(
        "The sandbox was asked 1 time:\n"
        '  DisconnectUser in us-west-2   lobby/ABC123def456   reason="Violated terms of service"   → 200\n'
    )


def test_what_happens_in_the_sandbox_is_not_recorded_as_done(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    result = run("sandbox", "--", *here, "apply", "--auto-approve")
    assert "worked on a copy of the state, and nothing is recorded in bans.state.json." in result.stderr
    assert not Path("bans.state.json").exists()
    assert run("import", "--auto-approve").returncode == 0
    before = Path("bans.state.json").read_bytes()
    assert "No changes." in run("sandbox", "--", *here, "plan").stdout  # the copy begins as the state is
    Path("bans.yaml").write_text(banning("a"))
    assert (
        "Apply complete: 1 banned, 0 updated, 1 lifted."
        in run("sandbox", "--", *here, "apply", "--auto-approve").stdout
    )
    assert Path("bans.state.json").read_bytes() == before


def test_a_state_that_is_named_is_used_in_the_sandbox_too(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    environment = os.environ | {"RECONCILER_STATE": "tried.json"}
    result = run("sandbox", "--", *here, "apply", "--auto-approve", env=environment)
    assert "copy of the state" not in result.stderr
    assert len(load_state("tried.json").records) == 1


def test_a_list_with_its_state_on_s3_can_be_tried_in_the_sandbox(folder: Path) -> None:
    Path("bans.yaml").write_text("state: s3://bucket/key\n" + AWS_EXAMPLE)
    result = run("sandbox", "--", sys.executable, "-m", "reconciler", "apply", "--auto-approve")
    assert "Apply complete: 1 banned" in result.stdout


def test_the_sandbox_ends_with_the_status_of_its_command(folder: Path) -> None:
    assert run("sandbox", "--", "sh", "-c", "exit 7").returncode == 7
    assert run("sandbox", "--", "sh", "-c", "kill -9 $$").returncode == 137
    missing = run("sandbox", "--", "no-such-command")
    assert (missing.returncode, missing.stderr) == (1, "Error: no-such-command: No such file or directory\n")


def test_a_command_in_the_sandbox_sees_no_real_credentials(folder: Path) -> None:
    environment = os.environ | {"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "secret"}
    printed = run("sandbox", "--", "env", env=environment).stdout
    assert "AWS_ACCESS_KEY_ID=sandbox\n" in printed
    assert "production" not in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--fault", "nonsense"], "nonsense"), (["--account", "12"], "12 digits"), (["--room", "x"], "ARN")],
)
def test_wrong_options_of_the_sandbox_are_explained(reconciler: Reconciler, arguments: list[str], why: str) -> None:
    result = reconciler("sandbox", *arguments)
    assert result.code == 1
    assert why in result.err


def test_the_sandbox_serves_until_it_is_stopped(folder: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("A local IVS Chat with 1 room listens on http://127.0.0.1:")
        url = first.split()[-1]
        process.stdout.readline()
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        applied = run("apply", "--auto-approve", "--endpoint-url", url, env=environment)
        assert applied.returncode == 0, applied.stderr
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert line == 'DisconnectUser in us-west-2   lobby/ABC123def456   reason="Violated terms of service"   → 200\n'
    assert process.returncode == 130


# state, import


def test_import_records_the_list_and_disconnects_nobody(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b"))
    assert reconciler("import", typed="y\n").out.endswith("Import cancelled. Nothing was done.\n")
    assert not Path("bans.state.json").exists()
    imported = reconciler("import", typed="yes\n")
    assert imported.out == (
        """\
  lobby/a
  lobby/b

Record 2 bans as done, and disconnect nobody? Only `yes` goes ahead: \
Import complete: 2 bans recorded. Nobody was disconnected.
"""
    )
    assert reconciler("plan", "--detailed-exitcode").code == 0
    assert reconciler("import", "--auto-approve").out == "Nothing to import. The state records every ban of the list.\n"
    assert sandbox.requests == ()
    assert "disconnected  never by this tool" in reconciler("state", "show", "lobby/a").out


def test_import_needs_a_terminal_or_an_approval(reconciler: Reconciler) -> None:
    result = reconciler("import")
    assert (result.code, result.out) == (1, "")
    assert "there is no terminal to ask on; give --auto-approve" in result.err


def test_the_state_can_be_listed_shown_and_mended(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "'b c'"))
    reconciler("apply", "--auto-approve")
    assert reconciler("state", "list").out == 'lobby/a\nlobby/"b c"\n'
    shown = reconciler("state", "show", 'lobby/"b c"').out.splitlines()
    assert shown[:5] == [
        'user          "b c"',
        "room          lobby",
        f"room ARN      {AWS_ARN}",
        "reason        none",
        "ends          never",
    ]
    assert reconciler("state", "pull").out == Path("bans.state.json").read_text()
    removed = reconciler("state", "rm", "lobby/a")
    assert removed.out == "  lobby/a\nForgot 1 ban. Nobody was called.\n"
    assert reconciler("state", "list").out == 'lobby/"b c"\n'
    assert len(sandbox.requests) == 2
    assert "  + lobby/a" in reconciler("plan").out


@pytest.mark.parametrize("command", ["show", "rm"])
def test_what_is_not_recorded_cannot_be_shown_or_forgotten(reconciler: Reconciler, command: str) -> None:
    result = reconciler("state", command, "lobby/nobody")
    assert result.code == 1
    assert "ecorded in the state" in result.err


def test_push_takes_a_later_generation_only(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    pulled = reconciler("state", "pull").out
    Path("pulled.json").write_text(pulled)
    assert reconciler("state", "push", "pulled.json").code == 0  # the very same
    Path("pulled.json").write_text(pulled.replace("Violated", "Broke"))
    other = reconciler("state", "push", "pulled.json")
    assert other.code == 1
    assert "is at serial 1, which is not older than serial 1" in other.err
    Path("pulled.json").write_text(pulled.replace('"serial": 1', '"serial": 2').replace("Violated", "Broke"))
    assert reconciler("state", "push", "pulled.json").out == "Pushed serial 2 with 1 ban.\n"
    assert "Broke terms of service" in reconciler("state", "show", "lobby/ABC123def456").out
    Path("pulled.json").write_text("{")
    assert "pulled.json is not a state file" in reconciler("state", "push", "pulled.json").err


def test_a_local_state_has_no_lock_to_break(reconciler: Reconciler) -> None:
    result = reconciler("force-unlock", "some-id")
    assert result.code == 1
    assert "its lock ends with the process that holds it" in result.err


# Hostile and odd input


def test_an_address_that_can_mean_two_users_selects_neither(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("'a b'", "'\"a b\"'"))
    result = reconciler("plan", "--target", 'lobby/"a b"')
    assert result.code == 1
    assert "can mean two users" in result.err
    assert "1 to ban" in reconciler("plan", "--target", "lobby/a b").out
    assert "1 to ban" in reconciler("plan", "--target", r'lobby/"\"a b\""').out


HOSTILE = "x\x1b[31m\u202e\u200b\n::error::x"


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--target", HOSTILE],
        ["plan", HOSTILE],
        ["plan", "-f", HOSTILE],
        ["plan", "--state", HOSTILE + "/x/y"],
        ["apply", HOSTILE],
        ["show", "--format", HOSTILE],
        ["state", "show", HOSTILE],
        [HOSTILE],
    ],
)
def test_nothing_on_the_command_line_reaches_the_terminal_raw(reconciler: Reconciler, arguments: list[str]) -> None:
    result = reconciler(*arguments)
    for line in (result.out + result.err).splitlines():
        assert line.isprintable()
        assert not line.startswith("::")


def test_a_ci_command_in_a_user_id_is_broken_up(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("'##vso[task.setvariable]'", "'##[error]x'"))
    for arguments in (["plan"], ["plan", "--format", "json"]):
        out = reconciler(*arguments).out
        assert "##vso[" not in out
        assert "##[" not in out


@pytest.mark.parametrize("value", ["nan", "inf", "1e-300", "-1"])
@pytest.mark.parametrize("option", ["--rate", "--lock-timeout"])
def test_numbers_must_be_numbers_to_count_by(reconciler: Reconciler, option: str, value: str) -> None:
    result = reconciler("apply", "--auto-approve", option, value)
    assert result.code == 1
    assert option in result.err


def test_a_plan_is_not_written_over_something_else(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    for path in ("bans.yaml", "bans.state.json"):
        before = Path(path).read_text()
        result = reconciler("plan", "--out", path)
        assert result.code == 1
        assert f"{path} exists and is not a saved plan" in result.err
        assert Path(path).read_text() == before
    for _ in range(2):
        assert reconciler("plan", "--out", "plan.json").code == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_closed_or_full_streams_are_no_traceback(folder: Path, closed: str) -> None:
    command = f"{sys.executable} -m reconciler plan {closed}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
    assert result.returncode == (1 if "full" in closed else 0)


def test_show_works_beside_a_broken_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text("version: 1\nbans:\n")
    shown = reconciler("show")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


def test_the_rate_of_the_list_is_shown_and_kept(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", extra="rate: 0.5\n"))
    assert reconciler("plan", "--out", "plan.json").out.endswith("2 DisconnectUser calls, about 4 s at 0.5 calls/s.\n")
    assert reconciler("show", "plan.json").out.endswith("about 4 s at 0.5 calls/s.\n")


def test_after_a_saved_plan_has_failed_in_part_a_new_plan_is_asked_for(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    Path("bans.yaml").write_text(banning("a") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    reconciler("plan", "--out", "plan.json")
    assert reconciler("apply", "plan.json").out.endswith("Make a new plan to go on from here.\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_the_lock(folder: Path, sandbox: Sandbox, number: signal.Signals, code: int) -> None:
    who = Holder("apply", "alice", "here", 1, datetime.now(UTC))
    with open_store("bans.state.json").locked(who, 0, str(uuid4())):
        command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--lock-timeout", "60"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(1.5)  # until it waits; a signal before that has the same end
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Nothing was done." in err
    assert sandbox.requests == ()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_the_prompt_does_nothing(folder: Path, sandbox: Sandbox, number: signal.Signals, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "apply"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        while "goes ahead: " not in shown:
            shown += process.stdout.read(1)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code
    assert "Nothing was done." in err
    assert sandbox.requests == ()
    assert not Path("bans.state.json").exists()


def test_throttling_is_reported_to_programs(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.fault_next("429")
    result = reconciler("apply", "--auto-approve", "--format", "json", "--rate", "100")
    assert result.code == 0
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["type"] for event in events] == ["apply_start", "throttled", "ban_complete", "summary"]
    assert events[1]["region"] == "us-west-2"


@pytest.mark.parametrize("arguments", [[], ["-f", "../work/bans.yaml"]])
def test_a_saved_plan_can_be_applied_from_another_folder(
    reconciler: Reconciler, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    reconciler("plan", "--out", "plan.json")
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert reconciler("apply", "../work/plan.json", *arguments).code == 0
    assert list(elsewhere.iterdir()) == []
    assert len(load_state(folder / "bans.state.json").records) == 1


def test_an_apply_that_cannot_connect_says_what_is_left_and_records_what_needs_no_call(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(banning("a", "b"))
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text(banning("a", "c"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "Error: The AWS credentials cannot be used" in result.err or "There are no AWS credentials" in result.err
    assert "\nApply incomplete: 0 banned, 1 lifted, 0 failed, 1 not started.\n" in result.out
    assert reconciler("state", "list").out == "lobby/a\n"


def test_no_color_goes_for_errors_too(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "plan", "-f", "missing.yaml"]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    for option, coloured in ((["--no-color"], False), ([], True)):
        subprocess.run([*command, *option], stderr=theirs, check=False, env=environment)
        assert (b"\x1b[" in os.read(ours, 10_000)) is coloured
    os.close(ours)
    os.close(theirs)


def test_the_help_that_no_command_brings_has_lines(reconciler: Reconciler) -> None:
    for arguments in ([], ["state"]):
        assert len(reconciler(*arguments).err.splitlines()) > 10


def test_a_ban_that_expired_since_the_plan_was_made_is_skipped_and_said(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    Path("bans.yaml").write_text(banning("a", "b") + f"    expires_at: {soon}\n")
    reconciler("plan", "--out", "plan.json")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            later = datetime.now(tz) + timedelta(hours=2)
            return cls.fromtimestamp(later.timestamp(), tz)

    monkeypatch.setattr("reconciler.cli.commands.apply.datetime", Later)
    result = reconciler("apply", "plan.json")
    assert result.code == 0
    assert "Skipped: 1 ban that expired since the plan was made.\n" in result.out
    assert [user for _, user in sandbox.disconnected] == ["a"]
    assert "Apply complete: 1 banned" in result.out
