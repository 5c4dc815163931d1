"""What moves on a terminal, drawn by rich: importing this takes longer than a small plan."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typing_extensions import override  # in typing since Python 3.12

from reconciler.plan.outcome import Outcome
from reconciler.views import wording
from reconciler.views.report import Troubles


def spin(what: str, over: Event) -> None:
    """Show what is being done until it is over."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(what, total=None)
        over.wait()


class _WithTroubles(Progress):
    """A bar, and below it what holds up the calls, if anything does."""

    def __init__(self, *columns: str | ProgressColumn, troubles: Troubles) -> None:
        self._troubles = troubles
        super().__init__(*columns, console=Console(stderr=True), transient=True)

    @override
    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if found := self._troubles():
            yield Text(wording.troubles(found), no_wrap=True, overflow="ellipsis")


@contextmanager
def applying(total: int, troubles: Troubles) -> Iterator[Callable[[Outcome], None]]:
    """A bar for `total` changes, told of each outcome; it also shows what `troubles` says."""
    columns = (
        "Applying",
        BarColumn(),
        MofNCompleteColumn(),
        "{task.fields[failed]:,} failed",
        "{task.fields[speed]:.0f} calls/s",
        TimeRemainingColumn(),
    )
    with _WithTroubles(*columns, troubles=troubles) as bar:
        task = bar.add_task("", total=total, failed=0, speed=0)
        failed = calls = 0
        start = monotonic()

        def advance(outcome: Outcome) -> None:
            nonlocal failed, calls
            failed += outcome.error is not None
            calls += outcome.change.disconnects
            bar.update(task, advance=1, failed=failed, speed=calls / max(monotonic() - start, 1e-3))

        yield advance
