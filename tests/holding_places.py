"""Where the denylists, the state and the journal of the model are: in memory, and something else may happen before each
effect. What publishes and what records is the real code."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from reconciler import BanKey, Record, State
from reconciler.denylist import document, rows
from reconciler.denylist.rows import Row, RowKey
from reconciler.denylist.value import Contents, End
from reconciler.publishers.document import DocumentPublisher, Overtaken
from reconciler.publishers.dynamodb import DynamoDBPublisher
from reconciler.publishers.publisher import Means, Publisher
from reconciler.publishers.table import Condition
from reconciler.stores.holder import Holder
from reconciler.stores.journal import Changes, Journal
from reconciler.stores.store import Store

NAME = "bans"

Meanwhile = Callable[[str], None]
"""Called with the name of an effect before that comes about."""


@dataclass
class Place:
    """What is at one location: a document, or the rows of a table."""

    location: str
    document: bytes | None = None
    version: int = 0
    rows: dict[RowKey, Row] = field(default_factory=dict)
    read: tuple[int, Contents] = (0, Contents())

    @property
    def is_table(self) -> bool:
        return self.location.startswith("dynamodb://")

    @property
    def contents(self) -> Contents:
        """What a gate reads there."""
        if self.is_table:
            bans: dict[BanKey, End] = {}
            provisional: dict[BanKey, datetime] = {}
            for (pk, sk), row in self.rows.items():
                end = rows.end_of(row.get("expires_at"))
                if (key := rows.ban_of(pk, sk, NAME)) is not None:
                    bans[key] = end
                elif (key := rows.provisional_of(pk, sk)) is not None and end is not None:
                    provisional[key] = end
            return Contents(None, bans, provisional)
        if self.document is not None and self.read[0] != self.version:
            self.read = self.version, document.loads(self.document)
        return self.read[1]

    def lose(self, key: BanKey) -> None:
        """Somebody removes the row of a ban by hand, or the document."""
        if self.is_table:
            self.rows.pop(rows.ban_key(key, NAME), None)
        else:
            self.document, self.version, self.read = None, self.version + 1, (self.version + 1, Contents())

    def publisher(self, now: Callable[[], datetime], meanwhile: Meanwhile = lambda _step: None) -> Publisher:
        means = Means(now, lambda _seconds: False)
        if not self.is_table:
            return _Document(self, meanwhile, means)
        publisher = DynamoDBPublisher(self.location, NAME, means)
        publisher._table = _Table(self.rows, meanwhile)  # type: ignore[assignment]
        return publisher


class _Table:
    """In place of `publishers.table.Table`: rows are written one by one, in the order given."""

    def __init__(self, there: dict[RowKey, Row], meanwhile: Meanwhile) -> None:
        self._there = there
        self._meanwhile = meanwhile

    def get(self, key: RowKey) -> Row | None:
        self._meanwhile("read the head")
        return self._there.get(key)

    def put(self, row: Row, condition: Condition) -> bool:
        key = RowKey(str(row["pk"]), str(row["sk"]))
        if key.pk == rows.HEAD:
            self._meanwhile("open the head" if row["open"] else "close the head")
        if not _holds(condition, self._there.get(key)):
            return False
        self._there[key] = row
        return True

    def scan(self, attributes: str, condition: Condition) -> Iterator[Row]:
        self._meanwhile("read all rows")
        yield from [row for key, row in self._there.items() if key.pk != rows.HEAD]

    def write(self, keys: Iterable[BanKey], change: Callable[[BanKey], tuple[RowKey, Row | None]]) -> Mapping[Any, Any]:
        for key in (every := list(keys)):
            row_key, row = change(key)
            if row is None:
                self._meanwhile("remove a row")
                self._there.pop(row_key, None)
            else:
                self._meanwhile("publish a row")
                self._there[row_key] = row
        if every:
            self._meanwhile("acknowledge")
        return {}


def _holds(condition: Condition, row: Row | None) -> bool:
    """Whether one of the conditions that we make holds for a row."""
    values = condition.values
    match condition.expression:
        case "attribute_not_exists(pk)":
            return row is None
        case "lineage = :lineage AND serial = :serial":
            return row is not None and (row["lineage"], row["serial"]) == (values[":lineage"], values[":serial"])
        case "attribute_not_exists(pk) OR #ttl < :ttl":
            return row is None or int(row["ttl"]) < int(values[":ttl"])
        case other:
            raise NotImplementedError(other)


class _Document(DocumentPublisher[int]):
    """A document that is replaced as a whole."""

    def __init__(self, place: Place, meanwhile: Meanwhile, means: Means) -> None:
        super().__init__(place.location, NAME, means)
        self._place = place
        self._meanwhile = meanwhile

    def _load(self, known: int | None) -> tuple[bytes | None, int]:
        self._meanwhile("read the document")
        return (None if known == self._place.version else self._place.document), self._place.version

    def _replace(self, content: bytes, version: int) -> int:
        self._meanwhile("replace the document")
        if version != self._place.version:
            raise Overtaken
        self._place.document, self._place.version = content, version + 1
        self._meanwhile("acknowledge")
        return version + 1

    def _delete(self, version: int) -> None:
        raise NotImplementedError


@dataclass
class Files:
    """What the runs of an apply leave behind: a state, and perhaps a journal on top of one of its generations."""

    state: State
    journal: tuple[int, dict[BanKey, Record | None]] | None = None


class MemoryStore(Store[int]):
    """A state."""

    def __init__(self, files: Files, meanwhile: Meanwhile) -> None:
        super().__init__("bans.state.json", warn=lambda _message: None)
        self._files = files
        self._meanwhile = meanwhile

    def load(self) -> tuple[State, int]:
        return self._files.state, 0

    def replace(self, state: State, version: int) -> int:
        self._meanwhile("save")
        self._files.state = state
        return version

    def journal(self) -> "MemoryJournal":
        return MemoryJournal(self._files, self._meanwhile)

    def locked(self, who: Holder, timeout: float, lineage: str) -> AbstractContextManager[NoReturn]:
        raise NotImplementedError

    def force_unlock(self, lock_id: str) -> Holder:
        raise NotImplementedError


class MemoryJournal(Journal):
    """A journal; it counts for the generation that it was begun on."""

    def __init__(self, files: Files, meanwhile: Meanwhile) -> None:
        super().__init__(Path("bans.state.json.journal"))
        self._files = files
        self._meanwhile = meanwhile
        self._begun = False

    @property
    def is_open(self) -> bool:
        return self._begun

    def read(self, state: State) -> tuple[State, Changes, str | None]:
        serial, changes = self._files.journal or (0, {})
        return state, dict(changes) if serial == state.serial else {}, None

    def append(self, state: State, before: Changes, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        self._meanwhile("keep")
        if not self._begun or self._files.journal is None:
            self._files.journal = state.serial, dict(before)
            self._begun = True
        self._files.journal[1].update(changes)

    def remove(self) -> None:
        self._meanwhile("remove the journal")
        self._files.journal = None
        self.close()

    def close(self) -> None:
        self._begun = False

    def put_aside(self) -> None:
        raise NotImplementedError
