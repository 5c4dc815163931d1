"""Calls leave at a steady rate for each account and region, as the service's quota counts them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from reconciler.bans import Endpoint
from reconciler.errors import CallAbandoned

# When the service throttles all the same, others use the quota too: the rate is halved, at most once in a second since
# the calls in flight are throttled together, and comes back by a tenth of the full rate each second.
BACK_OFF: Final = 0.5
BACK_OFF_EVERY: Final = 1.0  # seconds
RECOVERY: Final = 0.1  # of the full rate, each second
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
        self._lanes: dict[Endpoint, _Lane] = {}

    def wait(self, endpoint: Endpoint) -> None:
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

    def throttled(self, endpoint: Endpoint) -> None:
        """Take note that the service has refused a call to this account and region as one too many."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            lane = self._lane(endpoint, now)
            if now - lane.backed_off_at >= BACK_OFF_EVERY:
                lane.rate = max(lane.rate_at(now, self._rate) * BACK_OFF, self._rate * LEAST)
                lane.backed_off_at = now

    def _lane(self, endpoint: Endpoint, now: float) -> "_Lane":
        if endpoint not in self._lanes:
            self._lanes[endpoint] = _Lane(next_slot=now, rate=self._rate, backed_off_at=now - BACK_OFF_EVERY)
        return self._lanes[endpoint]


@dataclass(slots=True)
class _Lane:
    """The pace of one account and region: the rate that it had when it last backed off, and when that was."""

    next_slot: float
    rate: float
    backed_off_at: float

    def rate_at(self, time: float, full: float) -> float:
        return min(full, self.rate + full * RECOVERY * max(0.0, time - self.backed_off_at))
