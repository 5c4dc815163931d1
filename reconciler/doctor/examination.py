"""Looks at several things side by side, each in its own time: none that hangs or fails keeps the others from view."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from typing import Final

from reconciler.aws.in_time import in_time
from reconciler.errors import ReconcilerError
from reconciler.verdicts import Check, Verdict, failed, of_error, warning

SECONDS: Final = 90.0  # for one thing; a table that is throttled is tried for a minute
_THREADS: Final = 16
_TOO_LATE: Final = "Check the network and any proxy, then run `reconciler doctor` again."

_ODD: Final = "Check the endpoint URL and any proxy: something else may have answered."


@dataclass(frozen=True, slots=True)
class Examination:
    """Something to look at.

    Attributes:
        name: as in `Check`.
        subject: as in `Check`.
        look: finds out how it is.
        advice: what to do where that raises a ReconcilerError, besides what the error says.
        seconds: how long it may take; None is SECONDS.
        unknown: the verdict where it cannot be found out.
        on_aws: whether it takes AWS credentials.
    """

    name: str
    subject: str
    look: Callable[[], Iterable[Check]]
    advice: str
    seconds: float | None = None
    unknown: Verdict = Verdict.FAILED
    on_aws: bool = True


def examine(examinations: Sequence[Examination]) -> list[Check]:
    """What they find, in their order. Threads that take too long are left behind, and do not keep the process."""
    if not examinations:
        return []
    with ThreadPool(min(_THREADS, len(examinations))) as pool:
        return [check for checks in pool.map(examined, examinations, chunksize=1) for check in checks]


def examined(examination: Examination) -> list[Check]:
    """What one of them finds."""
    name, subject = examination.name, examination.subject
    judged = failed if examination.unknown is Verdict.FAILED else warning
    seconds = SECONDS if examination.seconds is None else examination.seconds
    try:
        done = in_time(lambda: list(examination.look()), seconds)
    except TimeoutError:
        return [judged(name, subject, f"There was no whole answer within {seconds:.0f} s.", _TOO_LATE)]
    error = done.exception()
    if isinstance(error, ReconcilerError):
        return [of_error(name, subject, error, examination.advice, examination.unknown)]
    if error is not None:  # such as botocore's parsers raise when something else than the service answers
        return [judged(name, subject, f"It cannot be looked at: {type(error).__name__}.", _ODD)]
    return done.result()
