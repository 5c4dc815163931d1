"""Decides what to write into a ban list so that it bans certain users: nothing, new entries, or other terms.

Pure: the list, what is wanted and the time go in; which entries to add and to change comes out, with the bans that the
list must then mean.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from reconciler import escape
from reconciler.banlist.edit import NewEntry, Value
from reconciler.banlist.entries import Listed, NoSuchRooms, arns_of, entries_of, names_of
from reconciler.banlist.read import Reading
from reconciler.banlist.schema import NEVER
from reconciler.bans import REASON_MAX, USER_ID_MAX, Ban, BanKey, format_time
from reconciler.errors import BanListInvalid, Problem


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ban that somebody asks for.

    Attributes:
        user_id: the user.
        rooms: `all`, `everywhere`, names and ARNs, or None for the defaults of the list.
        reason: why; None says nothing about it.
        ends: when it ends, aware, in whole seconds; `never`; or None, which says nothing about it.
        note: for reviewers.
        file: where it was asked for; empty for a command line.
        line: the same, from 1.
    """

    user_id: str
    rooms: Value | None = None
    reason: str | None = None
    ends: datetime | str | None = None
    note: str | None = None
    file: str = ""
    line: int = 0

    @property
    def expires_at(self) -> str | None:
        """When it ends, as a list says it."""
        return format_time(self.ends) if isinstance(self.ends, datetime) else self.ends


@dataclass(frozen=True, slots=True)
class OtherTerms:
    """A ban that the list has with other terms than are wanted.

    Attributes:
        wanted: what was asked for.
        entry: where it is listed.
        keys: the bans.
        ban: its terms.
    """

    wanted: Wanted
    entry: Listed
    keys: tuple[BanKey, ...]
    ban: Ban


@dataclass(slots=True)
class Banning:
    """What it takes.

    Attributes:
        bans: what the list must mean afterwards.
        new: entries to add.
        values: keys of entries to change, each with its new value.
        moved: rooms to take out of entries, since new entries are about them.
        unchanged: what the list says already.
        other: what it says with other terms. Unless these may change, nothing is to be done.
        repeated: how often something was asked for twice.
        keys: all bans that were asked for.
    """

    bans: dict[BanKey, Ban]
    new: list[NewEntry] = field(default_factory=list)
    values: list[tuple[Listed, str, Value]] = field(default_factory=list)
    moved: list[tuple[Listed, frozenset[str]]] = field(default_factory=list)
    unchanged: list[Wanted] = field(default_factory=list)
    other: list[OtherTerms] = field(default_factory=list)
    repeated: int = 0
    keys: list[BanKey] = field(default_factory=list)

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.new or self.values or self.moved)


def decide(reading: Reading, wanted: Iterable[Wanted], now: datetime) -> Banning:
    """What to write so that the list bans whom it should.

    Args:
        reading: the list.
        wanted: whom, where and how.
        now: aware; a listed ban that is over by then does not count as one.

    Raises:
        BanListInvalid: something of it cannot be: nothing is to be done then.
    """
    wanted = tuple(wanted)
    decision = _Decision(reading, wanted, now)
    problems: list[Problem] = []
    for ban in wanted:
        try:
            decision.add(ban)
        except _CannotBe as error:
            problems.append(error.problem)
    if problems:
        raise BanListInvalid(problems)
    return decision.banning


class _CannotBe(Exception):
    """Something that is wanted cannot be."""

    def __init__(self, wanted: Wanted, message: str, private: tuple[str, ...] = ()) -> None:
        shown = escape.user_id(wanted.user_id[:USER_ID_MAX]) if wanted.user_id else ""
        text = f"{shown}: {message}" if shown else message
        super().__init__(text)
        self.problem = Problem(wanted.file, wanted.line, 0, "", text, private=(*filter(None, [shown]), *private))


class _Decision:
    """What has been decided so far."""

    def __init__(self, reading: Reading, wanted: Sequence[Wanted], now: datetime) -> None:
        self.banning = Banning(dict(reading.ban_list.bans))
        self._reading = reading
        self._now = now
        self._listed = entries_of(reading, {ban.user_id for ban in wanted})
        self._asked: dict[BanKey, Wanted] = {}
        self._arns: dict[Value | None, Sequence[str]] = {}
        self._protecting_glob = reading.settings.guardrails.protects()

    def add(self, wanted: Wanted) -> None:
        """Decide about one more ban. Raises _CannotBe."""
        arns = self._checked(wanted)
        keys = [BanKey(arn, wanted.user_id) for arn in arns]
        asked = [key for key in keys if key in self._asked]
        for key in asked:
            earlier = self._asked[key]
            if replace(earlier, rooms=None, file="", line=0) != replace(wanted, rooms=None, file="", line=0):
                line = f" on line {earlier.line}" if earlier.line else ""
                raise _CannotBe(wanted, f"asked for twice{line}, with different terms; keep one of the two")
        if len(asked) == len(keys):
            self.banning.repeated += 1
            return
        keys = [key for key in keys if key not in self._asked]
        self._asked.update(dict.fromkeys(keys, wanted))
        self.banning.keys += keys
        self._sort_in(wanted, keys, is_whole=not asked)

    def _sort_in(self, wanted: Wanted, keys: Sequence[BanKey], *, is_whole: bool) -> None:
        """Whether a ban is new, listed already, or listed with other terms."""
        listed, banning = self._reading.ban_list.bans, self.banning
        missing = [key for key in keys if key not in listed]
        others = list(self._others(wanted, [key for key in keys if key in listed]))
        banning.other += others
        if missing:
            whole = is_whole and len(missing) == len(keys)
            rooms = wanted.rooms if whole else names_of(self._reading, [key.room_arn for key in missing])
            self._add_entry(wanted, rooms, missing)
        elif not others:
            banning.unchanged.append(wanted)
        for other in others:
            self._change(other)

    def _others(self, wanted: Wanted, keys: Sequence[BanKey]) -> Iterator[OtherTerms]:
        """What is listed with other terms, entry by entry."""
        bans = self._reading.ban_list.bans
        for entry in self._listed.get(wanted.user_id, ()) if keys else ():
            inside = tuple(key for key in keys if key.room_arn in entry.arns and self._differs(wanted, bans[key]))
            if inside:
                yield OtherTerms(wanted, entry, inside, bans[inside[0]])

    def _differs(self, wanted: Wanted, ban: Ban) -> bool:
        if wanted.reason is not None and wanted.reason != ban.reason:
            return True
        if wanted.ends is None:
            return not ban.in_force(self._now)
        return ban.expires_at != (None if wanted.ends == NEVER else wanted.ends)

    def _add_entry(self, wanted: Wanted, rooms: Value | None, keys: Sequence[BanKey]) -> None:
        ends = wanted.expires_at
        default = self._reading.settings.defaults.get("expires_at")
        if ends == NEVER and default is None:
            ends = None
        self.banning.new.append(NewEntry(wanted.user_id, rooms, wanted.reason, ends, wanted.note))
        end = default if wanted.ends is None else wanted.ends if isinstance(wanted.ends, datetime) else None
        reason = self._reading.settings.defaults.get("reason") if wanted.reason is None else wanted.reason
        self.banning.bans.update(dict.fromkeys(keys, Ban(reason, end)))

    def _change(self, other: OtherTerms) -> None:
        """Give a listed ban the wanted terms."""
        wanted, entry, banning = other.wanted, other.entry, self.banning
        ends = NEVER if wanted.ends is None and not other.ban.in_force(self._now) else wanted.expires_at
        rooms = frozenset(key.room_arn for key in other.keys)
        if rooms == set(entry.arns):
            terms = {"reason": wanted.reason, "expires_at": ends, "note": wanted.note}
            banning.values += [(entry, name, value) for name, value in terms.items() if value is not None]
            end = other.ban.expires_at if ends is None else wanted.ends if isinstance(wanted.ends, datetime) else None
            ban = Ban(other.ban.reason if wanted.reason is None else wanted.reason, end)
            banning.bans.update(dict.fromkeys(other.keys, ban))
            return
        banning.moved.append((entry, rooms))
        kept = other.ban.expires_at if ends is None else wanted.ends if isinstance(wanted.ends, datetime) else NEVER
        reason = other.ban.reason if wanted.reason is None else wanted.reason
        terms_of_new = replace(wanted, reason=reason, ends=kept or NEVER)
        self._add_entry(terms_of_new, names_of(self._reading, [key.room_arn for key in other.keys]), other.keys)

    def _checked(self, wanted: Wanted) -> Sequence[str]:
        """The rooms of a ban that can be. Raises _CannotBe."""
        user_id, reason = wanted.user_id, wanted.reason
        if not 0 < len(user_id) <= USER_ID_MAX or user_id.endswith("\n"):
            raise _CannotBe(wanted, f"a user ID has 1 to {USER_ID_MAX} characters, and no line break at its end")
        for text in (user_id, reason or "", wanted.note or ""):
            if text.encode(errors="ignore").decode() != text:
                raise _CannotBe(wanted, "this is not text in UTF-8")
        if reason is not None and not 0 < len(reason) <= REASON_MAX:
            raise _CannotBe(wanted, f"a reason has 1 to {REASON_MAX} characters; this one has {len(reason):,}")
        if isinstance(wanted.ends, datetime) and wanted.ends <= self._now:
            raise _CannotBe(wanted, "the ban would be over already; give it a later end")
        if (glob := self._protecting_glob(user_id)) is not None:
            raise _CannotBe(wanted, f"`{glob}` under `protected_users` protects this user; nobody is banned")
        if wanted.rooms not in self._arns:
            try:
                self._arns[wanted.rooms] = arns_of(self._reading, wanted.rooms)
            except NoSuchRooms as error:
                raise _CannotBe(wanted, str(error), error.private) from error
        return self._arns[wanted.rooms]
