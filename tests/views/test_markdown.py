"""The comment in a pull request: what it says, and that it always fits."""

import re
from collections.abc import Callable

import pytest

from reconciler import BanKey, Guardrails, Plan, State, diff
from reconciler.errors import Problem
from reconciler.views import markdown
from reconciler.views.marker import marker
from tests.builders import FINALS, LOBBY, NEXT_WEEK, NOW, ROOMS, TOMORROW, YESTERDAY, ban, ban_list, many, recorded


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_comment_says_who_is_banned_where_and_why() -> None:
    again = ban("again", reason="Spam")
    desired = ban_list(
        ban("ABC123def456", reason="Violated terms of service", until=NEXT_WEEK),
        ban("zed", reason="Spam", until=NEXT_WEEK),
        ban("a b", room=FINALS),
        ban("back", reason="Again", until=TOMORROW),
        ban("gone", until=YESTERDAY),
        ban("over", until=YESTERDAY),
        ban("early", until=YESTERDAY),
        again,
    )
    state = recorded(
        ban("zed", until=TOMORROW),
        ban("back", until=YESTERDAY),
        ban("old", reason="Spam"),
        ban("over", until=YESTERDAY),
        ban("early"),
        again,
    )
    assert markdown.plan(diff(desired, state, NOW, replace=[again[0]])) == (
        """\
<!-- reconciler-plan: bans.yaml -->
**Plan: 3 to ban, 1 to update, 3 to lift, 1 to repeat.** 4 DisconnectUser calls, about 1 s at 100 calls/s in each of 2 \
regions.

Hint: the ban of `lobby/gone` has expired, and can be taken out of `bans.yaml`.

<details open><summary><b>3 to ban</b>: disconnects the user, then records it</summary>

| Room | User | Reason, which the room sees | Until |
| --- | --- | --- | --- |
| `lobby` | `ABC123def456` | `Violated terms of service` | 2026-11-29 16:00 UTC |
| `finals` | `a b` | none | for good |
| `lobby` | `back` | `Again` | 2026-11-23 16:00 UTC, again; the last ban ended 2026-11-21 16:00 UTC |

</details>

<details open><summary><b>1 to repeat</b>: disconnects the user again, then records it</summary>

| Room | User | Reason, which the room sees | Disconnected before |
| --- | --- | --- | --- |
| `lobby` | `again` | `Spam` | 2026-11-21 16:00 UTC |

</details>

<details open><summary><b>1 to update</b>: changes the record, and calls nobody</summary>

| Room | User | What changes |
| --- | --- | --- |
| `lobby` | `zed` | reason none → `Spam`, expires 2026-11-23 16:00 UTC → 2026-11-29 16:00 UTC |

</details>

<details open><summary><b>3 to lift</b>: forgets the record, and calls nobody</summary>

| Room | User | Why | Was banned for |
| --- | --- | --- | --- |
| `lobby` | `over` | expired 2026-11-21 16:00 UTC | none |
| `lobby` | `early` | expired according to `bans.yaml` | none |
| `lobby` | `old` | removed from `bans.yaml` | `Spam` |

</details>
"""
    )


def test_no_changes_are_a_comment_too() -> None:
    assert markdown.plan(diff(ban_list(), State(), NOW)) == (
        "<!-- reconciler-plan: bans.yaml -->\n**No changes.** The state matches `bans.yaml`.\n"
    )


def test_a_targeted_plan_says_what_it_leaves_out() -> None:
    plan = diff(ban_list(ban("a"), ban("b")), recorded(ban("b")), NOW, targets=[BanKey(LOBBY, "b")])
    assert markdown.plan(plan).endswith("**No changes to the targets.** 1 more change left out by `--target`.\n")


def test_a_refusal_stands_before_the_changes_with_its_figures_and_the_key() -> None:
    comment = markdown.plan(diff(ban_list(*many(3), guardrails=Guardrails(max_bans=2)), State(), NOW))
    refusal = """
> [!CAUTION]
> **Refused:** `it has 3 new bans, and guardrails.max_bans is 2`.
>
> If this is meant, change `guardrails.max_bans` in `bans.yaml`, so that the exception is reviewed too.

<details"""
    assert refusal in comment


def test_a_long_table_is_folded_and_a_short_one_is_not() -> None:
    assert "<details open><summary><b>20 to ban" in markdown.plan(diff(ban_list(*many(20)), State(), NOW))
    assert "<details><summary><b>21 to ban" in markdown.plan(diff(ban_list(*many(21)), State(), NOW))


def overview(comment: str) -> str:
    """What stands between the verdict and the first fold."""
    return comment.split("\n\n", 1)[1].partition("<details")[0]


def test_a_long_plan_says_first_who_is_banned_where_and_why() -> None:
    rooms = ROOMS | {"stage": "arn:aws:ivschat:us-west-2:123456789012:room/stage0000000"}
    desired = ban_list(
        *(ban(f"u{number}", reason="Spam" if number % 3 else "Threats | `x`") for number in range(120)),
        *(ban(f"u{number}", room=FINALS, reason="Spam") for number in range(50)),
        *(ban(f"s{number}", room=rooms["stage"]) for number in range(30)),
        *(ban(f"moved{number}", reason=f"new {number}") for number in range(18)),
        guardrails=Guardrails(max_lift_percent=100),
        rooms=rooms,
    )
    state = recorded(
        *(ban(f"moved{number}") for number in range(18)), *(ban(f"old{number}", room=FINALS) for number in range(15))
    )
    comment = markdown.plan(diff(desired, state, NOW))
    assert overview(comment) == (
        """\
**200 bans of 150 users in 3 rooms.** Reasons: `Spam` (130), `` Threats | `x` `` (40), none (30).

| Room | To ban | To update | To lift |
| --- | ---: | ---: | ---: |
| `lobby` | 120 | 18 | 0 |
| `finals` | 50 | 0 | 15 |
| `stage` | 30 | 0 | 0 |

"""
    )
    assert re.findall("<details.*?</b>", comment) == [
        "<details><summary><b>200 to ban</b>",
        "<details><summary><b>18 to update</b>",
        "<details><summary><b>15 to lift</b>",
    ]


def test_a_few_bans_are_open_beside_many_updates() -> None:
    moved = [ban(f"moved{number}", reason="new") for number in range(30)]
    plan = diff(ban_list(ban("a", reason="x"), *moved), recorded(*(ban(f"moved{n}") for n in range(30))), NOW)
    comment = markdown.plan(plan)
    assert "<details open><summary><b>1 to ban" in comment
    assert "<details><summary><b>30 to update" in comment
    assert overview(comment).startswith("**1 ban of 1 user in 1 room.** Reason: `x` (1).\n\n| Room | To ban |")


def test_a_plan_of_twenty_changes_needs_no_overview() -> None:
    lifts = many(10, "gone")
    comment = markdown.plan(diff(ban_list(*many(10)), recorded(*lifts), NOW))
    assert "<details open><summary><b>10 to ban" in comment
    assert "<details open><summary><b>10 to lift" in comment
    assert "| Room | To ban |" not in comment
    more = markdown.plan(diff(ban_list(*many(11)), recorded(*lifts), NOW))
    assert "<details open><summary><b>11 to ban" in more
    assert "<details><summary><b>10 to lift" in more
    assert "| `lobby` | 11 | 0 | 10 |\n" in more


def test_a_plan_that_bans_nobody_counts_its_rooms_alone() -> None:
    repeated = many(25)
    plan = diff(ban_list(*repeated), recorded(*repeated), NOW, replace=[key for key, _ in repeated])
    assert overview(markdown.plan(plan)) == (
        """\
| Room | To ban | To repeat | To update | To lift |
| --- | ---: | ---: | ---: | ---: |
| `lobby` | 0 | 25 | 0 | 0 |

"""
    )


def test_of_many_rooms_and_reasons_the_most_frequent_are_named_and_the_rest_is_counted() -> None:
    arns, lenient = list(ROOMS_1000.values()), Guardrails(max_bans=2000)
    bans = [
        ban(f"user{number}", room=arns[room], reason=f"reason {min(room, 4)}")
        for room in range(52)
        for number in range(52 - room)
    ]
    state = recorded(ban("old", room=arns[51]))
    shown = overview(markdown.plan(diff(ban_list(*bans, guardrails=lenient, rooms=ROOMS_1000), state, NOW)))
    assert shown.startswith(
        "**1,378 bans of 52 users in 52 rooms.** Reasons: `reason 4` (1,176), `reason 0` (52), `reason 1` (51), "
        "and 2 others."
    )
    lines = shown.splitlines()[2:]
    assert lines[2:4] == ["| `room0` | 52 | 0 | 0 |", "| `room1` | 51 | 0 | 0 |"]
    assert lines[51:53] == ["| `room49` | 3 | 0 | 0 |", "| and 2 more rooms | 3 | 0 | 1 |"]
    fewer = overview(markdown.plan(diff(ban_list(*bans[:-1], guardrails=lenient, rooms=ROOMS_1000), State(), NOW)))
    assert fewer.splitlines()[-2] == "| and 1 more room | 2 | 0 | 0 |"


def test_a_saved_plan_names_its_commit() -> None:
    from dataclasses import replace

    plan = replace(diff(ban_list(ban("a")), State(), NOW), commit="0123456" + "9" * 33)
    assert markdown.plan(plan).endswith("\nMade 2026-11-22 16:00 UTC at commit `0123456`.\n")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("bans.yaml", "bans.yaml"),
        ("./bans.yaml", "bans.yaml"),
        ("moderation/eu/bans.yaml", "moderation/eu/bans.yaml"),
        ("a -->b", "a%20-%2D%3Eb"),
        ("a---b----c-", "a-%2D-b-%2D-%2Dc-"),
        ("a\n>b", "a%0A%3Eb"),
        ("é.yaml", "%C3%A9.yaml"),
        ("x\udc80", "x%5Cudc80"),
    ],
)
def test_the_marker_finds_the_comment_of_a_list_and_ends_where_it_should(path: str, shown: str) -> None:
    assert marker(path) == f"<!-- reconciler-plan: {shown} -->\n"


def test_two_long_paths_have_two_short_markers() -> None:
    one, other = marker("a" * 5000 + "1"), marker("a" * 5000 + "2")
    assert one != other
    assert len(one) < 120


def shown_rows(comment: str) -> int:
    """Of the tables of changes, not of the overview above them."""
    return sum(line.startswith("| `") for line in comment.partition("<details")[2].splitlines())


def missing(comment: str) -> int:
    return sum(
        int(line.split(" more to ")[0].strip("*").replace(",", ""))
        for line in comment.splitlines()
        if "are not shown here.**" in line
    )


ROOMS_1000 = {f"room{number}": f"arn:aws:ivschat:us-west-2:123456789012:room/r{number:04}" for number in range(1000)}


def ten_thousand() -> Plan:
    return diff(ban_list(*many(10_000)), State(), NOW)


def ten_thousand_of_the_longest() -> Plan:
    """IDs and reasons as long as the service takes, of characters that take most room."""
    users = [ban(f"{number:08}" + "\U000e0100" * 120, reason="\U000e0101" * 256) for number in range(10_000)]
    return diff(ban_list(*users), State(), NOW)


def ten_thousand_outside_the_first_plane() -> Plan:
    return diff(ban_list(*(ban(f"{n:08}" + "😀" * 120, reason="😀" * 256) for n in range(10_000))), State(), NOW)


def ten_thousand_in_a_thousand_rooms() -> Plan:
    arns = list(ROOMS_1000.values())
    bans = [ban(f"user{number}", room=arns[number % 1000]) for number in range(10_000)]
    return diff(ban_list(*bans, rooms=ROOMS_1000), State(), NOW)


def of_everything() -> Plan:
    same = [ban(f"same{number}") for number in range(2000)]
    desired = ban_list(
        *many(4000),
        *same,
        *(ban(f"moved{number}", reason="new", until=NEXT_WEEK) for number in range(2000)),
        *(ban(f"past{number}", until=YESTERDAY) for number in range(5000)),
        guardrails=Guardrails(max_bans=10),
    )
    state = recorded(*same, *(ban(f"moved{n}", reason="old") for n in range(2000)), *many(2000, "gone"))
    return diff(desired, state, NOW, replace=[key for key, _ in same])


@pytest.mark.parametrize(
    "make",
    [
        ten_thousand,
        ten_thousand_of_the_longest,
        ten_thousand_outside_the_first_plane,
        ten_thousand_in_a_thousand_rooms,
        of_everything,
    ],
)
def test_ten_thousand_changes_fit_and_what_is_missing_is_counted(make: Callable[[], Plan]) -> None:
    plan = make()
    comment = markdown.plan(plan)
    assert units(comment) <= markdown.LIMIT
    assert units(comment) > markdown.LIMIT // 2  # the room is used
    assert shown_rows(comment) > 0
    assert shown_rows(comment) + missing(comment) == len(plan.changes) == 10_000
    assert "the saved plan, the log of the job, or `reconciler plan --all`" in comment


def test_the_changes_of_each_room_are_counted_even_if_they_are_not_shown() -> None:
    big, small = [ban(f"user{number}") for number in range(5000)], [ban(f"f{n}", room=FINALS) for n in range(3)]
    comment = markdown.plan(diff(ban_list(*big, *small), State(), NOW))
    assert "| `lobby` | 5,000 | 0 | 0 |\n| `finals` | 3 | 0 | 0 |\n" in comment
    assert "`f2`" not in comment
    assert f"\n**{5003 - shown_rows(comment):,} more to ban are not shown here.**" in comment


def test_of_a_thousand_rooms_fifty_are_named() -> None:
    comment = markdown.plan(ten_thousand_in_a_thousand_rooms())
    assert "| `room49` | 10 | 0 | 0 |\n| and 950 more rooms | 9,500 | 0 | 0 |\n" in comment


def test_a_few_lifts_are_seen_beside_many_bans() -> None:
    comment = markdown.plan(diff(ban_list(*many(10_000)), recorded(ban("innocent")), NOW))
    assert "| `lobby` | `innocent` | removed from `bans.yaml` | none |" in comment


def test_rows_that_are_not_shown_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = markdown._change_row
    monkeypatch.setattr(markdown, "_change_row", lambda *args: made.append(1) or original(*args))  # type: ignore[func-returns-value]
    comment = markdown.plan(ten_thousand())
    assert len(made) <= shown_rows(comment) + 1


def test_a_plan_with_absurd_names_fits_too() -> None:
    plan = Plan(
        created_at=NOW,
        ban_list="x" * 100_000,
        ban_list_sha256="",
        lineage=None,
        serial=0,
        changes=ten_thousand().changes,
        room_names={LOBBY: "`" * 100_000},
        expired=tuple(BanKey(LOBBY, "\U000e0100" * 128) for _ in range(5)),
    )
    assert units(markdown.plan(plan)) <= markdown.LIMIT


def test_the_problems_of_a_list_are_a_comment_with_the_same_marker() -> None:
    found = [
        Problem("bans.yaml", 7, 14, "bans[1].expires_at", "2027-01-31 has no time zone; write `2027-01-31T00:00:00Z`"),
        Problem("bans.yaml", 9, 1, "", 'there is no room "a|b"'),
        Problem("more.yaml", 3, 2, "bans[0]", "x"),
    ]
    assert markdown.problems(found, "bans.yaml") == (
        """\
<!-- reconciler-plan: bans.yaml -->
**The ban list has 3 problems.** Nothing can be planned until this is corrected.

`bans.yaml`

| Line | Where | What is wrong, and what to write instead |
| ---: | --- | --- |
| 7:14 | `bans[1].expires_at` | `` 2027-01-31 has no time zone; write `2027-01-31T00:00:00Z` `` |
| 9:1 |  | `there is no room "a\\|b"` |

`more.yaml`

| Line | Where | What is wrong, and what to write instead |
| ---: | --- | --- |
| 3:2 | `bans[0]` | `x` |
"""
    )


def test_many_problems_fit_and_the_rest_is_counted() -> None:
    found = [Problem(f"f{n % 3}.yaml", n, 1, "bans[0].reason", "\U000e0100" * 600) for n in range(10_000)]
    comment = markdown.problems(found, "bans.yaml")
    assert units(comment) <= markdown.LIMIT
    rows = comment.count("| `bans[0].reason` |")
    assert rows > 5
    assert comment.endswith(f"\n{10_000 - rows:,} more problems not shown here; `reconciler validate` shows more.\n")
