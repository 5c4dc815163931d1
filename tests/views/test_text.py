"""Plans and states as people read them, whole."""

import re
from collections.abc import Sequence

import pytest
from rich.cells import cell_len

from reconciler import BanKey, Plan, State, diff
from reconciler.errors import AccessDenied, RoomNotFound
from reconciler.guardrails import Guardrails
from reconciler.plan.outcome import Outcome, tally
from reconciler.views import text
from reconciler.views.report import Ending
from tests.builders import FINALS, LOBBY, NEXT_WEEK, NOW, ROOMS, TOMORROW, YESTERDAY, ban, ban_list, many, recorded

NAMES = {arn: name for name, arn in ROOMS.items()}


def test_a_plan_reads_line_by_line_and_ends_in_a_summary() -> None:
    desired = ban_list(
        ban("ABC123def456", reason="Violated terms of service", until=NEXT_WEEK),
        ban("zed", until=NEXT_WEEK),
        ban("amy", reason="Spam"),
        ban("pat", until=YESTERDAY),
        ban("back", reason="Again", until=TOMORROW),
        ban("eve", until=YESTERDAY),
    )
    state = recorded(
        ban("zed", until=TOMORROW),
        ban("amy"),
        ban("pat", until=YESTERDAY),
        ban("back", until=YESTERDAY),
        ban("eve"),
        ban("old", room=FINALS),
    )
    assert text.plan(diff(desired, state, NOW)) == (
        """\
  + lobby/ABC123def456   disconnect   "Violated terms of service"   until 2026-11-29 16:00 UTC
  ~ lobby/zed            update       expires 2026-11-23 16:00 UTC → 2026-11-29 16:00 UTC
  ~ lobby/amy            update       reason none → "Spam"
  - lobby/pat            lift         expired 2026-11-21 16:00 UTC
  + lobby/back           disconnect   "Again"   until 2026-11-23 16:00 UTC   again; the last ban ended \
2026-11-21 16:00 UTC
  - lobby/eve            lift         expired according to bans.yaml
  - finals/old           lift         removed from bans.yaml

Plan: 2 to ban, 2 to update, 3 to lift.
2 DisconnectUser calls, about 1 s at 100 calls/s.
"""
    )


def test_nothing_to_do_is_said_in_one_line() -> None:
    assert text.plan(diff(ban_list(), State(), NOW)) == "No changes. The state matches bans.yaml.\n"


def test_a_repeat_is_shown_and_counted() -> None:
    entry = ban("zed", reason="Spam")
    assert text.plan(diff(ban_list(entry), recorded(entry), NOW, replace=[entry[0]])) == (
        """\
  ± lobby/zed   repeat       "Spam"   disconnected before, 2026-11-21 16:00 UTC

Plan: 0 to ban, 0 to update, 0 to lift, 1 to repeat.
1 DisconnectUser call, about 1 s at 100 calls/s.
"""
    )


def test_expired_entries_are_hinted_at() -> None:
    desired = ban_list(*(ban(f"u{number}", until=YESTERDAY) for number in range(5)))
    assert text.plan(diff(desired, State(), NOW)) == (
        """\
No changes. The state matches bans.yaml.

Hint: the bans of lobby/u0, lobby/u1, lobby/u2 and 2 more have expired, and can be taken out \
of bans.yaml.
"""
    )


def test_a_refused_plan_is_shown_in_full_and_then_refused() -> None:
    desired = ban_list(ban("a"), ban("b"), guardrails=Guardrails(max_bans=1))
    assert text.plan(diff(desired, State(), NOW)) == (
        """\
  + lobby/a   disconnect
  + lobby/b   disconnect

Plan: 2 to ban, 0 to update, 0 to lift.
2 DisconnectUser calls, about 1 s at 100 calls/s.

Refused: it has 2 new bans, and guardrails.max_bans is 1.
If this is meant, change guardrails.max_bans in bans.yaml, so that the exception is reviewed too.
"""
    )


def test_a_targeted_plan_says_what_it_leaves_out() -> None:
    desired = ban_list(ban("a"), ban("b"))
    plan = diff(desired, recorded(ban("b")), NOW, targets=[BanKey(LOBBY, "b")])
    assert text.plan(plan) == "No changes to the targets.\n1 more change left out by --target.\n"


def test_the_estimate_is_for_the_busiest_region() -> None:
    desired = ban_list(*many(250), *(ban(f"f{number}", room=FINALS) for number in range(20)))
    shown = text.plan(diff(desired, State(), NOW), rate=10)
    assert shown.endswith("270 DisconnectUser calls, about 25 s at 10 calls/s in each of 2 regions.\n")


def test_long_estimates_are_in_minutes_and_hours() -> None:
    plan = diff(ban_list(*many(1000)), State(), NOW)
    assert "about 17 min at 1 calls/s" in text.plan(plan, rate=1)
    assert "about 2 h 47 min at 0.1 calls/s" in text.plan(plan, rate=0.1)
    assert text.plan(plan, rate=0).endswith("1,000 DisconnectUser calls.\n")


@pytest.mark.parametrize("rate", [5e-324, 1e-300, 1e-5, 1e308])
def test_an_estimate_is_given_for_every_rate(rate: float) -> None:
    plan = diff(ban_list(*many(1000)), State(), NOW)
    about = "about 1 s" if rate > 1 else "more than a year"
    assert text.plan(plan, rate=rate).endswith(f"1,000 DisconnectUser calls, {about} at {rate:g} calls/s.\n")


def test_reasons_are_cut_where_a_line_is_wider_than_the_terminal() -> None:
    long = "A reason that is far too long to stand in a line of a terminal with its columns"
    desired = ban_list(
        ban("a", reason="Spam"),
        ban("bob", reason=long, until=TOMORROW),
        ban("wide", reason="違反" * 30),
        ban("escaped", reason="\u202e" * 30),
        ban("moved", reason=long),
        ban("later", reason=long, until=TOMORROW),
    )
    state = recorded(ban("moved", reason="Spam"), ban("later", reason=long), ban("gone", reason=long))
    plan = diff(desired, state, NOW)
    assert text.plan(plan, width=100).splitlines()[:7] == [
        '  + lobby/a         disconnect   "Spam"',
        '  + lobby/bob       disconnect   "A reason that is far too long to st…"   until 2026-11-23 16:00 UTC',
        '  + lobby/wide      disconnect   "違反違反違反違反違反違反違反違反違反違反…"',
        '  + lobby/escaped   disconnect   "' + r"\u202e" * 20 + '…"',
        '  ~ lobby/moved     update       reason "Spam" → "A reason that is far too long to stand in a line…"',
        "  ~ lobby/later     update       expires never → 2026-11-23 16:00 UTC",
        "  - lobby/gone      lift         removed from bans.yaml",
    ]


@pytest.mark.parametrize("width", range(20, 220))
def test_a_line_fits_unless_twenty_characters_of_a_reason_do_not(width: int) -> None:
    desired = ban_list(
        ban("a", reason="x" * 150),
        ban("b", reason="違" * 75, until=TOMORROW),
        ban("c", reason="y" * 130),
        ban("d", reason="z" * 20),
    )
    plan = diff(desired, recorded(ban("c", reason="q" * 30)), NOW)
    whole = text.plan(plan).splitlines()
    for line, full in zip(text.plan(plan, width=width).splitlines()[:4], whole, strict=False):
        if cell_len(full) <= width:
            assert line == full
        elif cell_len(line) > width:
            for reason in re.findall('"(.*?)"', line):
                assert len(reason.removesuffix("…")) == 20
        else:
            assert "…" in line
        assert line.count('"') == full.count('"')


def test_nothing_is_cut_of_a_plan_that_is_shown_whole() -> None:
    plan = diff(ban_list(*(ban(f"u{number}", reason="x" * 200) for number in range(150))), State(), NOW)
    assert text.plan(plan, width=80).count('xx…"') == 100
    assert text.plan(plan, width=80, everything=True) == text.plan(plan, everything=True)
    assert "x…" not in text.plan(plan)


def test_columns_line_up_for_wide_characters() -> None:
    shown = text.plan(diff(ban_list(ban("王小明"), ban("abcdef")), State(), NOW)).splitlines()
    assert shown[0] == "  + lobby/王小明   disconnect"
    assert shown[1] == "  + lobby/abcdef   disconnect"


def test_a_user_id_cannot_act_on_the_terminal_or_forge_a_line() -> None:
    hostile = ban("x\n  - lobby/host   lift \x1b[2J\u202e", reason="a\r\nb\x07\u200b")
    shown = text.plan(diff(ban_list(hostile), State(), NOW))
    assert shown.splitlines()[0] == (
        r'  + lobby/"x\n  - lobby/host   lift \u001b[2J\u202e"   disconnect   "a\r\nb\u0007\u200b"'
    )
    assert shown.replace("\n", "").isprintable()


def test_colour_marks_only_the_signs() -> None:
    shown = text.plan(diff(ban_list(ban("a")), State(), NOW), colour=True)
    assert shown.startswith("  \x1b[31m+\x1b[0m lobby/a   disconnect\n")
    assert "\x1b" not in text.plan(diff(ban_list(ban("a")), State(), NOW))


def test_who_is_banned_is_shown_by_room() -> None:
    state = recorded(ban("b", reason="Spam", until=TOMORROW), ban("a"), ban("z", room=FINALS, until=YESTERDAY))
    assert text.state(state, NAMES, "bans.state.json", NOW) == (
        """\
  finals/z   disconnected 2026-11-21 16:00 UTC   expired 2026-11-21 16:00 UTC
  lobby/a    disconnected 2026-11-21 16:00 UTC
  lobby/b    disconnected 2026-11-21 16:00 UTC   until 2026-11-23 16:00 UTC   "Spam"

3 bans in bans.state.json, serial 1; 1 of them expired, to be lifted by the next apply.
"""
    )


def ending(plan: Plan, outcomes: Sequence[Outcome], *, saved_plan: bool = False) -> Ending:
    return Ending(tally(plan.changes, outcomes), "bans.state.json", saved_plan=saved_plan, interrupted=False)


def test_a_complete_apply_ends_in_its_totals() -> None:
    plan = diff(ban_list(ban("a"), ban("b", reason="x")), recorded(ban("b"), ban("c")), NOW)
    outcomes = [Outcome(change, change.recorded(NOW, "id")) for change in plan.changes]
    shown = text.applied(plan, outcomes, ending(plan, outcomes))
    assert shown == "\nApply complete: 1 banned, 1 updated, 1 lifted.\n"


def test_failures_are_grouped_by_what_to_do_about_them() -> None:
    plan = diff(ban_list(ban("a"), ban("b"), ban("c"), ban("d"), ban("e")), State(), NOW)
    a, b, c, d, _ = plan.changes
    outcomes = [
        Outcome(a, error=AccessDenied("Allow it.", "AccessDeniedException: no (request ID 1)")),
        Outcome(b, error=RoomNotFound("Correct the ARN.", "ResourceNotFoundException: gone (request ID 2)")),
        Outcome(c, error=AccessDenied("Allow it.", "AccessDeniedException: no (request ID 3)")),
        Outcome(d, d.recorded(NOW, "id")),
    ]
    assert text.applied(plan, outcomes, ending(plan, outcomes)) == (
        """
Failed: lobby/a, lobby/c
  Allow it.
  AccessDeniedException: no (request ID 1)

Failed: lobby/b
  Correct the ARN.
  ResourceNotFoundException: gone (request ID 2)

Apply incomplete: 1 banned, 3 failed, 1 not started.
The rest was not tried, since calls to its account and region could not succeed.
What is done is recorded in bans.state.json. Apply again to go on from here.
"""
    )


def test_an_apply_that_did_nothing_says_that_nothing_is_recorded() -> None:
    plan = diff(ban_list(ban("a"), ban("b")), State(), NOW)
    outcomes = [Outcome(plan.changes[0], error=AccessDenied("Allow it."))]
    shown = text.applied(plan, outcomes, ending(plan, outcomes))
    assert shown.endswith("\nNothing is recorded. Apply again to go on from here.\n")
    assert "bans.state.json" not in shown
    saved = text.applied(plan, outcomes, ending(plan, outcomes, saved_plan=True))
    assert saved.endswith("\nNothing is recorded. Make a new plan to go on from here.\n")


def test_whatever_was_done_is_said_to_be_recorded() -> None:
    key = ban("c")[0]
    plan = diff(
        ban_list(ban("a"), ban("b", reason="x"), ban("c")), recorded(ban("b"), ban("c"), ban("d")), NOW, replace=[key]
    )
    assert len({change.action for change in plan.changes}) == 4
    for change in plan.changes:
        outcomes = [Outcome(change, change.recorded(NOW, "id"))]
        shown = text.applied(plan, outcomes, ending(plan, outcomes))
        assert "\nWhat is done is recorded in bans.state.json. " in shown


# Large plans


def test_a_large_plan_is_shown_as_the_counts_of_each_room_and_the_first_changes_of_each_action() -> None:
    desired = ban_list(
        *many(60), ban("new", room=FINALS), *(ban(f"moved{number}", reason="Spam") for number in range(2))
    )
    state = recorded(ban("moved0"), ban("moved1"), *(ban(f"old{number}", room=FINALS) for number in range(40)))
    shown = text.plan(diff(desired, state, NOW)).splitlines()
    assert shown[:5] == [
        "lobby: 60 to ban, 2 to update",
        "finals: 1 to ban, 40 to lift",
        "",
        "  + lobby/user0    disconnect",
        "  + lobby/user1    disconnect",
    ]
    assert shown[60:66] == [
        "  + lobby/user57   disconnect",
        "  … and 3 more to ban",
        '  ~ lobby/moved0   update       reason none → "Spam"',
        '  ~ lobby/moved1   update       reason none → "Spam"',
        "  - finals/old0    lift         removed from bans.yaml",
        "  - finals/old1    lift         removed from bans.yaml",
    ]
    assert shown[102:108] == [
        "  - finals/old8    lift         removed from bans.yaml",
        "  - finals/old9    lift         removed from bans.yaml",
        "",
        "100 of 103 changes are shown; --all shows every one.",
        "",
        "Plan: 61 to ban, 2 to update, 40 to lift.",
    ]


def test_of_many_rooms_the_counts_of_fifty_are_shown_and_the_rest_is_counted() -> None:
    rooms = {f"room{number}": f"arn:aws:ivschat:us-west-2:1:room/r{number}" for number in range(300)}
    bans = [
        ban(f"u{n}", room=arn) for number, arn in enumerate(rooms.values()) for n in range(3 if number == 299 else 1)
    ]
    shown = text.plan(diff(ban_list(*bans, rooms=rooms), State(), NOW))
    assert shown.startswith("room299: 3 to ban\nroom0: 1 to ban\nroom1: 1 to ban\n")
    assert "\nroom48: 1 to ban\n250 more rooms: 250 to ban\n\n  + room0/u0    disconnect\n" in shown
    assert "\n100 of 302 changes are shown; --all shows every one.\n" in shown


def test_everything_is_shown_on_demand_in_the_order_of_the_list() -> None:
    plan = diff(ban_list(*many(200)), recorded(*many(50, "old")), NOW)
    shown = text.plan(plan, everything=True).splitlines()
    assert [line.split()[1] for line in shown[:250]] == [plan.address(change.key) for change in plan.changes]
    assert shown[250:252] == ["", "Plan: 200 to ban, 0 to update, 50 to lift."]


def test_a_plan_of_a_hundred_changes_is_shown_as_it_is() -> None:
    assert "are shown" not in text.plan(diff(ban_list(*many(100)), State(), NOW))
    assert "100 of 101 changes are shown" in text.plan(diff(ban_list(*many(101)), State(), NOW))


def test_of_many_reasons_for_failures_twenty_are_told() -> None:
    rooms = [f"arn:aws:ivschat:us-west-2:123456789012:room/r{number}" for number in range(1000)]
    plan = diff(ban_list(*(ban(user, room=room) for room in rooms for user in ("a", "b"))), State(), NOW)
    outcomes = [
        Outcome(change, error=RoomNotFound(f"There is no room {change.key.room_arn}.")) for change in plan.changes
    ]
    ending = Ending(tally(plan.changes, outcomes), "bans.state.json", saved_plan=False, interrupted=False)
    told = text.applied(plan, outcomes, ending).splitlines()
    assert len(told) < 70
    assert told[-4:] == [
        "Failed: 1,960 more bans, for 980 other reasons",
        "",
        "Apply incomplete: 0 banned, 2,000 failed, 0 not started.",
        "Nothing is recorded. Apply again to go on from here.",
    ]
