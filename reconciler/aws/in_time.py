"""Waits for what cannot be interrupted, such as a resolver, or a program that is to print credentials."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from time import monotonic
from typing import Final, TypeVar

from reconciler.errors import CallAbandoned, RunError

_LOOK: Final = 0.1  # seconds

T = TypeVar("T")


def in_time(work: Callable[[], T], seconds: float, *, stopped: Callable[[], bool] = lambda: False) -> "Future[T]":
    """What became of `work`, which runs in a thread of its own. If it takes too long, the thread is left behind.

    Raises:
        TimeoutError: it has not ended after so many seconds.
        CallAbandoned: the run was stopped meanwhile.
        RunError: the machine allows no more threads.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
            done.set_exception(error)

    try:
        Thread(target=run, daemon=True).start()
    except RuntimeError as error:
        raise RunError("This machine cannot start more threads.") from error
    end = monotonic() + seconds
    while not done.done():
        if stopped():
            raise CallAbandoned("The run was stopped before this call left.")
        left = end - monotonic()
        if left <= 0:
            raise TimeoutError
        wait([done], min(_LOOK, left))
    return done
