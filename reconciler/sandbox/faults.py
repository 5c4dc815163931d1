"""Faults on request: which of the calls to the sandbox fail, and how."""

import random
from collections import deque
from collections.abc import Sequence

from reconciler.sandbox.kinds import FaultKind
from reconciler.sandbox.options import SandboxOptions


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

    def next(self) -> FaultKind | None:
        """How the call at hand fails; None if it does not."""
        if self._queued:
            return self._queued.popleft()
        rate = self.options.fault_rate
        if rate > 0 and self._random.random() * 100 < rate:
            return self._random.choice(self.options.faults)
        return None
