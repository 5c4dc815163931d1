"""The keys for bans that hold: `denylist`, `discover`, `rooms: everywhere`."""

import pytest

from reconciler.banlist.read import parse as parse_bytes
from reconciler.banlist.value import BanList, DenylistSettings, Discovery
from reconciler.bans import EVERYWHERE, Ban, BanKey, address, parse_address
from reconciler.errors import BanListInvalid
from tests.builders import LOBBY, ROOMS

HEAD = f"version: 1\nrooms: {{lobby: {LOBBY}}}\n"


def parse(text: str, path: str = "b.yaml") -> BanList:
    return parse_bytes(text.encode(), path)


def problems_of(text: str) -> list[str]:
    with pytest.raises(BanListInvalid) as raised:
        parse(text)
    return [str(problem) for problem in raised.value.problems]


def test_a_location_alone_is_a_denylist_with_the_defaults() -> None:
    denylist = parse("version: 1\ndenylist: dynamodb://us-west-2/bans\nbans: []\n").denylist
    assert denylist == DenylistSettings("dynamodb://us-west-2/bans", name="bans", settle_after=90, token_records=None)


def test_a_denylist_says_more_as_a_mapping() -> None:
    text = """
version: 1
denylist: {location: s3://my-bucket/live/bans.json, name: live, settle_after: 75,
  token_records: dynamodb://eu-west-1/tokens}
discover:
  - {region: us-west-2, account: 012345678901, name_prefix: live-, tags: {stage: production}}
  - region: eu-west-1
bans: []
"""
    ban_list = parse(text)
    assert ban_list.denylist == DenylistSettings(
        "s3://my-bucket/live/bans.json", "live", 75, "dynamodb://eu-west-1/tokens"
    )
    assert ban_list.discover == (
        Discovery("us-west-2", "012345678901", "live-", {"stage": "production"}),
        Discovery("eu-west-1"),
    )


def test_a_list_without_these_keys_publishes_nothing_and_finds_no_rooms() -> None:
    for text in ("version: 1\nbans: []\n", "version: 1\ndenylist:\ndiscover: ~\nbans: []\n"):
        ban_list = parse(text)
        assert (ban_list.denylist, ban_list.discover) == (None, ())


def test_a_path_starts_at_the_folder_of_the_list() -> None:
    ban_list = parse("version: 1\ndenylist: out/bans.json\nbans: []\n", "lists/b.yaml")
    assert ban_list.denylist is not None
    assert ban_list.seen_from_here(ban_list.denylist.location) == "lists/out/bans.json"
    assert ban_list.seen_from_here("s3://my-bucket/bans.json") == "s3://my-bucket/bans.json"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "denylist: ftp://host/bans",
            "b.yaml:2:11: denylist: ftp:// is not a place for a denylist; use a path, s3://BUCKET/KEY or"
            " dynamodb://REGION/TABLE",
        ),
        (
            "denylist: s3://bucket",
            "b.yaml:2:11: denylist: write s3://BUCKET/KEY, with the bucket's name and the key of the document",
        ),
        (
            "denylist: dynamodb://bans",
            "b.yaml:2:11: denylist: write dynamodb://REGION/TABLE, such as dynamodb://us-west-2/bans",
        ),
        (
            "denylist: {location: dynamodb://us-west-2/x}",  # a table's name has three characters at least
            "b.yaml:2:22: denylist.location: write dynamodb://REGION/TABLE, such as dynamodb://us-west-2/bans",
        ),
        (
            "denylist: {name: live}",
            "b.yaml:2:11: denylist.location: missing; add a line such as `location: dynamodb://us-west-2/bans`",
        ),
        (
            "denylist: {location: x.json, settle_after: 2m}",
            "b.yaml:2:44: denylist.settle_after: not a whole number; write digits alone, such as 30",
        ),
        (
            "denylist: {location: x.json, token_records: tokens.json}",
            "b.yaml:2:45: denylist.token_records: token records are in a table; write dynamodb://REGION/TABLE",
        ),
        ("denylist: {locaton: x.json, location: y.json}", "b.yaml:2:12: denylist.locaton: there is no such key; did"
         " you mean `location`?"),
        (
            "denylist: {location: x.json, name: a b}",
            "b.yaml:2:36: denylist.name: a list's name has 1 to 64 letters, digits, `_`, `-` and `.`; write one such as"
            " esports",
        ),
        ("discover: [{region: Oregon}]", "b.yaml:2:21: discover[0].region: not a region; write it like us-west-2"),
        (
            "discover: [{region: us-west-2, account: mine}]",
            "b.yaml:2:41: discover[0].account: not an account; write its digits alone, such as 123456789012",
        ),
        ("discover: [{name_prefix: a}]", "b.yaml:2:12: discover[0].region: missing; add a line such as `region:"
         " us-west-2`"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place_and_what_to_write_instead(lines: str, problem: str) -> None:
    assert problems_of(f"version: 1\n{lines}\nbans: []\n") == [problem]


def test_everywhere_is_one_ban_whatever_rooms_there_are() -> None:
    bans = parse(f"{HEAD}bans: [{{user_id: zed, rooms: everywhere}}, {{user_id: zed, rooms: all}}]\n").bans
    assert bans == {BanKey(EVERYWHERE, "zed"): Ban(), BanKey(LOBBY, "zed"): Ban()}


def test_everywhere_can_be_the_default() -> None:
    bans = parse(f"{HEAD}defaults: {{rooms: everywhere}}\nbans: [{{user_id: zed}}]\n").bans
    assert list(bans) == [BanKey(EVERYWHERE, "zed")]


def test_nobody_can_be_banned_everywhere_twice() -> None:
    text = f"{HEAD}bans: [{{user_id: zed, rooms: everywhere}}, {{user_id: zed, rooms: everywhere}}]\n"
    assert problems_of(text) == [
        "b.yaml:3:53: bans[1].user_id: line 3 bans this user everywhere already; keep one of the two entries"
    ]


@pytest.mark.parametrize(
    ("rooms", "advice"),
    [
        ("Everywhere", "write `everywhere`, in small letters, for every room"),
        ("[everywhere]", "for every room, write `rooms: everywhere` without brackets"),
    ],
)
def test_everywhere_is_one_word_without_brackets(rooms: str, advice: str) -> None:
    [problem] = problems_of(f"{HEAD}bans: [{{user_id: zed, rooms: {rooms}}}]\n")
    assert problem.endswith(advice)


def test_no_room_can_be_called_everywhere() -> None:
    text = f"version: 1\nrooms: {{everywhere: {LOBBY}}}\nbans: []\n"
    [problem] = problems_of(text)
    assert problem == (
        "b.yaml:2:9: rooms.everywhere: `everywhere` means every room, so no room can have this name; rename it"
    )


def test_everywhere_needs_something_that_it_reaches() -> None:
    entry = "bans: [{user_id: zed, rooms: everywhere}]\n"
    [problem] = problems_of(f"version: 1\n{entry}")
    assert problem == (
        "b.yaml:2:30: bans[0].rooms: there are no rooms under `rooms` to disconnect the user from, and no `denylist`;"
        " add one of them"
    )
    for reaching in (f"rooms: {{lobby: {LOBBY}}}", "denylist: x.json", "discover: [{region: us-west-2}]"):
        assert parse(f"version: 1\n{reaching}\n{entry}").bans


def test_the_address_of_a_ban_everywhere_says_so_and_is_understood() -> None:
    key = BanKey(EVERYWHERE, "zed/7")
    assert address(key, {LOBBY: "lobby"}) == "everywhere/zed/7"
    assert parse_address("everywhere/zed/7", ROOMS) == key
