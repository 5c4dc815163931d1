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
from reconciler.bans import AccountRegion
from reconciler.cli import console, progress
from reconciler.plan.outcome import Cause, Outcome, Trouble
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
        assert printed.wait(60)
        assert lines[0] == "Applying: 0 of 3, 0 failed."
        advance(Outcome(first))
        while lines[-1] != "Applying: 1 of 3, 0 failed.":
            printed.clear()
            assert printed.wait(60)
    count = len(lines)
    Event().wait(0.02)
    assert len(lines) == count


def test_when_calls_stall_a_line_comes_at_once_and_then_no_more_often_than_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, enough = iter(range(1000)), Event()

    def troubles() -> list[Trouble]:
        if next(looks) > 50:
            enough.set()
        return [Trouble(AccountRegion("1", "us-west-2"), Cause.NO_ANSWER, 6, 2, 8)]

    lines: list[str] = []
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOOKS", 0.001)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 1000)
    monkeypatch.setattr(console, "diagnostic", lines.append)
    with progress.progress(3, troubles):
        assert enough.wait(60)
    assert lines == ["Applying: 0 of 3, 0 failed. us-west-2: no answer for 6 s, attempt 2 of 8."]


def test_calls_that_are_slowed_down_are_in_the_usual_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, enough = iter(range(1000)), Event()

    def troubles() -> list[Trouble]:
        if next(looks) > 50:
            enough.set()
        return [Trouble(AccountRegion("1", "us-west-2"), Cause.THROTTLED, 1, 2, 8)]

    lines: list[str] = []
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOOKS", 0.001)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 1000)
    monkeypatch.setattr(console, "diagnostic", lines.append)
    with progress.progress(3, troubles):
        assert enough.wait(60)
    assert lines == []


BAR = """
import time
from reconciler.bans import AccountRegion
from reconciler.cli import progress
from reconciler.plan.outcome import Cause, Trouble
looks = 0
def troubles():
    global looks
    looks += 1
    return [Trouble(AccountRegion("1", "us-west-2"), Cause.NO_ANSWER, 6, 2, 8)]
with progress.progress(3, troubles):
    while looks < 3:
        time.sleep(0.05)
"""


def test_what_holds_up_the_calls_stands_below_the_bar() -> None:
    shown = shown_on_a_terminal([sys.executable, "-c", BAR])
    assert "Applying" in shown
    assert "us-west-2: no answer for 6 s, attempt 2 of 8" in shown


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
    return shown_on_a_terminal([sys.executable, "-c", AT_ONCE, str(seconds_before_busy), *arguments])


def shown_on_a_terminal(command: list[str]) -> str:
    ours, theirs = pty.openpty()
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
