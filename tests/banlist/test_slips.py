"""Slips of people who do not know YAML: each is named where it is, and doing what the message says mends the list."""

from collections.abc import Callable

import pytest

from reconciler.banlist import read as banlist
from reconciler.banlist import slips
from reconciler.errors import BanListInvalid, Problem
from tests.builders import FINALS, LOBBY

HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ONE = "bans:\n  - user_id: a\n    rooms: [lobby]\n"
TWO = f"{ONE}  - user_id: b\n    rooms: [finals]\n"

Mend = Callable[[str], str]


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(BanListInvalid) as caught:
        banlist.parse(f"{HEAD}{text}".encode())
    with pytest.raises(BanListInvalid) as caught_pure:
        banlist.parse(f"{HEAD}{text}".encode(), pure=True)
    assert str(caught.value) == str(caught_pure.value)
    return list(caught.value.problems)


def users_of(text: str) -> list[str]:
    return [key.user_id for key in banlist.parse(f"{HEAD}{text}".encode()).bans]


def instead(old: str, new: str) -> Mend:
    """Write this in place of what stands at the problem."""

    def mend(rest: str) -> str:
        assert rest.startswith(old), rest
        return new + rest[len(old) :]

    return mend


def before(new: str) -> Mend:
    return instead("", new)


def whole_line(old: str, new: str) -> Mend:
    """Write this in place of that on the rest of the line."""

    def mend(rest: str) -> str:
        line, _, following = rest.partition("\n")
        assert old in line
        return f"{line.replace(old, new)}\n{following}"

    return mend


def mended(text: str, mend: Mend, problem: Problem) -> str:
    lines = text.split("\n")
    number = problem.line - HEAD.count("\n") - 1
    above, rest = lines[:number], "\n".join(lines[number:])
    return "\n".join([*above, rest[: problem.column - 1] + mend(rest[problem.column - 1 :])])


@pytest.mark.parametrize(
    ("text", "place", "message", "mend"),
    [
        (TWO.replace("bans:", "bans："), "5:5", slips.FULL_WIDTH, instead("：", ": ")),
        (TWO.replace("rooms: [f", "rooms： [f"), "9:10", slips.FULL_WIDTH, instead("： ", ": ")),
        (TWO.replace("user_id: b", "user_id：b"), "8:12", slips.FULL_WIDTH, instead("：", ": ")),
        (TWO.replace("user_id: b", "user_id = b"), "8:13", slips.EQUALS, instead("= ", ": ")),
        (TWO.replace("rooms: [f", "rooms = [f"), "9:11", slips.EQUALS, instead("= ", ": ")),
        (f"{TWO}    reason=x\n    note: y\n", "10:11", slips.EQUALS, instead("=", ": ")),
        (TWO.replace("user_id: b", "user_id:b"), "8:13", slips.AFTER_COLON, before(" ")),
        (TWO.replace("rooms: [f", "rooms:[f"), "9:11", slips.AFTER_COLON, before(" ")),
        (TWO.replace("- user_id: b", "-user_id: b"), "8:4", slips.AFTER_DASH, before(" ")),
        (TWO.replace("- user_id: a", "-user_id: a"), "6:4", slips.AFTER_DASH, before(" ")),
        *(
            (TWO.replace(f"- user_id: {user}", f"{sign} user_id: {user}"), place, slips.BULLET, instead(sign, "-"))
            for sign in "•–—*"
            for user, place in (("a", "6:3"), ("b", "8:3"))
        ),
        (TWO.replace("[finals]", "*"), "9:12", slips.ALL, instead("*", "all")),
        (TWO.replace("[finals]", "[*]"), "9:13", slips.ALL, instead("*]", "all")),
        (f"{TWO}    reason: [Mod] spam\n", "10:13", slips.BRACKET, instead("[Mod] spam", '"[Mod] spam"')),
        (f"{TWO}    reason: {{x}} spam\n    note: y\n", "10:13", slips.BRACKET, instead("{x} spam", '"{x} spam"')),
        (f"{TWO}    reason: 'Didn't stop'\n", "10:18", slips.SINGLE_QUOTE, before("'")),
        (f"{TWO}    reason: 'Didn't stop'\n    note: x\n", "10:18", slips.SINGLE_QUOTE, before("'")),
        (f'{TWO}    reason: "said "hi"\n', "10:19", slips.DOUBLE_QUOTE, before("\\")),
        (f"{TWO}    reason: 'spam' again\n", "10:20", slips.BEHIND_QUOTE, ("'spam' again", "'spam again'")),
        (TWO.replace("    rooms: [f", "     rooms: [f"), "9:6", slips.indented(4, "key"), ("     rooms", "    rooms")),
        (TWO.replace("    rooms: [f", "   rooms: [f"), "9:4", slips.indented(4, "key"), ("\n   rooms", "\n    rooms")),
        (
            TWO.replace("  - user_id: b", "   - user_id: b"),
            "8:4",
            slips.indented(2, "`-`"),
            ("   - user_id: b", "  - user_id: b"),
        ),
        (TWO.replace("  - user_id: b", "  user_id: b"), "8:3", slips.DASH_MISSING, before("- ")),
        (TWO.replace("  - user_id: b", "    user_id: b"), "8:5", slips.NEW_BAN, ("    user_id: b", "  - user_id: b")),
        (
            TWO.replace("    rooms: [finals]", "\u00a0\u00a0  rooms: [finals]"),
            "9:1",
            "U+00A0",
            whole_line("\u00a0", " "),
        ),
        (TWO.replace("  - user_id: b", "\u00a0 - user_id: b"), "8:1", "U+00A0", whole_line("\u00a0", " ")),
        (TWO.replace("user_id: a", "user_id:\u00a0a"), "6:13", "U+00A0", whole_line("\u00a0", " ")),
        (TWO.replace("rooms: [f", "rooms:\u3000[f"), "9:11", "U+3000", whole_line("\u3000", " ")),
        (TWO.replace("- user_id: b", "-\u00a0user_id: b"), "8:4", "U+00A0", whole_line("\u00a0", " ")),
        (
            TWO.replace("    rooms: [f", "\trooms: [f"),
            "9:1",
            "there is a tab here; use spaces instead",
            instead("\t", "    "),
        ),
        (TWO.replace("rooms: [f", "Rooms: [f"), "9:5", "did you mean `rooms`?", instead("Rooms", "rooms")),
        (
            TWO.replace("rooms: [finals]", "room: finals"),
            "9:5",
            "It holds a list",
            instead("room: finals", "rooms: [finals]"),
        ),
        (TWO.replace("[finals]", "finals"), "9:12", "write [lobby]", instead("finals", "[lobby]")),
        (TWO.replace("[finals]", "'*'"), "9:12", "write `all`", instead("'*'", "all")),
        (TWO.replace("[finals]", "['*']"), "9:13", "write `rooms: all` without brackets", instead("'*']", "all")),
    ],
)
def test_a_slip_is_named_where_it_is_and_the_advice_mends_it(
    text: str, place: str, message: str, mend: Mend | tuple[str, str]
) -> None:
    [problem] = [problem for problem in problems_of(text) if f"{problem.line}:{problem.column}" == place]
    assert message in problem.message
    new = text.replace(*mend) if isinstance(mend, tuple) else mended(text, mend, problem)
    assert set(users_of(new.replace("rooms: [all", "rooms: all"))) == {"a", "b"}


def test_a_forgotten_dash_is_no_reason_to_delete_a_ban() -> None:
    text = (
        ONE + "    reason: x\n    user_id: b\n    rooms: [lobby]\n    user_id: c\n    reason: y\n    rooms: [lobby]\n"
    )
    problems = problems_of(text)
    assert [(problem.line, problem.column, problem.path, problem.message) for problem in problems] == [
        (9, 5, "bans[0].user_id", slips.NEW_BAN),
        (11, 5, "bans[0].user_id", slips.NEW_BAN),
    ]
    lines = text.split("\n")
    for problem in problems:  # a `-` right below the one above
        lines[problem.line - 5] = "  - " + lines[problem.line - 5].lstrip()
    assert users_of("\n".join(lines)) == ["a", "b", "c"]


def test_a_new_ban_begins_with_the_key_that_the_ban_above_begins_with() -> None:
    [problem] = problems_of("bans:\n  - rooms: [lobby]\n    user_id: a\n    rooms: [lobby]\n    user_id: b\n")
    assert (problem.line, problem.path, problem.message) == (8, "bans[0].rooms", slips.NEW_BAN)


def test_in_braces_a_new_ban_needs_braces() -> None:
    [problem] = problems_of("bans: [{user_id: a, rooms: all, user_id: b, rooms: all}]\n")
    assert (problem.column, problem.message) == (33, slips.NEW_BAN_IN_BRACES)
    assert users_of("bans: [{user_id: a, rooms: [lobby]}, {user_id: b, rooms: [lobby]}]\n") == ["a", "b"]


def test_no_room_is_dropped_where_rooms_are_there_twice() -> None:
    [problem] = problems_of(f"{ONE}    rooms: [finals]\n")
    assert (problem.line, problem.column, problem.message) == (8, 5, slips.ROOMS_TWICE)
    [problem] = problems_of(f"{ONE}    reason: x\n    reason: y\n")
    assert problem.message == "this key is here twice; keep one of the two"


def test_a_second_list_of_bans_is_no_reason_to_delete_it() -> None:
    second = "bans:\n  - user_id: b\n    rooms: [lobby]\n"
    [problem] = problems_of(ONE + second)
    assert (problem.line, problem.column, problem.message) == (8, 1, slips.BANS_TWICE)
    assert users_of(ONE + second.removeprefix("bans:\n")) == ["a", "b"]
    [problem] = problems_of(f"{ONE}rooms:\n  x: {LOBBY}x\n")
    assert (problem.line, problem.message) == (8, slips.SECTION_TWICE)


def test_a_dash_before_every_key_is_named_at_each() -> None:
    text = "bans:\n  - user_id: a\n  - rooms: [lobby]\n  - reason: x\n  - user_id: b\n  - rooms: [finals]\n"
    problems = problems_of(text)
    assert [problem.line for problem in problems] == [7, 8, 10]
    assert {problem.message for problem in problems} == {
        "missing; add a line such as `user_id: ABC123def456`; or if this belongs to the ban above,"
        " write two spaces in place of its `- `"
    }
    lines = text.split("\n")
    for problem in problems:
        lines[problem.line - 5] = lines[problem.line - 5].replace("- ", "  ", 1)
    assert users_of("\n".join(lines)) == ["a", "b"]


def test_an_entry_that_lacks_a_user_id_alone_lacks_just_that() -> None:
    messages = [
        problem.message
        for problem in problems_of(f"{ONE}  - rooms: [lobby]\n    reason: x\n  - note: x\n    reason: y\n")
    ]
    assert messages == [
        "missing; add a line such as `user_id: ABC123def456`",
        "missing; add a line such as `rooms: [lobby]`, or `rooms: all`",
        "missing; add a line such as `user_id: ABC123def456`",
    ]


def test_a_special_space_before_a_key_is_no_unknown_key() -> None:
    problems = problems_of("bans:\n  - user_id: a\n\u00a0\u00a0\u00a0\u00a0rooms: [lobby]\n")
    assert [(problem.line, problem.message) for problem in problems if problem.line == 7] == [
        (7, "there are special spaces (U+00A0) on this line; put usual spaces in their place")
    ]


def test_a_ban_that_is_not_indented_is_sent_to_the_others() -> None:
    problems = problems_of(f"{ONE}user_id: b\nreason: x\n")
    assert {problem.message for problem in problems} == {
        "this belongs to a ban, and the bans stand below `bans:`; indent the lines of the ban like those there"
    }


@pytest.mark.parametrize("line", ["reason: a: b", "x y", "reason: 'a", "- user_id: [a", 'reason: "\\q"', "note: %x"])
def test_what_is_no_such_slip_is_explained_as_before(line: str) -> None:
    known = {value for name, value in vars(slips).items() if name.isupper() and isinstance(value, str)}
    assert not {problem.message for problem in problems_of(f"{ONE}    {line}\n    note: x\n")} & known


def test_no_message_about_a_slip_repeats_the_list() -> None:
    for line in ("reason: 'SeCrEt's'", "reason: [SeCrEt] SeCrEt", "user_id = SeCrEt", "SeCrEt: x\n  SeCrEt: y"):
        for problem in problems_of(f"{ONE}    {line}\n"):
            assert "secret" not in str(problem).lower()
