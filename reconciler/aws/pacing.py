"""Lets calls leave at a steady rate in each account and region, which is how the service counts its quota."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from reconciler.bans import AccountRegion
from reconciler.errors import CallAbandoned

# If the service throttles all the same, others use the quota too. The rate is then cut, at most once a second since the
# calls in flight are throttled together, and grows by a tenth each second: it settles at what the others leave.
CUT: Final = 0.7
CUT_EVERY: Final = 1.0  # seconds
GROWTH: Final = 1.1  # each second
LEAST: Final = 0.02  # of the full rate


class Pace:
    """Spaces calls evenly. Safe to share between threads.

    Args:
        rate: calls a second in each account and region; 0 is no limit.
        sleep: waits that many seconds; returns True if the run is to stop, without waiting any longer.
        clock: seconds, monotonic.
    """

    def __init__(self, rate: float, *, sleep: Callable[[float], bool], clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[AccountRegion, _Slots] = {}

    def wait(self, where: AccountRegion) -> None:
        """Return when a call to this account and region may leave.

        Raises:
            CallAbandoned: the run is to stop.
        """
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            slots = self._slots_of(where, now)
            slot = max(slots.next_slot, now)
            slots.next_slot = slot + 1 / slots.rate_at(slot, self._rate)
        if slot > now and self._sleep(slot - now):
            raise CallAbandoned("The run was stopped before this call left.")

    def throttled(self, where: AccountRegion) -> None:
        """Slow down: the service has throttled a call to this account and region."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            slots = self._slots_of(where, now)
            if now - slots.cut_at >= CUT_EVERY:
                slots.rate = max(slots.rate_at(now, self._rate) * CUT, self._rate * LEAST)
                slots.cut_at = now

    def _slots_of(self, where: AccountRegion, now: float) -> "_Slots":
        if where not in self._slots:
            self._slots[where] = _Slots(next_slot=now, rate=self._rate, cut_at=now - CUT_EVERY)
        return self._slots[where]


@dataclass(slots=True)
class _Slots:
    """The pace of one account and region: the rate after its last cut, and when that was."""

    next_slot: float
    rate: float
    cut_at: float

    def rate_at(self, time: float, full: float) -> float:
        seconds = min(max(0.0, time - self.cut_at), 60.0)  # by then it is full again
        growth: float = GROWTH**seconds
        return min(full, self.rate * growth)
