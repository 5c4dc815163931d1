"""The rooms of an account beside those of a list, as text and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final

from reconciler import escape
from reconciler.bans import account_region_of
from reconciler.rooms import ComparedRoom
from reconciler.views.layout import cells, padded, wrapped
from reconciler.views.wording import count, listed

_SHOWN: Final = 100  # rooms
_WIDEST_NAME: Final = 40  # cells
_GAP: Final = " " * 3
_NOT_LISTED: Final = "not listed"


def text(
    rooms: Sequence[ComparedRoom], regions: Sequence[str], ban_list: str, *, everything: bool, width: int | None
) -> str:
    """A line for each room, and how many there are; ends with a line break.

    Of more than a hundred, those are shown first that are not as they should be: in the list and not in the account,
    then in the account and not in the list.

    Args:
        rooms: what to show.
        regions: that were looked into.
        ban_list: path of the list.
        everything: show every room.
        width: cells of a line on the terminal; None for no limit.
    """
    file = escape.terminal(PurePath(ban_list).name)
    chosen = list(range(len(rooms)))
    if not everything and len(rooms) > _SHOWN:
        chosen = sorted(sorted(chosen, key=lambda number: _urgency(rooms[number]))[:_SHOWN])
    shown = [rooms[number] for number in chosen]
    table = [("NAME", "ARN", f"IN {file}"), *((_name(row), escape.terminal(row.arn), _status(row)) for row in shown)]
    lines = list(_aligned(table)) if shown else []
    if len(shown) < len(rooms):
        lines += ["", f"{len(shown):,} of {len(rooms):,} rooms are shown; --all shows every one."]
    lines += [*([""] if lines else []), *_summary(rooms, regions, file)]
    return "\n".join(wrapped(line, width) for line in lines) + "\n"


def as_json(rooms: Sequence[ComparedRoom], regions: Sequence[str]) -> str:
    """The same for programs, with every room."""
    plain = {"format_version": 1, "regions": list(regions), "rooms": list(map(_plain, rooms))}
    return escape.json_safe(json.dumps(plain, indent=2, ensure_ascii=False)) + "\n"


def _plain(row: ComparedRoom) -> dict[str, Any]:
    handler = row.room.handler if row.room is not None else None
    return {
        "room_arn": row.arn,
        "name": row.room.name if row.room is not None else None,
        "exists": row.exists,
        "listed_as": row.listed_as,
        "discovered_by": list(row.discovered_by),
        "review_handler": None if handler is None else {"uri": handler.uri, "fallback_result": handler.fallback},
    }


def _urgency(row: ComparedRoom) -> int:
    if row.room is None:
        return 0
    return 1 if _is_unlisted(row) else 2


def _is_unlisted(row: ComparedRoom) -> bool:
    return row.listed_as is None and not row.discovered_by


def _name(row: ComparedRoom) -> str:
    """A room's name in Amazon IVS; empty where that is not known."""
    if row.room is None:
        return ""
    return escape.terminal(row.room.name) or "(no name)"


def _status(row: ComparedRoom) -> str:
    """Where the list has a room."""
    if _is_unlisted(row):
        return _NOT_LISTED
    named = [escape.terminal(row.listed_as)] if row.listed_as is not None else []
    status = ", ".join([*named, *(f"discover[{number}]" for number in row.discovered_by)])
    if row.room is not None:
        return status
    return f"{status}: there is no such room" if row.exists is False else f"{status}: in another account"


def _aligned(table: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    names = min(max(cells(name) for name, _, _ in table), _WIDEST_NAME)
    arns = max(cells(arn) for _, arn, _ in table)
    for name, arn, status in table:
        yield f"{padded(name, names)}{_GAP}{padded(arn, arns)}{_GAP}{status}"


def _summary(rooms: Sequence[ComparedRoom], regions: Sequence[str], file: str) -> Iterator[str]:
    there = [row for row in rooms if row.room is not None]
    kinds = Counter(
        _NOT_LISTED if _is_unlisted(row) else f"in {file}" if row.listed_as is not None else "found by discover"
        for row in there
    )
    accounts = sorted({account_region_of(row.arn).account for row in there})
    whose = f" of account{'s' if len(accounts) > 1 else ''} {listed(accounts)}" if accounts else ""
    what = ", ".join(
        f"{kinds[kind]:,} {kind}" for kind in (f"in {file}", "found by discover", _NOT_LISTED) if kinds[kind]
    )
    yield f"{count(len(there), 'room')}{whose} in {listed(regions)}{f': {what}' if what else ''}."
    if gone := sum(row.exists is False for row in rooms):
        yield f"{count(gone, 'room')} in {file} {'does' if gone == 1 else 'do'} not exist: nobody can be banned there."
    if unknown := sum(row.exists is None for row in rooms):
        yield (
            f"{count(unknown, 'room')} in {file} {'belongs' if unknown == 1 else 'belong'} to an account whose rooms"
            " these credentials do not show."
        )
