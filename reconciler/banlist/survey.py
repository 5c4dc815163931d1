"""Where the entries of `bans` stand in a text, and how they are written: what it takes to change some of them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ruamel.yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from reconciler.banlist.scalars import is_plain
from reconciler.banlist.spans import next_sign, spans_of
from reconciler.yamltext.events import Event
from reconciler.yamltext.places import Placed, walk
from reconciler.yamltext.values import Document

_BLOCKS: Final = ("|", ">")
_QUOTES: Final = ("'", '"')


class Field(NamedTuple):
    """A key of an entry, and its value.

    Attributes:
        key: the event of the key.
        value: the event that begins the value.
        end: where the value ends: behind its last character, or its closing bracket.
        items: if it is a list, where each of its texts begins and ends.
        styles: if it is a list, how its texts are quoted.
    """

    key: Event
    value: Event
    end: int
    items: tuple[tuple[int, int], ...] = ()
    styles: tuple[str | None, ...] = ()

    @property
    def style(self) -> str | None:
        """How the value is quoted, if that was a choice; None for a list."""
        return None if self.is_list or not is_plain(self.value.value) else str(self.value.style or "")

    @property
    def is_list(self) -> bool:
        """Whether the value is a list."""
        return self.value.__class__ is SequenceStartEvent

    @property
    def in_flow(self) -> bool:
        """Whether the value is in brackets."""
        return self.is_list and bool(self.value.flow_style)


@dataclass(slots=True)
class Entry:
    """One entry of `bans`.

    Attributes:
        begin: where it begins: its first key, or its brace.
        end: where its last value, or its closing brace, ends.
        column: of `begin`, counted from 0.
        in_flow: it is written in braces.
        fields: its keys in their order.
    """

    begin: int
    column: int
    in_flow: bool
    end: int = -1
    fields: dict[str, Field] = field(default_factory=dict)


@dataclass(slots=True)
class Survey:
    """What is known of the entries of a text.

    Attributes:
        text: the text, whose characters all places count.
        bans: the event that begins the list of entries; None if there is no such key.
        key: the event of its key.
        end: if the list is in brackets, where these end.
        in_flow: the whole file is in braces.
        begins: where each entry begins.
        entries: those that were asked for, by their index, and the last two.
        latest: the last field of each name, if possible one whose quotes, or none, were a choice.
        pieces: where each entry in braces begins and ends.
    """

    text: str
    bans: Event = None
    key: Event = None
    end: int = -1
    in_flow: bool = False
    begins: list[int] = field(default_factory=list)
    entries: dict[int, Entry] = field(default_factory=dict)
    latest: dict[str, Field] = field(default_factory=dict)
    pieces: list[tuple[int, int]] = field(default_factory=list)

    @property
    def newline(self) -> str:
        """How lines end here."""
        return "\r\n" if "\r\n" in self.text else "\n"


def survey(text: str, document: Document, wanted: Collection[int] = ()) -> Survey:
    """Look at the entries of a list without faults.

    Args:
        text: the list.
        document: what it says.
        wanted: the indexes of the entries that are to change. Those before and after them are looked at too.
    """
    surveyor = _Surveyor(text, frozenset(near for index in wanted for near in (index - 1, index, index + 1)))
    for placed in walk(document):
        surveyor.look(placed)
    return surveyor.found


class _Surveyor:
    def __init__(self, text: str, wanted: frozenset[int]) -> None:
        self.found = Survey(text)
        self._wanted = wanted
        self._entry: Entry | None = None
        self._rooms: tuple[str, Event, Event, list[Event]] | None = None  # a list in the entry, while it is read

    def look(self, placed: Placed) -> None:
        path = placed.path
        depth = 0 if path is None else len(path)  # most values are fields, so they come first
        if path is None or (depth and path[0] != "bans"):
            return
        if depth == 3:
            self._look_at_field(str(path[2]), placed)
        elif depth == 2:
            self._look_at_entry(int(path[1]), placed.event)
        elif depth == 4 and self._rooms is not None:
            self._rooms[3].append(placed.event)
        elif depth == 1:
            self._look_at_list(placed)
        elif depth == 0:
            self.found.in_flow |= bool(getattr(placed.event, "flow_style", False))

    def _look_at_list(self, placed: Placed) -> None:
        if placed.event.__class__ is SequenceEndEvent:
            self.found.end = placed.event.end_mark.index
        else:
            self.found.bans, self.found.key = placed.event, placed.key

    def _look_at_entry(self, index: int, event: Event) -> None:
        found = self.found
        if event.__class__ is MappingStartEvent:
            mark = event.start_mark
            found.begins.append(mark.index)
            self._entry = found.entries[index] = Entry(mark.index, mark.column, bool(event.flow_style))
            if index - 2 not in self._wanted:
                found.entries.pop(index - 2, None)
        elif event.__class__ is MappingEndEvent and self._entry is not None and self._entry.in_flow:
            self._entry.end = event.end_mark.index
            found.pieces.append((self._entry.begin, self._entry.end))

    def _look_at_field(self, name: str, placed: Placed) -> None:
        event = placed.event
        if event.__class__ is SequenceStartEvent:
            self._rooms = name, placed.key, event, []
        elif event.__class__ is SequenceEndEvent and self._rooms is not None:
            name, key, begin, texts = self._rooms
            self._rooms = None
            items = tuple((text.start_mark.index, text.end_mark.index) for text in texts)
            end = event.end_mark.index if begin.flow_style else items[-1][1]
            self._keep(name, Field(key, begin, end, items, tuple(text.style for text in texts)))
        elif event.__class__ is ScalarEvent:
            self._keep(name, Field(placed.key, event, self._end(placed)))

    def _keep(self, name: str, found: Field) -> None:
        if name not in self.found.latest or not _has_to_be_quoted(found):
            self.found.latest[name] = found
        entry = self._entry
        if entry is not None:
            entry.fields[name] = found
            if not entry.in_flow:
                entry.end = max(entry.end, found.end)

    def _end(self, placed: Placed) -> int:
        """Where a scalar ends."""
        event, text = placed.event, self.found.text
        if event.start_mark.index == event.end_mark.index and placed.key is not None:
            return next_sign(text, placed.key.end_mark.index) + 1  # the parsers disagree on where a missing value is
        if event.style not in _BLOCKS:
            return int(event.end_mark.index)
        if not text.endswith("\n"):
            text += "\n"  # as it was read: a block ends behind a line break
        (span,) = (span for span in spans_of(text, placed) if span.start > event.start_mark.index)
        end = span.end - len(_line_break_before(text, span.end))
        while not span.keeps and end > span.start and text[end - 1].isspace():
            end -= 1  # blank lines below it
        return end


def _has_to_be_quoted(field: Field) -> bool:
    return field.value.__class__ is ScalarEvent and field.value.style in _QUOTES and not is_plain(field.value.value)


def _line_break_before(text: str, end: int) -> str:
    return "\r\n" if text.endswith("\r\n", 0, end) else "\n" if text.endswith("\n", 0, end) else ""
