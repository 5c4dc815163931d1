"""What became of the changes of a plan."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.bans import BanKey, Record
from reconciler.errors import ChatError, DenylistError
from reconciler.plan.change import Action, Change


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


@dataclass(frozen=True, slots=True)
class Tally:
    """How an apply ended, in numbers of changes."""

    banned: int
    updated: int
    lifted: int
    repeated: int
    failed: int
    not_started: int

    @property
    def complete(self) -> bool:
        """Whether everything was done."""
        return not self.failed and not self.not_started


def tally(changes: Sequence[Change], outcomes: Sequence[Outcome]) -> Tally:
    """Count outcomes; what has none was not started."""
    done = Counter(outcome.change.action for outcome in outcomes if outcome.error is None)
    return _tally(changes, done, len(outcomes) - done.total())


def tally_of(changes: Sequence[Change], records: Mapping[BanKey, Record], outcomes: Sequence[Outcome]) -> Tally:
    """Count what was done when recording it failed, so that some of it has no outcome: the records tell.

    Args:
        changes: of the plan.
        records: as they are now, whether or not they are on disk.
        outcomes: those that there are.
    """
    done = Counter(change.action for change in changes if records.get(change.key) != change.before)
    return _tally(changes, done, sum(outcome.error is not None for outcome in outcomes))


def _tally(changes: Sequence[Change], done: Counter[Action], failed: int) -> Tally:
    return Tally(
        banned=done[Action.BAN],
        updated=done[Action.UPDATE],
        lifted=done[Action.LIFT],
        repeated=done[Action.REPEAT],
        failed=failed,
        not_started=len(changes) - done.total() - failed,
    )
