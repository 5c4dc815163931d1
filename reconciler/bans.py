"""What a ban is: one user in one room, with a reason and perhaps an end.

The limits come from the service model `ivschat` 2020-07-14 (DisconnectUserRequest), as botocore ships it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM_ARN_PATTERN = r"^arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/[a-zA-Z0-9-]+$"
ROOM_ARN_MAX = 128
REGION_PATTERN = r"^[a-z]{2}(?:-[a-z0-9]+)+$"
USER_ID_MAX = 128  # characters, of any kind; the service model marks the user ID as sensitive
REASON_MAX = 256
EVERYWHERE = "*"  # in place of a room's ARN: every room that there is or will be
# DisconnectUser calls a second for each account and region (Amazon IVS Chat User Guide, "Service Quotas").
DEFAULT_RATE = 100.0

EVERYWHERE = "*"
"""Stands in place of a room's ARN for every room that there is or will be."""
EVERYWHERE_NAME = "everywhere"  # what people write and read for it

_ARN = re.compile(r"arn:aws:ivschat:(?P<region>[a-z0-9-]+):(?P<account>[0-9]+):room/(?P<id>[a-zA-Z0-9-]+)")
# RFC 3339 with an offset, for Python and pydantic alike. Hours end at 23, whatever `fromisoformat` makes of 24:00:00.
TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
)
_TIME = re.compile(TIME_PATTERN)


class BanKey(NamedTuple):
    """Who is banned where: no list and no state holds two bans with one key.

    Attributes:
        room_arn: the room, by its ARN, so that renaming a room in the list changes nothing; or EVERYWHERE.
        user_id: 1–128 characters, any text, compared exactly.
    """

    room_arn: str
    user_id: str


class AccountRegion(NamedTuple):
    """What the service counts its quotas by.

    Attributes:
        account: the AWS account number in the room's ARN.
        region: the AWS region in the room's ARN.
    """

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Ban:
    """The terms of a ban.

    Attributes:
        reason: 1–256 characters, or None. Public: everybody in the room sees it.
        expires_at: aware, in UTC; None is for good.
    """

    reason: str | None = None
    expires_at: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        """Whether the ban still holds at `now` (aware). At `expires_at` itself it does not."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Record:
    """What the state knows of a ban.

    Attributes:
        ban: its terms, as they were last recorded.
        disconnected_at: when DisconnectUser succeeded, aware, in UTC; None when we never called it.
        request_id: the AWS request ID of that call, for the service's logs and AWS Support.
        published_at: when the denylist acknowledged the ban, aware, in UTC, as long as a second call is owed: tokens
            from before may connect until some time after it. None when the ban has settled, or was never published.
    """

    ban: Ban
    disconnected_at: datetime | None = None
    request_id: str | None = None
    published_at: datetime | None = None


def is_room_arn(text: str) -> bool:
    """Whether the service would accept `text` as a roomIdentifier."""
    return len(text) <= ROOM_ARN_MAX and _ARN.fullmatch(text) is not None


def account_region_of(room_arn: str) -> AccountRegion:
    """The account and region of a room.

    Raises:
        ValueError: `room_arn` is not a room's ARN.
    """
    match = _ARN.fullmatch(room_arn)
    if match is None:
        raise ValueError(f"not a room ARN: {room_arn!r}")
    return AccountRegion(match["account"], match["region"])


def room_name(room_arn: str, room_names: "Mapping[str, str]") -> str:
    """What people call a room: its name where `room_names` (ARN → name) has one, else its ARN; or `everywhere`."""
    return room_names.get(room_arn) or (EVERYWHERE_NAME if room_arn == EVERYWHERE else room_arn)


def room_and_user(key: BanKey, room_names: "Mapping[str, str]") -> tuple[str, str]:
    """The two parts of an address: the room, as `room_name` says it, and the user."""
    return room_name(key.room_arn, room_names), key.user_id


def address(key: BanKey, room_names: "Mapping[str, str]") -> str:
    """`ROOM/USER_ID`, raw: escape it for where it is shown."""
    return "/".join(room_and_user(key, room_names))


def parse_address(text: str, rooms: "Mapping[str, str]") -> BanKey:
    """The ban that `ROOM/USER_ID` means; the inverse of `address`.

    Args:
        text: ROOM is a name, a full ARN or `everywhere`; the user ID is all that follows the slash after it.
        rooms: name → ARN.

    Raises:
        ValueError: there is no slash, no user ID, or no room of that name; the message says which.
    """
    if match := _ARN.match(text):
        room, rest = match[0], text[match.end() :]
    else:
        room, slash, user_id = text.partition("/")
        rest = slash + user_id
    if len(rest) < 2 or rest[0] != "/":
        raise ValueError("an address is ROOM/USER_ID, such as lobby/ABC123def456")
    if match:
        return BanKey(room, rest[1:])
    if room == EVERYWHERE_NAME:
        return BanKey(EVERYWHERE, rest[1:])
    if room not in rooms:
        raise ValueError(f'there is no room "{room}" in the ban list; use a name under `rooms`, or a full ARN')
    return BanKey(rooms[room], rest[1:])


@lru_cache(maxsize=65_536)  # a year has 8,760 hours
def parse_time(text: str) -> datetime:
    """An RFC 3339 timestamp as an aware datetime in UTC.

    Raises:
        ValueError: it is not one, has no offset, or lies outside the years 1 to 9999.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("not an RFC 3339 timestamp with an offset")
    try:
        if text[-1] == "Z":
            return datetime.fromisoformat(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


def format_time(time: datetime) -> str:
    """RFC 3339 in UTC with a `Z`; the inverse of `parse_time`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
