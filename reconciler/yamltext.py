"""YAML text to plain data in which every scalar is the very text that stands in the file.

A ban list must not ban somebody else because YAML saw a number, so this reads ruamel.yaml's *events*, which carry text,
and not its constructed objects. What a ban list has no use for and a reader can be misled by is a fault: anchors,
aliases, merge keys, tags, directives, keys given twice, a second document.

The C parser (libyaml, YAML 1.1) and the pure one (YAML 1.2) must agree. Whatever the C parser takes, the pure one
takes too and means the same; where the C parser balks, the pure one has the last word.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

Data: TypeAlias = "dict[str, Data] | list[Data] | str | None"
Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH: Final = 32

_NULLS: Final = frozenset(
    {"", "~", "null", "Null", "NULL"}
)  # YAML 1.2, 10.3.2: what a plain scalar says for "no value"
# Characters that YAML does not allow raw, and those that the two parsers disagree on: the line breaks of YAML 1.1,
# byte order marks inside the text.
_UNREADABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
# libyaml takes the colons of an unquoted ARN inside [ ] for YAML's own. A stand-in for them gets the ARN through it.
_ARN_COLONS: Final = re.compile(r"\barn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/")
_COLON: Final = "\ue03a"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text: line and column, both counted from 1, the column in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the YAML of a ban list may not hold, its place in the text and in the data, and what to do."""

    mark: Mark
    path: Path
    message: str
    spoils: bool = False  # the data lacks what the author wrote at this path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and where its key does (the same place in a list)."""

    key: Mark
    value: Mark


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    Attributes:
        data: dictionaries, lists, texts and None; of a key given twice, the first.
        faults: in the order of the text.
        complete: False when reading ended at a fault, so that `data` lacks what follows it.
    """

    data: Data
    faults: tuple[Fault, ...]
    complete: bool
    _source: "_Source" = field(repr=False)

    def locate(self, paths: Collection[Path]) -> dict[Path, Place]:
        """The places of these values, by a second look at the text; paths that it does not hold are left out."""
        return _locate(self._source, frozenset(paths)) if paths else {}


def decode(content: bytes) -> str:
    """The text of a file.

    Raises:
        ValueError: it is not UTF-8; the message says where.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file as UTF-8") from error


def read(text: str, *, pure: bool = False) -> Document:
    """Read one YAML document.

    Args:
        text: the whole text, without a byte order mark at its start.
        pure: leave the C parser alone even where it is installed. The result is the same, slower.
    """
    faults = [
        Fault(_mark_at(text, match.start()), (), _UNREADABLE_ADVICE.format(ord(match[0])))
        for match in _UNREADABLE.finditer(text)
    ]
    if faults:
        text = _UNREADABLE.sub("\ufffd", text)
    document = None
    if not pure:
        document = _read_unless_it_balks(_Source(text, pure=False))
        if document is None and _COLON not in text and _ARN_COLONS.search(text):
            shielded = _ARN_COLONS.sub(lambda match: match[0].replace(":", _COLON), text)
            document = _read_unless_it_balks(_Source(shielded, pure=False, shielded=True))
    if document is None:
        document = _read(_Source(text, pure=True))
    if faults:
        return Document(document.data, tuple(faults) + document.faults, document.complete, document._source)
    return document


_UNREADABLE_ADVICE = (
    'the character U+{0:04X} cannot stand here as it is; take it out, or write "\\u{0:04X}" in double quotes'
)


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    pure: bool
    shielded: bool = False

    def events(self) -> Iterator[Any]:
        events = _checked(YAML(typ="safe", pure=self.pure).parse(self.text))
        return _unshielded(events) if self.shielded else events


def _checked(events: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from events
    except YAMLError:
        raise
    except Exception as error:
        # Whatever a text does to the parsers (an escape such as "\UFFFFFFFF" overflows in the pure one), it is the
        # text that is wrong.
        raise YAMLError(str(error)) from error


def _unshielded(events: Iterable[Any]) -> Iterator[Any]:
    for event in events:
        if event.__class__ is ScalarEvent and _COLON in event.value:
            event.value = event.value.replace(_COLON, ":")
        yield event


def _mark_at(text: str, index: int) -> Mark:
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _mark(event_mark: Any) -> Mark:  # noqa: ANN401 - ruamel's marks have no common type
    return Mark(event_mark.line + 1, event_mark.column + 1)


def _read_unless_it_balks(source: _Source) -> Document | None:
    builder = _Builder()
    try:
        builder.take(source.events())
    except YAMLError:
        return None
    return builder.document(source)


def _read(source: _Source) -> Document:
    builder = _Builder()
    try:
        builder.take(source.events())
    except MarkedYAMLError as error:
        builder.stop(*_explain(error))
    except YAMLError as error:
        builder.stop(_last_mark(source), f"what follows here cannot be read as YAML: {error}")
    return builder.document(source)


def _last_mark(source: _Source) -> Mark:
    """Where the last event ends that the parser gives before it fails."""
    mark = Mark(1, 1)
    with suppress(YAMLError):
        for event in source.events():
            mark = _mark(event.end_mark)
    return mark


_NO_KEY: Final = object()  # a mapping waits for its next key
_DROP: Final = object()  # the value that comes next belongs to no key of ours


class _Builder:
    """Builds the data from events, with no object per scalar beside its text."""

    def __init__(self) -> None:
        self._root: Any = None
        self._faults: list[Fault] = []
        self._complete = True
        self._documents = 0
        # The containers that are open around the current one, each with the key it goes on with.
        self._stack: list[tuple[Any, Any]] = []
        self._container: Any = None
        self._key: Any = _NO_KEY

    def document(self, source: _Source) -> Document:
        return Document(self._root, tuple(self._faults), self._complete, source)

    def stop(self, mark: Mark, message: str) -> None:
        """The rest of the text cannot be read."""
        self._faults.append(Fault(mark, self._path(), message))
        self._complete = False

    def take(self, events: Iterable[Any]) -> None:
        # One loop without calls for what nearly every event is: a plain scalar in a mapping or in a list.
        container, key = self._container, self._key
        shared_keys: dict[str, str] = {}
        value: Any
        for event in events:
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                if event.anchor is not None or event.tag is not None or not value.isascii():
                    self._container, self._key = container, key
                    value = self._check_scalar(event)
                if container.__class__ is dict and key is _NO_KEY:
                    if value in container or value in _ODD_KEYS:
                        self._container, self._key = container, key
                        key = self._odd_key(event)
                    else:
                        key = shared_keys.setdefault(value, value)
                    continue
                if len(value) < 5 and value in _NULLS and event.implicit[0]:
                    value = None
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                container, key = self._stack.pop()
                continue
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._container, self._key = container, key
                container = self._open(event)
                key = _NO_KEY
                if container is None:
                    return
                continue
            elif kind is AliasEvent:
                self._container, self._key = container, key
                self._fault(event, f"aliases (*{event.anchor}) are not supported; write the value out", spoils=True)
                if container.__class__ is dict and key is _NO_KEY:
                    key = _DROP
                    continue
                value = None
            elif kind is DocumentStartEvent:
                if not self._start_document(event):
                    return
                continue
            else:
                continue
            if container.__class__ is list:
                container.append(value)
            elif container is None:
                self._root = value
            else:
                if key is not _DROP:
                    container[key] = value
                key = _NO_KEY

    def _open(self, event: Any) -> Any:  # noqa: ANN401 - ruamel's events have no common type
        """The new container of a start event, attached to the one around it; None when it lies too deep."""
        self._check_properties(event)
        container, key = self._container, self._key
        opened: Any = {} if event.__class__ is MappingStartEvent else []
        after: Any = _NO_KEY
        if len(self._stack) >= MAX_DEPTH:
            self.stop(_mark(event.start_mark), f"nested more than {MAX_DEPTH} deep; a ban list needs four levels")
            return None
        if container.__class__ is list:
            container.append(opened)
        elif container is None:
            self._root = opened
        elif key is _NO_KEY:
            self._fault(
                event, "a key must be a text, not a list or a mapping; did you forget a quote or a dash?", spoils=True
            )
            after = _DROP
        elif key is not _DROP:
            container[key] = opened
        self._stack.append((container, after))
        self._container = opened
        return opened

    def _odd_key(self, event: Any) -> Any:  # noqa: ANN401
        value, plain = event.value, event.implicit[0]
        if plain and value == "<<":
            self._fault(event, "merge keys (<<) are not supported; write the keys out", spoils=True)
            return _DROP
        if plain and value in _NULLS:
            self._fault(event, "a key is missing before the colon; quote it if this text is meant", spoils=True)
            return _DROP
        if value in self._container:
            self._key = value
            self._fault(event, "this key stands here twice; keep one of the two")
            return _DROP
        return value

    def _check_scalar(self, event: Any) -> str:  # noqa: ANN401
        self._check_properties(event)
        value: str = event.value
        if _SURROGATE.search(value):
            self._fault(event, "an escape such as \\uD83D is half a character; write the whole character")
            return _SURROGATE.sub("\ufffd", value)
        return value

    def _check_properties(self, event: Any) -> None:  # noqa: ANN401
        if event.anchor is not None:
            self._fault(event, f"anchors (&{event.anchor}) are not supported; write the value out where it is needed")
        if event.tag is not None:
            self._fault(
                event, f"tags ({event.tag}) are not supported; every value here is text already, so leave it out"
            )

    def _start_document(self, event: Any) -> bool:  # noqa: ANN401
        self._documents += 1
        if self._documents > 1:
            self.stop(
                _mark(event.start_mark),
                "a second document begins here; a ban list is one document, so remove this line",
            )
            return False
        if event.version is not None or event.tags:
            # The parsers disagree on where this event begins; a directive is the first thing that a text holds.
            self._faults.append(Fault(Mark(1, 1), (), "directives (%YAML, %TAG) are not supported; remove the line"))
        return True

    def _fault(self, event: Any, message: str, *, spoils: bool = False) -> None:  # noqa: ANN401
        self._faults.append(Fault(_mark(event.start_mark), self._path(), message, spoils))

    def _path(self) -> Path:
        """The place in the data of what is being read."""
        path: list[str | int] = []
        chain = [container for container, _ in self._stack] + [self._container]
        for outer, inner in pairwise(chain):
            if outer.__class__ is list:
                path.append(len(outer) - 1)
            elif outer:
                name = next(reversed(outer))
                if outer[name] is inner:
                    path.append(name)
        if self._container.__class__ is list:
            path.append(len(self._container))
        elif isinstance(self._key, str):
            path.append(self._key)
        return tuple(path)


_ODD_KEYS: Final = _NULLS | {"<<"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Frame:
    """A list or mapping that `_locate` is inside of; `path` is None below a key that is no text."""

    __slots__ = ("is_mapping", "key", "key_mark", "path")

    def __init__(self, path: Path | None, *, is_mapping: bool) -> None:
        self.path = path
        self.is_mapping = is_mapping
        self.key: Any = _NO_KEY if is_mapping else 0
        self.key_mark: Mark | None = None

    def next_path(self) -> Path | None:
        """The path of the value that comes now."""
        key = self.key
        if self.is_mapping:
            self.key = _NO_KEY
        else:
            self.key += 1
        return None if self.path is None or key is _DROP else (*self.path, key)


def _locate(source: _Source, wanted: frozenset[Path]) -> dict[Path, Place]:
    """Walks the events once more, now with paths."""
    places: dict[Path, Place] = {}
    stack: list[_Frame] = []
    for event in source.events():
        kind = event.__class__
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            stack.pop()
            continue
        opens = kind is MappingStartEvent or kind is SequenceStartEvent
        if not opens and kind is not ScalarEvent and kind is not AliasEvent:
            continue
        frame = stack[-1] if stack else None
        path: Path | None
        if frame is not None and frame.is_mapping and frame.key is _NO_KEY:
            path = None
            frame.key = event.value if kind is ScalarEvent else _DROP
            frame.key_mark = _mark(event.start_mark)
        else:
            key_mark = frame.key_mark if frame is not None else None
            path = frame.next_path() if frame is not None else ()
            if path in wanted and path not in places:
                mark = _mark(event.start_mark)
                places[path] = Place(key_mark or mark, mark)
        if opens:
            stack.append(_Frame(path, is_mapping=kind is MappingStartEvent))
    return places


def _explain(error: MarkedYAMLError) -> tuple[Mark, str]:
    """Where the YAML breaks, and what to write instead, in words for people who do not know YAML's own."""
    problem = error.problem or ""
    context = error.context or ""
    mark = error.problem_mark or error.context_mark
    for pattern, at_context, advice in _SYNTAX_ADVICE:
        if pattern.search(f"{context}: {problem}"):
            if at_context and error.context_mark is not None:
                mark = error.context_mark
            return (_mark(mark) if mark is not None else Mark(1, 1)), advice
    return (_mark(mark) if mark is not None else Mark(1, 1)), f"this cannot be read as YAML: {problem or context}"


_SYNTAX_ADVICE: Final = tuple(
    (re.compile(pattern), at_context, advice)
    for pattern, at_context, advice in (
        (r"character '\\t'", False, "a tab stands here; indent with spaces"),
        (r"cannot start any token", False, "an unquoted text cannot begin with this character; put it in quotes"),
        (
            r"quoted scalar.*unexpected end|quoted scalar.*document separator",
            True,
            "a quote opens here and is never closed; add the closing quote",
        ),
        (
            r"unknown escape character|expected escape sequence|hexdecimal",
            False,
            "a backslash in double quotes begins an escape; write \\\\ for a backslash, or use single quotes",
        ),
        (
            r"mapping values are not allowed",
            False,
            "a colon cannot stand here; put a text that holds `: ` in quotes, or check the indentation of this line",
        ),
        (r"could not find expected ':'", True, "`key: value` is expected here; there is no `: ` on this line"),
        (r"flow sequence", True, "a list opens here with [ and is not closed properly; check its commas and the ]"),
        (r"flow mapping", True, "a mapping opens here with { and is not closed properly; check its commas and the }"),
        (
            r"sequence entries are not allowed",
            False,
            "a list item (`- `) cannot begin here; put it on a line of its own",
        ),
        (
            r"block (mapping|collection|sequence)",
            False,
            "this does not fit what stands above it; check the indentation, and that a quoted text ends its line",
        ),
    )
)
