"""Bans at once, before anybody has reviewed them: provisional entries in the denylist, which end by themselves.

Nothing of it is in the state, so no lock is held: whoever has to act never waits for a CI job.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from typing_extensions import override  # in typing since Python 3.12

from reconciler.bans import BanKey, Record
from reconciler.denylist.value import Bans
from reconciler.enforce import Denylist, Ledger
from reconciler.errors import DenylistError
from reconciler.publishers.publisher import Publisher
from reconciler.state.value import Published, State


class ProvisionalDenylist(Denylist):
    """A denylist to which bans are added for a while, beside applies that may be running.

    Args:
        publisher: writes it.
        lasts: how long, at most.
        now: the time, aware, in UTC.
    """

    def __init__(self, publisher: Publisher, lasts: timedelta, now: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._lasts = lasts
        self._now = now
        self.held: dict[BanKey, datetime] = {}
        """What has been published here, and until when it holds."""

    @property
    @override
    def lacked(self) -> Collection[BanKey]:
        return ()

    @override
    def begin(self, lineage: str, changes: Collection[object], /) -> None:
        """Nothing has to be prepared."""

    @override
    def publish(
        self, entries: Bans, /, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Mapping[BanKey, DenylistError]:
        """Add provisional entries, which end no later than their bans. Returns those that failed."""
        latest = self._now() + self._lasts
        ends = {key: latest if end is None else min(end, latest) for key, end in entries.items()}
        failed = self._publisher.put_provisional(ends)
        self.held |= {key: end for key, end in ends.items() if key not in failed}
        return failed

    @override
    def standing(self, state: State, /, *, complete: bool) -> Published:
        return state.published  # the state does not know of it

    @override
    def end(self, state: State, /, *, complete: bool) -> None:
        """Nothing has to be ended."""


class Memory(Ledger):
    """A ledger that forgets: what happens at once is in no state."""

    def __init__(self) -> None:
        self._state = State()

    @property
    @override
    def lineage(self) -> str:
        return ""

    @property
    @override
    def state(self) -> State:
        return self._state

    @override
    def publishing(self, published: Published, /) -> None:
        """Nothing is to be remembered."""

    @override
    def keep(self, changes: Sequence[tuple[BanKey, Record | None]], /) -> None:
        self._state = self._state.after(changes)

    @override
    def save(self, published: Published | None = None, /) -> None:
        """There is no place for it."""
