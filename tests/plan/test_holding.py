"""diff, for lists with a denylist, and for bans everywhere."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler import Ban, BanKey, BanList, Because, Change, Guardrails, Plan, Record, State, diff
from reconciler.banlist.value import DenylistSettings
from reconciler.bans import EVERYWHERE, AccountRegion
from reconciler.denylist.value import Drift, drift
from reconciler.errors import PlanStale
from reconciler.plan.diff import still_valid
from reconciler.plan.drifting import is_whole
from reconciler.state.value import Place, Published
from tests.builders import FINALS, LOBBY, NOW, TOMORROW, YESTERDAY, Entry, ban, ban_list, many, recorded

OREGON, IRELAND = AccountRegion("123456789012", "us-west-2"), AccountRegion("123456789012", "eu-west-1")
TABLE = DenylistSettings("dynamodb://us-west-2/bans")
HERE = Published(Place(TABLE.location, "bans"), serial=7)


def published(*bans: Entry, serial: int = 7, place: Place | None = HERE.place) -> State:
    return replace(recorded(*bans), published=Published(place, serial))


def listed(*bans: Entry, denylist: DenylistSettings | None = TABLE, guardrails: Guardrails | None = None) -> BanList:
    return replace(ban_list(*bans, guardrails=guardrails), denylist=denylist)


def difference(missing: Mapping[BanKey, datetime | None] | None = None, unknown: tuple[BanKey, ...] = ()) -> Drift:
    return Drift(missing or {}, {}, {}, unknown)


def said(plan: Plan) -> list[tuple[str, Because]]:
    return [(plan.address(change.key), change.because) for change in plan.changes]


def unsettled(state: State, *users: str) -> State:
    records = {
        key: replace(record, published_at=NOW) if key.user_id in users else record
        for key, record in state.records.items()
    }
    return replace(state, records=records)


# The end of a ban, and the time that it takes to settle


@pytest.mark.parametrize(("seconds", "because"), [(89, Because.LAPSED), (90, Because.LAPSED), (91, Because.CHANGED)])
def test_extending_a_ban_that_ends_before_it_could_settle_disconnects_again(seconds: int, because: Because) -> None:
    state = published(ban("zed", until=NOW + timedelta(seconds=seconds)))
    assert said(diff(listed(ban("zed", until=TOMORROW)), state, NOW)) == [("lobby/zed", because)]


def test_without_a_denylist_extending_a_ban_never_disconnects_before_its_end() -> None:
    state = recorded(ban("zed", until=NOW + timedelta(seconds=1)))
    plan = diff(ban_list(ban("zed", until=TOMORROW)), state, NOW)
    assert said(plan) == [("lobby/zed", Because.CHANGED)]


def test_a_ban_that_is_about_to_end_and_did_not_change_is_no_change() -> None:
    soon = ban("zed", until=NOW + timedelta(seconds=5))
    assert not diff(listed(soon), published(soon), NOW).changes


# What is owed


def test_an_unsettled_ban_is_owed_a_call_and_is_no_change() -> None:
    state = unsettled(published(ban("a"), ban("b")), "b")
    plan = diff(listed(ban("a"), ban("b")), state, NOW)
    assert (plan.changes, plan.owed) == ((), (BanKey(LOBBY, "b"),))
    assert (plan.calls, plan.settle_calls) == ({}, {OREGON: 1})


@pytest.mark.parametrize("bans", [[], [ban("b", until=YESTERDAY)]])
def test_a_ban_that_is_lifted_is_owed_nothing(bans: list[Entry]) -> None:
    plan = diff(listed(*bans), unsettled(published(ban("b")), "b"), NOW)
    assert (len(plan.changes), plan.owed, plan.settle_calls) == (1, (), {})


def test_a_ban_that_is_made_again_is_owed_nothing_besides() -> None:
    state = unsettled(published(ban("b")), "b")
    plan = diff(listed(ban("b")), state, NOW, replace=[BanKey(LOBBY, "b")])
    assert (plan.owed, plan.calls) == ((), {OREGON: 1})


def test_without_a_denylist_nothing_is_owed() -> None:
    assert diff(ban_list(ban("b")), unsettled(published(ban("b")), "b"), NOW).owed == ()


# Drift


def test_what_is_missing_in_the_denylist_is_published_and_settled() -> None:
    state = published(ban("a"), ban("b"))
    plan = diff(listed(ban("a"), ban("b")), state, NOW, drift=difference({BanKey(LOBBY, "b"): None}))
    key = BanKey(LOBBY, "b")
    assert plan.changes == (Change(key, state.records[key], Ban(), Because.UNPUBLISHED),)
    assert (plan.calls, plan.settle_calls) == ({}, {OREGON: 1})
    assert plan.changes[0].recorded(published_at=NOW) == replace(state.records[key], published_at=NOW)


def test_what_nobody_knows_is_taken_out_of_the_denylist() -> None:
    plan = diff(listed(), published(), NOW, drift=difference(unknown=(BanKey(LOBBY, "eve"),)))
    assert plan.changes == (Change(BanKey(LOBBY, "eve"), None, None, Because.UNKNOWN),)


def test_a_row_of_a_ban_that_is_about_to_be_made_is_not_unknown() -> None:
    plan = diff(listed(ban("eve")), published(), NOW, drift=difference(unknown=(BanKey(LOBBY, "eve"),)))
    assert said(plan) == [("lobby/eve", Because.NEW)]


def test_what_is_lifted_or_changed_anyway_is_no_drift_besides() -> None:
    state = published(ban("gone"), ban("new-terms"))
    missing: dict[BanKey, datetime | None] = {BanKey(LOBBY, "gone"): None, BanKey(LOBBY, "new-terms"): None}
    plan = diff(listed(ban("new-terms", reason="Spam")), state, NOW, drift=difference(missing))
    assert said(plan) == [("lobby/new-terms", Because.CHANGED), ("lobby/gone", Because.REMOVED)]


def test_targets_take_nothing_out_of_the_denylist_and_still_publish_what_is_missing() -> None:
    state = published(ban("a"), ban("b"))
    seen = difference({BanKey(LOBBY, "b"): None}, unknown=(BanKey(LOBBY, "eve"),))
    plan = diff(listed(ban("a"), ban("b"), ban("c")), state, NOW, targets=[BanKey(LOBBY, "c")], drift=seen)
    assert said(plan) == [("lobby/c", Because.NEW), ("lobby/b", Because.UNPUBLISHED)]
    assert plan.left_out == 0


def test_targets_publish_what_is_missing_though_they_leave_out_its_change() -> None:
    state = published(ban("new-terms"), ban("goes"))
    keys = [BanKey(LOBBY, "goes"), BanKey(LOBBY, "new-terms")]
    desired = listed(ban("new-terms", reason="Spam"), ban("c"))
    plan = diff(desired, state, NOW, targets=[BanKey(LOBBY, "c")], drift=difference(dict.fromkeys(keys)))
    again = [Change(key, state.records[key], Ban(), Because.UNPUBLISHED) for key in keys]
    assert plan.changes == (Change(BanKey(LOBBY, "c"), None, Ban(), Because.NEW), *again)
    assert plan.left_out == 2


@pytest.mark.parametrize("targets", [["c"], ["b", "c"], None])
def test_a_plan_that_leaves_what_nobody_knows_in_the_denylist_is_not_whole(targets: list[str] | None) -> None:
    keys = None if targets is None else [BanKey(LOBBY, user) for user in targets]
    desired, seen = listed(ban("b"), ban("c")), difference(unknown=(BanKey(LOBBY, "b"), BanKey(LOBBY, "eve")))
    assert is_whole(diff(desired, published(), NOW, targets=keys, drift=seen), seen) == (targets is None)
    assert is_whole(diff(desired, published(), NOW, targets=keys), None)


def test_rows_that_nobody_knows_are_no_lifts_for_a_guardrail() -> None:
    bans = [ban(f"user{number}") for number in range(10)]
    unknown = tuple(BanKey(LOBBY, f"eve{number}") for number in range(10))
    plan = diff(listed(*bans), published(*bans), NOW, drift=difference(unknown=unknown))
    assert (len(plan.changes), plan.refusals) == (10, ())


def test_a_denylist_that_nobody_has_looked_at_is_taken_to_match() -> None:
    assert not diff(listed(ban("a")), published(ban("a")), NOW).changes


def test_in_a_new_place_everything_is_missing() -> None:
    elsewhere = Place("s3://old-bucket/bans.json", "bans")
    for state in (recorded(*many(3)), published(*many(3), place=elsewhere)):
        plan = diff(listed(*many(3)), state, NOW)
        assert [change.because for change in plan.changes] == [Because.UNPUBLISHED] * 3
        assert (plan.calls, plan.settle_calls) == ({}, {OREGON: 3})


def test_the_old_place_is_to_be_retired_until_it_has_been() -> None:
    state = published(ban("a"), place=Place("s3://old-bucket/bans.json", "bans"))
    for denylist in (TABLE, None):
        assert diff(listed(ban("a"), denylist=denylist), state, NOW).to_retire == ("s3://old-bucket/bans.json",)
    assert diff(listed(ban("a")), published(ban("a")), NOW).to_retire == ()


def test_applying_what_is_missing_and_looking_again_finds_nothing() -> None:
    state = published(*many(4))
    there: dict[BanKey, datetime | None] = {BanKey(LOBBY, "user1"): None, BanKey(LOBBY, "eve"): None}
    wanted = {key: record.ban.expires_at for key, record in state.records.items()}
    plan = diff(listed(*many(4)), state, NOW, drift=drift(wanted, there, NOW))
    for change in plan.changes:
        if change.after is None:
            del there[change.key]
        else:
            there[change.key] = change.after.expires_at
    after = state.after([(change.key, change.recorded(published_at=NOW)) for change in plan.changes if change.after])
    again = diff(listed(*many(4)), after, NOW, drift=drift(wanted, there, NOW))
    assert (again.changes, len(again.owed)) == ((), 3)


def test_a_saved_plan_is_carried_out_with_the_drift_of_the_day() -> None:
    state, desired = published(ban("a")), listed(ban("a"), ban("b"))
    saved = diff(desired, state, NOW, drift=difference({BanKey(LOBBY, "a"): None}))
    now = still_valid(saved, desired, state, NOW, drift=difference(unknown=(BanKey(LOBBY, "eve"),)))
    assert said(now) == [("lobby/b", Because.NEW), ("lobby/eve", Because.UNKNOWN)]
    with pytest.raises(PlanStale):
        still_valid(replace(saved, changes=saved.changes[1:]), desired, state, NOW)


# Everywhere


def test_a_ban_everywhere_calls_each_named_room() -> None:
    plan = diff(ban_list(ban("zed", room=EVERYWHERE)), State(), NOW)
    assert said(plan) == [("everywhere/zed", Because.NEW)]
    assert plan.calls == {OREGON: 1, IRELAND: 1}


def test_with_token_records_only_an_apply_knows_the_rooms() -> None:
    recording = replace(TABLE, token_records="dynamodb://us-west-2/tokens")
    plan = diff(listed(ban("zed", room=EVERYWHERE), ban("zed", room=FINALS), denylist=recording), State(), NOW)
    assert (plan.rooms_found_at_apply, plan.calls) == (True, {IRELAND: 1})


def test_more_bans_everywhere_than_the_guardrail_allows_are_refused() -> None:
    bans = [ban(f"user{number}", room=EVERYWHERE) for number in range(11)]
    [refusal] = diff(ban_list(*bans), State(), NOW).refusals
    assert refusal.key == "guardrails.max_everywhere"
    assert refusal.message == "it has 11 new bans everywhere, and guardrails.max_everywhere is 10"
    assert not diff(ban_list(*bans[:10]), State(), NOW).refusals
    assert not diff(ban_list(*bans, guardrails=Guardrails(max_everywhere=11)), State(), NOW).refusals


def test_a_recorded_ban_everywhere_is_no_new_one() -> None:
    entries = [ban(f"user{number}", room=EVERYWHERE) for number in range(20)]
    assert not diff(ban_list(*entries), recorded(*entries), NOW).refusals


def test_a_record_that_is_owed_a_call_keeps_that_when_its_terms_change() -> None:
    record = Record(Ban(), YESTERDAY, "id", published_at=NOW)
    change = Change(BanKey(LOBBY, "a"), record, Ban("Spam"), Because.CHANGED)
    assert change.recorded() == replace(record, ban=Ban("Spam"))
