"""Quotas: how many calls a second are let through."""

from collections.abc import Hashable


class TokenBucket:
    """Lets `rate` calls a second through, with a burst of at most one second's worth.

    Times are seconds on any clock. While a clock runs backwards, nothing is refilled.
    """

    def __init__(self, rate: int, *, now: float) -> None:
        self.rate = rate
        self._tokens = float(rate)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether a call at this time is within the quota. A call that is not costs nothing."""
        self._tokens = min(float(self.rate), self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quotas:
    """A bucket for each thing that has a quota, such as an operation in a region."""

    def __init__(self) -> None:
        self._buckets: dict[Hashable, TokenBucket] = {}

    def take(self, key: Hashable, rate: int, now: float) -> bool:
        """Whether one more is within a quota of `rate` a second, 0 for none. A rate that is new begins with a burst."""
        if not rate:
            return True
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key] = TokenBucket(rate, now=now)
        return bucket.take(now)

    def forget(self, key: Hashable) -> None:
        """Drop a bucket whose thing is gone."""
        self._buckets.pop(key, None)
