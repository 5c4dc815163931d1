"""Changes the files of a ban list: all that was asked for and nothing else, or nothing at all."""

import os
import re
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from reconciler.atomic import replace_file
from reconciler.banlist import edit
from reconciler.banlist.banning import Banning
from reconciler.banlist.edit import NewEntry, Value
from reconciler.banlist.entries import Listed, names_of
from reconciler.banlist.lifting import Lifting
from reconciler.banlist.problems import ListFile
from reconciler.banlist.read import Reading, read_whole
from reconciler.banlist.splice import Edit, spliced
from reconciler.banlist.survey import Survey, survey
from reconciler.banlist.value import BanList
from reconciler.bans import Ban, BanKey
from reconciler.errors import BanListUnreadable, BanListUnwritable, FormattingUnsafe
from reconciler.operating_system import lock_itself, open_to_read, with_slashes
from reconciler.reading import MAX_LIST, read_regular_file
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.characters import decode

_PATIENCE: Final = 30.0  # seconds for another `ban` or `lift` to end
_LONE_RETURN: Final = re.compile(r"\r(?!\n)")
_NEW_FILE: Final = b"bans: []\n"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file, before and after.

    Attributes:
        path: its name, for messages.
        before: its content; None if there is no such file yet.
        after: its new content.
    """

    path: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be written, and what the list then says.

    Attributes:
        files: the files that change.
        reading: the list as it will be.
    """

    files: tuple[FileChange, ...]
    reading: Reading


@contextmanager
def only_one(path: str) -> Iterator[None]:
    """Keep other editing commands off a list meanwhile; whoever only reads it does not wait.

    Raises:
        BanListError: there is no such file, or another command does not end.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = _opened(path)
        try:
            while (locked := lock_itself(descriptor)) is False:
                if time.monotonic() > deadline:
                    raise _changing(path)
                time.sleep(0.05)
            if locked and _is_still(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)  # which ends the lock
        if locked is None:
            with _locked_beside(path):
                yield
            return


@contextmanager
def _locked_beside(path: str) -> Iterator[None]:
    """The same with a lock file beside the list, which filelock takes away: where a locked list could not be read."""
    filelock = import_module("filelock")  # not needed elsewhere, and importing it costs
    lock = filelock.FileLock(f"{os.path.realpath(path)}.lock", timeout=_PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise _changing(path) from error
    except OSError as error:
        why = error.strerror or error
        raise BanListUnwritable(f"{path}: there can be no lock beside it: {why}", private=[path]) from error
    try:
        yield
    finally:
        lock.release()


def _changing(path: str) -> BanListUnwritable:
    return BanListUnwritable(
        f"{path} is being changed by another command, which does not end. Try again later.", private=[path]
    )


def _opened(path: str) -> int:
    try:
        return open_to_read(path)
    except FileNotFoundError as error:
        raise BanListUnreadable(
            f"{path}: there is no such file. Name the ban list with -f, or run this where it is.", private=[path]
        ) from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BanListUnreadable(f"{path}: the ban list cannot be read: {why}", private=[path]) from error


def _is_still(descriptor: int, path: str) -> bool:
    """Whether an open file is what stands under its name: the command before us has put another there."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def banning(reading: Reading, decided: Banning, to: str | None) -> Changes:
    """The changes that make a list ban whom it should.

    Args:
        reading: the list.
        decided: what it takes.
        to: the file that new entries go to; None for the list itself.

    Raises:
        BanListError: they cannot be made; nothing was written.
    """
    edits = _Edits(reading)
    for entry, gone in decided.moved:
        edits.take_rooms(entry, gone)
    for entry, name, value in decided.values:
        edits.give(entry, name, value)
    if decided.new:
        edits.add(_target(reading, to), decided.new)
    return edits.changes(decided.bans)


def lifting(reading: Reading, decided: Lifting) -> Changes:
    """The changes that make a list ban certain users no more. Raises BanListError, as `banning` does."""
    edits = _Edits(reading)
    for entry, gone in decided.rooms:
        edits.take_rooms(entry, gone)
    edits.remove(decided.entries)
    return edits.changes(decided.bans)


def _target(reading: Reading, to: str | None) -> ListFile | str:
    """The file that new entries go to; its name if it does not exist yet. Raises BanListError."""
    main, *included = reading.files
    if to is None:
        data = main.document.data
        if isinstance(data, dict) and "bans" in data:
            return main
        if len(included) == 1:
            return included[0]
        names = ", ".join(file.path for file in included[:10])
        raise BanListUnwritable(
            f"{main.path} has no `bans` of its own. Say which file is meant: --to FILE, such as one of {names}.",
            private=[main.path, names],
        )
    for file in reading.files:
        if os.path.realpath(file.path) == os.path.realpath(to):
            return file
    if os.path.lexists(to):
        raise BanListUnwritable(f"{to} is not a file of {main.path}; add it to `include` there first.", private=[to])
    if not _would_be_included(reading, to):
        raise BanListUnwritable(
            f"There is no file {to}, and no pattern under `include` in {main.path} would include it.", private=[to]
        )
    return to


def _would_be_included(reading: Reading, path: str) -> bool:
    folder = os.path.realpath(os.path.dirname(reading.files[0].path) or os.curdir)
    place = os.path.join(os.path.realpath(os.path.dirname(path) or os.curdir), os.path.basename(path))
    steps = with_slashes(os.path.relpath(place, folder)).split("/")
    if any(step.startswith(".") for step in steps):
        return False
    patterns = [pattern.split("/") for pattern in reading.settings.include or ()]
    return any(len(pattern) == len(steps) and all(map(fnmatchcase, steps, pattern)) for pattern in patterns)


_Step = Callable[[Survey], Iterable[Edit]]


class _Edits:
    """What is to change, file by file."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._wanted: dict[ListFile, set[int]] = {}
        self._steps: dict[ListFile, list[_Step]] = {}
        self._new: list[FileChange] = []

    def add(self, target: ListFile | str, entries: Sequence[NewEntry]) -> None:
        if isinstance(target, ListFile):
            self._step(target, (), lambda found: edit.add(found, entries))
            return
        empty = ListFile.of(target, _NEW_FILE, yamltext.read(_NEW_FILE))
        self._new.append(FileChange(target, None, _edited(empty, (), [lambda found: edit.add(found, entries)])))

    def remove(self, entries: Iterable[Listed]) -> None:
        gone: dict[ListFile, set[int]] = {}
        for entry in entries:
            gone.setdefault(entry.file, set()).add(entry.position)
        for file, positions in gone.items():
            self._step(file, positions, partial(edit.remove, gone=positions))

    def take_rooms(self, entry: Listed, gone: frozenset[str]) -> None:
        """Take rooms out of an entry that has others."""
        if isinstance(entry.said, str) or entry.said is None:
            names = names_of(self._reading, [arn for arn in entry.arns if arn not in gone])
            self.give(entry, "rooms", names)
            return
        positions = [number for number, arn in enumerate(entry.arns) if arn in gone]
        self._step(entry.file, [entry.position], partial(edit.without_rooms, index=entry.position, gone=positions))

    def give(self, entry: Listed, name: str, value: Value) -> None:
        """Give a key of an entry a value."""
        step = partial(edit.with_value, index=entry.position, name=name, value=value)
        self._step(entry.file, [entry.position], step)

    def changes(self, bans: Mapping[BanKey, Ban]) -> Changes:
        """The changes, once it is certain that the list then means these bans.

        Raises:
            BanListError: it does not; or the new list has problems.
        """
        files = [
            FileChange(file.path, file.content, _edited(file, self._wanted[file], steps))
            for file, steps in self._steps.items()
        ]
        files += self._new
        reading = _read_again(self._reading, {file.path: file.after for file in files})
        old = self._reading.ban_list
        if reading.ban_list.bans != bans or _but_bans(reading) != _but_bans(self._reading):
            raise FormattingUnsafe(
                f"{old.path}: the change would not mean what was asked for, which must never happen, so everything is"
                " left as it is. Please report this, with a list that shows it.",
                private=[old.path],
            )
        return Changes(tuple(files), reading)

    def _step(self, file: ListFile, wanted: Iterable[int], step: _Step) -> None:
        self._wanted.setdefault(file, set()).update(wanted)
        self._steps.setdefault(file, []).append(step)


def _edited(file: ListFile, wanted: Collection[int], steps: Iterable[_Step]) -> bytes:
    """The new content of a file. Raises BanListUnwritable."""
    text = decode(file.content)
    if _LONE_RETURN.search(text):
        raise BanListUnwritable(
            f"{file.path} has lines that end with a carriage return alone, which only fmt can change: run reconciler"
            " fmt first. Nothing was written.",
            private=[file.path],
        )
    found = survey(text, file.document, wanted)
    mark = BOM_UTF8 if file.content.startswith(BOM_UTF8) else b""
    return mark + spliced(text, [change for step in steps for change in step(found)]).encode()


def _read_again(reading: Reading, changed: Mapping[str, bytes]) -> Reading:
    """The list with other contents of some files, and perhaps a file more. Raises BanListError."""
    main, *included = reading.files
    contents = {file.path: changed.get(file.path, file.content) for file in included}
    contents |= {path: content for path, content in changed.items() if path != main.path}

    def find(patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]]]:
        return [list(contents.items()), *([] for _ in patterns[1:])]

    return read_whole(changed.get(main.path, main.content), main.path, find=find)


def _but_bans(reading: Reading) -> BanList:
    """All that a list says but its bans, and what depends on its bytes."""
    return replace(reading.ban_list, bans={}, sha256="", warnings=(), included=())


def write(changes: Changes) -> None:
    """Write the files, each as a whole, unless one of them is not what was read. Hold `only_one` meanwhile.

    Raises:
        BanListUnwritable: some of them were not written; the message says which were.
    """
    for file in changes.files:
        if _content(file.path) != file.before:
            raise BanListUnwritable(
                f"{file.path} was changed by somebody else in the meantime. Nothing was written. Try again.",
                private=[file.path],
            )
    written: list[str] = []
    for file in changes.files:
        try:
            replace_file(Path(os.path.realpath(file.path)), file.after)  # behind a symbolic link, not the link
        except OSError as error:
            done = f" Written were: {', '.join(written)}." if written else " Nothing was written."
            raise BanListUnwritable(
                f"{file.path} cannot be written: {error.strerror or error}.{done}", private=[file.path, *written]
            ) from error
        written.append(file.path)


def _content(path: str) -> bytes | None:
    """What stands in a file; None if there is none, or it cannot be read."""
    try:
        return read_regular_file(path, MAX_LIST)
    except (OSError, ValueError):
        return None
