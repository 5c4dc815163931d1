"""What has been done: who is banned where, since when, on which terms. A value, and its JSON.

The JSON is made to be read in a git diff: one ban a line, sorted by room ARN and user ID, keys in a fixed order.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from reconciler.bans import REASON_MAX, ROOM_ARN_MAX, ROOM_ARN_PATTERN, USER_ID_MAX, Ban, BanKey, Record, format_time
from reconciler.errors import StateDamaged, StateTooNew
from reconciler.views.escape import json_safe

FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class State:
    """The recorded bans.

    Attributes:
        lineage: a UUID made once, when the state is first written; None until then.
        serial: how often the content has changed.
        records: every recorded ban, lapsed ones included.
    """

    lineage: str | None = None
    serial: int = 0
    records: Mapping[BanKey, Record] = field(default_factory=dict)

    def after(self, changes: Iterable[tuple[BanKey, Record | None]]) -> "State":
        """This state with some records put in, or with None taken out. Serial and lineage stay until it is saved."""
        records = dict(self.records)
        for key, record in changes:
            if record is None:
                records.pop(key, None)
            else:
                records[key] = record
        return replace(self, records=records)

    def generation(self, *, lineage: str) -> "State":
        """The next generation, to be written: the serial goes up by one, and a first state gets its `lineage`."""
        return replace(self, lineage=self.lineage or lineage, serial=self.serial + 1)


def dumps(state: State, *, redacted: bool = False) -> str:
    """The content of a state file; a state that was never written has no lineage yet, and shows it as null.

    Args:
        state: the state.
        redacted: the user IDs in it are none; `loads` refuses it.
    """
    lines = [
        "{",
        f'  "format_version": {FORMAT_VERSION},',
        *(['  "redacted": true,'] if redacted else []),
        f'  "lineage": {json.dumps(state.lineage)},',
        f'  "serial": {state.serial},',
    ]
    rooms: dict[str, list[tuple[str, Record]]] = {}
    for key, record in sorted(state.records.items()):
        rooms.setdefault(key.room_arn, []).append((key.user_id, record))
    if not rooms:
        return "\n".join([*lines, '  "bans": {}', "}"]) + "\n"
    lines.append('  "bans": {')
    for room_number, (room_arn, records) in enumerate(rooms.items(), 1):
        lines.append(f"    {json.dumps(room_arn)}: {{")
        last = len(records)
        for number, (user_id, record) in enumerate(records, 1):
            comma = "," if number < last else ""
            lines.append(f"      {_json(user_id)}: {_json(record_to_plain(record))}{comma}")
        lines.append("    }" + ("," if room_number < len(rooms) else ""))
    return "\n".join([*lines, "  }", "}"]) + "\n"


def loads(content: bytes | str) -> State:
    """Read a state file.

    Raises:
        StateTooNew: a later version of this program wrote it.
        StateDamaged: it is anything else than a state; the message says what is wrong, without the way out.
    """
    try:
        file = _FILE.validate_json(content)
    except ValidationError as error:
        raise _why_not_a_state(content, error) from error
    records = {
        BanKey(room_arn, user_id): record_from_plain(plain)
        for room_arn, users in file.bans.items()
        for user_id, plain in users.items()
    }
    # Of a key that stands there twice, as a textual merge may leave it, a JSON parser takes the last and says nothing.
    # (Inside a text the quotes of this key would be escaped.)
    key = '"request_id":' if isinstance(content, str) else b'"request_id":'
    if content.count(key) > len(records):  # type: ignore[arg-type]
        raise StateDamaged("it holds a room or a ban twice: keep one record of each, and the higher serial")
    return State(file.lineage, file.serial, records)


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


UserId = Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
RoomArn = Annotated[str, Field(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Serial = Annotated[int, Field(ge=0, lt=2**53)]


class PlainRecord(TypedDict, total=False):
    """A record in JSON, as in the state file, the journal and saved plans. Times are RFC 3339.

    We write all four keys, and take one that is missing for null.
    """

    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX)] | None
    expires_at: Time | None
    disconnected_at: Time | None
    request_id: str | None


def record_to_plain(record: Record) -> dict[str, str | None]:
    """A record as JSON-ready data, its keys in the order of the file."""
    return {
        "reason": record.ban.reason,
        "expires_at": _time(record.ban.expires_at),
        "disconnected_at": _time(record.disconnected_at),
        "request_id": record.request_id,
    }


def record_from_plain(plain: PlainRecord) -> Record:
    """The inverse of `record_to_plain`."""
    ban = Ban(plain.get("reason"), plain.get("expires_at"))
    return Record(ban, plain.get("disconnected_at"), plain.get("request_id"))


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format_version: Literal[1]
    lineage: Annotated[str, Field(min_length=1)]
    serial: Serial
    bans: dict[RoomArn, dict[UserId, PlainRecord]]


class _Version(BaseModel):
    format_version: int


_FILE: Final = TypeAdapter(_File)


def _why_not_a_state(content: bytes | str, error: ValidationError) -> StateDamaged | StateTooNew:
    try:
        version = _Version.model_validate_json(content).format_version
    except ValidationError:
        version = FORMAT_VERSION
    if version > FORMAT_VERSION:
        return StateTooNew(
            f"a later version of reconciler wrote it (format {version}, and this one knows {FORMAT_VERSION})"
        )
    text = content if isinstance(content, bytes) else content.encode()
    if any(detail["loc"] == ("redacted",) for detail in error.errors(include_url=False)):
        return StateDamaged("it was printed with --redact, so it does not say who is banned")
    if not text.strip():
        return StateDamaged("the file is empty")
    if b"\n<<<<<<< " in text or b"\n>>>>>>> " in text:
        return StateDamaged(
            "it holds an unresolved merge conflict (<<<<<<<): keep the records of both sides and the higher serial"
        )
    first = error.errors(include_url=False)[0]
    where = _where(first, text.decode(errors="replace"))
    return StateDamaged(f"{where}{first['msg']}")


def _where(detail: ErrorDetails, text: str) -> str:
    """The place of an error: the line of a record, as user IDs stay out of logs, or else the key."""
    match detail["loc"]:
        case ("bans", str(), str(user_id), *field) if field:
            at = text.find(_json(user_id) + ":")
            line = text.count("\n", 0, at) + 1 if at >= 0 else "?"
            return f"line {line}: {'.'.join(map(str, field))}: "
        case (key, *_):
            return f"{key}: "
    return ""


def _time(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def _json(value: object) -> str:
    return json_safe(_ENCODER.encode(value))
