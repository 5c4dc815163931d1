"""Whether calls get through: what is going on in each account and region, for those who watch, and when to give up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Final

from reconciler.bans import AccountRegion
from reconciler.plan.outcome import Cause, Trouble

ATTEMPTS: Final = 8  # of one call, the first included; at one fault in five, one call in 400,000 fails
SECONDS_BETWEEN_NEWS: Final = 10.0


class Headway:
    """What becomes of the attempts to call each account and region. Safe to share between threads.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._lanes: dict[AccountRegion, _Lane] = {}

    @contextmanager
    def call(self, where: AccountRegion) -> "Iterator[Call]":
        """A call to an account and region, with all its attempts, is made within this."""
        with self._lock:
            lane = self._lanes.setdefault(where, _Lane())
        call = Call(lane, self._lock, self._clock)
        try:
            yield call
        finally:
            with self._lock:
                lane.attempts.pop(call, None)

    def troubles(self) -> list[Trouble]:
        """Where calls are made that do not succeed at the moment, or that are throttled."""
        with self._lock:
            now = self._clock()
            found = [lane.trouble(where, now) for where, lane in self._lanes.items()]
        return [trouble for trouble in found if trouble is not None]

    def newly_throttled(self) -> list[AccountRegion]:
        """Where the service has throttled calls since this was asked last; each at most once in ten seconds."""
        with self._lock:
            now = self._clock()
            return [where for where, lane in self._lanes.items() if lane.news(now)]


class Call:
    """One call, as `Headway` sees it."""

    def __init__(self, lane: "_Lane", lock: Lock, clock: Callable[[], float]) -> None:
        self._lane = lane
        self._lock = lock
        self._clock = clock

    def attempt(self, number: int) -> None:
        """It is made now, for the first time if `number` is 1."""
        with self._lock:
            self._lane.attempts[self] = number
            if self._lane.since is None:
                self._lane.since = self._clock()

    def failed(self, because: Cause | None) -> float:
        """An attempt has failed. Returns for how many seconds no call to the account and region has succeeded."""
        with self._lock:
            lane, now = self._lane, self._clock()
            lane.because = because or lane.because
            if because is Cause.THROTTLED:
                lane.throttled_at = now
            return 0.0 if lane.since is None else now - lane.since

    def answered(self) -> None:
        """It has succeeded, or the service has said why this one cannot."""
        with self._lock:
            lane = self._lane
            lane.attempts.pop(self, None)
            lane.because = Cause.NO_ANSWER
            lane.since = self._clock() if lane.attempts else None


@dataclass(slots=True)
class _Lane:
    """The calls to one account and region.

    Attributes:
        attempts: the attempt that each call is at.
        since: when a call last succeeded, or else the first was made; None if none has been made since.
        because: what went wrong last; no answer if nothing did since then.
        throttled_at: when the service last throttled a call.
        told_at: when `newly_throttled` last said so.
    """

    attempts: "dict[Call, int]" = field(default_factory=dict)
    since: float | None = None
    because: Cause = Cause.NO_ANSWER
    throttled_at: float | None = None
    told_at: float | None = None

    def trouble(self, where: AccountRegion, now: float) -> Trouble | None:
        if not self.attempts or self.since is None:
            return None
        trouble = Trouble(where, self.because, now - self.since, max(self.attempts.values()), ATTEMPTS)
        if trouble.stalled:
            return trouble
        if self.throttled_at is not None and now - self.throttled_at < SECONDS_BETWEEN_NEWS:
            return Trouble(where, Cause.THROTTLED, trouble.seconds, trouble.attempt, ATTEMPTS)
        return None

    def news(self, now: float) -> bool:
        told = self.told_at
        if self.throttled_at is None or (
            told is not None and (self.throttled_at <= told or now - told < SECONDS_BETWEEN_NEWS)
        ):
            return False
        self.told_at = now
        return True
