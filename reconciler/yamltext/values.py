"""What a YAML text says: data in which every scalar is text, what is wrong with it, and where."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from reconciler.yamltext.events import Event, EventMark

Data: TypeAlias = "dict[str, Data] | list[Data] | str | None"
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text: line and column, both counted from 1, the column in characters."""

    line: int
    column: int

    @classmethod
    def of(cls, mark: EventMark) -> "Mark":
        """A mark of ruamel's, which counts from 0."""
        return cls(mark.line + 1, mark.column + 1)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not allowed in the YAML of a ban list.

    Attributes:
        mark: its place in the text.
        path: its place in the data.
        message: what is wrong, and what to write instead.
        spoils: the data lacks what the author wrote at this path.
    """

    mark: Mark
    path: Path
    message: str
    spoils: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is, and where its key is (the same place in a list)."""

    key: Mark
    value: Mark


class Noted(NamedTuple):
    """A text that needs a second look.

    Attributes:
        text: the text.
        begin: its place.
        last_line: the line on which a comment can follow it, counted from 1.
    """

    text: str
    begin: Mark
    last_line: int

    @classmethod
    def of(cls, event: Event) -> "Noted":
        """The text of a scalar's event. Behind a block of text no comment can follow, but behind its sign."""
        last = event.start_mark if event.style in ("|", ">") else event.end_mark
        return cls(event.value, Mark.of(event.start_mark), last.line + 1)


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    Attributes:
        data: dictionaries, lists, texts and None; of a key given twice, the first.
        faults: what is wrong with the YAML.
        complete: False when reading ended at a fault; `data` is None then.
        empty: the paths of values that are None because they are missing, not because they are `null` or `~`.
        noted: the user IDs in it that need a second look.
        events: gives ruamel's events of the text once more.
    """

    data: Data
    faults: tuple[Fault, ...]
    complete: bool
    empty: tuple[Path, ...]
    noted: Mapping[Path, Noted]
    events: Callable[[], Iterator[Event]] = field(repr=False)


class NotText(ValueError):
    """The content of a file is not UTF-8.

    Attributes:
        mark: the first byte that is not.
    """

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
