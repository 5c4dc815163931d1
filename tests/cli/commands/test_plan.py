"""`reconciler plan`: what it prints and saves, in every format."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import Ban, BanKey, Record, State
from reconciler.sandbox import Sandbox
from reconciler.state import file as state_file
from tests.builders import LINEAGE, YESTERDAY
from tests.command_line import (
    AWS_ARN,
    WRONG,
    Reconciler,
    banning,
    banning_many,
    changes_in,
    with_reasons,
    write_a_state,
)


def test_a_refused_plan_is_shown_and_neither_planned_nor_applied(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", extra="guardrails:\n  max_bans: 1\n"))
    planned = reconciler("plan", "--detailed-exitcode", "--out", "plan.json")
    assert planned.code == 1
    assert "  + lobby/a" in planned.out
    assert planned.out.endswith(
        """
Refused: it has 2 new bans, and guardrails.max_bans is 1.
If this is meant, set guardrails.max_bans to 2 in bans.yaml, so that the exception is reviewed too.
The lines to add there, or to change:

guardrails:
  max_bans: 2
"""
    )
    for arguments in (["--auto-approve"], ["plan.json"], ["--auto-approve", "--format", "json"]):
        applied = reconciler("apply", *arguments)
        assert applied.code == 1
        assert "guardrails.max_bans is 1" in applied.out + applied.err
    assert sandbox.requests == ()


def test_the_first_plan_with_a_denylist_says_how_many_it_publishes_and_settles_and_how_long_that_takes(
    reconciler: Reconciler,
) -> None:
    Path("bans.yaml").write_text(banning_many(10_000, extra="denylist: dynamodb://us-west-2/bans\n"))
    lobby = [BanKey(AWS_ARN, f"u{number}") for number in range(10_000)]
    records = {key: Record(Ban(), YESTERDAY, "id") for key in lobby}
    Path("bans.state.json").write_bytes(state_file.dumps(State(LINEAGE, 1, records)))
    planned = reconciler("plan").out
    assert planned.startswith(
        "lobby: 10,000 to update\n\n  ~ lobby/u0      publish      not in the denylist as it is recorded\n"
    )
    assert planned.endswith(
        "Plan: 0 to ban, 10,000 to update, 0 to lift.\n"
        "10,000 DisconnectUser calls after 90 s, to settle, about 4 min at 100 calls/s.\n"
    )
    summary = json.loads(reconciler("plan", "--format", "json").out)["summary"]
    assert summary == {
        **{"ban": 0, "update": 10_000, "lift": 0, "repeat": 0},
        **{"disconnect_calls": 0, "settle_calls": 10_000},
    }


def test_the_rate_of_the_list_is_shown_and_kept(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", extra="rate: 0.5\n"))
    assert "\n2 DisconnectUser calls, about 4 s at 0.5 calls/s.\n" in reconciler("plan", "--out", "plan.json").out
    assert "about 4 s at 0.5 calls/s.\n" in reconciler("show", "plan.json").out


def test_targets_can_come_from_the_environment(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(banning("a", "b", '"c d"'))
    monkeypatch.setenv("RECONCILER_TARGET", "lobby/a\nlobby/c d")
    changes = json.loads(reconciler("plan", "--format", "json").out)["changes"]
    assert [change["user_id"] for change in changes] == ["a", "c d"]


def test_an_address_that_can_mean_two_users_selects_neither(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("'a b'", "'\"a b\"'"))
    result = reconciler("plan", "--target", 'lobby/"a b"')
    assert result.code == 1
    assert "can mean two users" in result.err
    assert "1 to ban" in reconciler("plan", "--target", "lobby/a b").out
    assert "1 to ban" in reconciler("plan", "--target", r'lobby/"\"a b\""').out


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


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--format", "markdown"], ["plan", "--redact"]], ids=" ".join)
def test_a_plan_imports_only_what_it_needs(reconciler: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    program = (
        "import sys; from reconciler.cli.main import main\n"
        "try: main()\nexcept SystemExit: print([m for m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    imported = set(eval(ran.stderr.splitlines()[-1]))
    assert not imported & {"boto3", "botocore", "rich", "aiohttp", "filelock", "socket", "getpass"}
    assert ("reconciler.views.markdown" in imported) == ("markdown" in arguments)
    assert "reconciler.views.diagnostics" not in imported


# Large plans


def test_all_shows_every_change_of_a_large_plan(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning_many(150))
    shown = reconciler("plan", "--out", "plan.json").out
    assert changes_in(shown) == 100
    assert "100 of 150 changes are shown; --all shows every one." in shown
    assert changes_in(reconciler("plan", "--all").out) == 150
    assert changes_in(reconciler("show", "plan.json").out) == 100
    assert changes_in(reconciler("show", "plan.json", "--all").out) == 150
    assert len(json.loads(reconciler("plan", "--format", "json").out)["changes"]) == 150
    assert changes_in(reconciler("apply", "--all", typed="no\n").out) == 150
    applied = reconciler("apply", "plan.json").out
    assert changes_in(applied) == 100
    assert applied.endswith("Apply complete: 150 banned, 0 updated, 0 lifted.\n")


def test_all_can_come_from_the_environment(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(banning_many(150))
    monkeypatch.setenv("RECONCILER_ALL", "1")
    assert changes_in(reconciler("plan").out) == 150


def test_a_refused_large_plan_ends_with_the_refusal(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning_many(150, extra="guardrails: {max_bans: 149}\n"))
    result = reconciler("plan")
    assert result.code == 1
    assert "\nPlan: 150 to ban, 0 to update, 0 to lift.\n" in result.out
    assert "\nRefused: it has 150 new bans, and guardrails.max_bans is 149.\n" in result.out


# Saved plans


def test_json_of_a_plan_is_what_out_saves(reconciler: Reconciler) -> None:
    printed = reconciler("plan", "--format", "json", "--out", "plan.json").out
    strip = '"created_at"'
    assert printed == Path("plan.json").read_text()
    assert reconciler("show", "plan.json", "--format", "json").out == printed
    assert strip in printed


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


def test_a_plan_is_written_over_one_that_cannot_be_used_any_more(reconciler: Reconciler) -> None:
    reconciler("plan", "--out", "plan.json")
    whole = Path("plan.json").read_text()
    for stale in (whole.replace("lobby", "foyer"), whole[:300], ""):
        Path("plan.json").write_text(stale)
        assert reconciler("plan", "--out", "plan.json").code == 0
        assert reconciler("show", "plan.json").code == 0


def test_only_the_beginning_of_the_file_that_is_replaced_is_read(reconciler: Reconciler) -> None:
    reconciler("plan", "--out", "plan.json")
    with Path("plan.json").open("ab") as file:
        file.truncate(2**40)
    assert reconciler("plan", "--out", "plan.json").code == 0
    assert Path("plan.json").stat().st_size < 10_000


def test_a_plan_of_a_list_in_a_folder_whose_name_is_not_utf_8_can_be_applied(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    folder = b"caf\xe9".decode(errors="surrogateescape")
    Path(folder).mkdir()
    Path(folder, "bans.yaml").write_text(Path("bans.yaml").read_text())
    file = f"{folder}/bans.yaml"
    assert reconciler("plan", "-f", file, "--out", "plan.json").code == 0
    assert "lobby/ABC123def456" in reconciler("show", "plan.json").out
    assert reconciler("apply", "plan.json").code == 0
    assert Path(folder, "bans.state.json").exists()


def test_a_saved_plan_says_at_which_commit_it_was_made(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0123456789" * 4)
    Path("bans.yaml").write_text(with_reasons("alice"))
    printed = reconciler("plan", "--out", "plan.json", "--format", "json").out
    assert json.loads(printed)["commit"] == "0123456789" * 4
    assert printed == Path("plan.json").read_text()
    assert "at commit 0123456." in reconciler("show", "plan.json").out
    assert "at commit `0123456`." in reconciler("show", "plan.json", "--format", "markdown").out
    Path("plan.json").write_text(printed.replace("0123456789", "9876543210"))
    assert "changed since it was saved" in reconciler("show", "plan.json").err


def test_a_plan_that_is_only_shown_does_not_ask_git(
    reconciler: Reconciler, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "git").write_text("#!/bin/sh\n: > asked\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert reconciler("plan").code == 0
    assert reconciler("plan", "--format", "markdown").code == 0
    assert not Path("asked").exists()
    assert reconciler("plan", "--out", "plan.json").code == 0
    assert Path("asked").exists()


def test_a_plan_without_a_commit_can_be_shown(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    assert json.loads(reconciler("plan", "--out", "plan.json", "--format", "json").out)["commit"] is None
    assert "commit" not in reconciler("show", "plan.json").out


@pytest.mark.parametrize("commit", ["main", "a" * 39, "A" * 40, "a" * 40 + "\n", 1])
def test_a_commit_that_is_none_is_refused(reconciler: Reconciler, commit: object) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    plain = json.loads(reconciler("plan", "--out", "plan.json", "--format", "json").out)
    Path("plan.json").write_text(json.dumps({**plain, "commit": commit}))
    result = reconciler("show", "plan.json")
    assert (result.code, "commit" in result.err) == (1, True)


# Comments and diagnostics


def test_a_plan_and_a_saved_plan_are_the_same_comment(reconciler: Reconciler) -> None:
    write_a_state()
    Path("bans.yaml").write_text(with_reasons("alice"))
    planned = reconciler("plan", "--format", "markdown", "--out", "plan.json")
    assert planned.code == 0
    assert planned.out.startswith("<!-- reconciler-plan: bans.yaml -->\n**Plan: 1 to ban, 0 to update, 0 to lift.**")
    assert "| `alice` | `alice was rude` | for good |" in planned.out
    assert reconciler("show", "plan.json", "--format", "markdown").out == planned.out


def test_the_exit_codes_of_a_comment_are_those_of_a_plan(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(with_reasons("alice", "bob", extra="guardrails: {max_bans: 1}\n"))
    refused = reconciler("plan", "--format", "markdown")
    assert (refused.code, "> **Refused:**" in refused.out) == (1, True)
    Path("bans.yaml").write_text(with_reasons("alice"))
    assert reconciler("plan", "--format", "markdown", "--detailed-exitcode").code == 2


def test_a_list_that_is_wrong_is_a_comment_too(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    planned = reconciler("plan", "--format", "markdown")
    assert planned.code == 1
    assert planned.out.startswith("<!-- reconciler-plan: bans.yaml -->\n**The ban list has ")
    assert "| 10:17 |" not in planned.out
    assert "| 7:14 | `bans[0].user_id` |" in planned.out
    assert planned.err == "Error: bans.yaml has 6 problems. Nothing was done.\n"


def test_plan_prints_the_same_diagnostics(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    planned = reconciler("plan", "--format", "json")
    assert (planned.code, planned.out) == (1, reconciler("validate", "--format", "json").out)
    assert reconciler("plan").out == ""


@pytest.mark.parametrize(
    ("content", "options", "summary"),
    [
        ("{", [], "The state cannot be used"),
        ("", ["--state", "ftp://x"], "The state cannot be used"),
        ("", ["--target", "lobby/nobody"], "There is no plan"),
    ],
)
def test_why_there_is_no_plan_is_a_comment_and_a_diagnostic(
    reconciler: Reconciler, content: str, options: list[str], summary: str
) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    if content:
        Path("bans.state.json").write_text(content)
    as_text = reconciler("plan", *options)
    assert (as_text.code, as_text.out) == (1, "")
    why = as_text.err.removeprefix("Error: ").rstrip("\n")
    commented, diagnosed = (reconciler("plan", "--format", each, *options) for each in ("markdown", "json"))
    assert (commented.code, commented.err) == (diagnosed.code, diagnosed.err) == (1, as_text.err)
    first, second = commented.out.splitlines()
    assert first == "<!-- reconciler-plan: bans.yaml -->"
    assert second.startswith("**There is no plan.** `")
    assert why in second
    found = json.loads(diagnosed.out)
    assert (found["valid"], found["error_count"]) == (False, 1)
    assert found["diagnostics"] == [{"severity": "error", "summary": summary, "detail": why}]
