"""The commands on lists that are long or made of several files."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.command_line import AWS_ARN, Reconciler, banning

LARGE = "guardrails: {max_bans: 1000}\n"


def changes_in(shown: str) -> int:
    return len(re.findall(r"^  [+~±-] ", shown, re.MULTILINE))


def many(count: int, extra: str = LARGE) -> str:
    return banning(*(f"u{number}" for number in range(count)), extra=extra)


def test_a_list_of_several_files_from_the_plan_to_the_state(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.d").mkdir()
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [bans.d/*.yaml]\n")
    Path("bans.d/chat.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.d/video.yaml").write_text("bans:\n  - user_id: b\n    rooms: [lobby]\n")
    assert reconciler("validate").out == (
        "bans.yaml and 2 files that it includes are valid: 2 bans, of 2 users in 1 room.\n"
    )
    assert reconciler("plan", "--out", "plan.json").out.startswith("  + lobby/a   disconnect\n  + lobby/b   disc")
    assert reconciler("apply", "plan.json").code == 0
    assert sorted(str(request.params["userId"]) for request in sandbox.requests) == ["a", "b"]

    # A ban that moves to another file is the same ban.
    Path("bans.d/video.yaml").write_text("bans: []\n")
    Path("bans.d/chat.yaml").write_text("bans:\n  - {user_id: b, rooms: [lobby]}\n  - {user_id: a, rooms: [lobby]}\n")
    assert reconciler("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_stale_once_an_included_file_has_changed(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("more.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [more.yaml]\n")
    reconciler("plan", "--out", "plan.json")
    Path("more.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n    note: reviewed again\n")
    result = reconciler("apply", "plan.json")
    assert result.code == 1
    assert "bans.yaml has changed since it was made" in result.err
    assert sandbox.requests == ()


def test_problems_of_several_files_are_counted_together_and_annotated_in_theirs(reconciler: Reconciler) -> None:
    Path("one.yaml").write_text("bans:\n  - user_id: a\n    raison: x\n    rooms: [lobby]\n")
    Path("two.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [one.yaml, two.yaml]\n")
    result = reconciler("validate")
    assert result.code == 1
    assert "one.yaml:3:5: bans[0].raison: " in result.err
    assert "two.yaml:2:14: bans[0].user_id: line 2 of one.yaml bans this user in lobby already" in result.err
    assert result.err.endswith("Error: There are 2 problems in 2 files. Nothing was done.\n")
    annotations = reconciler("validate", "--format", "github").out
    assert "file=one.yaml,line=3,col=5" in annotations
    assert "file=two.yaml,line=2,col=14" in annotations
    diagnostics = json.loads(reconciler("validate", "--format", "json").out)["diagnostics"]
    assert [(d["range"]["filename"], d["snippet"]["code"]) for d in diagnostics] == [
        ("one.yaml", "    raison: x"),
        ("two.yaml", "  - user_id: a"),
    ]
    comment = reconciler("plan", "--format", "markdown").out
    assert "`one.yaml`" in comment
    assert "`two.yaml`" in comment


def test_all_shows_every_change_of_a_large_plan(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(many(150))
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
    Path("bans.yaml").write_text(many(150))
    monkeypatch.setenv("RECONCILER_ALL", "1")
    assert changes_in(reconciler("plan").out) == 150


def test_a_refused_large_plan_ends_with_the_refusal(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(many(150, extra="guardrails: {max_bans: 149}\n"))
    result = reconciler("plan")
    assert result.code == 1
    assert "\nPlan: 150 to ban, 0 to update, 0 to lift.\n" in result.out
    assert "\nRefused: it bans 150 times, and guardrails.max_bans is 149.\n" in result.out


def test_import_names_a_hundred_bans_or_with_all_every_one(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(many(150))
    some = reconciler("import", typed="no\n").out
    assert some.count("\n  lobby/u") == 99  # one more begins the text
    assert "\n  … and 50 more; --all shows every one.\n" in some
    everything = reconciler("import", "--all", typed="yes\n").out
    assert everything.count("\n  lobby/u") == 149
    assert "Import complete: 150 bans recorded." in everything


SLOW = """
import sys, time
from reconciler.cli import progress
from reconciler.cli.commands import plan
progress.SECONDS_BEFORE_BUSY = 0
load = plan.load_ban_list
def slowly(path):
    time.sleep(1)
    return load(path)
plan.load_ban_list = slowly
sys.argv = ["reconciler", "plan", "-f", "ban[bold]s.yaml"]
from reconciler.cli.main import main
main()
"""


def test_what_takes_long_says_so_on_a_terminal_and_nowhere_else(reconciler: Reconciler) -> None:
    Path("ban[bold]s.yaml").write_text(banning("a"))
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=theirs, text=True) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        assert process.stdout is not None
        assert process.stdout.read().startswith("  + lobby/a   disconnect\n")
    os.close(ours)
    assert b"Reading ban[bold]s.yaml" in shown
    quiet = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, check=True)
    assert quiet.stderr == b""


def test_show_fmt_and_a_plan_that_is_saved_say_what_takes_long(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    @contextmanager
    def busy(what: str) -> Iterator[None]:
        said.append(what)
        yield
        said.append("done")

    for module in ("show", "fmt", "plan"):
        monkeypatch.setattr(f"reconciler.cli.commands.{module}.busy", busy)
    reconciler("plan", "--out", "plan.json")
    assert said == ["Reading bans.yaml", "done", "Comparing with the state", "done", "Saving plan.json", "done"]
    said.clear()
    reconciler("show", "plan.json")
    assert said == ["Reading plan.json", "done"]
    said.clear()
    reconciler("show")
    assert said == ["Reading bans.yaml", "done", "Reading the state", "done"]
    said.clear()
    reconciler("fmt", "--diff")
    assert said == ["Formatting", "done", "Comparing bans.yaml", "done"]


@pytest.mark.parametrize("command", ["plan", "show", "apply"])
def test_reasons_are_cut_to_the_width_of_a_terminal_and_nowhere_else(reconciler: Reconciler, command: str) -> None:
    Path("bans.yaml").write_text(banning("a") + f"    reason: {'word ' * 40}\n")
    whole = f'"{("word " * 40).strip()}"'
    assert reconciler("plan", "--out", "plan.json").out.splitlines()[0].endswith(whole)
    arguments = {"plan": ["plan"], "show": ["show", "plan.json"], "apply": ["apply", "plan.json"]}[command]
    for columns, options, cut in (("60", [], True), ("300", [], False), ("60", ["--all"], False)):
        environment = {**os.environ, "COLUMNS": columns, "AWS_ENDPOINT_URL_IVSCHAT": "http://127.0.0.1:9"}
        ours, theirs = pty.openpty()
        program = [sys.executable, "-m", "reconciler", *arguments, *options, "--no-color"]
        subprocess.run(program, stdout=theirs, stderr=subprocess.DEVNULL, check=False, env=environment)
        first = os.read(ours, 10_000).decode().splitlines()[0]
        os.close(ours)
        os.close(theirs)
        assert first.endswith('…"' if cut else whole)
        assert not cut or len(first) == 60
