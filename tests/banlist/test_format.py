"""The canonical form of ban lists: what changes, what never does, and who else reads the same."""

import re
from collections import Counter
from unittest.mock import patch
from warnings import catch_warnings

import pytest
import yaml
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.banlist import read as banlist
from reconciler.banlist.format import format_content, is_ambiguous
from reconciler.errors import BanListInvalid, FormattingUnsafe
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.values import Document
from tests.builders import FINALS, LOBBY
from tests.yaml_texts import ban_list_texts, damaged_texts, format_text

HEAD = f"version: 1\nrooms: {{lobby: '{LOBBY}', finals: '{FINALS}'}}\n"


def banning(*written: str) -> str:
    return HEAD + "bans:\n" + "".join(f"  - user_id: {user_id}\n    rooms: [lobby]\n" for user_id in written)


def users(text: str) -> list[str]:
    data = yamltext.read(text.encode()).data
    if not isinstance(data, dict):
        return []
    assert isinstance(data["bans"], list)
    return [str(entry.get("user_id")) for entry in data["bans"] if isinstance(entry, dict)]


def comments(text: str) -> Counter[str]:
    """The comments of a text, by the tokens of ruamel.yaml: what stands between them and begins with #."""
    yaml_ = YAML(typ="safe", pure=True)
    between, done = "", 0
    for token in yaml_.scan(text):
        between += text[done : token.start_mark.index]
        # A block's token begins with its sign, and a comment may follow that.
        if getattr(token, "style", None) in ("|", ">"):
            between += text[token.start_mark.index : text.index("\n", token.start_mark.index)].lstrip("|>+-0123456789")
            between += "\n"
        done = max(done, token.end_mark.index)
    return Counter(comment.rstrip() for comment in re.findall(r"#[^\r\n]*", between + text[done:]))


# User IDs


AMBIGUOUS = [
    *("00123", "0", "-1", "+1", "1_000", "1,000", "017", "0o17", "0O17", "0b101", "0x1F", "-0x1f", "089"),
    *("1.5", ".5", "5.", "1e5", "1E5", "1e+5", "-1.5e-3", "1_0.5", ".inf", "-.INF", "+.Inf", ".nan", ".NaN"),
    *("12:30:45", "12:30", "190:20:30.15", "2026-01-01", "2026-1-1", "2026-01-01T00:00:00Z", "2026-01-01 10:00:00 +1"),
    *("y", "Y", "n", "N", "yes", "Yes", "YES", "no", "NO", "on", "off", "Off", "true", "True", "FALSE", "nULL"),
    *("=", "<<", ":symbol"),
]
CLEAR = [
    *("ABC123def456", "spam-bot-0042", "a", "yess", "none", "nobody", "1a", "0xG", "0b12x", "12-34", "2026-01", "x1e5"),
    *("~x", "1e", "user:1", "-a", "infinity", "nan", "123e4567-e89b-12d3-a456-426614174000", "é", "①", "٣", "1 000"),
]


@pytest.mark.parametrize("user_id", AMBIGUOUS)
def test_a_user_id_that_other_tools_misread_is_put_in_quotes(user_id: str) -> None:
    assert format_text(banning(user_id)) == banning(f'"{user_id}"')
    assert users(format_text(banning(user_id))) == [user_id]


@pytest.mark.parametrize("user_id", [*CLEAR, "'00123'", '"no"', '"\\u0031"'])
def test_other_user_ids_stay_as_they_are_written(user_id: str) -> None:
    assert format_text(banning(user_id)) == banning(user_id)


def test_user_ids_are_quoted_wherever_they_stand() -> None:
    text = (
        f"{HEAD}guardrails: {{protected_users: [007, host-*, 'no']}}\n"
        "bans: [{user_id: 1, rooms: all}, {rooms: all, user_id : off}, {user_id: 2026-01-01\n    10:00:00,"
        " rooms: [2024-x, lobby]}]\n"
    ).replace("2024-x, ", "")
    assert format_text(text) == text.replace("007", '"007"').replace("user_id: 1,", 'user_id: "1",').replace(
        ": off", ': "off"'
    ).replace("2026-01-01\n    10:00:00", '"2026-01-01 10:00:00"')


def test_a_quote_in_an_ambiguous_user_id_stays_what_it_is() -> None:
    assert format_text(banning(""":a"b'c""")) == banning("""':a"b''c'""")


def test_other_values_are_not_quoted() -> None:
    text = f"version: 1\nrooms:\n  no: {LOBBY}\nbans:\n- user_id: a\n  rooms: [no]\n  reason: 404\n  note: 2026-01-01\n"
    assert format_text(text) == text


def loaded(text: str, load: object) -> object:
    """What another tool makes of a text; its error where it makes nothing of it."""
    try:
        return load(text)  # type: ignore[operator]
    except (YAMLError, yaml.YAMLError, ValueError) as error:
        return error


def version_1_1(text: str) -> object:
    reader = YAML(typ="safe", pure=True)
    reader.version = "1.1"
    with catch_warnings(action="ignore"):  # of numbers that the two versions read differently
        return reader.load(text)


OTHERS = [yaml.safe_load, version_1_1, lambda text: YAML(typ="safe", pure=True).load(text), YAML(typ="safe").load]


@given(st.text("0123456789_+-.:,eExXoObBaAfF=~<yYnNosTZ ", min_size=1, max_size=12))
@settings(max_examples=1000)
@example("0o_7")
@example("1:2:3.4")
@example("2026-1-1 1:02:03.")
@example("=")
def test_every_tool_reads_the_user_ids_of_a_canonical_list_alike(user_id: str) -> None:
    text = banning(user_id)
    try:
        assume(users(text) == [user_id])
        formatted = format_text(text)
    except BanListInvalid:
        assume(False)
    for load in OTHERS:
        data = loaded(formatted, load)
        assert isinstance(data, dict), data
        assert data["bans"][0]["user_id"] == user_id


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_some_quoting_is_for_tools_that_are_not_here(text: str) -> None:
    # Ruby's Psych (symbols, commas, any case), Go's (short dates), YAML 1.1 by the letter: all others are misread here.
    read = [loaded(f"- {text}\n", load) for load in OTHERS]
    elsewhere = {"0O17", "1,000", "2026-1-1", "nULL", ":symbol"}
    assert is_ambiguous(text)
    assert (text in elsewhere) == all(value == [text] for value in read)


# Line ends and the end of the text


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        (f"{HEAD}bans: []", f"{HEAD}bans: []\n"),
        (f"{HEAD}bans: []\n\n \n \n", f"{HEAD}bans: []\n"),
        (f"{HEAD}bans: []   # nobody \t \n#\t\n", f"{HEAD}bans: []   # nobody\n#\n"),
        (f"{HEAD}bans: []\n".replace("\n", "\r\n"), f"{HEAD}bans: []\n"),
        (f"{HEAD}bans: []\n".replace("\n", "\r"), f"{HEAD}bans: []\n"),
        (f"{HEAD}\n  \n\nbans:  []\n", f"{HEAD}\n\n\nbans:  []\n"),
        (f"--- \n{HEAD}bans: []\n... \n\n", f"---\n{HEAD}bans: []\n...\n"),
        ("bans: \n-   user_id: 7  \n", 'bans:\n-   user_id: "7"\n'),
    ],
)
def test_lines_end_alike(text: str, formatted: str) -> None:
    assert format_text(text) == formatted


def test_a_byte_order_mark_goes() -> None:
    assert format_content(b"\xef\xbb\xbfbans: []\n") == b"bans: []\n"


@pytest.mark.parametrize(
    "note",
    [
        "'a  \n      b'",
        '"a\\ \n      b  \\\n      c"',
        "a  \n      b",
        "|\n      a  \n         \n      b",
        ">-  # folded\n      a  \n\n      b",
        "|+\n      a\n\n \n",
        "|2\n      a",
    ],
)
def test_the_inside_of_a_text_that_spans_lines_stays(note: str) -> None:
    text = f"bans:\n  - user_id: a\n    note: {note}\n  - user_id: b\n"
    assert format_text(text) == text


@pytest.mark.parametrize(
    ("end", "formatted"),
    [
        ("|\n    a", "|\n    a\n"),  # the line break at the end belongs to the text, even where it is missing
        ("|+\n    a", "|+\n    a\n"),
        (">2\n    a", ">2\n    a\n"),
        ("|2+\n    a", "|2+\n    a\n"),
        ("|-\n    a", "|-\n    a\n"),
        ("|\n    a\n\n\n", "|\n    a\n"),
        ("|-\n    a\n\n  ", "|-\n    a\n"),
        ("|+\n    a\n\n\n", "|+\n    a\n\n\n"),
        ("|\n    a  ", "|\n    a  \n"),
        ("|\n    a\n# end  \n\n", "|\n    a\n# end\n"),
        ("'a'\n\n", "'a'\n"),
    ],
)
def test_a_block_of_text_at_the_end_says_the_same(end: str, formatted: str) -> None:
    before, after = (f"bans:\n- user_id: a\n  note: {value}" for value in (end, formatted))
    assert format_text(before) == after
    assert yamltext.read(before.encode()).data == yamltext.read(after.encode()).data


def test_a_long_run_of_spaces_is_looked_at_once() -> None:
    text = f"bans: []  # a{' ' * 200_000}b\n"
    assert format_text(text) == text


# Sorting


UNSORTED = """\
version: 1
rooms: all-of-them
# About all bans.
bans:  # here

  # About c.
  # More about c.
  - user_id: c   # beside c
    rooms: [lobby]
    # inside c

    # still inside c
  # Below c, above a blank line.

  # About a.
  -
    # inside a
    rooms: [lobby]
    user_id: a

  - {rooms: [lobby],
     user_id: b}  # beside b
  # About 10.
  - user_id: 10
    note: |
      # no comment

      text
    rooms: [lobby]
    # inside 10

    # at the end of 10
  # At the end.

# Below.
guardrails: {}
""".replace("all-of-them", f"{{lobby: {LOBBY}}}")

SORTED = """\
version: 1
rooms: all-of-them
# About all bans.
bans:  # here

  # About 10.
  - user_id: "10"
    note: |
      # no comment

      text
    rooms: [lobby]
    # inside 10

    # at the end of 10

  # About a.
  -
    # inside a
    rooms: [lobby]
    user_id: a

  - {rooms: [lobby],
     user_id: b}  # beside b
  # About c.
  # More about c.
  - user_id: c   # beside c
    rooms: [lobby]
    # inside c

    # still inside c
  # Below c, above a blank line.
  # At the end.

# Below.
guardrails: {}
""".replace("all-of-them", f"{{lobby: {LOBBY}}}")


def test_sorting_takes_the_comments_along_and_leaves_the_blank_lines() -> None:
    assert format_text(UNSORTED, sort=True) == SORTED
    assert format_text(UNSORTED) == UNSORTED.replace("user_id: 10", 'user_id: "10"')


def test_entries_of_one_user_keep_their_order() -> None:
    b, a, a_too = (f"- user_id: {user}\n  rooms: [{room}]\n" for user, room in (("b", "x"), ("a", "z"), ("a", "y")))
    assert format_text(f"bans:\n{b}{a}{a_too}", sort=True) == f"bans:\n{a}{a_too}{b}"


def test_user_ids_are_sorted_as_they_are_read_by_code_point() -> None:
    text = format_text(banning("é", "b", "'B'", '"\\u0061"', "10", "9", "😀"), sort=True)
    assert users(text) == ["10", "9", "B", "a", "b", "é", "😀"]


@pytest.mark.parametrize("last", ["|+\n    x\n\n\n", "|\n    x", "|\n    x\n\n\n", ">-\n    x\n\n# end\n"])
def test_a_block_of_text_says_the_same_wherever_its_entry_goes(last: str) -> None:
    text = f"bans:\n- user_id: b\n\n\n- user_id: c\n\n- user_id: a\n  note: {last}"
    formatted = format_text(text, sort=True)
    assert users(formatted) == ["a", "b", "c"]
    assert format_text(formatted, sort=True) == formatted


def test_blank_lines_below_a_block_of_text_stay_between_the_entries() -> None:
    assert format_text("bans:\n- user_id: b\n  note: |\n    x\n\n\n- user_id: a\n", sort=True) == (
        "bans:\n- user_id: a\n\n\n- user_id: b\n  note: |\n    x\n"
    )


def test_sorting_works_up_to_what_ends_the_document() -> None:
    assert format_text("---\nbans:\n- user_id: b\n- user_id: a\n...\n# end\n", sort=True) == (
        "---\nbans:\n- user_id: a\n- user_id: b\n...\n# end\n"
    )


@pytest.mark.parametrize(
    "text",
    ["bans: [{user_id: b}, {user_id: a}]\n", "? bans\n: - user_id: b\n  - user_id: a\n", "bans: [{user_id: b}]\n"],
)
def test_what_cannot_be_sorted_as_it_is_written_is_said_with_its_place(text: str) -> None:
    if text.count("user_id") == 1:
        assert format_text(text, sort=True) == text
        return
    assert format_text(text) == text
    with pytest.raises(
        BanListInvalid, match=r"b.yaml:\d:\d: bans: entries can be sorted only if each begins with `- `"
    ):
        format_text(text, "b.yaml", sort=True)


# What must hold for every list


@st.composite
def commented_texts(draw: st.DrawFn) -> str:
    """A ban list with spaces and comments wherever YAML allows them at the ends of lines and between entries."""
    text, _ = draw(ban_list_texts())
    lines = text.replace("\r\n", "\n").split("\n")
    for number in range(len(lines)):
        if number + 1 < len(lines) and re.search(r"(: [|>]-|\\)$", lines[number]):
            continue
        added = draw(st.sampled_from(["", "", "", "  ", " # beside ", "\t", "\n", "\n\n# alone", "\n   # deep\n"]))
        lines[number] += f"{added}{number}" if "#" in added else added
    return draw(st.sampled_from(["\n", "\r\n"])).join("\n".join(lines).split("\n"))


sound_texts = st.one_of(ban_list_texts().map(lambda case: case[0]), commented_texts(), damaged_texts())


def sound(text: str) -> Document:
    try:
        return banlist.read_alone(text.encode())
    except (BanListInvalid, UnicodeEncodeError):
        assume(False)
        raise


@given(sound_texts, st.booleans())
@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@example("bans:\n- user_id: a\n  note: |+\n   x\n   \n", False)
@example("bans:\n- user_id: b\n  note: |+\n   x\n\n- user_id: a\n\n   # deep", True)
@example("bans:\n- user_id: b\n- user_id: a\n  note: |-\n   x\n\n\n   # deep", True)
@example("bans:\n- user_id: b # x\n  ? note\n  :\n- user_id: a\n", True)
@example("bans: \n - user_id: b\n# x\n - user_id: 'a\n - user_id'\n", True)
def test_the_canonical_form_says_the_same_and_is_its_own(text: str, sort: bool) -> None:
    before = sound(text)
    try:
        formatted = format_text(text, sort=sort)
    except BanListInvalid:
        assert sort
        assert "[" in text or "?" in text  # entries that do not begin their lines
        return
    after = sound(formatted)
    if not sort:
        assert (after.data, after.empty) == (before.data, before.empty)
    assert isinstance(before.data, dict)
    assert isinstance(after.data, dict)
    assert {**before.data, "bans": None} == {**after.data, "bans": None}
    assert isinstance(before.data["bans"], list)
    in_order = sorted(before.data["bans"], key=lambda entry: entry["user_id"])  # type: ignore[index,call-overload,arg-type,return-value]
    assert after.data["bans"] == (in_order if sort else before.data["bans"])
    assert format_text(formatted, sort=sort) == formatted
    assert formatted.endswith("\n")
    assert "\r" not in formatted
    assert format_text(text, sort=sort, pure=True) == formatted
    assert comments(formatted) == comments(text)


@given(ban_list_texts())
@settings(max_examples=300)
def test_nothing_changes_but_quotes_and_line_ends(case: tuple[str, list[str]]) -> None:
    def bare(text: str) -> str:
        return re.sub(r'["\s]', "", text)

    text, _ = case
    formatted = format_text(text)
    assert bare(formatted) == bare(text)
    assert len(formatted.splitlines()) == len(text.rstrip().splitlines())


@st.composite
def entries_with_comments(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A part of a ban list in which each comment and each note names the user to whom it belongs."""
    ids = draw(st.lists(st.sampled_from("abcdefgh"), min_size=2, unique=True))
    indent = draw(st.sampled_from(["", "  "]))
    text = "bans:\n" + draw(st.sampled_from(["", "\n"]))
    for user_id in ids:
        text += draw(st.sampled_from(["", "# {}\n", "{i}# {}\n{i}# {} more\n"]))
        first, *others = draw(st.permutations(["user_id: {}{}", "note: >-\n{i}    {}\n\n{i}    # {}"]))
        text += f"{{i}}- {first}\n" + "".join(f"{{i}}  {other}\n" for other in others)
        text += draw(st.sampled_from(["", "{i}  # {}\n", "{i}   # {}\n\n{i}  # {}\n"]))
        text += draw(st.sampled_from(["", "\n", "# {} below\n\n", "\n\n"])) if user_id != ids[-1] else ""
        beside = draw(st.sampled_from(["", "  # {}"]))
        text = text.replace("{}{}", "{}" + beside).replace("{}", user_id).replace("{i}", indent)
    return text, ids


@given(entries_with_comments())
@settings(max_examples=300)
def test_sorted_comments_stay_with_their_entry(case: tuple[str, list[str]]) -> None:
    text, ids = case
    formatted = format_text(text, sort=True)
    named = re.findall(r"(?:# |user_id: |^ +)([a-h])\b", formatted, re.MULTILINE)
    assert list(dict.fromkeys(named)) == sorted(ids)
    assert named == sorted(named)
    assert Counter(text.splitlines()) - Counter([""]) == Counter(formatted.splitlines()) - Counter([""])


# What is refused


def test_a_list_with_problems_is_refused_as_validate_does() -> None:
    text = banning("a").replace("lobby]", "loby]") + "  - user_id:\n    rooms: [lobby]\n    raeson: x\n"
    with pytest.raises(BanListInvalid) as refused:
        format_text(text, "lists/b.yaml")
    with pytest.raises(BanListInvalid) as validated:
        banlist.parse(text.encode(), "lists/b.yaml")
    assert refused.value.problems == validated.value.problems
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bans:\n- user_id: a\n  note: 'x\n", "b.yaml:3:9: a quote opens here"),
        ("bans: [{user_id: a}, {note: x}]\n", r"b.yaml:1:22: bans\[1\].user_id: missing"),
        ("bans:\n- user_id: a\n  raeson: x\n", r"b.yaml:3:3: bans\[0\].raeson: there is no such key"),
        ("bans:\n- user_id: a\n  expires_at:\n", r"b.yaml:3:3: bans\[0\].expires_at: has no value"),
        ("bans:\n- user_id: a\n- &x user_id: b\n", "b.yaml:3:3: .*anchor"),
        ("bans:\n", "b.yaml:1:1: bans: has no value"),
        ("bans: []\nrooms: {}\n", "b.yaml:1:1: version: missing"),
        ("bans: []\n---\nbans: []\n", "b.yaml:2:1: a second document"),
    ],
)
def test_a_part_of_a_list_is_checked_as_far_as_it_goes(text: str, problem: str) -> None:
    with pytest.raises(BanListInvalid, match=problem):
        format_text(text, "b.yaml")


def test_a_list_is_formatted_without_the_files_that_it_includes() -> None:
    text = "version: 1\ninclude: [missing/*.yaml]\n"
    assert format_text(text, sort=True) == text
    assert format_text(f"{text}bans:\n- user_id: 7\n  rooms: [{LOBBY}]\n").endswith(f'"7"\n  rooms: [{LOBBY}]\n')
    with pytest.raises(BanListInvalid, match=r"bans\.yaml:3:1: bans: has no value"):
        format_text(f"{text}bans:\n")


def test_rooms_of_a_part_are_named_elsewhere() -> None:
    text = "bans:\n- user_id: a\n  rooms: [lobby]\n- user_id: b\n  rooms: all\n- user_id: c\n"
    assert format_text(text) == text


@pytest.mark.parametrize(
    "edited", ["version: 1\nbans: []\n", banning("a") + "x", banning("124"), banning("'123 '"), banning("&x 123")]
)
def test_a_form_that_would_not_say_the_same_is_never_given(edited: str) -> None:
    with (
        patch("reconciler.banlist.format.spliced", return_value=edited),
        pytest.raises(FormattingUnsafe, match=r"^b\.yaml: formatting it would change what it means"),
    ):
        format_text(banning("123"), "b.yaml")
