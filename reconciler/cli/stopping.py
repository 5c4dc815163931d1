"""Signals while something runs that has to be finished."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType


class Stopping:
    """Whether a run is to stop.

    Attributes:
        event: set by the first signal.
        signal: its number.
    """

    def __init__(self) -> None:
        self.event = Event()
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal is not None:
            # What has been recorded is on disk, and the lock dies with us.
            os.write(
                2, b"\nStopped at once. What is done is recorded; calls in flight may be repeated by the next apply.\n"
            )
            os._exit(128 + number)
        self.signal = number
        self.event.set()
        os.write(2, b"\nStopping: the calls in flight have a few seconds to end. Interrupt again to stop at once.\n")


@contextmanager
def held_back() -> Iterator[None]:
    """Within this, SIGINT and SIGTERM wait."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
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
    """Within this, the first SIGINT or SIGTERM asks to stop, and the second stops at once."""
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
