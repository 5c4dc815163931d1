"""Lines that fit a terminal: how wide a text is there, and where it breaks."""

import re
from collections.abc import Iterator
from typing import Final

# Where a line may end. What follows is never `::`, which would begin a workflow command at the start of a line.
_GAP: Final = re.compile(r"( +)(?! |::)")


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
    words = _GAP.split(line)
    part, used = words[0], cells(words[0])
    for gap, word in zip(words[1::2], words[2::2], strict=True):
        more = cells(word)
        if used + len(gap) + more > width and part.strip():
            yield part
            part, used = indent + word, len(indent) + more
        else:
            part, used = part + gap + word, used + len(gap) + more
    yield part


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
