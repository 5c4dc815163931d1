"""What is known of one user: is there a ban, where, until when, and why."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.bans import EVERYWHERE, Ban, BanKey, Record
from reconciler.denylist.value import Contents, End
from reconciler.plan.change import Because
from reconciler.plan.diff import diff
from reconciler.state.value import Records, State

if TYPE_CHECKING:  # reading lists loads the parser, which a state alone does not need
    from reconciler.banlist.about import About, Entry

MOST_LIFTED: Final = 20


class Standing(StrEnum):
    """Why there is a ban."""

    LISTED = "listed"
    """The list has it."""
    RECORDED = "recorded"
    """The state records it, and the list does not have it any more."""
    PROVISIONAL = "provisional"
    """Somebody has banned the user at once, and nobody has reviewed it yet."""
    PUBLISHED = "published"
    """The denylist has it, and nobody knows of it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of git.

    Attributes:
        id: its whole hash.
        author: the name of who wrote it, as they say.
        date: when that was, aware.
        subject: the first line of its message; None where it is hidden.
    """

    id: str
    author: str
    date: datetime
    subject: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """What a denylist says of a ban.

    Attributes:
        is_published: whether it has the ban, ended or not.
        until: when that ends; None for good.
        provisional_until: when a provisional entry ends, if one is in force.
    """

    is_published: bool
    until: End = None
    provisional_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A ban of the user in one room, in force or not.

    Attributes:
        key: who, where.
        because: why there is one.
        banned: whether it is in force, and has been enforced.
        until: when it ends or has ended; None for good.
        reason: of the ban.
        listed: its terms in the list.
        entry: where the list has it.
        commit: which commit wrote that; None if that is not known.
        is_committed: whether git has the entry as it is; None if that is not known.
        record: what the state has.
        due: what the next apply does about it, and why.
        word: what the denylist says, if that was read.
    """

    key: BanKey
    because: Standing
    banned: bool
    until: End
    reason: str | None
    listed: Ban | None = None
    entry: "Entry | None" = None
    commit: Commit | None = None
    is_committed: bool | None = None
    record: Record | None = None
    due: Because | None = None
    word: Word | None = None

    @property
    def is_owed(self) -> bool:
        """Whether a second disconnection is due, so that the ban settles."""
        return self.record is not None and self.record.published_at is not None


@dataclass(frozen=True, slots=True)
class Lifted:
    """A ban that the list had once.

    Attributes:
        key: who, where.
        ban: its last terms.
        added: the commit that brought it into the list; None if that is not known.
        removed: the commit that took it out.
    """

    key: BanKey
    ban: Ban
    added: Commit | None
    removed: Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything that is known of one user.

    Attributes:
        user_id: who.
        now: the time of the answer, aware.
        rulings: those of the rooms that were asked for; in force first, then in the order of the list.
        room_names: ARN → name.
        ban_list: path of the list.
        only_state: the list cannot be used, so that what it says is not known.
        room: the room that was asked for alone; None for all.
        protected_by: the pattern of the list by which nobody may ban the user.
        denylist: where the bans are published, as the list writes it; None if they are not, or nobody knows.
        unread: why the denylist was not read; None if it was.
        lifted: bans that the list had once, the latest first; None if nobody has looked.
        more_lifted: how many others there are.
        untold: why git does not tell all of it; None if it does.
        suggestions: users who are known, and whose IDs are like this one.
    """

    user_id: str
    now: datetime
    rulings: tuple[Ruling, ...] = ()
    room_names: Mapping[str, str]
    ban_list: str
    only_state: bool = False
    room: str | None = None
    protected_by: str | None = None
    denylist: str | None = None
    unread: str | None = None
    lifted: tuple[Lifted, ...] | None = None
    more_lifted: int = 0
    untold: str | None = None
    suggestions: tuple[str, ...] = ()

    @property
    def banned(self) -> bool:
        """Whether a ban is in force."""
        return any(ruling.banned for ruling in self.rulings)


def rulings(
    user_id: str,
    about: "About | None",
    state: State,
    published: Contents | None,
    now: datetime,
    room: str | None = None,
) -> tuple[Ruling, ...]:
    """What list, state and denylist say of a user, room by room.

    Args:
        user_id: who.
        about: what the list says; None if it cannot be used.
        state: what is recorded.
        published: what stands in the denylist, at least of this user; None if nobody has looked.
        now: aware.
        room: the ARN of the only room to tell of, with bans everywhere, which count there too.
    """
    bans = about.ban_list.bans if about is not None else {}
    records = recorded(user_id, state)
    there = published or Contents()
    keys = dict.fromkeys(key for key in bans if key.user_id == user_id)
    for known in (records, there.bans, there.provisional):
        keys |= dict.fromkeys(sorted(key for key in known if key.user_id == user_id))
    due = dict(_due(about, records, state, now)) if about is not None else {}
    found = []
    for key in keys:
        if room is not None and key.room_arn not in (room, EVERYWHERE):
            continue
        ruling = _ruling(key, bans.get(key), records.get(key), _word(key, published, now), now)
        if ruling is not None:
            entry = about.entries.get(key) if about is not None else None
            found.append(replace(ruling, entry=entry, due=due.get(key)))
    return tuple(sorted(found, key=lambda ruling: (not ruling.banned, ruling.key.room_arn != EVERYWHERE)))


def recorded(user_id: str, state: State) -> dict[BanKey, Record]:
    """The user's records."""
    records = Records.of(state.records)
    keys = (BanKey(room_arn, user_id) for room_arn in records.rooms)
    return {key: records[key] for key in keys if key in records}


def _due(
    about: "About", records: Mapping[BanKey, Record], state: State, now: datetime
) -> Iterator[tuple[BanKey, Because]]:
    """What a plan of these bans alone does."""
    for change in diff(about.ban_list, replace(state, records=records), now).changes:
        yield change.key, change.because


def _word(key: BanKey, published: Contents | None, now: datetime) -> Word | None:
    if published is None:
        return None
    provisional = published.provisional.get(key)
    in_force = provisional if provisional is not None and now < provisional else None
    return Word(key in published.bans, published.bans.get(key), in_force)


def _ruling(key: BanKey, listed: Ban | None, record: Record | None, word: Word | None, now: datetime) -> Ruling | None:
    """The ban, by who knows of it; None if that was only a provisional entry that has ended."""
    provisional = word.provisional_until if word is not None else None
    enforced = record is not None and record.ban.in_force(now)
    if listed is not None or record is not None:
        because = Standing.LISTED if listed is not None else Standing.RECORDED
        terms = record.ban if record is not None and (enforced or listed is None) else listed or Ban()
        if not enforced and provisional is not None:
            return Ruling(key, because, True, provisional, terms.reason, listed, record=record, word=word)
        return Ruling(key, because, enforced, terms.expires_at, terms.reason, listed, record=record, word=word)
    if provisional is not None:
        return Ruling(key, Standing.PROVISIONAL, True, provisional, None, word=word)
    if word is not None and word.is_published:
        until = word.until
        return Ruling(key, Standing.PUBLISHED, until is None or now < until, until, None, word=word)
    return None


def nearest(user_id: str, known: Iterable[str], most: int = 5) -> list[str]:
    """The IDs that were probably meant: the same but for upper and lower case, one slip away, or longer.

    A slip is a character put in, left out, replaced, or swapped with the next. A longer ID has this one in it.

    Args:
        user_id: what was typed.
        known: the IDs that there are; 100,000 take about a tenth of a second.
        most: how many to give.
    """
    meant = user_id.casefold()
    half = len(meant) // 2
    start, end = meant[: max(half - 1, 0)], meant[half + 1 :]  # one slip leaves one of them as it is
    found: list[tuple[int, str]] = []
    for other in known:
        folded = other.casefold()
        if folded == meant:
            found.append((0, other))
        elif (
            -1 <= len(folded) - len(meant) <= 1
            and (folded.startswith(start) or folded.endswith(end))
            and _one_slip(meant, folded)
        ):
            found.append((1, other))
        elif len(meant) >= _LEAST_PART and meant in folded:
            found.append((2, other))
    return [other for _, other in sorted(found)[:most]]


_LEAST_PART: Final = 4  # characters


def _one_slip(one: str, other: str) -> bool:
    """Whether two texts, one of them a character longer at most, differ in one slip."""
    short, long = sorted((one, other), key=len)
    same = next((at for at, (its, this) in enumerate(zip(short, long, strict=False)) if its != this), len(short))
    if len(long) > len(short):
        return short[same:] == long[same + 1 :]
    swapped = short[same + 1 : same + 2] + short[same : same + 1]
    return short[same + 1 :] == long[same + 1 :] or swapped + short[same + 2 :] == long[same:]
