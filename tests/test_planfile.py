"""Saved plans: what they hold, and that they come back as they were."""

import json

import pytest

from reconciler import Because, diff, planfile
from reconciler.errors import PlanEdited, PlanStale, PlanUnreadable
from reconciler.guardrails import Guardrails
from reconciler.plan import Plan
from tests.builders import FINALS, LINEAGE, LOBBY, NEXT_WEEK, NOW, TOMORROW, YESTERDAY, ban, ban_list, recorded


def a_plan() -> Plan:
    """One of each kind of change, a hint and a refusal."""
    again = ban("again")
    desired = ban_list(
        ban("new", reason='Says "hi"', until=TOMORROW),
        ban("longer", until=NEXT_WEEK),
        again,
        ban("past", until=YESTERDAY),
        ban("lapsed", until=TOMORROW),
        guardrails=Guardrails(max_bans=1),
    )
    state = recorded(
        ban("longer", until=TOMORROW), again, ban("gone", room=FINALS), ban("lapsed", until=YESTERDAY), serial=4
    )
    return diff(desired, state, NOW, replace=[again[0]])


def test_a_saved_plan_is_the_same_plan_when_read() -> None:
    plan = a_plan()
    assert {change.because for change in plan.changes} == set(Because) - {Because.EXPIRED}
    saved = planfile.loads(planfile.dumps(plan, "bans.state.json"))
    assert saved.plan == plan
    assert saved.state_location == "bans.state.json"


def test_a_saved_plan_says_what_it_was_made_for_and_what_it_would_do() -> None:
    saved = json.loads(planfile.dumps(a_plan(), "here/bans.state.json"))
    assert saved["format_version"] == 1
    assert saved["created_at"] == "2026-11-22T16:00:00Z"
    assert saved["ban_list"] == {"path": "bans.yaml", "sha256": "0" * 64}
    assert saved["state"] == {"location": "here/bans.state.json", "lineage": LINEAGE, "serial": 4}
    summary = {"ban": 2, "update": 1, "lift": 1, "repeat": 1, "disconnect_calls": 3}
    assert saved["summary"] == summary
    assert saved["changes"][0] == {
        "action": "ban",
        "address": "lobby/new",
        "room": "lobby",
        "room_arn": LOBBY,
        "user_id": "new",
        "before": None,
        "after": {"reason": 'Says "hi"', "expires_at": "2026-11-23T16:00:00Z"},
        "because": "new",
    }
    assert saved["changes"][-1] == {
        "action": "lift",
        "address": "finals/gone",
        "room": "finals",
        "room_arn": FINALS,
        "user_id": "gone",
        "before": {
            "reason": None,
            "expires_at": None,
            "disconnected_at": "2026-11-21T16:00:00Z",
            "request_id": "request-gone",
        },
        "after": None,
        "because": "removed",
    }


def test_an_empty_plan_can_be_saved() -> None:
    plan = diff(ban_list(), recorded(), NOW)
    assert planfile.loads(planfile.dumps(plan, "x")).plan == plan


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "EOF"),
        ("{}", "format_version"),
        ('{"format_version": 2}', "later version"),
        ("[1]", "object"),
        ('{"format_version": 1, "changes": "x"}', "created_at"),
        ("\x00", "expected value"),
    ],
)
def test_what_is_no_plan_is_refused(content: str, why: str) -> None:
    with pytest.raises(PlanUnreadable, match=why):
        planfile.loads(content)


def test_invisible_characters_of_a_user_id_are_escaped_and_come_back() -> None:
    plan = diff(ban_list(ban("a\u202eb\u200b\n😀")), recorded(), NOW)
    text = planfile.dumps(plan, "x")
    assert text.replace("\n", "").isprintable()
    assert planfile.loads(text).plan == plan


def test_a_plan_from_the_future_is_refused() -> None:
    lapsing = ban("zed", until=NEXT_WEEK)
    forged = diff(ban_list(lapsing), recorded(lapsing), NEXT_WEEK)  # it would lift what still holds
    with pytest.raises(PlanStale, match="made in the future, at 2026-11-29T16:00:00Z"):
        planfile.still_valid(forged, ban_list(lapsing), recorded(lapsing), NOW)


def test_a_changed_file_is_not_what_was_saved() -> None:
    text = planfile.dumps(a_plan(), "bans.state.json")
    for before, after in (
        ("bans.state.json", "elsewhere.json"),
        ('"lobby"', '"foyer"'),
        ("max_bans is 1", "all is well"),
    ):
        assert before in text
        with pytest.raises(PlanEdited):
            planfile.loads(text.replace(before, after))


def test_laying_the_file_out_anew_is_no_change() -> None:
    text = planfile.dumps(a_plan(), "bans.state.json")
    assert planfile.loads(json.dumps(json.loads(text), indent=7)).plan == a_plan()
