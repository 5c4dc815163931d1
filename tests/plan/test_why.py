"""The IDs that were probably meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.plan.why import nearest

KNOWN = ["abc123def456", "ABC123DEF456", "zed", "zoë", "player.1@example.com", "user1", "user2"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Abc123def456", ["ABC123DEF456", "abc123def456"]),
        ("zde", ["zed"]),
        ("zd", ["zed"]),
        ("zedd", ["zed"]),
        ("zad", ["zed"]),
        ("xzed", ["zed"]),
        ("zoe", ["zoë"]),
        ("dez", []),
        ("zxxd", []),
        ("player.1", ["player.1@example.com"]),
        ("example.com", ["player.1@example.com"]),
        ("user3", ["user1", "user2"]),
        ("nobody", []),
        ("", []),
    ],
)
def test_what_is_one_slip_away_is_meant(typed: str, meant: list[str]) -> None:
    assert nearest(typed, KNOWN) == meant


def test_of_many_the_nearest_are_given() -> None:
    known = [f"user-{number}" for number in range(100)]
    assert nearest("USER-7", known, most=3) == ["user-7", "user-0", "user-1"]


WORDS = st.text("abc", min_size=1, max_size=8)


@given(WORDS, st.data())
def test_every_slip_is_found(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    slips = {
        word[:at] + word[at + 1 :],
        word[:at] + "x" + word[at:],
        word[:at] + "x" + word[at + 1 :],
        word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
    }
    for typed in slips - {"", word}:
        assert nearest(typed, [word]) == [word]


@given(WORDS, WORDS)
def test_what_is_more_than_one_slip_away_is_not(one: str, other: str) -> None:
    found = nearest(one, [other])
    assert bool(found) is (distance(one, other) <= 1 or (len(one) >= 4 and one in other))


def distance(one: str, other: str) -> int:
    """Put in, left out, replaced, or swapped with the next: the textbook's table."""
    table = {(row, 0): row for row in range(len(one) + 1)} | {(0, column): column for column in range(len(other) + 1)}
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            steps = [
                table[row - 1, column] + 1,
                table[row, column - 1] + 1,
                table[row - 1, column - 1] + (one[row - 1] != other[column - 1]),
            ]
            if row > 1 and column > 1 and one[row - 2 : row] == other[column - 2 : column][::-1]:
                steps.append(table[row - 2, column - 2] + 1)
            table[row, column] = min(steps)
    return table[len(one), len(other)]
