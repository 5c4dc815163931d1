"""Signs that the parsers read otherwise than YAML 1.2.2 has them.

- A `#` right behind a quote, a bracket or a comma begins a comment for them: `user_id: "abc"#def` would ban `abc`. In
  YAML it is a mistake: a comment is separated from what is before it (6.6).
- Inside brackets they take `?`, `:` and `-` at the edge of a text for something else, or for a part of it: they read
  `[?x]` without the `?`, and `[x:]` with the colon (7.3.3).
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from ruamel.yaml.events import MappingEndEvent, MappingStartEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent

from reconciler.yamltext import advice
from reconciler.yamltext.events import Event
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Document, Fault, Mark, Path

_GLUED: Final = rb"""#(?<=["'\]}\[{,]#)"""
# Brackets in which something else stands than texts that begin and end with no such sign.
_TEXT: Final = (
    rb"(?:[\w\x80-\xff](?:[^][{},:#?\"'\r\n]|:(?=[\w\x80-\xff./+-]))*+"
    rb"|\"(?:[^\"\\\r\n]|\\[^\r\n])*+\" *+|(?:'[^'\r\n]*+')++ *+)"
)
_LIST: Final = rb" *+(?:%b(?:, *+%b)*+)?+\]" % (_TEXT, _TEXT)
_PAIR: Final = rb"\w++: +(?:%b|\[%b *+)" % (_TEXT, _LIST)
_BRACKETS: Final = rb"\[(?!\w++\]|%b)" % _LIST, rb"\{(?! *+(?:%b(?:, *+%b)*+)?+\})" % (_PAIR, _PAIR)
_AT_AN_EDGE: Final = (
    rb"\?(?<=[\[{,:\s]\?)",
    rb":(?=[,\[\]{}])",
    rb":(?<=[\[\]{},\s\"']:)(?=\S)",
    rb"-(?<=[\[{,:\s]-)(?=[,\[\]{}])",
)
_COLONS_AT_AN_END: Final = (":,", ":[", ":]", ":{", ":}")
_LINE_BREAK: Final = re.compile("\r\n?|\n")
_LONG_LINE: Final = 1000
# On one line, a value in quotes or brackets right before a `#`.
_QUOTED: Final = rb"""(?:"(?:[^"\\]|\\.)*+"|(?:'[^']*+')++)"""
_BEFORE_GLUED: Final = re.compile(
    rb"(?:---)?+[ \t]*+(?:[-?][ \t]++)*+(?:(?:%b|(?![\"'])(?:[^:]|:(?![ \t]))*+)[ \t]*+:[ \t]++)?(?:%b|\[.*\]|\{.*\})"
    % (_QUOTED, _QUOTED),
    re.DOTALL,
)


def misread(content: bytes, document: Document) -> Iterator[Fault]:
    """A fault for each sign that was read wrong."""
    found = [match.start() for match in re.finditer(_GLUED, content)]
    if any(re.search(brackets, content) for brackets in _BRACKETS):
        found = sorted({*found, *(match.start() for sign in _AT_AN_EDGE for match in re.finditer(sign, content))})
    if not document.spans_lines:
        found = [index for index in found if not _is_harmless(content, index)]
    if found:
        starts = zip([0, *found], found, strict=False)
        characters = [*accumulate(len(content[start:end].decode()) for start, end in starts)]
        yield from _Signs(content.decode(), characters[::-1]).faults(document)


def _is_harmless(content: bytes, index: int) -> bool:
    """Whether a sign cannot be one that is read wrong, where no quoted text or brackets span lines."""
    begin = max(index - _LONG_LINE, 0)
    start = max(content.rfind(b"\n", begin, index), content.rfind(b"\r", begin, index)) + 1
    if start == 0 < begin:
        return False
    line = content[start:index]
    if content.startswith(b"#", index):
        return not _BEFORE_GLUED.fullmatch(line)
    return b"[" not in line and b"{" not in line


class _Signs:
    """Signs of a text that may have been read wrong.

    Args:
        text: the text.
        found: where they are, the last one first.
    """

    def __init__(self, text: str, found: list[int]) -> None:
        self._text = text
        self._found = found
        self._end = 0  # of the last word or bracket
        self._comment_end = 0
        self._line, self._line_start, self._counted = 1, 0, 0  # up to the last fault

    def faults(self, document: Document) -> Iterator[Fault]:
        """A fault for each sign that was read wrong."""
        around = [""]  # the bracket that opens each list and mapping around the event, if any does
        before: Path = ()
        for path, key, event in walk(document):
            here = before if path is None else path
            for token in (key, event):
                if token is not None and token.start_mark.index < token.end_mark.index:
                    yield from self._up_to(token, before, here, around[-1])
            if not self._found:
                return
            kind = event.__class__
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                around.append(self._text[event.start_mark.index] if event.flow_style else "")
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                around.pop()
            before = here
        yield from (self._fault(index, before) for index in reversed(self._found) if self._is_glued(index))

    def _up_to(self, token: Event, before: Path, here: Path, bracket: str) -> Iterator[Fault]:
        """The faults in a word or bracket, and between it and the last one."""
        start, end = token.start_mark.index, token.end_mark.index
        while self._found and self._found[-1] < end:
            index = self._found.pop()
            if index >= start:
                is_wrong = self._is_wrong_inside(token, index, bracket)
            elif self._text[index] == "#":
                is_wrong = self._is_glued(index)
            else:
                is_wrong = bracket != "" and not self._is_in_comment(index) and not self._is_of_json(index, bracket)
            if is_wrong:
                yield self._fault(index, before if self._text[index] == "#" else here)
        self._end = end

    def _is_wrong_inside(self, token: Event, index: int, bracket: str) -> bool:
        if token.__class__ is not ScalarEvent:
            return self._text[index] == "?"
        if token.style or not bracket or self._text[index] == "#":
            return False
        return index == token.start_mark.index or self._text[index : index + 2] in _COLONS_AT_AN_END

    def _is_glued(self, index: int) -> bool:
        return self._text[index] == "#" and not self._is_in_comment(index)

    def _is_in_comment(self, index: int) -> bool:
        if index >= self._comment_end:
            line = max(self._text.rfind(sign, self._end, index) for sign in "\r\n") + 1
            if "#" not in self._text[max(line, self._end) : index]:
                return False
            line_break = _LINE_BREAK.search(self._text, index)
            self._comment_end = line_break.start() if line_break else len(self._text)
        return True

    def _is_of_json(self, index: int, bracket: str) -> bool:
        """Whether it is a colon right behind a quoted key in braces, which may touch the value."""
        return bracket == "{" and self._text[index] == ":" and self._text[index - 1] in "\"'"

    def _fault(self, index: int, path: Path) -> Fault:
        for line_break in _LINE_BREAK.finditer(self._text, self._counted, index):
            self._line += 1
            self._line_start = line_break.end()
        self._counted = index
        sign, after = self._text[index], self._text[index + 1]
        message = advice.GLUED if sign == "#" else advice.QUESTION if sign + after == "? " else advice.EDGE
        return Fault(Mark(self._line, index - self._line_start + 1), path, message, spoils=True)
