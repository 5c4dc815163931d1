"""Bans: addresses, ARNs and times as texts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.bans import (
    AccountRegion,
    Ban,
    BanKey,
    account_region_of,
    address,
    format_time,
    is_room_arn,
    parse_address,
    parse_time,
)
from tests.builders import FINALS, LOBBY, NOW, ROOMS

NAMES = {arn: name for name, arn in ROOMS.items()}
SHORTEST = "arn:aws:ivschat:a:1:room/x"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (BanKey(LOBBY, "zed"), "lobby/zed"),
        (BanKey(LOBBY, "a/b/c"), "lobby/a/b/c"),
        (BanKey(LOBBY, "/"), "lobby//"),
        (BanKey(LOBBY, " "), "lobby/ "),
        (BanKey(SHORTEST, "zed"), f"{SHORTEST}/zed"),
        (BanKey(SHORTEST, f"{SHORTEST}/zed"), f"{SHORTEST}/{SHORTEST}/zed"),
    ],
)
def test_an_address_is_the_room_a_slash_and_the_user(key: BanKey, text: str) -> None:
    assert address(key, NAMES) == text
    assert parse_address(text, ROOMS) == key


def test_an_address_may_name_a_listed_room_by_its_arn() -> None:
    assert parse_address(f"{LOBBY}/zed", ROOMS) == BanKey(LOBBY, "zed")


@given(st.sampled_from([LOBBY, FINALS, SHORTEST]), st.text(min_size=1))
def test_every_address_is_read_back(room: str, user_id: str) -> None:
    key = BanKey(room, user_id)
    assert parse_address(address(key, NAMES), ROOMS) == key


@pytest.mark.parametrize("text", ["", "zed", "lobby", "lobby/", "/", LOBBY, f"{LOBBY}/", "lobby zed"])
def test_an_address_without_a_room_or_a_user_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="an address is ROOM/USER_ID, such as lobby/ABC123def456"):
        parse_address(text, ROOMS)


@pytest.mark.parametrize("text", ["bar/zed", "/zed", "Lobby/zed", "arn:aws:ivschat:x:1:channel/zed"])
def test_an_address_in_an_unknown_room_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"there is no room .* in the ban list; use a name under `rooms`, or a full ARN"
    ):
        parse_address(text, ROOMS)


@pytest.mark.parametrize(
    "arn", [LOBBY, SHORTEST, SHORTEST.ljust(128, "x"), "arn:aws:ivschat:us-west-2:12345689012:room/g1-H"]
)
def test_the_arn_of_a_room_is_known(arn: str) -> None:
    assert is_room_arn(arn)


@pytest.mark.parametrize(
    "arn",
    [
        *("", "lobby", SHORTEST.ljust(129, "x"), f"{LOBBY}\n", f" {LOBBY}", f"{LOBBY}/x", f"{LOBBY}é"),
        *(LOBBY.replace("room", "channel"), LOBBY.replace("aws", "aws-cn")),
        *(LOBBY.replace("us-west-2", "US"), LOBBY.replace("123456789012", "१२३")),
    ],
)
def test_nothing_else_is_the_arn_of_a_room(arn: str) -> None:
    assert not is_room_arn(arn)


def test_the_account_and_the_region_stand_in_the_arn() -> None:
    assert account_region_of(FINALS) == AccountRegion(account="123456789012", region="eu-west-1")
    with pytest.raises(ValueError, match="not a room ARN"):
        account_region_of("lobby")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2027-01-31T00:00:00Z", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31t00:00:00z", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31 00:00:00-00:00", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T05:30:00+05:30", datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T00:00:00+23:59", datetime(2027, 1, 30, 0, 1, tzinfo=UTC)),
        ("2028-02-29T23:59:59.5Z", datetime(2028, 2, 29, 23, 59, 59, 500_000, tzinfo=UTC)),
        ("2027-01-31T00:00:00.1234567Z", datetime(2027, 1, 31, 0, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_read_as_utc(text: str, time: datetime) -> None:
    assert parse_time(text) == time
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "1e9", "2027-01-31", "2027-01-31T00:00:00", "2027-01-31T00:00Z", "2027-1-31T00:00:00Z"),
        *("20270131T000000Z", "2027-W04-7T00:00:00Z", "2027-01-31T00:00:00Z\n", " 2027-01-31T00:00:00Z"),
        *("2027-01-31T00:00:00+0200", "2027-01-31T00:00:00 UTC", "2027-01-31T00:00:00.Z", "２０２７-01-31T00:00:00Z"),
        *("2027-02-29T00:00:00Z", "2027-01-31T24:00:00Z", "2027-01-31T00:00:60Z", "0000-01-01T00:00:00Z"),
        *("2027-01-31T00:00:00+24:00", "2027-01-31T00:00:00+01:60"),
        *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_what_is_no_timestamp_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several messages, for the caller to replace
        parse_time(text)


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001


@given(times)
def test_every_time_is_written_so_that_it_is_read_back(time: datetime) -> None:
    assert parse_time(format_time(time)) == time
    assert format_time(time).endswith("Z")


def test_a_ban_ends_at_the_very_instant_of_its_expiry() -> None:
    assert Ban().in_force(NOW)
    assert Ban(expires_at=NOW + timedelta(microseconds=1)).in_force(NOW)
    assert not Ban(expires_at=NOW).in_force(NOW)
    assert not Ban(expires_at=NOW - timedelta(microseconds=1)).in_force(NOW)
