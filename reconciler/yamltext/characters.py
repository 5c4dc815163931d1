"""The characters of a file: whether they are UTF-8, and which of them YAML does not allow."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Final

from reconciler.yamltext import advice
from reconciler.yamltext.values import Fault, Mark, NotText

# Characters that YAML does not allow raw, and those that the two parsers disagree on: the line breaks of YAML 1.1,
# byte order marks inside the text.
_UNREADABLE: Final = "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
# The same in UTF-8. Each pattern begins with a fixed byte: `re` finds that many times faster than one of several.
_READABLE_BYTES: Final = b"\t\n\r" + bytes({*range(0x20, 0x100)} - {0x7F})
_UNREADABLE_IN_UTF8: Final = [
    re.compile(pattern) for pattern in (b"\xc2[\x80-\x9f]", b"\xe2\x80[\xa8\xa9]", b"\xef(?:\xbb\xbf|\xbf[\xbe\xbf])")
]
_LINE_BREAK: Final = "\r\n|\r|\n"
_MAX_UNREADABLE: Final = 100


def decode(content: bytes) -> str:
    """The text of a file, without a byte order mark at its start.

    Raises:
        NotText: it is not UTF-8.
    """
    if _is_utf16(content):
        raise NotText(Mark(1, 1), advice.UTF16)
    content = content.removeprefix(BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise NotText(mark_after(content[: error.start].decode()), advice.NOT_UTF8) from error


def _is_utf16(content: bytes) -> bool:
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]


def mark_after(text: str) -> Mark:
    """The place right after a text."""
    lines = re.split(_LINE_BREAK, text)
    return Mark(len(lines), len(lines[-1]) + 1)


def has_unreadable(content: bytes) -> bool:
    """Whether a file contains characters that cannot be in a ban list; a byte order mark at its start may."""
    return (
        _is_utf16(content)
        or bool(content.translate(None, delete=_READABLE_BYTES))
        or any(pattern.search(content) for pattern in _UNREADABLE_IN_UTF8)
    )


def without_unreadable(text: str) -> str:
    """A text with its unreadable characters replaced."""
    return re.sub(_UNREADABLE, "\ufffd", text)


def unreadable(text: str) -> Iterator[Fault]:
    """The first unreadable character of each line, for as many lines as show a person what is going on."""
    found = (
        (number, match)
        for number, line in enumerate(re.split(_LINE_BREAK, text), 1)
        if (match := re.search(_UNREADABLE, line))
    )
    for count, (number, match) in enumerate(found):
        mark = Mark(number, match.start() + 1)
        if count == _MAX_UNREADABLE:
            yield Fault(mark, (), advice.UNREADABLE_TOO)
            return
        yield Fault(mark, (), advice.unreadable(match[0]))
