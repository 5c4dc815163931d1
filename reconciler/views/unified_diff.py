"""What changes in a text, as a unified diff for a terminal or a log. Everything that the texts hold is escaped."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape

_RED, _GREEN, _CYAN = 31, 32, 36
_CONTEXT: Final = 3  # lines
_CLOSELY: Final = 400  # lines at most that difflib compares, which takes their square

_Opcode = tuple[str, int, int, int, int]  # as difflib has them


def unified(before: str, after: str, name: str, *, change: str = "formatted", colour: bool = False) -> str:
    r"""How one text becomes another; empty when they are the same.

    A line that ended with CRLF and now ends with LF has changed, and shows its `\x0d`. Takes time in proportion to the
    texts, so where very many lines have moved it may show more of them than it had to.

    Args:
        before: the old text.
        after: the new one.
        name: the file that both are of.
        change: what makes one text of the other.
        colour: with ANSI colours.
    """
    old, new = _lines(before), _lines(after)
    hunks = list(_Matcher(old, new).get_grouped_opcodes(_CONTEXT)) if before != after else []
    if not hunks:
        return ""
    shown = escape.terminal(name)
    lines = [_coloured(f"--- {shown}", 0, colour=colour), _coloured(f"+++ {shown} ({change})", 0, colour=colour)]
    for hunk in hunks:
        first, last = hunk[0], hunk[-1]
        head = f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        lines.append(_coloured(head, _CYAN, colour=colour))
        for tag, old_start, old_end, new_start, new_end in hunk:
            if tag == "equal":
                lines += [_shown(" ", line, 0, colour=colour) for line in old[old_start:old_end]]
                continue
            lines += [_shown("-", line, _RED, colour=colour) for line in old[old_start:old_end]]
            lines += [_shown("+", line, _GREEN, colour=colour) for line in new[new_start:new_end]]
    return "\n".join(lines) + "\n"


def _lines(text: str) -> list[str]:
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _range(start: int, end: int) -> str:
    """Lines of a hunk, as `diff -u` writes them: of none, the line before is named."""
    if end - start == 1:
        return f"{start + 1}"
    return f"{start + (end > start)},{end - start}"


def _shown(sign: str, line: str, code: int, *, colour: bool) -> str:
    said = line.removesuffix("\n")
    # Behind the space of a line that stays, a workflow command would still be one.
    shown = escape.terminal(said) if sign.strip() else escape.line(said)
    text = _coloured(sign + shown, code, colour=colour)
    return text if line.endswith("\n") else f"{text}\n\\ No newline at end of file"


def _coloured(text: str, code: int, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


class _Matcher(SequenceMatcher[str]):
    """difflib's grouping, on a comparison that does not take the square of the number of lines.

    A line that is unique in both texts is the same line in both, if it comes in the same order ("patience diff").
    Between two of these, a few lines are compared by difflib, and many one by one.
    """

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, "", "")
        self.old, self.new = old, new

    @override
    def get_opcodes(self) -> list[_Opcode]:  # type: ignore[override]
        merged: list[_Opcode] = []
        for tag, start, end, new_start, new_end in self._opcodes():
            if merged and merged[-1][0] == tag == "equal":
                _, before, _, new_before, _ = merged.pop()
                merged.append(("equal", before, end, new_before, new_end))
            else:
                merged.append((tag, start, end, new_start, new_end))
        return merged

    def _opcodes(self) -> Iterator[_Opcode]:
        i = j = 0
        for anchor_i, anchor_j in [*_anchors(self.old, self.new), (len(self.old), len(self.new))]:
            yield from self._between(i, anchor_i, j, anchor_j)
            i, j = anchor_i, anchor_j

    def _between(self, i: int, i_end: int, j: int, j_end: int) -> Iterator[_Opcode]:
        if i_end - i == j_end - j and self.old[i:i_end] == self.new[j:j_end]:
            yield "equal", i, i_end, j, j_end
        elif i_end - i + j_end - j <= _CLOSELY:
            matcher = SequenceMatcher(None, self.old[i:i_end], self.new[j:j_end], autojunk=False)
            for tag, a, a_end, b, b_end in matcher.get_opcodes():
                yield tag, i + a, i + a_end, j + b, j + b_end
        elif i_end - i == j_end - j:
            for step in range(i_end - i):
                tag = "equal" if self.old[i + step] == self.new[j + step] else "replace"
                yield tag, i + step, i + step + 1, j + step, j + step + 1
        else:
            yield "replace", i, i_end, j, j_end


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Where lines that are unique in both texts are: the longest run of them that is in the same order in both."""
    once_old = {line for line, count in Counter(old).items() if count == 1}
    once_new = {line for line, count in Counter(new).items() if count == 1}
    places = {line: index for index, line in enumerate(new) if line in once_new}
    pairs = [(i, places[line]) for i, line in enumerate(old) if line in once_old and line in places]
    tails: list[int] = []  # the least end of a rising run, by its length less one
    tops: list[int] = []  # which pair that end is
    before: list[int] = []
    for number, (_, j) in enumerate(pairs):
        length = bisect_left(tails, j)
        before.append(tops[length - 1] if length else -1)
        tails[length : length + 1] = [j]
        tops[length : length + 1] = [number]
    run: list[tuple[int, int]] = []
    number = tops[-1] if tops else -1
    while number >= 0:
        run.append(pairs[number])
        number = before[number]
    return run[::-1]
