"""Where the values of a YAML text are: the one walk over its events that knows their paths."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.yamltext.events import Event, until_unreadable
from reconciler.yamltext.values import Document, Mark, Path, Place


class Placed(NamedTuple):
    """A value of a text; a list or mapping comes twice, where it begins and where it ends.

    Attributes:
        path: its place in the data; None below a key that is not text.
        key: the event of its key, where it begins in a mapping.
        event: its event.
    """

    path: Path | None
    key: Event | None
    event: Event


@dataclass(slots=True)
class _Around:
    """A list or mapping around the current event, with the next index, or the key that waits for its value."""

    path: Path | None
    is_mapping: bool
    key: Event | None = None
    index: int = 0

    def below(self, event: Event) -> Placed | None:
        """The value that begins here; None when it is a key."""
        step: str | int
        key = self.key
        if not self.is_mapping:
            step = self.index
            self.index += 1
        elif key is None:
            self.key = event
            return None
        else:
            self.key = None
            if key.__class__ is not ScalarEvent:
                return Placed(None, key, event)
            step = key.value
        return Placed(None if self.path is None else (*self.path, step), key, event)


def walk(document: Document) -> Iterator[Placed]:
    """The values of a text in their order, up to where it can be read."""
    inside: list[_Around] = []
    for event in until_unreadable(document.events()):
        kind = event.__class__
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            yield Placed(inside.pop().path, None, event)
            continue
        begins = kind is MappingStartEvent or kind is SequenceStartEvent
        if begins or kind is ScalarEvent or kind is AliasEvent:
            placed = inside[-1].below(event) if inside else Placed((), None, event)
            if placed is not None:
                yield placed
            if begins:
                inside.append(_Around(placed.path if placed is not None else None, kind is MappingStartEvent))


def locate(document: Document, paths: Collection[Path]) -> dict[Path, Place]:
    """The places of these values, found by reading the text once more; paths that are not in it are left out."""
    places: dict[Path, Place] = {}
    missing = set(paths)
    if not missing:
        return places
    for path, key, event in walk(document):
        if path is not None and path in missing:
            missing.remove(path)
            begin = Mark.of(event.start_mark)
            key_mark = Mark.of(key.start_mark) if key is not None else None
            if event.__class__ is ScalarEvent and event.start_mark.index == event.end_mark.index:
                # The parsers disagree on where a missing value is.
                begin = key_mark or (begin if path else Mark(1, 1))
            places[path] = Place(key_mark or begin, begin)
            if not missing:
                break
    return places
