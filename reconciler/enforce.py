"""Carries out the changes of a plan. Its effects on the world are passed in.

Disconnect, then record: a crash may repeat a call, which does no harm, but never records a ban that was not enforced.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from reconciler.bans import AccountRegion, BanKey, Record, account_region_of
from reconciler.errors import AccessDenied, CallAbandoned, ChatError, RunError, ServiceFailed, StateError, Throttled
from reconciler.plan.change import Change
from reconciler.plan.outcome import Outcome, Receipt

DENIALS_TO_STOP: Final = 5  # if the first calls to an account and region are denied, so will be the rest
GRACE: Final = 3.0  # seconds that calls in flight have to end after a stop
LOOK: Final = 0.25  # seconds

Disconnect = Callable[[BanKey, str | None], Receipt]
"""Ends all connections of a user in a room, for a reason that the room sees. Raises `ChatError`. Called in threads."""

Connect = Callable[[Collection[AccountRegion]], Disconnect]
"""Gets ready to call these accounts and regions. Raises `ChatError` if no call to one of them can succeed."""

Keep = Callable[[Sequence[tuple[BanKey, Record | None]]], None]
"""Makes records durable. Called in the thread that runs `enforce`."""


def enforce(
    changes: Sequence[Change],
    *,
    connect: Connect,
    keep: Keep,
    parallelism: int,
    stop: threading.Event,
    grace: float = GRACE,
) -> Generator[Outcome | None]:
    """Carry out changes, and yield each outcome once it is recorded. If you stop iterating early, close the generator.

    While nothing ends it yields None now and then, so that whoever waits can say so.

    Changes of the record alone come first. Then calls to an account and region start in the order of the plan, several
    side by side. A change without an outcome was not started: `stop` was set, or no call to its account and region
    could succeed.

    Args:
        changes: of a plan.
        connect: called once, before the first call, and not at all if there is none.
        keep: makes records durable.
        parallelism: how many calls may be in flight or not yet recorded in each account and region, at least 1.
        stop: once it is set, nothing new starts, and what is in flight may finish.
        grace: for how many seconds. A call that has not ended by then yields no outcome: the next run makes it again.

    Raises:
        ChatError: from `connect`, unless that says that it was stopped.
        Exception: whatever `keep` raises, after the calls in flight have ended; they yield no outcome.
    """
    if stop.is_set():
        return
    if done := [Outcome(change, change.recorded()) for change in changes if not change.disconnects]:
        keep([(outcome.change.key, outcome.record) for outcome in done])
        yield from done
    calls = [(account_region_of(change.key.room_arn), change) for change in changes if change.disconnects]
    if not calls:
        return
    try:
        disconnect = connect({where for where, _ in calls})
    except CallAbandoned:
        return
    finished: SimpleQueue[_Item] = SimpleQueue()
    lanes: dict[AccountRegion, _Lane] = {}
    for where, change in calls:
        if where not in lanes:
            lanes[where] = _Lane(disconnect, finished, stop, parallelism)
        lanes[where].waiting.append(change)
    threads: list[threading.Thread] = []
    try:
        for lane in lanes.values():
            threads += lane.start_threads()
        busy = yield from _collect(finished, len(threads), keep, stop, grace)
    except BaseException:  # `keep` failed, or the caller went away: record what is in flight, if that can be done
        _end(lanes.values(), threads, grace)
        with suppress(StateError):
            _keep(_all_there_is(finished), keep)
        raise
    _end(lanes.values(), threads, 0 if busy else grace)


def _end(lanes: Iterable["_Lane"], threads: Iterable[threading.Thread], seconds: float) -> None:
    """Let nothing more start, and wait for the threads; those that are stuck are left behind."""
    for lane in lanes:
        lane.close()
    until = monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - monotonic()))


def _collect(
    finished: "SimpleQueue[_Item]", workers: int, keep: Keep, stop: threading.Event, grace: float
) -> Generator[Outcome | None, None, int]:
    """Yield outcomes as they come, until all workers have ended or the grace is over; returns how many have not."""
    until: float | None = None
    while workers:
        try:
            group = [finished.get(timeout=LOOK), *_all_there_is(finished)]  # made durable with one write
        except Empty:
            if stop.is_set():
                until = monotonic() + grace - LOOK if until is None else until
                if monotonic() >= until:
                    break
            yield None
            continue
        yield from _keep(group, keep)
        for item in group:
            if isinstance(item, BaseException):
                raise item
        workers -= group.count(None)
    return workers


def _all_there_is(queue: "SimpleQueue[_Item]") -> Iterator["_Item"]:
    with suppress(Empty):
        while True:
            yield queue.get_nowait()


def _keep(group: Iterable["_Item"], keep: Keep) -> list[Outcome]:
    ended = [item for item in group if isinstance(item, _Ended)]
    keep([(item.outcome.change.key, item.outcome.record) for item in ended if item.outcome.error is None])
    for item in ended:
        item.lane.unrecorded.release()
    return [item.outcome for item in ended]


class _Lane:
    """The calls to one account and region, which share a quota and most of what can go wrong.

    They go one at a time until one shows that calls can succeed here, so that bad credentials cost a single call. A
    call counts as in flight until it is recorded: a crash repeats no more than `parallelism` of them.
    """

    def __init__(
        self, disconnect: Disconnect, finished: "SimpleQueue[_Item]", stop: threading.Event, parallelism: int
    ) -> None:
        self.waiting: deque[Change] = deque()
        self.unrecorded = threading.Semaphore(parallelism)
        self._disconnect = disconnect
        self._finished = finished
        self._stop = stop
        self._parallelism = parallelism
        self._one_at_a_time = threading.Lock()
        self._open = False
        self._denials = 0

    def start_threads(self) -> Iterator[threading.Thread]:
        """Start a thread for each call that may be in flight, or as many as the machine allows.

        Raises:
            RunError: it allows none.
        """
        for number in range(min(self._parallelism, len(self.waiting))):
            thread = threading.Thread(target=self._work, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # "can't start new thread": memory, or a limit on processes
                if number:
                    return
                raise RunError(
                    "This machine cannot start more threads. Apply again with a lower --parallelism."
                ) from error
            yield thread

    def close(self) -> None:
        """Let nothing more start."""
        self.waiting.clear()
        self.unrecorded.release(self._parallelism)

    def _work(self) -> None:
        try:
            while self._next():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for us
            self._finished.put(error)
        finally:
            self._finished.put(None)

    def _next(self) -> bool:
        """Carry out the next change; False when there is none."""
        self.unrecorded.acquire()
        if not self._open:
            with self._one_at_a_time:
                if not self._open:
                    return self._carry_out()
        return self._carry_out()

    def _carry_out(self) -> bool:
        try:
            if self._stop.is_set():
                raise CallAbandoned("stopped")
            outcome = self._outcome(self.waiting.popleft())
        except (CallAbandoned, IndexError):  # nothing more may start, or there is nothing more
            self.unrecorded.release()
            return False
        self._finished.put(_Ended(self, outcome))
        return True

    def _outcome(self, change: Change) -> Outcome:
        try:
            receipt = self._disconnect(change.key, change.after.reason if change.after is not None else None)
        except CallAbandoned:
            raise
        except ChatError as error:
            if isinstance(error, AccessDenied):
                self._denials += 1
            if error.hopeless or (self._denials >= DENIALS_TO_STOP and not self._open):
                self.waiting.clear()
            elif not isinstance(error, AccessDenied | Throttled | ServiceFailed):
                self._open = True
            return Outcome(change, error=error)
        self._open = True
        return Outcome(change, change.recorded(receipt.disconnected_at, receipt.request_id))


@dataclass(frozen=True, slots=True)
class _Ended:
    lane: _Lane
    outcome: Outcome


_Item = _Ended | BaseException | None
"""What a thread reports: a change that has ended, an error that is no `ChatError`, or None at its own end."""
