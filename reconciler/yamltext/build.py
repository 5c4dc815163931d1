"""Plain data from the events of a YAML text.

Whatever a ban list does not need and can mislead a reader is a fault: anchors, aliases, merge keys, tags, repeated
keys, a second document.
"""

import re
from typing import Final

from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.yamltext import advice
from reconciler.yamltext.events import Event, NextEvent
from reconciler.yamltext.second_look import USER_ID, is_clean, may_be_odd
from reconciler.yamltext.values import Data, Fault, Mark, Noted, Path

MAX_DEPTH: Final = 32
_MAX_FAULTS: Final = 1000

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.2, 10.3.2: plain scalars that say "no value"
_LONGEST_NULL: Final = 4
_ODD_KEYS: Final = _NULLS | {"<<"}
_HALF: Final = rb"\\(?:u|U0000)[dD][89a-fA-F]"  # an escape that may be half a character
_SURROGATE: Final = "[\ud800-\udfff]"


class Stopped(YAMLError):
    """Reading ends early. The last fault says why, unless it ends because this parser is not trusted with the text."""


class Builder:
    """Builds the data of one text, and collects what is wrong with it.

    Args:
        next_event: gives the events of the text.
        content: the text.
        trusted: the parser has the last word; otherwise stop at whatever the two parsers may see differently.

    Attributes:
        faults: what is wrong so far, in the order of the text.
        empty: the paths of values that are missing.
        noted: the user IDs that need a second look.
    """

    def __init__(self, next_event: NextEvent, content: bytes, *, trusted: bool) -> None:
        self.faults: list[Fault] = []
        self.empty: list[Path] = []
        self.noted: dict[Path, Noted] = {}
        self._next = next_event
        self._trusted = trusted
        self._has_halves = b"\\" in content and re.search(_HALF, content) is not None
        # A scalar longer than this needs no second look: it is no null, and contains no half of a character.
        self._doubtful = len(content) if self._has_halves else _LONGEST_NULL
        self._known = {USER_ID: USER_ID}  # keys that need no second look
        self._shared: dict[str, str] = {}  # rooms: few texts in lists, again and again

    def build(self) -> Data:
        """The data of the text.

        Raises:
            Stopped: reading ended early.
            Exception: whatever the parser raises.
        """
        self._next()  # the stream starts
        if self._next().__class__ is StreamEndEvent:
            return None
        data = self._value(self._next(), (), 1)
        while (event := self._next()).__class__ is not StreamEndEvent:
            if event.__class__ is not DocumentEndEvent:
                self._stop(event, (), advice.SECOND_DOCUMENT)
        return data

    def _value(self, event: Event, path: Path, depth: int) -> Data:
        kind = event.__class__
        if kind is ScalarEvent:
            text = self._text(event, path)
            if path[-1:] == (USER_ID,) and not is_clean(text):
                self.noted[path] = Noted.of(event)
            if text in _NULLS and event.implicit[0]:
                if not text:
                    self.empty.append(path)
                return None
            return text
        if kind is AliasEvent:
            self._fault(event, path, advice.ALIAS, spoils=True, disputed=True)
            return None
        self._check_properties(event, path)
        if depth > MAX_DEPTH:
            self._stop(event, (), advice.too_deep(MAX_DEPTH))
        return self._mapping(path, depth) if kind is MappingStartEvent else self._list(path, depth)

    # These two see every event of a list of a million bans, so they take a scalar that needs no second look as it is:
    # calling `_value` for each would make reading 5 % slower.

    def _mapping(self, path: Path, depth: int) -> dict[str, Data]:
        built: dict[str, Data] = {}
        next_event, known, doubtful = self._next, self._known, self._doubtful
        watched, odd = USER_ID, may_be_odd
        while (event := next_event()).__class__ is not MappingEndEvent:
            key = known.get(event.value) if event.__class__ is ScalarEvent else None
            if key is None or key in built or event.anchor is not None or event.ctag is not None:
                key = self._key(event, built, path, depth)
                if key is None:
                    self._value(next_event(), path, depth + 1)
                    continue
            event = next_event()
            if (
                event.__class__ is ScalarEvent
                and event.anchor is None
                and event.ctag is None
                and len(event.value) > doubtful
            ):
                built[key] = event.value
                if key is watched and odd(event.value) and not is_clean(event.value):
                    self.noted[*path, key] = Noted.of(event)
            else:
                built[key] = self._value(event, (*path, key), depth + 1)
        return built

    def _list(self, path: Path, depth: int) -> list[Data]:
        built: list[Data] = []
        next_event, share, doubtful = self._next, self._shared.setdefault, self._doubtful
        while (event := next_event()).__class__ is not SequenceEndEvent:
            if (
                event.__class__ is ScalarEvent
                and event.anchor is None
                and event.ctag is None
                and len(event.value) > doubtful
            ):
                built.append(share(event.value, event.value))
            else:
                built.append(self._value(event, (*path, len(built)), depth + 1))
        return built

    def _key(self, event: Event, built: dict[str, Data], path: Path, depth: int) -> str | None:
        """A key that needs a second look; None if its value is to be left out."""
        if event.__class__ is AliasEvent:
            self._fault(event, path, advice.ALIAS, spoils=True, disputed=True)
            return None
        if event.__class__ is not ScalarEvent:
            self._fault(event, path, advice.KEY_NO_TEXT, spoils=True)
            self._value(event, path, depth + 1)
            return None
        text = self._text(event, path)
        is_plain = event.implicit[0]
        if is_plain and text == "<<":
            self._fault(event, path, advice.MERGE_KEY, spoils=True)
        elif is_plain and text in _NULLS:
            self._fault(event, path, advice.KEY_MISSING, spoils=True)
        elif text in built:
            self._fault(event, (*path, text), advice.KEY_TWICE)
        else:
            if text not in _ODD_KEYS:
                self._known[text] = text
            return text
        return None

    def _text(self, event: Event, path: Path) -> str:
        self._check_properties(event, path)
        text: str = event.value
        if self._has_halves and re.search(_SURROGATE, text):
            self._fault(event, path, advice.HALF)
            return re.sub(_SURROGATE, "\ufffd", text)
        return text

    def _check_properties(self, event: Event, path: Path) -> None:
        if event.anchor is not None:
            self._fault(event, path, advice.ANCHOR, disputed=True)
        if event.ctag is not None:
            self._fault(event, path, advice.TAG, disputed=True)

    def _fault(self, event: Event, path: Path, message: str, *, spoils: bool = False, disputed: bool = False) -> None:
        if disputed and not self._trusted:
            raise Stopped
        if len(self.faults) == _MAX_FAULTS:
            self._stop(event, (), advice.TOO_MANY)
        self.faults.append(Fault(Mark.of(event.start_mark), path, message, spoils))

    def _stop(self, event: Event, path: Path, message: str) -> None:
        self.faults.append(Fault(Mark.of(event.start_mark), path, message))
        raise Stopped
