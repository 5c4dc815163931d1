"""Lines that are not indented deeper than what they belong to: YAML forbids them, and the parsers read them.

YAML 1.2.2 wants every line of a quoted text, and of a list or mapping in brackets, to be indented deeper than the block
around it (6.1, 7.3, 7.4). Every parser lets the bracket that closes a value stand right below its key, and so do we.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from reconciler.yamltext.events import Event

_LINE_BREAK: Final = re.compile(rb"\r\n?|\n")
_INDENT: Final = re.compile(rb"( *)([^\r\n]?)")


class Indentation:
    """The indentation of the lines of a text.

    Args:
        content: the text.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._breaks = _LINE_BREAK.finditer(content)
        self._starts = [0]  # of the lines that were needed so far
        self._found: set[int] = set()

    @cached_property
    def ends_in_spaces(self) -> bool:
        """Whether the last line that is not empty holds nothing but spaces."""
        lines = self._content.rstrip(b"\r\n")
        text = lines.rstrip(b" ")
        return len(text) < len(lines) and text[-1:] in (b"\r", b"\n")

    def too_small(self, first: Event, last: Event, around: int) -> Iterator[tuple[int, int, bool]]:
        """The lines of a value that are not indented deeper than the block at the column `around`, each found once.

        Args:
            first: the event that begins the value.
            last: the event that ends it.
            around: the column of the block around it.

        Yields:
            The number of a line, counted from 0, how many spaces it begins with, and whether a tab follows them.
        """
        begin, end = first.start_mark, last.end_mark
        is_text = first is last
        if is_text and first.style in ("|", ">"):  # how its lines are indented says where it ends
            end = begin
        for line in range(begin.line + (begin.column > around), end.line + 1):
            spaces, sign = self._indent(line)
            if spaces > around or not sign or line in self._found:
                continue
            if not is_text and (sign == b"#" or (spaces == around == last.start_mark.column and line == end.line)):
                continue  # a comment, or the bracket that closes the value
            self._found.add(line)
            yield line, spaces, sign == b"\t"

    def _indent(self, line: int) -> tuple[int, bytes]:
        """How many spaces a line begins with, and what follows them."""
        while len(self._starts) <= line:
            self._starts.append(next(self._breaks).end())
        indent = _INDENT.match(self._content, self._starts[line])
        return (len(indent[1]), indent[2]) if indent else (0, b"")
