"""Carries out the changes of a plan: publish, disconnect, record, settle. Its effects on the world are passed in.

The order is what makes bans hold, and what makes a crash harmless:

- A new ban is published in the denylist, then the user is disconnected, then the ban is recorded. Whoever is thrown
  out finds that token services refuse them, and nobody is recorded as banned who was not thrown out.
- A lifted ban is taken out of the denylist, then out of the state. If that stops half-way, somebody stays banned for
  longer, and not the other way round.
- Tokens issued before the publication can connect for a while after it, so the user is disconnected once more when they
  are used up: the ban settles. Until then its record says when it was published.
"""

import math
import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from reconciler.bans import EVERYWHERE, BanKey, Record
from reconciler.denylist.value import Bans
from reconciler.errors import CallAbandoned, ChatError, DenylistError
from reconciler.lanes import Kick, Recorded
from reconciler.plan.change import DRIFT, Because, Change
from reconciler.plan.outcome import Outcome, Receipt
from reconciler.state.value import Published, State

SKEW: Final = timedelta(seconds=60)  # between the clock that published a ban and the one of a later run
# What ends by itself, or is merely mended, says nothing of a provisional ban that somebody has made since.
_NOT_DECIDED: Final = DRIFT | {Because.EXPIRED}


Disconnect = Callable[[Sequence[Kick], Recorded], Generator[Outcome | None]]
"""Disconnects users and records it. Yields each outcome once that is durable, and None now and then while nothing ends.
See `reconciler.lanes`."""


class Ledger(Protocol):
    """The state while it changes, such as `reconciler.stores.session`'s; used in the thread that runs `carry_out`."""

    @property
    def lineage(self) -> str:
        """Of the state, or the one that it is to have."""

    @property
    def state(self) -> State:
        """With everything kept so far."""

    def publishing(self, published: Published, /) -> None:
        """What is kept from here on is also published there."""

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]], /) -> None:
        """Make records durable."""

    def save(self, published: Published | None = None, /) -> None:
        """Write the state with what it is to remember of its denylist; None if the two have to be compared."""


class Denylist(Protocol):
    """Where bans are published meanwhile, such as `reconciler.publishing.Publishing`."""

    @property
    def lacked(self) -> Collection[BanKey]:
        """The recorded bans that were not there before: their users may be in."""

    def begin(self, lineage: str, changes: Collection[object], /) -> None:
        """Get ready to publish. Raises DenylistError."""

    def publish(
        self, entries: Bans, /, *, remove: Collection[BanKey], superseded: Collection[BanKey]
    ) -> Mapping[BanKey, DenylistError]:
        """See `reconciler.publishers.publisher.Publisher.publish`."""

    def standing(self, state: State, /, *, complete: bool) -> Published:
        """What the state is to remember of this."""

    def end(self, state: State, /, *, complete: bool) -> None:
        """All that should stand does stand, if it is complete. Raises DenylistError."""


class Rooms(Protocol):
    """Where users are who are banned everywhere."""

    def of(self, user_ids: Sequence[str], /) -> Mapping[str, Collection[str]]:
        """The ARNs of the rooms to disconnect each user from, read anew each time.

        Raises:
            ChatError: they cannot be found out.
        """

    @property
    def named(self) -> Collection[str]:
        """The rooms that the list names: these must exist."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is.

    Attributes:
        now: the time of day, aware, in UTC.
        monotonic: seconds, for waits.
    """

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Publication:
    """When bans were published in this run.

    Attributes:
        at: the time of day, as their records say it.
        settles: on the monotonic clock: a call that begins then, or later, settles them.
    """

    at: datetime
    settles: float


class Enforcement:
    """One apply: what it publishes, it also settles.

    Args:
        ledger: where what is done is recorded.
        disconnect: disconnects users, and records it.
        find_rooms: gives where users are who are banned everywhere; called only if somebody is.
        clock: what time it is.
        stop: once it is set, nothing new starts.
        denylist: where bans are published; None publishes none.
        settle_after: seconds after its publication until a ban settles; None settles none.
        waiting: called with how many bans are waited for, and for how many seconds; it waits, and says whether to go
            on. What is not waited for is left to the next run.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        disconnect: Disconnect,
        find_rooms: Callable[[], Rooms],
        clock: Clock,
        stop: threading.Event,
        denylist: Denylist | None = None,
        settle_after: float | None = None,
        waiting: Callable[[int, float], bool] = lambda _bans, _seconds: False,
    ) -> None:
        self._ledger = ledger
        self._disconnect = disconnect
        self._find_rooms = find_rooms
        self._clock = clock
        self._stop = stop
        self._denylist = denylist
        self._settles = settle_after is not None
        self._settle_after = settle_after or 0
        self._waiting = waiting
        self._publication: Publication | None = None
        self._rooms_read = math.inf  # when it was last found out where users are who are banned everywhere

    def carry_out(self, changes: Sequence[Change], *, whole: bool = True) -> Generator[Outcome | None]:
        """Carry out changes, save the state, and settle what is due; yields each outcome once it is recorded.

        A change without an outcome was not started: `stop` was set, or no call to its account and region could succeed.
        Close the generator if you stop early: what is done is saved.

        Args:
            changes: of a plan.
            whole: they are all that the denylist needs; else the next apply looks at it again.

        Raises:
            DenylistError: the publication could not begin, or could not be ended.
            Exception: whatever the ledger and `disconnect` raise.
        """
        ledger, denylist = self._ledger, self._denylist
        if denylist is not None and not self._stop.is_set():
            self._begin(denylist, changes)
        left = len(changes)
        try:
            for outcome in self._enforced(changes):
                left -= outcome is not None and outcome.error is None
                yield outcome
        finally:
            # Also what an interrupted run has left in the journal, and what was done before an error.
            complete = whole and not left
            published = denylist.standing(ledger.state, complete=complete) if denylist is not None else None
            ledger.save(published)
        if denylist is not None:
            try:
                denylist.end(ledger.state, complete=complete)
            except DenylistError:
                # Whose publication stands is not known, so the state must not say that it is ours.
                ledger.save(denylist.standing(ledger.state, complete=False))
                raise
        published = ledger.state.published
        try:
            yield from self._settled(ledger.state)
        finally:
            ledger.save(published)

    def _begin(self, denylist: Denylist, changes: Sequence[Change]) -> None:
        ledger = self._ledger
        known = ledger.state
        denylist.begin(ledger.lineage, changes)
        published = denylist.standing(known, complete=False)
        ledger.publishing(published)
        if published != known.published and (known.lineage is None or published.place != known.published.place):
            # Killed from here on, this run leaves a denylist that the next has to know for ours.
            ledger.save(published)

    def _enforced(self, changes: Sequence[Change]) -> Generator[Outcome | None]:
        if self._stop.is_set() or not changes:
            return
        todo = yield from self._published(changes)
        done = [change for change in todo if not change.disconnects]
        if done and not self._stop.is_set():
            outcomes = [Outcome(change, change.recorded(published_at=self._owed_since(change))) for change in done]
            # What nobody knew was in no state.
            known = [outcome for outcome in outcomes if outcome.change.because is not Because.UNKNOWN]
            self._ledger.keep([(outcome.change.key, outcome.record) for outcome in known])
            yield from outcomes
        yield from self._disconnected([change for change in todo if change.disconnects], self._recorded)

    def _owed_since(self, change: Change) -> datetime | None:
        """When the ban of a change that calls nobody was published, if its user may have been let in before."""
        if self._denylist is None or self._publication is None:
            return None
        may_be_in = change.because is Because.UNPUBLISHED or change.key in self._denylist.lacked
        return self._publication.at if may_be_in else None

    def _published(self, changes: Sequence[Change]) -> Generator[Outcome | None, None, Sequence[Change]]:
        """Publish bans and lifts; yields what failed, and returns what to go on with."""
        if self._denylist is None:
            return changes
        bans = {change.key: change.after.expires_at for change in changes if change.after is not None}
        lifted = [change.key for change in changes if change.after is None]
        reviewed = [change.key for change in changes if change.because not in _NOT_DECIDED]
        failed = self._denylist.publish(bans, remove=lifted, superseded=reviewed)
        now = self._clock.now()
        self._publication = Publication(now, self._clock.monotonic() + self._settle_after)
        yield from (Outcome(change, error=failed[change.key]) for change in changes if change.key in failed)
        later = now + timedelta(seconds=self._settle_after)
        return [_looked_at_again(change, later) for change in changes if change.key not in failed]

    def _disconnected(self, changes: Sequence[Change], recorded: Recorded) -> Generator[Outcome | None]:
        """Disconnect the users of these changes, wherever they are."""
        if not changes or self._stop.is_set():
            return
        everywhere = [change for change in changes if change.key.room_arn == EVERYWHERE]
        kicks = {change.key: Kick(change, [change.key.room_arn]) for change in changes}
        if everywhere:
            try:
                # Read after the publication: a token issued since then is refused, and any other has its record.
                kicks |= self._kicks_everywhere(everywhere)
            except CallAbandoned:
                return
            except ChatError as error:
                yield from (Outcome(change, error=error) for change in everywhere)
                kicks = {key: kick for key, kick in kicks.items() if key.room_arn != EVERYWHERE}
        yield from self._disconnect(list(kicks.values()), recorded)

    def _kicks_everywhere(self, changes: Sequence[Change]) -> dict[BanKey, Kick]:
        self._rooms_read = self._clock.monotonic()
        rooms = self._find_rooms()
        found = rooms.of([change.key.user_id for change in changes])
        kicks = {}
        for change in changes:
            where = found.get(change.key.user_id, ())
            kicks[change.key] = Kick(change, where, gone=frozenset(where).difference(rooms.named))
        return kicks

    def _recorded(self, change: Change, receipt: Receipt | None, began: float) -> Record | None:
        publication = self._publication
        if change.key.room_arn == EVERYWHERE:  # a later call may not go where the user has been let in since
            began = min(began, self._rooms_read)
        owed = publication is not None and began < publication.settles
        at = publication.at if publication is not None and owed else None
        return _recorded(change, receipt, published_at=at)

    def _settled(self, state: State) -> Generator[Outcome | None]:
        """Disconnect once more whom that is owed, each when it is due."""
        owed = sorted((self._due(state.records[key]), key) for key in state.unsettled) if self._settles else []
        while owed and not self._stop.is_set():
            due = [key for when, key in owed if when <= self._clock.monotonic()]
            if not due:
                if not self._waiting(len(owed), owed[0][0] - self._clock.monotonic()):
                    return
                continue
            owed = owed[len(due) :]
            now = self._clock.now()
            records = ((key, state.records[key]) for key in due)
            # One that is over by now is lifted by the next apply.
            changes = [Change(key, was, was.ban, Because.UNSETTLED) for key, was in records if was.ban.in_force(now)]
            yield from self._disconnected(changes, _settling)

    def _due(self, record: Record) -> float:
        """When a second call settles a ban, on the monotonic clock."""
        if self._publication is not None and record.published_at == self._publication.at:
            return self._publication.settles
        ago = self._clock.now() - record.published_at if record.published_at is not None else timedelta()
        # A clock that was put back must not make anybody wait for hours.
        left = timedelta(seconds=self._settle_after) + SKEW - max(ago, timedelta())
        return self._clock.monotonic() + left.total_seconds()


def _looked_at_again(change: Change, later: datetime) -> Change:
    """An update that came so late that its old end leaves a gap is a ban: the user may have been let in."""
    if change.because is not Because.CHANGED or change.before is None or change.before.ban.in_force(later):
        return change
    return replace(change, because=Because.LAPSED)


def _settling(change: Change, receipt: Receipt | None, _began: float) -> Record | None:
    return _recorded(change, receipt)


def _recorded(change: Change, receipt: Receipt | None, published_at: datetime | None = None) -> Record | None:
    if receipt is None:  # no room to disconnect the user from
        return change.recorded(published_at=published_at)
    return change.recorded(receipt.disconnected_at, receipt.request_id, published_at=published_at)
