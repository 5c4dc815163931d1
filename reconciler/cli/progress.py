"""How far a command is, on stderr: a bar on a terminal, elsewhere a line now and then."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from reconciler import escape
from reconciler.cli import console
from reconciler.views import wording

if TYPE_CHECKING:
    from types import ModuleType

    from reconciler.plan.outcome import Outcome
    from reconciler.views.report import Troubles

SECONDS_BETWEEN_LINES: Final = 10.0
SECONDS_BETWEEN_LOOKS: Final = 1.0
SECONDS_BEFORE_BUSY: Final = 1


@contextmanager
def progress(total: int, troubles: "Troubles" = list) -> "Iterator[Callable[[Outcome], None]]":
    """Show how many of `total` changes have ended, and what `troubles` says; it yields what is told of each outcome."""
    if not total:
        yield lambda _outcome: None
    elif console.moves_cursor(sys.stderr):
        with _bars().applying(total, troubles) as advance:
            yield advance
    else:
        with _lines(total, troubles) as advance:
            yield advance


@contextmanager
def busy(what: str) -> Iterator[None]:
    """On a terminal, say what is being done once it has taken more than a second.

    Args:
        what: such as `Reading bans.yaml`.
    """
    if not console.moves_cursor(sys.stderr):
        yield
        return
    over = Event()

    def spin() -> None:
        if not over.wait(SECONDS_BEFORE_BUSY):
            _bars().spin(escape.terminal(what), over)

    waiting = Thread(target=spin, daemon=True)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()


def _bars() -> "ModuleType":
    from reconciler.cli import bars  # noqa: PLC0415 - rich takes longer to import than a small plan to make

    return bars


@contextmanager
def _lines(total: int, troubles: "Troubles") -> "Iterator[Callable[[Outcome], None]]":
    ended = failed = 0
    over = Event()

    def print_now_and_then() -> None:
        due, stalled = monotonic() + SECONDS_BETWEEN_LINES, False
        while not over.wait(min(SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_LINES)):  # also while nothing ends
            found = troubles()
            stalled, before = any(trouble.stalled for trouble in found), stalled
            if monotonic() >= due or (stalled and not before):
                due = monotonic() + SECONDS_BETWEEN_LINES
                note = f" {wording.troubles(found)}." if found else ""
                console.diagnostic(f"Applying: {ended:,} of {total:,}, {failed:,} failed.{note}")

    def advance(outcome: "Outcome") -> None:
        nonlocal ended, failed
        ended += 1
        failed += outcome.error is not None

    printer = Thread(target=print_now_and_then, daemon=True)
    printer.start()
    try:
        yield advance
    finally:
        over.set()
        printer.join()
