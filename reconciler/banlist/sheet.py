"""Reads bans from a table as other systems export it: CSV, TSV, or one user ID a line.

A table begins with a line that names its columns. Nothing is guessed that could ban somebody else: a first line that
looks like a heading, and names no column that we know, is an error.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from typing import Final

from reconciler import escape
from reconciler.banlist.banning import Wanted
from reconciler.banlist.durations import EXAMPLES, parse_duration
from reconciler.banlist.edit import Value
from reconciler.banlist.schema import ALL_ROOMS, EXAMPLE_TIME, NEVER
from reconciler.bans import EVERYWHERE_NAME, parse_time
from reconciler.errors import BanListInvalid, BanListUnreadable, Problem

COLUMNS: Final = ("user_id", "rooms", "reason", "expires_at", "note")
_ALSO: Final = {"room": "rooms"}
_DELIMITERS: Final = {",": "commas", "\t": "tabs", ";": "semicolons"}
_ENDLESS: Final = frozenset({"", "null", NEVER})
_LIKE_A_HEADING: Final = frozenset(
    {"userid", "user", "users", "id", "ids", "username", "name", "account", "player"}
    | {"room", "rooms", "reason", "expiresat", "note"}
)
_LIKE_ANOTHER_FORMAT: Final = re.compile(r"[\[{<].*|---.*|\w+:(?:\s.*)?")  # JSON, HTML, YAML
_LINE_BREAK: Final = re.compile(r"\r\n|\r|\n")
_SEPARATED: Final = re.compile(r'"?sep=([^\r\n])"?(?=[\r\n])', re.IGNORECASE)  # what Excel is told in a first line
_ROOM_BREAK: Final = re.compile(r"[\s,;|]+")
_SPACE: Final = "the user ID begins or ends with a space; remove it, or ban this user by hand if the ID has one"
_SHOWN: Final = 100  # characters of the name of a column
_MOST_PROBLEMS: Final = 50


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that was understood.

    Attributes:
        bans: what it asks for, line by line.
        delimiter: what separates its columns, such as `commas`; None for a list of one user ID a line.
        columns: our keys, and the names of the columns that they are read from.
        ignored: the names of other columns.
    """

    bans: tuple[Wanted, ...]
    delimiter: str | None
    columns: Mapping[str, str]
    ignored: Sequence[str]


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What holds for lines, and columns, that say nothing.

    Attributes:
        rooms: as for `Wanted`.
        reason: why.
        ends: when the bans end; None says nothing about it.
        note: for reviewers.
    """

    rooms: Value | None = None
    reason: str | None = None
    ends: datetime | str | None = None
    note: str | None = None


def read(content: bytes, name: str, renamed: Mapping[str, str], otherwise: Otherwise, now: datetime) -> Sheet:
    """Read a table.

    Args:
        content: the file.
        name: its name, for messages.
        renamed: our keys, each with the name of the column that is it.
        otherwise: what holds where the table says nothing.
        now: aware; durations begin then.

    Raises:
        BanListUnreadable: it is no text.
        BanListInvalid: something in it is wrong: every problem, with its line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BanListUnreadable(
            f"{name}:{line}: this is not text in UTF-8. Export it as CSV in UTF-8.", private=[name]
        ) from error
    said = _SEPARATED.match(text)
    text = text[said.end() :] if said else text  # without its line break, so that the other lines keep their numbers
    first = next((line.strip() for line in _LINE_BREAK.split(text) if line.strip()), "")
    if not first:
        raise BanListUnreadable(f"{name} is empty.", private=[name])
    user_id = renamed.get("user_id", "user_id")
    delimiter = _said(said[1], name) if said else _delimiter(first, user_id)
    if delimiter is None and _names(first, ",")[0] not in (user_id, *renamed.values()):
        _refuse_heading(first, name, user_id)
        sheet, problems = _plain(text, name, otherwise)
    else:
        sheet, problems = _Table(name, renamed, otherwise, now).read(text, delimiter or ",")
    if problems:
        raise BanListInvalid(_first_of(problems))
    return sheet


def _delimiter(heading: str, wanted: str) -> str | None:
    """What separates the columns of a heading that names the wanted one; None if it does not."""
    return next((sign for sign in _DELIMITERS if sign in heading and wanted in _names(heading, sign)), None)


def _said(sign: str, name: str) -> str:
    """What a first line says that separates the columns. Raises BanListInvalid."""
    if sign not in _DELIMITERS:
        message = f"this says that {escape.quoted(sign)} separates columns; export it with commas, semicolons or tabs"
        raise BanListInvalid([Problem(name, 1, 0, "", message)])
    return sign


def _names(heading: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([heading], delimiter=delimiter), [""])]
    except csv.Error:  # a column with a name that long is none
        return [""]


def _refuse_heading(first: str, name: str, user_id: str) -> None:
    """Raise BanListInvalid for a first line that seems to name columns, none of which is that of the users."""
    if _LIKE_ANOTHER_FORMAT.fullmatch(first):
        message = (
            "this looks like YAML, JSON or HTML. Give a table, or one user ID a line. If this is a user ID, put the"
            " line `user_id` above it."
        )
        raise BanListInvalid([Problem(name, 1, 0, "", message)])
    sign = next((sign for sign in _DELIMITERS if sign in first), None)
    if sign is None and re.sub(r"[\s\"'_-]", "", first).casefold() not in _LIKE_A_HEADING:
        return
    shown = ", ".join(escape.quoted(name[:_SHOWN]) for name in _names(first, sign or ",")[:10])
    message = (
        f"no column is called {escape.clear(user_id)}. If this line names the columns ({shown}), say which holds the"
        " user IDs: --map user_id=COLUMN. If it is a user ID itself, put the line `user_id` above it."
    )
    private = (shown,) if user_id == "user_id" else (escape.clear(user_id), shown)
    raise BanListInvalid([Problem(name, 1, 0, "", message, private)])


def _plain(text: str, name: str, otherwise: Otherwise) -> tuple[Sheet, list[Problem]]:
    """One user ID a line."""
    bans, problems = [], []
    for number, line in enumerate(_LINE_BREAK.split(text), 1):
        if not (user_id := line.strip()):
            continue
        if user_id != line:
            problems.append(Problem(name, number, 0, "", _SPACE))
        if user_id.startswith('"'):
            why = "a user ID does not begin with a quote; if this is CSV, put the line `user_id` above the first one"
            problems.append(Problem(name, number, 0, "", why))
        terms = otherwise.reason, otherwise.ends, otherwise.note
        bans.append(Wanted(user_id, otherwise.rooms, *terms, name, number))
    return Sheet(tuple(bans), None, {}, ()), problems


class _Table:
    """A table with a heading."""

    def __init__(self, name: str, renamed: Mapping[str, str], otherwise: Otherwise, now: datetime) -> None:
        self._name = name
        self._renamed = renamed
        self._otherwise = otherwise
        self._now = now
        self._problems: list[Problem] = []

    def read(self, text: str, delimiter: str) -> tuple[Sheet, list[Problem]]:
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        bans: list[Wanted] = []
        columns: dict[str, int] = {}
        heading: list[str] = []
        try:
            for row in rows:
                if not any(cell.strip() for cell in row):
                    continue
                if not heading:
                    heading = [cell.strip() for cell in row]
                    columns = self._columns(heading, rows.line_num)
                elif (ban := self._ban(row, heading, columns, rows.line_num)) is not None:
                    bans.append(ban)
        except csv.Error as error:
            self._add(rows.line_num, f"this line cannot be read: {error}; check its quotes")
        ignored = [name for number, name in enumerate(heading) if number not in columns.values()]
        named = {key: heading[number] for key, number in columns.items()}
        return Sheet(tuple(bans), _DELIMITERS[delimiter], named, ignored), self._problems

    def _columns(self, heading: Sequence[str], line: int) -> dict[str, int]:
        columns: dict[str, int] = {}
        for number, name in enumerate(heading):
            mapped = next((key for key, column in self._renamed.items() if column == name), None)
            known = _ALSO.get(name, name)
            key = mapped or (known if known in COLUMNS and known not in self._renamed else None)
            if key in columns:
                self._add(line, f"two columns are read as {key}; remove one, or rename it")
            elif key is not None:
                columns[key] = number
        for key, column in self._renamed.items():
            if key not in columns:
                self._add(
                    line, f"there is no column {escape.quoted(column)}, which --map names", (escape.quoted(column),)
                )
        if "user_id" not in columns and "user_id" not in self._renamed:
            self._add(line, "no column is called user_id; say which one it is: --map user_id=COLUMN")
        if "expires_at" in columns and self._otherwise.ends is not None:
            self._add(line, "this table says itself when its bans end; leave out --for and --until")
        return columns

    def _ban(self, row: Sequence[str], heading: Sequence[str], columns: Mapping[str, int], line: int) -> Wanted | None:
        if len(row) != len(heading):
            self._add(line, f"{len(row)} cells, and the first line names {len(heading)} columns; check its quotes")
            return None
        cells = {key: row[number].strip() for key, number in columns.items()}
        otherwise = self._otherwise
        ends, told = otherwise.ends, len(self._problems)
        if "user_id" in columns and cells["user_id"] != row[columns["user_id"]]:
            self._add(line, _SPACE)
        try:
            ends = self._end(cells["expires_at"]) if "expires_at" in cells else ends
        except ValueError as error:
            self._add(line, str(error))
        if len(self._problems) > told:
            return None
        return Wanted(
            cells.get("user_id", ""),
            _rooms(cells.get("rooms", "")) or otherwise.rooms,
            cells.get("reason") or otherwise.reason,
            ends,
            cells.get("note") or otherwise.note,
            self._name,
            line,
        )

    def _end(self, text: str) -> datetime | str:
        if text.casefold() in _ENDLESS:
            return NEVER
        try:
            return whole_seconds(parse_time(text))
        except (ValueError, OverflowError):
            pass
        try:
            return whole_seconds(self._now + parse_duration(text))
        except (ValueError, OverflowError):
            raise ValueError(
                f"expires_at: write a time such as {EXAMPLE_TIME}, a duration such as {EXAMPLES}, or nothing for a ban"
                " that does not end"
            ) from None

    def _add(self, line: int, message: str, private: tuple[str, ...] = ()) -> None:
        self._problems.append(Problem(self._name, line, 0, "", message, private))


def whole_seconds(time: datetime) -> datetime:
    """A time without fractions of a second, rounded up."""
    return time if not time.microsecond else time.replace(microsecond=0) + timedelta(seconds=1)


def _rooms(text: str) -> Value | None:
    if text in (ALL_ROOMS, EVERYWHERE_NAME):
        return text
    return tuple(room for room in _ROOM_BREAK.split(text) if room) or None


def _first_of(problems: Sequence[Problem]) -> Sequence[Problem]:
    """The first problems; the last of them stands for the rest."""
    if len(problems) <= _MOST_PROBLEMS:
        return problems
    *kept, last = problems[:_MOST_PROBLEMS]
    more = len(problems) - _MOST_PROBLEMS
    return [*kept, Problem(last.file, last.line, 0, "", last.message, last.private, more=more)]
