"""YAML as text: what a text says, what it may not hold, and where things stand."""

import re

import pytest

from reconciler.yamltext import read as yamltext
from reconciler.yamltext.build import MAX_DEPTH
from reconciler.yamltext.places import locate
from reconciler.yamltext.values import Data, Document, Fault, Mark, NotText, Place

both_parsers = pytest.mark.parametrize("pure", [False, True], ids=["C", "pure"])


def read(text: str, *, pure: bool = False) -> Document:
    return yamltext.read(text.encode(), pure=pure)


def data_of(text: str, *, pure: bool = False) -> Data:
    document = read(text, pure=pure)
    assert document.complete
    assert document.faults == ()
    return document.data


def faults_of(text: str, *, pure: bool = False) -> list[str]:
    """Each fault as `line:column message`."""
    return [f"{fault.mark.line}:{fault.mark.column} {fault.message}" for fault in read(text, pure=pure).faults]


PLAIN = [
    "00123",
    "1e5",
    "1_000",
    "0x1F",
    "0o17",
    "0b1",
    "no",
    "yes",
    "on",
    "true",
    "False",
    "y",
    ".inf",
    ".nan",
    "-1",
    "+1.5",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "12:30:45",
    "190:20:30",
    "=",
    "nil",
    "none",
    "nULL",
    "NaN",
    "a#b",
    "a:b",
    "é",
    "http://x/?y=z&a=*",
    "-a",
    "?a",
    ":a",
    "a'b",
    'a"b',
    "a\\b",
    "a/b",
    "a,b",
    "a]b",
    "a[b",
    "~a",
]


@both_parsers
@pytest.mark.parametrize("scalar", [*PLAIN, "a b", "😀" * 128])
def test_a_plain_scalar_is_the_text_that_stands_in_the_file(scalar: str, pure: bool) -> None:
    assert data_of(f"key: {scalar}\n", pure=pure) == {"key": scalar}
    assert data_of(f"- {scalar}\n", pure=pure) == [scalar]
    assert data_of(f"{scalar}: value\n", pure=pure) == {scalar: "value"}


@both_parsers
@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("'~'", "~"),
        ('"null"', "null"),
        ("''", ""),
        ('""', ""),
        ("'it''s'", "it's"),
        (r'"a \"b\" \\ \/ \x41 \u00e9 \U0001F600 \t\n"', 'a "b" \\ / A é 😀 \t\n'),
        ("'no \\n escape'", "no \\n escape"),
        ("'# no comment: [x]'", "# no comment: [x]"),
        ("'  spaces  '", "  spaces  "),
        ("one # comment", "one"),
        ("one\n  two\n\n  three", "one two\nthree"),
        ("'one\n  two'", "one two"),
        ('"one\\\n  two"', "onetwo"),
        ("|\n  one\n   two\n\n  three\n", "one\n two\n\nthree\n"),
        ("|-\n  one\n", "one"),
        ("|+\n  one\n\n  two", "one\n\ntwo\n"),
        ("|2\n    one\n", "  one\n"),
        (">\n  one\n  two\n\n  three\n", "one two\nthree\n"),
        (">- # comment\n  one\n  two\n", "one two"),
        ("|\n  ~\n", "~\n"),
        ("|-\n  null\n", "null"),
    ],
)
def test_quotes_escapes_and_blocks_are_read_as_yaml_has_them(written: str, text: str, pure: bool) -> None:
    assert data_of(f"key: {written}\n", pure=pure) == {"key": text}


@both_parsers
@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL", "# comment"])
def test_a_plain_null_is_no_value(written: str, pure: bool) -> None:
    assert data_of(f"key: {written}\n", pure=pure) == {"key": None}
    assert data_of(f"- {written}\n- x\n", pure=pure) == [None, "x"]


@both_parsers
def test_lists_and_mappings_are_read_in_every_style(pure: bool) -> None:
    expected = {"a": ["x", {"b": "y", "c": []}, {}], "d": {"e": ["z"]}}
    assert data_of("a: [x, {b: y, c: []}, {}]\nd: {e: [z]}\n", pure=pure) == expected
    assert data_of('{"a": ["x", {"b":"y","c":[]}, {}], "d": {"e": ["z",]}}', pure=pure) == expected
    assert data_of("a:\n- x\n- b: y\n  c: []\n-  {}\nd:\n  e:\n    - z\n", pure=pure) == expected
    assert (
        data_of("---\n? a\n: - x\n  - b: y\n    ? c\n    : []\n  - {}\nd:\n    e: [\n     z\n    ]\n...\n", pure=pure)
        == expected
    )


@both_parsers
def test_an_arn_needs_no_quotes_inside_brackets(pure: bool) -> None:
    arn = "arn:aws:ivschat:us-west-2:123456789012:room/a-1"
    assert data_of(f"[{arn}, {arn} ]", pure=pure) == [arn, arn]
    assert data_of(f"{{a: {arn}, b: [ {arn}]}}", pure=pure) == {"a": arn, "b": [arn]}
    document = read(f"a: [{arn}]", pure=pure)
    assert locate(document, [("a", 0)]) == {("a", 0): Place(Mark(1, 5), Mark(1, 5))}


@both_parsers
@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "  \n", "~"])
def test_a_text_without_a_value_says_nothing(text: str, pure: bool) -> None:
    assert data_of(text, pure=pure) is None


@both_parsers
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_breaks_are_those_of_every_system(newline: str, pure: bool) -> None:
    text = newline.join(["a: one", "  two", "b: |", "  three", "  four", "c: @"])
    document = read(text.replace("c: @", "c: five"), pure=pure)
    assert document.data == {"a": "one two", "b": "three\nfour\n", "c": "five"}
    assert locate(document, [("c",)]) == {("c",): Place(Mark(6, 1), Mark(6, 4))}
    assert faults_of(text, pure=pure) == ["6:4 an unquoted text cannot begin with this character; put it in quotes"]


@both_parsers
@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "a: &x 1\nb: *x\n",
            [
                "1:4 an anchor (&) is not supported; write the value out where it is needed,"
                " or quote a text that begins with &",
                "2:4 an alias (*) is not supported; write the value out, or quote a text that begins with *",
            ],
        ),
        ("a: {<<: x}\n", ["1:5 merge keys (<<) are not supported; write the keys out"]),
        (
            "a: !!int 3\nb: !x []\n",
            [
                "1:4 a tag (!) is not supported; every value is text already, so leave it out,"
                " or quote a text that begins with !",
                "2:4 a tag (!) is not supported; every value is text already, so leave it out,"
                " or quote a text that begins with !",
            ],
        ),
        (
            "# comment\n%YAML 1.2\n---\na: b\n",
            ["2:1 a line that begins with % is an instruction to YAML, which is not supported; remove the line"],
        ),
        (
            "%UNKNOWN\n---\na: b\n",
            ["1:1 a line that begins with % is an instruction to YAML, which is not supported; remove the line"],
        ),
        (
            "a: b\n---\nc: d\n",
            ["2:1 a second document begins here; a ban list is one document, so remove the line `---` or `...`"],
        ),
        ("a: b\nc: d\na: e\n", ["3:1 this key is here twice; keep one of the two"]),
        ("a: {b: c, 'b': d}\n", ["1:11 this key is here twice; keep one of the two"]),
        ("? [a]\n: b\n", ["1:3 a key must be text, and this is not; quote it, or check the brackets"]),
        (": b\n", ["1:1 a key is missing before the colon; quote it if this text is meant"]),
        ("~: b\n", ["1:1 a key is missing before the colon; quote it if this text is meant"]),
        ('a: "\\ud83d\\ude00"\n', ["1:4 an escape such as \\uD83D is half a character; write the whole character"]),
    ],
)
def test_what_a_ban_list_has_no_use_for_is_a_fault(text: str, faults: list[str], pure: bool) -> None:
    assert faults_of(text, pure=pure) == faults


@both_parsers
def test_keys_like_those_of_yaml_are_texts_when_quoted(pure: bool) -> None:
    assert data_of("'<<': a\n'~': b\n\"null\": c\n'': d\n", pure=pure) == {"<<": "a", "~": "b", "null": "c", "": "d"}


@both_parsers
def test_of_a_key_given_twice_the_first_value_stays(pure: bool) -> None:
    assert read("a: {b: 1}\na: {b: 2}\nc: 3\n", pure=pure).data == {"a": {"b": "1"}, "c": "3"}


TAB = "there is a tab here; use spaces instead"
QUOTE = "an unquoted text cannot begin with this character; put it in quotes"
UNCLOSED = "a quote opens here and is never closed; add the closing quote"
ESCAPE = "a backslash in double quotes begins an escape; write \\\\ for a backslash, or use single quotes"
COLON = (
    "a colon is not allowed here; quote text that contains `: `, or check this line's indentation, that each ban"
    " begins with `- `, and that the line above has a space after its `-` and its `:`"
)
LIST = "a list opens here with [ and is not closed properly; check its commas and the ]"
PAIRS = "`key: value` pairs open here with { and are not closed properly; check the commas and the }"
BLOCK = (
    "a block of text (| or >) begins on a new line, with every line indented alike;"
    " quote a text that begins with | or >"
)
NODE = "a value is expected here; write one, or quote a text that begins with this character"
MISFIT = (
    "this does not fit what is above it; check the indentation, that each ban begins with `- `, and that"
    " quoted text ends its line and contains no quote of the same kind"
)
ENDED = "the list has ended above; check the indentation of this line, and remove `...` and `---`"


@both_parsers
@pytest.mark.parametrize(
    ("text", "mark", "message"),
    [
        ("a:\n\tb: c\n", "2:1", TAB),
        ("a: @b\n", "1:4", QUOTE),
        ("a: `b`\n", "1:4", QUOTE),
        ("a: %b\n", "1:4", QUOTE),
        ("a: 'b\nc: d\n", "1:4", UNCLOSED),
        ('a: "b\n---\n', "1:4", UNCLOSED),
        (r'a: "C:\quotes"' + "\n", "1:8", ESCAPE),
        (r'a: "\xZZ"' + "\n", "1:7", ESCAPE),
        ("a: b: c\n", "1:5", COLON),
        ("bans:\n- user_id x\n  rooms: all\n", "3:8", COLON),
        ("a: b\nc\nd: e\n", "2:1", "`key: value` is expected here; there is no `: ` on this line"),
        ("a: [b, c\nd: e\n", "1:4", LIST),
        ("a: {b: c\n", "1:4", PAIRS),
        ("a: [b,, c]\n", "1:7", NODE),
        ("a: ]\n", "1:4", NODE),
        ("a: |b\n", "1:5", BLOCK),
        ("a: |\n \n   x\n", "3:4", BLOCK),
        ("a: 'b' c\n", "1:8", MISFIT),
        ("a:\n    b: c\n  d: e\n", "3:3", MISFIT),
        ("- a\nb: c\n", "2:1", MISFIT),
        ("[]\na\n", "2:1", ENDED),
        ("a: b\n... c\n", "2:5", ENDED),
        (
            "a: - b\n",
            "1:4",
            "a list item (`- `) cannot begin here; put it on a line of its own, or quote a text that begins with `- `",
        ),
        ("a: ? b\n", "1:4", "a question mark and a space are not allowed here; quote text that begins with them"),
        ("a: *\n", "1:4", "an alias (*) is not supported; write the value out, or quote a text that begins with *"),
        (
            "a: !e!b\n",
            "1:4",
            "a tag (!) is not supported; every value is text already, so leave it out,"
            " or quote a text that begins with !",
        ),
        (
            '- a\n- "\\UFFFFFFFF"\n',
            "1:4",
            "what follows here cannot be read as YAML;"
            " check the indentation, the colons, the quotes and the backslashes",
        ),
    ],
)
def test_broken_yaml_is_explained_where_it_breaks(text: str, mark: str, message: str, pure: bool) -> None:
    document = read(text, pure=pure)
    assert not document.complete
    assert faults_of(text, pure=pure) == [f"{mark} {message}"]


@both_parsers
def test_no_message_repeats_the_text_of_the_file(pure: bool) -> None:
    """User IDs are personal data, and one that begins with a sign of YAML is easily left without quotes."""
    for sign in "*&!@`%|>{['\"?-:#,\\":
        for value in (f"{sign}sEcReT", f"{sign}sEcReT{sign}", f"{sign} sEcReT", f"x{sign} sEcReT: sEcReT"):
            for text in (f"user_id: {value}\n", f"- {value}\n", f"[{value}]"):
                assert not re.search("secret", " ".join(faults_of(text, pure=pure)), re.IGNORECASE)


@both_parsers
def test_nesting_has_an_end(pure: bool) -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH, pure=pure).complete
    message = "nested more than 32 deep, and a ban list needs four levels; check the brackets and the indentation"
    for opening in ("[", "{a: ", "- ", "a:\n"):
        text = opening * 100_000
        if opening == "a:\n":
            text = "".join(f"{' ' * depth}a:\n" for depth in range(1000))
        document = read(text, pure=pure)
        assert not document.complete
        assert [fault.message for fault in document.faults] == [message]
    for opening in ("{", "? ", ": "):  # a key that is no text is a fault besides
        assert faults_of(opening * 100_000, pure=pure)[-1].endswith(message)


@both_parsers
def test_characters_that_yaml_does_not_allow_are_named_once_a_line(pure: bool) -> None:
    assert faults_of("a: \x07\x07\r\nbc\x1b: \x1b\rd: e\n\u2028", pure=pure)[:3] == [
        '1:4 the character U+0007 cannot be written as it is; remove it, or write "\\u0007" in double quotes',
        '2:3 the character U+001B cannot be written as it is; remove it, or write "\\u001B" in double quotes',
        '4:1 the character U+2028 cannot be written as it is; remove it, or write "\\u2028" in double quotes',
    ]


@pytest.mark.parametrize(
    "character", ["\x00", "\x08", "\x0b", "\x1f", "\x7f", "\x80", "\x85", "\u2028", "\u2029", "\ufeff"]
)
def test_an_invisible_character_is_a_fault_even_in_quotes(character: str) -> None:
    document = read(f"a: 'b{character}c'\n")
    assert [fault.mark for fault in document.faults] == [Mark(1, 6)]
    assert document.data == {"a": "b\ufffdc"}


def test_the_same_character_as_an_escape_is_allowed() -> None:
    assert data_of('a: "b\\u0007\\u2028\\uFEFFc"\n') == {"a": "b\x07\u2028\ufeffc"}


def test_a_file_full_of_control_characters_is_not_described_line_by_line() -> None:
    document = read("#\x07\n" * 300_000)
    assert len(document.faults) == 101
    assert document.faults[-1] == Fault(
        Mark(101, 2), (), "there are more such characters here and below; is this file a ban list?"
    )


@both_parsers
@pytest.mark.parametrize("line", ["a: b\n", "<<: b\n", "~: b\n", "[a]: b\n", "? &a b\n"])
def test_after_a_thousand_faults_reading_ends(line: str, pure: bool) -> None:
    document = read(line * 200_000, pure=pure)
    assert not document.complete
    assert len(document.faults) == 1001
    assert document.faults[-1].message == "there are more problems from here on; correct those above first"


def test_columns_count_characters() -> None:
    assert faults_of("'😀é': @\n") == [f"1:7 {QUOTE}"]


@both_parsers
def test_a_fault_knows_its_path_and_whether_the_value_is_lost(pure: bool) -> None:
    document = read("a:\n  - b: *x\n  - b: &y c\n", pure=pure)
    assert [(fault.path, fault.spoils) for fault in document.faults] == [(("a", 0, "b"), True), (("a", 1, "b"), False)]


@both_parsers
@pytest.mark.parametrize(
    "broken",
    [b"\xff", b"\xc3", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"],
)
@pytest.mark.parametrize("around", ["a: %s", "# %s\na: b\n", "%s: b\n", '- "%s"\n', "a: b # %s", "a: |\n  %s\n"])
def test_what_is_not_utf_8_is_found_wherever_it_stands(around: str, broken: bytes, pure: bool) -> None:
    before, after = around.encode().split(b"%s")
    with pytest.raises(NotText, match="UTF-8") as caught:
        yamltext.read(before + broken + after, pure=pure)
    assert caught.value.mark == Mark(before.count(b"\n") + 1, len(before.split(b"\n")[-1]) + 1)
