"""The pieces that our JSON files are made of (state, journal, saved plan), as pydantic checks them."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field
from typing_extensions import TypedDict  # pydantic asks for it before Python 3.12

from reconciler.bans import REASON_MAX, ROOM_ARN_MAX, ROOM_ARN_PATTERN, TIME_PATTERN, USER_ID_MAX


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


UserId = Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
RoomArn = Annotated[str, Field(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Serial = Annotated[int, Field(ge=0, lt=2**53, strict=True)]


class RecordShape(TypedDict):
    """A `PlainRecord`. We write all four keys, and read a missing one as null."""

    reason: Annotated[str | None, Field(default=None, min_length=1, max_length=REASON_MAX)]
    expires_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    disconnected_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    request_id: Annotated[str | None, Field(default=None)]
