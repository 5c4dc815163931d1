"""Calls leave at a steady rate for each account and region, as the service's quota counts them."""

import threading
from collections.abc import Callable
from time import monotonic

from reconciler.bans import Endpoint
from reconciler.errors import CallAbandoned


class Pace:
    """Hands out the moments at which calls may leave, evenly spaced; safe to share between threads.

    Args:
        rate: calls a second for each account and region; 0 is without a limit.
        sleep: waits that many seconds; True when it was cut short since the run is to stop.
        clock: seconds, never going back.
    """

    def __init__(self, rate: float, *, sleep: Callable[[float], bool], clock: Callable[[], float] = monotonic) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[Endpoint, float] = {}

    def wait(self, endpoint: Endpoint) -> None:
        """Return when one call to this account and region may leave.

        Raises:
            CallAbandoned: the run is to stop, so it may not.
        """
        if not self._interval:
            return
        with self._lock:
            now = self._clock()
            slot = max(self._next.get(endpoint, now), now)
            self._next[endpoint] = slot + self._interval
        if slot > now and self._sleep(slot - now):
            raise CallAbandoned("The run was stopped before this call left.")
