"""Enforcement: what is published, called, recorded and settled, and in which order."""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler import Ban, BanKey, BanList, Because, Change, Record, State, diff
from reconciler.banlist.value import DenylistSettings
from reconciler.bans import EVERYWHERE
from reconciler.denylist.value import Bans, Drift
from reconciler.enforce import SKEW, Clock, Enforcement
from reconciler.errors import DenylistChanged, DenylistError, DenylistUnwritable, RoomNotFound, RoomsUnknown
from reconciler.lanes import Kick, Recorded
from reconciler.plan.outcome import Outcome, Receipt
from reconciler.state.value import Place, Published
from tests.builders import FINALS, LOBBY, NOW, TOMORROW, YESTERDAY, Entry, ban, ban_list, recorded

TABLE = DenylistSettings("dynamodb://us-west-2/bans")
HERE = Published(Place(TABLE.location, "bans"), serial=7)
SETTLE_AFTER = 90


class World:
    """A denylist, a chat service and a state that remember in which order they were used. A call takes `seconds`."""

    def __init__(self, state: State, seconds: float = 0) -> None:
        self.state = replace(state, lineage=state.lineage or "lineage", published=HERE)
        self.events: list[str] = []
        self.published: dict[BanKey, datetime | None] = {}
        self.superseded: set[BanKey] = set()
        self.kicks: list[Kick] = []
        self.rooms_of_users: dict[str, Collection[str]] = {}
        self.named: Collection[str] = (LOBBY, FINALS)
        self.unpublishable: set[str] = set()
        self.failing: set[str] = set()
        self.stop = threading.Event()
        self.stop_after: str | None = None
        self.waited: list[tuple[int, float]] = []
        self.publishing_takes = 0.0
        self.monotonic = 1000.0
        self._seconds = seconds
        self._began = NOW

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self.monotonic - 1000)

    def did(self, event: str) -> None:
        self.events.append(event)
        if event == self.stop_after:
            self.stop.set()

    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Mapping[BanKey, DenylistError]:
        self.monotonic += self.publishing_takes
        failed: dict[BanKey, DenylistError] = {
            key: DenylistUnwritable("full") for key in (*entries, *remove) if key.user_id in self.unpublishable
        }
        for key, end in entries.items():
            if key not in failed:
                self.published[key] = end
                self.did(f"published {key.user_id}")
        for key in remove:
            if key not in failed:
                self.published.pop(key, None)
                self.did(f"withdrew {key.user_id}")
        self.superseded |= set(superseded)
        return failed

    def of(self, user_ids: Sequence[str]) -> Mapping[str, Collection[str]]:
        self.did(f"looked for {' '.join(user_ids)}")
        return {user_id: self.rooms_of_users.get(user_id, self.named) for user_id in user_ids}

    def disconnect(self, kicks: Sequence[Kick], record: Recorded) -> Generator[Outcome | None]:
        self.kicks += kicks
        for kick in kicks:
            if self.stop.is_set():
                return
            began = self.monotonic
            change = kick.change
            for room in kick.rooms:
                self.monotonic += self._seconds
                self.did(f"kicked {change.key.user_id}" + (f" from {room[-12:]}" if len(kick.rooms) > 1 else ""))
            if change.key.user_id in self.failing:
                yield Outcome(change, error=RoomNotFound("gone"))
                continue
            kept = record(change, Receipt(self.now(), "id"), began)
            self.keep([(change.key, kept)])
            yield None
            yield Outcome(change, kept)

    lineage = "lineage"
    lacked: Collection[BanKey] = ()

    def begin(self, lineage: str, changes: Collection[object]) -> None:
        self.did("began")

    def standing(self, state: State, *, complete: bool) -> Published:
        return replace(HERE, serial=8 if complete else 0)

    def end(self, state: State, *, complete: bool) -> None:
        self.did("ended" if complete else "left open")

    def publishing(self, published: Published) -> None:
        self.state = replace(self.state, published=published)

    def save(self, published: Published | None = None) -> None:
        kept = any(event.split()[0] in ("recorded", "forgot") for event in self.events)
        if published is None and kept:
            published = replace(self.state.published, serial=0)
        self.state = replace(self.state, published=published or self.state.published)
        self.did("saved")

    def keep(self, changes: Iterable[tuple[BanKey, Record | None]]) -> None:
        for key, record in changes:
            self.state = self.state.after([(key, record)])
            self.did(f"{'forgot' if record is None else 'recorded'} {key.user_id}")

    def waiting(self, bans: int, seconds: float) -> bool:
        self.waited.append((bans, seconds))
        self.monotonic += seconds
        return True

    def apply(
        self,
        changes: Sequence[Change],
        *,
        denylist: bool = True,
        waiting: Callable[[int, float], bool] | None = None,
        whole: bool = True,
    ) -> list[Outcome]:
        enforcement = Enforcement(
            ledger=self,
            disconnect=self.disconnect,
            find_rooms=lambda: self,
            clock=Clock(self.now, lambda: self.monotonic),
            stop=self.stop,
            denylist=self if denylist else None,
            settle_after=SETTLE_AFTER,
            waiting=waiting or self.waiting,
        )
        return [outcome for outcome in enforcement.carry_out(changes, whole=whole) if outcome is not None]

    @property
    def first(self) -> list[str]:
        """What was done for the changes, before the state was saved."""
        return [event for event in self.events[: self.events.index("saved")] if event != "began"]

    @property
    def then(self) -> list[str]:
        """What was done to settle."""
        return [event for event in self.events[self.events.index("saved") :] if event not in ("saved", "ended")]

    def record(self, user_id: str, room: str = LOBBY) -> Record:
        return self.state.records[BanKey(room, user_id)]


def listed(*bans: Entry) -> BanList:
    return replace(ban_list(*bans), denylist=TABLE)


def changes(world: World, *bans: Entry, drift: Drift | None = None, **options: Collection[BanKey]) -> Sequence[Change]:
    return diff(listed(*bans), world.state, NOW, drift=drift, **options).changes


def test_a_ban_is_published_then_called_then_recorded() -> None:
    world = World(State())
    world.apply(changes(world, ban("a", until=TOMORROW), ban("b")))
    assert world.first == ["published a", "published b", "kicked a", "recorded a", "kicked b", "recorded b"]
    assert world.published == {BanKey(LOBBY, "a"): TOMORROW, BanKey(LOBBY, "b"): None}


def test_a_lift_is_withdrawn_then_forgotten() -> None:
    world = World(recorded(ban("a")))
    world.apply(changes(world))
    assert world.first == ["withdrew a", "forgot a"]


def test_an_update_is_published_then_recorded_and_nobody_is_called() -> None:
    world = World(recorded(ban("a")))
    world.apply(changes(world, ban("a", until=TOMORROW)))
    assert world.first == ["published a", "recorded a"]
    assert world.published == {BanKey(LOBBY, "a"): TOMORROW}
    assert world.record("a").published_at is None


def test_without_a_denylist_bans_are_called_then_recorded_and_owe_nothing() -> None:
    world = World(State())
    world.apply(changes(world, ban("a")), denylist=False)
    assert world.first == ["kicked a", "recorded a"]
    assert world.record("a").published_at is None


def test_who_cannot_be_published_is_not_called_and_the_rest_goes_on() -> None:
    world = World(recorded(ban("stays"), ban("goes")))
    world.unpublishable = {"a", "stays"}
    outcomes = world.apply(changes(world, ban("a"), ban("b")))
    assert world.first == ["published b", "withdrew goes", "forgot goes", "kicked b", "recorded b"]
    assert {(outcome.change.key.user_id, type(outcome.error)) for outcome in outcomes} == {
        ("a", DenylistUnwritable),
        ("stays", DenylistUnwritable),
        ("goes", type(None)),
        ("b", type(None)),
    }


def test_a_provisional_entry_is_superseded_by_whatever_is_decided() -> None:
    world = World(recorded(ban("old")))
    world.apply(changes(world, ban("new")))
    assert world.superseded == {BanKey(LOBBY, "old"), BanKey(LOBBY, "new")}


def test_a_ban_that_ended_by_itself_supersedes_nothing() -> None:
    ended = ban("old", until=YESTERDAY)
    world = World(recorded(ended))
    world.apply(changes(world, ended))
    assert (world.first, world.superseded) == (["withdrew old", "forgot old"], set())


def test_what_is_merely_mended_supersedes_nothing() -> None:
    world = World(recorded(ban("a")))
    seen = Drift({BanKey(LOBBY, "a"): None}, {}, {}, (BanKey(LOBBY, "eve"),))
    world.apply(changes(world, ban("a"), drift=seen))
    assert (world.first, world.superseded) == (["published a", "withdrew eve", "recorded a"], set())


def test_an_update_that_is_published_after_its_old_end_came_near_is_a_ban() -> None:
    world = World(recorded(ban("a", until=NOW + timedelta(seconds=100))))
    planned = changes(world, ban("a"))
    assert [change.because for change in planned] == [Because.CHANGED]
    world.publishing_takes = 20
    outcome, _ = world.apply(planned)
    assert world.first == ["published a", "kicked a", "recorded a"]
    assert (outcome.change.because, world.record("a").ban) == (Because.LAPSED, Ban())


# Settling


def test_a_ban_settles_after_its_publication_was_acknowledged() -> None:
    world = World(State())
    world.publishing_takes = 7
    world.apply(changes(world, ban("a")))
    assert [*world.first, *world.then] == ["published a", "kicked a", "recorded a", "kicked a", "recorded a"]
    assert world.waited == [(1, SETTLE_AFTER)]
    assert world.record("a") == Record(Ban(), NOW + timedelta(seconds=7 + SETTLE_AFTER), "id")


def test_until_it_has_settled_its_record_says_when_it_was_published() -> None:
    world = World(State())
    world.publishing_takes = 7
    world.apply(changes(world, ban("a")), waiting=lambda _bans, _seconds: False)
    assert (world.first, world.then) == (["published a", "kicked a", "recorded a"], [])
    assert world.record("a").published_at == NOW + timedelta(seconds=7)


def test_a_first_call_that_comes_late_settles_at_once() -> None:
    world = World(State(), seconds=30)
    world.apply(changes(world, *(ban(f"{number}") for number in range(5))))
    # Those that began at 0, 30 and 60 seconds are owed a second call, those at 90 and 120 are not.
    assert [event for event in world.events if event.startswith("kicked")] == [
        *(f"kicked {number}" for number in range(5)),
        *(f"kicked {number}" for number in range(3)),
    ]
    assert world.waited == []
    assert not list(world.state.unsettled)


def test_a_repeat_is_published_and_settles_too() -> None:
    world = World(recorded(ban("a")))
    world.apply(changes(world, ban("a"), replace=[BanKey(LOBBY, "a")]))
    assert [*world.first, *world.then] == ["published a", "kicked a", "recorded a", "kicked a", "recorded a"]


def test_what_was_missing_is_published_recorded_as_owed_and_settled() -> None:
    world = World(recorded(ban("a", until=TOMORROW)))
    seen = Drift({BanKey(LOBBY, "a"): TOMORROW}, {}, {}, (BanKey(LOBBY, "eve"),))
    outcomes = world.apply(changes(world, ban("a", until=TOMORROW), drift=seen))
    assert [*world.first, *world.then] == ["published a", "withdrew eve", "recorded a", "kicked a", "recorded a"]
    assert [outcome.change.because for outcome in outcomes] == [Because.UNPUBLISHED, Because.UNKNOWN, Because.UNSETTLED]


@pytest.mark.parametrize("lacked", [True, False])
def test_what_was_missing_settles_also_if_its_terms_change_in_the_same_run(lacked: bool) -> None:
    world = World(recorded(ban("a", until=TOMORROW)))
    world.lacked = [BanKey(LOBBY, "a")] if lacked else []
    world.apply(changes(world, ban("a", reason="Spam", until=TOMORROW)))
    assert world.first == ["published a", "recorded a"]
    assert world.then == (["kicked a", "recorded a"] if lacked else [])
    assert world.record("a").ban == Ban("Spam", TOMORROW)


def test_a_ban_everywhere_settles_in_rooms_that_are_found_after_it_is_due() -> None:
    world = World(State(), seconds=30)
    world.apply(changes(world, *(ban(f"{number}", room=FINALS) for number in range(4)), ban("a", room=EVERYWHERE)))
    # The first calls for it come late enough, to rooms that were found too early.
    assert world.then == [
        *("looked for a", "kicked a from lobby0000000", "kicked a from finals000000", "recorded a"),
        *(event for number in range(3) for event in (f"kicked {number}", f"recorded {number}")),
    ]


def owing(published_at: datetime, *users: str) -> State:
    return State("lineage", 1, {BanKey(LOBBY, user): Record(Ban(), NOW, "id", published_at) for user in users})


@pytest.mark.parametrize(
    ("ago", "wait"),
    [(0, SETTLE_AFTER + 60), (100, SETTLE_AFTER + 60 - 100), (150, None), (99_999, None), (-3600, SETTLE_AFTER + 60)],
)
def test_a_later_run_allows_for_the_clock_of_the_earlier_one(ago: int, wait: float | None) -> None:
    assert timedelta(seconds=60) == SKEW
    world = World(owing(NOW - timedelta(seconds=ago), "a"))
    world.apply([])
    assert world.waited == ([] if wait is None else [(1, wait)])
    assert world.then == ["kicked a", "recorded a"]
    assert world.record("a").published_at is None


def test_each_is_settled_when_it_is_due_and_what_is_owed_from_before_comes_first() -> None:
    world = World(owing(NOW - timedelta(seconds=120), "old"))
    world.apply(changes(world, ban("old"), ban("new")))
    assert world.waited == [(2, 30), (1, 60)]
    assert world.then == ["kicked old", "recorded old", "kicked new", "recorded new"]


def test_a_second_call_that_fails_stays_owed() -> None:
    world = World(owing(YESTERDAY, "a", "b"))
    world.failing = {"a"}
    outcomes = world.apply([])
    assert [(outcome.change.key.user_id, outcome.error is None) for outcome in outcomes] == [("a", False), ("b", True)]
    assert list(world.state.unsettled) == [BanKey(LOBBY, "a")]


def test_a_ban_that_ends_before_it_settles_is_left_to_the_next_apply() -> None:
    ending = Record(Ban(None, NOW + timedelta(seconds=10)), NOW, "id", NOW)
    world = World(State("lineage", 1, {BanKey(LOBBY, "a"): ending}))
    assert world.apply([]) == []
    assert world.record("a") == ending


# Stopping


def test_a_stop_before_the_start_does_nothing() -> None:
    world = World(recorded(ban("old")))
    world.stop.set()
    assert world.apply(changes(world, ban("new"))) == []
    assert world.events == ["saved", "left open", "saved"]


def test_a_stop_while_publishing_records_nothing_that_was_not_done() -> None:
    world = World(recorded(ban("old")))
    world.stop_after = "published new"
    world.apply(changes(world, ban("new")))
    assert world.first == ["published new", "withdrew old"]


def test_a_stop_while_waiting_leaves_the_rest_owed() -> None:
    world = World(owing(NOW, "a"))

    def interrupted(_bans: int, _seconds: float) -> bool:
        world.stop.set()
        return True

    assert world.apply([], waiting=interrupted) == []
    assert list(world.state.unsettled) == [BanKey(LOBBY, "a")]


# What the state remembers, and when the publication ends


def test_the_publication_ends_once_the_state_is_saved_and_before_anybody_waits() -> None:
    world = World(State())
    world.apply(changes(world, ban("a")))
    assert world.events == [
        *("began", "published a", "kicked a", "recorded a", "saved", "ended"),
        *("kicked a", "recorded a", "saved"),
    ]
    assert world.state.published == replace(HERE, serial=8)


@pytest.mark.parametrize("trouble", ["unpublishable", "failing", "stopped", "part"])
def test_a_publication_that_is_not_all_there_is_left_open(trouble: str) -> None:
    world = World(State())
    if trouble == "unpublishable":
        world.unpublishable = {"b"}
    elif trouble == "failing":
        world.failing = {"b"}
    elif trouble == "stopped":
        world.stop_after = "recorded a"
    world.apply(changes(world, ban("a"), ban("b")), whole=trouble != "part")
    assert "left open" in world.events
    assert world.state.published == replace(HERE, serial=0)


def test_a_publication_that_somebody_else_has_ended_has_to_be_compared() -> None:
    class Overtaken(World):
        def end(self, state: State, *, complete: bool) -> None:
            raise DenylistChanged("somebody else was quicker")

    world = Overtaken(State())
    with pytest.raises(DenylistChanged):
        world.apply(changes(world, ban("a")))
    assert (list(world.state.records), world.state.published) == ([BanKey(LOBBY, "a")], replace(HERE, serial=0))


def test_what_is_done_without_the_denylist_has_to_be_compared_later() -> None:
    world = World(State())
    world.apply(changes(world, ban("a")), denylist=False)
    assert world.state.published == replace(HERE, serial=0)
    world = World(recorded(ban("a")))
    world.apply(changes(world, ban("a")), denylist=False)
    assert world.state.published == HERE


def test_what_was_done_before_an_error_is_saved() -> None:
    class Failing(World):
        def keep(self, changes: Iterable[tuple[BanKey, Record | None]]) -> None:
            if "recorded a" in self.events:
                raise OSError
            super().keep(changes)

    world = Failing(State())
    with pytest.raises(OSError):  # noqa: PT011 - that one
        world.apply(changes(world, ban("a"), ban("b")))
    assert world.events[-2:] == ["kicked b", "saved"]
    assert world.state.published == replace(HERE, serial=0)


# Everywhere


def test_who_is_banned_everywhere_is_looked_for_after_the_publication_and_again_before_settling() -> None:
    world = World(State())
    world.rooms_of_users = {"a": [FINALS]}
    world.apply(changes(world, ban("a", room=EVERYWHERE)))
    look, kick = "looked for a", "kicked a"
    assert [*world.first, *world.then] == ["published a", look, kick, "recorded a", look, kick, "recorded a"]


def test_a_late_first_call_to_rooms_that_were_found_early_settles_nobody() -> None:
    world = World(State(), seconds=100)
    world.rooms_of_users = {"a": [FINALS]}
    world.apply(changes(world, ban("b"), ban("a", room=EVERYWHERE)), waiting=lambda _bans, _seconds: False)
    assert world.first == [
        "published b",
        "published a",
        "looked for a",
        *("kicked b", "recorded b"),
        *("kicked a", "recorded a"),
    ]
    assert world.then == ["looked for a", "kicked a", "recorded a", "kicked b", "recorded b"]


def test_a_ban_everywhere_is_recorded_once_all_its_calls_are_done() -> None:
    world = World(State())
    world.apply(changes(world, ban("a", room=EVERYWHERE)))
    rooms = [f"kicked a from {room[-12:]}" for room in (LOBBY, FINALS)]
    assert world.first == ["published a", "looked for a", *rooms, "recorded a"]


def test_only_a_room_that_the_list_does_not_name_may_be_gone() -> None:
    world = World(State())
    elsewhere = "arn:aws:ivschat:us-west-2:123456789012:room/elsewhere"
    world.rooms_of_users = {"a": [LOBBY, elsewhere]}
    world.apply(changes(world, ban("a", room=EVERYWHERE), ban("b")))
    assert [(list(kick.rooms), set(kick.gone)) for kick in world.kicks[:2]] == [
        ([LOBBY, elsewhere], {elsewhere}),
        ([LOBBY], set()),
    ]


def test_if_the_rooms_cannot_be_found_out_only_bans_everywhere_fail() -> None:
    class Lost(World):
        def of(self, user_ids: Sequence[str]) -> Mapping[str, Collection[str]]:
            raise RoomsUnknown("no table")

    world = Lost(State())
    outcomes = world.apply(changes(world, ban("a", room=EVERYWHERE), ban("b")))
    assert [(outcome.change.key.user_id, type(outcome.error)) for outcome in outcomes[:2]] == [
        ("a", RoomsUnknown),
        ("b", type(None)),
    ]
    assert world.first == ["published a", "published b", "kicked b", "recorded b"]
