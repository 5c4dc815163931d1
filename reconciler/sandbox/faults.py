"""Faults on request: which of the calls that reach the sandbox fail, and how."""

import random
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from reconciler.sandbox.options import SandboxOptions

FaultKind: TypeAlias = Literal[
    "500",  # InternalServerException
    "503",  # ServiceUnavailable
    "429",  # ThrottlingException, as if over the quota
    "cut",  # the connection is closed, and the call not carried out
    "cut-after",  # the call is carried out, then the connection is closed without an answer
    "timeout",  # the call is not carried out, and never answered
    "denied",  # AccessDeniedException
    "pending",  # PendingVerification
    "expired",  # ExpiredTokenException
    "bad-credentials",  # UnrecognizedClientException
]
"""How a call may fail."""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
DEFAULT_FAULTS: tuple[FaultKind, ...] = ("500", "503", "429", "cut")
"""Those after which a client may call again."""


class Faults:
    """Decides call by call whether it fails.

    Attributes:
        options: `fault_rate` percent of the calls fail, each with one of `faults`. May be replaced at any time. The
            same `seed` at the start gives the same faults, in the order in which calls arrive.
    """

    def __init__(self, options: "SandboxOptions") -> None:
        self.options = options
        self._random = random.Random(options.seed)  # noqa: S311 - a repeatable sequence is the point
        self._queued: deque[FaultKind] = deque()

    def queue(self, kinds: Sequence[FaultKind]) -> None:
        """Let the next calls fail with these, one each, in this order, whatever the rate."""
        self._queued.extend(kinds)

    def next(self) -> FaultKind | None:
        """How the call at hand fails; None if it does not."""
        if self._queued:
            return self._queued.popleft()
        rate = self.options.fault_rate
        if rate > 0 and self._random.random() * 100 < rate:
            return self._random.choice(self.options.faults)
        return None
