"""Changes a ban list as a careful person would: in its own style, and no character more than it takes.

Each function says what to change in a text that was surveyed. Whoever carries it out reads the result again: it must
mean what was asked for, whatever this module may have overlooked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.banlist import brackets
from reconciler.banlist.lines import Lines
from reconciler.banlist.scalars import written
from reconciler.banlist.schema import ALL_ROOMS
from reconciler.banlist.spans import next_sign
from reconciler.banlist.splice import Edit
from reconciler.banlist.survey import Entry, Survey
from reconciler.bans import EVERYWHERE_NAME

_KEYS: Final = ("user_id", "rooms", "reason", "expires_at", "note")
_NEW_COLUMN: Final = 2  # of the dashes, in a list that has none yet
_EMPTY: Final = ": []"
Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to add: what is to stand there. None leaves a key out.

    Attributes:
        user_id: the user.
        rooms: `all`, `everywhere`, or names and ARNs.
        reason: why.
        expires_at: RFC 3339, or `never`.
        note: for reviewers.
    """

    user_id: str
    rooms: Value | None = None
    reason: str | None = None
    expires_at: str | None = None
    note: str | None = None

    @property
    def fields(self) -> dict[str, Value]:
        """The keys that it has, in the usual order."""
        return {name: value for name in _KEYS if (value := getattr(self, name)) is not None}


def add(found: Survey, entries: Sequence[NewEntry]) -> Iterator[Edit]:
    """Add entries behind the last one, in its style."""
    text, bans = found.text, found.bans
    if bans.flow_style and not (found.begins or found.in_flow) and text[found.end - len(_EMPTY) : found.end] == _EMPTY:
        colon = found.end - len(_EMPTY) + 1
        yield Edit(colon, found.end, "")
        lines = Lines(text, found.key.start_mark.column + _NEW_COLUMN)
        yield _inserted(found, lines.after(found.end), _blocks(found, lines.column, entries))
    elif bans.flow_style:
        inside = bans.end_mark.index
        yield from brackets.put(text, inside, found.pieces[-2:], [_braces(found, e) for e in entries], found.newline)
    else:
        lines = Lines(text, bans.start_mark.column)
        last = found.entries[len(found.begins) - 1]
        yield _inserted(found, lines.end(last.end), _blocks(found, lines.column, entries))


def remove(found: Survey, gone: Collection[int]) -> Iterator[Edit]:
    """Take entries out. Once none is left, `bans: []` is."""
    if not gone:
        return
    if found.bans.flow_style:
        yield from brackets.take(found.text, found.bans.end_mark.index, found.pieces, gone)
        return
    lines = Lines(found.text, found.bans.start_mark.column)
    for start, end in _joined(_lines_of(found, lines, index, gone) for index in sorted(gone)):
        if end == len(found.text) and not found.text.endswith("\n"):  # nor does what stays
            yield Edit(len(found.text[:start].removesuffix("\n").removesuffix("\r")), end, "")
        else:
            yield Edit(start, end, "")
    if len(gone) == len(found.begins):
        colon = next_sign(found.text, found.key.end_mark.index) + 1
        yield Edit(colon, colon, " []")


def without_rooms(found: Survey, index: int, gone: Collection[int]) -> Iterator[Edit]:
    """Take some rooms out of an entry that lists them, but not all of them."""
    field = found.entries[index].fields["rooms"]
    if field.in_flow:
        yield from brackets.take(found.text, field.value.end_mark.index, field.items, gone)
        return
    lines = Lines(found.text, field.value.start_mark.column)
    for number in gone:
        begin, end = field.items[number]
        yield Edit(lines.dash(begin), lines.after(end), "")


def with_value(found: Survey, index: int, name: str, value: Value) -> Iterator[Edit]:
    """Give a key of an entry another value, or add the key."""
    entry = found.entries[index]
    field = entry.fields.get(name)
    if field is None:
        yield _added_field(found, entry, name, value)
    elif field.is_list and not field.in_flow:
        colon = next_sign(found.text, field.key.end_mark.index) + 1
        yield Edit(colon, field.end, " " + _value(found, name, value, entry.in_flow))
    elif field.value.start_mark.index == field.value.end_mark.index and not field.is_list:
        yield Edit(field.end, field.end, " " + _value(found, name, value, entry.in_flow))
    else:
        begin = field.value.start_mark.index
        yield Edit(begin, field.end, _value(found, name, value, entry.in_flow))


def _added_field(found: Survey, entry: Entry, name: str, value: Value) -> Edit:
    """A key at the end of an entry."""
    if entry.in_flow:
        last = max(field.end for field in entry.fields.values())
        return Edit(last, last, f", {_pair(found, name, value, in_flow=True)}")
    end = max(field.end for field in entry.fields.values())
    after = Lines(found.text, entry.column).after(end)
    line = " " * entry.column + _pair(found, name, value, in_flow=False)
    return _inserted(found, after, [line])


def _inserted(found: Survey, at: int, lines: Sequence[str]) -> Edit:
    """Lines put in where one begins, or at the end of a text whose last line has no line break."""
    newline = found.newline
    if at == len(found.text) and not found.text.endswith("\n"):
        return Edit(at, at, "".join(newline + line for line in lines))
    return Edit(at, at, "".join(line + newline for line in lines))


def _lines_of(found: Survey, lines: Lines, index: int, gone: Collection[int]) -> tuple[int, int]:
    """Where the lines of an entry that is taken out begin and end."""
    entries = found.entries
    floor = lines.after(entries[index - 1].end if index else found.key.end_mark.index)
    dash, end = lines.dash(entries[index].begin), lines.end(entries[index].end)
    following, group = index + 1, end
    while following in gone and lines.is_entry(group):
        following, group = following + 1, lines.end(entries[following].end)
    start = dash if lines.is_entry(group) else lines.lead(dash, floor)
    above = lines.blank_above(start, floor)
    if all(later in gone for later in range(index + 1, len(found.begins))):
        return above, end
    is_apart = above < start or (index == 0 and start == floor)
    return start, lines.blank_below(end) if is_apart else end


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, of which those that touch are one."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _blocks(found: Survey, column: int, entries: Sequence[NewEntry]) -> Sequence[str]:
    """The lines of new entries, with a blank line before each where entries are set apart."""
    last = found.entries.get(len(found.begins) - 1)
    apart = [""] if _are_apart(found, column) else []
    lines: list[str] = []
    for entry in entries:
        lines += apart
        if last is not None and last.in_flow:
            lines.append(" " * column + "- " + _braces(found, entry))
        else:
            lines += _block(found, column, entry, last)
    return lines


def _block(found: Survey, column: int, entry: NewEntry, last: Entry | None) -> Iterator[str]:
    indent = column + 2
    if last is not None and Lines(found.text, column).dash(last.begin) == last.begin - last.column:
        indent = last.column
    opening = " " * column + "-" + " " * (indent - column - 1)
    for name, value in _in_order(entry, last).items():
        pair = _pair(found, name, value, in_flow=False, column=indent)
        yield from (line if nested else opening + line for nested, line in enumerate(pair.split("\n")))
        opening = " " * indent


def _in_order(entry: NewEntry, last: Entry | None) -> Mapping[str, Value]:
    fields = entry.fields
    known = [name for name in last.fields if name in fields] if last is not None else []
    return {name: fields[name] for name in (*known, *(name for name in fields if name not in known))}


def _are_apart(found: Survey, column: int) -> bool:
    """Whether a blank line stands between the last two entries."""
    count = len(found.begins)
    if count < 2:
        return False
    lines = Lines(found.text, column)
    end, dash = lines.after(found.entries[count - 2].end), lines.dash(found.begins[-1])
    return any(not line.strip() for line in found.text[end:dash].splitlines())


def _braces(found: Survey, entry: NewEntry) -> str:
    """An entry in braces, spaced as the last one is."""
    last = found.entries.get(len(found.begins) - 1)
    fields = _in_order(entry, last)
    pairs = [_pair(found, name, value, in_flow=True) for name, value in fields.items()]
    space, comma = "", ", "
    if last is not None and last.in_flow:
        names = list(last.fields.values())
        space = found.text[last.begin + 1 : names[0].key.start_mark.index]
        space = space if not space.strip(" ") else ""
        if len(names) > 1 and found.text[names[0].end : names[1].key.start_mark.index] == ",":
            comma = ","
    return "{" + space + comma.join(pairs) + space + "}"


def _pair(found: Survey, name: str, value: Value, *, in_flow: bool, column: int | None = None) -> str:
    """A key and its value, which may take several lines where the column of the key is given."""
    like = found.latest.get(name) or next(iter(found.latest.values()), None)
    style = like.key.style if like is not None else found.key.style if found.key is not None else None
    colon = ": "
    if in_flow and like is not None and style == '"':
        end = like.key.end_mark.index
        colon = ":" if found.text[end : end + 1] == ":" and found.text[end + 1 : end + 2].strip() else ": "
    shown = _value(found, name, value, in_flow, column)
    return written(name, style, in_flow=in_flow) + (":" if shown.startswith("\n") else colon) + shown


def _value(found: Survey, name: str, value: Value, in_flow: bool, column: int | None = None) -> str:
    like = found.latest.get(name)
    quotes = found.key.style if found.in_flow and found.key is not None else None
    if isinstance(value, str):
        if name == "expires_at" and not in_flow and (like is None or not like.value.style):
            return value  # some tools take it for a time, and it is one
        style = quotes if like is None or like.style is None else like.style
        keyword = name == "rooms" and value in (ALL_ROOMS, EVERYWHERE_NAME)
        return written(value, quotes if keyword else style, in_flow=in_flow)
    style = like.styles[-1] if like is not None and like.is_list else quotes
    if like is not None and like.is_list and not like.in_flow and column is not None:
        deeper = max(like.value.start_mark.column - like.key.start_mark.column, 0)
        indent = "\n" + " " * (column + deeper) + "- "
        return "".join(indent + written(room, style) for room in value)
    between = ", "
    if like is not None and like.in_flow and len(like.items) > 1:
        end = like.items[0][1]
        between = ", " if found.text[end : end + 2].strip() == "," else ","
    return "[" + between.join(written(room, style, in_flow=True) for room in value) + "]"
