"""What `doctor` finds: a verdict on one thing, why, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from reconciler.errors import ReconcilerError


class Verdict(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at, such as `room`; the same for all of a kind.
        subject: which one.
        verdict: how it is.
        detail: why, as a sentence or two.
        advice: what to do about it; empty if there is nothing to do.
        private: the parts of the other texts that quote what somebody typed: they may name a user.
    """

    name: str
    subject: str
    verdict: Verdict
    detail: str
    advice: str = ""
    private: tuple[str, ...] = ()


def ok(name: str, subject: str, detail: str) -> Check:
    """All is well."""
    return Check(name, subject, Verdict.OK, detail)


def warning(name: str, subject: str, detail: str, advice: str) -> Check:
    """Bans work, or may work, and something should be looked at."""
    return Check(name, subject, Verdict.WARNING, detail, advice)


def failed(name: str, subject: str, detail: str, advice: str) -> Check:
    """Bans do not work, or will not."""
    return Check(name, subject, Verdict.FAILED, detail, advice)


def of_error(name: str, subject: str, error: ReconcilerError, advice: str, verdict: Verdict = Verdict.FAILED) -> Check:
    """It could not be looked at, or must not be as it is: the error says why."""
    return Check(name, subject, verdict, error.whole(), advice, error.private)
