"""Puts values into a YAML list in brackets, or takes some out, as it is written there."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from reconciler.banlist.spans import line_start, next_sign
from reconciler.banlist.splice import Edit, spliced

Piece = tuple[int, int]
"""Where a value begins and where it ends."""

_ENDS: Final = ("#", "\r", "\n", "")  # nothing else follows on the line
_BLANK: Final = re.compile(r"[ \t]*")


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


def take(text: str, inside: int, pieces: Sequence[Piece], gone: Collection[int]) -> Iterator[Edit]:
    """Take values out.

    Args:
        text: what the list stands in.
        inside: where its opening bracket ends.
        pieces: all its values.
        gone: the indexes of those that go.
    """
    count = len(pieces)
    kept = max((index for index in range(count) if index not in gone), default=-1)
    ends_with_comma = _comma(text, pieces[-1][1]) is not None
    last: list[Edit] = []
    for index in sorted(gone):
        begin, end = pieces[index]
        comma = _comma(text, end)
        if index < kept and comma is not None:
            yield _with_comma(text, begin, comma)
        else:
            last += _without_last(text, begin, end, comma)
    yield from last
    if kept >= 0 and last and not ends_with_comma and (comma := _comma(text, pieces[kept][1])) is not None:
        behind = pieces[kept][1]
        yield Edit(behind if not text[behind:comma].strip() else comma, comma + 1, "")
    if last and _sign(text, last[-1].end) not in _ENDS:
        start, end = pieces[kept][1] if kept >= 0 else inside, last[-1].end
        left = spliced(text[start:end], [Edit(edit.start - start, edit.end - start, "") for edit in last])
        if "#" in left.rpartition("\n")[2]:  # the closing bracket must not end up in a comment
            yield Edit(end, end, "\r\n" if "\r\n" in text[start:end] else "\n")


def _without_last(text: str, begin: int, end: int, comma: int | None) -> Iterator[Edit]:
    """Takes out a value behind which none stays: from where the line above ends on, if it begins its line."""
    if _begins_its_line(text, begin):
        above = line_start(text, begin) - 1
        above -= text.endswith("\r", 0, above)
        yield Edit(above, _behind_comment(text, end if comma is None else comma + 1), "")
        return
    yield Edit(_after_space(text, begin), end, "")
    if comma is not None:
        yield Edit(comma, comma + 1, "")


def _with_comma(text: str, begin: int, comma: int) -> Edit:
    """Takes a value and the comma behind it: with its line, if it has one for itself, else with the space behind it."""
    ends_line = _sign(text, comma + 1) in _ENDS
    if _begins_its_line(text, begin) and ends_line:
        return Edit(line_start(text, begin), _next_line(text, comma), "")
    return Edit(begin, comma + 1 if ends_line else _skip_blank(text, comma + 1), "")


def _comma(text: str, end: int) -> int | None:
    """Where the comma behind a value is, if there is one."""
    at = next_sign(text, end)
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
    """Where the blanks before a value begin that does not begin its line."""
    while index and text[index - 1] in " \t":
        index -= 1
    return index


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
