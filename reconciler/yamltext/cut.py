"""Texts of which YAML takes a part for a comment: who writes `player #7` without quotes bans `player`."""

import re
from collections.abc import Iterator
from typing import Final

from ruamel.yaml.events import ScalarEvent

from reconciler.yamltext import advice
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Document, Fault, Mark

# A line on which an unquoted text in somebody's words may end in a `#` that begins a comment with no space after it.
_CUT: Final = rb"[ -]*(?:user_id|reason|note) *: +(?![\"'\[{|>#&*!@`%])(?:(?! #)[^\r\n])*+ #[^ #\t\r\n]"


def cut_texts(content: bytes, document: Document) -> Iterator[Fault]:
    """A fault for each text that a comment cuts short."""
    lines = _lines_that_may_be_cut(content)
    if not lines:
        return
    for path, _, event in walk(document):
        if path is None or event.__class__ is not ScalarEvent or not event.implicit[0] or not event.value:
            continue
        line = lines.get(event.end_mark.line)
        if line is not None and event.start_mark.line == event.end_mark.line:
            column = line.find("#", event.end_mark.column)
            yield Fault(Mark(event.end_mark.line + 1, column + 1), path, advice.CUT)


def _lines_that_may_be_cut(content: bytes) -> dict[int, str]:
    """These lines by their number, counted from 0."""
    found: dict[int, str] = {}
    number = counted = 0
    pattern = re.compile(_CUT)
    at = content.find(b" #")
    while at >= 0:
        start = content.rfind(b"\n", 0, at) + 1
        end = content.find(b"\n", at)
        if pattern.match(content, start):
            number += content.count(b"\n", counted, start)
            counted = start
            found[number] = content[start : end if end >= 0 else None].decode()
        at = content.find(b" #", end) if end >= 0 else -1
    return found
