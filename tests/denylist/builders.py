"""Denylists for tests, short to write, and what Hypothesis makes of them."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import strategies as st

from reconciler.bans import EVERYWHERE, BanKey
from reconciler.denylist.value import Contents, End, Head
from tests.builders import FINALS, LINEAGE, LOBBY, NOW

A, B, C = BanKey(LOBBY, "a"), BanKey(LOBBY, "b"), BanKey(LOBBY, "c")
A_EVERYWHERE = BanKey(EVERYWHERE, "a")

# What may be taken for something else: by a table's keys, by JavaScript, by the layout of the document.
ODD_USERS = (
    *("#", "*", "head", "user#", "user#a", "ban#*#bans", "a#b", "now#*", "constructor", "__proto__", "toString"),
    *("bans", "provisional", "a},", '},"', '":{', '"},":{"', "{", "\\", "\\u0061", "\n", "\x00", "\u202ea\u200b"),
    *("😀" * 128, "é", "e\u0301", "\ufffd", "##[error]x", " ", "null"),
)
USERS = st.sampled_from(ODD_USERS) | st.text(min_size=1, max_size=128)
ROOMS = st.sampled_from([LOBBY, FINALS, EVERYWHERE])
KEYS = st.builds(BanKey, ROOMS, USERS)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ENDS: st.SearchStrategy[End] = st.none() | TIMES
BANS = st.dictionaries(KEYS, ENDS, max_size=12)
PROVISIONAL = st.dictionaries(KEYS, TIMES, max_size=4)


def head(count: int = 0, *, serial: int = 1, lineage: str = LINEAGE, is_open: bool = False) -> Head:
    return Head(lineage, serial, count, 90, NOW, is_open)


def contents(bans: Mapping[BanKey, End], provisional: Mapping[BanKey, datetime] | None = None) -> Contents:
    return Contents(head(len(bans)), dict(bans), dict(provisional or {}))
