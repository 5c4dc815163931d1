"""What moves on a terminal, drawn by rich: importing this takes longer than a small plan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from reconciler.plan.outcome import Outcome


def spin(what: str, over: Event) -> None:
    """Show what is being done until it is over."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        over.wait()


@contextmanager
def applying(total: int) -> Iterator[Callable[[Outcome], None]]:
    """A bar for `total` changes, told of each outcome."""
    columns = (
        "Applying",
        BarColumn(),
        MofNCompleteColumn(),
        "{task.fields[failed]:,} failed",
        "{task.fields[speed]:.0f} calls/s",
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, failed=0, speed=0)
        failed = calls = 0
        start = monotonic()

        def advance(outcome: Outcome) -> None:
            nonlocal failed, calls
            failed += outcome.error is not None
            calls += outcome.change.disconnects
            bar.update(task, advance=1, failed=failed, speed=calls / max(monotonic() - start, 1e-3))

        yield advance
