"""What a person sees at a terminal: its width, its colours, and terminals that have neither."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.command_line import AWS_ARN, PROGRAM, Reconciler, banning, banning_many

LONG = ("word " * 40).strip()


def on_a_terminal(*arguments: str, program: tuple[str, ...] = PROGRAM, **variables: str) -> str:
    """What a command shows where stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, **variables}
    shown = b""
    with subprocess.Popen([*program, *arguments], stdout=theirs, stderr=theirs, env=environment):
        os.close(theirs)
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 65_536):
                shown += chunk
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def without_colour(shown: str) -> str:
    return re.sub("\x1b\\[[0-9;]*m", "", shown)


@pytest.mark.parametrize("arguments", [["plan"], ["show", "plan.json"]])
def test_a_plan_fits_a_terminal_and_is_cut_nowhere_else(reconciler: Reconciler, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(banning("a", "b" * 12) + f"    reason: {LONG}\n    expires_at: 2099-01-31T00:00:00Z\n")
    whole = f'  + lobby/{"b" * 12}   disconnect   "{LONG}"   until 2099-01-31 00:00 UTC\n'
    assert whole in reconciler("plan", "--out", "plan.json").out
    assert whole in without_colour(on_a_terminal(*arguments, COLUMNS="300"))
    fitting = without_colour(on_a_terminal(*arguments, COLUMNS="80"))
    assert f'  + lobby/{"b" * 12}   disconnect   "word word word word …"   until 2099-01-31\n' in fitting
    assert "\nA date without a time means 00:00 UTC.\n" in fitting
    everything = without_colour(on_a_terminal(*arguments, "--all", COLUMNS="60"))
    assert max(map(len, everything.splitlines())) <= 60
    assert f'"{LONG}"' in " ".join(everything.split())


@pytest.mark.parametrize("columns", [50, 60, 80, 120])
def test_whatever_a_command_says_fits_the_terminal(reconciler: Reconciler, sandbox: Sandbox, columns: int) -> None:
    width = str(columns)
    Path("bans.yaml").write_text(banning("a", "b", "host") + f"    reason: {LONG}\n")
    shown = on_a_terminal("apply", "--auto-approve", COLUMNS=width)
    assert "Apply complete: 3 banned" in shown
    Path("bans.yaml").write_text(banning("c", "d", extra="guardrails: {max_bans: 1}\n"))
    for arguments in (
        ["show"],
        ["state", "list"],
        ["plan"],
        ["validate"],
        ["state", "rm", "lobby/b"],
        ["sandbox", "--", *PROGRAM, "apply", "--auto-approve", "--target", "lobby/c"],
    ):
        shown += on_a_terminal(*arguments, COLUMNS=width)
    record = on_a_terminal("state", "show", "lobby/host", COLUMNS=width)
    shown += record.replace(AWS_ARN, "")
    said = [line for line in without_colour(shown).splitlines() if "\x1b" not in line]
    said = [line for line in said if not line.startswith("The command used")]  # a message on stderr
    assert [line for line in said if len(line) > columns] == []


def test_failures_fit_the_terminal(reconciler: Reconciler, credentials: None) -> None:
    Path("bans.yaml").write_text(banning("a", "b"))
    with running(SandboxOptions(rooms=(AWS_ARN,), quota=0, fault_rate=100, faults=("denied",))) as box:
        shown = on_a_terminal("apply", "--auto-approve", "--endpoint-url", box.url, COLUMNS="60", TERM="dumb")
    failed = without_colour(shown).partition("Failed:")[2]
    assert "Apply incomplete" in failed
    assert [line for line in failed.splitlines() if len(line) > 60] == []


# Colour


def test_no_color_goes_for_errors_too(folder: Path) -> None:
    command = ["plan", "-f", "missing.yaml"]
    assert "\x1b[" in on_a_terminal(*command)
    assert "\x1b[" not in on_a_terminal(*command, "--no-color")
    assert "\x1b[" not in on_a_terminal(*command, NO_COLOR="1")


@pytest.mark.parametrize("term", ["dumb", "unknown", "DUMB", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_no_escapes(folder: Path, sandbox: Sandbox, term: str) -> None:
    assert "\x1b" in on_a_terminal("plan")
    for command in (["plan"], ["plan", "-f", "missing.yaml"], ["fmt", "--diff"], ["apply", "--auto-approve"]):
        shown = on_a_terminal(*command, TERM=term)
        assert "\x1b" not in shown
        assert "\r" not in shown


SOON = """
from reconciler.cli import progress
from reconciler.cli.main import main
progress.SECONDS_BETWEEN_LINES = 0.05
main()
"""


@pytest.mark.parametrize(("term", "bar"), [("dumb", False), ("xterm-256color", True)])
def test_progress_comes_in_lines_where_no_bar_can_be_drawn(
    folder: Path, sandbox: Sandbox, term: str, bar: bool
) -> None:
    Path("bans.yaml").write_text(banning_many(30))
    program = (sys.executable, "-c", SOON)
    shown = on_a_terminal("apply", "--auto-approve", "--rate", "60", program=program, TERM=term)
    assert ("\nApplying: " in shown) is not bar
    assert ("━" in shown) is bar
    assert "Apply complete: 30 banned" in shown


def test_a_printing_terminal_is_known_by_its_terminfo(folder: Path) -> None:
    if shutil.which("tic") is None:
        pytest.skip("needs tic, to describe such a terminal")
    capabilities = "os, cols#80, bel=^G, cr=\\r, ind=\\n"
    Path("paper.ti").write_text(f"reconciler-paper|a terminal that prints on paper,\n\t{capabilities},\n")
    subprocess.run(["tic", "-o", "terminfo", "paper.ti"], check=True)
    assert "\x1b" not in on_a_terminal("plan", TERM="reconciler-paper", TERMINFO="terminfo")


def test_a_terminal_that_terminfo_does_not_know_is_as_good_as_any(folder: Path) -> None:
    assert "\x1b" in on_a_terminal("plan", TERM="xterm-from-the-future")


def test_json_is_not_wrapped(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("a") + f"    reason: {LONG}\n")
    assert json.loads(on_a_terminal("plan", "--format", "json", COLUMNS="30"))["changes"][0]["after"]["reason"] == LONG
