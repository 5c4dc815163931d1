"""bans.yaml: what it means, and everything that can be wrong with it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from unittest.mock import patch

import pytest

from reconciler import Ban, BanKey, BanList, Guardrails
from reconciler.banlist import read as banlist
from reconciler.errors import BanListInvalid
from tests.builders import FINALS, LOBBY

EXAMPLE = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"  # four lines

both_parsers = pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])


def parse(text: str, *, pure: bool = False) -> BanList:
    return banlist.parse(text.encode(), "b.yaml", pure=pure)


def bans_of(text: str) -> Mapping[BanKey, Ban]:
    """The bans of these entries, under the usual head."""
    return parse(f"{HEAD}{text}").bans


def problems_of(text: str | bytes) -> str:
    """All problems as they are shown; the same from both parsers."""
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(BanListInvalid) as caught:
        banlist.parse(content, "b.yaml")
    with pytest.raises(BanListInvalid) as caught_pure:
        banlist.parse(content, "b.yaml", pure=True)
    assert str(caught.value) == str(caught_pure.value)
    return str(caught.value)


def problems_of_entry(*lines: str, head: str = HEAD) -> str:
    """The problems of one entry in the lobby, without their line and column."""
    text = problems_of("\n    ".join([f"{head}bans:\n  - user_id: SeCrEt", "rooms: [lobby]", *lines]))
    return "\n".join(line.split(": ", 1)[1] for line in text.split("\n"))


# What a list means


@both_parsers
def test_a_whole_list_is_read(pure: bool) -> None:
    text = f"""\
version: 1
state: states/bans.json
rooms:
  lobby: {LOBBY}
  finals: {FINALS}
defaults:
  rooms: [finals]
  reason: Spam
  expires_at: 2027-01-31T00:00:00Z
guardrails:
  max_bans: 50
  max_lift_percent: 5
  protected_users: [host-*]
bans:
  - user_id: 00123
  - user_id: zed
    rooms: [lobby, {FINALS}]
    reason: >-
      Violated terms
      of service
    expires_at: 2027-01-31T02:00:00+02:00
    note: TS-4211
  - {{user_id: 'it''s', rooms: all, reason: ~, expires_at: null}}
"""
    until = datetime(2027, 1, 31, tzinfo=UTC)
    assert parse(text, pure=pure) == BanList(
        path="b.yaml",
        sha256=sha256(text.encode()).hexdigest(),
        state="states/bans.json",
        rooms={"lobby": LOBBY, "finals": FINALS},
        guardrails=Guardrails(max_bans=50, max_lift_percent=5, protected_users=("host-*",)),
        bans={
            BanKey(FINALS, "00123"): Ban("Spam", until),
            BanKey(LOBBY, "zed"): Ban("Violated terms of service", until),
            BanKey(FINALS, "zed"): Ban("Violated terms of service", until),
            BanKey(LOBBY, "it's"): Ban(None, None),
            BanKey(FINALS, "it's"): Ban(None, None),
        },
    )


def test_bans_come_in_the_order_of_the_list() -> None:
    bans = bans_of("bans: [{user_id: b, rooms: [finals, lobby]}, {user_id: a, rooms: all}]\n")
    assert list(bans) == [BanKey(FINALS, "b"), BanKey(LOBBY, "b"), BanKey(LOBBY, "a"), BanKey(FINALS, "a")]


def test_a_list_without_bans_has_the_defaults() -> None:
    ban_list = parse("version: 1\nbans: []\n")
    assert (ban_list.bans, ban_list.rooms, ban_list.guardrails) == ({}, {}, Guardrails(1000, 30, ()))


def test_sections_without_a_value_are_as_if_left_out() -> None:
    ban_list = parse("version: 1\nstate:\nrooms:\ndefaults:\nguardrails:\nbans: []\n")
    assert (ban_list.state, ban_list.rooms, ban_list.guardrails) == ("bans.state.json", {}, Guardrails())


@pytest.mark.parametrize(
    ("path", "state", "location"),
    [
        ("bans.yaml", None, "bans.state.json"),
        ("lists/bans.yaml", None, "lists/bans.state.json"),
        ("lists/bans.yaml", "../x.json", "lists/../x.json"),
        ("lists/bans.yaml", "/x.json", "/x.json"),
        ("lists/bans.yaml", "s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_the_state_is_kept_beside_the_list(path: str, state: str | None, location: str) -> None:
    line = "" if state is None else f"state: {state}\n"
    assert banlist.parse(f"version: 1\n{line}bans: []\n".encode(), path).state_location == location


@pytest.mark.parametrize(
    ("written", "user_id"),
    [
        *((text, text) for text in ("00123", "1e5", "0x1F", "no", "2026-01-01", "1_000", ".inf", "a b", "a/b", "=")),
        ("'~'", "~"),
        ('"null"', "null"),
        ("' spaces '", " spaces "),
        ('"\\u0000"', "\0"),
        ("'😀'", "😀"),
        ("😀" * 128, "😀" * 128),
        ("x" * 128, "x" * 128),
        ("|-\n    one\n    two", "one\ntwo"),
    ],
)
def test_a_user_id_is_the_very_text_of_the_file(written: str, user_id: str) -> None:
    assert bans_of(f"bans:\n- rooms: [lobby]\n  user_id: {written}\n") == {BanKey(LOBBY, user_id): Ban()}


def test_user_ids_that_yaml_would_take_for_one_number_are_two_users() -> None:
    assert list(bans_of("defaults: {rooms: [lobby]}\nbans: [{user_id: 1.0}, {user_id: 1}, {user_id: '1'}]\n".replace(
        ", {user_id: '1'}", ""
    ))) == [BanKey(LOBBY, "1.0"), BanKey(LOBBY, "1")]  # fmt: skip


def test_a_room_may_be_named_by_its_arn_without_quotes_and_without_being_listed() -> None:
    other = "arn:aws:ivschat:eu-west-1:1:room/other"
    text = f"bans: [{{user_id: a, rooms: [{LOBBY}, {other}]}}]\n"
    assert list(bans_of(text)) == [BanKey(LOBBY, "a"), BanKey(other, "a")]


def test_all_is_every_room_of_the_list_and_no_list_of_names() -> None:
    """The text `all` and the list [a, l, l] are different things, however they are compared."""
    rooms = f"version: 1\nrooms: {{a: {LOBBY}, l: {FINALS}}}\n"
    assert len(parse(f"{rooms}bans: [{{user_id: x, rooms: all}}]\n").bans) == 2
    assert problems_of(f"{rooms}bans: [{{user_id: x, rooms: all}}, {{user_id: y, rooms: [a, l, l]}}]\n") == (
        "b.yaml:3:61: bans[1].rooms[2]: this room is in the list already; remove it here"
    )


def test_what_an_entry_says_goes_before_the_defaults_even_if_it_is_no_value() -> None:
    text = """\
defaults: {rooms: [lobby], reason: Spam, expires_at: 2027-01-31T00:00:00Z}
bans:
- {user_id: a}
- {user_id: b, reason: , expires_at: ~, rooms: [finals]}
- {user_id: c, reason: 'null', expires_at: 2028-01-31T00:00:00Z}
"""
    assert bans_of(text) == {
        BanKey(LOBBY, "a"): Ban("Spam", datetime(2027, 1, 31, tzinfo=UTC)),
        BanKey(FINALS, "b"): Ban(None, None),
        BanKey(LOBBY, "c"): Ban("null", datetime(2028, 1, 31, tzinfo=UTC)),
    }


def test_never_is_an_end_that_never_comes() -> None:
    text = "defaults: {rooms: [lobby], expires_at: 2027-01-31T00:00:00Z}\nbans: [{user_id: a, expires_at: never}]\n"
    assert bans_of(text) == {BanKey(LOBBY, "a"): Ban()}


def test_an_end_that_was_left_empty_is_no_ban_for_good() -> None:
    text = f"{HEAD}defaults:\n  expires_at:\nbans:\n- user_id: a\n  rooms: all\n  expires_at: # soon\n  note:\n"
    advice = "has no value; write 2027-01-31T00:00:00Z, or `never`, or leave the line out"
    line = HEAD.count("\n") + 2
    assert problems_of(text).splitlines() == [
        f"b.yaml:{line}:3: defaults.expires_at: {advice}",
        f"b.yaml:{line + 4}:3: bans[0].expires_at: {advice}",
    ]


def test_the_rate_is_the_quota_of_the_service_or_what_the_list_says() -> None:
    assert parse(f"{HEAD}bans: []\n").rate == 100
    assert parse(f"{HEAD}rate: 250.5\nbans: []\n").rate == 250.5


@pytest.mark.parametrize("rate", ["0", "-1", "1e3", "fast", "nan", "0.0"])
def test_a_rate_must_be_a_number_of_calls(rate: str) -> None:
    assert "rate: not a number of calls a second; write it like 100, or 0.5" in problems_of(f"rate: {rate}\nbans: []\n")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    text = f"{HEAD}bans:\n- user_id: a\n  rooms: all\n  reason: |\n    x\n    y\n"
    windows = banlist.parse(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert windows.bans == parse(text).bans


@pytest.mark.parametrize("name", ["a", "1", "raum_1.eins-a", "лобби", "null-1", "ALL", "x" * 128])
def test_a_room_may_have_such_a_name(name: str) -> None:
    assert parse(f"version: 1\nrooms: {{{name}: {LOBBY}}}\nbans: []\n").rooms == {name: LOBBY}


def test_the_limits_of_the_service_may_be_reached() -> None:
    arn = "arn:aws:ivschat:us-west-2:123456789012:room/".ljust(128, "x")
    text = f"version: 1\nrooms: {{a: {arn}}}\nbans: [{{user_id: {'u' * 128}, rooms: [a], reason: {'é' * 256}}}]\n"
    assert parse(text).bans == {BanKey(arn, "u" * 128): Ban("é" * 256)}
    assert problems_of(f"version: 1\nrooms:\n  a: {arn}x\nbans: []") == (
        "b.yaml:3:6: rooms.a: 129 characters long, and the limit is 128; shorten it"
    )


# What is wrong with it


def test_everything_wrong_is_reported_at_once_each_at_its_place() -> None:
    text = f"""\
version: 2
rooms:
  lobby: {LOBBY}
  finals: arn:aws:ivschat:eu-west-1:123456789012:channel/x
  the bar: {FINALS}
guardrails:
  max_bans: lots
  protected_users: [host-*]
bans:
  - user_id: SeCrEt-1
    rooms: [lobby, loby]
    reason: ''
  - user_id: SeCrEt-2
    user_id: SeCrEt-3
    room: [lobby]
    expires_at: 2027-01-31
  - user_id:
    rooms: lobby
  - user_id: host-SeCrEt
    rooms: [finals]
  - rooms: []
    note: [TS-4211]
  - SeCrEt-4
  - user_id: &them SeCrEt-5
    rooms: [lobby]
  - user_id: SeCrEt-5
    rooms: all
"""
    assert (
        problems_of(text)
        == f"""\
b.yaml:1:10: version: this version of the format is not known; write `version: 1`
b.yaml:4:11: rooms.finals: not the ARN of a room; it looks like {EXAMPLE}
b.yaml:5:3: rooms."the bar": a room's name is made of letters, digits, `_`, `-` and `.`, such as `lobby`; rename it
b.yaml:7:13: guardrails.max_bans: not a whole number; write digits alone, such as 30
b.yaml:11:20: bans[0].rooms[1]: there is no room "loby" under `rooms`; did you mean `lobby`?
b.yaml:12:13: bans[0].reason: an empty text; write a value, or leave the key out
b.yaml:14:5: bans[1].user_id: this ban has this key already, so a new ban probably begins here; \
put a `-` before it, right below the `-` above
b.yaml:15:5: bans[1].room: there is no such key; did you mean `rooms`?
b.yaml:16:17: bans[1].expires_at: 2027-01-31 has no time and no time zone; write 2027-01-31T00:00:00Z
b.yaml:17:5: bans[2].user_id: has no value; write one; if this very text is meant, put it in quotes
b.yaml:18:12: bans[2].rooms: a list of rooms is expected; write [lobby] or [lobby, finals], or `all` or `everywhere`
b.yaml:19:14: bans[3].user_id: `protected_users` on line 8 protects this user; remove the ban, or change that line
b.yaml:21:5: bans[4].user_id: missing; add a line such as `user_id: ABC123def456`
b.yaml:21:12: bans[4].rooms: an empty list; name at least one room, or write `rooms: all`
b.yaml:22:11: bans[4].note: this is a list; write text instead
b.yaml:23:5: bans[5]: this is text; write `user_id: …` and the other keys of a ban instead
b.yaml:24:14: bans[6].user_id: an anchor (&) is not supported; write the value out where it is needed, \
or quote a text that begins with &
b.yaml:26:14: bans[7].user_id: line 24 bans this user in lobby already; keep one of the two entries"""
    )


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", "b.yaml:1:1: the file is empty; write `version: 1` and, to ban nobody, `bans: []`"),
        ("# nothing\n---\n", "b.yaml:1:1: the file is empty; write `version: 1` and, to ban nobody, `bans: []`"),
        ("- a\n", "b.yaml:1:1: a ban list is made of `key: value` lines; begin it with `version: 1`"),
        (
            "bans: []\n",
            "b.yaml:1:1: version: missing; begin the list with `version: 1`;"
            " or is this a file that another list includes? Then check that list",
        ),
        (
            f"{HEAD}bans:\n- User-ID: a\n  rooms: all\n",
            "b.yaml:6:3: bans[0]: there is no such key; did you mean `user_id`?",
        ),
        (
            f"{HEAD}bans:\n- user_id: a\n  rooms: [lobby]\n- user_id: a\n  rooms: [lobby, finals]\n",
            "b.yaml:8:12: bans[1].user_id: line 6 bans this user in lobby already;"
            " take that room out of one of the two entries",
        ),
        (
            f"{HEAD}bans:\n<<<<<<< HEAD\n- user_id: a\n=======\n- user_id: b\n>>>>>>> other\n",
            "b.yaml:6:1: there is an unfinished merge here, from `<<<<<<<` to `>>>>>>>`;"
            " keep the bans that you want from both sides, and remove the lines with these marks",
        ),
        ("version: 1\n", "b.yaml:1:1: bans: missing; list the bans under `bans:`, or write `bans: []` to ban nobody"),
        ("version: 1\nbans:\n", "b.yaml:2:1: bans: has no value; write `bans: []` to ban nobody"),
        (
            "version: 1\nbans: {SeCrEt: lobby}\n",
            "b.yaml:2:7: bans: a list is expected: one `- user_id: …` for each ban, or `[]` to ban nobody",
        ),
        (
            "version: 1.0\nbans: []\n",
            "b.yaml:1:10: version: this version of the format is not known; write `version: 1`",
        ),
        ("version: 1\nban: []\nbans: []\n", "b.yaml:2:1: ban: there is no such key; did you mean `bans`?"),
        (
            'version: 1\n"[key]": x\nbans: []\n',
            'b.yaml:2:1: "[key]": there is no such key;'
            " the keys here are version, state, rate, rooms, defaults, guardrails, include, denylist, discover,"
            " accounts, bans",
        ),
        ("version: 1\nstate: ''\nbans: []\n", "b.yaml:2:8: state: an empty text; write a value"),
        (
            "version: 1\nrooms: [lobby]\nbans: [{user_id: a, rooms: [lobby]}]\n",
            "b.yaml:2:8: rooms: this is a list; write indented `key: value` lines instead",
        ),
        (
            "version: 1\nrooms:\n  lobby:\nbans: [{user_id: a, rooms: [lobby]}]\n",
            f"b.yaml:3:3: rooms.lobby: the ARN of the room is missing; it looks like {EXAMPLE}",
        ),
        (
            f"version: 1\nrooms:\n  all: {LOBBY}\nbans: []\n",
            "b.yaml:3:3: rooms.all: `all` means every room, so no room can have this name; rename it",
        ),
        (
            f"version: 1\nrooms:\n  a: {LOBBY}\n  b: {LOBBY}\nbans: []\n",
            "b.yaml:4:3: rooms.b: the same room as `a` on line 3; a room has one name, so keep one of the two",
        ),
        (
            "version: 1\nbans: [{user_id: a, rooms: all}]\n",
            "b.yaml:2:28: bans[0].rooms: `all` means every room under `rooms`, and there are none; add the rooms",
        ),
        (
            f"{HEAD}guardrails: {{max_lift_percent: 101, max_bans: -1, protected_users: host-*}}\nbans: []\n",
            "b.yaml:5:32: guardrails.max_lift_percent: 101 is too high; the highest value is 100\n"
            "b.yaml:5:47: guardrails.max_bans: not a whole number; write digits alone, such as 30\n"
            "b.yaml:5:68: guardrails.protected_users: this is text; write a list such as [host-*] instead",
        ),
        (
            f"{HEAD}defaults: {{rooms: lobby, note: x}}\nbans: [{{user_id: a}}, {{user_id: b}}]\n",
            "b.yaml:5:19: defaults.rooms: a list of rooms is expected; write [lobby] or [lobby, finals],"
            " or `all` or `everywhere`\n"
            "b.yaml:5:26: defaults.note: there is no such key; the keys here are rooms, reason, expires_at",
        ),
        (
            f"{HEAD}bans:\n  -\n  - []\n",
            "b.yaml:6:4: bans[0]: has no value; write `user_id: …` and the other keys of a ban\n"
            "b.yaml:7:5: bans[1]: this is a list; write `user_id: …` and the other keys of a ban instead",
        ),
        (
            f"{HEAD}bans: [{{user_id: a, rooms: [all, arn:x, '', ~]}}]\n",
            "b.yaml:5:41: bans[0].rooms[2]: an empty text; write a value\n"
            "b.yaml:5:45: bans[0].rooms[3]: has no value; write one; if this very text is meant, put it in quotes",
        ),
        (
            f"{HEAD}bans: [{{user_id: a, rooms: [all, arn:x, nowhere-at-all, lobby, {LOBBY}]}}]\n",
            "b.yaml:5:29: bans[0].rooms[0]: for every room, write `rooms: all` without brackets\n"
            f"b.yaml:5:34: bans[0].rooms[1]: not the ARN of a room; it looks like {EXAMPLE}\n"
            'b.yaml:5:41: bans[0].rooms[2]: there is no room "nowhere-at-all" under `rooms`;'
            " add it there with its ARN, or correct the name\n"
            "b.yaml:5:64: bans[0].rooms[4]: this room is in the list already; remove it here",
        ),
    ],
)
def test_a_mistake_is_explained(text: str, problems: str) -> None:
    assert problems_of(text) == problems


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("reason: ''", "bans[0].reason: an empty text; write a value, or leave the key out"),
        (f"reason: {'x' * 257}", "bans[0].reason: 257 characters long, and the limit is 256; shorten it"),
        ("reason: [x]", "bans[0].reason: this is a list; write text instead"),
        (
            "expires_at: 2027-01-31T00:00:00",
            "bans[0].expires_at: 2027-01-31T00:00:00 has no time zone; write 2027-01-31T00:00:00Z for UTC,"
            " or an offset such as 2027-01-31T00:00:00+02:00",
        ),
        (
            "expires_at: 2027-02-30T00:00:00Z",
            "bans[0].expires_at: there is no such date or time; write it like 2027-01-31T00:00:00Z",
        ),
        (
            "expires_at: 0001-01-01T00:00:00+01:00",
            "bans[0].expires_at: there is no such date or time; write it like 2027-01-31T00:00:00Z",
        ),
        (
            "expires_at: as ever",
            "bans[0].expires_at: not a date and time in the right format; write it like 2027-01-31T00:00:00Z:"
            " with seconds, and Z or +02:00",
        ),
        (
            "expires_at: {}",
            "bans[0].expires_at: this is a group of `key: value` lines;"
            " write a time such as 2027-01-31T00:00:00Z instead",
        ),
        (
            "severity: high",
            "bans[0].severity: there is no such key; the keys here are user_id, rooms, reason, expires_at, note",
        ),
        (
            "SeCrEt: {x: &a y}",
            "bans[0]: there is no such key; the keys here are user_id, rooms, reason, expires_at, note\n"
            "bans[0]: an anchor (&) is not supported; write the value out where it is needed,"
            " or quote a text that begins with &",
        ),
    ],
)
def test_a_mistake_in_a_ban_is_explained(line: str, problem: str) -> None:
    assert problems_of_entry(line) == problem


@pytest.mark.parametrize(
    ("rooms", "private"),
    [
        ("[SeCrEt]", ('"SeCrEt"',)),
        ("['a \"b\" c']", (r'"a \"b\" c"',)),
        ("[Lobby]", ('"Lobby"',)),
        (f"['{'x' * 99}']", (f'"{"x" * 60}…"',)),
        ("[arn:SeCrEt]", ()),
        ("[lobby finals]", ()),
        ("lobby", ()),
    ],
)
def test_a_problem_knows_which_parts_of_its_message_quote_the_list(rooms: str, private: tuple[str, ...]) -> None:
    with pytest.raises(BanListInvalid) as caught:
        parse(f"{HEAD}bans: [{{user_id: a, rooms: {rooms}}}]\n")
    [problem] = caught.value.problems
    assert problem.private == private
    assert all(part in problem.message for part in private)


def test_a_user_id_is_at_most_128_characters_long() -> None:
    assert problems_of(f"{HEAD}bans: [{{rooms: all, user_id: {'😀' * 129}}}]\n") == (
        "b.yaml:5:30: bans[0].user_id: 129 characters long, and the limit is 128; shorten it"
    )


@pytest.mark.parametrize(
    "sign", ["SeCrEt*", "*SeCrEt", "&SeCrEt x", "!SeCrEt", "[SeCrEt]", "{SeCrEt: x}", "@SeCrEt", "|SeCrEt"]
)
def test_no_message_repeats_a_user_id(sign: str) -> None:
    protected = f"{HEAD}guardrails: {{protected_users: ['*SeCrEt*', '*']}}\n"
    text = problems_of(f"{protected}bans:\n- rooms: [lobby]\n  user_id: {sign}\n- rooms: []\n  'user_id:SeCrEt': x\n")
    assert "secret" not in text.lower()


@pytest.mark.parametrize("written", ["|\n    a", "|+\n    a\n\n", ">\n    a\n    b", '"a\\n"', '"\\n"', "|\n    a\n\n"])
def test_no_user_id_and_no_pattern_for_some_ends_in_a_line_break(written: str) -> None:
    advice = "ends in a line break, which becomes part of the text; write it on one line, without `|` or `>`"
    assert (
        problems_of(f"{HEAD}bans:\n- rooms: all\n  user_id: {written}\n") == f"b.yaml:7:12: bans[0].user_id: {advice}"
    )
    text = f"{HEAD}guardrails:\n  protected_users:\n  - {written}\nbans: []\n"
    assert problems_of(text) == f"b.yaml:7:5: guardrails.protected_users[0]: {advice}"


@pytest.mark.parametrize(
    ("globs", "user_id", "line"),
    [("[host-*]", "host-1", 5), ("[\nMod,\nhost-?\n]", "host-1", 7), ("['[ab]*']", "a", 5), ("['*']", "SeCrEt", 5)],
)
def test_a_ban_of_a_protected_user_is_an_error(globs: str, user_id: str, line: int) -> None:
    head = f"{HEAD}guardrails: {{protected_users: {globs}}}\n"
    with pytest.raises(BanListInvalid, match=f"`protected_users` on line {line} protects this user"):
        parse(f"{head}bans: [{{user_id: {user_id}, rooms: all}}]\n")


@pytest.mark.parametrize(("glob", "user_id"), [("host-*", "Host-1"), ("host-?", "host-12"), ("host", "host-1")])
def test_globs_are_matched_whole_and_with_case(glob: str, user_id: str) -> None:
    head = f"guardrails: {{protected_users: ['{glob}']}}\n"
    assert list(bans_of(f"{head}bans: [{{user_id: {user_id}, rooms: [lobby]}}]\n")) == [BanKey(LOBBY, user_id)]


def test_the_same_user_twice_for_a_room_is_reported_once_for_each_two_entries() -> None:
    text = """\
bans:
- {user_id: a, rooms: [lobby]}
- {user_id: a, rooms: [finals]}
- {user_id: A, rooms: all}
- user_id: a
  rooms: all
- user_id: A
  rooms: all
"""
    assert (
        problems_of(HEAD + text)
        == """\
b.yaml:9:12: bans[3].user_id: line 6 bans this user in lobby already; keep one of the two entries
b.yaml:9:12: bans[3].user_id: line 7 bans this user in finals already; keep one of the two entries
b.yaml:11:12: bans[4].user_id: line 8 bans this user in lobby and 1 more already; keep one of the two entries"""
    )


def test_a_room_that_is_wrong_itself_is_not_missed_in_every_ban() -> None:
    for rooms in ("{lobby: arn:x}", "*rooms", "x", "[lobby]", "{<<: x}"):
        text = problems_of(f"version: 1\nrooms: {rooms}\nbans: [{{user_id: a, rooms: [lobby]}}]\n")
        assert "bans[0]" not in text


def test_a_value_that_yaml_lost_is_not_missed_besides() -> None:
    text = f"{HEAD}bans:\n- user_id: *them\n  rooms: [lobby]\n- <<: *base\n- *entry\n"
    assert (
        problems_of(text)
        == """\
b.yaml:6:12: bans[0].user_id: an alias (*) is not supported; write the value out, or quote a text that begins with *
b.yaml:8:3: bans[1]: merge keys (<<) are not supported; write the keys out
b.yaml:8:7: bans[1]: an alias (*) is not supported; write the value out, or quote a text that begins with *
b.yaml:9:3: bans[2]: an alias (*) is not supported; write the value out, or quote a text that begins with *"""
    )


def test_after_broken_yaml_nothing_is_missed() -> None:
    assert problems_of("rooms: [lobby\nbans: []\n") == (
        "b.yaml:1:8: a list opens here with [ and is not closed properly; check its commas and the ]"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "version: 1\nbans: []\n".encode("utf-16"),
            "b.yaml:1:1: the file is saved as UTF-16, or is not text at all; save it as UTF-8",
        ),
        (b"version: 1\nbans: [] # caf\xe9\n", "b.yaml:2:15: this is not UTF-8; save the file as UTF-8"),
        (
            b"version: 1\nbans: [] # \x1b[31m\n",
            "b.yaml:2:12: the character U+001B cannot be written as it is;"
            ' remove it, or write "\\u001B" in double quotes',
        ),
    ],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, problem: str) -> None:
    assert problems_of(content) == problem


def test_each_problem_is_one_line_of_a_sensible_length_whatever_the_list_holds() -> None:
    odd = '"\\n::error::' + "x" * 200_000 + '"'
    entry = f"- user_id: a\n  rooms: [{odd}]\n  expires_at: {odd}\n  reason: {odd}\n  ? {odd}\n  : x\n"
    text = f"{HEAD}? {odd}\n: x\nbans:\n{entry}"
    lines = problems_of(text).split("\n")
    assert len(lines) == 5
    assert max(map(len, lines)) < 250


# Lists that somebody means ill with. Each would run for minutes, or out of memory, if its parts were compared in pairs.


MANY = 15_000


def lines(line: str) -> str:
    return "".join(line.format(n=n) + "\n" for n in range(MANY))


ROOMS_OF = "version: 1\nbans: []\nrooms:\n"
MANY_ROOMS = "version: 1\nrooms:\n" + lines(f"  r{{n}}: {LOBBY}{{n}}")

HOSTILE = {
    "unknown keys of the list": (f"{HEAD}bans: []\n{lines('k{n}: x')}", MANY),
    "unknown keys of a ban": (f"{HEAD}bans:\n- user_id: a\n  rooms: all\n{lines('  k{n}: x')}", MANY),
    "rooms with bad names": (ROOMS_OF + lines(f"  r {{n}}: {LOBBY}{{n}}"), MANY),
    "rooms with bad ARNs": (ROOMS_OF + lines("  r{n}: x"), MANY),
    "rooms that are one": (ROOMS_OF + lines(f"  r{{n}}: {LOBBY}"), MANY - 1),
    "one room again and again": (f"{HEAD}bans: [{{user_id: a, rooms: [{'lobby, ' * MANY}]}}]\n", MANY - 1),
    "unknown rooms": (f"{MANY_ROOMS}bans:\n{lines('- {{user_id: u{n}, rooms: [x{n}]}}')}", MANY),
    "unknown rooms among few": (f"{HEAD}bans:\n{lines('- {{user_id: u{n}, rooms: [loby{n}]}}')}", MANY),
    "entries that are none": (f"{HEAD}bans:\n{lines('- x')}", MANY),
    "one user": (f"{HEAD}bans:\n{lines('- {{user_id: a, rooms: [lobby]}}')}", MANY - 1),
    "one user in many rooms": (
        f"{MANY_ROOMS}bans:\n" + f"- {{user_id: a, rooms: [{', '.join(f'r{n}' for n in range(MANY))}]}}\n" * 2,
        1,
    ),
    "a key given again and again": (HEAD + "bans: []\n" * 200_000, 1001),
    "anchors": (f"{HEAD}bans:\n{lines('- &a{n} x')}", 1001),
    "a long user ID": (f"{HEAD}bans: [{{rooms: all, user_id: {'x' * 3_000_000}}}]\n", 1),
    "a long number": (f"{HEAD}guardrails: {{max_bans: {'1' * 3_000_000}}}\nbans: []\n", 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_is_refused_in_proportion_to_its_size(name: str) -> None:
    text, count = HOSTILE[name]
    with pytest.raises(BanListInvalid) as caught:
        parse(text)
    problems = caught.value.problems
    assert len(problems) <= 52  # fifty of a kind, one that stands for the rest, and at most one of another kind
    assert len(problems) + sum(problem.more for problem in problems) == count


def test_a_short_list_cannot_mean_billions_of_bans() -> None:
    bans = [f"- {{user_id: u{n}, rooms: all}}\n" for n in range(9)]
    with patch("reconciler.banlist.expand.MAX_BANS", 5):
        assert len(bans_of("bans:\n" + "".join(bans[:2]))) == 4
        assert problems_of(f"{HEAD}bans:\n" + "".join(bans)) == (
            "b.yaml:8:3: bans[2]: with this entry the list makes more than 5 bans, one for each user and room; split it"
        )


@pytest.mark.parametrize(
    ("rooms", "advice"),
    [
        ("[LOBBY]", "did you mean `lobby`?"),
        ("[lobby finals]", "rooms are separated by commas; write [lobby, finals]"),
        ("All", "write `all`, in small letters, for every room"),
    ],
)
def test_what_people_write_for_rooms_is_understood_enough_to_correct_it(rooms: str, advice: str) -> None:
    assert advice in problems_of(f"{HEAD}bans:\n- user_id: a\n  rooms: {rooms}\n")


# Text that YAML takes for a comment


@pytest.mark.parametrize(
    "line", ["user_id: player #7", "user_id:  -x   #7  # why", "user_id: C# #1", "user_id : a #b # c"]
)
@both_parsers
def test_an_unquoted_text_that_ends_in_what_is_no_comment_is_an_error(line: str, pure: bool) -> None:
    with pytest.raises(BanListInvalid) as caught:
        parse(f"{HEAD}bans:\n  - {line}\n    rooms: all\n", pure=pure)
    column = f"  - {line}".index(" #") + 2
    assert str(caught.value) == (
        f"b.yaml:6:{column}: bans[0].user_id: the text ends before this, as ` #` begins a comment;"
        " put all of it in quotes, or write `# ` with a space"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("state: foo #1.json\nbans: []\n", "5:12: state"),
        ("include:\n- a #b.yaml\nbans: []\n", "6:5: include[0]"),
        ("guardrails:\n  protected_users:\n    - host #1\nbans: []\n", "7:12: guardrails.protected_users[0]"),
        ("bans:\n- user_id: a\n  rooms:\n  - lobby #1\n", "8:11: bans[0].rooms[0]"),
        ("bans:\n- user_id: a\n  rooms: all\n  reason: a\n    b #c\n", "9:7: bans[0].reason"),
        ("bans:\n- {user_id: a,\n   note: x #y\n   , rooms: all}\n", "7:12: bans[0].note"),
        ("bans:\n- {user_id: 'x',\n   rooms: all, note: \"b\", reason: c #d\n  }\n", "7:37: bans[0].reason"),
    ],
)
@both_parsers
def test_any_text_is_not_cut_wherever_any_text_may_stand(text: str, place: str, pure: bool) -> None:
    with pytest.raises(BanListInvalid, match=f"(?m)^b.yaml:{re.escape(place)}: the text ends before this"):
        parse(f"{HEAD}{text}", pure=pure)


def test_the_arn_of_a_room_is_not_cut() -> None:
    assert problems_of(f"version: 1\nrooms:\n  lobby: {LOBBY} #x\nbans: []\n").startswith(
        f"b.yaml:3:{len(LOBBY) + 11}: rooms.lobby: the text ends before this"
    )


def test_every_text_that_is_cut_is_found_among_many_lines() -> None:
    entry = '- user_id: "a{0} #1" # fine\n  rooms: all #fine\n  reason: Rule #{0}\n  note: see #{0}\n'
    text = f"# head #1\n{HEAD}bans:\n" + "".join(entry.format(number) for number in range(20))
    lines = problems_of(text).splitlines()
    assert len(lines) == 40
    assert [line.split(": ")[1] for line in lines[:3]] == ["bans[0].reason", "bans[0].note", "bans[1].reason"]
    assert lines[-1].startswith("b.yaml:86:13: bans[19].note: ")


@pytest.mark.parametrize(
    "entry",
    [
        "- user_id: a # comment\n  rooms: all\n",
        "- user_id: a ## comment\n  rooms: all\n",
        "- user_id: a #\n  rooms: all\n",
        "- user_id: 'a #b'\n  rooms: all\n",
        "- user_id: a#b\n  rooms: all #all\n",
        "- {user_id: 'a #b', rooms: all} #x\n",
        "- {user_id: a, rooms: all,\n   note: 'x #y' }\n",
        "- user_id: a\n  rooms: all\n  note: |\n    user_id: player #7\n",
        "- user_id: a\n  rooms: all\n  note: 'x\n    reason: y #7'\n",
        "# user_id: player #7\n- user_id: a\n  rooms: all\n",
    ],
)
def test_a_comment_and_a_quoted_text_are_no_cut_texts(entry: str) -> None:
    assert len(bans_of(f"bans:\n{entry}")) == 2


def test_a_long_line_of_spaces_is_looked_at_once() -> None:
    spaces = " " * 200_000
    assert len(bans_of(f"bans:\n- user_id: a{spaces}# b\n  rooms: all\n  note: x{spaces}y # c\n")) == 2
