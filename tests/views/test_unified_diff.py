"""Unified diffs: what they show, and that they say how to get from one text to the other."""

import re
from difflib import unified_diff

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.views import unified_diff as ours
from reconciler.views.unified_diff import unified

lines = st.lists(st.sampled_from(["a", "b", "c", "d", "", "- e"]), max_size=30)
texts = st.builds(lambda lines, end: "\n".join(lines) + end, lines, st.sampled_from(["\n", ""]))


def patched(before: str, shown: str) -> str:
    """What a diff makes of a text."""
    old = [line + "\n" for line in before.split("\n")]
    old[-1] = old[-1][:-1]
    new: list[str] = []
    at = 0
    last = ""
    for line in shown.splitlines()[2:]:
        if head := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            start = int(head[1]) - (head[2] != "0")
            new += old[at:start]
            at = start
            assert len(new) == int(head[3]) - (head[4] != "0")
        elif line.startswith("\\"):
            if last in " +":
                new[-1] = new[-1][:-1]
        else:
            last = line[0]
            if last in " -":
                assert old[at].rstrip("\n") == line[1:]
                at += 1
            if last in " +":
                new.append(line[1:] + "\n")
    return "".join(new + old[at:])


@pytest.mark.parametrize("closely", [0, 4, 400])
@given(before=texts, after=texts)
@example(before="a\n", after="")
@example(before="", after="a")
def test_a_diff_leads_from_one_text_to_the_other(closely: int, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "_CLOSELY", closely)
        shown = unified(before, after, "x")
    assert (shown == "") == (before == after)
    assert patched(before, shown) == after


@given(before=texts, after=texts)
def test_short_texts_are_compared_no_worse_than_difflib_does(before: str, after: str) -> None:
    def changed(lines: list[str]) -> int:
        return sum(line[:1] in ("+", "-") for line in lines[2:])

    usual = changed(list(unified_diff(before.splitlines(True), after.splitlines(True))))
    assert changed(unified(before, after, "x").splitlines()) <= max(2 * usual, usual + 4)


def test_what_a_line_holds_is_shown_safely() -> None:
    shown = unified("a\r\n\x1b[2J\n::error::\n", "a\n\u202e\n##[error]\n", "b\x07.yaml", colour=True)
    assert not set(shown) & {"\r", "\x07", "\u202e"}
    assert re.sub("\x1b\\[[0-9]+m", "", shown) == (
        "--- b\\x07.yaml\n+++ b\\x07.yaml (formatted)\n@@ -1,3 +1,3 @@\n"
        "-a\\x0d\n-\\x1b[2J\n-::error::\n+a\n+\\u202e\n+#\\x23[error]\n"
    )


def test_a_long_text_in_which_every_entry_changes_is_compared_in_proportion_to_it() -> None:
    before = "".join(f"- user_id: {number}\n  rooms: all\n" for number in range(20_000))
    after = "".join(f'- user_id: "{number}"\n  rooms: all\n' for number in range(20_000))
    shown = unified(before, after, "x").splitlines()[3:]
    assert shown[:6] == [
        *("-- user_id: 0", '+- user_id: "0"', "   rooms: all"),
        *("-- user_id: 1", '+- user_id: "1"', "   rooms: all"),
    ]
    assert len(shown) == 60_000
