"""The events of a YAML text, from the C parser or the pure one.

The C parser (libyaml, YAML 1.1) is there only for speed. The pure one (YAML 1.2) has the last word on every text that
the C parser cannot read, or that the two may read differently.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import ScalarEvent

try:
    from _ruamel_yaml import CParser
except ImportError:
    CParser = None


Event: TypeAlias = Any
"""One of ruamel's events. They share no type: only a scalar has a value, only a list or mapping has a flow style."""

EventMark: TypeAlias = Any
"""Where an event begins or ends: index, line and column, counted from 0 in characters."""

NextEvent: TypeAlias = Callable[[], Event]
"""Gives one event after the other, faster than an iterator; after the last it gives None or raises StopIteration."""

# What the two parsers read differently without complaining: what follows the end of the document, and a block of text
# (| or >) with a comment right after its sign, or with no indented text on the next line. (So are tabs, see below.)
# Each pattern begins with a fixed byte, which `re` finds several times faster.
_ODD_BLOCK: Final = rb"(?<![^ \r\n].)[-+0-9]*(?:#| *(?:#[^\r\n]*)?(?:\r\n?|\n)(?! +[^ \r\n]))"
_DISPUTED: Final = (rb"\.(?<=[\r\n]\.)\.\.", rb"\|" + _ODD_BLOCK, b">" + _ODD_BLOCK)
_LINE_END: Final = b"[\r\n]"
# libyaml takes the colons of an unquoted ARN or time inside [ ] or { } for YAML's own. A stand-in for every colon
# inside a word gets them through.
_INNER_COLON: Final = r"(?<=[\w.-]):(?=[\w./-])"
_STAND_IN: Final = "\ue03a"
# Texts that hold the stand-in already, as itself or as an escape, or a colon right after a quote or a bracket, which
# may be YAML's own.
_NOT_TO_BE_SHIELDED: Final = rb"""\xee\x80\xba|\\u[eE]03[aA]|\\U0000[eE]03[aA]|["'\]}]:[^ \r\n,\]}]"""


def is_disputed(content: bytes) -> bool:
    """Whether the two parsers may read this text differently without complaining."""
    return any(re.search(pattern, content) for pattern in _DISPUTED) or (
        b"\t" in content and any(map(_has_disputed_tab, re.split(_LINE_END, content)))
    )


def _has_disputed_tab(line: bytes) -> bool:
    """Whether there is a tab outside a comment with a line to itself: the C parser accepts one between two words."""
    return b"\t" in line and not line.lstrip(b" ").startswith(b"#")


def by_c_parser(content: bytes) -> NextEvent:
    """The events of a UTF-8 text. The C parser raises YAMLError, and other errors too.

    Raises:
        YAMLError: there is no C parser.
    """
    if CParser is None:
        raise YAMLError("the C parser is not installed")
    next_event: NextEvent = CParser(content).get_event
    return next_event


def by_c_parser_shielded(content: bytes) -> NextEvent:
    """The events of a UTF-8 text with colons inside its words, such as ARNs in brackets.

    Raises:
        YAMLError: these colons cannot be told from YAML's own.
    """
    if re.search(_NOT_TO_BE_SHIELDED, content):
        raise YAMLError("the colons inside words cannot be told from YAML's own")
    next_event = by_c_parser(re.sub(_INNER_COLON, _STAND_IN, content.decode()).encode())

    def unshielded() -> Event:
        event = next_event()
        if event.__class__ is ScalarEvent and _STAND_IN in event.value:
            event.value = event.value.replace(_STAND_IN, ":")
        return event

    return unshielded


def by_pure_parser(content: bytes) -> NextEvent:
    """The events of a UTF-8 text. Where it is not YAML, the parser raises YAMLError, mostly with marks."""
    return _checked(YAML(typ="safe", pure=True).parse(content.decode())).__next__


def _checked(events: Iterator[Event]) -> Iterator[Event]:
    try:
        yield from events
    except YAMLError:
        raise
    except Exception as error:
        # An escape such as "\UFFFFFFFF" overflows in the parser: whatever it raises, it is the text that is wrong.
        raise YAMLError(str(error)) from error


def until_unreadable(events: Iterator[Event]) -> Iterator[Event]:
    """The events up to where the text cannot be read any further."""
    try:
        yield from events
    except YAMLError:
        return
