"""Plain data from the events of a YAML text.

What a ban list has no use for and a reader can be misled by is a fault: anchors, aliases, merge keys, tags, keys given
twice, a second document.
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
from reconciler.yamltext.values import Data, Fault, Mark, Path

MAX_DEPTH: Final = 32
_MAX_FAULTS: Final = 1000

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.2, 10.3.2: plain scalars that say "no value"
_LONGEST_NULL: Final = 4
_ODD_KEYS: Final = _NULLS | {"<<"}
_HALF: Final = re.compile(rb"\\(?:u|U0000)[dD][89a-fA-F]")  # an escape that may be half a character
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Balked(YAMLError):
    """The C parser is not to be trusted with this text."""


class Stopped(YAMLError):
    """Reading ends here, and the last fault says why."""


class Builder:
    """Builds the data of one text, and collects what is wrong with it.

    Args:
        next_event: gives the events of the text.
        content: the text.
        balks: raise Balked at whatever the two parsers see differently and no ban list holds.

    Attributes:
        faults: what was wrong so far, in the order of the text.
        empty: the paths of values where nothing is written.
    """

    def __init__(self, next_event: NextEvent, content: bytes, *, balks: bool) -> None:
        self.faults: list[Fault] = []
        self.empty: list[Path] = []
        self._next = next_event
        self._balks = balks
        self._has_halves = b"\\" in content and _HALF.search(content) is not None
        self._known: dict[str, str] = {}  # keys that need no second look
        self._shared: dict[str, str] = {}  # rooms: few texts in lists, again and again

    def build(self) -> Data:
        """The data of the text.

        Raises:
            Balked: see `balks`.
            Stopped: the last of `faults` says why.
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
            self._stop(event, path, advice.too_deep(MAX_DEPTH))
        return self._mapping(path, depth) if kind is MappingStartEvent else self._list(path, depth)

    # `_mapping` and `_list` see every event of a list of a million bans. Both take a scalar that needs no second look
    # as it is: calling `_value` for each would make the reading of a list 5 % slower.

    def _mapping(self, path: Path, depth: int) -> dict[str, Data]:
        built: dict[str, Data] = {}
        next_event, known, has_halves = self._next, self._known, self._has_halves
        while (event := next_event()).__class__ is not MappingEndEvent:
            if (
                event.__class__ is ScalarEvent
                and (key := known.get(event.value)) is not None
                and key not in built
                and event.anchor is None
                and event.ctag is None
            ):
                pass
            elif (key := self._key(event, built, path, depth)) is None:
                self._value(next_event(), path, depth + 1)  # it belongs to no key
                continue
            event = next_event()
            if (
                event.__class__ is ScalarEvent
                and event.anchor is None
                and event.ctag is None
                and len(event.value) > _LONGEST_NULL
                and not has_halves
            ):
                built[key] = event.value
            else:
                built[key] = self._value(event, (*path, key), depth + 1)
        return built

    def _list(self, path: Path, depth: int) -> list[Data]:
        built: list[Data] = []
        next_event, share, has_halves = self._next, self._shared.setdefault, self._has_halves
        while (event := next_event()).__class__ is not SequenceEndEvent:
            if (
                event.__class__ is ScalarEvent
                and event.anchor is None
                and event.ctag is None
                and len(event.value) > _LONGEST_NULL
                and not has_halves
            ):
                built.append(share(event.value, event.value))
            else:
                built.append(self._value(event, (*path, len(built)), depth + 1))
        return built

    def _key(self, event: Event, built: dict[str, Data], path: Path, depth: int) -> str | None:
        """A key that needs a second look; None when its value is to be left out."""
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
        if self._has_halves and _SURROGATE.search(text):
            self._fault(event, path, advice.HALF)
            return _SURROGATE.sub("\ufffd", text)
        return text

    def _check_properties(self, event: Event, path: Path) -> None:
        if event.anchor is not None:
            self._fault(event, path, advice.ANCHOR, disputed=True)
        if event.ctag is not None:
            self._fault(event, path, advice.TAG, disputed=True)

    def _fault(self, event: Event, path: Path, message: str, *, spoils: bool = False, disputed: bool = False) -> None:
        if disputed and self._balks:
            raise Balked
        if len(self.faults) == _MAX_FAULTS:
            self._stop(event, (), advice.TOO_MANY)
        self.faults.append(Fault(Mark.of(event.start_mark), path, message, spoils))

    def _stop(self, event: Event, path: Path, message: str) -> None:
        if self._balks:
            raise Balked
        self.faults.append(Fault(Mark.of(event.start_mark), path, message))
        raise Stopped
