"""Everything that is wrong with a ban list, each with its place in the list's files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic_core import ErrorDetails

from reconciler.banlist.explain import explain, quoted
from reconciler.banlist.schema import KEYS, ROOM_NAME
from reconciler.bans import ROOM_ARN_MAX
from reconciler.errors import BanListInvalid, Problem
from reconciler.yamltext.places import locate
from reconciler.yamltext.values import Document, Mark, Path, Place


@dataclass(frozen=True, slots=True, eq=False)
class ListFile:
    """A file of a ban list: the list itself, or one that it includes.

    Attributes:
        path: its name, for messages.
        content: as it was read.
        document: what it says.
        empty: the paths of values that are missing.
        spoiled: the paths where the data lacks what the author wrote, for a reason that is reported already.
    """

    path: str
    content: bytes
    document: Document
    empty: frozenset[Path]
    spoiled: frozenset[Path]

    @classmethod
    def of(cls, path: str, content: bytes, document: Document) -> "ListFile":
        """A file, after its YAML was read."""
        spoiled = frozenset(fault.path for fault in document.faults if fault.spoils)
        return cls(path, content, document, frozenset(document.empty), spoiled)


class Spot(NamedTuple):
    """A value in one of the files."""

    file: ListFile
    path: Path


class _Found(NamedTuple):
    """A problem whose place is not looked up yet."""

    spot: Spot
    message: str
    at_key: bool
    there: Spot | None
    private: tuple[str, ...]


class Problems:
    """Collects what is wrong with a list, and looks up the places at the end.

    Attributes:
        files: by their paths, in the order of reading.
    """

    def __init__(self) -> None:
        self.files: dict[str, ListFile] = {}
        self._found: list[_Found] = []
        self._unread: list[Problem] = []

    def add(
        self,
        file: ListFile,
        path: Path,
        message: str,
        *,
        at_key: bool = False,
        there: Spot | None = None,
        private: tuple[str, ...] = (),
    ) -> None:
        """Add a problem.

        Args:
            file: where it is.
            path: the value that is wrong, or missing.
            message: what is wrong, and what to write instead.
            at_key: it is the key that is wrong.
            there: another value that the message mentions, with `{place}` in place of its line.
            private: the parts of the message that quote the list.
        """
        self._found.append(_Found(Spot(file, path), message, at_key, there, private))

    def add_invalid(self, file: ListFile, around: Path, details: Iterable[ErrorDetails]) -> None:
        """Add what pydantic says about the value at the path `around`."""
        for detail in details:
            path = around + detail["loc"]
            of_key = len(path) == 3 and path[0] == "rooms"  # pydantic's path of a key ends in "[key]"
            path = path[:-1] if of_key else path
            at_key = of_key or detail["type"] == "extra_forbidden" or path in file.empty
            self.add(file, path, explain(path, detail), at_key=at_key)

    def add_unread(self, path: str, mark: Mark, message: str) -> None:
        """Add that a file is not text."""
        self._unread.append(Problem(path, mark.line, mark.column, "", message))

    @property
    def count(self) -> int:
        """How many were added so far, without the faults of the YAML."""
        return len(self._found)

    def __bool__(self) -> bool:
        return bool(self._found or self._unread or any(file.document.faults for file in self.files.values()))

    def error(self) -> BanListInvalid:
        """All that is wrong: file by file, in the order of each."""
        order = {path: number for number, path in enumerate(self.files)}
        problems = [*self._unread, *self._faults(), *self._located()]
        problems.sort(
            key=lambda found: (order.get(found.file, -1), found.line, found.column, found.path, found.message)
        )
        return BanListInvalid(problems)

    def _faults(self) -> Iterator[Problem]:
        for path, file in self.files.items():
            for fault in file.document.faults:
                yield Problem(path, fault.mark.line, fault.mark.column, _dotted(fault.path), fault.message)

    def _located(self) -> Iterator[Problem]:
        wanted: dict[ListFile, set[Path]] = {}
        for found in self._found:
            for spot in (found.spot, found.there):
                if spot is not None:
                    wanted.setdefault(spot.file, set()).update(_up(spot.path))
        places = {file: locate(file.document, paths) for file, paths in wanted.items()}
        for found in self._found:
            file, path = found.spot
            place = places[file].get(path)
            if path in file.spoiled or (place is None and path[:-1] in file.spoiled):
                continue
            message = found.message
            if found.there is not None:
                line = f"line {places[found.there.file][found.there.path].value.line}"
                elsewhere = "" if found.there.file is file else f" of {found.there.file.path}"
                message = message.replace("{place}", line + elsewhere)
            mark = _mark(path, places[file], at_key=found.at_key)
            yield Problem(file.path, mark.line, mark.column, _dotted(path), message, found.private)


def _up(path: Path) -> Iterator[Path]:
    """A path, and the paths of everything around it, from the inside out."""
    for length in range(len(path), -1, -1):
        yield path[:length]


def _mark(path: Path, places: Mapping[Path, Place], *, at_key: bool) -> Mark:
    place = places.get(path)
    if place is not None:
        return place.key if at_key else place.value
    # What is missing is reported where it should be: in what is around it.
    return next((places[around].value for around in _up(path) if around in places), Mark(1, 1))


_LIKE_A_KEY: Final = re.compile(r"[a-z_]{1,30}")


def _shown(path: Path) -> Path:
    """A path up to the first key of a ban that looks unlike one: it may be a user ID, which is personal data."""
    for depth, step in enumerate(path):
        unknown = isinstance(step, str) and step not in KEYS["bans"] and not _LIKE_A_KEY.fullmatch(step)
        if path[0] == "bans" and depth > 0 and unknown:
            return path[:depth]
    return path


def _dotted(path: Path) -> str:
    """A path as people write it, such as `bans[1].user_id`."""
    text = ""
    for step in _shown(path):
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if len(step) <= ROOM_ARN_MAX and ROOM_NAME.fullmatch(step) else quoted(step)
            text += f".{name}" if text else name
    return text
