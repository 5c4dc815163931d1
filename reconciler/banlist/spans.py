"""Texts that span lines in a YAML file: formatting leaves the inside of them alone."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from ruamel.yaml.events import ScalarEvent

from reconciler.yamltext.events import Event
from reconciler.yamltext.places import Placed

BLOCK_SIGNS: Final = re.compile("[|>][-+0-9]*")
_LOOSE: Final = re.compile(r"(?:\s|#[^\r\n]*)*")  # between values: white space and comments


class Span(NamedTuple):
    """A text that spans lines, from where its inside begins.

    Attributes:
        start: where its first line break may be.
        end: where it ends: a block of text after its last line, or with `keeps` after the blank lines that follow.
        keeps: it is a block with a `+` in its sign, to which the line breaks that follow belong.
    """

    start: int
    end: int
    keeps: bool


def spans_of(text: str, placed: Placed) -> Iterator[Span]:
    """The spans of a key and its value, if these are texts that span lines."""
    for event in (placed.key, placed.event):
        if event.__class__ is ScalarEvent and event.start_mark.line != event.end_mark.line:
            yield _span(text, event)


def _span(text: str, event: Event) -> Span:
    start, end = event.start_mark.index, event.end_mark.index
    if event.style not in ("|", ">"):
        return Span(start, end, keeps=False)
    signs = BLOCK_SIGNS.match(text, start)
    keeps = signs is not None and "+" in signs[0]
    inside = text.find("\n", start)
    while not keeps and end - 1 > inside and text[end - 1] == "\n" == text[end - 2]:
        end -= 1
    return Span(inside + 1, max(end, inside + 1), keeps)


def line_start(text: str, index: int) -> int:
    """Where the line that `index` is on begins."""
    return text.rfind("\n", 0, index) + 1


def next_sign(text: str, index: int) -> int:
    """Where the first character from `index` on is that is neither white space nor of a comment."""
    match = _LOOSE.match(text, index)
    return match.end() if match is not None else index
