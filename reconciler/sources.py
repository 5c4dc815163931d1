"""Where ban lists come from: files, and further files that they include."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import chain, islice
from typing import Final

from reconciler.banlist import about
from reconciler.banlist import read as banlist
from reconciler.banlist.value import BanList, NotIncluded
from reconciler.errors import BanListUnreadable
from reconciler.operating_system import with_slashes
from reconciler.reading import MAX_LIST, read_file_or_pipe, read_regular_file

MAX_FILES: Final = 10_000  # for one pattern of `include`


def load_ban_list(path: str | os.PathLike[str], *, strict: bool = False) -> BanList:
    """Read a ban list from a file, with the files that it includes.

    Args:
        path: the file; messages and plans show it as it is written here.
        strict: take warnings for problems.

    Raises:
        BanListUnreadable: it cannot be opened.
        BanListInvalid: with every problem in it, and in the files that it includes.
    """
    return load_whole(path, strict=strict).ban_list


def load_whole(path: str | os.PathLike[str], *, strict: bool = False) -> banlist.Reading:
    """The same, with what each file says."""
    name = os.fspath(path)
    return banlist.read_whole(read_file(name), name, find=_Folder(name).find, strict=strict)


def load_about(path: str, users: Collection[str]) -> about.About:
    """Read what a ban list and the files that it includes say about some users; see `parse_about`.

    Raises:
        BanListUnreadable: it cannot be opened.
        BanListInvalid: something that has to do with them is wrong.
    """
    return about.parse_about(read_file(path), path, users, _Folder(path).find)


def user_ids(paths: Iterable[str]) -> set[str]:
    """Most of the user IDs in these files of a list; see `reconciler.banlist.about.user_ids`."""
    return set().union(*map(about.user_ids, contents(paths).values()))


def read_file(name: str) -> bytes:
    """The content of a ban list's file, or of a pipe that stands in for it.

    Raises:
        BanListUnreadable: it cannot be opened.
    """
    try:
        return read_file_or_pipe(name, MAX_LIST)
    except FileNotFoundError as error:
        raise BanListUnreadable(
            f"{name}: there is no such file. Name the ban list with -f, or run this where it is.", private=[name]
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise BanListUnreadable(f"{name}: the ban list cannot be read: {why}", private=[name]) from error


class _NotIncluded(Exception):
    """The files that a pattern means cannot be read; the message says why, and what to do."""


class _Folder:
    """The folder of a ban list: it can include files from nowhere else.

    Args:
        ban_list: path of the list.
    """

    def __init__(self, ban_list: str) -> None:
        self._ban_list = os.path.realpath(ban_list)
        self._name = os.path.dirname(ban_list)
        # Not where a linked list really is: paths in it start where it is seen.
        self._root = os.path.realpath(self._name or os.curdir)

    def find(self, patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]] | NotIncluded]:
        """The files that each pattern means, in the order of their names; see `reconciler.banlist.value.Find`."""
        found: list[Sequence[tuple[str, bytes]] | NotIncluded] = []
        names_of: dict[str, list[str]] = {}
        refused: dict[str, NotIncluded] = {}
        for pattern in patterns:
            try:
                names_of[pattern] = self._names(pattern)
            except _NotIncluded as error:
                refused[pattern] = NotIncluded(str(error))
        meant = set(chain.from_iterable(names_of.values()))
        read: set[str] = set()
        for pattern in patterns:
            if pattern in refused:
                found.append(refused[pattern])
                continue
            names = [name for name in names_of[pattern] if name not in read]  # another pattern may mean it too
            read.update(names)
            try:
                self._refuse_left_out(pattern, meant)
                found.append([(self._shown(name), self._included(name)) for name in names])
            except _NotIncluded as error:
                found.append(NotIncluded(str(error)))
        return found

    def _names(self, pattern: str) -> list[str]:
        names = list(islice(self._matching(pattern), MAX_FILES + 1))
        if not names:
            what = "no file matches" if _is_pattern(pattern) else "there is no such file"
            raise _NotIncluded(f"{what}; put one there (with `bans: []` to ban nobody), or correct this")
        if len(names) > MAX_FILES:
            raise _NotIncluded(f"more than {MAX_FILES:,} files; put more bans into each")
        return names

    def _refuse_left_out(self, pattern: str, meant: Collection[str]) -> None:
        """Without this, a ban in a file that only its ending leaves out would be lost silently."""
        for name in self._matching(_other_suffix(pattern)):
            if name not in meant:
                raise _NotIncluded(f"{self._shown(name)} is left out because of its ending; rename it or include it")

    def _matching(self, pattern: str) -> Iterator[str]:
        """Paths below the folder; each folder on the way is searched once, however many links lead to it."""
        *steps, last = pattern.split("/")
        folders = [""]
        for step in steps:
            inside = (_below(folder, name) for folder in folders for name in self._entries(folder, step))
            by_place: dict[str, str] = {}
            for name in inside:
                place = self._real(name)
                if os.path.isdir(place):
                    by_place.setdefault(place, name)
            folders = list(by_place.values())
        for folder in folders:
            for name in self._entries(folder, last):
                path = _below(folder, name)
                if not os.path.isdir(os.path.join(self._root, path)):
                    yield path

    def _entries(self, folder: str, pattern: str) -> list[str]:
        if not _is_pattern(pattern):
            return [pattern] if os.path.lexists(os.path.join(self._root, folder, pattern)) else []
        try:
            names = os.listdir(os.path.join(self._root, folder))
        except OSError as error:
            raise _NotIncluded(f"the folder {self._shown(folder)} cannot be read: {error.strerror}") from error
        # As in a shell, a wildcard does not mean hidden files, such as an editor's copy of a file.
        return sorted(name for name in names if fnmatchcase(name, pattern) and not name.startswith("."))

    def _real(self, name: str) -> str:
        """Where a path below the folder really is. Raises _NotIncluded if that is outside."""
        place = os.path.realpath(os.path.join(self._root, name))
        if not _is_inside(place, self._root):
            raise _NotIncluded(f"{self._shown(name)} leads out of the folder of the list; put the file itself there")
        return place

    def _included(self, name: str) -> bytes:
        place = self._real(name)
        if place == self._ban_list:
            raise _NotIncluded("the list would include itself; put the files to include into a folder, such as bans.d")
        try:
            return read_regular_file(place, MAX_LIST)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise _NotIncluded(f"{self._shown(name)} cannot be read: {why}") from error

    def _shown(self, name: str) -> str:
        """A path below the folder, for messages, and to open it from here."""
        return with_slashes(os.path.join(self._name, name))


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _is_inside(place: str, root: str) -> bool:
    """Whether one real path is below another, and not in what belongs to git, however a system's names are written."""
    try:
        if os.path.commonpath([place, root]) != os.path.normpath(root):
            return False
    except ValueError:  # on another drive
        return False
    return ".git" not in os.path.relpath(place, root).casefold().split(os.sep)


def contents(paths: Iterable[str]) -> dict[str, bytes]:
    """The contents of files, to show lines of them; files that can no longer be read are left out."""
    found = {}
    for path in dict.fromkeys(paths):
        with suppress(OSError, ValueError):
            found[path] = read_regular_file(path, MAX_LIST)
    return found


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _other_suffix(pattern: str) -> str:
    """The same pattern with the other ending of YAML files, if it is for many files; else one that matches nothing."""
    root, suffix = os.path.splitext(pattern)
    if suffix not in _OTHER or not _is_pattern(os.path.basename(pattern)):
        return ""
    return root + _OTHER[suffix]


_OTHER: Final = {".yaml": ".yml", ".yml": ".yaml"}
