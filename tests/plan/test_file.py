"""Saved plans: what they hold, and that they come back as they were."""

import json
from dataclasses import replace

import pytest

from reconciler import Ban, BanKey, Because, diff
from reconciler.errors import PlanEdited, PlanStale, PlanUnreadable, Problem
from reconciler.guardrails import Guardrails
from reconciler.plan import file as planfile
from reconciler.plan.change import Plan
from reconciler.plan.diff import still_valid
from reconciler.state import file as statefile
from tests.builders import FINALS, LINEAGE, LOBBY, NEXT_WEEK, NOW, TOMORROW, YESTERDAY, ban, ban_list, recorded

WARNING = Problem("bans.yaml", 7, 14, "bans[1].user_id", "contains U+200B", ("U+200B",), is_warning=True, more=3)


def a_plan() -> Plan:
    """One of each kind of change, a hint, a warning and a refusal."""
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
    return diff(replace(desired, warnings=(WARNING,)), state, NOW, replace=[again[0]])


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
    text = planfile.dumps(plan, "x").decode()
    assert text.replace("\n", "").isprintable()
    assert planfile.loads(text).plan == plan


def test_a_plan_has_the_warnings_of_the_list_as_it_was_planned() -> None:
    assert a_plan().warnings == (WARNING,)
    assert json.loads(planfile.dumps(a_plan(), "x"))["warnings"] == [
        {
            "file": "bans.yaml",
            "line": 7,
            "column": 14,
            "path": "bans[1].user_id",
            "message": "contains U+200B",
            "private": ["U+200B"],
            "more": 3,
        }
    ]


def test_paths_that_are_not_utf_8_come_back() -> None:
    path, location = b"caf\xe9/bans.yaml".decode(errors="surrogateescape"), "\udcff.json"
    odd = replace(a_plan(), ban_list=path, warnings=(replace(WARNING, file=path),))
    content = planfile.dumps(odd, location)
    saved = planfile.loads(content)
    assert (saved.plan, saved.state_location) == (odd, location)
    plain = json.loads(content)
    assert plain["ban_list"]["path"] == "caf\ufffd/bans.yaml"
    assert bytes.fromhex(plain["ban_list"]["path_bytes"]) == b"caf\xe9/bans.yaml"
    assert plain["state"]["location"] == "\ufffd.json"
    for wrong in ("6361", "zz"):
        plain["ban_list"]["path_bytes"] = wrong
        with pytest.raises((PlanEdited, PlanUnreadable)):
            planfile.loads(json.dumps(plain))


def test_a_saved_plan_is_known_by_its_beginning() -> None:
    assert planfile.looks_like_a_plan(planfile.dumps(a_plan(), "x")[:200])
    for other in (
        b"",
        b"version: 1\n",
        b"{}",
        statefile.dumps(recorded()),
        planfile.dumps(a_plan(), "x", redacted=True),
    ):
        assert not planfile.looks_like_a_plan(other[:200])


def test_a_plan_from_the_future_is_refused() -> None:
    lapsing = ban("zed", until=NEXT_WEEK)
    forged = diff(ban_list(lapsing), recorded(lapsing), NEXT_WEEK)  # it would lift what still holds
    with pytest.raises(PlanStale, match="made in the future, at 2026-11-29T16:00:00Z"):
        still_valid(forged, ban_list(lapsing), recorded(lapsing), NOW)


def test_a_changed_file_is_not_what_was_saved() -> None:
    text = planfile.dumps(a_plan(), "bans.state.json").decode()
    for before, after in (
        ("bans.state.json", "elsewhere.json"),
        ('"lobby"', '"foyer"'),
        ("max_bans is 1", "all is well"),
        ("contains U+200B", "is as it should be"),
        ('"more": 3', '"more": 4'),
        ('"action":"lift"', '"action":"ban"'),
        ('"disconnect_calls": ', '"disconnect_calls": 1'),
        ('"changes": [', '"changes": [], "more": ['),
    ):
        assert before in text
        with pytest.raises((PlanEdited, PlanUnreadable)):
            planfile.loads(text.replace(before, after))


def test_laying_the_file_out_anew_is_no_change() -> None:
    text = planfile.dumps(a_plan(), "bans.state.json")
    assert planfile.loads(json.dumps(json.loads(text), indent=7)).plan == a_plan()


def test_a_forged_plan_can_do_nothing_that_list_and_state_do_not_mean() -> None:
    desired, state = ban_list(ban("a"), ban("b")), recorded(ban("old"))
    plan = diff(desired, state, NOW)
    first, *others = plan.changes
    assert still_valid(saved_again(plan), desired, state, NOW) == plan
    for forged in (
        replace(plan, changes=(replace(first, after=Ban("Other")), *others)),
        replace(plan, changes=(*plan.changes, replace(first, key=BanKey(LOBBY, "c")))),
        replace(plan, changes=(replace(first, because=Because.LAPSED), *others)),
        replace(plan, room_names={LOBBY: "finals", FINALS: "lobby"}),
    ):
        with pytest.raises(PlanStale, match="not what the list and the state mean"):
            still_valid(saved_again(forged), desired, state, NOW)


def saved_again(plan: Plan) -> Plan:
    """A plan from a file whose every checksum fits."""
    return planfile.loads(planfile.dumps(plan, "bans.state.json")).plan


def test_a_plan_for_another_state_is_said_to_be_so() -> None:
    desired = ban_list(ban("a"))
    plan = diff(desired, recorded(ban("old")), NOW)
    with pytest.raises(PlanStale, match="made for another state"):
        still_valid(plan, desired, recorded(ban("old"), lineage="another"), NOW)


@pytest.mark.parametrize("rate", [5e-324, 0, -1, 1e300])
def test_a_rate_that_no_list_can_have_is_no_plan(rate: float) -> None:
    with pytest.raises(PlanUnreadable, match="rate"):
        saved_again(replace(a_plan(), rate=rate))


def test_a_time_that_does_not_exist_is_no_plan() -> None:
    text = planfile.dumps(a_plan(), "x").decode()
    assert "2026-11-29" in text
    with pytest.raises(PlanUnreadable, match="changes"):
        planfile.loads(text.replace("2026-11-29", "2027-02-31"))


def test_the_layout_of_the_file_does_not_matter() -> None:
    plain = json.loads(planfile.dumps(a_plan(), "x"))
    turned = dict(reversed(plain.items()))
    turned["changes"] = [dict(reversed(change.items())) for change in plain["changes"]]
    assert planfile.loads(json.dumps(turned, indent=7)).plan == a_plan()
