"""A small world in which bans are to hold: a chat service, a token service, an attacker, applies that may be killed.

Everything that decides is the real code: `diff`, `Publishing`, `Enforcement`. The denylist is a table whose rows are
written one by one. Before each effect of an apply the world may do anything else (`meanwhile`).
"""

import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler import Ban, BanKey, BanList, Record, State, diff
from reconciler.banlist.value import DenylistSettings
from reconciler.bans import EVERYWHERE
from reconciler.denylist.value import Bans, Contents, Head
from reconciler.enforce import Clock, Enforcement
from reconciler.errors import DenylistError
from reconciler.lanes import Kick, Recorded
from reconciler.plan.drifting import place_of
from reconciler.plan.outcome import Outcome, Receipt
from reconciler.publishers.publisher import Publisher
from reconciler.publishing import Publishing
from reconciler.state.value import Published
from tests.builders import FINALS, LINEAGE, LOBBY, NOW, ROOMS

TOKEN_LIFE = 60  # seconds in which a token connects
CONNECTING = 20  # seconds that a connection may take to be made
MAX_AGE = 10  # seconds that a gate uses a copy of the denylist
SETTLE_AFTER = TOKEN_LIFE + MAX_AGE + CONNECTING
SKEW = 25  # seconds that the clock of a run may be off

USERS = ("eve", "mallory")
KEYS = tuple(BanKey(room, user) for user in USERS for room in (LOBBY, EVERYWHERE))


class Killed(BaseException):
    """The process of an apply ends here."""


@dataclass(eq=False)
class Token:
    """What a token service makes for a user; it is of use once it is handed out."""

    user: str
    room: str
    created: int
    recorded: bool = False
    handed_out: bool = False
    refused: bool = False
    used: bool = False


@dataclass
class Table:
    """A denylist."""

    head: Head | None = None
    rows: dict[BanKey, datetime | None] = field(default_factory=dict)


class TablePublisher(Publisher):
    """Publishes in a table of the world, row by row, with something else before each."""

    always_compare = False

    def __init__(self, world: "World", table: Table) -> None:
        super().__init__("dynamodb://us-west-2/bans", "bans", now=world.now, sleep=lambda _seconds: False)
        self._world = world
        self._table = table

    def read_head(self) -> Head | None:
        self._world.meanwhile("read the head")
        return self._table.head

    def read(self) -> Contents:
        self._world.meanwhile("read all rows")
        return Contents(self._table.head, dict(self._table.rows))

    def begin(self, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        self._world.meanwhile("begin")
        there = self._table.head
        serial = there.serial if there is not None else 0
        self._table.head = Head(lineage, serial, 0, settle_after, self._now(), open=True)
        return replace(self._table.head, serial=serial + 1)

    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Mapping[BanKey, DenylistError]:
        for key, end in entries.items():
            self._world.meanwhile("publish a row")
            self._table.rows[key] = end
        for key in remove:
            self._world.meanwhile("remove a row")
            self._table.rows.pop(key, None)
        self._world.meanwhile("acknowledge")
        return {}

    def end(self, count: int) -> None:
        self._world.meanwhile("end")
        assert self._table.head is not None
        self._table.head = replace(self._table.head, serial=self._table.head.serial + 1, open=False)

    def put_provisional(self, entries: Mapping[BanKey, datetime]) -> Mapping[BanKey, DenylistError]:
        raise NotImplementedError

    def take_provisional(self, keys: Collection[BanKey]) -> Mapping[BanKey, DenylistError]:
        raise NotImplementedError

    def retire(self, lineage: str) -> None:
        raise NotImplementedError


class World:
    """Everything that happens outside of an apply. Times are seconds since NOW."""

    def __init__(self) -> None:
        self.time = 0
        self.skew = 0
        self.meanwhile: Callable[[str], None] = lambda _step: None
        self.listed: dict[BanKey, Ban] = {}
        self.location = "dynamodb://us-west-2/bans"
        self.tables: dict[str, Table] = {}
        self.saved = State(LINEAGE, 1)
        self.journal: dict[BanKey, Record | None] = {}
        self.committed = self.saved
        self.tokens: list[Token] = []
        self.connections: set[tuple[str, str]] = set()
        self.copy: tuple[int, dict[BanKey, datetime | None]] = (-1000, {})
        self.published_in = Table()

    # The token service, and whoever attacks it

    @property
    def table(self) -> Table:
        return self.tables.setdefault(self.location, Table())

    def at(self, seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    def tick(self, seconds: int) -> None:
        self.time += seconds

    def is_banned(self, user: str, room: str, rows: Mapping[BanKey, datetime | None]) -> bool:
        ends = [rows[key] for key in (BanKey(room, user), BanKey(EVERYWHERE, user)) if key in rows]
        return any(end is None or self.at(self.time) < end for end in ends)

    def create(self, user: str, room: str) -> Token:
        token = Token(user, room, self.time)
        self.tokens.append(token)
        return token

    def record(self, token: Token) -> None:
        token.recorded = True

    def renew(self) -> None:
        """The gate reads the denylist."""
        self.copy = self.time, dict(self.table.rows)

    def check(self, token: Token) -> None:
        """The gate admits the token, or refuses it; it uses a copy that is not older than MAX_AGE."""
        if self.time - self.copy[0] > MAX_AGE:
            self.renew()
        if self.is_banned(token.user, token.room, self.copy[1]):
            token.refused = True
        else:
            token.handed_out = True

    def admit(self, token: Token) -> None:
        """The next step of a token service with this token."""
        if not token.recorded:
            self.record(token)
        elif not token.handed_out and not token.refused:
            self.check(token)

    def connect(self, token: Token) -> None:
        usable = token.handed_out and not token.used and self.time - token.created <= TOKEN_LIFE + CONNECTING
        if usable:
            token.used = True
            self.connections.add((token.user, token.room))

    def move(self) -> None:
        """The list names another place for the denylist, and the gate reads it."""
        self.location = "dynamodb://us-west-2/moved" if self.location.endswith("/bans") else "dynamodb://us-west-2/bans"
        self.copy = -1000, {}

    # The apply

    def now(self) -> datetime:
        return self.at(self.time + self.skew)

    def ban_list(self) -> BanList:
        return BanList(
            rooms=ROOMS, bans=dict(self.listed), denylist=DenylistSettings(self.location, "bans", SETTLE_AFTER)
        )

    lineage = LINEAGE

    @property
    def state(self) -> State:
        return self.saved.after(self.journal.items())

    def publishing(self, published: Published) -> None:
        """See `Ledger`; here a journal always says that the run was not complete."""

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        self.meanwhile("keep")
        self.journal.update(changes)

    def save(self, published: Published | None = None) -> None:
        self.meanwhile("save")
        if self.journal or published not in (None, self.saved.published):
            state = self.state.generation(lineage=LINEAGE)
            self.saved = replace(state, published=published if published is not None else self.saved.published)
            self.journal = {}

    named = ()

    def of(self, user_ids: Sequence[str]) -> Mapping[str, Collection[str]]:
        """The rooms for which a user has a token, according to the token records."""
        self.meanwhile("read token records")
        return {
            user: [
                room
                for room in (LOBBY, FINALS)
                if any(t.recorded and (t.user, t.room) == (user, room) for t in self.tokens)
            ]
            for user in user_ids
        }

    def disconnect(self, kicks: Sequence[Kick], record: Recorded) -> Generator[Outcome | None]:
        for kick in kicks:
            self.meanwhile("call")
            began = self.time
            change = kick.change
            assert change.key in self.published_in.rows, f"{change.key} is disconnected and not in the denylist"
            for room in kick.rooms:
                self.meanwhile("call a room")
                self.connections.discard((change.key.user_id, room))
            kept = record(change, Receipt(self.now(), None), began)
            self.keep([(change.key, kept)])
            yield Outcome(change, kept)

    def waiting(self, _bans: int, seconds: float) -> bool:
        until = self.time + seconds
        while self.time < until:
            self.meanwhile("wait")
            self.time += max(1, int(min(until - self.time, 30)))
        return True

    def apply(self) -> None:
        """One run, to its end. Raises Killed."""
        desired = self.ban_list()
        self.published_in = self.table
        publishing = Publishing(
            TablePublisher(self, self.table), place_of(desired.denylist or DenylistSettings("")), SETTLE_AFTER
        )
        drift = publishing.look(self.state, LINEAGE, self.now(), resumed=bool(self.journal))
        plan = diff(desired, self.state, self.now(), drift=drift)
        enforcement = Enforcement(
            ledger=self,
            disconnect=self.disconnect,
            find_rooms=lambda: self,
            clock=Clock(self.now, lambda: self.time),
            stop=threading.Event(),
            denylist=publishing,
            settle_after=SETTLE_AFTER,
            waiting=self.waiting,
        )
        with closing(enforcement.carry_out(plan.changes)) as run:
            for _ in run:
                self.meanwhile("report")

    def lose_the_runner(self) -> None:
        """The machine of the last run is gone with its files: the next begins with what was committed."""
        self.saved = self.committed
        self.journal = {}

    def commit(self) -> None:
        self.committed = self.saved

    # The end

    def heal(self) -> None:
        """Nobody disturbs the applies any more, and whoever holds a token uses it as late as possible."""
        self.meanwhile = lambda _step: None
        self.skew = 0
        for _ in range(4):
            self.tick(MAX_AGE + 1)
            self.apply()
            self.commit()
        for token in self.tokens:
            for _ in range(2):
                self.admit(token)
            self.connect(token)

    def check_that_bans_hold(self) -> None:
        in_force = {key for key, ban in self.listed.items() if ban.in_force(self.at(self.time))}
        assert set(self.table.rows) == in_force, "the denylist has those who are banned, and nobody else"
        assert set(self.state.records) == in_force
        for user in USERS:
            for room in (LOBBY, FINALS):
                banned = bool({BanKey(room, user), BanKey(EVERYWHERE, user)} & in_force)
                if banned:
                    assert (user, room) not in self.connections, f"{user} is banned and still in {room}"
                token = self.create(user, room)
                self.admit(token)
                self.admit(token)
                assert token.refused == banned, f"{user} asks for a token for {room}"
