"""Long lists of every style: what they mean, and that a plan of them stays readable."""

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler import Action, BanKey, Plan, Record, State, diff
from reconciler.banlist import read as banlist
from reconciler.errors import BanListInvalid
from reconciler.plan import file as planfile
from reconciler.state import file as state
from reconciler.views import text
from tests.builders import FINALS, LOBBY, NOW, TOMORROW, ban, ban_list, many, recorded
from tests.generated_lists import ROOMS, entries
from tests.generated_lists import ban_list as generated
from tests.yaml_texts import TOKENS


@pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])
@pytest.mark.parametrize("seed", range(3))
def test_a_generated_list_means_what_it_was_generated_from(seed: int, pure: bool) -> None:
    read = banlist.parse(generated(400, seed).encode(), pure=pure)
    assert list(read.bans.items()) == [(entry.key, entry.ban) for entry in entries(400, seed)]
    assert read.rooms == ROOMS


def test_the_same_seed_makes_the_same_list() -> None:
    assert generated(50, seed=1) == generated(50, seed=1)
    assert generated(50, seed=1) != generated(50, seed=2)


@given(st.integers(0, 10**6), st.integers(0, 40))
@settings(max_examples=50)
def test_applying_a_generated_list_leaves_nothing_to_do_also_through_the_files(seed: int, count: int) -> None:
    desired = banlist.parse(generated(count, seed).encode())
    plan = planfile.loads(planfile.dumps(diff(desired, State(), NOW), "s")).plan
    after = State().after((change.key, change.recorded(NOW, "id")) for change in plan.changes)
    read = state.loads(state.dumps(after.generation(lineage="made-up")))
    assert len(read.records) == count
    assert diff(desired, read, NOW).changes == ()


@given(st.integers(0, 10**6), st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS)), min_size=1, max_size=3))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_both_parsers_say_the_same_about_a_damaged_generated_list(seed: int, damage: list[tuple[float, str]]) -> None:
    written = generated(6, seed)
    for where, token in damage:
        at = int(where * len(written))
        written = written[:at] + token + written[at + (len(token) % 3) :]
    assert outcome(written, pure=False) == outcome(written, pure=True)


def outcome(written: str, *, pure: bool) -> object:
    try:
        return banlist.parse(written.encode(), pure=pure)
    except BanListInvalid as error:
        return str(error)


# What is shown of a large plan


def changes_in(shown: str) -> int:
    return len(re.findall(r"^  [+~±-] ", shown, re.MULTILINE))


def large_plan() -> Plan:
    """20,000 to ban in the lobby; in the finals 3 to ban, 2 to update and 500 to lift."""
    same = [*many(1, "kept"), *many(2, "changed")]
    finals = [(BanKey(FINALS, key.user_id), terms) for key, terms in same]
    old = [(BanKey(FINALS, key.user_id), terms) for key, terms in many(500, "old")]
    changed = [(key, terms if "kept" in key.user_id else type(terms)(reason="x")) for key, terms in finals]
    new = [(BanKey(FINALS, key.user_id), terms) for key, terms in many(3, "new")]
    return diff(ban_list(*many(20_000), *changed, *new), recorded(*finals, *old), NOW)


def test_a_large_plan_is_shown_by_room_with_some_of_each_kind_and_every_count() -> None:
    shown = text.plan(large_plan())
    assert changes_in(shown) == 100
    assert "lobby: 20,000 to ban\n  + lobby/user0    disconnect\n  + lobby/user1    disconnect\n" in shown
    assert "finals: 3 to ban, 2 to update, 500 to lift\n  + finals/new0       disconnect\n" in shown
    assert shown.count(" update ") == 2
    assert "  … and 19,952 to ban\n" in shown
    assert "  … and 453 to lift\n" in shown
    assert shown.count("  - finals/old") == 47
    assert "\n100 of 20,505 changes are shown; --all shows every one.\n" in shown
    assert "\nPlan: 20,003 to ban, 2 to update, 500 to lift.\n" in shown


def test_everything_is_shown_on_demand_in_the_order_of_the_list() -> None:
    plan = large_plan()
    shown = text.plan(plan, everything=True)
    assert changes_in(shown) == 20_505
    assert "are shown" not in shown
    assert [line.split()[1] for line in shown.splitlines()[:20_505]] == [
        plan.address(change.key) for change in plan.changes
    ]


def test_a_plan_of_a_hundred_changes_is_shown_as_it_is() -> None:
    assert changes_in(text.plan(diff(ban_list(*many(100)), State(), NOW))) == 100
    assert "are shown" not in text.plan(diff(ban_list(*many(100)), State(), NOW))
    assert "100 of 101 changes are shown" in text.plan(diff(ban_list(*many(101)), State(), NOW))


def test_of_many_rooms_the_largest_are_shown_and_the_rest_is_counted() -> None:
    rooms = {f"room{number}": f"arn:aws:ivschat:us-west-2:1:room/r{number}" for number in range(300)}
    bans = [
        ban(f"u{n}", room=arn) for number, arn in enumerate(rooms.values()) for n in range(3 if number == 299 else 1)
    ]
    shown = text.plan(diff(ban_list(*bans, rooms=rooms), State(), NOW))
    assert shown.startswith("room0: 1 to ban\n  + room0/u0   disconnect\n")
    assert "room299: 3 to ban\n" in shown
    assert "275 more rooms: 275 to ban\n" in shown
    assert "\n27 of 302 changes are shown; --all shows every one.\n" in shown
    assert len(shown.splitlines()) < 120


def test_every_kind_has_a_share_however_many_groups_there_are() -> None:
    rooms = {f"room{number}": f"arn:aws:ivschat:us-west-2:1:room/r{number}" for number in range(25)}
    old = [ban(f"old{n}", room=arn, until=TOMORROW) for arn in rooms.values() for n in range(9)]
    new = [ban(f"new{n}", room=arn) for arn in rooms.values() for n in range(9)]
    plan = diff(ban_list(*new, rooms=rooms), recorded(*old), NOW)
    shown = text.plan(plan)
    assert all(f"  + {name}/new0" in shown and f"  - {name}/old0" in shown for name in rooms)
    assert changes_in(shown) == 100
    assert plan.counts == {Action.BAN: 225, Action.LIFT: 225}


def test_records_are_the_same_however_they_are_kept() -> None:
    kept = recorded(*many(3), ban("x", room=FINALS, reason="Spam", until=TOMORROW))
    read = state.loads(state.dumps(kept))
    assert dict(read.records) == dict(kept.records)
    assert read == kept
    assert read.records.get(BanKey(LOBBY, "nobody")) is None
    assert BanKey(LOBBY, "user1") in read.records
    assert BanKey(FINALS, "user1") not in read.records
    without = read.after([(BanKey(FINALS, "x"), None), (BanKey(LOBBY, "user0"), None)])
    assert sorted(without.records) == [BanKey(LOBBY, "user1"), BanKey(LOBBY, "user2")]
    assert len(read.records) == 4  # a state is never changed
    later = Record(kept.records[BanKey(LOBBY, "user1")].ban, NOW + timedelta(seconds=1))
    assert read.after([(BanKey(LOBBY, "user1"), later)]).records[BanKey(LOBBY, "user1")] == later
    assert read.after([(BanKey(LOBBY, "user1"), later)]) != read
