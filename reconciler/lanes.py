"""Calls DisconnectUser for many users side by side, in a lane for each account and region, and records what is done.

Disconnect, then record: a crash may repeat a call, which does no harm, but never records a ban that was not enforced.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Final

from reconciler.bans import AccountRegion, BanKey, Record, account_region_of
from reconciler.errors import (
    AccessDenied,
    CallAbandoned,
    ChatError,
    RoomNotFound,
    RunError,
    ServiceFailed,
    StateError,
    Throttled,
)
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
"""Makes records durable. Called in the thread that runs `disconnect`."""


@dataclass(frozen=True, slots=True)
class Kick:
    """The calls that a change needs; it is done when all of them are.

    Attributes:
        change: what they are for.
        rooms: the ARNs of the rooms to disconnect the user from, each once.
        gone: those among them that need not exist any more: a call that finds no such room has nothing left to do.
    """

    change: Change
    rooms: Collection[str]
    gone: Collection[str] = ()


Recorded = Callable[[Change, Receipt | None, float], Record | None]
"""The record of a change whose calls are done: with the last receipt, if there was a call that needed one, and when the
first call began, in seconds on the monotonic clock."""


def disconnect(
    kicks: Sequence[Kick],
    recorded: Recorded,
    *,
    connect: Connect,
    keep: Keep,
    parallelism: int,
    stop: threading.Event,
    grace: float = GRACE,
    clock: Callable[[], float] = monotonic,
) -> Generator[Outcome | None]:
    """Disconnect users, and yield each outcome once it is recorded. If you stop iterating early, close the generator.

    While nothing ends it yields None now and then, so that whoever waits can say so.

    Calls to an account and region start in the order given, several side by side. A change without an outcome was not
    started: `stop` was set, or no call to its account and region could succeed.

    Args:
        kicks: whom to disconnect, and where.
        recorded: makes the record of a change that is done.
        connect: called once, before the first call, and not at all if there is none.
        keep: makes records durable.
        parallelism: how many calls may be in flight or not yet recorded in each account and region, at least 1.
        stop: once it is set, nothing new starts, and what is in flight may finish.
        grace: for how many seconds. A call that has not ended by then yields no outcome: the next run makes it again.
        clock: seconds, monotonic.

    Raises:
        ChatError: from `connect`, unless that says that it was stopped.
        Exception: whatever `keep` raises, after the calls in flight have ended; they yield no outcome.
    """
    if stop.is_set():
        return
    if done := [Outcome(kick.change, recorded(kick.change, None, clock())) for kick in kicks if not kick.rooms]:
        keep([(outcome.change.key, outcome.record) for outcome in done])
        yield from done
    progress = [_Progress(kick, recorded) for kick in kicks]
    calls = [_Call(each, room) for each in progress for room in each.kick.rooms]
    if not calls:
        return
    try:
        disconnect_user = connect({call.where for call in calls})
    except CallAbandoned:
        return
    finished: SimpleQueue[_Item] = SimpleQueue()
    lanes = {call.where: _Lane(disconnect_user, finished, stop, parallelism, clock) for call in calls}
    for call in calls:
        lanes[call.where].waiting.append(call)
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
    outcomes = [outcome for item in ended if (outcome := item.call.progress.after(item)) is not None]
    keep([(outcome.change.key, outcome.record) for outcome in outcomes if outcome.error is None])
    for item in ended:
        item.lane.unrecorded.release()
    return outcomes


class _Progress:
    """How many calls of a kick have ended, and how. Only the thread that collects them touches it."""

    def __init__(self, kick: Kick, recorded: Recorded) -> None:
        self.kick = kick
        self._recorded = recorded
        self._left = len(kick.rooms)
        self._began = math.inf
        self._receipt: Receipt | None = None
        self._error: ChatError | None = None

    def after(self, ended: "_Ended") -> Outcome | None:
        """The outcome of the change, if this call was its last."""
        self._left -= 1
        self._began = min(self._began, ended.began)
        self._receipt = ended.receipt or self._receipt
        self._error = self._error or ended.error
        if self._left:
            return None
        if self._error is not None:
            return Outcome(self.kick.change, error=self._error)
        return Outcome(self.kick.change, self._recorded(self.kick.change, self._receipt, self._began))


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a kick."""

    progress: _Progress
    room_arn: str

    @property
    def where(self) -> AccountRegion:
        return account_region_of(self.room_arn)


class _Lane:
    """The calls to one account and region, which share a quota and most of what can go wrong.

    They go one at a time until one shows that calls can succeed here, so that bad credentials cost a single call. A
    call counts as in flight until it is recorded: a crash repeats no more than `parallelism` of them.
    """

    def __init__(
        self,
        disconnect: Disconnect,
        finished: "SimpleQueue[_Item]",
        stop: threading.Event,
        parallelism: int,
        clock: Callable[[], float],
    ) -> None:
        self.waiting: deque[_Call] = deque()
        self.unrecorded = threading.Semaphore(parallelism)
        self._disconnect = disconnect
        self._finished = finished
        self._stop = stop
        self._parallelism = parallelism
        self._clock = clock
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
            ended = self._made(self.waiting.popleft())
        except (CallAbandoned, IndexError):  # nothing more may start, or there is nothing more
            self.unrecorded.release()
            return False
        self._finished.put(ended)
        return True

    def _made(self, call: _Call) -> "_Ended":
        """Make a call. Raises CallAbandoned."""
        began, kick = self._clock(), call.progress.kick
        reason = kick.change.after.reason if kick.change.after is not None else None
        try:
            receipt = self._disconnect(BanKey(call.room_arn, kick.change.key.user_id), reason)
        except CallAbandoned:
            raise
        except ChatError as error:
            if isinstance(error, RoomNotFound) and call.room_arn in kick.gone:
                self._open = True
                return _Ended(self, call, began)
            if isinstance(error, AccessDenied):
                self._denials += 1
            if error.hopeless or (self._denials >= DENIALS_TO_STOP and not self._open):
                self._give_up(error)
            elif not isinstance(error, AccessDenied | Throttled | ServiceFailed):
                self._open = True
            return _Ended(self, call, began, error=error)
        self._open = True
        return _Ended(self, call, began, receipt)

    def _give_up(self, error: ChatError) -> None:
        """Start nothing more. A change that needs other calls too has failed, and is not merely not started."""
        with suppress(IndexError):
            while True:
                call = self.waiting.popleft()
                if len(call.progress.kick.rooms) > 1:
                    self._finished.put(_Ended(self, call, self._clock(), error=error))


@dataclass(frozen=True, slots=True)
class _Ended:
    lane: _Lane
    call: _Call
    began: float
    receipt: Receipt | None = None
    error: ChatError | None = None


_Item = _Ended | BaseException | None
"""What a thread reports: a call that has ended, an error that is no `ChatError`, or None at its own end."""
