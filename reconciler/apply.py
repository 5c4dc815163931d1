"""Runs the changes of a plan. What it does to the world is passed in.

Disconnect, then record: a crash may repeat a call, which does no harm; it never records a ban that was not enforced.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Final

from reconciler.bans import BanKey, Endpoint, Record, endpoint_of
from reconciler.errors import AccessDenied, CallAbandoned, ChatError
from reconciler.outcome import Outcome, Receipt
from reconciler.plan import Change

# So many denials, with nothing allowed in that account and region, and the rest will be denied too.
DENIALS_TO_STOP: Final = 5


Disconnect = Callable[[BanKey, str | None], Receipt]
"""Ends all connections of a user in a room, for a reason that the room sees. Raises `ChatError`. Called in threads."""

Save = Callable[[Sequence[tuple[BanKey, Record | None]]], None]
"""Makes records durable. Called in the thread that runs `run`."""


def run(
    changes: Sequence[Change], *, disconnect: Disconnect, record: Save, parallelism: int, stop: threading.Event
) -> Iterator[Outcome]:
    """Carry out changes, and yield each outcome once it is recorded.

    The calls of one account and region start in the order of the plan; several go side by side. What yields no outcome
    was not started: `stop` was set, or its account and region turned out hopeless.

    Args:
        changes: of a plan.
        disconnect: the call.
        record: makes records durable.
        parallelism: how many calls may be in flight in each account and region, at least 1.
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
    lanes: dict[Endpoint, _Lane] = {}
    for change in changes:
        if change.disconnects:
            endpoint = endpoint_of(change.key.room_arn)
            lanes.setdefault(endpoint, _Lane(disconnect, finished, stop)).waiting.append(change)
    threads = [
        threading.Thread(target=lane.work, daemon=True)
        for lane in lanes.values()
        for _ in range(min(parallelism, len(lane.waiting)))
    ]
    for thread in threads:
        thread.start()
    try:
        yield from _collect(finished, len(threads), record)
    finally:
        # Also when `record` fails or the caller goes away: nobody is disconnected who could not be recorded.
        for lane in lanes.values():
            lane.waiting.clear()
        for thread in threads:
            thread.join()


_Item = Outcome | BaseException | None
"""What a thread reports: an outcome, an error that is no `ChatError`, or None at its end."""


def _collect(finished: "SimpleQueue[Outcome | BaseException | None]", workers: int, record: Save) -> Iterator[Outcome]:
    while workers:
        group: list[_Item] = [finished.get()]
        _take_all(finished, group)
        outcomes = [item for item in group if isinstance(item, Outcome)]
        record([(outcome.change.key, outcome.record) for outcome in outcomes if outcome.error is None])
        yield from outcomes
        for item in group:
            if isinstance(item, BaseException):
                raise item
        workers -= group.count(None)


def _take_all(queue: "SimpleQueue[_Item]", group: list[_Item]) -> None:
    """Append to `group` all that can be had from the queue at once: it is made durable with one write."""
    while True:
        try:
            group.append(queue.get_nowait())
        except Empty:
            return


class _Lane:
    """The calls to one account and region: they share a quota, and much of what can go wrong.

    They go one at a time until one shows that calls can succeed here, so that bad credentials cost one call, not as
    many as go side by side.
    """

    def __init__(self, disconnect: Disconnect, finished: "SimpleQueue[_Item]", stop: threading.Event) -> None:
        self.waiting: deque[Change] = deque()
        self._disconnect = disconnect
        self._finished = finished
        self._stop = stop
        self._one_at_a_time = threading.Lock()
        self._open = False
        self._denials = 0

    def work(self) -> None:
        """One of the threads of this lane."""
        try:
            while self._next():
                pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for us
            self._finished.put(error)
        finally:
            self._finished.put(None)

    def _next(self) -> bool:
        """Carry out the change that is next; False when there is none."""
        if self._open:
            return self._carry_out()
        with self._one_at_a_time:
            return self._carry_out()

    def _carry_out(self) -> bool:
        if self._stop.is_set():
            return False
        try:
            change = self.waiting.popleft()
        except IndexError:
            return False
        outcome = self._outcome(change)
        if outcome is None:
            return False
        self._finished.put(outcome)
        return True

    def _outcome(self, change: Change) -> Outcome | None:
        try:
            receipt = self._disconnect(change.key, change.after.reason if change.after is not None else None)
        except CallAbandoned:
            return None
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
