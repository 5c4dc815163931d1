"""Calls leave at a steady rate for each account and region, as the service's quota counts them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from reconciler.bans import AccountRegion
from reconciler.errors import CallAbandoned

# When the service throttles all the same, others use the quota too. The rate is cut, at most once in a second since the
# calls in flight are throttled together, and grows again by a tenth each second: it settles at what the others leave.
CUT: Final = 0.7
CUT_EVERY: Final = 1.0  # seconds
GROWTH: Final = 1.1  # each second
LEAST: Final = 0.02  # of the full rate


class Pace:
    """Hands out the moments at which calls may leave, evenly spaced; safe to share between threads.

    Args:
        rate: calls a second for each account and region; 0 is without a limit.
        sleep: waits that many seconds; True when it was cut short since the run is to stop.
        clock: seconds, never going back.
    """

    def __init__(self, rate: float, *, sleep: Callable[[float], bool], clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[AccountRegion, _Lane] = {}

    def wait(self, endpoint: AccountRegion) -> None:
        """Return when one call to this account and region may leave.

        Raises:
            CallAbandoned: the run is to stop, so it may not.
        """
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            lane = self._lane(endpoint, now)
            slot = max(lane.next_slot, now)
            lane.next_slot = slot + 1 / lane.rate_at(slot, self._rate)
        if slot > now and self._sleep(slot - now):
            raise CallAbandoned("The run was stopped before this call left.")

    def throttled(self, endpoint: AccountRegion) -> None:
        """Take note that the service has refused a call to this account and region as one too many."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            lane = self._lane(endpoint, now)
            if now - lane.cut_at >= CUT_EVERY:
                lane.rate = max(lane.rate_at(now, self._rate) * CUT, self._rate * LEAST)
                lane.cut_at = now

    def _lane(self, endpoint: AccountRegion, now: float) -> "_Lane":
        if endpoint not in self._lanes:
            self._lanes[endpoint] = _Lane(next_slot=now, rate=self._rate, cut_at=now - CUT_EVERY)
        return self._lanes[endpoint]


@dataclass(slots=True)
class _Lane:
    """The pace of one account and region: the rate after its last cut, and when that was."""

    next_slot: float
    rate: float
    cut_at: float

    def rate_at(self, time: float, full: float) -> float:
        seconds = min(max(0.0, time - self.cut_at), 60.0)  # by then it is full again
        growth: float = GROWTH**seconds
        return min(full, self.rate * growth)
