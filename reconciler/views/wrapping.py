"""Text broken into lines at words, for a terminal that is narrower than the text."""

import re
import unicodedata
from typing import Final

# A command in backticks is one word: it is there to be copied.
_WORD: Final = re.compile(r"(\s*)(`[^`]*`\S*|\S+)")


def wrapped(text: str, width: int | None, *, used: int = 0, indent: str = "  ") -> str:
    """A line of escaped text as lines, of which all but the first are indented. A word that is too long stays whole.

    Args:
        text: without line breaks.
        width: cells of a line; None breaks nothing.
        used: cells that the first line has already.
        indent: of the others.
    """
    if width is None or used + _cells(text) <= width:
        return text
    lines: list[str] = []
    line, free = "", width - used
    for gap, word in _WORD.findall(text):
        if line and _cells(line) + len(gap) + _cells(word) > free:
            lines.append(line)
            line, free = indent + word, width
        else:
            line += gap + word
    return "\n".join([*lines, line])


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
