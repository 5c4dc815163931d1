"""diff: every rule, and the two properties that make applies safe to repeat and to interrupt."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import Action, BanList, Because, Change, Plan, Record, State, diff
from reconciler.bans import AccountRegion, Ban, BanKey
from reconciler.errors import AddressUnknown
from reconciler.guardrails import Guardrails
from tests.builders import (
    FINALS,
    LOBBY,
    NEXT_WEEK,
    NOW,
    ROOMS,
    TOMORROW,
    YESTERDAY,
    Entry,
    ban,
    ban_list,
    many,
    recorded,
)


def changes(desired: BanList, state: State) -> list[tuple[str, str, Because]]:
    plan = diff(desired, state, NOW)
    return [(change.action, plan.address(change.key), change.because) for change in plan.changes]


def test_a_new_ban_is_planned() -> None:
    assert changes(ban_list(ban("zed")), State()) == [("ban", "lobby/zed", Because.NEW)]


def test_a_recorded_ban_is_left_alone() -> None:
    assert changes(ban_list(ban("zed", reason="Spam")), recorded(ban("zed", reason="Spam"))) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ban("zed", reason="Spam"), ban("zed", reason="Worse spam")),
        (ban("zed", reason="Spam"), ban("zed")),
        (ban("zed"), ban("zed", until=TOMORROW)),
        (ban("zed", until=TOMORROW), ban("zed", until=NEXT_WEEK)),
        (ban("zed", until=TOMORROW), ban("zed")),
    ],
)
def test_other_terms_update_the_record_without_a_call(before: Entry, after: Entry) -> None:
    plan = diff(ban_list(after), recorded(before), NOW)
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    assert plan.calls.total() == 0
    kept = plan.changes[0].recorded()
    assert kept == Record(after[1], YESTERDAY, "request-zed")  # when and by which call stays known


def test_a_ban_that_is_no_longer_listed_is_lifted() -> None:
    assert changes(ban_list(), recorded(ban("zed"))) == [("lift", "lobby/zed", Because.REMOVED)]


def test_a_ban_that_expired_is_lifted() -> None:
    expired = ban("zed", until=YESTERDAY)
    assert changes(ban_list(expired), recorded(expired)) == [("lift", "lobby/zed", Because.EXPIRED)]


def test_moving_the_end_of_a_ban_into_the_past_lifts_it() -> None:
    plan = changes(ban_list(ban("zed", until=YESTERDAY)), recorded(ban("zed", until=NEXT_WEEK)))
    assert plan == [("lift", "lobby/zed", Because.EXPIRED)]


def test_an_expired_ban_without_a_record_is_only_mentioned() -> None:
    plan = diff(ban_list(ban("zed", until=YESTERDAY)), State(), NOW)
    assert plan.changes == ()
    assert plan.expired == (BanKey(LOBBY, "zed"),)


def test_extending_a_lapsed_ban_disconnects_again() -> None:
    desired, state = ban_list(ban("zed", until=TOMORROW)), recorded(ban("zed", until=YESTERDAY))
    assert changes(desired, state) == [("ban", "lobby/zed", Because.LAPSED)]


def test_a_ban_ends_at_the_very_instant_it_says() -> None:
    assert changes(ban_list(ban("zed", until=NOW)), State()) == []
    assert changes(ban_list(ban("zed", until=NOW + timedelta(microseconds=1))), State()) != []


def test_changes_come_in_the_order_of_the_list_and_removals_last() -> None:
    desired = ban_list(ban("new"), ban("old", reason="b"), ban("gone", until=YESTERDAY), ban("also new", room=FINALS))
    state = recorded(ban("old", reason="a"), ban("gone", until=YESTERDAY), ban("z"), ban("a"), ban("b", room=FINALS))
    assert [address for _, address, _ in changes(desired, state)] == [
        "lobby/new",
        "lobby/old",
        "lobby/gone",
        "finals/also new",
        "finals/b",
        "lobby/a",
        "lobby/z",
    ]


def test_renaming_a_room_changes_nothing() -> None:
    renamed = ban_list(ban("zed"), rooms={"foyer": LOBBY})
    assert diff(renamed, recorded(ban("zed")), NOW).changes == ()


def test_the_same_user_in_two_rooms_is_two_bans() -> None:
    plan = diff(ban_list(ban("zed"), ban("zed", room=FINALS)), recorded(ban("zed")), NOW)
    assert [plan.address(change.key) for change in plan.changes] == ["finals/zed"]


def test_calls_are_counted_by_account_and_region() -> None:
    plan = diff(ban_list(ban("a"), ban("b"), ban("a", room=FINALS)), State(), NOW)
    assert plan.calls == {AccountRegion("123456789012", "us-west-2"): 2, AccountRegion("123456789012", "eu-west-1"): 1}


def test_replace_disconnects_a_recorded_user_again() -> None:
    key, _ = entry = ban("zed", reason="Spam")
    plan = diff(ban_list(entry, ban("other")), recorded(entry, ban("other")), NOW, replace=[key])
    assert [(change.action, change.key) for change in plan.changes] == [(Action.REPEAT, key)]
    assert plan.calls.total() == 1
    assert plan.changes[0].recorded(NOW, "again") == Record(Ban("Spam"), NOW, "again")


@pytest.mark.parametrize("desired", [ban_list(), ban_list(ban("zed", until=YESTERDAY))])
def test_replacing_what_is_not_banned_is_an_error(desired: BanList) -> None:
    with pytest.raises(AddressUnknown, match="lobby/zed is not a ban that the list has in force"):
        diff(desired, recorded(ban("zed")), NOW, replace=[BanKey(LOBBY, "zed")])


def test_targets_leave_the_other_changes_out_and_count_them() -> None:
    plan = diff(ban_list(ban("a"), ban("b")), recorded(ban("gone")), NOW, targets=[BanKey(LOBBY, "b")])
    assert [change.key.user_id for change in plan.changes] == ["b"]
    assert plan.left_out == 2


def test_a_target_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(AddressUnknown, match="lobby/zde is neither in the list nor in the state"):
        diff(ban_list(ban("zed")), State(), NOW, targets=[BanKey(LOBBY, "zde")])


def test_now_must_have_a_time_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        diff(ban_list(), State(), NOW.replace(tzinfo=None))


# Guardrails


def refusals(plan: Plan) -> list[str]:
    return [refusal.key for refusal in plan.refusals]


def test_more_bans_than_max_bans_are_refused() -> None:
    limit = Guardrails(max_bans=3)
    assert refusals(diff(ban_list(*many(3), guardrails=limit), State(), NOW)) == []
    assert refusals(diff(ban_list(*many(4), guardrails=limit), State(), NOW)) == ["guardrails.max_bans"]


def test_a_refusal_gives_its_figures() -> None:
    plan = diff(ban_list(*many(4), guardrails=Guardrails(max_bans=3)), State(), NOW)
    assert [refusal.message for refusal in plan.refusals] == ["it has 4 new bans, and guardrails.max_bans is 3"]
    assert len(plan.changes) == 4  # a reviewer still sees all of it


@pytest.mark.parametrize(("recorded_bans", "lifted", "refused"), [(10, 3, False), (10, 4, True), (9, 9, False)])
def test_lifting_a_larger_share_than_allowed_is_refused(recorded_bans: int, lifted: int, refused: bool) -> None:
    state = recorded(*many(recorded_bans))
    desired = ban_list(*list(many(recorded_bans))[lifted:])
    assert refusals(diff(desired, state, NOW)) == (["guardrails.max_lift_percent"] if refused else [])


def test_bans_that_ran_out_by_themselves_do_not_count_as_lifted() -> None:
    ran_out = [ban(f"user{number}", until=YESTERDAY) for number in range(10)]
    assert refusals(diff(ban_list(*ran_out), recorded(*ran_out), NOW)) == []


def test_an_emptied_list_is_refused_even_when_everything_in_the_state_ran_out() -> None:
    ran_out = [ban(f"user{number}", until=YESTERDAY) for number in range(10)]
    assert refusals(diff(ban_list(), recorded(*ran_out), NOW)) == ["guardrails.max_lift_percent"]


def test_moving_ends_into_the_past_counts_as_lifting() -> None:
    desired = ban_list(*(ban(f"user{number}", until=YESTERDAY) for number in range(10)))
    assert refusals(diff(desired, recorded(*many(10)), NOW)) == ["guardrails.max_lift_percent"]


def test_guardrails_look_at_what_the_targets_leave() -> None:
    desired = ban_list(*many(4), guardrails=Guardrails(max_bans=1))
    assert refusals(diff(desired, State(), NOW, targets=[BanKey(LOBBY, "user0")])) == []


# Properties

USERS = st.sampled_from(["a", "b", "c", "d", "e"])
TIMES = st.sampled_from([None, YESTERDAY, NOW, TOMORROW, NEXT_WEEK])
TERMS = st.builds(Ban, reason=st.sampled_from([None, "x", "y"]), expires_at=TIMES)
KEYS = st.builds(BanKey, room_arn=st.sampled_from(sorted(ROOMS.values())), user_id=USERS)
BANS = st.dictionaries(KEYS, TERMS)
RECORDS = st.dictionaries(
    KEYS, st.builds(Record, ban=TERMS, disconnected_at=st.sampled_from([None, YESTERDAY]), request_id=st.none())
)


def apply(state: State, done: tuple[Change, ...]) -> State:
    return state.after((change.key, change.recorded(NOW, "id")) for change in done)


@given(BANS, RECORDS)
def test_applying_a_whole_plan_leaves_nothing_to_do(bans: dict[BanKey, Ban], records: dict[BanKey, Record]) -> None:
    desired = ban_list(*bans.items())
    state = State(records=records)
    assert diff(desired, apply(state, diff(desired, state, NOW).changes), NOW).changes == ()


@given(BANS, RECORDS, st.data())
def test_stopping_anywhere_leaves_exactly_the_rest(
    bans: dict[BanKey, Ban], records: dict[BanKey, Record], data: st.DataObject
) -> None:
    desired = ban_list(*bans.items())
    state = State(records=records)
    planned = diff(desired, state, NOW).changes
    stop = data.draw(st.integers(0, len(planned)))
    assert diff(desired, apply(state, planned[:stop]), NOW).changes == planned[stop:]


@given(BANS, RECORDS)
def test_after_an_apply_the_state_holds_exactly_the_bans_in_force(
    bans: dict[BanKey, Ban], records: dict[BanKey, Record]
) -> None:
    desired = ban_list(*bans.items())
    state = State(records=records)
    after = apply(state, diff(desired, state, NOW).changes)
    assert {key: record.ban for key, record in after.records.items()} == {
        key: ban for key, ban in bans.items() if ban.in_force(NOW)
    }


@given(BANS, RECORDS)
def test_nobody_is_disconnected_who_is_recorded_in_force(
    bans: dict[BanKey, Ban], records: dict[BanKey, Record]
) -> None:
    for change in diff(ban_list(*bans.items()), State(records=records), NOW).changes:
        if change.disconnects:
            record = records.get(change.key)
            assert record is None or not record.ban.in_force(NOW)
