"""What it takes for a list to ban, or not to ban, certain users."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.banlist import banning, lifting
from reconciler.banlist.banning import Banning, Wanted
from reconciler.banlist.durations import parse_duration
from reconciler.banlist.edit import NewEntry
from reconciler.banlist.read import Reading, read_whole
from reconciler.bans import Ban, BanKey
from reconciler.errors import BanListInvalid
from tests.builders import FINALS, LOBBY

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = datetime(2026, 12, 1, tzinfo=UTC)
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
LISTED = (
    HEAD
    + """\
guardrails: {protected_users: ["host-*"]}
denylist: d.json
bans:
  - user_id: zed
    rooms: [lobby]
    reason: Spam
  - user_id: amy
    rooms: all
    expires_at: 2026-12-01T00:00:00Z
  - user_id: old
    rooms: [lobby]
    expires_at: 2026-01-01T00:00:00Z
  - user_id: eve
    rooms: everywhere
"""
)


def reading(text: str = LISTED) -> Reading:
    return read_whole(text.encode())


def decide(*wanted: Wanted, text: str = LISTED) -> Banning:
    return banning.decide(reading(text), wanted, NOW)


def problems(*wanted: Wanted, text: str = LISTED) -> list[str]:
    with pytest.raises(BanListInvalid) as caught:
        decide(*wanted, text=text)
    return [str(problem) for problem in caught.value.problems]


def new_bans(decided: Banning, text: str = LISTED) -> Mapping[BanKey, Ban]:
    old = reading(text).ban_list.bans
    return {key: ban for key, ban in decided.bans.items() if old.get(key) != ban}


def test_a_new_ban_is_a_new_entry() -> None:
    decided = decide(Wanted("bob", ("lobby",), "Rude", LATER, "TS-1"))
    assert decided.new == [NewEntry("bob", ("lobby",), "Rude", "2026-12-01T00:00:00Z", "TS-1")]
    assert new_bans(decided) == {BanKey(LOBBY, "bob"): Ban("Rude", LATER)}
    assert decided.keys == [BanKey(LOBBY, "bob")]


def test_what_is_listed_already_is_left_alone() -> None:
    for same in (
        Wanted("zed", ("lobby",)),
        Wanted("zed", (LOBBY,), "Spam"),
        Wanted("zed", ("lobby",), ends="never"),
        Wanted("amy", "all", ends=LATER),
        Wanted("amy", ("finals",)),
        Wanted("eve", "everywhere"),
    ):
        decided = decide(same)
        assert decided.changes_nothing
        assert decided.unchanged == [same]
        assert decided.bans == reading().ban_list.bans


def test_a_ban_in_another_room_is_a_new_entry_for_that_room_alone() -> None:
    decided = decide(Wanted("zed", "all", "Spam"))
    assert decided.new == [NewEntry("zed", ("finals",), "Spam")]
    assert new_bans(decided) == {BanKey(FINALS, "zed"): Ban("Spam")}
    assert decide(Wanted("eve", ("lobby",))).new == [NewEntry("eve", ("lobby",))]


def test_other_terms_change_the_entry() -> None:
    decided = decide(Wanted("zed", ("lobby",), "Rude", LATER, "TS-1"))
    assert [(entry.position, name, value) for entry, name, value in decided.values] == [
        (0, "reason", "Rude"),
        (0, "expires_at", "2026-12-01T00:00:00Z"),
        (0, "note", "TS-1"),
    ]
    (other,) = decided.other
    assert (other.ban, other.keys) == (Ban("Spam"), (BanKey(LOBBY, "zed"),))
    assert new_bans(decided) == {BanKey(LOBBY, "zed"): Ban("Rude", LATER)}


def test_other_terms_for_one_room_take_it_out_of_an_entry_that_has_more() -> None:
    decided = decide(Wanted("amy", ("finals",), "Rude"))
    ((entry, gone),) = decided.moved
    assert (entry.user_id, set(gone)) == ("amy", {FINALS})
    assert decided.new == [NewEntry("amy", ("finals",), "Rude", "2026-12-01T00:00:00Z")]
    assert new_bans(decided) == {BanKey(FINALS, "amy"): Ban("Rude", LATER)}


def test_a_listed_ban_that_is_over_does_not_count_as_one() -> None:
    """Otherwise somebody would believe that the user is banned."""
    decided = decide(Wanted("old", ("lobby",)))
    assert len(decided.other) == 1
    assert [(name, value) for _, name, value in decided.values] == [("expires_at", "never")]
    assert new_bans(decided) == {BanKey(LOBBY, "old"): Ban()}


def test_the_defaults_of_the_list_hold() -> None:
    text = HEAD + "defaults: {rooms: [finals], reason: Spam, expires_at: 2026-12-01T00:00:00Z}\nbans: []\n"
    decided = decide(Wanted("bob"), Wanted("amy", ends="never"), text=text)
    assert decided.new == [NewEntry("bob"), NewEntry("amy", expires_at="never")]
    assert decided.bans == {BanKey(FINALS, "bob"): Ban("Spam", LATER), BanKey(FINALS, "amy"): Ban("Spam")}


def test_never_is_not_written_where_nothing_says_otherwise() -> None:
    assert decide(Wanted("bob", ("lobby",), ends="never")).new == [NewEntry("bob", ("lobby",))]


def test_what_is_asked_for_twice_counts_once() -> None:
    decided = decide(Wanted("bob", ("lobby",)), Wanted("bob", (LOBBY,)), Wanted("bob", ("lobby", "finals")))
    assert (decided.new, decided.repeated) == ([NewEntry("bob", ("lobby",)), NewEntry("bob", ("finals",))], 1)
    assert problems(Wanted("bob", ("lobby",), "x", line=3), Wanted("bob", ("lobby",), "y", file="t.csv", line=7)) == [
        "t.csv:7: bob: asked for twice on line 3, with different terms; keep one of the two"
    ]


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Wanted("bob"), "say in which room: --room ROOM, --all for every room of the list, or --everywhere"),
        (Wanted("bob", ("loby",)), 'there is no room "loby" under `rooms`; did you mean `lobby`?'),
        (Wanted("bob", ("all",)), "for every room, say --all instead of naming rooms"),
        (Wanted("bob", ("lobby",), ends=NOW), "the ban would be over already; give it a later end"),
        (Wanted("bob", ("lobby",), "x" * 257), "a reason has 1 to 256 characters; this one has 257"),
        (Wanted("bob", ("lobby",), ""), "a reason has 1 to 256 characters; this one has 0"),
        (Wanted("bob", ("lobby",), "\udc80"), "this is not text in UTF-8"),
    ],
)
def test_what_cannot_be_is_said_so(wanted: Wanted, problem: str) -> None:
    assert problems(wanted) == [f"bob: {problem}"]


def test_protected_users_and_impossible_user_ids_are_refused_all_at_once() -> None:
    assert problems(Wanted("host-1", ("lobby",)), Wanted("x" * 129, ("lobby",)), Wanted("ok", ("lobby",))) == [
        "host-1: `host-*` under `protected_users` protects this user; nobody is banned",
        f"{'x' * 128}: a user ID has 1 to 128 characters, and no line break at its end",
    ]


def test_a_lift_takes_the_entry_out() -> None:
    decided = lifting.decide(reading(), ["zed", "amy"])
    assert [entry.position for entry in decided.entries] == [0, 1]
    assert set(decided.gone) == {BanKey(LOBBY, "zed"), BanKey(LOBBY, "amy"), BanKey(FINALS, "amy")}
    assert decided.bans.keys() == {BanKey(LOBBY, "old"), BanKey("*", "eve")}


def test_a_lift_in_one_room_leaves_the_others() -> None:
    decided = lifting.decide(reading(), ["amy"], ["lobby"])
    ((entry, gone),) = decided.rooms
    assert (entry.position, set(gone)) == (1, {LOBBY})
    assert not decided.entries
    assert decided.gone == [BanKey(LOBBY, "amy")]


@pytest.mark.parametrize(
    ("users", "rooms", "problem"),
    [
        (["Zed"], [], "Zed: not in bans.yaml. Did you mean zed?"),
        (["nobody"], [], "nobody: not in bans.yaml."),
        (["zed"], ["finals"], "zed: not banned in finals, according to bans.yaml."),
        (["zed"], ["loby"], 'there is no room "loby" under `rooms`; did you mean `lobby`?'),
        (
            ["eve"],
            ["lobby"],
            "eve: banned everywhere, which one room cannot be taken out of; lift the ban, and ban the user in the other"
            " rooms.",
        ),
    ],
)
def test_a_lift_that_cannot_be_is_said_so(users: list[str], rooms: list[str], problem: str) -> None:
    with pytest.raises(BanListInvalid) as caught:
        lifting.decide(reading(), users, rooms)
    assert [str(problem) for problem in caught.value.problems] == [problem]


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        (" 7d ", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5h", "7 d", "7D", "1y", "٧d", "1d12h", "9999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 90m, 12h, 7d or 2w"):
        parse_duration(text)


def test_a_ban_for_good_that_becomes_an_entry_of_its_own_does_not_take_the_end_of_the_defaults() -> None:
    text = (
        HEAD
        + """\
defaults: {expires_at: 2026-12-01T00:00:00Z}
bans:
  - user_id: zed
    rooms: all
    expires_at: never
"""
    )
    decided = decide(Wanted("zed", ("lobby",), "Rude"), text=text)
    assert decided.new == [NewEntry("zed", ("lobby",), "Rude", "never")]
    assert new_bans(decided, text) == {BanKey(LOBBY, "zed"): Ban("Rude")}
