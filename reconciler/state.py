"""What has been done: who is banned where, since when, on which terms. A value, and its JSON.

The JSON is made to be read in a git diff: one ban a line, sorted by room ARN and user ID, keys in a fixed order.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json
from typing_extensions import TypedDict

from reconciler.bans import (
    REASON_MAX,
    ROOM_ARN_MAX,
    ROOM_ARN_PATTERN,
    TIME_PATTERN,
    USER_ID_MAX,
    Ban,
    BanKey,
    Record,
    format_time,
    parse_time,
)
from reconciler.errors import StateDamaged, StateTooNew
from reconciler.views.escape import is_json_safe, json_safe

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
        return replace(self, records=Records.of(self.records).after(changes))

    def generation(self, *, lineage: str) -> "State":
        """The next generation, to be written: the serial goes up by one, and a first state gets its `lineage`."""
        return replace(self, lineage=self.lineage or lineage, serial=self.serial + 1)


class PlainRecord(TypedDict):
    """A record in JSON, as in the state file, the journal and saved plans. Times are RFC 3339.

    We write all four keys, and take one that is missing for null.
    """

    reason: Annotated[str | None, Field(default=None, min_length=1, max_length=REASON_MAX)]
    expires_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    disconnected_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    request_id: Annotated[str | None, Field(default=None)]


class Records(Mapping[BanKey, Record]):
    """Records by ban. They are kept as the plain data of the file, and a `Record` is made when it is asked for.

    Most commands ask for few of them: folding a journal into a hundred thousand asks for none.

    Args:
        rooms: room ARN → user ID → record; not to be changed by anybody from here on.
    """

    __slots__ = ("_rooms",)

    def __init__(self, rooms: Mapping[str, dict[str, PlainRecord]]) -> None:
        self._rooms = {room_arn: users for room_arn, users in rooms.items() if users}

    @classmethod
    def of(cls, records: Mapping[BanKey, Record]) -> "Records":
        """The same records in this form."""
        return records if isinstance(records, Records) else cls({}).after(records.items())

    def __getitem__(self, key: BanKey) -> Record:
        return record_from_plain(self._rooms[key.room_arn][key.user_id])

    def get(self, key: BanKey, default: object = None) -> object:  # type: ignore[override]
        """The record of a ban, or `default`; without an exception on the way, as most lookups find nothing."""
        users = self._rooms.get(key[0])
        plain = None if users is None else users.get(key[1])
        return default if plain is None else record_from_plain(plain)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1] in self._rooms.get(key[0], ())

    def __iter__(self) -> Iterator[BanKey]:
        for room_arn, users in self._rooms.items():
            for user_id in users:
                yield BanKey(room_arn, user_id)

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Records) and self._rooms == other._rooms:
            return True
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def after(self, changes: Iterable[tuple[BanKey, Record | None]]) -> "Records":
        """These records with some put in, or with None taken out."""
        rooms = dict(self._rooms)
        ours: set[str] = set()
        for (room_arn, user_id), record in changes:
            if room_arn not in ours:
                ours.add(room_arn)
                rooms[room_arn] = dict(rooms.get(room_arn, ()))
            if record is None:
                rooms[room_arn].pop(user_id, None)
            else:
                rooms[room_arn][user_id] = record_to_plain(record)
        return Records(rooms)

    def in_order(self) -> Iterator[tuple[str, dict[str, PlainRecord]]]:
        """The plain records by room ARN and user ID, sorted."""
        for room_arn, users in sorted(self._rooms.items()):
            user_ids = sorted(users)
            sorted_already = user_ids == list(users)
            yield room_arn, users if sorted_already else {user_id: users[user_id] for user_id in user_ids}


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
            _time_of(text)
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


def record_to_plain(record: Record) -> PlainRecord:
    """A record as JSON-ready data, its keys in the order of the file."""
    return {
        "reason": record.ban.reason,
        "expires_at": _text_of(record.ban.expires_at),
        "disconnected_at": _text_of(record.disconnected_at),
        "request_id": record.request_id,
    }


def record_from_plain(plain: PlainRecord) -> Record:
    """The inverse of `record_to_plain`.

    Raises:
        ValueError: one of its times does not exist, though it is written like one.
    """
    ban = Ban(plain["reason"], _time_of(plain["expires_at"]))
    return Record(ban, _time_of(plain["disconnected_at"]), plain["request_id"])


def _time_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text) if text[-1] == "Z" else parse_time(text)


def _text_of(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)


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
