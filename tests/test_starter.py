"""Names for rooms, and the list to begin with."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.banlist import read as banlist
from reconciler.rooms import Room
from reconciler.starter import named, starter
from tests.hostile import TEXTS

WEST = "arn:aws:ivschat:us-west-2:123456789012:room/"


def rooms(*names: str) -> list[Room]:
    return [Room(f"{WEST}{number:012}", name) for number, name in enumerate(names)]


@given(st.lists(st.sampled_from(["x", "x-2", "x-3", "", "all", "no", *TEXTS]) | st.text(max_size=200), max_size=20))
def test_every_list_means_exactly_its_rooms(names: list[str]) -> None:
    found = named(rooms(*names))
    read = banlist.parse(starter(found).encode())
    assert dict(read.rooms) == found
    assert sorted(found.values()) == sorted(room.arn for room in rooms(*names))
    assert (read.bans, read.warnings) == ({}, ())


def test_a_name_that_is_taken_gets_another_number() -> None:
    assert list(named(rooms("x", "x", "x-2", "x", "x-2"))) == ["x", "x-2", "x-3", "x-2-2", "x-2-3"]


def test_signs_that_no_name_has_become_one_dash() -> None:
    assert list(named(rooms("Main stage: (live)", "-.-", "..a..", "é"))) == [
        "room-000000000001",
        "a",
        "Main-stage-live",
        "room-000000000003",
    ]


def test_many_rooms_may_have_one_name() -> None:
    names = list(named(rooms(*["live"] * 20_000)))
    assert (names[:2], names[-1], len(names)) == (["live", "live-2"], "live-20000", 20_000)
