"""The entries of a ban list that are about certain users, in whichever file they stand."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from reconciler.banlist.problems import ListFile, Problems
from reconciler.banlist.read import Reading
from reconciler.banlist.schema import ALL_ROOMS
from reconciler.bans import EVERYWHERE, EVERYWHERE_NAME


class NoSuchRooms(ValueError):
    """Rooms that somebody asks for cannot be meant.

    Attributes:
        private: the parts of the message that quote what was typed.
    """

    def __init__(self, message: str, private: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.private = private


class Listed(NamedTuple):
    """An entry of a list.

    Attributes:
        file: where it stands.
        position: its index in the file.
        user_id: the user.
        said: its rooms as it says them: `all`, `everywhere`, names and ARNs, or None if the defaults count.
        arns: the rooms that it means.
    """

    file: ListFile
    position: int
    user_id: str
    said: str | Sequence[str] | None
    arns: Sequence[str]

    @property
    def is_everywhere(self) -> bool:
        """Whether it means every room there is."""
        return EVERYWHERE in self.arns


def entries_of(reading: Reading, user_ids: Collection[str]) -> Mapping[str, Sequence[Listed]]:
    """The entries about these users, in the order of the list; users without any are left out."""
    wanted, rooms, nothing = frozenset(user_ids), reading.settings.rooms, Problems()
    found: dict[str, list[Listed]] = {}
    for file in reading.files:
        data = file.document.data
        entries = data.get("bans") if isinstance(data, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            user_id = entry["user_id"] if isinstance(entry, dict) else None
            if not isinstance(user_id, str) or user_id not in wanted:
                continue
            said = entry.get("rooms") if isinstance(entry, dict) else None
            arns = rooms.of_entry(said, file, index, nothing) if said is not None else reading.settings.default_rooms
            refs = said if said is None or isinstance(said, str) else [str(ref) for ref in said]
            found.setdefault(user_id, []).append(Listed(file, index, user_id, refs, arns or ()))
    return found


def names_of(reading: Reading, arns: Collection[str]) -> tuple[str, ...]:
    """What the list calls these rooms: their names, or their ARNs."""
    names = reading.ban_list.room_names
    return tuple(names.get(arn, arn) for arn in arns)


def arns_of(reading: Reading, refs: str | Sequence[str] | None) -> Sequence[str]:
    """The rooms that a value of `rooms` means.

    Args:
        reading: the list.
        refs: `all`, `everywhere`, names and ARNs, or None for the defaults.

    Raises:
        NoSuchRooms: one of them is unknown, or there are none; the message says what to do.
    """
    settings = reading.settings
    if refs is None:
        if settings.default_rooms is None:
            raise NoSuchRooms("say in which room: --room ROOM, --all for every room of the list, or --everywhere")
        return settings.default_rooms
    if not isinstance(refs, str):
        for ref in refs:
            if ref in (ALL_ROOMS, EVERYWHERE_NAME):
                raise NoSuchRooms(f"for every room, say --{ref} instead of naming rooms")
    problems = Problems()
    asked = refs if isinstance(refs, str) else tuple(dict.fromkeys(refs))
    arns = settings.rooms.resolve(asked, reading.files[0], ("bans",), problems)
    if problems:
        found = problems.error().problems[0]
        raise NoSuchRooms(found.message, found.private)
    return arns
