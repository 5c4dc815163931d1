"""Rows of a plan and of a state: who is meant where, and what there is to say of it.

A row is one line. On a terminal where it does not fit, midnight becomes a date alone, then reasons are cut, then the
details go to a second, indented line.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.bans import REASON_MAX
from reconciler.views.layout import broken, cells, folded, padded
from reconciler.views.wording import short_time, time

_WIDEST_ADDRESS: Final = 60  # terminal cells; a longer address shifts the columns of its own line
_LEAST_COLUMN: Final = 20
_LEAST_REASON: Final = 20  # characters of a reason that are shown, however narrow the terminal
_INDENT: Final = " " * 6
_GAP: Final = " " * 3  # between columns, and between details


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says. All of it is escaped.

    Attributes:
        start: what comes before the address.
        address: who is meant where.
        what: what is done, as wide as in all rows; may be empty.
        details: the rest, with at most so many characters of each reason, and times as `time` or `short_time` has them.
    """

    start: str
    address: str
    what: str
    details: Callable[[int, Callable[[datetime], str]], str]


def column(addresses: Iterable[str], width: int | None) -> int:
    """How wide the addresses are; where the terminal leaves little room, a few long ones do not count."""
    widths = sorted(map(cells, addresses)) or [0]
    widest = min(widths[-1], _WIDEST_ADDRESS)
    if width is None:
        return widest
    usual = widths[: bisect_right(widths, max(width // 2 - 10, _LEAST_COLUMN))]
    return min(usual[-1] if len(usual) * 2 >= len(widths) else widest, max(width - _LEAST_COLUMN, 0))


def laid_out(rows: Iterable[Row], column: int, *, width: int | None, cut: bool = True) -> Iterator[tuple[str, bool]]:
    """Each row as one line or more, and whether it has a date without its time.

    Args:
        rows: what they say.
        column: how wide their addresses are.
        width: cells of a line on the terminal; None for no limit.
        cut: cut reasons, to 20 characters at least, before a second line is begun.
    """
    for row in rows:
        what = f"{_GAP}{row.what}{_GAP}" if row.what else _GAP
        head = f"{row.start}{padded(row.address, column)}{what}"
        line = f"{head}{row.details(REASON_MAX, time)}".rstrip()
        if width is None or cells(line) <= width:
            yield line, False
        else:
            shown, at = _fitting(row, head, width, cut=cut)
            yield shown, at is short_time and row.details(REASON_MAX, time) != row.details(REASON_MAX, short_time)


def _fitting(row: Row, head: str, width: int, *, cut: bool) -> tuple[str, Callable[[datetime], str]]:
    """A row that does not fit as it is, and how it has its times."""
    details, at = _within(row, width - cells(head), cut=cut)
    if details is not None:
        return head + details, at
    first, start = head.rstrip(), ""
    if cells(first) > width:
        first, start = f"{row.start}{row.address}", f"{row.what.rstrip()}{_GAP}"
    room = max(width - len(_INDENT), 1)
    details, at = _within(row, room - len(start), cut=cut)
    if details is None:
        details = row.details(_LEAST_REASON if cut else REASON_MAX, at)
    return "\n".join([first, *(_INDENT + line for line in _paragraph((start + details).rstrip(), room))]), at


def _paragraph(details: str, room: int) -> Iterator[str]:
    """Details on as many lines as they need; those that fit on one line are not broken."""
    first, *others = folded(details, room).split(_GAP)
    line = first
    for part in others:
        if cells(line) + len(_GAP) + cells(part) <= room:
            line += _GAP + part
        else:
            yield from broken(line, room)
            line = part
    yield from broken(line, room)


def _within(row: Row, room: int, *, cut: bool) -> tuple[str | None, Callable[[datetime], str]]:
    """The details, shortened as little as they can be to fit, or None; and how they have their times."""
    for at in (time, short_time):
        if cells(whole := row.details(REASON_MAX, at)) <= room:
            return whole, at
    lengths = range(_LEAST_REASON, REASON_MAX if cut else 0)
    fit = bisect_right(lengths, room, key=lambda most: cells(row.details(most, short_time)))
    return (row.details(lengths[fit - 1], short_time) if fit else None), short_time
