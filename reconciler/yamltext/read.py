"""YAML text to plain data in which every scalar is the very text that stands in the file.

A ban list must not ban somebody else because YAML saw a number, so this reads ruamel.yaml's *events*, which carry text,
and not its constructed objects. What a ban list has no use for and a reader can be misled by is a fault: anchors,
aliases, merge keys, tags, directives, keys given twice, a second document.

The C parser (libyaml, YAML 1.1) and the pure one (YAML 1.2) must agree. The C parser is there for speed alone: it reads
what both of them read alike, and the pure one has the last word on every text that the C parser balks at, or that holds
what a ban list may not and the two see differently.

Nearly every text holds nothing odd. It is read by `_CleanReader`, which does little more than to take the events;
whatever that balks at is read again by `_Builder`, which knows at each event where it is and says what is wrong there.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from reconciler.yamltext import advice as yamladvice

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
# The same in UTF-8. Each pattern begins with a fixed byte: `re` finds that many times faster than one of several.
_READABLE_BYTES: Final = b"\t\n\r" + bytes({*range(0x20, 0x100)} - {0x7F})
_UNREADABLE_IN_UTF8: Final = [
    re.compile(pattern) for pattern in (b"\xc2[\x80-\x9f]", b"\xe2\x80[\xa8\xa9]", b"\xef(?:\xbb\xbf|\xbf[\xbe\xbf])")
]
# What the two parsers read differently without a complaint: a tab between two words, what follows the end of the
# document, and a block of text (| or >) with a comment right behind its sign, or no indented text on the line below.
_DISPUTED: Final = (b"\n...", b"\r...")
_LINE_ENDS: Final = re.compile(b"[\r\n]")
_ODD_BLOCKS: Final = [
    re.compile(sign + rb"(?<![^ \r\n].)[-+0-9]*(?:#| *(?:#[^\r\n]*)?(?:\r\n?|\n)(?! +[^ \r\n]))")
    for sign in (rb"\|", b">")
]
# Half a character, as an escape in double quotes.
_HALF: Final = re.compile(rb"\\(?:u|U0000)[dD][89a-fA-F]")
_CONFLICT: Final = re.compile(b"^<<<<<<< ", re.MULTILINE)  # as git leaves it
_BLANK: Final = re.compile(rb"(?:[ \r\n]+|#[^\r\n]*)*+")
# libyaml takes the colons of an unquoted ARN or time inside [ ] or { } for YAML's own. A stand-in for every colon that
# stands within a word gets them through it.
_INNER_COLON: Final = re.compile(r"(?<=[\w.-]):(?=[\w./-])")
_COLON: Final = "\ue03a"
# An unquoted text that is somebody's words, up to a `#` that begins a comment although no space follows it.
_CUT: Final = re.compile(rb"[ -]*(?:user_id|reason|note) *: +(?![\"'\[{|>#&*!@`%])(?:(?! #)[^\r\n])*+ #[^ #\t\r\n]")
# A text in which the stand-in stands already, as itself or as an escape, or a colon right behind a quote or a bracket,
# which may then be YAML's own: these are for the pure parser.
_NOT_TO_BE_SHIELDED: Final = re.compile(rb"""\xee\x80\xba|\\u[eE]03[aA]|\\U0000[eE]03[aA]|["'\]}]:[^ \r\n,\]}]""")


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
        empty: the places of values that are None because nothing is written there, not because `null` or `~` is.
    """

    data: Data
    faults: tuple[Fault, ...]
    complete: bool
    empty: tuple[Path, ...]
    _source: "_Source" = field(repr=False)

    def locate(self, paths: Collection[Path]) -> dict[Path, Place]:
        """The places of these values, by a second look at the text; paths that it does not hold are left out."""
        return _locate(self._source, frozenset(paths)) if paths else {}

    def events(self) -> Iterator[Any]:
        """ruamel.yaml's events of the text once more, each with its marks; for a document without faults."""
        return self._source.events()


class NotText(ValueError):
    """The content of a file is not UTF-8.

    Attributes:
        mark: where it is not.
    """

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


def decode(content: bytes) -> str:
    """The text of a file, without a byte order mark at its start.

    Raises:
        NotText: it is not UTF-8.
    """
    if _is_utf16(content):
        raise NotText(Mark(1, 1), "the file is saved as UTF-16, or is no text at all; save it as UTF-8")
    content = content.removeprefix(BOM_UTF8)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        raise NotText(_mark_at(before, len(before)), "what stands here is not UTF-8; save the file as UTF-8") from error


def _is_utf16(content: bytes) -> bool:
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:4]


def read(content: bytes, *, pure: bool = False) -> Document:
    """Read one YAML document.

    Args:
        content: the whole file.
        pure: leave the C parser alone even where it is installed. The result is the same, slower.

    Raises:
        NotText: it is not UTF-8.
    """
    faults = tuple(_directive(content))
    if _is_utf16(content) or _has_unreadable(content):
        text = decode(content)
        faults += tuple(_unreadable(text))
        content = _UNREADABLE.sub("\ufffd", text).encode()
    content = content.removeprefix(BOM_UTF8)
    document = None
    if not (pure or faults or _is_disputed(content)):
        # From the bytes, as one emoji in a text makes Python hold four bytes for each of its characters.
        document = _read_by_c_parser(_Source(content, pure=False))
        if document is None and not _NOT_TO_BE_SHIELDED.search(content):
            shielded = _INNER_COLON.sub(_COLON, decode(content)).encode()
            document = _read_by_c_parser(_Source(shielded, pure=False, shielded=True))
    if document is None:
        decode(content)  # the C parser has not shown yet that it is UTF-8
        document = _read(_Source(content, pure=True))
    if document.complete:
        faults += tuple(_cut_texts(content, document._source))
    return replace(document, faults=faults + document.faults) if faults else document


def _is_disputed(content: bytes) -> bool:
    return (
        any(sign in content for sign in _DISPUTED)
        or any(pattern.search(content) for pattern in _ODD_BLOCKS)
        or (b"\t" in content and any(map(_has_disputed_tab, _LINE_ENDS.split(content))))
    )


def _has_disputed_tab(line: bytes) -> bool:
    return b"\t" in line and not line.lstrip(b" ").startswith(b"#")


def _has_unreadable(content: bytes) -> bool:
    content = content.removeprefix(BOM_UTF8)
    return bool(content.translate(None, delete=_READABLE_BYTES)) or any(
        pattern.search(content) for pattern in _UNREADABLE_IN_UTF8
    )


def _directive(content: bytes) -> Iterator[Fault]:
    """A directive is the first thing that a text holds; the parsers pass over those that they do not know."""
    content = content.removeprefix(BOM_UTF8)
    match = _BLANK.match(content)
    if match is not None and content[match.end() : match.end() + 1] == b"%":
        before = decode(content[: match.end()])
        yield Fault(_mark_at(before, len(before)), (), yamladvice.DIRECTIVE)


def _mark_at(text: str, index: int) -> Mark:
    lines = _LINE_BREAK.split(text[:index])
    return Mark(len(lines), len(lines[-1]) + 1)


def _unreadable(text: str) -> Iterator[Fault]:
    """The first unreadable character of each line, and of so many lines that a person can see what is going on."""
    found = (
        (number, match) for number, line in enumerate(_LINE_BREAK.split(text), 1) if (match := _UNREADABLE.search(line))
    )
    for count, (number, match) in enumerate(found):
        mark = Mark(number, match.start() + 1)
        if count == _MAX_UNREADABLE:
            yield Fault(mark, (), "more such characters stand here and below; is this file a ban list?")
            return
        code = f"{ord(match[0]):04X}"
        yield Fault(
            mark,
            (),
            f'the character U+{code} cannot stand here as it is; take it out, or write "\\u{code}" in double quotes',
        )


_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
_MAX_UNREADABLE: Final = 100


@dataclass(frozen=True, slots=True)
class _Source:
    content: bytes
    pure: bool
    shielded: bool = False

    def events(self) -> Iterator[Any]:
        yaml = YAML(typ="safe", pure=self.pure)
        if self.pure:
            return _checked(yaml.parse(self.content.decode()))
        # As `YAML.parse` does it, less a generator's turn for each event. Whatever the C parser raises, the pure one
        # has the last word.
        _, parser = yaml.get_constructor_parser(self.content)
        events: Iterator[Any] = iter(parser.get_event, None)
        return _unshielded(events) if self.shielded else events

    def next_event(self) -> Callable[[], Any]:
        """Gives the events one by one, as `events` does; the quickest way for the C parser."""
        if self.pure or self.shielded:
            return self.events().__next__
        _, parser = YAML(typ="safe").get_constructor_parser(self.content)
        next_event: Callable[[], Any] = parser.get_event
        return next_event


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


def _mark(event_mark: Any) -> Mark:  # noqa: ANN401 - ruamel's marks have no common type
    return Mark(event_mark.line + 1, event_mark.column + 1)


def _read_by_c_parser(source: _Source) -> Document | None:
    """What the text says, if the C parser is to be trusted with it."""
    with suppress(Exception):  # see `_Source.events`
        return _CleanReader(source).document()
    with suppress(Exception):
        builder = _Builder(balks=True)
        builder.take(source.events())
        return builder.document(source)
    return None


class _CleanReader:
    """Reads a text that holds nothing odd, and raises `_Balked` at one that does, or may.

    Two plain loops without calls, since this runs for every event of a list of a million bans.
    """

    def __init__(self, source: _Source) -> None:
        self._source = source
        self._next = source.next_event()
        self._share: Callable[[str, str], str] = dict[
            str, str
        ]().setdefault  # keys and the rooms in lists come again and again
        self._empty: list[tuple[_Container, str | int]] = []

    def document(self) -> Document:
        """What the text says. Raises whatever the parser raises."""
        self._next()  # the stream starts
        self._expect(DocumentStartEvent)
        root = self._mapping(self._expect(MappingStartEvent), 1)
        self._expect(DocumentEndEvent)
        self._expect(StreamEndEvent)
        if b"\\" in self._source.content and _HALF.search(self._source.content):
            raise _Balked
        return Document(root, (), True, tuple(_paths_of(self._empty, root)), self._source)

    def _expect(self, kind: type) -> object:
        event = self._next()
        if event.__class__ is not kind:
            raise _Balked
        return event

    def _mapping(self, start: Any, depth: int) -> dict[str, Data]:  # noqa: ANN401 - ruamel's events have no common type
        if start.anchor is not None or start.tag is not None or depth > MAX_DEPTH:
            raise _Balked
        next_event, share = self._next, self._share
        built: dict[str, Data] = {}
        while True:
            event = next_event()
            if event.__class__ is not ScalarEvent:
                if event.__class__ is MappingEndEvent:
                    return built
                raise _Balked
            key = event.value
            if key in built or key in _ODD_KEYS or event.anchor is not None or event.tag is not None:
                raise _Balked
            key = share(key, key)
            event = next_event()
            kind = event.__class__
            if kind is ScalarEvent:
                if event.anchor is not None or event.tag is not None:
                    raise _Balked
                value = event.value
                if len(value) < 5 and value in _NULLS and event.implicit[0]:
                    if not value:
                        self._empty.append((built, key))
                    value = None
                built[key] = value
            elif kind is SequenceStartEvent:
                built[key] = self._sequence(event, depth + 1)
            elif kind is MappingStartEvent:
                built[key] = self._mapping(event, depth + 1)
            else:
                raise _Balked

    def _sequence(self, start: Any, depth: int) -> list[Data]:  # noqa: ANN401
        if start.anchor is not None or start.tag is not None or depth > MAX_DEPTH:
            raise _Balked
        next_event, share = self._next, self._share
        built: list[Data] = []
        while True:
            event = next_event()
            kind = event.__class__
            if kind is ScalarEvent:
                if event.anchor is not None or event.tag is not None:
                    raise _Balked
                value = event.value
                if len(value) < 5 and value in _NULLS and event.implicit[0]:
                    if not value:
                        self._empty.append((built, len(built)))
                    built.append(None)
                else:
                    built.append(share(value, value))
            elif kind is MappingStartEvent:
                built.append(self._mapping(event, depth + 1))
            elif kind is SequenceEndEvent:
                return built
            elif kind is SequenceStartEvent:
                built.append(self._sequence(event, depth + 1))
            else:
                raise _Balked


_Container: TypeAlias = "dict[str, Data] | list[Data]"


def _paths_of(spots: Iterable[tuple[_Container, str | int]], root: _Container) -> Iterator[Path]:
    """The paths of places in the data, each given by its container and the step from there."""
    steps: dict[int, list[str | int]] = {}
    for container, step in spots:
        steps.setdefault(id(container), []).append(step)
    around: list[tuple[Path, _Container]] = [((), root)] if steps else []
    while around:
        path, container = around.pop()
        for step in steps.get(id(container), ()):
            yield (*path, step)
        inside = container.items() if isinstance(container, dict) else enumerate(container)
        around += [((*path, step), value) for step, value in inside if isinstance(value, dict | list)]


def _read(source: _Source) -> Document:
    builder = _Builder()
    try:
        builder.take(source.events())
    except MarkedYAMLError as error:
        conflict = _CONFLICT.search(source.content)
        if conflict is None:
            builder.stop(*_explain(error))
        else:
            builder.stop(Mark(source.content.count(b"\n", 0, conflict.start()) + 1, 1), yamladvice.CONFLICT)
    except _Balked:
        pass
    except YAMLError:
        builder.stop(_last_mark(source), f"what follows here {yamladvice.NO_YAML}")
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


_MAX_FAULTS: Final = 1000


class _Balked(YAMLError):
    """Reading ends here: the C parser is not to be trusted with what comes, or too much is wrong."""


class _Builder:
    """Builds the data from events, with no object per scalar beside its text."""

    def __init__(self, *, balks: bool = False) -> None:
        self._balks = balks  # at what the two parsers see differently and no ban list holds
        self._root: Any = None
        self._faults: list[Fault] = []
        self._empty: list[Path] = []
        self._complete = True
        self._documents = 0
        # The containers that are open around the current one, each with the key it goes on with.
        self._stack: list[tuple[Any, Any]] = []
        self._container: Any = None
        self._key: Any = _NO_KEY

    def document(self, source: _Source) -> Document:
        return Document(self._root, tuple(self._faults), self._complete, tuple(self._empty), source)

    def stop(self, mark: Mark, message: str, path: Path = ()) -> None:
        """The rest of the text cannot be read."""
        self._faults.append(Fault(mark, path, message))
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
                    if not value:
                        self._container, self._key = container, key
                        self._empty.append(self._path())
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
                self._rare_fault(event, yamladvice.ALIAS, spoils=True)
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
            self.stop(
                _mark(event.start_mark),
                f"nested more than {MAX_DEPTH} deep, and a ban list needs four levels;"
                " check the brackets and the indentation",
            )
            return None
        if container.__class__ is list:
            container.append(opened)
        elif container is None:
            self._root = opened
        elif key is _NO_KEY:
            self._fault(event, "a key must be a text, and this is none; quote it, or check the brackets", spoils=True)
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
            self._rare_fault(event, yamladvice.ANCHOR)
        if event.tag is not None:
            self._rare_fault(event, yamladvice.TAG)

    def _start_document(self, event: Any) -> bool:  # noqa: ANN401
        self._documents += 1
        if self._documents > 1:
            if self._balks:
                raise _Balked
            self.stop(
                _mark(event.start_mark),
                "a second document begins here; a ban list is one document, so remove the line `---` or `...`",
            )
            return False
        return True

    def _rare_fault(self, event: Any, message: str, *, spoils: bool = False) -> None:  # noqa: ANN401
        if self._balks:
            raise _Balked
        self._fault(event, message, spoils=spoils)

    def _fault(self, event: Any, message: str, *, spoils: bool = False) -> None:  # noqa: ANN401
        if len(self._faults) == _MAX_FAULTS:
            self.stop(
                _mark(event.start_mark), "there is more that is wrong from here on; correct what stands above first"
            )
            raise _Balked
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
    for path, key_mark, event in _placed(source):
        if path in wanted and path not in places:
            mark = _mark(event.start_mark)
            if event.start_mark.index == event.end_mark.index and event.__class__ is ScalarEvent:
                # The parsers disagree on where it is that nothing stands.
                mark = key_mark or (mark if path else Mark(1, 1))
            places[path] = Place(key_mark or mark, mark)
    return places


def _placed(source: _Source) -> Iterator[tuple[Path | None, Mark | None, Any]]:
    """The event of each value with its path and the place of its key; no path below a key that is no text."""
    stack: list[_Frame] = []
    for event in _readable(source.events()):
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
            yield path, key_mark, event
        if opens:
            stack.append(_Frame(path, is_mapping=kind is MappingStartEvent))


def _cut_texts(content: bytes, source: _Source) -> Iterator[Fault]:
    """Texts of which YAML takes a part for a comment: who writes `player #7` without quotes bans `player`."""
    lines = _lines_that_may_be_cut(content)
    if not lines:
        return
    for path, _, event in _placed(source):
        if path is None or event.__class__ is not ScalarEvent or not event.implicit[0] or not event.value:
            continue
        line = lines.get(event.end_mark.line)
        if line is not None and event.start_mark.line == event.end_mark.line:
            column = line.find("#", event.end_mark.column)
            yield Fault(Mark(event.end_mark.line + 1, column + 1), path, yamladvice.CUT)


def _lines_that_may_be_cut(content: bytes) -> dict[int, str]:
    """Lines by their number, counted from 0, in which an unquoted text may end in a comment that looks like text."""
    found: dict[int, str] = {}
    number = counted = 0
    at = content.find(b" #")
    while at >= 0:
        start = content.rfind(b"\n", 0, at) + 1
        end = content.find(b"\n", at)
        if _CUT.match(content, start):
            number += content.count(b"\n", counted, start)
            counted = start
            found[number] = content[start : end if end >= 0 else None].decode()
        at = content.find(b" #", end) if end >= 0 else -1
    return found


def _readable(events: Iterable[Any]) -> Iterator[Any]:
    """The events up to where the text cannot be read."""
    with suppress(YAMLError):
        yield from events


def _explain(error: MarkedYAMLError) -> tuple[Mark, str]:
    """Where the YAML breaks, and what to write instead."""
    mark = error.problem_mark or error.context_mark
    at_context, advice = yamladvice.of(f"{error.context or ''}: {error.problem or ''}")
    if at_context and error.context_mark is not None:
        mark = error.context_mark
    return (_mark(mark) if mark is not None else Mark(1, 1)), advice
