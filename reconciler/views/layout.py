"""Lines that fit a terminal: how wide a text is there, and where it breaks."""

import re
from collections.abc import Iterator
from typing import Final

# What is quoted in backticks, such as a command, is one word: it is there to be copied.
_WORD: Final = re.compile(r"( *)(`[^`]+`[^ ]*|[^ ]+)")
_SHORT_WORD: Final = re.compile(r"( *)([^ ]+)")


def cells(text: str) -> int:
    """The width of an escaped text on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only lists in other scripts need it

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """`text` with spaces up to a width in cells."""
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int | None) -> str:
    """Text whose lines end between words, to fit a terminal; a line that continues another is indented as that one is.

    A word that is wider than the terminal, such as an address, stays whole, so that it can be copied.

    Args:
        text: escaped, without colours.
        width: cells of a line; None changes nothing.
    """
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> Iterator[str]:
    indent = line[: len(line) - len(line.lstrip(" "))]
    yield from broken(line, width, indent) if cells(line) > width else [line]


def broken(line: str, width: int, indent: str = "") -> Iterator[str]:
    """One line as several that fit a width in cells, each after the first behind `indent`."""
    part, used = "", 0
    for gap, word in _words(line, width):
        more = cells(word)
        # At the start of a line, `::` would begin a workflow command.
        if part and used + len(gap) + more > width and not word.startswith("::"):
            yield part
            part, used = indent + word, len(indent) + more
        else:
            part, used = part + gap + word, used + len(gap) + more
    yield part


def _words(line: str, width: int) -> Iterator[tuple[str, str]]:
    """The words of a line, each with the spaces before it."""
    for match in _WORD.finditer(line):
        if " " in match[2] and cells(match[2]) > width:
            yield from _SHORT_WORD.findall(match[0])
        else:
            yield match[1], match[2]


def folded(text: str, width: int) -> str:
    """Text in which a space is put into each word that is wider than so many cells, for `broken`."""
    if all(cells(word) <= width for word in text.split(" ")):
        return text
    return " ".join(piece for word in text.split(" ") for piece in _pieces(word, width))


def _pieces(word: str, width: int) -> Iterator[str]:
    piece, used = "", 0
    for character in word:
        more = cells(character)
        if piece and used + more > width:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + more
    yield piece
