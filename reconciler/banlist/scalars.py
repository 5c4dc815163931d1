"""Writes a text as a YAML scalar that every reader takes for this very text."""

import re
from typing import Final

from reconciler import escape
from reconciler.banlist.format import is_ambiguous

# A text that means itself without quotes, if it is of one line and nothing in it is invisible: it begins with a letter,
# a digit or `_`, and holds neither `: ` nor ` #`.
_PLAIN: Final = re.compile(r"\w(?:(?!: | #).)*(?<![\s:])")
_ONLY_IN_BLOCKS: Final = re.compile(r"[][{},:]")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(text: str, like: str | None = None, *, in_flow: bool = False) -> str:
    """A text as a scalar on one line.

    Args:
        text: any text that UTF-8 can write.
        like: the style that its neighbours have, as ruamel names it: `'`, `"`, or anything else for none. Where it
            cannot write the text, or some YAML tool would misread it, the text is put in double quotes.
        in_flow: it is to stand in brackets or braces, where more characters have a meaning.
    """
    if like == '"':
        return _double(text)
    if like == "'" and escape.is_visible(text):
        return "'" + text.replace("'", "''") + "'"
    return text if is_plain(text, in_flow=in_flow) else _double(text)


def is_plain(text: str, *, in_flow: bool = False) -> bool:
    """Whether a text means itself without quotes, to this program and to other YAML tools."""
    if not _PLAIN.fullmatch(text) or not escape.is_visible(text):
        return False
    if in_flow and _ONLY_IN_BLOCKS.search(text):
        return False
    return not is_ambiguous(text)


def _double(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if escape.is_visible(character):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
