"""Progress: of an apply, and of whatever else takes long."""

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from reconciler import State, diff
from reconciler.cli import console, progress
from reconciler.plan.outcome import Outcome
from tests.builders import NOW, ban_list, many
from tests.command_line import Reconciler, banning_many


def test_a_line_comes_now_and_then_also_while_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    printed = Event()

    def note(line: str) -> None:
        lines.append(line)
        printed.set()

    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    monkeypatch.setattr(console, "diagnostic", note)
    first, *_ = diff(ban_list(*many(3)), State(), NOW).changes
    with progress.progress(3) as advance:
        assert printed.wait(10)
        assert lines[0] == "Applying: 0 of 3, 0 failed."
        advance(Outcome(first))
        while lines[-1] != "Applying: 1 of 3, 0 failed.":
            printed.clear()
            assert printed.wait(10)
    count = len(lines)
    Event().wait(0.02)
    assert len(lines) == count


def test_nothing_is_shown_of_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    with progress.progress(0):
        Event().wait(0.02)
    assert capfd.readouterr() == ("", "")


AT_ONCE = """
import sys
from reconciler.cli import progress
from reconciler.cli.main import main
progress.SECONDS_BEFORE_BUSY = float(sys.argv.pop(1))
main()
"""


def on_a_terminal(*arguments: str, seconds_before_busy: float = 0) -> str:
    """What a command writes to stderr where that is a terminal, if it says at once what may take long."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", AT_ONCE, str(seconds_before_busy), *arguments]
    shown = b""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        with suppress(OSError):  # the other end is closed
            while chunk := os.read(ours, 4096):
                shown += chunk
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def test_what_takes_long_is_said_on_a_terminal(reconciler: Reconciler) -> None:
    Path("ban[bold]s.yaml").write_text(banning_many(500))
    for command, said in (
        (
            ["plan", "-f", "ban[bold]s.yaml", "--out", "plan.json"],
            ["Reading ban[bold]s.yaml", "Comparing with the state", "Saving plan.json"],
        ),
        (["show", "plan.json"], ["Reading plan.json"]),
        (["show", "-f", "ban[bold]s.yaml"], ["Reading ban[bold]s.yaml"]),
        (["fmt", "ban[bold]s.yaml", "--diff"], ["Formatting", "Comparing ban[bold]s.yaml"]),
    ):
        shown = on_a_terminal(*command)
        assert [what for what in said if what in shown] == said, shown


def test_what_is_quick_is_not_said(reconciler: Reconciler) -> None:
    assert on_a_terminal("plan", "--out", "plan.json", seconds_before_busy=60) == ""


def test_what_takes_long_is_not_said_in_a_log(reconciler: Reconciler) -> None:
    command = [sys.executable, "-c", AT_ONCE, "0", "plan"]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
