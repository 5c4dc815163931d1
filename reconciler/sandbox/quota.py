"""The quota of one operation in one region."""


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
