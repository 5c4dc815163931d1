"""Warnings that somebody has looked at: the value's line ends with `# reconciler: ok`."""

import re
from collections.abc import Collection
from typing import Final

from ruamel.yaml.events import ScalarEvent

from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Document, Noted, Path

_SIGN: Final = re.compile(rb"(?m) # *reconciler: *ok *$")


def silenced(document: Document, lines: Collection[int]) -> frozenset[Path]:
    """The paths of the texts that end on these lines, found by reading the text once more."""
    return frozenset(
        path
        for path, _, event in walk(document)
        if path is not None and event.__class__ is ScalarEvent and Noted.of(event).last_line in lines
    )


def marked_lines(content: bytes) -> set[int]:
    """The lines that end with the comment, counted from 1."""
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines: set[int] = set()
    number, counted = 1, 0
    for sign in _SIGN.finditer(content):
        number += content.count(b"\n", counted, sign.start())
        counted = sign.start()
        lines.add(number)
    return lines
