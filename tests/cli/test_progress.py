"""Progress: of an apply, and of whatever else takes long."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from reconciler import State, diff
from reconciler.cli import console, progress
from reconciler.plan.outcome import Outcome
from tests.builders import NOW, ban_list, many
from tests.command_line import Reconciler, banning


def test_a_line_comes_now_and_then_also_while_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    printed = Event()

    def note(line: str) -> None:
        lines.append(line)
        printed.set()

    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    monkeypatch.setattr(console, "diagnostic", note)
    first, *_ = diff(ban_list(*many(3)), State(), NOW).changes
    with progress.progress(3, shown=True) as advance:
        assert printed.wait(10)
        assert lines[0] == "Applying: 0 of 3, 0 failed."
        advance(Outcome(first))
        while lines[-1] != "Applying: 1 of 3, 0 failed.":
            printed.clear()
            assert printed.wait(10)
    count = len(lines)
    Event().wait(0.02)
    assert len(lines) == count


@pytest.mark.parametrize(("total", "shown"), [(3, False), (0, True)])
def test_nothing_is_shown_of_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], total: int, shown: bool
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    with progress.progress(total, shown=shown):
        Event().wait(0.02)
    assert capfd.readouterr() == ("", "")


SLOW = """
import sys, time
from reconciler.cli import progress
import reconciler
progress.SECONDS_BEFORE_BUSY = 0
load = reconciler.load_ban_list
def slowly(path):
    time.sleep(1)
    return load(path)
reconciler.load_ban_list = slowly
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

    for module in ("workspace", "commands.fmt", "commands.plan"):
        monkeypatch.setattr(f"reconciler.cli.{module}.busy", busy)
    reconciler("plan", "--out", "plan.json")
    assert said[::2] == ["Reading bans.yaml", "Reading the state", "Comparing with the state", "Saving plan.json"]
    said.clear()
    reconciler("show", "plan.json")
    assert said == ["Reading plan.json", "done"]
    said.clear()
    reconciler("show")
    assert said == ["Reading bans.yaml", "done", "Reading the state", "done"]
    said.clear()
    reconciler("fmt", "--diff")
    assert said[::2] == ["Reading bans.yaml", "Formatting", "Comparing bans.yaml"]
