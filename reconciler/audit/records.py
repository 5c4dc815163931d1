r"""Records of a chat log, out of its bytes.

A log has a record a line. What Firehose delivers has no line breaks between records, and an export from CloudWatch has
the time before each (Amazon CloudWatch Logs User Guide, "Export log data to Amazon S3", on sorting what was exported).

Every line is parsed: a look at its bytes alone, for the user IDs in them, could not tell a broken record from a sound
one. `pydantic_core` takes 1.5 µs for a record of 400 bytes, and `json.loads` 3.5 µs (CPython 3.11, on a shared core).
"""

import json
import re
from collections.abc import Callable, Container
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json

from reconciler.bans import parse_time

RECORD_MAX: Final = 2**18  # bytes; a message has at most a few kilobytes
LOST_MAX: Final = 2**26  # bytes without a record: what follows them is no log either
_PLACES: Final = 3  # broken lines that are told
_TRIES: Final = 100  # to find another record in a line
_SPACE: Final = re.compile(r"[\s\ufeff]*")
_TIME_BEFORE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)?[ \t]+")
# Where another record may begin, in a line that is broken.
_BEGINNING: Final = re.compile(r'(?<=\})\{|\{(?="event_timestamp")')
_DECODER: Final = json.JSONDecoder()

Said = Callable[[str, datetime, object], object]
"""Told of each message of somebody who is banned: who, when, and what the service calls it."""


class Reader:
    """Reads one log, piece by piece. It holds a piece and the beginning of one record.

    Args:
        banned: whose messages matter, each a set of user IDs.
        said: told of these messages.

    Attributes:
        records: how many messages and events there were.
        skipped: how many lines, or records, were something else: broken, or of a banned user at an unreadable time.
        places: the numbers of the first lines that were skipped.
    """

    def __init__(self, banned: tuple[Container[str], Container[str]], said: Said) -> None:
        self._here, self._everywhere = banned
        self._said = said
        self.records = 0
        self.skipped = 0
        self.places: list[int] = []
        self._rest = b""
        self._too_long = False  # in the middle of a line that is passed over
        self._line = 1
        self._lost = 0

    @property
    def hopeless(self) -> bool:
        """Whether so much has come without a record that nothing can be expected any more."""
        return self._lost > LOST_MAX

    def feed(self, piece: bytes) -> None:
        """Read what comes next."""
        before = self.records
        data = self._rest + piece
        *lines, self._rest = data.split(b"\n")
        if self._too_long and lines:
            del lines[0]
            self._line += 1
            self._too_long = False
        if lines:
            self._read(lines)
        if self._too_long:
            self._rest = b""
        elif len(self._rest) > RECORD_MAX:
            self._rest = self._peeled(self._rest)
        self._lost = 0 if self.records > before else self._lost + len(piece)

    def end(self) -> None:
        """The log has ended."""
        rest, self._rest = self._rest, b""
        if rest and not self._too_long:
            self._read([rest])

    def _read(self, lines: list[bytes]) -> None:
        """Whole lines. This loop is where an audit spends its time."""
        here, everywhere, parsed = self._here, self._everywhere, from_json
        messages = 0
        for number, line in enumerate(lines, self._line):
            try:
                record = parsed(line, cache_strings="keys")
            except ValueError:
                self._read_slowly(line, number)
                continue
            try:
                if record["type"] == "MESSAGE":
                    user_id = record["payload"]["Sender"]["UserId"]
                    if user_id.__class__ is str and user_id not in here and user_id not in everywhere:
                        messages += 1
                        continue
            except (LookupError, TypeError):
                pass
            self._take(record, number)
        self.records += messages
        self._line += len(lines)

    def _read_slowly(self, line: bytes, number: int) -> None:
        """A line that is not one value: several records, one behind a time, nothing at all, or broken ones."""
        text = _text(line)
        before = _TIME_BEFORE.match(text)
        values, position, broken = _values(text, before.end() if before else 0, whole=True)
        for value in values:
            self._take(value, number)
        for _ in range(broken + (position < len(text))):
            self._skip(number)

    def _peeled(self, data: bytes) -> bytes:
        """What is left of a long line without the records at its beginning."""
        text = _text(data)
        values, position, broken = _values(text, 0, whole=False)
        for value in values:
            self._take(value, self._line)
        for _ in range(broken):
            self._skip(self._line)
        rest = text[position:].encode("utf-8", "surrogateescape")
        if len(rest) <= RECORD_MAX:
            return rest
        self._skip(self._line)
        self._too_long = True
        return b""

    def _take(self, record: object, number: int) -> None:
        """A value that was in the log."""
        match record:
            case {"type": "EVENT", "payload": dict()}:
                self.records += 1
            case {"type": "MESSAGE", "payload": {"Sender": {"UserId": str(user_id)}, **payload}, **others}:
                if user_id in self._here or user_id in self._everywhere:
                    time = _sent(payload.get("SendTime"), others.get("event_timestamp"))
                    if time is None:
                        self._skip(number)
                        return
                    self._said(user_id, time, payload.get("Id"))
                self.records += 1
            case _:
                self._skip(number)

    def _skip(self, number: int) -> None:
        self.skipped += 1
        if len(self.places) < _PLACES and self.places[-1:] != [number]:
            self.places.append(number)


def _text(data: bytes) -> str:
    """Bytes as text, also where they are not UTF-8: that must not hide what somebody said."""
    return data.decode("utf-8", "surrogateescape")


def _values(text: str, start: int, *, whole: bool) -> tuple[list[Any], int, int]:
    """The JSON values that follow each other in a text.

    Args:
        text: the text.
        start: where they begin.
        whole: whether the last one must be complete; else what is short enough may be the beginning of one.

    Returns:
        The values; where the rest begins, which is at the end if there is none; and in how many places something else
        was passed over.
    """
    values: list[Any] = []
    broken = 0
    position = _after_space(text, start)
    while position < len(text):
        try:
            value, position = _DECODER.raw_decode(text, position)
            values.append(value)
        except (ValueError, RecursionError):
            if not whole and len(text) - position <= RECORD_MAX:
                break
            another = _BEGINNING.search(text, position + 1) if broken < _TRIES else None
            if another is None:
                break
            broken += 1
            position = another.start()
        position = _after_space(text, position)
    return values, position, broken


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return position if space is None else space.end()


def _sent(*times: object) -> datetime | None:
    """The first of these that is a time; nanoseconds are cut off."""
    for time in times:
        if isinstance(time, str):
            try:
                return parse_time(time)
            except ValueError:
                continue
    return None
