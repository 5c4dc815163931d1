"""Faults on request: which of the calls to the sandbox fail, and how."""

import random
from collections import deque
from collections.abc import Collection, Mapping, Sequence

from reconciler.sandbox.kinds import FAULT_KINDS, FaultKind
from reconciler.sandbox.options import SandboxOptions

HANG = 60.0
"""Seconds that the fault `timeout` holds on to a connection, if the client does not give up before."""

ANSWERS_TO_CLIENTS: Mapping[FaultKind, str] = {
    "429": "Rate exceeded",
    "500": "Internal server error",
    "503": "Service unavailable",
}
"""What a chat client is answered for those faults that are an answer; the kind is the code."""


class Unanswered(Exception):
    """A fault leaves a request without an answer.

    Attributes:
        kind: `cut`, `cut-after` or `timeout`.
    """

    def __init__(self, kind: FaultKind) -> None:
        super().__init__(kind)
        self.kind: FaultKind = kind


class Faults:
    """Decides call by call whether it fails.

    Attributes:
        options: `fault_rate` percent of the calls fail, each with one of `faults`. May be replaced at any time. The
            same `seed` at the start gives the same faults, in the order in which calls arrive.
    """

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self._random = random.Random(options.seed)  # noqa: S311 - a repeatable sequence is the point
        self._queued: deque[FaultKind] = deque()

    def queue(self, kinds: Sequence[FaultKind]) -> None:
        """Let the next calls fail with these, one each, in this order, whatever the rate."""
        self._queued.extend(kinds)

    def next(self, among: Collection[FaultKind] = FAULT_KINDS) -> FaultKind | None:
        """How the call at hand fails; None if it does not.

        Args:
            among: how it can fail at all. A queued fault of another kind waits for a call that can fail in that way.
        """
        if self._queued:
            return self._queued.popleft() if self._queued[0] in among else None
        rate, kinds = self.options.fault_rate, [kind for kind in self.options.faults if kind in among]
        if rate > 0 and kinds and self._random.random() * 100 < rate:
            return self._random.choice(kinds)
        return None
