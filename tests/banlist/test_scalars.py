"""Texts written as scalars, which every reader takes for these very texts."""

from io import StringIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.banlist.scalars import is_plain, written
from reconciler.yamltext import read as yamltext

STYLES = [None, "'", '"', "|"]


@pytest.mark.parametrize(
    ("text", "like", "shown"),
    [
        ("zed", None, "zed"),
        ("zed", "'", "'zed'"),
        ("zed", '"', '"zed"'),
        ("zed", "|", "zed"),
        ("it's", "'", "'it''s'"),
        ("it's", None, "it's"),
        ('say "a\\b"', '"', r'"say \"a\\b\""'),
        ("a\nb\tc\rd", None, r'"a\nb\tc\rd"'),
        ("a\nb", "'", r'"a\nb"'),
        ("a\x00\x85\u202e\U000e0001b", None, r'"a\x00\x85\u202e\U000e0001b"'),
        ("a\u00a0b", "'", r'"a\xa0b"'),
        ("ü 😀", None, "ü 😀"),
        ("", None, '""'),
        ("", "'", "''"),
    ],
)
def test_a_text_is_written_in_the_style_of_its_neighbours_if_that_can_write_it(
    text: str, like: str | None, shown: str
) -> None:
    assert written(text, like) == shown


@pytest.mark.parametrize(
    "text", ["a: b", "a #b", "a:", "a ", " a", "#a", "-a", "- a", "&a", "*a", "!a", "%a", "@a", "`a"]
)
def test_what_means_something_in_yaml_is_put_in_quotes(text: str) -> None:
    assert not is_plain(text)
    assert written(text) == f'"{text}"'


@pytest.mark.parametrize(
    "text", ["null", "Null", "NULL", "~", "yes", "No", "true", "00123", "1e5", "0x1F", "2026-01-01"]
)
def test_what_other_tools_take_for_something_else_is_put_in_quotes(text: str) -> None:
    assert written(text) == f'"{text}"'


@pytest.mark.parametrize("text", ["a,b", "a[0", "a[0]", "a{b", "a}", "a]b", "a:b"])
def test_more_is_put_in_quotes_within_brackets(text: str) -> None:
    assert written(text) == text
    assert written(text, in_flow=True) == f'"{text}"'


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.text("ab:#,[]{}'\"\\ -?&*!|>%@`~\n\t0e", max_size=8)


@given(TEXTS, st.sampled_from(STYLES))
@example("a\ufeffb", None)
@example("\u2028", "'")
def test_every_reader_takes_a_scalar_for_the_text(text: str, like: str | None) -> None:
    for in_flow in (False, True):
        shown = written(text, like, in_flow=in_flow)
        assert "\n" not in shown
        content = f"a: {shown}\n" if not in_flow else f"[{shown}, {{a: {shown}}}]\n"
        ours = yamltext.read(content.encode())
        assert (ours.faults, ours.data) == ((), {"a": text} if not in_flow else [text, {"a": text}])
        theirs = YAML(typ="safe", pure=True).load(StringIO(content))
        assert theirs == ({"a": text} if not in_flow else [text, {"a": text}])
