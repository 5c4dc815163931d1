"""Everything that is wrong with a ban list, each with its place in the list's files."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from pydantic_core import ErrorDetails

from reconciler.banlist.explain import explain, quoted
from reconciler.banlist.schema import KEYS, ROOM_NAME
from reconciler.banlist.silenced import marked_lines, silenced
from reconciler.bans import ROOM_ARN_MAX
from reconciler.errors import BanListInvalid, Problem
from reconciler.yamltext.places import locate
from reconciler.yamltext.values import Data, Document, Fault, Mark, Path, Place

OF_A_KIND: Final = 50  # problems that are shown; nobody reads more before correcting those


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
    """A problem whose place is not looked up yet, unless there is a `mark`."""

    spot: Spot
    message: str
    private: tuple[str, ...] = ()
    at_key: bool = False
    there: Spot | None = None
    mark: Mark | None = None


@dataclass(slots=True)
class _Kind:
    """Problems of a kind: the first ones, and how many there are."""

    found: list[_Found] = field(default_factory=list)
    count: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.found) > OF_A_KIND


class Problems:
    """Collects what is wrong with a list, and looks up the places at the end.

    Of each kind it keeps the first ones, and one more that stands for the rest, which are only counted: a list of a
    million bans may be wrong in a million places.

    Args:
        strict: warnings are errors.

    Attributes:
        files: by their paths, in the order of reading.
        count: how many were added so far, without the faults of the YAML.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.files: dict[str, ListFile] = {}
        self.count = 0
        self._strict = strict
        self._errors: dict[object, _Kind] = {}
        self._warnings: dict[object, _Kind] = {}
        self._unread: list[tuple[str, Fault]] = []
        self._marked_lines: dict[ListFile, set[int]] = {}
        self._silenced: dict[ListFile, frozenset[Path]] = {}

    def add(
        self,
        file: ListFile,
        path: Path,
        message: str,
        *,
        kind: str | None = None,
        at_key: bool = False,
        there: Spot | None = None,
        private: tuple[str, ...] = (),
    ) -> None:
        """Add a problem.

        Args:
            file: where it is.
            path: the value that is wrong, or missing.
            message: what is wrong, and what to write instead.
            kind: the same for problems that are alike, if their messages are not.
            at_key: it is the key that is wrong.
            there: another value that the message mentions, with `{place}` in place of its line.
            private: the parts of the message that quote the list.
        """
        if (kept := self._kept(self._errors, file, path, kind or message)) is not None:
            kept.append(_Found(Spot(file, path), message, private, at_key, there))

    def add_more(self, kind: str, number: int) -> None:
        """Add so many more problems of a kind of which `OF_A_KIND` and one are there."""
        self.count += number
        self._errors.setdefault(kind, _Kind()).count += number

    def warn(self, file: ListFile, path: Path, message: str, *, private: tuple[str, ...] = ()) -> None:
        """Add that a text looks wrong, unless its line says that it is right. Arguments as for `add`."""
        if self._is_silenced(file, path):
            return
        kind = message
        for text in private:
            kind = kind.replace(text, "")
        kinds = self._errors if self._strict else self._warnings
        if (kept := self._kept(kinds, file, path, kind)) is not None:
            noted = file.document.noted.get(path)
            kept.append(_Found(Spot(file, path), message, private, mark=None if noted is None else noted.begin))

    def add_invalid(self, file: ListFile, around: Path, details: Iterable[ErrorDetails]) -> None:
        """Add what pydantic says about the value at the path `around`."""
        for detail in details:
            path = around + detail["loc"]
            # pydantic's path of a key ends in "[key]"
            of_key = (
                path[-1:] == ("[key]",) and path[0] in ("rooms", "accounts") and detail["type"] != "extra_forbidden"
            )
            path = path[:-1] if of_key else path
            kind = (_shape(path), _VALUES.sub("", detail["msg"]))
            if (kept := self._kept(self._errors, file, path, kind)) is not None:
                at_key = of_key or detail["type"] == "extra_forbidden" or path in file.empty
                kept.append(_Found(Spot(file, path), explain(path, detail), at_key=at_key))

    def add_unread(self, path: str, mark: Mark, message: str) -> None:
        """Add that a file is not text."""
        self._unread.append((path, Fault(mark, (), message)))

    def _is_silenced(self, file: ListFile, path: Path) -> bool:
        if file not in self._marked_lines:
            self._marked_lines[file] = marked_lines(file.content)
        lines = self._marked_lines[file]
        if not lines:
            return False
        if (noted := file.document.noted.get(path)) is not None:
            return noted.last_line in lines
        if file not in self._silenced:
            self._silenced[file] = silenced(file.document, lines)
        return path in self._silenced[file]

    def _kept(self, kinds: dict[object, _Kind], file: ListFile, path: Path, kind: object) -> list[_Found] | None:
        """Count a problem; where to put it, if it is to be kept."""
        self.count += 1
        if _is_reported(file, path):
            return None
        same = kinds.setdefault(kind, _Kind())
        same.count += 1
        return None if same.is_full else same.found

    def __bool__(self) -> bool:
        """Whether something is wrong; a warning is not."""
        return bool(self._errors or self._unread or any(file.document.faults for file in self.files.values()))

    def error(self) -> BanListInvalid:
        """All that is wrong, and all warnings: file by file, in the order of each."""
        return BanListInvalid(self._in_order([*self._faults(), *self._located()]))

    def warnings(self) -> tuple[Problem, ...]:
        """The warnings of a list in which nothing is wrong."""
        return tuple(self._in_order(list(self._located()))) if self._warnings else ()

    def _in_order(self, problems: list[Problem]) -> list[Problem]:
        order = {path: number for number, path in enumerate(self.files)}
        return sorted(
            problems, key=lambda found: (order.get(found.file, -1), found.line, found.column, found.path, found.message)
        )

    def _faults(self) -> Iterator[Problem]:
        faults = [*self._unread]
        faults += [(path, fault) for path, file in self.files.items() for fault in file.document.faults]
        counts = Counter(fault.message for _, fault in faults)
        shown: Counter[str] = Counter()
        for path, fault in faults:
            shown[fault.message] += 1
            if (number := shown[fault.message]) <= OF_A_KIND + 1:
                more = counts[fault.message] - number if number > OF_A_KIND else 0
                yield Problem(path, fault.mark.line, fault.mark.column, _dotted(fault.path), fault.message, more=more)

    def _located(self) -> Iterator[Problem]:
        kinds = [(False, kind) for kind in self._errors.values()] + [(True, kind) for kind in self._warnings.values()]
        wanted: dict[ListFile, set[Path]] = {}
        for _, kind in kinds:
            for found in kind.found:
                for spot in (found.spot if found.mark is None else None, found.there):
                    if spot is not None:
                        wanted.setdefault(spot.file, set()).update(_up(spot.path))
        places = {file: locate(file.document, paths) for file, paths in wanted.items()}
        for is_warning, kind in kinds:
            for found in kind.found:
                more = kind.count - len(kind.found) if found is kind.found[-1] else 0
                yield replace(_problem(found, places), is_warning=is_warning, more=more)


def _is_reported(file: ListFile, path: Path) -> bool:
    """Whether what is wrong at a path follows from something that is reported already."""
    if path in file.spoiled:
        return True
    return path[:-1] in file.spoiled and not _exists(file.document.data, path)


def _exists(data: Data, path: Path) -> bool:
    inside: Any = data
    try:
        for step in path:
            inside = inside[step]
    except (LookupError, TypeError):
        return False
    return True


def _problem(found: _Found, places: Mapping[ListFile, Mapping[Path, Place]]) -> Problem:
    file, path = found.spot
    message = found.message
    if found.there is not None:
        line = f"line {places[found.there.file][found.there.path].value.line}"
        elsewhere = "" if found.there.file is file else f" of {found.there.file.path}"
        message = message.replace("{place}", line + elsewhere)
    mark = found.mark or _mark(path, places[file], at_key=found.at_key)
    return Problem(file.path, mark.line, mark.column, _dotted(path), message, found.private)


_NAMES: Final = frozenset().union(*KEYS.values())
_VALUES: Final = re.compile(r"\d[\w:.+-]*")  # that a message of ours quotes: dates and times


def _shape(path: Path) -> Path:
    """A path without what only its author's list has: indexes, unknown keys, names of rooms."""
    return tuple(step if step in _NAMES else "*" for step in path)


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
