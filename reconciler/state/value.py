"""What has been done: who is banned where, since when, on which terms."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from reconciler.bans import REASON_MAX, TIME_PATTERN, Ban, BanKey, Record, format_time, parse_time


@dataclass(frozen=True, slots=True)
class State:
    """The recorded bans.

    Attributes:
        lineage: a UUID made once, when the state is first written; None until then.
        serial: how often the content has changed.
        records: every recorded ban, lapsed ones included.
    """

    lineage: str | None = None
    serial: int = 0
    records: Mapping[BanKey, Record] = field(default_factory=dict)

    def after(self, changes: Iterable[tuple[BanKey, Record | None]]) -> "State":
        """This state with some records put in, or with None taken out. Serial and lineage stay until it is saved."""
        return replace(self, records=Records.of(self.records).after(changes))

    def generation(self, *, lineage: str) -> "State":
        """The next generation, to be written: the serial goes up by one, and a first state gets its `lineage`."""
        return replace(self, lineage=self.lineage or lineage, serial=self.serial + 1)


class PlainRecord(TypedDict):
    """A record in JSON, as in the state file, the journal and saved plans. Times are RFC 3339.

    We write all four keys, and take one that is missing for null.
    """

    reason: Annotated[str | None, Field(default=None, min_length=1, max_length=REASON_MAX)]
    expires_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    disconnected_at: Annotated[str | None, Field(default=None, pattern=TIME_PATTERN)]
    request_id: Annotated[str | None, Field(default=None)]


class Records(Mapping[BanKey, Record]):
    """Records by ban. They are kept as the plain data of the file, and a `Record` is made when it is asked for.

    Most commands ask for few of them: folding a journal into a hundred thousand asks for none.

    Args:
        rooms: room ARN → user ID → record; not to be changed by anybody from here on.
    """

    __slots__ = ("_rooms",)

    def __init__(self, rooms: Mapping[str, dict[str, PlainRecord]]) -> None:
        self._rooms = {room_arn: users for room_arn, users in rooms.items() if users}

    @classmethod
    def of(cls, records: Mapping[BanKey, Record]) -> "Records":
        """The same records in this form."""
        return records if isinstance(records, Records) else cls({}).after(records.items())

    def __getitem__(self, key: BanKey) -> Record:
        return record_from_plain(self._rooms[key.room_arn][key.user_id])

    def get(self, key: BanKey, default: object = None) -> object:  # type: ignore[override]
        """The record of a ban, or `default`; without an exception on the way, as most lookups find nothing."""
        users = self._rooms.get(key[0])
        plain = None if users is None else users.get(key[1])
        return default if plain is None else record_from_plain(plain)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1] in self._rooms.get(key[0], ())

    def __iter__(self) -> Iterator[BanKey]:
        for room_arn, users in self._rooms.items():
            for user_id in users:
                yield BanKey(room_arn, user_id)

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Records) and self._rooms == other._rooms:
            return True
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

    def after(self, changes: Iterable[tuple[BanKey, Record | None]]) -> "Records":
        """These records with some put in, or with None taken out."""
        rooms = dict(self._rooms)
        ours: set[str] = set()
        for (room_arn, user_id), record in changes:
            if room_arn not in ours:
                ours.add(room_arn)
                rooms[room_arn] = dict(rooms.get(room_arn, ()))
            if record is None:
                rooms[room_arn].pop(user_id, None)
            else:
                rooms[room_arn][user_id] = record_to_plain(record)
        return Records(rooms)

    def in_order(self) -> Iterator[tuple[str, dict[str, PlainRecord]]]:
        """The plain records by room ARN and user ID, sorted."""
        for room_arn, users in sorted(self._rooms.items()):
            user_ids = sorted(users)
            sorted_already = user_ids == list(users)
            yield room_arn, users if sorted_already else {user_id: users[user_id] for user_id in user_ids}


def record_to_plain(record: Record) -> PlainRecord:
    """A record as JSON-ready data, its keys in the order of the file."""
    return {
        "reason": record.ban.reason,
        "expires_at": _text_of(record.ban.expires_at),
        "disconnected_at": _text_of(record.disconnected_at),
        "request_id": record.request_id,
    }


def record_from_plain(plain: PlainRecord) -> Record:
    """The inverse of `record_to_plain`.

    Raises:
        ValueError: one of its times does not exist, though it is written like one.
    """
    ban = Ban(plain["reason"], time_of(plain["expires_at"]))
    return Record(ban, time_of(plain["disconnected_at"]), plain["request_id"])


def time_of(text: str | None) -> datetime | None:
    """A time of a plain record; None for none. Raises ValueError for one that does not exist."""
    if text is None:
        return None
    return datetime.fromisoformat(text) if text[-1] == "Z" else parse_time(text)


def _text_of(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)
