"""The shape of `bans.yaml`, in which every scalar is text, for pydantic to check.

The shapes are written for `pydantic_core`, which imports in a third of the time that `pydantic` takes: `plan` needs no
more than that. A key that is left out (`defaults` apply) differs from one without a value (they do not).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypedDict

from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator
from pydantic_core import core_schema as core

from reconciler.bans import (
    EVERYWHERE_NAME,
    REASON_MAX,
    REGION_PATTERN,
    ROOM_ARN_MAX,
    ROOM_ARN_PATTERN,
    USER_ID_MAX,
    parse_time,
)

ALL_ROOMS: Final = "all"
_RESERVED: Final = (ALL_ROOMS, EVERYWHERE_NAME)
NEVER: Final = "never"
EXAMPLE_TIME = "2027-01-31T00:00:00Z"
EXAMPLE_ARN = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
MAX_PATTERNS: Final = 100
DENYLIST_NAME_PATTERN: Final = r"^[A-Za-z0-9_.-]{1,64}$"
EXAMPLE_ROLE: Final = "arn:aws:iam::123456789012:role/reconciler"
EXTERNAL_ID_PATTERN: Final = r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$"  # AWS STS API reference, "AssumeRole"
_PATH_MAX: Final = 4096  # characters; Linux takes no longer path
ROOM_NAME = re.compile(r"\w[\w.-]*")


def _check_room_name(name: object) -> object:
    if isinstance(name, str):
        if name in _RESERVED:
            raise PydanticCustomError(
                "room_name", "`{name}` means every room, so no room can have this name; rename it", {"name": name}
            )
        if not ROOM_NAME.fullmatch(name) or len(name) > ROOM_ARN_MAX:
            raise PydanticCustomError(
                "room_name", "a room's name is made of letters, digits, `_`, `-` and `.`, such as `lobby`; rename it"
            )
    return name


def _check_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return None if value == NEVER else parse_time(value)
    except ValueError as error:
        raise PydanticCustomError("time", "not a time") from error


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


def _all_or_list(value: object, check_list: Callable[[object], object]) -> object:
    if value in _RESERVED:
        return value
    if isinstance(value, str) and (word := value.casefold()) in (*_RESERVED, "*"):
        raise PydanticCustomError(
            "rooms", "write `{word}`, in small letters, for every room", {"word": ALL_ROOMS if word == "*" else word}
        )
    if isinstance(value, str):
        raise PydanticCustomError(
            "rooms", "a list of rooms is expected; write [lobby] or [lobby, finals], or `all` or `everywhere`"
        )
    return check_list(value)


def _check_pattern(pattern: str) -> str:
    steps = pattern.split("/")
    if not steps[0]:
        advice = "write a path from the folder of this file, such as bans.d/*.yaml"
    elif ".." in steps:
        advice = "included files must be in the folder of this file or below it; leave out the `..`"
    elif "**" in steps:
        advice = "`**` is not supported; write one pattern for each level, such as teams/*/bans.yaml"
    elif "" in steps or "." in steps or "\\" in pattern or "\0" in pattern:
        advice = "write a path such as bans.d/*.yaml, with `/` between the folders and no empty parts"
    else:
        return pattern
    raise PydanticCustomError("pattern", "{advice}", {"advice": advice})


def _check_location(location: str) -> str:
    scheme, separator, rest = location.partition("://")
    if not separator:
        return location
    advice = {
        "s3": "write s3://BUCKET/KEY, with the bucket's name and the key of the document",
        "dynamodb": "write dynamodb://REGION/TABLE, such as dynamodb://us-west-2/bans",
    }.get(scheme, f"{scheme}:// is not a place for a denylist; use a path, s3://BUCKET/KEY or dynamodb://REGION/TABLE")
    if scheme in _PLACES and _PLACES[scheme].fullmatch(rest):
        return location
    raise PydanticCustomError("location", "{advice}", {"advice": advice})


def _check_token_records(location: str) -> str:
    if not location.startswith("dynamodb://"):
        raise PydanticCustomError("location", "token records are in a table; write dynamodb://REGION/TABLE")
    return _check_location(location)


# Amazon S3 User Guide, "Bucket naming rules"; Amazon DynamoDB Developer Guide, "Naming rules".
_PLACES: Final = {
    "s3": re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f]+"),
    "dynamodb": re.compile(r"[a-z]{2}(?:-[a-z0-9]+)+/[A-Za-z0-9_.-]{3,255}"),
}


# An ARN of a role, with a path or without (IAM User Guide, "IAM identifiers"). Rooms are in the partition `aws` alone.
_ROLE: Final = re.compile(r"arn:aws:iam::[0-9]{12}:role/(?:[\x21-\x7e]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64}")
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)


def _check_account(key: object) -> object:
    if isinstance(key, str) and not _ACCOUNT.fullmatch(key):
        raise PydanticCustomError("account", "not an account; write its 12 digits alone, such as 123456789012")
    return key


def _check_role(arn: str) -> str:
    if _ROLE.fullmatch(arn):
        return arn
    advice = f"not the ARN of a role; it looks like {EXAMPLE_ROLE}"
    if re.match(r"arn:aws-[a-z-]+:iam::[0-9]{12}:role/", arn):
        partition = arn.split(":")[1]
        advice = f"a role in the partition {partition}, and rooms are in `aws`; a role there looks like {EXAMPLE_ROLE}"
    raise PydanticCustomError("role", "{advice}", {"advice": advice})


def _location_alone(value: object) -> object:
    """`denylist: LOCATION` is short for `denylist: {location: LOCATION}`."""
    return {"location": _check_location(value)} if isinstance(value, str) and value else value


class Entry(TypedDict, total=False):
    """One entry of `bans`; all but its rooms is checked."""

    user_id: str
    rooms: object
    reason: str | None
    expires_at: datetime | None
    note: str | None


class Defaults(TypedDict, total=False):
    """What applies to entries that leave a key out."""

    rooms: list[str] | Literal["all"]
    reason: str | None
    expires_at: datetime | None


class Limits(TypedDict, total=False):
    """The guardrails."""

    max_bans: int
    max_lift_percent: int
    max_everywhere: int
    protected_users: list[str] | None


class Denylist(TypedDict, total=False):
    """Where the denylist is, and how bans settle."""

    location: str
    name: str | None
    settle_after: int | None
    token_records: str | None


class Discover(TypedDict, total=False):
    """Which rooms to find."""

    region: str
    account: str | None
    name_prefix: str | None
    tags: dict[str, str] | None


class Account(TypedDict, total=False):
    """Who calls in an account."""

    role_arn: str | None
    external_id: str | None
    profile: str | None


class Head(TypedDict, total=False):
    """All of a ban list but its entries."""

    version: Literal["1"]
    state: str | None
    rate: float | None
    rooms: dict[str, str] | None
    defaults: Defaults | None
    guardrails: Limits | None
    include: list[str] | None
    denylist: Denylist | None
    discover: list[Discover] | None
    accounts: dict[str, Account] | None


def _closed(**shapes: CoreSchema) -> CoreSchema:
    """A mapping with these keys and no others, each of which may be left out."""
    fields = {key: core.typed_dict_field(shape, required=False) for key, shape in shapes.items()}
    return core.typed_dict_schema(fields, extra_behavior="forbid")


_TEXT: Final = core.str_schema(min_length=1)
# A user ID, or a pattern for some: a block of text (|) ends in a line break, which nobody means to be part of it.
_LAST: Final = r"[^\n]\z"
_USER_ID: Final = core.str_schema(min_length=1, max_length=USER_ID_MAX, pattern=_LAST)
_USER_GLOB: Final = core.str_schema(min_length=1, pattern=_LAST)
_REASON: Final = core.nullable_schema(core.str_schema(min_length=1, max_length=REASON_MAX))
_TIME: Final = core.no_info_before_validator_function(_check_time, core.nullable_schema(core.datetime_schema()))
_COUNT: Final = core.no_info_before_validator_function(_whole_number, core.int_schema())
_PERCENT: Final = core.no_info_before_validator_function(_whole_number, core.int_schema(le=100))
_SECONDS: Final = core.no_info_before_validator_function(_whole_number, core.int_schema(le=86_400))
_RATE: Final = core.no_info_before_validator_function(_calls_a_second, core.float_schema())
_ROOM_NAME: Final = core.no_info_before_validator_function(_check_room_name, core.str_schema())
_ROOM_ARN: Final = core.str_schema(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)
_ROOM_REFS: Final = core.no_info_wrap_validator_function(_all_or_list, core.list_schema(_TEXT, min_length=1))
_PATTERN: Final = core.no_info_after_validator_function(_check_pattern, core.str_schema(max_length=_PATH_MAX))

_DEFAULTS: Final = _closed(rooms=_ROOM_REFS, reason=_REASON, expires_at=_TIME)
_LIMITS: Final = _closed(
    max_bans=_COUNT,
    max_lift_percent=_PERCENT,
    max_everywhere=_COUNT,
    protected_users=core.nullable_schema(core.list_schema(_USER_GLOB)),
)
_LOCATION: Final = core.no_info_after_validator_function(_check_location, _TEXT)
_DENYLIST: Final = _closed(
    location=_LOCATION,
    name=core.nullable_schema(core.str_schema(pattern=DENYLIST_NAME_PATTERN)),
    settle_after=core.nullable_schema(_SECONDS),
    token_records=core.nullable_schema(core.no_info_after_validator_function(_check_token_records, _TEXT)),
)
_DISCOVER: Final = _closed(
    region=core.str_schema(pattern=REGION_PATTERN),
    account=core.nullable_schema(core.str_schema(pattern=r"^[0-9]+$")),
    name_prefix=core.nullable_schema(_TEXT),
    tags=core.nullable_schema(core.dict_schema(_TEXT, core.str_schema())),
)
_ACCESS: Final = _closed(
    role_arn=core.nullable_schema(core.no_info_after_validator_function(_check_role, _TEXT)),
    external_id=core.nullable_schema(core.str_schema(pattern=EXTERNAL_ID_PATTERN)),
    profile=core.nullable_schema(core.str_schema(min_length=1, pattern=_LAST)),
)
_ACCOUNT_ID: Final = core.no_info_before_validator_function(_check_account, core.str_schema())
_HEAD: Final = _closed(
    version=core.literal_schema(["1"]),
    state=core.nullable_schema(_TEXT),
    rate=core.nullable_schema(_RATE),
    rooms=core.nullable_schema(core.dict_schema(_ROOM_NAME, _ROOM_ARN)),
    defaults=core.nullable_schema(_DEFAULTS),
    guardrails=core.nullable_schema(_LIMITS),
    include=core.nullable_schema(core.list_schema(_PATTERN, min_length=1, max_length=MAX_PATTERNS)),
    denylist=core.nullable_schema(core.no_info_before_validator_function(_location_alone, _DENYLIST)),
    discover=core.nullable_schema(core.list_schema(_DISCOVER)),
    accounts=core.nullable_schema(core.dict_schema(_ACCOUNT_ID, _ACCESS)),
)
# Expanding the entries checks the rest: that each has a user and rooms, and the rooms themselves, of which a long list
# has few different ones.
_ENTRY: Final = _closed(
    user_id=_USER_ID,
    rooms=core.any_schema(),
    reason=_REASON,
    expires_at=_TIME,
    note=core.nullable_schema(core.str_schema()),
)

SHAPES: Final[Mapping[str, CoreSchema]] = {
    "": _HEAD,
    "defaults": _DEFAULTS,
    "guardrails": _LIMITS,
    "denylist": _DENYLIST,
    "discover": _DISCOVER,
    "accounts": _ACCESS,
    "bans": _ENTRY,
}
"""The shape of each section of a list, and of a single entry of `bans`."""

KEYS: Final[Mapping[str, Sequence[str]]] = {
    section: [*shape["fields"], *([] if section else ["bans"])] for section, shape in SHAPES.items()
}
"""The keys of each section."""

# Each raises pydantic's ValidationError.
HEAD: Final = SchemaValidator(_HEAD)
ENTRIES: Final = SchemaValidator(core.list_schema(_ENTRY))
ROOM_REFS: Final = SchemaValidator(_ROOM_REFS)
