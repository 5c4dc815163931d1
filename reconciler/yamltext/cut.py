"""Texts that YAML cuts short at a comment: `player #7` without quotes bans `player`.

A comment begins with `# `. A `#` with no space behind it, and behind a text that may be any text, is part of the text
more often than not.
"""

import re
from collections.abc import Iterator
from typing import Final

from ruamel.yaml.events import ScalarEvent

from reconciler.yamltext import advice
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Document, Fault, Mark, Path

_SIGN: Final = rb"#(?<=[ \t]#)[^ #\t\r\n]"
_CUT: Final = re.compile(r"[ \t]+#[^ #\t\r\n]")
# What is before such a `#` on its line when it cuts nothing: a comment, or a key with a text in quotes that ends there.
_COMMENT: Final = rb"[ -]*+(?:#|\w++ *+: *+(?:\"(?:[^\"\\\r\n]|\\[^\r\n])*+\"|'[^'\r\n]*+')[ \t]*+#)"
# The same where no quoted text or brackets span lines: a comment in brackets would leave them open.
_ON_ONE_LINE: Final = rb"[ -]*+(?:#|\w++ *+: *+[\"'\[{]|[\[{][^\r\n#]*[\"'])"
_FREE: Final = frozenset({"user_id", "reason", "note", "state", "include", "protected_users"})


def cut_texts(content: bytes, document: Document) -> Iterator[Fault]:
    """A fault for each text that a comment cuts short, where any text may stand."""
    lines = _lines_that_may_be_cut(content, re.compile(_COMMENT if document.spans_lines else _ON_ONE_LINE))
    last = max(lines, default=-1)
    for path, _, event in walk(document) if lines else ():
        if event.start_mark.line > last:
            return
        line = lines.get(event.end_mark.line)
        if line is None or not path or event.__class__ is not ScalarEvent or event.style or not event.value:
            continue
        sign = _CUT.match(line, event.end_mark.column)
        if sign is not None and _is_free(path):
            yield Fault(Mark(event.end_mark.line + 1, sign.end() - 1), path, advice.CUT)


def _is_free(path: Path) -> bool:
    """Whether any text may stand here: user IDs, reasons, notes, file names, the names of rooms and their ARNs."""
    key = next((step for step in reversed(path) if isinstance(step, str)), None)
    of_room = path[0] == "rooms" or (key == "rooms" and path[-1] != key)
    return of_room or key in _FREE


def _lines_that_may_be_cut(content: bytes, safe: re.Pattern[bytes]) -> dict[int, str]:
    """These lines by their number, counted from 0, without those whose beginning is known to be safe."""
    found: dict[int, str] = {}
    line_end = b"\n" if b"\n" in content else b"\r"
    number = counted = end = 0
    for sign in re.finditer(_SIGN, content):
        if sign.start() < end:
            continue  # on a line that was looked at already
        start = content.rfind(line_end, 0, sign.start()) + 1
        end = content.find(line_end, sign.start())
        end = end if end >= 0 else len(content)
        if not safe.match(content, start):
            number += content.count(line_end, counted, start)
            counted = start
            found[number] = content[start:end].decode()
    return found
