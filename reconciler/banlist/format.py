"""The canonical form of a ban list: the same list, written so that every YAML tool reads the same user IDs.

As little changes as possible, so that a diff shows what was done and nothing else. Canonical is:

- The encoding is UTF-8 without a byte order mark, lines end with a line feed alone, and the text ends with exactly one.
- No line ends with spaces or tabs.
- A user ID (`user_id`, and the patterns of `guardrails.protected_users`) that some YAML tool takes for a number, a
  time, a truth value or a null is in quotes. This program reads it as text either way; the quotes are for all others.

All else stays byte for byte: order, comments, blank lines, quotes that are there already, indentation (YAML holds the
entries of a list to one indentation anyhow, and indenting them anew would touch every line), and the inside of every
text that spans lines. Where the last value is a block of text, its own rules say how the text ends: `|+` keeps the
line breaks that follow it.

With `sort`, the entries of `bans` are ordered by user ID, code point by code point; entries of one user keep their
order. A comment goes with the entry below it. Where a blank line follows the comment, or it is indented deeper than
the dash, it goes with the entry above. Blank lines between entries stay where they are.

A text is changed where the marks of YAML's events say that a value stands. What comes out is read again, and must say
exactly what the text said before.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ruamel.yaml.events import (
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.banlist import read as banlist
from reconciler.errors import BanListInvalid, FormattingUnsafe, Problem
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.read import Data, Document

# Plain texts that some reader takes for something else: YAML 1.1 and 1.2, and what Ruby's and Go's readers add.
_AMBIGUOUS: Final = re.compile(
    r"""
      [-+]?[0-9.](?:[0-9_.,:]*)(?:[eE][-+]?[0-9_]+)?  # 00123  1_000  1,000  1.5e3  12:30:45; needs a digit, see below
    | [-+]?0[bB][01_]+
    | [-+]?0[oO][0-7_]+
    | [-+]?0[xX][0-9a-fA-F_]+
    | [-+]?\.(?i:inf|nan)
    | -?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9:.]+[ \t]*(?:[Zz]|[-+][0-9:]+)?)?
    | (?i:y|n|yes|no|on|off|true|false|null)  # null, ~ and nothing at all are errors here already
    | = | <<  # YAML 1.1: "the default value", and the merge key
    | :.+  # Ruby: a symbol
    """,
    re.VERBOSE,
)
_DIGIT: Final = re.compile("[0-9]")
_LINE_BREAK: Final = re.compile("\r\n?")
_TRAILING: Final = re.compile(r"(?<![ \t])[ \t]++(?=\n|\Z)")
_BLOCK_SIGNS: Final = re.compile("[|>][-+0-9]*")

_EACH: Final = "[]"  # the step of a path from a list to any of its items
_KEY: Final = None  # the step from a mapping to one of its keys
_Path = tuple[str | None, ...]
_USER_IDS: Final = frozenset({("bans", _EACH, "user_id"), ("guardrails", "protected_users", _EACH)})


def format_content(content: bytes, path: str = "bans.yaml", *, sort: bool = False, pure: bool = False) -> bytes:
    """The canonical form of a ban list, or of a file that holds nothing but `bans`.

    Args:
        content: the file.
        path: its name, for messages.
        sort: order the entries of `bans` by user ID.
        pure: read it without the C YAML parser, with the same result.

    Returns:
        What reads the same, and is its own canonical form.

    Raises:
        BanListInvalid: with every problem in it; or `bans` cannot be sorted as it is written.
        FormattingUnsafe: the result would not read the same, which is a fault of this module.
    """
    document = banlist.read_alone(content, path, pure=pure)
    text = yamltext.decode(content)
    expected = document.data
    formatted = _LINE_BREAK.sub("\n", text)
    if formatted != text:
        document = yamltext.read(formatted.encode(), pure=pure)
    formatted = _tidied(formatted, document)
    if sort and (order := _order(expected)):
        formatted = _reordered(formatted, yamltext.read(formatted.encode(), pure=pure), order, path)
        expected = _with_order(expected, order)
    if formatted != text:
        _require_same(yamltext.read(formatted.encode(), pure=pure), expected, path)
    return formatted.encode()


def is_ambiguous(text: str) -> bool:
    """Whether some YAML tool takes this text for something else where it stands without quotes."""
    if not _AMBIGUOUS.fullmatch(text):
        return False
    return text[0] not in "+-.0123456789" or _DIGIT.search(text) is not None or text[-1] in "fFnN"


def _require_same(document: Document, expected: Data, path: str) -> None:
    if document.faults or not document.complete or document.data != expected:
        raise FormattingUnsafe(
            f"{path}: formatting it would change what it means, which must never happen, so it is left as it is."
            " Please report this, with a list that shows it."
        )


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


class _Span(NamedTuple):
    """A text that spans lines, from where its inside begins.

    Attributes:
        start: where the first line break of it may stand.
        end: where it ends; of a block of text, behind its last line, and with `keeps` behind what follows as well.
        keeps: a block whose sign has a `+`: the line breaks that follow belong to it.
    """

    start: int
    end: int
    keeps: bool


def _tidied(text: str, document: Document) -> str:
    edits: list[_Edit] = []
    spans: list[_Span] = []
    last: Any = None
    for path, event in _walk(document.events()):
        if event.__class__ is ScalarEvent:
            last = event
            if event.start_mark.line != event.end_mark.line:
                spans.append(_span(text, event))
            if path in _USER_IDS and event.implicit[0] and is_ambiguous(event.value):
                edits.append(_Edit(event.start_mark.index, event.end_mark.index, _quoted(event.value)))
    end, sign = _end(text, last)
    edits += sign
    starts = [span.start for span in spans]
    for match in _TRAILING.finditer(text, 0, end):
        before = bisect_left(starts, match.end()) - 1
        if before < 0 or spans[before].end <= match.start():
            edits.append(_Edit(match.start(), match.end(), ""))
    body = _edited(text[:end], edits)
    return body if body.endswith("\n") else body + "\n"


def _span(text: str, event: Any) -> _Span:  # noqa: ANN401 - ruamel's events have no common type
    start, end = event.start_mark.index, event.end_mark.index
    if event.style not in ("|", ">"):
        return _Span(start, end, keeps=False)
    signs = _BLOCK_SIGNS.match(text, start)
    keeps = signs is not None and "+" in signs[0]
    inside = text.find("\n", start)
    while not keeps and end - 1 > inside and text[end - 1] == "\n" == text[end - 2]:
        end -= 1
    return _Span(inside + 1, max(end, inside + 1), keeps)


def _end(text: str, last: Any) -> tuple[int, list[_Edit]]:  # noqa: ANN401
    """Where the text ends before its last line break, and what has to change in the sign of a block that ends it.

    With a block of text that keeps the line breaks behind it, the end lies behind them.
    """
    signs = None
    if last is not None and last.style in ("|", ">") and not text[last.end_mark.index :].strip():
        signs = _BLOCK_SIGNS.match(text, last.start_mark.index)
    if signs is None:
        return len(text.rstrip(" \t\n")), []
    end = last.end_mark.index
    if last.value and text[end - 1] != "\n" and "-" not in signs[0]:
        # No line break, so none belongs to the block; with the one that comes now, it has to say so.
        return end, [_Edit(signs.start() + 1, signs.end(), "-" + signs[0][1:].replace("+", ""))]
    if "+" in signs[0]:
        return end, []
    return len(text[:end].rstrip("\n")), []


def _quoted(value: str) -> str:
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    parts: list[str] = []
    done = 0
    for edit in sorted(edits):
        parts += text[done : edit.start], edit.text
        done = edit.end
    return "".join(parts) + text[done:]


def _walk(events: Iterable[Any]) -> Iterator[tuple[_Path, Any]]:
    """The events at which a value, a key or the document's end stands, each with its path."""
    stack: list[tuple[_Path, bool]] = []
    around: _Path = ()
    in_mapping = at_key = False
    path: _Path
    for event in events:
        kind = event.__class__
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            around, in_mapping = stack.pop()
            at_key = in_mapping
            continue
        if kind is DocumentEndEvent:
            yield (), event
            continue
        opens = kind is MappingStartEvent or kind is SequenceStartEvent
        if not opens and kind is not ScalarEvent:
            continue
        if not stack:
            path = ()
        elif not in_mapping:
            path = (*around, _EACH)
        elif at_key:
            path = (*around, _KEY)
            key = event.value  # keys are texts in a list without faults
        else:
            path = (*around, key)
        at_key = not at_key
        yield path, event
        if opens:
            stack.append((around, in_mapping))
            around, in_mapping = path, kind is MappingStartEvent
            at_key = in_mapping


# Sorting


def _order(data: Data) -> Sequence[int]:
    """The places of the entries in the order of their user IDs; empty when that is the order in which they stand."""
    users = [entry["user_id"] for entry in _entries(data)]
    order = sorted(range(len(users)), key=users.__getitem__)
    return order if order != list(range(len(users))) else ()


def _with_order(data: Data, order: Sequence[int]) -> Data:
    entries = _entries(data)
    return {**data, "bans": [entries[index] for index in order]} if isinstance(data, dict) else data


def _entries(data: Data) -> list[Any]:
    entries = data.get("bans") if isinstance(data, dict) else None
    return entries if isinstance(entries, list) else []


@dataclass(slots=True)
class _Layout:
    """Where the entries of `bans` stand in a text.

    Attributes:
        begins: where the first key of each entry is.
        bans: the event that begins the list.
        end: the beginning of the line on which something else follows it.
        spans: the texts that span lines.
    """

    begins: list[int]
    bans: Any
    end: int
    spans: list[_Span]


def _layout(text: str, document: Document) -> _Layout:
    layout = _Layout([], None, -1, [])
    for path, event in _walk(document.events()):
        index = event.start_mark.index
        if path == ("bans",):
            layout.bans = event
        elif path == ("bans", _EACH):
            layout.begins.append(index)
        elif layout.bans is not None and layout.end < 0 and path in ((_KEY,), ()):
            implicit_end = path == () and not event.explicit
            layout.end = len(text) if implicit_end else _line_start(text, index)
        if event.__class__ is ScalarEvent and event.start_mark.line != event.end_mark.line:
            layout.spans.append(_span(text, event))
    return layout


def _reordered(text: str, document: Document, order: Sequence[int], path: str) -> str:
    layout = _layout(text, document)
    mark = layout.bans.start_mark
    dashes = [] if layout.bans.flow_style else _dashes(text, layout.begins, mark.column, _line_start(text, mark.index))
    if not dashes:
        message = "entries can be sorted where each begins with `- ` on a line of its own; write them like that"
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
        # Behind a block that keeps them, blank lines would become its own.
        parts += text[begins[index] : finishes[index]], "" if finishes[index] in keeping else gap_text
    parts.append(text[finishes[-1] :])
    return "".join(parts)


def _dashes(text: str, begins: Sequence[int], column: int, first: int) -> list[int]:
    """The beginning of the line on which each entry has its dash; none where some dash does not begin its line."""
    dashes: list[int] = []
    opening = " " * column + "-"
    for begin in begins:
        line = _line_start(text, begin)
        while line > first and not text.startswith(opening, line):
            line = _line_start(text, line - 1)
        if not text.startswith(opening, line):
            return []
        dashes.append(line)
    return dashes


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _loose_lines(text: str, floor: int, end: int) -> list[int]:
    """The beginnings of the blank lines and comments right above `end`, the lowest first, down to `floor`."""
    lines: list[int] = []
    while end > floor:
        start = _line_start(text, end - 1)
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
    """Where the comments of the entry below begin, and where the blank lines above them do."""
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
    """Where the last entry ends: behind the last comment that is indented deeper than its dash."""
    for line in lines:
        if (_indent(text, line) or 0) > column:
            break
        end = line
    return end
