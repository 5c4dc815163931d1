"""Text that somebody else controls, made safe for where it is shown.

These never reach a terminal raw: control characters and escape sequences, line breaks, bidirectional controls,
zero-width and other invisible characters, lone surrogates, and characters that this version of Unicode lacks.
"""

import json
import re
from typing import Final

# Default_Ignorable_Code_Point that `str.isprintable` lets through: they show as nothing at all, so that two different
# user IDs would look the same. (DerivedCoreProperties.txt of the Unicode Character Database.)
_INVISIBLE: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef\u2800"
_IGNORABLE: Final = re.compile(f"[{_INVISIBLE}]")
# What GitHub's runner (`##[`), Azure's agent (`##vso[`) and TeamCity (`##teamcity[`) look for in a line. `::error::` is
# a command only at its start, behind white space or not (ActionCommand.cs of GitHub's runner): see `line`.
_CI_COMMAND: Final = re.compile(r"##(?=(?:vso|teamcity)?\[)")
_PLAIN_JSON: Final = bytes({*b"\n", *range(0x20, 0x7F)})
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
# A plain user ID: no space, and nothing that means something in an address or a quoted text.
_PLAIN: Final = re.compile(r'[^\s"\\]+')
# The same, with single spaces between words.
_CLEAR: Final = re.compile(r'[^\s"\\]+(?: [^\s"\\]+)*')
_SPACE_AFTER_SPACE: Final = re.compile("(?<= ) ")


def terminal(text: str) -> str:
    r"""`text` with every character that is not a visible one, or a space, written as an escape: `\x1b`, `\u202e`.

    What CI systems take for a command anywhere in a line of a log (`##[error]`, `##vso[`) is broken up the same way.
    """
    if text.isprintable() and not _IGNORABLE.search(text):
        return _CI_COMMAND.sub(r"#\\x23", text)
    return _CI_COMMAND.sub(r"#\\x23", "".join(_shown(character) for character in text))


def is_visible(text: str) -> bool:
    """Whether `terminal` shows every character of `text` as it is."""
    return (text.isprintable() and not _IGNORABLE.search(text)) or all(map(_is_shown, text))


def line(text: str) -> str:
    """`text` as `terminal` shows it, for the start of a line: it begins no workflow command such as `::error::`."""
    shown = terminal(text)
    return shown.replace(":", "\\x3a", 1) if shown.lstrip().startswith("::") else shown


def clear(text: str) -> str:
    """`text` as it is if that is clear, else `quoted`. Also safe where runs of spaces become one, as in HTML."""
    if _CLEAR.fullmatch(text) and terminal(text) == text:
        return text
    return _SPACE_AFTER_SPACE.sub(r"\\u0020", quoted(text))


def quoted(text: str) -> str:
    """`text` as a JSON string, safe for a terminal, so that its own quotes cannot be taken for ours."""
    return to_json(text)


def user_id(text: str) -> str:
    """A user ID as it is if that is clear, else `quoted`."""
    return text if _PLAIN.fullmatch(text) and terminal(text) == text else quoted(text)


def to_json(value: object) -> str:
    """`value` as JSON on one line, safe for a terminal and a log."""
    return json_safe(_ENCODER.encode(value))


def json_lines(lines: bytes) -> bytes:
    """Lines of JSON, however many, as `json_safe` shows them."""
    if is_json_safe(lines):
        return lines
    return b"\n".join(line if is_json_safe(line) else json_safe(line.decode()).encode() for line in lines.split(b"\n"))


def is_json_safe(text: bytes) -> bool:
    """Whether `json_safe` would leave JSON as it is; quick, for JSON of any length."""
    odd = text.translate(None, delete=_PLAIN_JSON).decode()
    return odd.isprintable() and not _IGNORABLE.search(odd) and b"##" not in text


def json_safe(text: str) -> str:
    """JSON in which invisible characters are escapes: it means the same, and a git diff of it shows everything."""
    if text.isprintable() and not _IGNORABLE.search(text):
        return _CI_COMMAND.sub(r"#\\u0023", text)
    return _CI_COMMAND.sub(r"#\\u0023", "".join(_json_shown(character) for character in text))


def _is_shown(character: str) -> bool:
    # The ideographic space is a visible gap in CJK text.
    return (character.isprintable() or character == "\u3000") and not _IGNORABLE.match(character)


def _shown(character: str) -> str:
    if _is_shown(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_shown(character: str) -> str:
    if _is_shown(character) or character in "\n\t\r":
        return character
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
