"""The JSON of a state, made to be read in a git diff: one ban a line, sorted by room ARN and user ID, keys in order."""

import json
import re
from functools import cache
from itertools import chain
from typing import Any, Final

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError, to_json
from pydantic_core import core_schema as core

from reconciler import escape
from reconciler.bans import EVERYWHERE, BanKey, parse_time
from reconciler.errors import StateDamaged, StateTooNew
from reconciler.state.recovery import Recovery
from reconciler.state.shapes import ENDPOINT, RECORD, ROOM, SERIAL, SOME_TEXT, USER_ID, closed
from reconciler.state.value import Place, PlainRecord, Published, Records, State, from_plain, to_plain

FORMAT_VERSION: Final = 2
"""The latest. A file says 2 only if it has something that is new in it: `endpoint`, `denylist`, `recovered`, a record's
`published_at`, or a ban everywhere."""


def dumps(state: State, *, redacted: bool = False, recovery: Recovery | None = None) -> bytes:
    """The content of a state file; a state that was never written has no lineage yet, and shows it as null.

    Args:
        state: the state.
        redacted: hashes stand in place of its user IDs, so that `loads` refuses it.
        recovery: marks it as one that could not be written to its place.
    """
    records = Records.of(state.records)
    rooms = [
        b"    %b: {\n%b\n    }" % (json.dumps(room_arn).encode(), _lines(users))
        for room_arn, users in records.in_order()
    ]
    new = {
        "endpoint": state.endpoint,
        "denylist": _published(state.published),
        "recovered": None if recovery is None else _recovered(recovery),
    }
    new = {key: value for key, value in new.items() if value is not None}
    is_new = new or EVERYWHERE in records.rooms or any(True for _ in records.unsettled())
    head: dict[str, object] = {"format_version": FORMAT_VERSION if is_new else 1}
    if redacted:
        head["redacted"] = True
    head |= {"lineage": state.lineage, "serial": state.serial, **new}
    lines = [f'  "{key}": {json.dumps(value)},\n'.encode() for key, value in head.items()]
    bans = b"{\n%b\n  }" % b",\n".join(rooms) if rooms else b"{}"
    return b'{\n%b  "bans": %b\n}\n' % (b"".join(lines), bans)


def _lines(users: dict[str, PlainRecord]) -> bytes:
    """One ban a line.

    A room is encoded as a whole, in a third of the time that it takes ban by ban, and broken into lines afterwards:
    before each quote that begins a user ID. Where a text ends in `},`, its closing quote would be taken for one.
    """
    encoded = to_json(users)[1:-1]
    if _MAY_END_A_TEXT.search(encoded):
        lines = b",\n".join(b"      %b:%b" % (to_json(user_id), to_json(plain)) for user_id, plain in users.items())
    else:
        lines = b"      " + encoded.replace(b'},"', b'},\n      "')
    return escape.json_lines(lines)


_MAY_END_A_TEXT: Final = re.compile(rb'\},"[:,}]')


def _published(published: Published) -> dict[str, object] | None:
    """What a state remembers of its denylist; None if that is nothing."""
    if published == Published():
        return None
    place = published.place
    return {
        "location": place.location if place is not None else None,
        "name": place.name if place is not None else None,
        "serial": published.serial,
        "to_retire": [{"location": left.location, "name": left.name} for left in published.to_retire],
    }


def _recovered(recovery: Recovery) -> dict[str, object]:
    found: dict[str, dict[str, PlainRecord | None]] = {}
    for (room_arn, user_id), record in sorted(recovery.found.items()):
        found.setdefault(room_arn, {})[user_id] = None if record is None else to_plain(record)
    return {"serial": recovery.serial, "location": recovery.location, "found": found}


def loads(content: bytes | str) -> State:
    """Read a state file. See `loads_recovery`."""
    return loads_recovery(content)[0]


def loads_recovery(content: bytes | str) -> tuple[State, Recovery | None]:
    """Read a state file, with what marks it as one that could not be written to its place.

    Raises:
        StateTooNew: a later version of this program wrote it.
        StateDamaged: it is anything else than a state; the message says what is wrong, without the way out.
    """
    content = content.encode() if isinstance(content, str) else content
    try:
        file = _validator().validate_json(content)
    except ValidationError as error:
        raise _why_not_a_state(content, error) from error
    plain_records: list[PlainRecord] = list(chain.from_iterable(users.values() for users in file["bans"].values()))
    times = {plain["expires_at"] for plain in plain_records} | {plain["disconnected_at"] for plain in plain_records}
    times |= {plain.get("published_at") for plain in plain_records}
    for text in filter(None, times):
        try:
            parse_time(text)
        except ValueError as error:
            where = _line_of(content, f'"{text}"')
            raise StateDamaged(f"{where}{text} is not a time: {error}") from error
    if _holds_twice(content, len(file["bans"]) + len(plain_records)):
        raise StateDamaged("it holds a key, a room or a ban twice: keep one record of each, and the higher serial")
    try:
        recovery = _recovery(file["recovered"]) if "recovered" in file else None
    except ValueError as error:
        raise StateDamaged(f"recovered: {error}") from error
    published = _remembered(file["denylist"]) if "denylist" in file else Published()
    return State(file["lineage"], file["serial"], Records(file["bans"]), file.get("endpoint"), published), recovery


def _remembered(plain: dict[str, Any]) -> Published:
    place = Place(plain["location"], plain["name"]) if plain["location"] is not None else None
    return Published(place, plain["serial"], tuple(Place(**left) for left in plain["to_retire"]))


def _recovery(plain: dict[str, Any]) -> Recovery:
    found = {
        BanKey(room_arn, user_id): None if record is None else from_plain(record)
        for room_arn, users in plain["found"].items()
        for user_id, record in users.items()
    }
    return Recovery(plain["serial"], plain["location"], found)


def _holds_twice(content: bytes, rooms_and_records: int) -> bool:
    """Whether a key is there twice, as a merge of lines may leave it: a JSON parser takes the last without a word.

    Every room and every record opens a brace, so if there are no more than that, none is there twice. Otherwise,
    as texts may hold braces too, it is looked at key by key, which takes longer than reading the state.
    """
    around_bans = content[: content.find(b'"arn:')] + content[content.rfind(b'"request_id"') :]
    if content.count(b"{") == rooms_and_records + 2 and not _MEMBER_TWICE.search(around_bans):
        return False
    try:
        json.loads(content, object_pairs_hook=_unique)
    except _Twice:
        return True
    return False


_MEMBER_TWICE: Final = re.compile(rb'"(format_version|lineage|serial|endpoint|denylist)"\s*:.*"\1"\s*:', re.DOTALL)


class _Twice(Exception):
    pass


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise _Twice
    return unique


_FOUND: Final = core.dict_schema(ROOM, core.dict_schema(USER_ID, core.nullable_schema(RECORD)))
_DENYLIST: Final = closed(
    location=core.nullable_schema(SOME_TEXT),
    name=core.nullable_schema(SOME_TEXT),
    serial=SERIAL,
    to_retire=core.list_schema(closed(location=SOME_TEXT, name=SOME_TEXT)),
)
_SHAPE: Final = closed(
    {"endpoint": ENDPOINT, "denylist": _DENYLIST, "recovered": closed(serial=SERIAL, location=SOME_TEXT, found=_FOUND)},
    format_version=core.literal_schema([1, 2]),
    lineage=SOME_TEXT,
    serial=SERIAL,
    bans=core.dict_schema(ROOM, core.dict_schema(USER_ID, RECORD)),
)


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(_SHAPE)


def _why_not_a_state(content: bytes, error: ValidationError) -> StateDamaged | StateTooNew:
    version = _version(content)
    if version > FORMAT_VERSION:
        return StateTooNew(
            f"a later version of reconciler wrote it (format {version}; this one reads {FORMAT_VERSION})"
        )
    problems = error.errors(include_url=False)
    if any(problem["loc"] == ("redacted",) for problem in problems):
        return StateDamaged("it was printed with --redact, so it does not say who is banned")
    if not content.strip():
        return StateDamaged("the file is empty")
    if b"\n<<<<<<< " in content or b"\n>>>>>>> " in content:
        return StateDamaged(
            "it holds an unresolved merge conflict (<<<<<<<): keep the records of both sides and the higher serial"
        )
    first = problems[0]
    is_no_time = first["type"] == "string_pattern_mismatch" and first["loc"][-1] in ("expires_at", "disconnected_at")
    what = "not a time such as 2027-01-31T00:00:00Z" if is_no_time else first["msg"]
    return StateDamaged(_where(content, first) + what)


def _version(content: bytes) -> int:
    try:
        version = json.loads(content)["format_version"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return FORMAT_VERSION
    return version if isinstance(version, int) else FORMAT_VERSION


def _where(content: bytes, problem: ErrorDetails) -> str:
    """The place of an error: the line of a record, as user IDs stay out of logs, or else the key."""
    match problem["loc"]:
        case ("bans", str(), str(user_id), *field) if field:
            return _line_of(content, f"{escape.to_json(user_id)}:") + f"{'.'.join(map(str, field))}: "
        case (key, *_):
            return f"{key}: "
    return ""


def _line_of(content: bytes, text: str) -> str:
    """The line on which a text comes first; empty if it is nowhere."""
    before, found, _ = content.partition(text.encode(errors="replace"))
    line = before.count(b"\n") + 1
    return f"line {line}: " if found else ""
