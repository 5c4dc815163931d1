"""Orders the entries of a ban list by user ID, with the comments and blank lines around them."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml.events import MappingStartEvent

from reconciler.banlist.spans import Span, line_start, spans_of
from reconciler.errors import BanListInvalid, Problem
from reconciler.yamltext.events import Event
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Data, Document


def order_of(data: Data) -> Sequence[int]:
    """The indexes of the entries in the order of their user IDs; empty if they are in that order already."""
    users = [entry["user_id"] for entry in _entries(data)]
    order = sorted(range(len(users)), key=users.__getitem__)
    return order if order != list(range(len(users))) else ()


def with_order(data: Data, order: Sequence[int]) -> Data:
    """The data with its entries in this order."""
    entries = _entries(data)
    return {**data, "bans": [entries[index] for index in order]} if isinstance(data, dict) else data


def _entries(data: Data) -> list[Any]:
    entries = data.get("bans") if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []


@dataclass(slots=True)
class _Layout:
    """Where the entries of `bans` are in a text.

    Attributes:
        begins: where the first key of each entry is.
        bans: the event that begins the list.
        end: the beginning of the line on which something else follows it.
        spans: the texts that span lines.
    """

    begins: list[int] = field(default_factory=list)
    bans: Event = None
    end: int = -1
    spans: list[Span] = field(default_factory=list)


def _layout(text: str, document: Document) -> _Layout:
    layout = _Layout()
    for placed in walk(document):
        begin = placed.event.start_mark.index
        match placed.path:
            case ("bans", int()) if placed.event.__class__ is MappingStartEvent:
                layout.begins.append(begin)
            case ("bans",) if layout.bans is None:
                layout.bans = placed.event
            case ("bans",):
                layout.end = line_start(text, begin)
        layout.spans += spans_of(text, placed)
    return layout


def reordered(text: str, document: Document, order: Sequence[int], path: str) -> str:
    """A list with its entries in this order.

    Args:
        text: the list.
        document: what it says.
        order: the indexes of its entries.
        path: its name, for messages.

    Raises:
        BanListInvalid: an entry does not begin with a dash on a line of its own.
    """
    layout = _layout(text, document)
    mark = layout.bans.start_mark
    dashes = [] if layout.bans.flow_style else _dashes(text, layout.begins, mark.column, line_start(text, mark.index))
    if not dashes:
        message = "entries can be sorted only if each begins with `- ` on a line of its own; write them like that"
        raise BanListInvalid([Problem(path, mark.line + 1, mark.column + 1, "bans", message)])
    ends = [span.end for span in layout.spans]
    begins: list[int] = []  # of each entry, with the comments that go with it
    finishes: list[int] = []
    gaps: list[str] = []  # between one entry and the next
    for previous, dash in zip([0, *dashes], [*dashes, layout.end], strict=True):
        before = bisect_left(ends, dash + 1) - 1
        floor = max(previous, ends[before] if before >= 0 else 0)
        lines = _loose_lines(text, floor, dash)
        if dash == layout.end:
            finishes.append(_last_below(text, lines, mark.column, dash))
            break
        lead, gap = _lead(text, lines, mark.column, dash)
        begins.append(lead)
        if previous:
            finishes.append(gap)
            gaps.append(text[gap:lead])
    keeping = {span.end for span in layout.spans if span.keeps}
    parts = [text[: begins[0]]]
    for index, gap_text in zip(order, [*gaps, ""], strict=True):
        # After a block that keeps them, blank lines would become part of it.
        parts += text[begins[index] : finishes[index]], "" if finishes[index] in keeping else gap_text
    parts.append(text[finishes[-1] :])
    return "".join(parts)


def _dashes(text: str, begins: Sequence[int], column: int, first: int) -> list[int]:
    """Where the line with the dash of each entry begins; none if some dash does not begin its line."""
    dashes: list[int] = []
    opening = " " * column + "-"
    for begin in begins:
        line = line_start(text, begin)
        while line > first and not text.startswith(opening, line):
            line = line_start(text, line - 1)
        if not text.startswith(opening, line):
            return []
        dashes.append(line)
    return dashes


def _loose_lines(text: str, floor: int, end: int) -> list[int]:
    """The beginnings of the blank lines and comments right above `end`, the lowest first, down to `floor`."""
    lines: list[int] = []
    while end > floor:
        start = line_start(text, end - 1)
        line = text[start:end].lstrip(" \t")
        if start < floor or line[:1] not in ("#", "\n", ""):
            break
        lines.append(start)
        end = start
    return lines


def _indent(text: str, line: int) -> int | None:
    """The indentation of the comment on a line; None for a blank line."""
    at = line
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    return at - line if text[at : at + 1] == "#" else None


def _lead(text: str, lines: Sequence[int], column: int, dash: int) -> tuple[int, int]:
    """Where the comments of the entry below begin, and where the blank lines above them begin."""
    lead = gap = dash
    for line in lines:
        indent = _indent(text, line)
        if indent is None:
            gap = line
        elif gap < lead or indent > column:
            break
        else:
            lead = gap = line
    return lead, gap


def _last_below(text: str, lines: Sequence[int], column: int, end: int) -> int:
    """Where the last entry ends: after the last comment that is indented deeper than its dash."""
    for line in lines:
        if (_indent(text, line) or 0) > column:
            break
        end = line
    return end
