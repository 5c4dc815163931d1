"""What became of the changes of a plan, and why the rest takes so long."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from reconciler.bans import AccountRegion, BanKey, Record
from reconciler.errors import ChatError, DenylistError
from reconciler.plan.change import Action, Because, Change


@dataclass(frozen=True, slots=True)
class Receipt:
    """A DisconnectUser call that succeeded.

    Attributes:
        disconnected_at: when the answer came, aware, in UTC.
        request_id: the AWS request ID, if the answer had one.
    """

    disconnected_at: datetime
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change.

    Attributes:
        change: the change.
        record: what the state holds now; None also when the change took it out.
        error: why it failed; None when it is done and recorded.
    """

    change: Change
    record: Record | None = None
    error: ChatError | DenylistError | None = None


class Cause(StrEnum):
    """What is wrong with calls that may succeed when they are made again."""

    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    SERVICE_FAILS = "service_fails"


SECONDS_TO_STALL: Final = 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Calls to an account and region that do not succeed at the moment, or more slowly than asked.

    Attributes:
        where: the account and region.
        cause: what went wrong last, or no answer if nothing has ended yet.
        seconds: since a call last succeeded there, or since the first was made.
        attempt: how many times the call that has been made most often has been made, the first included.
        attempts: after how many it fails.
    """

    where: AccountRegion
    cause: Cause
    seconds: float
    attempt: int
    attempts: int

    @property
    def stalled(self) -> bool:
        """Whether no call succeeds, as opposed to fewer than asked."""
        return self.seconds >= SECONDS_TO_STALL


@dataclass(frozen=True, slots=True)
class Tally:
    """How an apply ended, in numbers of changes."""

    banned: int
    updated: int
    lifted: int
    repeated: int
    failed: int
    not_started: int
    settled: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything was done."""
        return not self.failed and not self.not_started


def tally(changes: Sequence[Change], outcomes: Sequence[Outcome]) -> Tally:
    """Count outcomes, also of calls that settle bans; what has none was not started."""
    done = Counter(outcome.change.action for outcome in _of_changes(outcomes) if outcome.error is None)
    return _tally(changes, done, outcomes)


def tally_of(changes: Sequence[Change], records: Mapping[BanKey, Record], outcomes: Sequence[Outcome]) -> Tally:
    """Count what was done when recording it failed, so that some of it has no outcome: the records tell.

    Args:
        changes: of the plan.
        records: as they are now, whether or not they are on disk.
        outcomes: those that there are.
    """
    done = Counter(change.action for change in changes if records.get(change.key) != change.before)
    withdrawn = (outcome for outcome in outcomes if outcome.change.because is Because.UNKNOWN)  # was in no record
    done += Counter(outcome.change.action for outcome in withdrawn if outcome.error is None)
    return _tally(changes, done, outcomes)


def _of_changes(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.change.because is not Because.UNSETTLED]


def _tally(changes: Sequence[Change], done: Counter[Action], outcomes: Sequence[Outcome]) -> Tally:
    failed = sum(outcome.error is not None for outcome in _of_changes(outcomes))
    settling = [outcome.error is None for outcome in outcomes if outcome.change.because is Because.UNSETTLED]
    return Tally(
        banned=done[Action.BAN],
        updated=done[Action.UPDATE],
        lifted=done[Action.LIFT],
        repeated=done[Action.REPEAT],
        failed=failed + settling.count(False),
        not_started=len(changes) - done.total() - failed,
        settled=settling.count(True),
    )
