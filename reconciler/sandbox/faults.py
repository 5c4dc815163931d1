"""Faults on request: which of the calls that reach the sandbox fail, and how."""

import random
from collections import deque
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

FaultKind: TypeAlias = Literal[
    "500",  # InternalServerException
    "503",  # ServiceUnavailable
    "429",  # ThrottlingException, as if over the quota
    "cut",  # the connection is closed, the call not carried out
    "cut-after",  # the call is carried out, then the connection is closed without an answer
    "timeout",  # the call is not carried out, and never answered
    "denied",  # AccessDeniedException
    "pending",  # PendingVerification
    "expired",  # ExpiredTokenException
    "bad-credentials",  # UnrecognizedClientException
]
"""How a call may fail."""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


class Faults:
    """Decides call by call whether it fails.

    A share of `rate` percent (0 to 100) of the calls fails, each with one of `kinds`, drawn from a generator seeded
    with `seed`: the same seed gives the same sequence of faults, in the order in which calls arrive.
    """

    def __init__(self, rate: float, kinds: Sequence[FaultKind], *, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a repeatable sequence is the point
        self._rate = rate
        self._kinds = tuple(kinds)
        self._queued: deque[FaultKind] = deque()

    def set(self, rate: float, kinds: Sequence[FaultKind]) -> None:
        """From now on `rate` percent of the calls fail with one of `kinds`."""
        self._rate, self._kinds = rate, tuple(kinds)

    def queue(self, kinds: Sequence[FaultKind]) -> None:
        """The next calls fail with these, one each, in this order, whatever the rate."""
        self._queued.extend(kinds)

    def next(self) -> FaultKind | None:
        """How the call at hand fails; None: it does not."""
        if self._queued:
            return self._queued.popleft()
        if self._kinds and self._rate > 0 and self._random.random() * 100 < self._rate:
            return self._random.choice(self._kinds)
        return None
