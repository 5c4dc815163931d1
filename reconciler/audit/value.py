"""What to look for in chat logs, and what was found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from reconciler.bans import EVERYWHERE, BanKey
from reconciler.state.value import State

_MOST_SEEN: Final = 250_000  # messages that are known again, in some 20 MB


@dataclass(frozen=True, slots=True)
class Period:
    """When a ban has held, so that nobody should have spoken.

    Attributes:
        since: when the user was disconnected for the last time, aware; what was said at that very time does not count.
        end: when the ban ends; None for never.
    """

    since: datetime
    end: datetime | None

    def covers(self, time: datetime) -> bool:
        """Whether the ban held at a time."""
        return self.since < time and (self.end is None or time < self.end)


@dataclass(frozen=True, slots=True)
class Watched:
    """Whom to look for.

    Attributes:
        rooms: room ARN, or EVERYWHERE → user ID → when the ban holds.
        bans: how many that are.
        unsettled: how many bans are left out, since they have yet to settle.
        undated: how many are left out, since reconciler has never disconnected their users: it is not known when they
            began to hold.
    """

    rooms: Mapping[str, Mapping[str, Period]]
    bans: int
    unsettled: int
    undated: int

    def within(self, room: str) -> tuple[Mapping[str, Period], Mapping[str, Period]]:
        """Who is banned in a room, and who is everywhere."""
        return self.rooms.get(room, {}), self.rooms.get(EVERYWHERE, {})


def watched(state: State, since: datetime | None = None) -> Watched:
    """Whom a state bans for certain.

    A ban with `published_at` has yet to settle: its user may still come in with a token from before. A settled one
    holds from its last call on.

    Args:
        state: what is recorded.
        since: leave out what was said up to then; bans of which nothing else is known hold from then on.
    """
    rooms: dict[str, dict[str, Period]] = {}
    bans = unsettled = undated = 0
    for key, record in state.records.items():
        at = record.disconnected_at
        if record.published_at is not None:
            unsettled += 1
        elif at is None and since is None:
            undated += 1
        else:
            began = max(time for time in (at, since) if time is not None)
            rooms.setdefault(key.room_arn, {})[key.user_id] = Period(began, record.ban.expires_at)
            bans += 1
    return Watched(rooms, bans, unsettled, undated)


@dataclass(frozen=True, slots=True)
class Finding:
    """Somebody who spoke while banned.

    Attributes:
        key: who, and the room of the log: its ARN; its bare ID if nothing tells its account and region; EVERYWHERE if
            not even its ID is known.
        banned_at: since when the ban has held.
        first: time of the first message, aware, in UTC.
        last: of the last.
        messages: how many.
    """

    key: BanKey
    banned_at: datetime
    first: datetime
    last: datetime
    messages: int = 1

    def and_again(self, banned_at: datetime, time: datetime) -> "Finding":
        """With one message more."""
        return Finding(
            self.key, min(self.banned_at, banned_at), min(self.first, time), max(self.last, time), self.messages + 1
        )


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit has come to.

    Attributes:
        records: how many messages and events were read.
        skipped: how many lines were neither.
        logs: how many logs were read.
        watched: whom it looked for.
        findings: those with the most messages first.
    """

    records: int
    skipped: int
    logs: int
    watched: Watched
    findings: tuple[Finding, ...]

    def of(self, findings: Iterable[Finding]) -> "Audit":
        """The same with these findings, in their order."""
        return replace(self, findings=in_order(findings))

    def users(self) -> int:
        """How many users were found."""
        return len({finding.key.user_id for finding in self.findings})


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those with the most messages first."""
    return tuple(sorted(findings, key=lambda finding: (-finding.messages, finding.first, finding.key)))


@dataclass(slots=True)
class Findings:
    """What has been found so far.

    The same record may be in two logs, of S3 and CloudWatch: one that comes again is not counted, among the first
    250,000 messages that were found.

    Attributes:
        watched: whom to look for.
    """

    watched: Watched
    _found: dict[BanKey, Finding] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def said(self, room: str, user_id: str, time: datetime, message_id: object) -> None:
        """Somebody said something.

        Args:
            room: as in `Finding.key`.
            user_id: who.
            time: when, aware.
            message_id: what the service calls the message; None if it is not known.
        """
        periods = [users[user_id] for users in self.watched.within(room) if user_id in users]
        holding = [period.since for period in periods if period.covers(time)]
        if not holding or self._again(room, user_id, time, message_id):
            return
        key, banned_at = BanKey(room, user_id), min(holding)
        known = self._found.get(key)
        self._found[key] = Finding(key, banned_at, time, time) if known is None else known.and_again(banned_at, time)

    def _again(self, room: str, user_id: str, time: datetime, message_id: object) -> bool:
        if not isinstance(message_id, str) or not message_id:
            return False
        message = hash((room, user_id, time, message_id))
        if message in self._seen:
            return True
        if len(self._seen) < _MOST_SEEN:
            self._seen.add(message)
        return False

    def all(self) -> tuple[Finding, ...]:
        """Every finding, those with the most messages first."""
        return in_order(self._found.values())
