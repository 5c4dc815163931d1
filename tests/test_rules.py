"""Which rule keeps what from going wrong.

Each test plays a scenario twice in the world of `tests/holding_model.py`: as it is, where bans hold; and with one rule
taken away, where something goes wrong, and the test says what.

Where two rules keep the same thing from going wrong, one of them is taken away on both sides (`beside`), and the test
says which.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest import MonkeyPatch  # noqa: PT013 - so that patches are short to write

from reconciler import BanKey, BanList, Change, Record, State, enforce
from reconciler.bans import EVERYWHERE
from reconciler.denylist.value import Bans, Drift, Head
from reconciler.enforce import Enforcement
from reconciler.lanes import Kick, Recorded
from reconciler.plan import diff as diff_module
from reconciler.plan.change import Because
from reconciler.plan.drifting import drifted, place_of
from reconciler.plan.outcome import Outcome, Receipt
from reconciler.publishers.dynamodb import DynamoDBPublisher
from reconciler.publishing import Publishing
from reconciler.state.value import Published
from reconciler.stores.session import Session
from tests import holding_model
from tests.builders import FINALS, LOBBY
from tests.holding_model import CONNECTING, DOCUMENT, MAX_AGE, OTHER_TABLE, SETTLE_AFTER, SKEW, TABLE, TOKEN_LIFE, World

EVE, MALLORY = BanKey(LOBBY, "eve"), BanKey(LOBBY, "mallory")
EVE_EVERYWHERE = BanKey(EVERYWHERE, "eve")
EVER = datetime(1, 1, 1, tzinfo=UTC)
LATEST = TOKEN_LIFE + CONNECTING - 1  # seconds after a token was made, a connection with it can be made

IS_IN = "eve is banned and still in"
NOT_PUBLISHED = "the denylist lacks .*'eve'"
NOBODY_BANNED = "the denylist has .*'eve'.*, whom nobody has banned"

Removal = Callable[[MonkeyPatch], object]
Scenario = Callable[[World], object]


def rule(
    without: Removal, then: str, *, beside: Removal = lambda _patch: None, place: str = TABLE
) -> Callable[[Scenario], object]:
    """Makes two tests of a scenario.

    Args:
        without: takes the rule away.
        then: what goes wrong without it, as a pattern.
        beside: takes away, in both tests, what would keep it from going wrong too.
        place: where the denylist is.
    """

    def decorate(scenario: Scenario) -> object:
        def test(kept: bool, monkeypatch: MonkeyPatch) -> None:
            beside(monkeypatch)
            world = World(place)
            if kept:
                play(scenario, world)
            else:
                without(monkeypatch)
                with pytest.raises(AssertionError, match=then):
                    play(scenario, world)

        test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
        return pytest.mark.parametrize("kept", [True, False], ids=["as it is", "without the rule"])(test)

    return decorate


def play(scenario: Scenario, world: World) -> None:
    scenario(world)
    world.heal()
    world.check_that_bans_hold()


# The order


def without_publishing_first(patch: MonkeyPatch) -> None:
    def enforced(self: Enforcement, changes: Sequence[Change]) -> Generator[Outcome | None]:
        yield from self._disconnected([change for change in changes if change.disconnects], self._recorded)
        yield from self._published(changes)

    patch.setattr(Enforcement, "_enforced", enforced)


@rule(without_publishing_first, then="eve is disconnected and not in the denylist")
def test_a_ban_is_published_before_the_user_is_disconnected(world: World) -> None:
    world.ban(EVE)
    world.run()


def recording_first(patch: MonkeyPatch) -> None:
    disconnect = World.disconnect

    def recorded(
        self: World, kicks: Sequence[Kick], record: Recorded, session: "Session[int]"
    ) -> Generator[Outcome | None]:
        for kick in kicks:
            session.keep([(kick.change.key, record(kick.change, Receipt(self.now(), None), self.time))])
            yield from disconnect(self, [kick], record, session)

    patch.setattr(World, "disconnect", recorded)


@rule(recording_first, then=IS_IN)
def test_a_user_is_disconnected_before_the_ban_is_recorded(world: World) -> None:
    """A call that comes late settles at once, so that nothing else would disconnect eve."""
    world.connect(world.admit(world.ask("eve", LOBBY)))
    world.ban(MALLORY)
    world.ban(EVE)
    world.run(at={"call": lambda: world.tick(SETTLE_AFTER)}, kill="call a room 2")


def lifting_in_the_state_first(patch: MonkeyPatch) -> None:
    real = Enforcement._enforced

    def enforced(self: Enforcement, changes: Sequence[Change]) -> Generator[Outcome | None]:
        self._ledger.keep([(change.key, None) for change in changes if change.after is None])
        yield from real(self, changes)

    patch.setattr(Enforcement, "_enforced", enforced)


def without_taking_out_what_nobody_knows(patch: MonkeyPatch) -> None:
    def only_missing(*arguments: Any, **options: Any) -> Iterable[Change]:
        return (change for change in drifted(*arguments, **options) if change.because is not Because.UNKNOWN)

    patch.setattr(diff_module, "drifted", only_missing)


@rule(lifting_in_the_state_first, then=NOBODY_BANNED, beside=without_taking_out_what_nobody_knows)
def test_a_lift_leaves_the_denylist_before_the_state(world: World) -> None:
    """The repair covers this too: what nobody knows goes. Here it does not."""
    world.ban(EVE)
    world.run()
    world.lift(EVE)
    world.run(kill="remove a row")


# Settling


def without_settling(patch: MonkeyPatch) -> None:
    patch.setattr(Enforcement, "_settled", lambda _self, _state: iter(()))


@rule(without_settling, then=IS_IN)
def test_a_ban_settles(world: World) -> None:
    token = world.admit(world.ask("eve", LOBBY))
    world.ban(EVE)
    world.later[LATEST] = lambda: world.connect(token)
    world.run()


def settling_from_the_beginning(patch: MonkeyPatch) -> None:
    def published(self: Enforcement, changes: Sequence[Change]) -> Generator[Outcome | None, None, Sequence[Change]]:
        began = self._clock.monotonic()
        todo = yield from real(self, changes)
        assert self._publication is not None
        self._publication = replace(self._publication, settles=began + self._settle_after)
        return todo

    real = Enforcement._published
    patch.setattr(Enforcement, "_published", published)


@rule(settling_from_the_beginning, then=IS_IN)
def test_a_ban_settles_after_its_publication_was_acknowledged_and_not_after_it_began(world: World) -> None:
    world.ban(EVE)
    token = world.ask("eve", LOBBY)

    def a_gate_reads_just_before_the_row_is_there() -> None:
        world.tick(60)
        world.renew()

    def and_lets_eve_have_a_token() -> None:
        world.tick(MAX_AGE - 1)
        world.admit(token)

    world.run(at={"publish a row": a_gate_reads_just_before_the_row_is_there, "call": and_lets_eve_have_a_token})


def settling_by_the_end_of_the_call(patch: MonkeyPatch) -> None:
    real = Enforcement._recorded

    def recorded(self: Enforcement, change: Change, receipt: Receipt | None, _began: float) -> Record | None:
        self._rooms_read = now = self._clock.monotonic()
        return real(self, change, receipt, now)

    patch.setattr(Enforcement, "_recorded", recorded)


@rule(settling_by_the_end_of_the_call, then=IS_IN)
def test_a_first_call_that_comes_late_settles_at_once_only_if_it_began_late(world: World) -> None:
    for room in (LOBBY, FINALS):
        world.admit(world.ask("eve", room))
    world.ban(EVE_EVERYWHERE)

    def eve_comes_back() -> None:
        world.tick(50)
        world.connect(world.tokens[0])
        world.tick(50)

    world.run(at={"call a room 2": eve_comes_back})


def allowing_too_little(patch: MonkeyPatch) -> None:
    patch.setattr(holding_model, "SETTLE_AFTER", SETTLE_AFTER - 5)


@rule(allowing_too_little, then=IS_IN)
def test_a_ban_settles_a_tokens_life_and_a_copys_age_and_a_connections_making_after_its_publication(
    world: World,
) -> None:
    world.renew()
    world.ban(EVE)
    token = world.ask("eve", LOBBY)
    world.later[MAX_AGE + LATEST] = lambda: world.connect(token)

    def eve_gets_a_token_by_an_old_copy() -> None:
        world.tick(MAX_AGE)
        world.admit(token)

    world.run(at={"call": eve_gets_a_token_by_an_old_copy})


def without_allowing_for_clocks(patch: MonkeyPatch) -> None:
    patch.setattr(enforce, "SKEW", timedelta())


@rule(without_allowing_for_clocks, then=IS_IN)
def test_a_later_run_allows_for_the_clock_of_the_earlier_one(world: World) -> None:
    world.ban(EVE)
    token = world.admit(world.ask("eve", LOBBY))
    world.later[LATEST] = lambda: world.connect(token)
    world.skew = -SKEW
    world.run(wait=False)
    world.tick(SETTLE_AFTER - 2 * SKEW)
    world.skew = SKEW
    world.run()


# Updates


def without_looking_at_the_old_end_when_planning(patch: MonkeyPatch) -> None:
    real = diff_module._changes

    def changes(desired: BanList, *arguments: Any) -> Any:
        assert desired.denylist is not None
        return real(replace(desired, denylist=replace(desired.denylist, settle_after=0)), *arguments)

    patch.setattr(diff_module, "_changes", changes)


def without_looking_at_the_old_end_when_publishing(patch: MonkeyPatch) -> None:
    real = enforce._looked_at_again
    patch.setattr(enforce, "_looked_at_again", lambda change, _later: real(change, EVER))


def banned_until_300(world: World) -> None:
    world.ban(EVE, 300)
    world.run()
    world.ban(EVE)


@rule(without_looking_at_the_old_end_when_planning, then=IS_IN, beside=without_looking_at_the_old_end_when_publishing)
def test_an_update_whose_old_end_is_near_is_planned_as_a_ban(world: World) -> None:
    """What is looked at when it is published would be noticed there too; that is left out here."""
    banned_until_300(world)
    world.tick(295 - world.time)
    token = world.ask("eve", LOBBY)

    def eve_gets_a_token_by_an_old_copy() -> None:
        world.tick(301 - world.time)
        world.connect(world.admit(token))

    world.run(at={"publish a row": world.renew, "keep": eve_gets_a_token_by_an_old_copy})


@rule(without_looking_at_the_old_end_when_publishing, then=IS_IN)
def test_an_update_whose_old_end_is_near_when_it_is_published_is_a_ban(world: World) -> None:
    banned_until_300(world)
    world.tick(200 - world.time)
    token = world.ask("eve", LOBBY)

    def publishing_is_slow() -> None:
        world.tick(305 - world.time)
        world.connect(world.admit(token))

    world.run(at={"publish a row": publishing_is_slow})


# The repair


def without_opening_the_head(patch: MonkeyPatch) -> None:
    def begin(self: DynamoDBPublisher, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        self._was = was = self.read_head()
        self._ours = Head(lineage, was.serial + 1 if was else 1, 0, settle_after, self._now())
        return self._ours

    patch.setattr(DynamoDBPublisher, "begin", begin)


def mallory_is_banned(world: World) -> None:
    """And all is well."""
    world.ban(MALLORY)
    world.run()


@rule(without_opening_the_head, then=NOBODY_BANNED)
def test_the_head_is_open_before_the_first_row_is_written(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(kill="acknowledge", lose=True)
    world.lift(EVE)


def without_comparing_serials(patch: MonkeyPatch) -> None:
    real = Publishing.look

    def look(self: Publishing, state: State, *arguments: Any, **options: Any) -> Drift | None:
        head = self._publisher.read_head()
        serial = head.serial if head is not None else 0
        return real(self, replace(state, published=replace(state.published, serial=serial)), *arguments, **options)

    patch.setattr(Publishing, "look", look)


@rule(without_comparing_serials, then=NOBODY_BANNED)
def test_a_state_that_was_put_back_shows_in_its_serial(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(lose=True)
    world.lift(EVE)


def opening_with_the_old_serial(patch: MonkeyPatch) -> None:
    def begin(self: DynamoDBPublisher, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        ours = real(self, lineage, settle_after, adopt=adopt)
        if self._was is not None:
            opened = replace(self._was, serial=self._was.serial - 1)
            self._replace_head(self._was, opened)
            self._was = opened
        return ours

    real = DynamoDBPublisher.begin
    patch.setattr(DynamoDBPublisher, "begin", begin)


@rule(opening_with_the_old_serial, then=NOBODY_BANNED)
def test_no_two_runs_use_one_serial(world: World) -> None:
    """One is killed just before it closes the head, and the state of the next is lost."""
    mallory_is_banned(world)
    world.lift(MALLORY)
    world.run(kill="close the head")
    world.ban(EVE)
    world.run(lose=True)
    world.lift(EVE)


def closing_the_head_first(patch: MonkeyPatch) -> None:
    real = Publishing.standing

    def standing(self: Publishing, state: State, *, complete: bool) -> Published:
        published = real(self, state, complete=complete)
        if complete:
            self.end(state, complete=True)
        return published

    patch.setattr(Publishing, "standing", standing)


@rule(closing_the_head_first, then=NOBODY_BANNED, beside=without_comparing_serials)
def test_the_head_is_closed_once_the_state_is_saved(world: World) -> None:
    """Serials would show this too; here nobody compares them."""
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(kill="save", lose=True)
    world.lift(EVE)


def without_minding_a_journal(patch: MonkeyPatch) -> None:
    real = Publishing.look
    patch.setattr(
        Publishing,
        "look",
        lambda self, state, lineage, now, *, resumed, refresh: real(self, state, lineage, now, refresh=refresh),
    )


@rule(without_minding_a_journal, then=NOT_PUBLISHED)
def test_what_a_killed_run_without_the_denylist_left_in_its_journal_is_published(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(without_denylist=True, kill="report")


def remembering_the_serial(patch: MonkeyPatch) -> None:
    save = Session._write

    def write(self: "Session[int]") -> None:
        if not self._saved.published.serial:
            self.publishing(replace(self._saved.published, serial=self._remembered.serial))
        save(self)

    patch.setattr(Session, "_write", write)


@rule(remembering_the_serial, then=NOT_PUBLISHED)
def test_what_was_done_without_the_denylist_is_published(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(without_denylist=True)


@rule(remembering_the_serial, then=NOT_PUBLISHED)
def test_what_a_killed_run_without_the_denylist_saved_on_its_way_is_published(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.run(without_denylist=True, at={"call": lambda: world.tick(60)}, kill="remove the journal")


def without_publishing_what_is_missing(patch: MonkeyPatch) -> None:
    def only_unknown(*arguments: Any, **options: Any) -> Iterable[Change]:
        return (change for change in drifted(*arguments, **options) if change.because is Because.UNKNOWN)

    patch.setattr(diff_module, "drifted", only_unknown)


def without_settling_what_was_missing(patch: MonkeyPatch) -> None:
    real = Change.recorded

    def recorded(self: Change, *arguments: Any, published_at: datetime | None = None) -> Record | None:
        return real(self, *arguments, published_at=None if self.because is Because.UNPUBLISHED else published_at)

    patch.setattr(Change, "recorded", recorded)


def eve_came_in_through_a_gap(world: World) -> None:
    """Her row was removed by hand."""
    world.ban(EVE)
    world.run()
    world.tamper(EVE)
    world.tick(MAX_AGE + 1)
    world.connect(world.admit(world.ask("eve", LOBBY)))
    assert world.connections


@rule(without_publishing_what_is_missing, then=NOT_PUBLISHED)
def test_what_is_missing_is_published(world: World) -> None:
    eve_came_in_through_a_gap(world)
    world.run(refresh=True)


@rule(without_settling_what_was_missing, then=IS_IN)
def test_what_was_missing_is_settled(world: World) -> None:
    eve_came_in_through_a_gap(world)
    world.run(refresh=True)


def taking_updates_for_updates(patch: MonkeyPatch) -> None:
    patch.setattr(Publishing, "lacked", ())


@rule(taking_updates_for_updates, then=IS_IN)
def test_what_was_missing_is_settled_when_its_terms_change_as_well(world: World) -> None:
    eve_came_in_through_a_gap(world)
    world.ban(EVE, 10_000)
    world.run(refresh=True)


@rule(without_taking_out_what_nobody_knows, then=NOBODY_BANNED)
def test_what_nobody_knows_goes(world: World) -> None:
    world.ban(EVE)
    world.run(kill="acknowledge")
    world.lift(EVE)


def without_minding_the_place(patch: MonkeyPatch) -> None:
    real = Publishing.look

    def look(self: Publishing, state: State, *arguments: Any, **options: Any) -> Drift | None:
        return real(self, replace(state, published=replace(state.published, place=self._place)), *arguments, **options)

    def in_the_place(desired: BanList, state: State, *arguments: Any, **options: Any) -> Iterable[Change]:
        assert desired.denylist is not None
        here = replace(state, published=replace(state.published, place=place_of(desired.denylist)))
        return drifted(desired, here, *arguments, **options)

    patch.setattr(Publishing, "look", look)
    patch.setattr(diff_module, "drifted", in_the_place)


@rule(without_minding_the_place, then=NOT_PUBLISHED)
def test_another_place_is_filled_though_its_serial_is_the_same(world: World) -> None:
    mallory_is_banned(world)
    world.move(OTHER_TABLE)
    world.ban(EVE)
    world.run()
    world.move(TABLE)


@rule(without_settling_what_was_missing, then=IS_IN)
def test_a_new_place_is_filled_and_all_are_settled_who_were_let_in_while_it_was_empty(world: World) -> None:
    world.ban(EVE)
    world.run()
    world.move(OTHER_TABLE)
    world.connect(world.admit(world.ask("eve", LOBBY)))
    world.run()


def closing_in_any_case(patch: MonkeyPatch) -> None:
    for name in ("standing", "end"):
        real = getattr(Publishing, name)
        patch.setattr(Publishing, name, lambda self, state, *, complete, real=real: real(self, state, complete=True))


@rule(closing_in_any_case, then=NOBODY_BANNED)
def test_the_head_stays_open_where_a_published_ban_could_not_be_made(world: World) -> None:
    mallory_is_banned(world)
    world.ban(EVE)
    world.failing = ["eve"]
    world.run()
    world.lift(EVE)


# Targets


def targets_taking_out(patch: MonkeyPatch) -> None:
    patch.setattr(diff_module, "drifted", lambda *arguments, whole: drifted(*arguments, whole=True))


def eve_is_published_and_unknown(world: World) -> None:
    """By a run that is lost."""
    world.ban(EVE)
    world.run(kill="call", lose=True)
    world.lift(EVE)
    world.ban(MALLORY)


@rule(targets_taking_out, then="eve is gone")
def test_targets_take_nothing_out(world: World) -> None:
    eve_is_published_and_unknown(world)
    world.run(targets=[MALLORY])
    assert EVE in world.place.contents.bans, "eve is gone"


@rule(closing_in_any_case, then=NOBODY_BANNED)
def test_the_head_stays_open_where_targets_leave_something_in(world: World) -> None:
    eve_is_published_and_unknown(world)
    world.run(targets=[MALLORY])


def without_what_targets_leave_out(patch: MonkeyPatch) -> None:
    def published(
        desired: BanList, state: State, changes: Any, drift: Drift | None, now: datetime, *, whole: bool
    ) -> Iterable[Change]:
        everything, _ = diff_module._changes(desired, state.records, datetime.max.replace(tzinfo=UTC), frozenset())
        return drifted(desired, state, everything, drift, now, whole=whole)

    patch.setattr(diff_module, "drifted", published)
    patch.setattr("tests.holding_model.is_whole", lambda _plan, _drift: True)  # else the next apply looks again


@rule(without_what_targets_leave_out, then=NOT_PUBLISHED)
def test_what_is_missing_is_published_though_its_change_is_no_target(world: World) -> None:
    eve_came_in_through_a_gap(world)
    world.lift(EVE)
    world.ban(MALLORY)
    world.run(targets=[MALLORY], refresh=True)
    world.tampered = False  # somebody has looked
    world.ban(EVE)


# Token services


def admission(*steps: str) -> Removal:
    return lambda patch: patch.setattr(World, "admission", steps)


@rule(admission("check", "record", "create"), then=IS_IN)
def test_a_token_is_made_before_the_check(world: World) -> None:
    """So that its life has begun by then, however slow the token service is."""
    token = world.ask("eve", LOBBY)
    world.go_on(token)
    world.ban(EVE)
    world.later[60] = lambda: world.admit(token)
    world.later[60 + LATEST] = lambda: world.connect(token)
    world.run()


def finding_rooms_once(patch: MonkeyPatch) -> None:
    real = World.of
    found: dict[str, Collection[str]] = {}

    def of(self: World, user_ids: Sequence[str]) -> Mapping[str, Collection[str]]:
        if missing := [user_id for user_id in user_ids if user_id not in found]:
            found.update(real(self, missing))
        return {user_id: found[user_id] for user_id in user_ids}

    patch.setattr(World, "of", of)


@rule(finding_rooms_once, then=IS_IN)
def test_token_records_are_read_anew_before_settling(world: World) -> None:
    world.renew()
    world.ban(EVE_EVERYWHERE)
    world.run(at={"call": lambda: world.connect(world.admit(world.ask("eve", LOBBY)))})


@rule(admission("create", "check", "record"), then=IS_IN, beside=finding_rooms_once)
def test_a_token_is_recorded_before_the_check(world: World) -> None:
    """That records are read anew before settling covers this too; here they are read once."""
    token = world.ask("eve", LOBBY)
    world.go_on(token)
    world.go_on(token)
    world.ban(EVE_EVERYWHERE)
    world.later[LATEST] = lambda: world.connect(token)
    world.run(at={"call": lambda: world.admit(token)})


def finding_rooms_before_the_publication(patch: MonkeyPatch) -> None:
    real = Enforcement.carry_out

    def carry_out(self: Enforcement, changes: Sequence[Change], *, whole: bool) -> Generator[Outcome | None]:
        self._find_rooms().of([change.key.user_id for change in changes])
        return real(self, changes, whole=whole)

    patch.setattr(Enforcement, "carry_out", carry_out)


@rule(finding_rooms_before_the_publication, then=IS_IN, beside=finding_rooms_once)
def test_token_records_are_read_after_the_publication(world: World) -> None:
    """That records are read anew before settling covers this too; here they are read once."""
    world.ban(EVE_EVERYWHERE)
    token = world.ask("eve", LOBBY)
    world.later[LATEST] = lambda: world.connect(token)
    world.run(at={"publish a row": lambda: world.admit(token)})


def taking_what_was_found_early_for_all(patch: MonkeyPatch) -> None:
    real = Enforcement._recorded

    def recorded(self: Enforcement, change: Change, receipt: Receipt | None, began: float) -> Record | None:
        self._rooms_read = began
        return real(self, change, receipt, began)

    patch.setattr(Enforcement, "_recorded", recorded)


@rule(taking_what_was_found_early_for_all, then=IS_IN)
def test_a_first_call_that_comes_late_settles_nobody_who_is_banned_everywhere(world: World) -> None:
    """Its rooms were found early."""
    world.renew()
    world.admit(world.ask("eve", FINALS))
    world.ban(EVE_EVERYWHERE)

    def eve_is_let_into_another_room() -> None:
        world.connect(world.admit(world.ask("eve", LOBBY)))
        world.tick(SETTLE_AFTER)

    world.run(at={"call": eve_is_let_into_another_room})


# Provisional bans


def forgetting_provisional_bans(patch: MonkeyPatch) -> None:
    real = Publishing.publish

    def publish(self: Publishing, entries: Bans, *, remove: Collection[BanKey], superseded: Collection[BanKey]) -> Any:
        return real(self, entries, remove=remove, superseded=self._publisher.read().provisional)

    patch.setattr(Publishing, "publish", publish)


UNREVIEWED = "eve was banned at once, and nobody has reviewed that"


@pytest.mark.parametrize("place", [TABLE, DOCUMENT])
def test_an_apply_takes_out_a_provisional_ban_once_it_is_published_or_lifted(place: str) -> None:
    world = World(place)
    mallory_is_banned(world)
    for decide in (world.ban, world.lift):
        world.ban_at_once(EVE, 10_000)
        decide(EVE)
        world.run()
        assert EVE not in world.place.contents.provisional
    world.heal()
    world.check_that_bans_hold()


@rule(forgetting_provisional_bans, then=UNREVIEWED)
def test_an_apply_keeps_the_provisional_bans_of_others(world: World) -> None:
    mallory_is_banned(world)
    world.ban_at_once(EVE, 10_000)
    world.lift(MALLORY)
    world.run()


def deciding_by_whatever_happens(patch: MonkeyPatch) -> None:
    patch.setattr(enforce, "_NOT_DECIDED", frozenset())


@rule(deciding_by_whatever_happens, then=UNREVIEWED, place=DOCUMENT)
def test_the_end_of_a_ban_says_nothing_of_a_provisional_one(world: World) -> None:
    world.ban(EVE, 300)
    world.run()
    world.ban_at_once(EVE, 10_000)
    world.tick(300)
    world.run()


@rule(deciding_by_whatever_happens, then=UNREVIEWED)
def test_taking_out_what_nobody_knows_says_nothing_of_a_provisional_ban(world: World) -> None:
    mallory_is_banned(world)
    eve_is_published_and_unknown(world)
    world.ban_at_once(EVE, 10_000)


@rule(deciding_by_whatever_happens, then=UNREVIEWED)
def test_publishing_what_was_missing_says_nothing_of_a_provisional_ban(world: World) -> None:
    world.ban(EVE, 1000)
    world.run()
    world.ban_at_once(EVE, 10_000)
    world.tamper(EVE)
