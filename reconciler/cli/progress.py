"""How far a command is, on stderr: a bar on a terminal, elsewhere a line now and then."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from reconciler import escape
from reconciler.cli import console

if TYPE_CHECKING:
    from types import ModuleType

    from reconciler.plan.outcome import Outcome

SECONDS_BETWEEN_LINES: Final = 10
SECONDS_BEFORE_BUSY: Final = 1


@contextmanager
def progress(total: int) -> "Iterator[Callable[[Outcome], None]]":
    """Show how many of `total` changes have ended; what it yields is told of each outcome."""
    if not total:
        yield lambda _outcome: None
    elif console.moves_cursor(sys.stderr):
        with _bars().applying(total) as advance:
            yield advance
    else:
        with _lines(total) as advance:
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
def _lines(total: int) -> "Iterator[Callable[[Outcome], None]]":
    ended = failed = 0
    over = Event()

    def print_now_and_then() -> None:
        while not over.wait(SECONDS_BETWEEN_LINES):  # also while nothing ends
            console.diagnostic(f"Applying: {ended:,} of {total:,}, {failed:,} failed.")

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
