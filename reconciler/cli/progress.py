"""How far an apply is, on stderr: a bar on a terminal, a line now and then where there is none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import Final, Protocol

from reconciler import escape
from reconciler.cli import console
from reconciler.plan.outcome import Outcome

SECONDS_BETWEEN_LINES: Final = 10
SECONDS_BEFORE_BUSY: Final = 1


class Progress(Protocol):
    """Takes note of outcomes as they come."""

    def __call__(self, outcome: Outcome) -> None:
        """One more change has ended."""


@contextmanager
def progress(total: int, *, shown: bool) -> Iterator[Progress]:
    """Show how many of `total` changes have ended.

    Args:
        total: how many there are.
        shown: False to show nothing.
    """
    if not shown or not total:
        yield lambda _outcome: None
    elif sys.stderr.isatty():
        with _bar(total) as advance:
            yield advance
    else:
        with _lines(total) as advance:
            yield advance


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Say what takes so long, once it has taken more than a second, where there is a terminal to say it on.

    Args:
        what: what is done, such as `Reading bans.yaml`.
    """
    if not sys.stderr.isatty():
        yield
        return
    over = Event()
    waiting = Thread(target=_say, args=(escape.terminal(what), over), daemon=True)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()


def _say(what: str, over: Event) -> None:
    if over.wait(SECONDS_BEFORE_BUSY):
        return
    from rich import progress as rich  # noqa: PLC0415 - only here; importing it takes longer than a small plan
    from rich.console import Console  # noqa: PLC0415

    columns = (rich.SpinnerColumn(), rich.TextColumn("{task.description}", markup=False), rich.TimeElapsedColumn())
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        over.wait()


@contextmanager
def _bar(total: int) -> Iterator[Progress]:
    from rich import progress as rich  # noqa: PLC0415 - only here; importing it takes longer than a small plan
    from rich.console import Console  # noqa: PLC0415

    columns = (
        rich.TextColumn("Applying"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TextColumn("{task.fields[failed]:,} failed"),
        rich.TextColumn("{task.fields[speed]:.0f} calls/s"),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, failed=0, speed=0)
        failed = calls = 0
        start = monotonic()

        def advance(outcome: Outcome) -> None:
            nonlocal failed, calls
            failed += outcome.error is not None
            calls += outcome.change.disconnects
            bar.update(task, advance=1, failed=failed, speed=calls / max(monotonic() - start, 1e-3))

        yield advance


@contextmanager
def _lines(total: int) -> Iterator[Progress]:
    ended = failed = 0
    over = Event()

    def print_now_and_then() -> None:
        while not over.wait(SECONDS_BETWEEN_LINES):  # also while nothing ends
            console.diagnostic(f"Applying: {ended:,} of {total:,}, {failed:,} failed.")

    def advance(outcome: Outcome) -> None:
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
