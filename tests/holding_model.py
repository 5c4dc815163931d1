"""A small world in which bans are to hold: a chat service, a token service, an attacker, applies that may be killed.

Everything that decides is the real code: `diff`, `Publishing`, `Enforcement`, the publishers, the session of a state.
Before each effect of an apply the world may do anything else (`meanwhile`).
"""

import threading
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler import Ban, BanKey, BanList, Change, State, diff
from reconciler.banlist.value import DenylistSettings
from reconciler.bans import EVERYWHERE
from reconciler.denylist.value import Contents
from reconciler.enforce import Clock, Enforcement
from reconciler.errors import RoomNotFound
from reconciler.lanes import Kick, Recorded
from reconciler.plan.change import DRIFT, Because
from reconciler.plan.drifting import is_whole, place_of
from reconciler.plan.outcome import Outcome, Receipt
from reconciler.publishing import Publishing
from reconciler.state.value import Records
from reconciler.stores.session import Session
from tests.builders import FINALS, LINEAGE, LOBBY, NOW, ROOMS
from tests.holding_places import Files, MemoryStore, Place

TOKEN_LIFE = 60  # seconds in which a token connects
CONNECTING = 20  # seconds that a connection may take to be made
MAX_AGE = 10  # seconds that a gate uses a copy of the denylist
SETTLE_AFTER = TOKEN_LIFE + MAX_AGE + CONNECTING
SKEW = 25  # seconds that the clock of a run may be off
SAVE_EVERY = 20  # seconds after which a run saves the state, besides at its end

USERS = ("eve", "mallory")
KEYS = tuple(BanKey(room, user) for user in USERS for room in (LOBBY, EVERYWHERE))
TABLE, OTHER_TABLE = "dynamodb://us-west-2/bans", "dynamodb://us-west-2/moved"
DOCUMENT = "s3://moderation/denylist.json"


class Killed(BaseException):
    """The process of an apply ends here."""


@dataclass(eq=False)
class Token:
    """What a user asks a token service for; it is of use once all steps of that are done."""

    user: str
    room: str
    done: int = 0
    created: int = 0
    recorded: bool = False
    refused: bool = False
    used: bool = False


class World:
    """Everything that happens outside of an apply. Times are seconds since NOW."""

    admission: Sequence[str] = ("create", "record", "check")
    """What a token service does for each token, in this order."""

    def __init__(self, location: str = TABLE) -> None:
        self.time = 0
        self.skew = 0
        self.meanwhile: Callable[[str], None] = lambda _step: None
        self.later: dict[int, Callable[[], object]] = {}
        self.listed: dict[BanKey, Ban] = {}
        self.location = location
        self.places = {each: Place(each) for each in (TABLE, OTHER_TABLE, DOCUMENT)}
        self.files = Files(State(LINEAGE, 1))
        self.committed = self.files.state
        self.tokens: list[Token] = []
        self.connections: set[tuple[str, str]] = set()
        self.copy: tuple[int, Contents] = (-1000, Contents())
        self.tampered = False
        self.failing: Collection[str] = ()
        self.provisional: dict[tuple[str, BanKey], int] = {}  # those that nobody has reviewed, with their ends
        self._reviewed: Collection[BanKey] = ()
        self._published_in: Place | None = None

    # The token service, and whoever attacks it

    @property
    def place(self) -> Place:
        return self.places[self.location]

    def at(self, seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    def tick(self, seconds: int) -> None:
        """Time passes, and what was meant for `later` comes about."""
        until = self.time + seconds
        while due := [moment for moment in self.later if moment <= until]:
            self.time = min(due)
            self.later.pop(self.time)()
        self.time = until

    def is_banned(self, user: str, room: str, contents: Contents) -> bool:
        """What a gate says."""
        now = self.at(self.time)
        for key in (BanKey(room, user), BanKey(EVERYWHERE, user)):
            for bans in (contents.bans, contents.provisional):
                if key in bans and ((end := bans[key]) is None or now < end):
                    return True
        return False

    def renew(self) -> None:
        """The gate reads the denylist."""
        self.copy = self.time, self.place.contents

    def ask(self, user: str, room: str) -> Token:
        """A user asks for a token."""
        token = Token(user, room)
        self.tokens.append(token)
        return token

    def go_on(self, token: Token) -> None:
        """The next step of the token service with this token."""
        if token.refused or token.done == len(self.admission):
            return
        match self.admission[token.done]:
            case "create":
                token.created = self.time
            case "record":
                token.recorded = True
            case "check":  # the gate uses a copy that is not older than MAX_AGE
                if self.time - self.copy[0] > MAX_AGE:
                    self.renew()
                token.refused = self.is_banned(token.user, token.room, self.copy[1])
        token.done += 1

    def admit(self, token: Token) -> Token:
        """All steps that are left."""
        while not token.refused and token.done < len(self.admission):
            self.go_on(token)
        return token

    def connect(self, token: Token) -> None:
        in_time = self.time - token.created < TOKEN_LIFE + CONNECTING
        if token.done == len(self.admission) and not token.refused and not token.used and in_time:
            token.used = True
            self.connections.add((token.user, token.room))

    # Moderators

    def ban(self, key: BanKey, seconds: int | None = None) -> None:
        """List a ban, for so many seconds from now."""
        self.listed[key] = Ban(None, None if seconds is None else self.at(self.time + seconds))

    def lift(self, key: BanKey) -> None:
        self.listed.pop(key, None)

    def move(self, location: str) -> None:
        """The list names another place for the denylist, and the gate reads it."""
        self.location = location
        self.copy = -1000, Contents()

    def ban_at_once(self, key: BanKey, seconds: int) -> None:
        """A provisional entry."""
        if not self.place.publisher(self.now).put_provisional({key: self.at(self.time + seconds)}):
            entry = self.location, key
            if key not in self._reviewed:
                self.provisional[entry] = max(self.time + seconds, self.provisional.get(entry, 0))

    def lift_at_once(self, key: BanKey) -> None:
        self.place.publisher(self.now).take_provisional([key])
        self.provisional.pop((self.location, key), None)

    def tamper(self, key: BanKey) -> None:
        """Somebody removes a row by hand, or the document with all that is in it."""
        if self.place.is_table:
            self.tampered = True  # only those who look at all rows see it
        else:
            gone = [entry for entry in self.provisional if entry[0] == self.location]
            for entry in gone:
                del self.provisional[entry]
        self.place.lose(key)

    # The apply

    def now(self) -> datetime:
        return self.at(self.time + self.skew)

    def ban_list(self) -> BanList:
        denylist = DenylistSettings(self.location, settle_after=SETTLE_AFTER)
        return BanList(rooms=ROOMS, bans=dict(self.listed), denylist=denylist)

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

    def disconnect(self, kicks: Sequence[Kick], record: Recorded, session: "Session[int]") -> Generator[Outcome | None]:
        for kick in kicks:
            self.meanwhile("call")
            began = self.time
            change = kick.change
            if self._published_in is not None and not self.tampered:
                published = change.key in self._published_in.contents.bans
                assert published, f"{change.key.user_id} is disconnected and not in the denylist"
            if change.key.user_id in self.failing:
                yield Outcome(change, error=RoomNotFound("gone"))
                continue
            for room in kick.rooms:
                self.meanwhile("call a room")
                self.connections.discard((change.key.user_id, room))
            kept = record(change, Receipt(self.now(), None), began)
            session.keep([(change.key, kept)])
            yield Outcome(change, kept)

    def waiting(self, _bans: int, seconds: float) -> bool:
        until = self.time + seconds
        while self.time < until:
            self.meanwhile("wait")
            self.tick(max(1, int(min(until - self.time, 30))))
        return True

    def apply(
        self,
        *,
        targets: Collection[BanKey] = (),
        without_denylist: bool = False,
        refresh: bool = False,
        wait: bool = True,
    ) -> None:
        """One run, to its end. Raises Killed."""
        desired = self.ban_list()
        store = MemoryStore(self.files, self.meanwhile)
        session = Session(
            store,
            store.journal(),
            LINEAGE,
            journal_stays=True,
            recovery_folders=[],
            save_every=SAVE_EVERY,
            clock=lambda: self.time,
        )
        publishing = drift = None
        self._published_in = None
        if desired.denylist is not None and not without_denylist:
            self._published_in = self.place
            publisher = self.place.publisher(self.now, self.meanwhile)
            publishing = Publishing(publisher, place_of(desired.denylist), SETTLE_AFTER)
            drift = publishing.look(session.state, LINEAGE, self.now(), resumed=session.resumed, refresh=refresh)
        known = {key for key in targets if key in desired.bans or key in session.state.records}
        plan = diff(desired, session.state, self.now(), targets=known if targets else None, drift=drift)
        self._reviews([] if without_denylist else plan.changes)
        enforcement = Enforcement(
            ledger=session,
            disconnect=lambda kicks, record: self.disconnect(kicks, record, session),
            find_rooms=lambda: self,
            clock=Clock(self.now, lambda: self.time),
            stop=threading.Event(),
            denylist=publishing,
            settle_after=SETTLE_AFTER,
            waiting=self.waiting if wait else lambda _bans, _seconds: False,
        )
        with closing(enforcement.carry_out(plan.changes, whole=is_whole(plan, drift))) as run:
            for _ in run:
                self.meanwhile("report")

    def _reviews(self, changes: Sequence[Change]) -> None:
        """An apply takes out the provisional entries of the bans that it publishes or lifts, and no others."""
        decided = [change.key for change in changes if change.because not in {*DRIFT, Because.EXPIRED}]
        for key in decided:
            self.provisional.pop((self.location, key), None)
        self._reviewed = decided

    def run(
        self,
        *,
        at: Mapping[str, Callable[[], object]] | None = None,
        kill: str | None = None,
        lose: bool = False,
        targets: Collection[BanKey] = (),
        without_denylist: bool = False,
        refresh: bool = False,
        wait: bool = True,
    ) -> None:
        """An apply, during which something happens.

        Args:
            at: what happens before an effect: before the first of that name, or the second if it is called "call 2".
            kill: before which effect the process is killed.
            lose: the machine and its files are lost afterwards. Else the state is committed.
            targets: as for `apply`, and so are the others.
        """
        is_killed = False
        steps: list[str] = []
        todo = dict(at or {})

        def meanwhile(step: str) -> None:
            nonlocal is_killed
            steps.append(step)
            count = steps.count(step)
            for name in [f"{step} {count}", *([step] if count == 1 else [])]:
                todo.pop(name, lambda: None)()
                is_killed |= name == kill
            if is_killed:
                raise Killed

        self.meanwhile = meanwhile
        with suppress(Killed):
            self.apply(targets=targets, without_denylist=without_denylist, refresh=refresh, wait=wait)
            assert kill is None, f"the run has ended and did nothing called {kill!r}: {steps}"
        self.end_of_run()
        assert not todo, f"there was no {list(todo)}: {steps}"
        (self.lose_the_runner if lose else self.commit)()

    def end_of_run(self) -> None:
        """Nothing happens to it any more."""
        self.meanwhile = lambda _step: None
        self._reviewed = ()

    def lose_the_runner(self) -> None:
        """The machine of the last run is gone with its files: the next begins with what was committed."""
        self.files = Files(self.committed)

    def lose_the_journal(self) -> None:
        """The machine is gone, and the state was on another."""
        self.files = Files(self.files.state)
        self.commit()

    def commit(self) -> None:
        self.committed = self.files.state

    # The end

    def heal(self) -> None:
        """Nobody disturbs the applies any more, and whoever holds a token uses it as late as possible."""
        self.end_of_run()
        self.skew = 0
        self.failing = ()
        for _ in range(4):
            self.tick(MAX_AGE + 1)
            self.apply(refresh=self.tampered)
            self.tampered = False
            self.commit()
        for token in self.tokens:
            self.admit(token)
            self.connect(token)

    def check_that_bans_hold(self) -> None:
        there, now = self.place.contents, self.at(self.time)
        in_force = {key for key, ban in self.listed.items() if ban.in_force(now)}
        rows = {key for key in there.bans if key not in in_force}
        assert not rows, f"the denylist has {rows}, whom nobody has banned"
        rows = {key for key in in_force if key not in there.bans}
        assert not rows, f"the denylist lacks {rows}"
        assert {key: there.bans[key] for key in in_force} == {key: self.listed[key].expires_at for key in in_force}
        state = self.files.state
        assert set(Records.of(state.records)) == in_force
        for (location, key), end in self.provisional.items():
            if location == self.location and end > self.time + SKEW:
                assert key in there.provisional, f"{key.user_id} was banned at once, and nobody has reviewed that"
        for user in USERS:
            for room in (LOBBY, FINALS):
                keys = {BanKey(room, user), BanKey(EVERYWHERE, user)}
                if keys & in_force:
                    assert (user, room) not in self.connections, f"{user} is banned and still in {room}"
                banned = keys & (in_force | {key for key, end in there.provisional.items() if now < end})
                token = self.admit(self.ask(user, room))
                assert token.refused == bool(banned), f"{user} asks for a token for {room}"
        assert not list(state.unsettled), "somebody is owed a second call"
