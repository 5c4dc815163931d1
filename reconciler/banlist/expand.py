"""From the entries of a ban list to its bans: one for each user and room.

pydantic checks the entries in bulk. Expanding them finds where they contradict each other, in one file or in several.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import ValidationError

from reconciler.banlist.explain import likely_key
from reconciler.banlist.head import Settings
from reconciler.banlist.problems import OF_A_KIND, ListFile, Problems, Spot
from reconciler.banlist.schema import ENTRIES, Entry
from reconciler.banlist.suspicious import doubts
from reconciler.bans import USER_ID_MAX, Ban, BanKey
from reconciler.yamltext.values import Data

MAX_BANS: Final = 2_000_000  # these fit into memory; with `rooms: all` a short list could otherwise mean billions
_new = tuple.__new__  # makes a `BanKey` in half the time that calling it takes, for each of a million bans
_AT_ONCE: Final = 10_000  # entries to check and expand at a time, so that few of them are in memory twice


def expand(files: Sequence[ListFile], settings: Settings, problems: Problems) -> dict[BanKey, Ban]:
    """The bans that the entries of all files mean, in order; only of use when there are no problems.

    Args:
        files: the list, then the files that it includes.
        settings: what the entries are read with.
        problems: where to add what is wrong with them.
    """
    expansion = _Expansion(files[0], settings, problems)
    for file in files:
        _warn(file, problems)
        required = file is not files[0] or settings.include is None
        for entries in _entries(file, problems, required=required):
            if not expansion.add(entries):
                return expansion.bans
    expansion.report_repeats()
    return expansion.bans


def _warn(file: ListFile, problems: Problems) -> None:
    """Warn of the user IDs that are probably not what their author means."""
    for path, noted in file.document.noted.items():
        if len(path) == 3 and path[0] == "bans" and len(noted.text) <= USER_ID_MAX:
            for doubt in doubts(noted.text):
                problems.warn(file, path, doubt.message, private=doubt.private)


class _Entries(NamedTuple):
    """Some entries of a file, without the keys that are wrong.

    Attributes:
        file: where they stand.
        first: the index of the first.
        entries: the entries.
        broken: which keys are wrong, by index and key.
    """

    file: ListFile
    first: int
    entries: Sequence[Entry]
    broken: frozenset[tuple[int, str]] = frozenset()


def _entries(file: ListFile, problems: Problems, *, required: bool) -> Iterator[_Entries]:
    data = file.document.data
    if not isinstance(data, dict) or "bans" not in data:
        if required:
            problems.add(file, ("bans",), "missing; list the bans under `bans:`, or write `bans: []` to ban nobody")
        return
    raw = data["bans"]
    if raw is None:
        problems.add(file, ("bans",), "has no value; write `bans: []` to ban nobody", at_key=True)
    elif not isinstance(raw, list):
        message = "a list is expected: one `- user_id: …` for each ban, or `[]` to ban nobody"
        problems.add(file, ("bans",), message)
    else:
        for first in range(0, len(raw), _AT_ONCE):
            yield _checked(file, first, raw[first : first + _AT_ONCE], problems)


def _checked(file: ListFile, first: int, raw: list[Data], problems: Problems) -> _Entries:
    try:
        return _Entries(file, first, ENTRIES.validate_python(raw))
    except ValidationError as error:
        details = error.errors(include_url=False)
    broken: set[tuple[int, str]] = set()
    for detail in details:
        index, *inside = detail["loc"]
        detail["loc"] = (first + int(index), *inside)
        broken |= {(int(index), str(key)) for key in inside[:1] or ("user_id", "rooms")}
        if detail["type"] == "extra_forbidden" and (meant := likely_key(str(inside[0]), "bans")):
            broken.add((int(index), meant))  # it is not missing, it is misspelt
    problems.add_invalid(file, ("bans",), details)
    sound: list[Any] = list(raw)
    for index in {index for index, _ in broken}:
        entry = sound[index] if isinstance(sound[index], dict) else {}
        sound[index] = {key: value for key, value in entry.items() if (index, key) not in broken}
    placed = frozenset((first + index, key) for index, key in broken)
    return _Entries(file, first, ENTRIES.validate_python(sound), placed)


class _Expansion:
    """The bans that the entries mean, as far as they have been expanded.

    Args:
        main: the list itself.
        settings: what the entries are read with.
        problems: where to add what is wrong with them.

    Attributes:
        bans: the bans.
    """

    def __init__(self, main: ListFile, settings: Settings, problems: Problems) -> None:
        self.bans: dict[BanKey, Ban] = {}
        self._main = main
        self._settings = settings
        self._problems = problems
        self._count = 0  # of bans, the repeated ones included
        # The terms of each entry, in the order of its file. No two entries share theirs, so they tell which entry
        # a ban in `bans` comes from.
        self._terms: dict[ListFile, list[Ban]] = {}
        # Bans that were there already, with the file of the entry, its index, and how many rooms it has.
        self._repeats: list[tuple[ListFile, int, int, list[BanKey]]] = []
        self._more_repeats = 0  # pairs of entries that are only counted

    def add(self, entries: _Entries) -> bool:
        """Add the bans that these entries mean; False if that makes too many."""
        file, bans, problems = entries.file, self.bans, self._problems
        terms = self._terms.setdefault(file, [])
        rooms_of, default_rooms = self._settings.rooms.of_entry, self._settings.default_rooms
        reason, end = self._settings.defaults.get("reason"), self._settings.defaults.get("expires_at")
        protecting_glob = self._settings.guardrails.protects() if self._settings.guardrails.protected_users else None
        repeated: list[BanKey] = []
        for index, entry in enumerate(entries.entries, entries.first):
            user_id = entry.get("user_id")
            arns = rooms_of(entry["rooms"], file, index, problems) if "rooms" in entry else default_rooms
            ban = Ban(entry.get("reason", reason), entry.get("expires_at", end))
            terms.append(ban)
            if user_id is None or arns is None:
                self._report_missing(entries, index, user_id, arns)
            if user_id is None:
                continue
            if protecting_glob is not None and (glob := protecting_glob(user_id)) is not None:
                self._report_protected(file, index, glob)
            arns = arns or ()
            for arn in arns:
                key = _new(BanKey, (arn, user_id))
                if bans.setdefault(key, ban) is not ban:
                    repeated.append(key)
            if repeated:
                self._keep_repeats(file, index, len(arns), repeated)
                repeated = []
            self._count += len(arns)
            if self._count > MAX_BANS:
                message = f"with this entry the list makes more than {MAX_BANS:,} bans, one for each user and room"
                problems.add(file, ("bans", index), f"{message}; split it")
                return False
        return True

    def _report_missing(self, entries: _Entries, index: int, user_id: str | None, arns: Sequence[str] | None) -> None:
        if user_id is None and (index, "user_id") not in entries.broken:
            message = "missing; add a line such as `user_id: ABC123def456`"
            self._problems.add(entries.file, ("bans", index, "user_id"), message)
        if arns is None and (index, "rooms") not in entries.broken:
            message = "missing; add a line such as `rooms: [lobby]`, or `rooms: all`"
            self._problems.add(entries.file, ("bans", index, "rooms"), message)

    def _report_protected(self, file: ListFile, index: int, glob: str) -> None:
        number = self._settings.guardrails.protected_users.index(glob)
        message = "`protected_users` on {place} protects this user; remove the ban, or change that line"
        there = Spot(self._main, ("guardrails", "protected_users", number))
        self._problems.add(file, ("bans", index, "user_id"), message, there=there)

    def _keep_repeats(self, file: ListFile, index: int, rooms: int, keys: list[BanKey]) -> None:
        if len(self._repeats) > OF_A_KIND:
            self._more_repeats += len({id(self.bans[key]) for key in keys})
        else:
            self._repeats.append((file, index, rooms, keys))

    def report_repeats(self) -> None:
        """Report each pair of entries that ban a user twice, once for however many rooms."""
        if not self._repeats:
            return
        wanted = {id(self.bans[key]) for *_, keys in self._repeats for key in keys}
        first = {
            id(ban): Spot(file, ("bans", index, "user_id"))
            for file, terms in self._terms.items()
            for index, ban in enumerate(terms)
            if id(ban) in wanted
        }
        names = {arn: name for name, arn in self._settings.rooms.arns.items()}
        for file, index, rooms, keys in self._repeats:
            rooms_by_first: dict[Spot, list[str]] = {}
            for key in keys:
                earlier = first[id(self.bans[key])]
                rooms_by_first.setdefault(earlier, []).append(names.get(key.room_arn, key.room_arn))
            for earlier, where in rooms_by_first.items():
                more = f" and {len(where) - 1:,} more" if len(where) > 1 else ""
                advice = "keep one of the two entries"
                if len(keys) < rooms:  # keeping the other one would lift the rest
                    advice = f"take {'that room' if len(where) == 1 else 'those rooms'} out of one of the two entries"
                message = f"{{place}} bans this user in {where[0]}{more} already; {advice}"
                self._problems.add(file, ("bans", index, "user_id"), message, kind="repeat", there=earlier)
        if self._more_repeats:
            self._problems.add_more("repeat", self._more_repeats)
