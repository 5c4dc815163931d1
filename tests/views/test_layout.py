"""How lines break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reconciler.views.layout import broken, folded, wrapped


def test_lines_end_between_words_and_keep_their_indent() -> None:
    said = "Failed: lobby/a, lobby/b\n  Allow what the service denies.\n\nDone.\n"
    assert wrapped(said, 20) == (
        """\
Failed: lobby/a,
lobby/b
  Allow what the
  service denies.

Done.
"""
    )


@pytest.mark.parametrize("said", ["short\n", "", "\n\n", "  in  columns   here\n"])
def test_what_fits_stays_as_it_is(said: str) -> None:
    assert wrapped(said, 40) == said


def test_without_a_terminal_nothing_is_broken() -> None:
    assert wrapped("word " * 100, None) == "word " * 100


def test_an_address_that_is_wider_than_the_terminal_stays_whole() -> None:
    assert wrapped("Failed: lobby/0123456789 and more", 10) == "Failed:\nlobby/0123456789\nand more"


def test_no_line_begins_a_workflow_command() -> None:
    assert wrapped("aaaa bbbb ::error::x cc", 10) == "aaaa bbbb ::error::x\ncc"


def test_wide_characters_count_twice() -> None:
    assert wrapped("違反違反 違反", 9) == "違反違反\n違反"
    assert wrapped("違反違反 違反", 13) == "違反違反 違反"


def test_a_command_is_one_word_if_it_fits() -> None:
    said = "Save it with `reconciler plan --out plan.json`, then go on."
    assert wrapped(said, 40) == "Save it with\n`reconciler plan --out plan.json`, then\ngo on."
    assert wrapped(said, 20) == "Save it with\n`reconciler plan\n--out plan.json`,\nthen go on."


texts = st.text(st.sampled_from("ab :`違e\u0301"), max_size=60)


@given(texts, st.integers(2, 30))
def test_nothing_gets_lost_but_the_spaces_at_the_ends(said: str, width: int) -> None:
    lines = list(broken(said, width, "  "))
    assert "".join("".join(lines).split()) == "".join(said.split())
    assert all(cell_len(line) <= width or len(line.split()) <= 1 or "::" in said for line in lines)


@given(st.lists(st.text("ab違", min_size=1, max_size=30)), st.integers(4, 30))
def test_words_that_were_folded_always_fit(words: list[str], width: int) -> None:
    lines = list(broken(folded(" ".join(words), width), width))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(words)
