"""Text that somebody else controls: shown so that nothing is hidden, and nothing obeyed."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import escape

VISIBLE = [
    "",
    "zed",
    "a b",
    "é",
    "日本　語",
    "😀",
    "a\\b",
    "it's",
    '"',
    "@everyone",
    "::error::x",
    "<b>",
    "שלום",
    "e\u0301",
]
HIDDEN = {
    "\x1b[31mred": r"\x1b[31mred",
    "a\nb": r"a\x0ab",
    "a\r\tb": r"a\x0d\x09b",
    "\x00\x7f\x9b": r"\x00\x7f\x9b",
    "a\u202eb": r"a\u202eb",
    "a\u2066b\u2069": r"a\u2066b\u2069",
    "a\u200bb\u200d\ufeff": r"a\u200bb\u200d\ufeff",
    "\u2028\u2029\x85": r"\u2028\u2029\x85",
    "a\xa0b\xadc": r"a\xa0b\xadc",
    "a\u3164b\u115f\uffa0\u2800": r"a\u3164b\u115f\uffa0\u2800",
    "a\ufe0fb\U000e0041\U000e0100": r"a\ufe0fb\U000e0041\U000e0100",
    "\ud800": r"\ud800",
    "\ue000\uffff\U0010ffff": r"\ue000\uffff\U0010ffff",
}


@pytest.mark.parametrize("text", VISIBLE)
def test_visible_text_is_shown_as_it_is(text: str) -> None:
    assert escape.terminal(text) == text


@pytest.mark.parametrize(("text", "shown"), HIDDEN.items(), ids=ascii)
def test_what_is_not_visible_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert escape.terminal(text) == shown


@given(st.text(st.characters()))
def test_nothing_invisible_reaches_a_terminal(text: str) -> None:
    for shown in (escape.terminal(text), escape.quoted(text), escape.user_id(text)):
        for character in shown:
            assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
            assert character in " \u3000" or unicodedata.category(character) != "Zs"


@given(st.text())
def test_quoted_text_is_json_for_the_same_text(text: str) -> None:
    assert json.loads(escape.quoted(text)) == text


@given(st.text())
def test_escaped_json_means_the_same(text: str) -> None:
    document = json.dumps({text: [text]}, ensure_ascii=False, indent=2)
    assert json.loads(escape.json_safe(document)) == {text: [text]}
    assert escape.json_safe(document).count("\n") == document.count("\n")


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_two_user_ids_never_look_the_same(one: str, other: str) -> None:
    assert (escape.user_id(one) == escape.user_id(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("zed", "zed"),
        ("é/ü", "é/ü"),
        ("a b", '"a b"'),
        ("", '""'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("a\u200bb", '"a\\u200bb"'),
        ("\U000e0100", '"\\udb40\\udd00"'),
        ("　", '"　"'),
    ],
)
def test_a_user_id_stands_bare_where_it_is_clear(text: str, shown: str) -> None:
    assert escape.user_id(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("zed", "zed"),
        ("a b c", "a b c"),
        ("a  b", '"a \\u0020b"'),
        ("a   b", '"a \\u0020\\u0020b"'),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("\u3000a", '"\u3000a"'),
        ('"a"', '"\\"a\\""'),
        ("a\\x1b", '"a\\\\x1b"'),
        ("a\x1b", '"a\\u001b"'),
    ],
)
def test_a_text_stands_bare_where_it_is_clear_even_if_white_space_is_run_together(text: str, shown: str) -> None:
    assert escape.clear(text) == shown
    assert not shown.startswith('"') or json.loads(shown) == text


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_two_clear_texts_never_look_the_same(one: str, other: str) -> None:
    assert (" ".join(escape.clear(one).split(" ")) == " ".join(escape.clear(other).split(" "))) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("  ::error::x", r"  \x3a:error::x"),
        ("\u3000::error::x", "\u3000\\x3a:error::x"),
        ("x ::error::y", "x ::error::y"),
        ("a:b", "a:b"),
    ],
)
def test_no_workflow_command_begins_a_line(text: str, shown: str) -> None:
    assert escape.line(text) == shown
