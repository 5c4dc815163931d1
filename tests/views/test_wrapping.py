"""Messages on a narrow terminal: broken at words, the rest indented."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.views.wrapping import wrapped


def test_a_long_message_is_broken_at_words_and_the_rest_is_indented() -> None:
    said = "bans.state.json is locked by `apply` of alice. Wait for it to end."
    assert wrapped(said, 30, used=7).split("\n") == [
        "bans.state.json is",
        "  locked by `apply` of alice.",
        "  Wait for it to end.",
    ]


def test_what_fits_or_has_no_width_stays_as_it_is() -> None:
    assert wrapped("a  b", 4) == "a  b"
    assert wrapped("a  b " * 50, None) == "a  b " * 50


def test_a_command_stays_whole_so_that_it_can_be_copied() -> None:
    command = "`reconciler state push /tmp/a.json --state /srv/bans.state.json`."
    assert wrapped(f"Put it there with {command} Then go on.", 40).split("\n") == [
        "Put it there with",
        f"  {command}",
        "  Then go on.",
    ]


def test_wide_characters_take_two_cells() -> None:
    assert wrapped("王王 王王 王王", 9).split("\n") == ["王王 王王", "  王王"]


@given(st.text(st.sampled_from("ab `王\u0301"), max_size=80), st.integers(1, 20))
def test_nothing_but_the_breaks_differs(said: str, width: int) -> None:
    said = said.strip()
    shown = wrapped(said, width)
    assert "".join(shown.split()) == "".join(said.split())
