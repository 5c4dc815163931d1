"""What a list says about a few users, without reading all of it: the same as reading all of it gives."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.banlist.about import About, excerpt, parse_about
from reconciler.banlist.read import parse
from reconciler.banlist.value import BanList, NotIncluded
from reconciler.errors import BanListInvalid
from tests.generated_lists import ban_list, entries

ARN = "arn:aws:ivschat:us-west-2:123456789012:room/lobby0000000"
HEAD = f"version: 1\nrooms:\n  lobby: {ARN}\n  finals: {ARN}f\n"


def nothing(patterns: Sequence[str]) -> Sequence[NotIncluded]:
    raise AssertionError("this list includes nothing")


def about(text: str, *users: str) -> About:
    return parse_about(text.encode(), "bans.yaml", users, nothing)


def whole(text: str) -> BanList:
    return parse(text.encode())


def agree(text: str, *users: str) -> About:
    """What an excerpt says of these users, which is what the whole list says."""
    found = about(text, *users)
    everything = whole(text)
    for user in users:
        assert {key: ban for key, ban in found.ban_list.bans.items() if key.user_id == user} == {
            key: ban for key, ban in everything.bans.items() if key.user_id == user
        }
    assert found.entries.keys() == {key for key in everything.bans if key.user_id in users}
    lines = text.split("\n")
    for entry in found.entries.values():
        shown = entry.text.split("\n")
        assert lines[entry.line - 1 : entry.line - 1 + len(shown)] == shown
    return found


def test_every_user_of_a_long_and_odd_list_is_found_as_it_is() -> None:
    text = ban_list(1500, seed=7)
    everything = whole(text)
    for entry in entries(1500, seed=7):
        found = about(text, entry.key.user_id)
        ours = {key: ban for key, ban in found.ban_list.bans.items() if key.user_id == entry.key.user_id}
        assert ours == {key: ban for key, ban in everything.bans.items() if key.user_id == entry.key.user_id}
        assert any(place.text in entry.text for place in found.entries.values())


WAYS = [
    "zed",
    "'zed'",
    '"zed"',
    r'"\x7aed"',
    r'"z\u0065d"',
    r'"ze\U00000064"',
    "!zed",
    "\n      zed",
    '\n      "\\x7aed"',
    ' # who?\n      "\\x7aed"',
    '"ze\\\n      d"',
    "|-\n      zed",
    ">-\n      zed",
]


@pytest.mark.parametrize("dash", ["  - ", "- ", "    - ", "  -   ", "  -\n    "])
@pytest.mark.parametrize("way", WAYS, ids=repr)
@pytest.mark.parametrize("key", ["user_id: ", '"user_id": ', "'user_id': ", r'"user\x5fid": ', r'"\u0075ser_id" : '])
def test_however_a_user_id_is_written_it_is_found(dash: str, way: str, key: str) -> None:
    if way == "!zed":
        way = "zed"
    inside = " " * len(dash.rpartition("\n")[2])
    way = way.replace("\n      ", f"\n{inside}      ")
    entry = f"{dash}rooms: [lobby]\n{inside}{key}{way}\n"
    others = [f"{dash}user_id: {user}\n{inside}rooms: all\n" for user in ("ann", "zedd", "bob")]
    text = f"{HEAD}bans:\n{others[0]}{others[1]}{entry}{others[2]}"
    found = agree(text, "zed")
    assert len(found.entries) == 1
    assert "zedd" in {key.user_id for key in found.ban_list.bans} or way != "zed"


@pytest.mark.parametrize(
    "bans",
    [
        "bans: []",
        "bans: [{user_id: zed, rooms: [lobby]}, {user_id: ann, rooms: [lobby]}]",
        "bans:\n  [{user_id: ann, rooms: [lobby]},\n   {user_id: zed,\n    rooms: [lobby]}]",
        '"bans":\n  - user_id: zed\n    rooms: [lobby]\n  - user_id: ann\n    rooms: [lobby]',
        "bans:\n  - {user_id: ann, rooms: [lobby]}\n  - {rooms: [lobby], user_id: zed}\n  - {user_id: bob, rooms: all}",
        "bans:   # who\n\n  # first\n  - user_id: zed\n    rooms:\n    - lobby\n    - finals\n\n  # next\n"
        "  - user_id: ann\n"
        "    rooms: all\n# the end\nrate: 50",
        "bans:\n- user_id: ann\n  rooms: all\n- user_id: zed\n  rooms:\n  - lobby\n- user_id: bob\n  rooms: all\n"
        "rate: 50",
        "bans:\n  - user_id: ann\n    reason: |\n     bans:\n       - user_id: zed\n    rooms: all\n  - user_id: bob\n"
        "    rooms: all",
        "bans:\n  - user_id: zed\n    rooms: [lobby]\n  - user_id: ann\n    rooms: all\n  - user_id: zed\n"
        "    rooms: [finals]",
    ],
)
@pytest.mark.parametrize("end", ["\n", "", "\n\n# that is all\n", "\r\n"])
def test_whatever_a_list_looks_like_the_excerpt_means_the_same(bans: str, end: str) -> None:
    text = HEAD + bans + end
    if end == "\r\n":
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
        found, everything = about(text, "zed"), whole(text)
        assert dict(found.ban_list.bans) == dict(everything.bans)
        return
    for user in ("zed", "ann", "nobody"):
        agree(text, user)
    agree(text, "zed", "bob")


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6), min_size=1, unique=True),
    st.sampled_from(["plain", "double", "single", "escapes"]),
)
def test_a_user_of_any_name_is_found(users: list[str], style: str) -> None:
    def written(user: str) -> str:
        if style == "single":
            return "'" + user.replace("'", "''") + "'"
        if style == "escapes":
            return '"' + "".join(f"\\U{ord(character):08x}" for character in user) + '"'
        return '"' + user.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = HEAD + "bans:\n" + "".join(f"  - user_id: {written(user)}\n    rooms: [lobby]\n" for user in users)
    try:
        everything = whole(text)
    except BanListInvalid:
        return
    for key, ban in everything.bans.items():
        found = about(text, key.user_id)
        assert {k: b for k, b in found.ban_list.bans.items() if k.user_id == key.user_id} == {key: ban}
        assert len(found.entries) == 1


def test_what_is_wrong_with_other_entries_keeps_nobody_from_an_answer() -> None:
    text = f"{HEAD}bans:\n  - user_id: ann\n    room: x\n  - user_id: zed\n    rooms: [lobby]\n  - 5\n"
    with pytest.raises(BanListInvalid):
        whole(text)
    found = about(text, "zed")
    assert [(place.line, place.text) for place in found.entries.values()] == [
        (8, "  - user_id: zed\n    rooms: [lobby]")
    ]
    with pytest.raises(BanListInvalid):
        about(text, "ann")


def test_only_the_entries_of_the_user_are_read() -> None:
    text = HEAD + "bans:\n" + "".join(f"  - user_id: u{number}\n    rooms: [lobby]\n" for number in range(1000, 2000))
    part = excerpt(text.encode(), ["u1500"])
    assert part.content == f"{HEAD}bans:\n  - user_id: u1500\n    rooms: [lobby]\n".encode()
    assert excerpt(text.encode(), ["nobody"]).content == f"{HEAD}bans: []\n".encode()


def test_an_entry_of_a_file_that_is_included_is_named_by_that_file() -> None:
    text = f"{HEAD}include: [more.yaml]\nbans:\n  - user_id: zed\n    rooms: [lobby]\n"
    more = b"bans:\n  - user_id: ann\n    rooms: [lobby]\n  # again\n  - user_id: zed\n    rooms: [finals]\n"
    found = parse_about(text.encode(), "bans.yaml", ["zed"], lambda _: [[("more.yaml", more)]])
    assert {(place.path, place.line) for place in found.entries.values()} == {("bans.yaml", 7), ("more.yaml", 5)}
