"""What changes in a text, as a unified diff for a terminal or a log. Everything that the texts hold is escaped."""

from difflib import Match, SequenceMatcher
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape

_RED, _GREEN, _CYAN = 31, 32, 36
_CONTEXT: Final = 3  # lines
_WHOLE: Final = 400  # lines; texts of no more are compared as a whole, which takes 0.6 s at worst
_WINDOW: Final = 40  # lines of a longer text that are compared at a time


def unified(before: str, after: str, name: str, *, colour: bool = False) -> str:
    r"""How one text becomes another; empty when they are the same.

    A line that ended with CRLF and now ends with LF has changed, and shows its `\x0d`. Long texts are compared a window
    at a time, so a line that has moved to another window shows up in each window between the two.

    Args:
        before: the old text.
        after: the new text.
        name: the file that both are versions of.
        colour: with ANSI colours.
    """
    if before == after:
        return ""
    old, new = _lines(before), _lines(after)
    shown = escape.terminal(name)
    lines = [_coloured(f"--- {shown}", 0, colour=colour), _coloured(f"+++ {shown} (formatted)", 0, colour=colour)]
    for hunk in _Windows(old, new).get_grouped_opcodes(_CONTEXT):
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
    """The lines of a hunk as `diff -u` writes them; if there are none, the line before them."""
    if end - start == 1:
        return f"{start + 1}"
    return f"{start + (end > start)},{end - start}"


def _shown(sign: str, line: str, code: int, *, colour: bool) -> str:
    content = line.removesuffix("\n")
    # A workflow command still works after the space that begins an unchanged line.
    shown = escape.terminal(content) if sign.strip() else escape.line(content)
    text = _coloured(sign + shown, code, colour=colour)
    return text if line.endswith("\n") else f"{text}\n\\ No newline at end of file"


def _coloured(text: str, code: int, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


class _Windows(SequenceMatcher[str]):
    """difflib's matcher, which takes time in proportion to the square of a text, on one window after the other."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        super().__init__(None, "", "")
        self._old, self._new = old, new

    @override
    def get_matching_blocks(self) -> list[Match]:
        longest = max(len(self._old), len(self._new))
        size = _WHOLE if longest <= _WHOLE else _WINDOW
        blocks = [Match(0, 0, 0)]
        for start in range(0, longest, size):
            old, new = self._old[start : start + size], self._new[start : start + size]
            for i, j, length in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
                last = blocks[-1]
                if (last.a + last.size, last.b + last.size) == (start + i, start + j):
                    blocks[-1] = Match(last.a, last.b, last.size + length)
                else:
                    blocks.append(Match(start + i, start + j, length))
        return [*blocks, Match(len(self._old), len(self._new), 0)]
