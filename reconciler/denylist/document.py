"""The JSON of a denylist, for token services and for git diffs: one user a line, sorted, keys in order."""

import json
import re
from functools import cache
from typing import Final

from pydantic_core import SchemaValidator, ValidationError, from_json, to_json
from pydantic_core import core_schema as core

from reconciler import escape
from reconciler.bans import TIME_PATTERN, BanKey, format_time, parse_time
from reconciler.denylist.value import Bans, Contents, End, Head
from reconciler.errors import DenylistDamaged, DenylistTooNew, NotADenylist
from reconciler.state.shapes import ROOM, SERIAL, SOME_TEXT, USER_ID, closed

FORMAT_VERSION: Final = 1

_Users = dict[str, dict[str, str | None]]
"""User ID → room ARN or `*` → end."""


def dumps(contents: Contents) -> bytes:
    """The document.

    Raises:
        ValueError: it has no head.
    """
    head = contents.head
    if head is None:
        raise ValueError("a document says whose it is")
    members = {
        "format_version": FORMAT_VERSION,
        "lineage": head.lineage,
        "serial": head.serial,
        "settle_after": head.settle_after,
        "published_at": format_time(head.published_at),
        "count": len(contents.bans),
    }
    lines = [f'  "{name}": {escape.to_json(value)},\n'.encode() for name, value in members.items()]
    bans, provisional = _lines(contents.bans), _lines(contents.provisional)
    return b'{\n%b  "bans": %b,\n  "provisional": %b\n}\n' % (b"".join(lines), bans, provisional)


def _lines(bans: Bans) -> bytes:
    """One user a line.

    They are encoded as a whole, in a fraction of the time that it takes one by one, and broken into lines afterwards:
    before each quote that begins a user ID. Where an ID ends in `},`, its closing quote would be taken for one.
    """
    if not bans:
        return b"{}"
    text_of = {end: None if end is None else format_time(end) for end in set(bans.values())}
    rooms_of: _Users = {}
    for (room_arn, user_id), end in bans.items():
        if user_id in rooms_of:
            rooms_of[user_id][room_arn] = text_of[end]
        else:
            rooms_of[user_id] = {room_arn: text_of[end]}
    users = {user_id: _in_order(rooms_of[user_id]) for user_id in sorted(rooms_of)}
    encoded = to_json(users)[1:-1]
    if _ENDS_LIKE_A_LINE.search(encoded):
        lines = b",\n".join(b"    %b:%b" % (to_json(user_id), to_json(rooms)) for user_id, rooms in users.items())
    else:
        lines = b"    " + encoded.replace(b'},"', b'},\n    "')
    return b"{\n%b\n  }" % escape.json_lines(lines)


def _in_order(rooms: dict[str, str | None]) -> dict[str, str | None]:
    return rooms if len(rooms) == 1 else dict(sorted(rooms.items()))


_ENDS_LIKE_A_LINE: Final = re.compile(rb'\},":')


def loads(content: bytes) -> Contents:
    """Read a document.

    Raises:
        DenylistTooNew: a later version of this program wrote it.
        DenylistDamaged: it was a denylist, and something in it is wrong; the message says what, without the way out.
        NotADenylist: it is something else; the message says what is wrong, without the way out.
    """
    try:
        file = _validator().validate_json(content)
    except ValidationError as error:
        raise _why_not(content, error) from error
    try:
        published_at = parse_time(file["published_at"])
        bans = _bans(file["bans"])
        provisional = {key: end for key, end in _bans(file["provisional"]).items() if end is not None}
    except ValueError as error:
        raise DenylistDamaged(f"one of its times does not exist: {error}") from error
    head = Head(file["lineage"], file["serial"], file["count"], file["settle_after"], published_at)
    return Contents(head, bans, provisional)


def _bans(users: _Users) -> dict[BanKey, End]:
    return {
        BanKey(room_arn, user_id): None if end is None else parse_time(end)
        for user_id, rooms in users.items()
        for room_arn, end in rooms.items()
    }


_TIME: Final = core.str_schema(pattern=TIME_PATTERN)
_SHAPE: Final = closed(
    format_version=core.literal_schema([FORMAT_VERSION]),
    lineage=SOME_TEXT,
    serial=SERIAL,
    settle_after=SERIAL,
    published_at=_TIME,
    count=SERIAL,
    bans=core.dict_schema(USER_ID, core.dict_schema(ROOM, core.nullable_schema(_TIME))),
    provisional=core.dict_schema(USER_ID, core.dict_schema(ROOM, _TIME)),
)


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(_SHAPE)


def _why_not(content: bytes, error: ValidationError) -> DenylistDamaged | DenylistTooNew | NotADenylist:
    """What `content` is instead. The message names the line of a user rather than the user."""
    try:
        document = from_json(content)
    except ValueError as broken:
        if content.lstrip().startswith(b"{") and b'"settle_after"' in content[:1000]:
            return DenylistDamaged(f"it is not whole: {broken}")
        return NotADenylist("it is not JSON" if content.strip() else "it is empty")
    if not isinstance(document, dict) or not {"bans", "settle_after"} <= document.keys():
        if isinstance(document, dict) and {"lineage", "serial", "bans"} <= document.keys():
            return NotADenylist("it is a state file")
        return NotADenylist("it is some other JSON")
    version = document.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        return DenylistTooNew(
            f"a later version of reconciler wrote it (format {version}; this one reads {FORMAT_VERSION})"
        )
    first = error.errors(include_url=False)[0]
    name, *below = first["loc"]
    if name in _USERS and below:
        return DenylistDamaged(f"{name}: {_line_of(content, str(below[0]))}{first['msg']}")
    return DenylistDamaged(f"{name}: {first['msg']}")


_USERS: Final = ("bans", "provisional")


def _line_of(content: bytes, user_id: str) -> str:
    """The line on which a user stands first; empty where it is written in another way than ours."""
    before, found, _ = content.partition(f"{json.dumps(user_id, ensure_ascii=False)}:".encode(errors="replace"))
    line = before.count(b"\n") + 1
    return f"line {line}: " if found else ""
