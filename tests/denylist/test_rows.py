"""The rows of a table: that nothing is taken for something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.bans import BanKey
from reconciler.denylist import rows
from reconciler.denylist.value import Head
from reconciler.errors import DenylistDamaged
from tests.builders import LINEAGE, LOBBY, NOW, TOMORROW
from tests.denylist.builders import KEYS, A, head

NAMES = st.sampled_from(["bans", "ban", "x.bans", "a", "now", "head", "-", "_"]) | st.from_regex(
    r"[A-Za-z0-9_.-]{1,64}", fullmatch=True
)


@given(KEYS, NAMES)
def test_a_row_is_the_ban_that_it_was_made_for(key: BanKey, name: str) -> None:
    assert rows.ban_of(*rows.ban_key(key, name), name) == key
    assert rows.provisional_of(*rows.provisional_key(key)) == key


@given(KEYS, NAMES, NAMES)
def test_a_row_is_nothing_else(key: BanKey, name: str, other: str) -> None:
    assert rows.provisional_of(*rows.ban_key(key, name)) is None
    assert rows.ban_of(*rows.provisional_key(key), name) is None
    if other != name:
        assert rows.ban_of(*rows.ban_key(key, name), other) is None
    assert rows.ban_of(*rows.head_key(name), name) is None
    assert rows.provisional_of(*rows.head_key(name)) is None


@pytest.mark.parametrize(
    ("pk", "sk"),
    [
        ("a", f"ban#{LOBBY}#bans"),
        ("user#a", f"ban#{LOBBY}#ban"),
        ("user#a", f"ban#{LOBBY}"),
        ("user#a", f"ban#{LOBBY}#x#bans"),
        ("user#a", "ban#lobby#bans"),
        ("user#a", "ban##bans"),
        ("user#a", "ban#bans"),
        ("user#a", f"BAN#{LOBBY}#bans"),
    ],
)
def test_rows_of_others_are_no_bans_of_ours(pk: str, sk: str) -> None:
    assert rows.ban_of(pk, sk, "bans") is None


def test_a_row_may_go_a_week_after_the_end_and_one_for_good_never() -> None:
    key = rows.ban_key(A, "bans")
    assert rows.entry(key, TOMORROW, NOW) == {
        "pk": "user#a",
        "sk": f"ban#{LOBBY}#bans",
        "published_at": "2026-11-22T16:00:00Z",
        "expires_at": "2026-11-23T16:00:00Z",
        "ttl": int(TOMORROW.timestamp()) + 7 * 24 * 3600,
    }
    assert rows.entry(key, None, NOW).keys() == {"pk", "sk", "published_at"}


@given(st.builds(head, st.integers(0, 10**9), serial=st.integers(0, 10**9), is_open=st.booleans()))
def test_a_head_survives_its_row(before: Head) -> None:
    assert rows.head_of(rows.head_row(before, "bans")) == before


def test_a_head_without_open_is_closed() -> None:
    row = {name: value for name, value in rows.head_row(head(is_open=True), "bans").items() if name != "open"}
    assert rows.head_of(row) == Head(LINEAGE, 1, 0, 90, NOW)


@pytest.mark.parametrize("attribute", ["lineage", "serial", "count", "settle_after", "published_at"])
def test_a_head_without_one_of_its_attributes_is_damaged(attribute: str) -> None:
    row = {name: value for name, value in rows.head_row(head(), "bans").items() if name != attribute}
    with pytest.raises(DenylistDamaged, match=f"its attribute {attribute} is missing"):
        rows.head_of(row)
