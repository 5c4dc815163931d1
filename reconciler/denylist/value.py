"""A denylist as a value: who is banned where, and until when. It holds no reasons and no notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.bans import BanKey

End = datetime | None
"""When a ban ends, aware, in UTC; None is for good."""

Bans = Mapping[BanKey, End]
"""Everybody who is banned. The room of a key is its ARN, or `EVERYWHERE`."""

Provisional = Mapping[BanKey, datetime]
"""Bans that nobody has reviewed yet. Each ends by itself, and several lists may share them."""


@dataclass(frozen=True, slots=True)
class Head:
    """Whose a denylist is, and which publication.

    Attributes:
        lineage: of the state that it follows.
        serial: counts publications, from 1.
        count: how many bans it holds, provisional ones not counted.
        settle_after: seconds from a publication until the tokens issued before it are used up.
        published_at: when it was last published, aware, in UTC.
        open: a run has begun to publish, and has not said that all of it stands. Only a table has this.
    """

    lineage: str
    serial: int
    count: int
    settle_after: int
    published_at: datetime
    open: bool = False


@dataclass(frozen=True, slots=True)
class Contents:
    """What stands at a location under one name.

    Attributes:
        head: None where nothing has been published, or not yet all of it.
        bans: those of this name.
        provisional: those of all names.
    """

    head: Head | None = None
    bans: Bans = field(default_factory=dict)
    provisional: Provisional = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drift:
    """How a denylist differs from what it should hold. Each part is sorted by room and user.

    Attributes:
        missing: not there, with the ends that they should have.
        early: there, and ending too early; with the ends that they should have.
        late: there, and ending too late; with the ends that they should have.
        unknown: there, and known to nobody.
    """

    missing: Bans
    early: Bans
    late: Bans
    unknown: tuple[BanKey, ...]

    @property
    def unsettled(self) -> Bans:
        """Those who may have been let in since: to be published, and settled."""
        return {**self.missing, **self.early}

    @property
    def to_publish(self) -> Bans:
        """All that is to be published, whether it has to be settled or not."""
        return {**self.missing, **self.early, **self.late}

    def __bool__(self) -> bool:
        return bool(self.missing or self.early or self.late or self.unknown)


def drift(wanted: Bans, there: Bans, now: datetime) -> Drift:
    """Compare what a denylist should hold with what it holds; provisional entries have no part in it.

    Args:
        wanted: everybody whom the state records, and whom an apply is about to ban.
        there: what is published.
        now: a ban that is over by then is not missed, as the table's TTL may have removed it.
    """
    missing: dict[BanKey, End] = {}
    early: dict[BanKey, End] = {}
    late: dict[BanKey, End] = {}
    for key, end in wanted.items():
        is_there = key in there
        if is_there and there[key] == end:
            continue
        if is_there and _is_later(there[key], end):
            late[key] = end
        elif end is None or end > now:
            (early if is_there else missing)[key] = end
    unknown = tuple(sorted(key for key in there if key not in wanted))
    return Drift(_in_order(missing), _in_order(early), _in_order(late), unknown)


def in_force(provisional: Provisional, now: datetime) -> Provisional:
    """The provisional entries that have not ended."""
    return {key: end for key, end in provisional.items() if now < end}


def _is_later(end: End, than: End) -> bool:
    return than is not None and (end is None or end > than)


def _in_order(bans: dict[BanKey, End]) -> Bans:
    return dict(sorted(bans.items(), key=_key))


def _key(entry: tuple[BanKey, End]) -> BanKey:
    return entry[0]
