"""Progress where there is no terminal."""

from threading import Event

import pytest

from reconciler import State, diff
from reconciler.cli import console, progress
from reconciler.plan.outcome import Outcome
from tests.builders import NOW, ban_list, many


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
