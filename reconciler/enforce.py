"""Runs the changes of a plan. What it does to the world is passed in.

Disconnect, then record: a crash may repeat a call, which does no harm; it never records a ban that was not enforced.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

from reconciler.bans import AccountRegion, BanKey, Record, account_region_of
from reconciler.errors import AccessDenied, CallAbandoned, ChatError, RunError, StateError
from reconciler.plan.change import Change
from reconciler.plan.outcome import Outcome, Receipt

# So many denials, with nothing allowed in that account and region, and the rest will be denied too.
DENIALS_TO_STOP: Final = 5


Disconnect = Callable[[BanKey, str | None], Receipt]
"""Ends all connections of a user in a room, for a reason that the room sees. Raises `ChatError`. Called in threads."""

Save = Callable[[Sequence[tuple[BanKey, Record | None]]], None]
"""Makes records durable. Called in the thread that runs `run`."""


def run(
    changes: Sequence[Change], *, disconnect: Disconnect, record: Save, parallelism: int, stop: threading.Event
) -> Generator[Outcome]:
    """Carry out changes, and yield each outcome once it is recorded. Whoever stops iterating early closes it.

    The calls of one account and region start in the order of the plan; several go side by side. What yields no outcome
    was not started: `stop` was set, or its account and region turned out hopeless.

    Args:
        changes: of a plan.
        disconnect: the call.
        record: makes records durable.
        parallelism: how many calls may be in flight or not yet recorded in each account and region, at least 1.
        stop: once set, nothing new starts; what is in flight is finished.

    Raises:
        Exception: whatever `record` raises, after the calls in flight have ended; no outcome is yielded for these.
    """
    still = [change for change in changes if not change.disconnects]
    if still and not stop.is_set():
        done = [Outcome(change, change.record()) for change in still]
        record([(outcome.change.key, outcome.record) for outcome in done])
        yield from done

    finished: SimpleQueue[_Item] = SimpleQueue()
    lanes: dict[AccountRegion, _Lane] = {}
    for change in changes:
        if change.disconnects:
            endpoint = account_region_of(change.key.room_arn)
            if endpoint not in lanes:
                lanes[endpoint] = _Lane(disconnect, finished, stop, parallelism)
            lanes[endpoint].waiting.append(change)
    started: list[threading.Thread] = []

    def end() -> None:
        for lane in lanes.values():
            lane.close()
        for thread in started:
            thread.join()

    try:
        for lane in lanes.values():
            started += lane.start_threads()
        yield from _collect(finished, len(started), record)
    except BaseException:  # `record` has failed, or the caller goes away: what is in flight is recorded if it can be
        end()
        with suppress(StateError):
            _record(_all_there_is(finished), record)
        raise
    end()


def _collect(finished: "SimpleQueue[_Item]", workers: int, record: Save) -> Iterator[Outcome]:
    while workers:
        group = [finished.get(), *_all_there_is(finished)]  # made durable with one write
        yield from _record(group, record)
        for item in group:
            if isinstance(item, BaseException):
                raise item
        workers -= group.count(None)


def _all_there_is(queue: "SimpleQueue[_Item]") -> Iterator["_Item"]:
    with suppress(Empty):
        while True:
            yield queue.get_nowait()


def _record(group: Iterable["_Item"], record: Save) -> list[Outcome]:
    ended = [item for item in group if isinstance(item, _Ended)]
    record([(item.outcome.change.key, item.outcome.record) for item in ended if item.outcome.error is None])
    for item in ended:
        item.lane.unrecorded.release()
    return [item.outcome for item in ended]


class _Lane:
    """The calls to one account and region: they share a quota, and much of what can go wrong.

    They go one at a time until one shows that calls can succeed here, so that bad credentials cost one call, not as
    many as go side by side. A call counts as in flight until it is recorded: a crash repeats no more than that.
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
        """Start as many threads as there may be calls in flight, or as the machine lets us have.

        Raises:
            RunError: it lets us have none.
        """
        for number in range(min(self._parallelism, len(self.waiting))):
            thread = threading.Thread(target=self._work, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # "can't start new thread": memory, or a limit on processes
                if number:
                    return
                raise RunError(
                    "This machine starts no more threads. Apply again with a lower --parallelism."
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
        """Carry out the change that is next; False when there is none."""
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
            elif not isinstance(error, AccessDenied):
                self._open = True
            return Outcome(change, error=error)
        self._open = True
        return Outcome(change, change.record(receipt.disconnected_at, receipt.request_id))


@dataclass(frozen=True, slots=True)
class _Ended:
    lane: _Lane
    outcome: Outcome


_Item = _Ended | BaseException | None
"""What a thread reports: a change that has ended, an error that is no `ChatError`, or None at its own end."""
