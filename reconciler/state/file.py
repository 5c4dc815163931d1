"""What has been done: who is banned where, since when, on which terms. A value, and its JSON.

The JSON is made to be read in a git diff: one ban a line, sorted by room ARN and user ID, keys in a fixed order.
"""

import json
import re
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from reconciler.bans import ROOM_ARN_MAX, ROOM_ARN_PATTERN, USER_ID_MAX
from reconciler.errors import StateDamaged, StateTooNew
from reconciler.escape import is_json_safe, json_safe
from reconciler.state.value import PlainRecord, Records, State, time_of

FORMAT_VERSION: Final = 1


def dumps(state: State, *, redacted: bool = False) -> bytes:
    """The content of a state file; a state that was never written has no lineage yet, and shows it as null.

    Args:
        state: the state.
        redacted: the user IDs in it are none; `loads` refuses it.
    """
    rooms = [
        b"    %b: {\n%b\n    }" % (json.dumps(room_arn).encode(), _lines(users))
        for room_arn, users in Records.of(state.records).in_order()
    ]
    head: dict[str, object] = {"format_version": FORMAT_VERSION}
    if redacted:
        head["redacted"] = True
    head |= {"lineage": state.lineage, "serial": state.serial}
    lines = [f'  "{key}": {json.dumps(value)},\n'.encode() for key, value in head.items()]
    bans = b"{\n%b\n  }" % b",\n".join(rooms) if rooms else b"{}"
    return b'{\n%b  "bans": %b\n}\n' % (b"".join(lines), bans)


def _lines(users: dict[str, PlainRecord]) -> bytes:
    """One ban a line.

    A room is encoded as a whole, which is faster than ban by ban, and broken into lines afterwards, before each quote
    that begins a user ID. A quote behind `},` may also end a text that ends in that; `:`, `,` or `}` then follows it.
    """
    encoded = to_json(users)[1:-1]
    if _MAY_END_A_TEXT.search(encoded):
        lines = b",\n".join(b"      %b:%b" % (to_json(user_id), to_json(plain)) for user_id, plain in users.items())
    else:
        lines = b"      " + encoded.replace(b'},"', b'},\n      "')
    if is_json_safe(lines):
        return lines
    return b"\n".join(line if is_json_safe(line) else json_safe(line.decode()).encode() for line in lines.split(b"\n"))


_MAY_END_A_TEXT: Final = re.compile(rb'\},"[:,}]')


def loads(content: bytes | str) -> State:
    """Read a state file.

    Raises:
        StateTooNew: a later version of this program wrote it.
        StateDamaged: it is anything else than a state; the message says what is wrong, without the way out.
    """
    content = content.encode() if isinstance(content, str) else content
    try:
        file = _FILE.validate_json(content)
    except ValidationError as error:
        raise _why_not_a_state(content, error) from error
    plain_records = list(chain.from_iterable(users.values() for users in file.bans.values()))
    times = {plain["expires_at"] for plain in plain_records} | {plain["disconnected_at"] for plain in plain_records}
    for text in times:
        try:
            time_of(text)
        except ValueError as error:
            raise StateDamaged(f"{_line_of(content, str(text))}{text} is no time: {error}") from error
    if _holds_twice(content, file, plain_records):
        raise StateDamaged("it holds a key, a room or a ban twice: keep one record of each, and the higher serial")
    return State(file.lineage, file.serial, Records(file.bans))


def _holds_twice(content: bytes, file: "_File", plain_records: list[PlainRecord]) -> bool:
    """Whether a key stands there twice, as a textual merge may leave it: a JSON parser takes the last and says nothing.

    Every room and every record opens a brace, so if there are as many as in what was read, none stands there twice.
    More may also stand in texts; then it is looked at key by key, which takes longer.
    """
    around_bans = content[: content.find(b'"arn:')] + content[content.rfind(b'"request_id"') :]
    braces = 2 + len(file.bans) + len(plain_records)
    if content.count(b"{") == braces and not _MEMBER_TWICE.search(around_bans):
        return False
    try:
        json.loads(content, object_pairs_hook=_unique)
    except _Twice:
        return True
    return False


_MEMBER_TWICE: Final = re.compile(rb'"(format_version|lineage|serial)"\s*:.*"\1"\s*:', re.DOTALL)


class _Twice(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise _Twice
    return unique


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999 in UTC") from error


UserId = Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
RoomArn = Annotated[str, Field(pattern=ROOM_ARN_PATTERN, max_length=ROOM_ARN_MAX)]
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Serial = Annotated[int, Field(ge=0, lt=2**53, strict=True)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format_version: Literal[1]
    lineage: Annotated[str, Field(min_length=1)]
    serial: Serial
    bans: dict[RoomArn, dict[UserId, PlainRecord]]


class _Version(BaseModel):
    format_version: int


_FILE: Final = TypeAdapter(_File)


def _why_not_a_state(content: bytes, error: ValidationError) -> StateDamaged | StateTooNew:
    try:
        version = _Version.model_validate_json(content).format_version
    except ValidationError:
        version = FORMAT_VERSION
    if version > FORMAT_VERSION:
        return StateTooNew(
            f"a later version of reconciler wrote it (format {version}, and this one knows {FORMAT_VERSION})"
        )
    if any(detail["loc"] == ("redacted",) for detail in error.errors(include_url=False)):
        return StateDamaged("it was printed with --redact, so it does not say who is banned")
    if not content.strip():
        return StateDamaged("the file is empty")
    if b"\n<<<<<<< " in content or b"\n>>>>>>> " in content:
        return StateDamaged(
            "it holds an unresolved merge conflict (<<<<<<<): keep the records of both sides and the higher serial"
        )
    first = error.errors(include_url=False)[0]
    where = _where(first, content.decode(errors="replace"))
    is_no_time = first["type"] == "string_pattern_mismatch" and first["loc"][-1] in ("expires_at", "disconnected_at")
    return StateDamaged(f"{where}{'no time such as 2027-01-31T00:00:00Z' if is_no_time else first['msg']}")


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


def _line_of(content: bytes, time: str) -> str:
    text = content.decode()
    at = text.find(f'"{time}"')
    return f"line {text.count(chr(10), 0, at) + 1}: " if at >= 0 else ""


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def _json(value: object) -> str:
    return json_safe(_ENCODER.encode(value))
