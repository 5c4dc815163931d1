"""The shape of `bans.yaml`, checked by pydantic on texts, and what to say about each mistake in it.

The shapes are TypedDicts, since a key that is left out (`defaults` apply) differs from one without a value (they do
not).
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from reconciler.bans import REASON_MAX, ROOM_ARN_MAX, ROOM_ARN_PATTERN, USER_ID_MAX, parse_time

ALL_ROOMS: Final = "all"
NEVER: Final = "never"
EXAMPLE_TIME = "2027-01-31T00:00:00Z"
EXAMPLE_ARN = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
MAX_PATTERNS: Final = 100
ROOM_NAME = re.compile(r"\w[\w.-]*")
_TIME_SHAPE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[Tt ](?P<time>\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?P<zone>[Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


def _check_room_name(name: object) -> object:
    if isinstance(name, str):
        if name == ALL_ROOMS:
            raise PydanticCustomError("room_name", "`all` means every room, so no room can have this name; rename it")
        if not ROOM_NAME.fullmatch(name) or len(name) > ROOM_ARN_MAX:
            raise PydanticCustomError(
                "room_name", "a room's name is made of letters, digits, `_`, `-` and `.`, such as `lobby`; rename it"
            )
    return name


@lru_cache(maxsize=65536)  # a year has 8,760 hours
def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        shape = _TIME_SHAPE.fullmatch(text)
        if shape is None:
            advice = (
                "not a date and time as it is needed; write it like 2027-01-31T00:00:00Z: with seconds, and Z or +02:00"
            )
        elif not shape["time"]:
            advice = f"{text} has no time and no time zone; write {text}T00:00:00Z"
        elif not shape["zone"]:
            advice = f"{text} has no time zone; write {text}Z for UTC, or an offset such as {text}+02:00"
        else:
            advice = "there is no such date or time; write it like 2027-01-31T00:00:00Z"
        raise PydanticCustomError("time", "{advice}", {"advice": advice}) from error


def _check_time(value: object) -> object:
    if value == NEVER:
        return None
    return _time(value) if isinstance(value, str) else value


def _whole_number(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
            raise PydanticCustomError("number", "not a whole number; write digits alone, such as 30")
        return int(value)
    return value


def _calls_a_second(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", value, re.ASCII) or not float(value):
            raise PydanticCustomError("number", "not a number of calls a second; write it like 100, or 0.5")
        return float(value)
    return value


def _all_or_list(value: object, check_list: ValidatorFunctionWrapHandler) -> object:
    if value == ALL_ROOMS:
        return ALL_ROOMS
    if isinstance(value, str) and value.casefold() == ALL_ROOMS:
        raise PydanticCustomError("rooms", "write `all`, in small letters, for every room")
    if isinstance(value, str):
        raise PydanticCustomError(
            "rooms", "a list of rooms is expected; write [lobby] or [lobby, finals], or `all` for every room"
        )
    return check_list(value)


def _check_pattern(pattern: str) -> str:
    steps = pattern.split("/")
    if not steps[0]:
        advice = "write a path from the folder of this file, such as bans.d/*.yaml"
    elif ".." in steps:
        advice = "what is included lies in the folder of this file or below it; leave the `..` out"
    elif "**" in steps:
        advice = "`**` is not supported; write one pattern for each level, such as teams/*/bans.yaml"
    elif "" in steps or "." in steps or "\\" in pattern or "\0" in pattern:
        advice = "write a path as bans.d/*.yaml, with `/` between the folders and nothing empty between them"
    else:
        return pattern
    raise PydanticCustomError("pattern", "{advice}", {"advice": advice})


_Text = Annotated[str, Field(min_length=1)]
_UserId = Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
_Reason = Annotated[str, Field(min_length=1, max_length=REASON_MAX)]
_Time = Annotated[datetime | None, BeforeValidator(_check_time)]
_Count = Annotated[int, BeforeValidator(_whole_number)]
_Rate = Annotated[float, BeforeValidator(_calls_a_second)]
_RoomName = Annotated[str, BeforeValidator(_check_room_name)]
_RoomArn = Annotated[str, Field(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)]
_Pattern = Annotated[str, AfterValidator(_check_pattern)]
_RoomRefs = Annotated[list[_Text], Field(min_length=1), WrapValidator(_all_or_list)]

_CLOSED = ConfigDict(extra="forbid")


@with_config(_CLOSED)
class Entry(TypedDict, total=False):
    """One entry of `bans`.

    What is checked when entries are expanded: that there are a user and rooms, and the rooms themselves, since a long
    list has few different ones.
    """

    user_id: _UserId
    rooms: SkipValidation[_RoomRefs]
    reason: _Reason | None
    expires_at: _Time
    note: str | None


@with_config(_CLOSED)
class Defaults(TypedDict, total=False):
    """What stands for keys that an entry leaves out."""

    rooms: _RoomRefs
    reason: _Reason | None
    expires_at: _Time


@with_config(_CLOSED)
class Limits(TypedDict, total=False):
    """The guardrails."""

    max_bans: _Count
    max_lift_percent: Annotated[_Count, Field(le=100)]
    protected_users: list[_Text] | None


@with_config(_CLOSED)
class Head(TypedDict, total=False):
    """All of a ban list but its entries."""

    version: Literal["1"]
    state: _Text | None
    rate: _Rate | None
    rooms: dict[_RoomName, _RoomArn] | None
    defaults: Defaults | None
    guardrails: Limits | None
    include: Annotated[list[_Pattern], Field(min_length=1, max_length=MAX_PATTERNS)] | None


HEAD: Final = TypeAdapter(Head)
ENTRIES: Final = TypeAdapter(list[Entry])
ROOM_REFS: Final[TypeAdapter[list[str] | Literal["all"]]] = TypeAdapter(_RoomRefs)
KEYS: Final[Mapping[str, Iterable[str]]] = {
    "": [*Head.__annotations__, "bans"],
    "defaults": Defaults.__annotations__,
    "guardrails": Limits.__annotations__,
    "bans": Entry.__annotations__,
}
