"""Signals while something runs that has to be finished."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic
from types import FrameType
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import operating_system

_LOOK: Final = 0.2  # seconds


class Stopping:
    """Whether a run is to stop.

    Attributes:
        event: set by the first signal.
        signal: SIGINT or SIGTERM; the former also for Ctrl-Break.
    """

    def __init__(self) -> None:
        self.event: Event = _Interruptible()
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal is not None:
            # What has been recorded is on disk, and the lock dies with us.
            os.write(
                2, b"\nStopped at once. What is done is recorded; calls in flight may be repeated by the next apply.\n"
            )
            os._exit(operating_system.exit_code(number))
        self.signal = operating_system.exit_code(number) - 128
        self.event.set()
        os.write(2, b"\nStopping: the calls in flight have a few seconds to end. Interrupt again to stop at once.\n")


class _Interruptible(Event):
    """On Windows, no signal wakes what waits for a lock (bpo-35935): its handler gets its turn between short waits."""

    @override
    def wait(self, timeout: float | None = None) -> bool:
        if not operating_system.WINDOWS:
            return super().wait(timeout)
        end = None if timeout is None else monotonic() + timeout
        while not self.is_set():
            left = _LOOK if end is None else min(_LOOK, end - monotonic())
            if left <= 0:
                break
            super().wait(left)
        return self.is_set()


@contextmanager
def held_back() -> Iterator[None]:
    """Within this, SIGINT, SIGTERM and Ctrl-Break wait."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number)) for number in operating_system.ENDING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def stopping(stop: Stopping) -> Iterator[Stopping]:
    """Within this, the first SIGINT, SIGTERM or Ctrl-Break asks to stop, and the second stops at once."""
    before = {number: signal.signal(number, stop) for number in operating_system.ENDING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
