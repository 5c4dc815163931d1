"""Decides what to take out of a ban list so that it does not ban certain users any more."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final

from reconciler import escape
from reconciler.banlist.entries import Listed, NoSuchRooms, arns_of, entries_of
from reconciler.banlist.read import Reading
from reconciler.bans import Ban, BanKey, room_name
from reconciler.errors import BanListInvalid, Problem

_COMPARED: Final = 20_000  # user IDs; comparing takes a while


@dataclass(slots=True)
class Lifting:
    """What it takes.

    Attributes:
        bans: what the list must mean afterwards.
        gone: the bans that it loses.
        entries: entries to take out.
        rooms: rooms to take out of entries that have others.
    """

    bans: dict[BanKey, Ban]
    gone: list[BanKey] = field(default_factory=list)
    entries: list[Listed] = field(default_factory=list)
    rooms: list[tuple[Listed, frozenset[str]]] = field(default_factory=list)


def decide(
    reading: Reading, user_ids: Sequence[str], rooms: Sequence[str] = (), *, or_nothing: bool = False
) -> Lifting:
    """What to take out so that these users are banned no more.

    Args:
        reading: the list.
        user_ids: the users.
        rooms: names and ARNs of the only rooms that are meant; none means every room.
        or_nothing: somebody who is not in the list is no problem.

    Raises:
        BanListInvalid: something of it cannot be: nothing is to be done then.
    """
    lifting = Lifting(dict(reading.ban_list.bans))
    try:
        arns = frozenset(arns_of(reading, tuple(rooms))) if rooms else None
    except NoSuchRooms as error:
        raise BanListInvalid([Problem("", 0, 0, "", str(error), error.private)]) from error
    listed = entries_of(reading, user_ids)
    problems = []
    for user_id in dict.fromkeys(user_ids):
        if or_nothing and user_id not in listed:
            continue
        if (why := _lift(lifting, reading, user_id, listed.get(user_id, ()), arns)) is not None:
            shown = escape.user_id(user_id)
            nearest = _nearest(user_id, reading) if user_id not in listed else []
            advice = f" Did you mean {' or '.join(map(escape.user_id, nearest))}?" if nearest else ""
            private = (shown, *map(escape.user_id, nearest))
            problems.append(Problem("", 0, 0, "", f"{shown}: {why}{advice}", private))
    if problems:
        raise BanListInvalid(problems)
    return lifting


def _lift(
    lifting: Lifting, reading: Reading, user_id: str, entries: Sequence[Listed], arns: Collection[str] | None
) -> str | None:
    """Lift the bans of one user; why that cannot be, if it cannot."""
    path = reading.ban_list.path
    if not entries:
        return f"not in {path}."
    names = reading.ban_list.room_names
    hit: set[str] = set()
    for entry in entries:
        if arns is not None and entry.is_everywhere:
            return (
                "banned everywhere, which one room cannot be taken out of; lift the ban, and ban the user in the other"
                " rooms."
            )
        gone = frozenset(entry.arns if arns is None else (arn for arn in entry.arns if arn in arns))
        if not gone:
            continue
        hit |= gone
        if len(gone) == len(entry.arns):
            lifting.entries.append(entry)
        else:
            lifting.rooms.append((entry, gone))
    missing = [room_name(arn, names) for arn in arns or () if arn not in hit]
    if missing:
        return f"not banned in {', '.join(missing)}, according to {path}."
    for arn in hit:
        key = BanKey(arn, user_id)
        lifting.gone.append(key)
        lifting.bans.pop(key, None)
    return None


def _nearest(user_id: str, reading: Reading) -> Sequence[str]:
    """User IDs of the list that look like one that is not in it."""
    known: Mapping[str, None] = dict.fromkeys(key.user_id for key in reading.ban_list.bans)
    room, _, user_of_address = user_id.partition("/")
    if room in reading.ban_list.rooms and user_of_address in known:
        return [user_of_address]
    same = [other for other in known if other.casefold() == user_id.casefold()]
    if same or len(known) > _COMPARED:
        return same[:2]
    return get_close_matches(user_id, known, 2, cutoff=0.8)
