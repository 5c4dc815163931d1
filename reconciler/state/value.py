"""What has been done: who is banned where, since when, on which terms."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NotRequired, TypedDict

from reconciler.bans import Ban, BanKey, Record, format_time, parse_time


@dataclass(frozen=True, slots=True)
class Place:
    """Where a denylist is.

    Attributes:
        location: as the list writes it.
        name: of the list in that place, as several may share a table.
    """

    location: str
    name: str


@dataclass(frozen=True, slots=True)
class Published:
    """What the state remembers of its denylist.

    Attributes:
        place: where it is.
        serial: of its last publication by this state; 0 if it may lack bans, so that it has to be compared.
        to_retire: places where bans of this state may still be, though the list no longer names them.
    """

    place: Place | None = None
    serial: int = 0
    to_retire: tuple[Place, ...] = ()

    def without(self, place: Place) -> "Published":
        """The same once nothing of ours is in a place any more."""
        to_retire = tuple(left for left in self.to_retire if left != place)
        return Published(None, 0, to_retire) if place == self.place else replace(self, to_retire=to_retire)


@dataclass(frozen=True, slots=True)
class State:
    """The recorded bans.

    Attributes:
        lineage: a UUID made once, when the state is first written; None until then.
        serial: how often the content has changed.
        records: every recorded ban, including those that have expired.
        endpoint: URL of the chat service that was called, if that is not AWS: then nothing in it happened on AWS.
        published: where they have been published.
    """

    lineage: str | None = None
    serial: int = 0
    records: Mapping[BanKey, Record] = field(default_factory=dict)
    endpoint: str | None = None
    published: Published = field(default_factory=Published)

    @property
    def is_blank(self) -> bool:
        """Whether it was never written and holds nothing: it is neither of AWS nor of another endpoint yet."""
        return not self.serial and not self.records

    def goes_with(self, endpoint: str | None) -> bool:
        """Whether it may record what is done at this endpoint, None for AWS. All that are not AWS are alike."""
        return self.is_blank or (self.endpoint is None) == (endpoint is None)

    @property
    def unsettled(self) -> Iterator[BanKey]:
        """The bans whose users are owed a second call."""
        if isinstance(self.records, Records):
            return self.records.unsettled()
        return (key for key, record in self.records.items() if record.published_at is not None)

    def after(self, changes: Iterable[tuple[BanKey, Record | None]]) -> "State":
        """This state with some records put in, or with None taken out. Serial and lineage stay until it is saved."""
        return replace(self, records=Records.of(self.records).after(changes))

    def generation(self, *, lineage: str) -> "State":
        """The next generation, to be written: the serial goes up by one, and a first state gets its `lineage`."""
        return replace(self, lineage=self.lineage or lineage, serial=self.serial + 1)


class PlainRecord(TypedDict):
    """A record as JSON has it. Times are RFC 3339; `published_at` is missing where it is None."""

    reason: str | None
    expires_at: str | None
    disconnected_at: str | None
    request_id: str | None
    published_at: NotRequired[str | None]


class Records(Mapping[BanKey, Record]):
    """Records by ban, kept as the plain data of the file. A `Record` is made when it is asked for.

    Most commands ask for few of them: taking a journal into a state of a hundred thousand bans asks for none.

    Args:
        rooms: room ARN → user ID → record. Nobody may change it from here on.
    """

    __slots__ = ("_rooms",)

    def __init__(self, rooms: Mapping[str, dict[str, PlainRecord]]) -> None:
        self._rooms = {room_arn: users for room_arn, users in rooms.items() if users}

    @classmethod
    def of(cls, records: Mapping[BanKey, Record]) -> "Records":
        """The same records in this form."""
        return records if isinstance(records, Records) else cls({}).after(records.items())

    def __getitem__(self, key: BanKey) -> Record:
        return from_plain(self._rooms[key.room_arn][key.user_id])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1] in self._rooms.get(key[0], ())

    def __iter__(self) -> Iterator[BanKey]:
        for room_arn, users in self._rooms.items():
            for user_id in users:
                yield BanKey(room_arn, user_id)

    @property
    def rooms(self) -> Collection[str]:
        """The rooms that have records, EVERYWHERE perhaps among them."""
        return self._rooms.keys()

    def unsettled(self) -> Iterator[BanKey]:
        """The bans whose users are owed a second call; quick, since no `Record` is made."""
        for room_arn, users in self._rooms.items():
            for user_id, plain in users.items():
                if plain.get("published_at") is not None:
                    yield BanKey(room_arn, user_id)

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Records) and self._rooms == other._rooms) or super().__eq__(other)

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
                rooms[room_arn][user_id] = to_plain(record)
        return Records(rooms)

    def in_order(self) -> Iterator[tuple[str, dict[str, PlainRecord]]]:
        """The plain records by room ARN and user ID, sorted."""
        for room_arn, users in sorted(self._rooms.items()):
            yield room_arn, {user_id: users[user_id] for user_id in sorted(users)}


def to_plain(record: Record) -> PlainRecord:
    """A record as JSON-ready data, its keys in the order of the file."""
    plain: PlainRecord = {
        "reason": record.ban.reason,
        "expires_at": _text_of(record.ban.expires_at),
        "disconnected_at": _text_of(record.disconnected_at),
        "request_id": record.request_id,
    }
    if record.published_at is not None:
        plain["published_at"] = format_time(record.published_at)
    return plain


def from_plain(plain: PlainRecord) -> Record:
    """The inverse of `to_plain`.

    Raises:
        ValueError: one of its times does not exist, though it is written like one.
    """
    ban = Ban(plain["reason"], _time_of(plain["expires_at"]))
    published_at = _time_of(plain.get("published_at"))
    return Record(ban, _time_of(plain["disconnected_at"]), plain["request_id"], published_at)


def _time_of(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _text_of(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)
