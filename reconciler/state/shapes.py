"""The pieces that our JSON files are made of (state, journal, saved plan), for pydantic to check."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic_core import CoreSchema
from pydantic_core import core_schema as core

from reconciler.bans import EVERYWHERE, REASON_MAX, ROOM_ARN_MAX, ROOM_ARN_PATTERN, TIME_PATTERN, USER_ID_MAX


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


def closed(optional: Mapping[str, CoreSchema] | None = None, /, **shapes: CoreSchema) -> CoreSchema:
    """An object with these members and no others; the `optional` ones may be missing."""
    return core.typed_dict_schema(_fields(optional or {}, shapes), extra_behavior="forbid")


def opened(optional: Mapping[str, CoreSchema] | None = None, /, **shapes: CoreSchema) -> CoreSchema:
    """An object with these members; the `optional` ones may be missing, and others are passed over."""
    return core.typed_dict_schema(_fields(optional or {}, shapes))


def _fields(optional: Mapping[str, CoreSchema], shapes: Mapping[str, CoreSchema]) -> dict[str, core.TypedDictField]:
    fields = {name: core.typed_dict_field(shape) for name, shape in shapes.items()}
    return fields | {name: core.typed_dict_field(shape, required=False) for name, shape in optional.items()}


def _or_null(shape: CoreSchema) -> CoreSchema:
    """A member that we always write. If it is missing, it is read as null."""
    return core.with_default_schema(core.nullable_schema(shape), default=None)


TEXT: Final = core.str_schema()
SOME_TEXT: Final = core.str_schema(min_length=1)
USER_ID: Final = core.str_schema(min_length=1, max_length=USER_ID_MAX)
ROOM_ARN: Final = core.str_schema(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)
TIME: Final = core.no_info_after_validator_function(_in_utc, core.datetime_schema(tz_constraint="aware"))
ENDPOINT: Final = core.str_schema(pattern=r"^https?://\S+$", max_length=2048)
SERIAL: Final = core.int_schema(ge=0, lt=2**53, strict=True)
ROOM: Final = core.str_schema(pattern=rf"^\{EVERYWHERE}$|{ROOM_ARN_PATTERN}", max_length=ROOM_ARN_MAX)
"""Where a ban is: the ARN of a room, or EVERYWHERE."""
RECORD: Final = closed(
    {"published_at": core.str_schema(pattern=TIME_PATTERN)},
    reason=_or_null(core.str_schema(min_length=1, max_length=REASON_MAX)),
    expires_at=_or_null(core.str_schema(pattern=TIME_PATTERN)),
    disconnected_at=_or_null(core.str_schema(pattern=TIME_PATTERN)),
    request_id=_or_null(TEXT),
)
"""A `PlainRecord`."""
