"""Texts that YAML cuts short at a comment: `player #7` without quotes bans `player`."""

import re
from collections.abc import Iterator
from typing import Final

from ruamel.yaml.events import ScalarEvent

from reconciler.yamltext import advice
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Document, Fault, Mark

# A `#` that begins a comment with no space after it, and a line with unquoted words that may end at one.
_SIGN: Final = b" #[^ #\t\r\n]"
_CUT: Final = re.compile(rb"[ -]*(?:user_id|reason|note) *: +(?![\"'\[{|>#&*!@`%])(?:(?! #)[^\r\n])*+ #[^ #\t\r\n]")


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
    number = counted = end = 0
    for sign in re.finditer(_SIGN, content):
        if sign.start() < end:
            continue  # on a line that was looked at already
        start = content.rfind(b"\n", 0, sign.start()) + 1
        end = content.find(b"\n", sign.start())
        end = end if end >= 0 else len(content)
        if _CUT.match(content, start):
            number += content.count(b"\n", counted, start)
            counted = start
            found[number] = content[start:end].decode()
    return found
