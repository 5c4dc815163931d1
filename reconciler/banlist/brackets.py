"""Puts values into a YAML list in brackets, or takes some out, as it is written there."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from reconciler.banlist.spans import line_start
from reconciler.banlist.splice import Edit

Piece = tuple[int, int]
"""Where a value begins and where it ends."""

_ENDS: Final = ("#", "\r", "\n", "")  # nothing else follows on the line
_BLANK: Final = re.compile(r"[ \t]*")
_LOOSE: Final = re.compile(r"(?:\s|#[^\r\n]*)*")  # between values: white space and comments


def put(text: str, inside: int, pieces: Sequence[Piece], new: Sequence[str], newline: str) -> Iterator[Edit]:
    """Add values behind the last one.

    Args:
        text: what the list stands in.
        inside: where its opening bracket ends.
        pieces: the last values that are there, at least two if there are two; none if it is empty.
        new: what to add.
        newline: how lines end.
    """
    if not pieces:
        yield Edit(inside, inside, ", ".join(new))
        return
    begin, end = pieces[-1]
    comma = _comma(text, end)
    if _begins_its_line(text, begin):
        indent = newline + text[line_start(text, begin) : begin]
        if comma is None:
            yield Edit(end, end, ",")
        after = _behind_comment(text, end if comma is None else comma + 1)
        last = "" if comma is None else ","
        yield Edit(after, after, indent + f",{indent}".join(new) + last)
    elif comma is None:
        between = _between(text, pieces)
        yield Edit(end, end, "".join(between + value for value in new))
    else:
        yield Edit(comma + 1, comma + 1, "".join(f" {value}," for value in new))


def take(text: str, pieces: Sequence[Piece], gone: Collection[int]) -> Iterator[Edit]:
    """Take values out.

    Args:
        text: what the list stands in.
        pieces: all its values, or those that go and those beside them, by index.
        gone: the indexes of those that go.
    """
    count = len(pieces)
    kept = max((index for index in range(count) if index not in gone), default=-1)
    ends_with_comma = _comma(text, pieces[-1][1]) is not None
    for index in gone:
        begin, end = pieces[index]
        comma = _comma(text, end)
        has_its_own = index < kept or (ends_with_comma and (kept < 0 or _begins_its_line(text, begin)))
        if comma is not None and has_its_own:
            yield _with_comma(text, begin, comma)
        else:
            yield Edit(_after_space(text, begin), end, "")
            if comma is not None:
                yield Edit(comma, comma + 1, "")
    if 0 <= kept < count - 1 and not ends_with_comma and (comma := _comma(text, pieces[kept][1])) is not None:
        behind = pieces[kept][1]
        yield Edit(behind if not text[behind:comma].strip() else comma, comma + 1, "")


def _with_comma(text: str, begin: int, comma: int) -> Edit:
    """Takes a value and the comma behind it: with its line, if it has one for itself, else with the space behind it."""
    ends_line = _sign(text, comma + 1) in _ENDS
    if _begins_its_line(text, begin) and ends_line:
        return Edit(line_start(text, begin), _next_line(text, comma), "")
    return Edit(begin, comma + 1 if ends_line else _skip_blank(text, comma + 1), "")


def _comma(text: str, end: int) -> int | None:
    """Where the comma behind a value is, if there is one."""
    match = _LOOSE.match(text, end)
    at = match.end() if match is not None else end
    return at if text[at : at + 1] == "," else None


def _between(text: str, pieces: Sequence[Piece]) -> str:
    if len(pieces) > 1:
        between = text[pieces[-2][1] : pieces[-1][0]]
        if re.fullmatch(r", *", between):
            return between
    return ", "


def _begins_its_line(text: str, index: int) -> bool:
    start = line_start(text, index)
    return start > 0 and not text[start:index].strip(" \t")


def _after_space(text: str, index: int) -> int:
    """Where the white space before a value begins."""
    return len(text[:index].rstrip()) if index else 0


def _sign(text: str, index: int) -> str:
    """The first character from a place on that is not blank; empty at the end."""
    at = _skip_blank(text, index)
    return text[at : at + 1]


def _skip_blank(text: str, index: int) -> int:
    match = _BLANK.match(text, index)
    return match.end() if match is not None else index


def _behind_comment(text: str, index: int) -> int:
    """Where a line ends, before its line break, if nothing but a comment follows there; else the place itself."""
    if _sign(text, index) not in _ENDS:
        return index
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text.endswith("\r", index, end) else end


def _next_line(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1
