"""A change, and a plan made of changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import Final

from reconciler.bans import DEFAULT_RATE, EVERYWHERE, AccountRegion, Ban, BanKey, Record, account_region_of, address
from reconciler.guardrails import Refusal


class Action(StrEnum):
    """What a change does."""

    BAN = "ban"
    """DisconnectUser, then record."""
    UPDATE = "update"
    """Record only."""
    LIFT = "lift"
    """Forget the record; no call can lift a ban."""
    REPEAT = "repeat"
    """DisconnectUser once more for somebody who is banned already."""


class Because(StrEnum):
    """Why a change is due."""

    NEW = "new"
    """In force, and no record of it."""
    LAPSED = "lapsed"
    """In force, and the record of it has run out."""
    CHANGED = "changed"
    """In force, and recorded on other terms."""
    REMOVED = "removed"
    """Recorded, and not in the list."""
    EXPIRED = "expired"
    """Recorded, and expired according to the list."""
    REQUESTED = "requested"
    """In force and recorded, and somebody asked to disconnect the user again."""
    UNPUBLISHED = "unpublished"
    """Recorded, and not in the denylist, or not for as long: to be published, and settled."""
    UNKNOWN = "unknown"
    """In the denylist, and neither recorded nor in the list."""
    UNSETTLED = "unsettled"
    """Recorded, and owed a second call; never part of a plan."""

    @property
    def action(self) -> Action:
        """What is done for this reason."""
        return _ACTIONS[self]


_ACTIONS: Final = {
    Because.NEW: Action.BAN,
    Because.LAPSED: Action.BAN,
    Because.CHANGED: Action.UPDATE,
    Because.REMOVED: Action.LIFT,
    Because.EXPIRED: Action.LIFT,
    Because.REQUESTED: Action.REPEAT,
    Because.UNPUBLISHED: Action.UPDATE,
    Because.UNKNOWN: Action.LIFT,
    Because.UNSETTLED: Action.REPEAT,
}
_CALLING: Final = frozenset({Because.NEW, Because.LAPSED, Because.REQUESTED, Because.UNSETTLED})
DRIFT: Final = frozenset({Because.UNPUBLISHED, Because.UNKNOWN})
"""What follows from how the denylist differs from the state, and not from the list."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan.

    Attributes:
        key: who, where.
        before: the record in the state, if any.
        after: the ban as the list has it; None when it is not to be in the state.
        because: why.
    """

    key: BanKey
    before: Record | None
    after: Ban | None
    because: Because

    @property
    def action(self) -> Action:
        """What is done; it follows from why."""
        return self.because.action

    @property
    def disconnects(self) -> bool:
        """Whether the change calls DisconnectUser."""
        return self.because in _CALLING

    def recorded(
        self,
        disconnected_at: datetime | None = None,
        request_id: str | None = None,
        *,
        published_at: datetime | None = None,
    ) -> Record | None:
        """The record to keep once the change is done; None to keep none.

        Args:
            disconnected_at: when DisconnectUser succeeded, if the change calls it.
            request_id: of that call.
            published_at: when the denylist acknowledged the ban, if a second call is owed because of that.
        """
        if self.after is None:
            return None
        if self.disconnects or self.before is None:
            return Record(self.after, disconnected_at, request_id, published_at)
        if self.because is Because.UNPUBLISHED:
            return replace(self.before, ban=self.after, published_at=published_at)
        return replace(self.before, ban=self.after)


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes that make the state match the list.

    Attributes:
        created_at: the time the plan was made for, aware, in UTC: what has expired by then has expired.
        ban_list: path of the list.
        ban_list_sha256: of its content, in hexadecimal.
        lineage: of the state, None if there is none yet.
        serial: of the state.
        changes: in the order of the list, then what is no longer in it.
        room_names: ARN → name, for addresses.
        expired: bans in the list that have expired and are not in the state; their entries can go.
        refusals: what guardrails say against it; not to be applied unless empty.
        left_out: how many changes `targets` left out.
        rate: DisconnectUser calls a second in each account and region, as the list has it.
        commit: the git commit that holds the list as it was planned; None if there is none, or nobody asked.
        endpoint: of the state: URL of the chat service that it tells of, if that is not AWS.
        listed: how many bans the list has, expired ones included.
        recorded: how many bans the state has.
        denylist: where bans are published, as the list writes it; None publishes none.
        settle_after: seconds after its publication at which a banned user is disconnected once more.
        owed: recorded bans whose users are owed that second call; no changes of their own.
        to_retire: other denylists that still hold bans of this list.
        rooms_found_at_apply: whether only an apply knows from which rooms users who are banned everywhere are
            disconnected; otherwise that is from each named room.
    """

    created_at: datetime
    ban_list: str
    ban_list_sha256: str
    lineage: str | None
    serial: int
    changes: tuple[Change, ...] = ()
    room_names: Mapping[str, str] = field(default_factory=dict)
    expired: tuple[BanKey, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    left_out: int = 0
    rate: float = DEFAULT_RATE
    commit: str | None = None
    endpoint: str | None = None
    listed: int = 0
    recorded: int = 0
    denylist: str | None = None
    settle_after: int = 0
    owed: tuple[BanKey, ...] = ()
    to_retire: tuple[str, ...] = ()
    rooms_found_at_apply: bool = False

    @property
    def counts(self) -> Counter[Action]:
        """How many changes do what."""
        counts: Counter[Action] = Counter()
        for because, count in Counter(map(attrgetter("because"), self.changes)).items():
            counts[because.action] += count
        return counts

    @property
    def calls(self) -> Counter[AccountRegion]:
        """How many DisconnectUser calls go to which account and region, as far as the rooms are known already."""
        return self._calls(change.key.room_arn for change in self.changes if change.because in _CALLING)

    @property
    def settle_calls(self) -> Counter[AccountRegion]:
        """How many second calls are owed to whom the state records, the bans to be published again included."""
        again = (change.key.room_arn for change in self.changes if change.because is Because.UNPUBLISHED)
        return self._calls(chain((key.room_arn for key in self.owed), again))

    def _calls(self, room_arns: Iterable[str]) -> Counter[AccountRegion]:
        calls: Counter[AccountRegion] = Counter()
        for room_arn, count in Counter(room_arns).items():
            if room_arn != EVERYWHERE:
                calls[account_region_of(room_arn)] += count
            elif not self.rooms_found_at_apply:
                for named in self.room_names:
                    calls[account_region_of(named)] += count
        return calls

    def address(self, key: BanKey) -> str:
        """`ROOM/USER_ID`, raw: escape it for where it is shown."""
        return address(key, self.room_names)
