"""Who is banned, as CSV for other systems: spreadsheets, databases, other lists of bans.

As in RFC 4180, but lines end in a line feed alone. Every cell is exact: nothing is put before what a spreadsheet would
take for a formula (OWASP, "CSV Injection"), since a user ID with a `'` before it is somebody else's. Such rows are
counted instead.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.bans import BanKey, Record, format_time, room_name
from reconciler.state.endpoints import recorded
from reconciler.state.value import State
from reconciler.views.report import Format
from reconciler.views.wording import count

# As the list calls them, where it knows them.
COLUMNS: Final = ("user_id", "rooms", "reason", "expires_at", "room_arn", "disconnected_at")
_AT_ONCE: Final = 1000  # rows
# Unquoted are only cells that mean the same to everybody, and that begin no workflow command in a log.
_BARE: Final = re.compile(r'(?!:)[^\s",;\x00-\x1f](?:[^",;\x00-\x1f]*[^\s",;\x00-\x1f])?')
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class CsvFormat(Format):
    """A row for each ban in force."""

    @override
    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        if state.endpoint is not None:
            self.output.diagnostic(f"{location} {recorded(state.endpoint)}.")
        # A terminal is no place for what only programs may read raw.
        shown = str if self.output.width is None else escape.terminal
        odd = 0

        def rows() -> Iterator[str]:
            nonlocal odd
            yield ",".join(COLUMNS) + "\n"
            for key, record in sorted(state.records.items()):
                if record.ban.in_force(now):
                    cells = _cells(key, record, room_names)
                    odd += any(cell.startswith(_FORMULA) for cell in cells)
                    yield _row(cells, shown)

        left = rows()
        while some := "".join(islice(left, _AT_ONCE)):
            self.output.write(some.encode(errors="backslashreplace"))
        if odd:
            self.output.diagnostic(_formulas(odd))


def _cells(key: BanKey, record: Record, room_names: Mapping[str, str]) -> tuple[str, ...]:
    return (
        key.user_id,
        room_name(key.room_arn, room_names),
        record.ban.reason or "",
        _time(record.ban.expires_at),
        key.room_arn,
        _time(record.disconnected_at),
    )


def _row(cells: tuple[str, ...], shown: Callable[[str], str]) -> str:
    return ",".join(_quoted(shown(cell)) for cell in cells) + "\n"


def _quoted(cell: str) -> str:
    if not cell or _BARE.fullmatch(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _formulas(rows: int) -> str:
    """That a spreadsheet may run what stands in a CSV."""
    return (
        f"{count(rows, 'row')} {'has' if rows == 1 else 'have'} a cell that begins with =, +, -, @ or a tab. A"
        " spreadsheet takes it for a formula, unless the columns are imported as text."
    )


def _time(time: datetime | None) -> str:
    return "" if time is None else format_time(time)
