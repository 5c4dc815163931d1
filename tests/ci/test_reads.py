"""Which files make up a list, told from its text: never fewer than those that are read."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.banlist import read as banlist
from reconciler.banlist.value import NotIncluded
from reconciler.ci.reads import files_of, leads_to
from reconciler.errors import BanListInvalid
from reconciler.starter import starter
from tests.builders import LOBBY
from tests.yaml_texts import ban_list_texts, damaged_texts, soups

ROOT = Path(__file__).parents[2]
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n"


def included_by(text: str) -> Sequence[str]:
    """The patterns that the reader of lists asks for, whatever is wrong with the rest of the list."""
    asked: list[str] = []

    def find(patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]] | NotIncluded]:
        asked.extend(patterns)
        return [[] for _ in patterns]

    with suppress(BanListInvalid):
        banlist.read_whole(text.encode("utf-8", "surrogatepass"), "bans.yaml", find=find)
    return asked


@pytest.mark.parametrize(
    ("lines", "included"),
    [
        ("bans: []\n", []),
        ("include: [bans.d/*.yaml]\n", ["bans.d/*.yaml", "bans.d/*.yml"]),
        ("include:\n  - bans.d/*.yml\nbans: []\n", ["bans.d/*.yml", "bans.d/*.yaml"]),
        ("include:\n- a.txt\n\n# more\n- 'b c/d.txt' # theirs\nbans: []\n", ["a.txt", "b c/d.txt"]),
        ("include: [\"a.txt\",\n  'b.txt',]\r\nbans: []\r\n", ["a.txt", "b.txt"]),
        ("include: [équipe/*.txt]", ["équipe/*.txt"]),
        ("include: [\n  a.txt,\n  b.txt\n]\n", ["a.txt", "b.txt"]),
    ],
)
def test_what_a_list_includes_is_read_from_it(lines: str, included: list[str]) -> None:
    assert files_of("bans.yaml", f"---\n{HEAD}{lines}") == ("bans.yaml", *included, "bans.state.json*")
    assert files_of("eu/bans.yaml", HEAD + lines) == (
        "eu/bans.yaml", *(f"eu/{path}" for path in included), "eu/bans.state.json*"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("state: states/eu.json # ours", ["eu/states/eu.json*"]),
        ("state: '../state.json'", ["state.json*"]),
        ("state: s3://bucket/key.json", []),
        ("state: ./a.json", ["eu/a.json*"]),
    ],
)
def test_the_state_of_a_list_and_what_is_beside_it_belong_to_it(line: str, kept: list[str]) -> None:
    assert files_of("eu/bans.yaml", f"{HEAD}{line}\nbans: []\n") == ("eu/bans.yaml", *kept)


@pytest.mark.parametrize(
    "text",
    [
        "{version: 1, include: [a.yaml]}\n",
        '"include": [a.yaml]\n',
        '"incl\\u0075de": [a.yaml]\n',
        "? include\n: [a.yaml]\n",
        "  version: 1\n  include: [a.yaml]\n",
        "version: 1\n---\ninclude: [a.yaml]\n",
        "version: 1\u2028include: [a.yaml]\n",
        "version: 1\x85include: [a.yaml]\n",
        "version: 1\rinclude: [a.yaml]\n",
        "\ufeffinclude: [a.yaml]\n",
        "include : [a.yaml]\n",
        "include:\t[a.yaml]\n",
        "include: &a [a.yaml]\n",
        'include: ["\\u0061.yaml"]\n',
        "include: [a.yaml, [b.yaml]]\n",
        "include:\n  - a.yaml\n    b.yaml\n",
        "include:\n  - >-\n    a.yaml\n",
        "include: a.yaml\nbans: []\n",
        "include:\nbans: []\n",
        "state: [a]\n",
        "state: >-\n  a\n",
        "state: 'it''s.json'\n",
        "state:\nbans: []\n",
        "- include: [a.yaml]\n",
    ],
)
def test_a_text_that_may_mean_more_tells_nothing(text: str) -> None:
    assert files_of("bans.yaml", text) is None


def test_a_path_of_a_list_is_no_pattern() -> None:
    assert files_of("a[1]/bans.yaml", "include: [b.txt]\nstate: s.json\n") == (
        "a[[]1]/bans.yaml", "a[[]1]/b.txt", "a[[]1]/s.json*"
    )  # fmt: skip
    assert leads_to("a[1]/bans.yaml", "a[[]1]/bans.yaml")


# Heads of lists, line by line: some of them include files, in one way or another.
USUAL = [
    *("bans: []", "bans:", "- user_id: zed", "  rooms: [lobby]", "# include: [x.yaml]", "", "state: x.json"),
    *(
        "include: [a.yaml, b/*.yml]",
        "include:",
        "- a.yaml",
        "  - 'b.yaml'",
        '    - "c.yaml" # c',
        "include: [a.yaml] #",
    ),
]
ODD = [
    *("include: [", "  a.yaml,", "]", "include: 'a", "b'", 'include: ["d.yaml"', "  - a.yaml: b", "  - - a.yaml", "-"),
    *("state: |", "  x", "note: 'one", "two'", 'note: "', '"', "include: []", "include: a.yaml", "  ", "\t", "]", "}"),
    *("'include': [e.yaml]", '"\\u0069nclude": [e.yaml]', "? include", ": [e.yaml]", "{include: [e.yaml]}", "---"),
    *("  version: 1", "  include: [f.yaml]", " include:", "include :", "include:  [g.yaml]  ", "defaults: {", "!!map"),
]
lines = st.tuples(
    st.one_of(*[st.sampled_from(USUAL)] * 3, st.sampled_from(ODD)),
    st.sampled_from([*["\n"] * 20, "\r\n", "\r", "\x85", "\u2028"]),
)
heads = st.lists(lines, max_size=8).map(lambda lines: "version: 1\n" + "".join(map("".join, lines)))


@given(st.one_of(heads, damaged_texts(), soups, ban_list_texts().map(lambda case: case[0])))
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@example("version: 1\ninclude: [a.yaml]\nbans: []\n")
def test_nothing_that_the_reader_includes_is_left_out(text: str) -> None:
    said = files_of("bans.yaml", text)
    if said is not None:
        assert not [pattern for pattern in included_by(text) if pattern not in said], text


@pytest.mark.parametrize("text", [starter({}), starter({"lobby": LOBBY}), (ROOT / "bans.yaml").read_text()])
def test_the_lists_that_people_begin_with_tell(text: str) -> None:
    assert files_of("bans.yaml", text) == ("bans.yaml", "bans.state.json*")


@pytest.mark.parametrize(
    ("path", "pattern", "leads"),
    [
        ("bans.d/eu.yaml", "bans.d/*.yaml", True),
        ("bans.d", "bans.d/*.yaml", True),
        ("bans.d/eu/x.yaml", "bans.d/*.yaml", False),
        ("bans.d/eu.yaml.orig", "bans.d/*.yaml", False),
        ("docs/bans.yaml", "bans.yaml", False),
        ("README.md", "*.yaml", False),
        ("bans.state.json.journal", "bans.state.json*", True),
    ],
)
def test_a_path_leads_to_what_it_is_a_part_of(path: str, pattern: str, *, leads: bool) -> None:
    assert leads_to(path, pattern) is leads
