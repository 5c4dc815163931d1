"""Calls side by side: what is called, in which order it is recorded, and what happens when something goes wrong."""

import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from typing import Any

import pytest

from reconciler import Ban, BanKey, Record, State, diff
from reconciler.bans import EVERYWHERE, AccountRegion
from reconciler.errors import (
    AccessDenied,
    CallAbandoned,
    ChatError,
    CredentialsRejected,
    EndpointUnreachable,
    RoomNotFound,
    RunError,
    ServiceFailed,
    Stalled,
    StateUnwritable,
    Throttled,
)
from reconciler.lanes import DENIALS_TO_STOP, Disconnect, Kick, disconnect
from reconciler.plan.change import Change
from reconciler.plan.outcome import Outcome, Receipt
from tests.builders import FINALS, LOBBY, NOW, ban, ban_list, many, recorded

RECEIPT = Receipt(NOW, "id")


def recording(change: Change, receipt: Receipt | None, _began: float) -> Record | None:
    return change.recorded(receipt.disconnected_at, receipt.request_id) if receipt is not None else change.recorded()


def enforce(changes: Sequence[Change], **options: Any) -> Generator[Outcome | None]:
    """Disconnect the user of each change from its room."""
    return disconnect([Kick(change, [change.key.room_arn]) for change in changes], recording, **options)


class World:
    """Takes calls and records, and remembers both in the order in which they came."""

    def __init__(self, answer: Callable[[BanKey], object] = lambda _key: None) -> None:
        self.events: list[tuple[str, str]] = []
        self.reasons: dict[BanKey, str | None] = {}
        self.connected: list[Collection[AccountRegion]] = []
        self.stop = threading.Event()
        self._answer = answer
        self.grace = 10.0

    def connect(self, places: Collection[AccountRegion]) -> Disconnect:
        self.connected.append(places)
        return self.disconnect

    def disconnect(self, key: BanKey, reason: str | None) -> Receipt:
        self._answer(key)
        self.events.append(("called", key.user_id))
        self.reasons[key] = reason
        return RECEIPT

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        self.events += [("recorded", key.user_id) for key, _ in changes]

    def run(self, changes: Sequence[Change], parallelism: int = 4) -> list[Outcome]:
        run = enforce(
            changes, connect=self.connect, keep=self.keep, parallelism=parallelism, stop=self.stop, grace=self.grace
        )
        return [outcome for outcome in run if outcome is not None]

    def did(self, what: str) -> list[str]:
        return [user_id for event, user_id in self.events if event == what]


def raising(error: ChatError, *users: str) -> Callable[[BanKey], None]:
    def answer(key: BanKey) -> None:
        if not users or key.user_id in users:
            raise error

    return answer


def planned(*bans: tuple[BanKey, object]) -> Sequence[Change]:
    return diff(ban_list(*bans), State(), NOW).changes  # type: ignore[arg-type]


def test_a_ban_is_called_with_its_reason_and_then_recorded() -> None:
    world = World()
    key, terms = ban("zed", reason="Spam")
    [outcome] = world.run(planned((key, terms)))
    assert world.reasons == {key: "Spam"}
    assert world.events == [("called", "zed"), ("recorded", "zed")]
    assert outcome.record == Record(terms, NOW, "id")


def test_calls_start_in_the_order_of_the_plan() -> None:
    world = World()
    world.run(planned(*many(50)), parallelism=1)
    assert world.did("called") == [f"user{number}" for number in range(50)]


def test_every_call_of_a_parallel_run_is_made_and_recorded_once() -> None:
    world = World()
    outcomes = world.run(planned(*many(500)), parallelism=16)
    everybody = sorted(f"user{number}" for number in range(500))
    assert sorted(world.did("called")) == sorted(world.did("recorded")) == everybody
    assert len(outcomes) == 500


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    lock, in_flight, most = threading.Lock(), 0, 0
    gate = threading.Barrier(3, timeout=60)

    def answer(key: BanKey) -> None:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        if key.user_id == "user0":  # the first goes alone, while the others wait for how it ends
            time.sleep(0.1)
        else:
            gate.wait()  # three at a time, or nobody goes on
        with lock:
            in_flight -= 1

    World(answer).run(planned(*many(31)), parallelism=3)
    assert most == 3


def test_a_failed_ban_is_reported_and_the_others_still_run() -> None:
    world = World(raising(RoomNotFound("gone"), "user1"))
    outcomes = world.run(planned(*many(4)))
    assert sorted(world.did("recorded")) == ["user0", "user2", "user3"]
    assert [outcome.change.key.user_id for outcome in outcomes if outcome.error] == ["user1"]


def test_bad_credentials_cost_one_call_and_stop_the_rest() -> None:
    calls = []

    def answer(key: BanKey) -> None:
        calls.append(key)
        raise CredentialsRejected("expired")

    world = World(answer)
    outcomes = world.run(planned(*many(100)), parallelism=16)
    assert len(calls) == len(outcomes) == 1
    assert world.did("recorded") == []


@pytest.mark.parametrize("error", [EndpointUnreachable("no route"), Stalled("no success for a minute")])
def test_a_region_where_nothing_can_succeed_does_not_stop_another(error: ChatError) -> None:
    def answer(key: BanKey) -> None:
        if key.room_arn == LOBBY:
            raise error

    world = World(answer)
    finals = [ban(f"f{number}", room=FINALS) for number in range(5)]
    outcomes = world.run(planned(*many(50), *finals))
    assert sorted(world.did("recorded")) == [f"f{number}" for number in range(5)]
    assert len(outcomes) == 6


@pytest.mark.parametrize("error", [Throttled("429"), ServiceFailed("500"), AccessDenied("no")])
def test_until_a_call_shows_that_calls_can_succeed_they_go_one_at_a_time(error: ChatError) -> None:
    lock = threading.Lock()

    def answer(_key: BanKey) -> None:
        assert lock.acquire(blocking=False)
        time.sleep(0.01)
        lock.release()
        raise error

    assert len(World(answer).run(planned(*many(5)), parallelism=16)) == 5


def test_denied_everywhere_stops_after_a_handful() -> None:
    outcomes = World(raising(AccessDenied("no"))).run(planned(*many(1000)), parallelism=16)
    assert len(outcomes) == DENIALS_TO_STOP


def test_denied_here_and_there_stops_nothing() -> None:
    denied = [f"user{number}" for number in range(1, 100, 2)]
    world = World(raising(AccessDenied("no"), *denied))
    outcomes = world.run(planned(*many(100)))
    assert len(outcomes) == 100
    assert len(world.did("recorded")) == 50


def test_nothing_new_starts_after_a_stop_and_what_was_in_flight_is_recorded() -> None:
    world = World()

    def answer(key: BanKey) -> None:
        if key.user_id == "user7":
            world.stop.set()

    world._answer = answer
    outcomes = world.run(planned(*many(1000)), parallelism=2)
    assert sorted(world.did("called")) == sorted(world.did("recorded"))
    assert 8 <= len(outcomes) <= 9


def test_a_call_that_does_not_end_after_a_stop_is_left_behind_and_never_recorded() -> None:
    before = threading.active_count()
    over = threading.Event()
    world = World()

    def answer(key: BanKey) -> None:
        if key.user_id != "user0":
            world.stop.set()
            over.wait(timeout=60)

    world._answer = answer
    world.grace = 0.1
    outcomes = world.run(planned(*many(100)), parallelism=4)
    assert [outcome.change.key.user_id for outcome in outcomes] == ["user0"]
    over.set()
    while threading.active_count() > before:  # the threads end all the same
        time.sleep(0.01)
    assert world.did("called")[:2] == ["user0", "user1"]
    assert world.did("recorded") == ["user0"]


def test_an_answer_that_comes_within_the_grace_is_recorded() -> None:
    world = World()

    def answer(_key: BanKey) -> None:
        world.stop.set()
        time.sleep(0.6)  # longer than anything else waits

    world._answer = answer
    assert len(world.run(planned(*many(10)), parallelism=1)) == 1
    assert world.did("recorded") == ["user0"]


def test_a_stop_while_connecting_does_nothing() -> None:
    world = World()

    def connect(_places: Collection[AccountRegion]) -> Disconnect:
        raise CallAbandoned("stopped")

    assert list(enforce(planned(*many(3)), connect=connect, keep=world.keep, parallelism=2, stop=world.stop)) == []
    assert world.events == []


def test_while_nothing_ends_that_is_said_now_and_then() -> None:
    over = threading.Event()
    world = World(lambda _key: over.wait(timeout=60))
    run = enforce(planned(*many(1)), connect=world.connect, keep=world.keep, parallelism=1, stop=world.stop)
    assert [next(run), next(run)] == [None, None]
    over.set()
    assert [outcome.error for outcome in run if outcome is not None] == [None]


def test_when_records_cannot_be_written_a_call_that_does_not_end_is_left_behind() -> None:
    over = threading.Event()

    def answer(key: BanKey) -> None:
        if key.user_id != "user0":
            over.wait(timeout=60)

    def keep(_changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        raise StateUnwritable("disk full")

    run = enforce(
        planned(*many(9)), connect=World(answer).connect, keep=keep, parallelism=4, stop=threading.Event(), grace=0.1
    )
    with pytest.raises(StateUnwritable):
        list(run)
    over.set()


def test_a_call_that_was_abandoned_counts_as_not_started() -> None:
    world = World(raising(CallAbandoned("stopped"), "user2"))
    assert len(world.run(planned(*many(3)), parallelism=1)) == 2


def test_a_stop_before_the_start_does_nothing() -> None:
    world = World()
    world.stop.set()
    assert world.run(diff(ban_list(ban("a")), recorded(ban("b")), NOW).changes) == []
    assert world.events == []


def test_when_records_cannot_be_written_nobody_else_is_disconnected() -> None:
    refused = threading.Event()

    def answer(key: BanKey) -> None:
        if key.user_id == "user5":
            refused.wait(timeout=60)

    def keep(_changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        refused.set()
        raise StateUnwritable("disk full")

    world = World(answer)
    run = enforce(planned(*many(1000)), connect=world.connect, keep=keep, parallelism=1, stop=threading.Event())
    reported: list[Outcome] = []
    with pytest.raises(StateUnwritable):
        reported.extend(outcome for outcome in run if outcome is not None)
    assert reported == []
    assert len(world.did("called")) < 1000


def test_an_error_that_nobody_foresaw_comes_out() -> None:
    before = threading.active_count()

    def answer(_key: BanKey) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        World(answer).run(planned(*many(10)))
    assert threading.active_count() == before


def test_a_crash_can_repeat_no_more_calls_than_go_side_by_side() -> None:
    world = World()
    most_unrecorded = 0

    def keep(changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        nonlocal most_unrecorded
        time.sleep(0.001)  # a slow disk
        most_unrecorded = max(most_unrecorded, len(world.did("called")) - len(world.did("recorded")))
        world.keep(changes)

    list(enforce(planned(*many(300)), connect=world.connect, keep=keep, parallelism=4, stop=threading.Event()))
    assert most_unrecorded <= 4
    assert len(world.did("recorded")) == 300


def test_when_the_caller_goes_away_what_is_in_flight_is_recorded_and_nothing_more_starts() -> None:
    before = threading.active_count()
    world = World()
    run = enforce(planned(*many(1000)), connect=world.connect, keep=world.keep, parallelism=4, stop=world.stop)
    next(run)
    run.close()
    assert sorted(world.did("called")) == sorted(world.did("recorded"))
    assert len(world.did("called")) < 1000
    assert threading.active_count() == before


def test_with_fewer_threads_than_asked_for_everything_is_still_done(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(2))
    start = threading.Thread.start

    def scarce(self: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    world = World()
    assert len(world.run(planned(*many(100)), parallelism=50)) == 100


def test_without_any_thread_nobody_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    world = World()
    with pytest.raises(RunError, match="lower --parallelism"):
        world.run(planned(*many(100)))
    assert world.events == []


# Changes that need several calls


def everywhere(user_id: str, *rooms: str, gone: Collection[str] = ()) -> Kick:
    [change] = diff(ban_list(ban(user_id, room=EVERYWHERE)), State(), NOW).changes
    return Kick(change, rooms, gone)


def kicked(world: World, *kicks: Kick, **options: Any) -> list[Outcome]:
    run = disconnect(
        kicks, recording, connect=world.connect, keep=world.keep, parallelism=4, stop=world.stop, **options
    )
    return [outcome for outcome in run if outcome is not None]


def test_a_change_is_recorded_once_after_the_last_of_its_calls() -> None:
    world = World()
    [outcome] = kicked(world, everywhere("zed", LOBBY, FINALS))
    assert world.events == [("called", "zed"), ("called", "zed"), ("recorded", "zed")]
    assert set(world.reasons) == {BanKey(LOBBY, "zed"), BanKey(FINALS, "zed")}
    assert (outcome.error, outcome.record) == (None, Record(Ban(), NOW, "id"))


def test_a_change_has_failed_if_one_of_its_calls_has() -> None:
    def answer(key: BanKey) -> None:
        if key.room_arn == LOBBY:
            raise RoomNotFound("gone")

    world = World(answer)
    [outcome] = kicked(world, everywhere("zed", LOBBY, FINALS))
    assert (type(outcome.error), world.did("recorded")) == (RoomNotFound, [])


def test_a_room_that_may_be_gone_and_is_gone_has_nothing_left_to_do() -> None:
    world = World(raising(RoomNotFound("gone")))
    [done] = kicked(world, everywhere("zed", LOBBY, gone={LOBBY}))
    assert (done.error, done.record) == (None, Record(Ban()))
    [failed] = kicked(world, everywhere("zed", LOBBY, FINALS, gone={LOBBY}))
    assert isinstance(failed.error, RoomNotFound)


def test_a_user_who_is_nowhere_is_recorded_without_a_call() -> None:
    world = World()
    [outcome] = kicked(world, everywhere("zed"))
    assert (world.events, world.connected) == ([("recorded", "zed")], [])
    assert outcome.record == Record(Ban())


def test_the_record_knows_when_the_first_call_began() -> None:
    began: list[float] = []

    def noting(change: Change, receipt: Receipt | None, first: float) -> Record | None:
        began.append(first)
        return recording(change, receipt, first)

    ticks = iter(range(100))
    world = World()
    run = disconnect(
        [everywhere("zed", LOBBY, FINALS)],
        noting,
        connect=world.connect,
        keep=world.keep,
        parallelism=1,
        stop=world.stop,
        clock=lambda: float(next(ticks)),
    )
    list(run)
    assert began == [0.0]


def test_where_no_call_can_succeed_a_change_with_several_has_failed_and_says_why() -> None:
    world = World(raising(CredentialsRejected("expired")))
    outcomes = kicked(world, everywhere("a", LOBBY, FINALS), everywhere("b", LOBBY, FINALS))
    assert sorted((outcome.change.key.user_id, str(outcome.error)) for outcome in outcomes) == [
        ("a", "expired"),
        ("b", "expired"),
    ]
