"""`bans.yaml`: its schema, and the bans that it means.

Reading is in two steps. pydantic checks the shape of the entries, in bulk; then they are expanded to one ban per room,
which finds what entries get wrong about each other, in one file or in several. Places are looked up only for what
turned out to be wrong.
"""

import gc
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from operator import attrgetter
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from reconciler.banlist.schema import (
    ALL_ROOMS,
    ENTRIES,
    EXAMPLE_ARN,
    EXAMPLE_TIME,
    HEAD,
    ROOM_NAME,
    ROOM_REFS,
    Defaults,
    Entry,
    Head,
    explain,
    likely_key,
    unknown_in_included,
)
from reconciler.banlist.value import DEFAULT_STATE, BanList, Find, NotIncluded
from reconciler.bans import DEFAULT_RATE, ROOM_ARN_MAX, Ban, BanKey, is_room_arn
from reconciler.errors import BanListInvalid, Problem
from reconciler.guardrails import Guardrails
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.read import Document, Mark, Path

MAX_BANS: Final = 2_000_000  # so many fit into memory; `rooms: all` in a short list could otherwise mean billions
_AT_ONCE: Final = 10_000  # entries are checked and expanded so many at a time, so that few are held twice


def _no_files(patterns: Sequence[str]) -> Sequence[NotIncluded]:
    return [NotIncluded("files are included where a list is read from a file, and this one is not") for _ in patterns]


def _nothing_more(patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]]]:
    return [[] for _ in patterns]


def parse(content: bytes, path: str = "bans.yaml", *, find: Find = _no_files, pure: bool = False) -> BanList:
    """Read a ban list.

    Args:
        content: the file.
        path: its name, for messages.
        find: gives the files that it includes.
        pure: read it without the C YAML parser, with the same result.

    Raises:
        BanListInvalid: with every problem in it, and in the files that it includes.
    """
    with _no_collecting():
        return _parse(content, path, find, pure=pure)


def read_alone(content: bytes, path: str = "bans.yaml", *, pure: bool = False) -> Document:
    """Read one file and check what it says by itself: a whole ban list, or a part of one, which holds just `bans`.

    The names of rooms in such a part are not checked, since they stand in the list that it is a part of.

    Args:
        content: the file.
        path: its name, for messages.
        pure: read it without the C YAML parser, with the same result.

    Returns:
        The file's data, which is sound.

    Raises:
        BanListInvalid: with every problem in it.
    """
    with _no_collecting():
        return _read_alone(content, path, pure=pure)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Nothing that reading builds is in a cycle; the collector would look through all of it again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_alone(content: bytes, path: str, *, pure: bool) -> Document:
    reader = _Reader(pure=pure)
    document = reader.alone(content, path)
    problems = reader.problems()
    if problems or document is None:
        raise BanListInvalid(problems)
    return document


def _parse(content: bytes, path: str, find: Find, *, pure: bool) -> BanList:
    reader = _Reader(pure=pure)
    ban_list = reader.ban_list(content, path, find)
    if problems := reader.problems():
        raise BanListInvalid(problems)
    return ban_list


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was read."""

    path: str
    document: Document
    spoiled: frozenset[Path]  # at which the data is not what the author wrote, for a reason that is reported already
    empty: frozenset[Path]  # at which nothing is written


@dataclass(frozen=True, slots=True)
class _Error:
    """A problem at `path` whose place in the file is not looked up yet."""

    file: _File
    path: Path
    message: str
    at_key: bool = False
    repeats: tuple[_File, Path] | None = None  # the message has a `{place}` for where this stands


@dataclass(frozen=True, slots=True)
class _Entries:
    """Some entries of a file, without the keys that are wrong.

    Attributes:
        file: where they stand.
        first: the index of the first.
        entries: the entries.
        broken: which keys are wrong, by index and key.
    """

    file: _File
    first: int
    entries: Sequence[Entry]
    broken: frozenset[tuple[int, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Common:
    """What the entries of all files are read with."""

    defaults: Defaults
    default_rooms: Sequence[str] | None
    rooms: "_Rooms"
    guardrails: Guardrails
    main: _File
    includes: bool


@dataclass(slots=True)
class _Expansion:
    """What the entries have been expanded to so far.

    Attributes:
        bans: the bans.
        repeated: bans that are there already, by file and index of the entry.
        arns_of: what the `rooms` of entries stand for: few differ in a list, and each is checked once.
        count: bans, the repeated ones included.
    """

    bans: dict[BanKey, Ban] = field(default_factory=dict)
    repeated: dict[tuple[str, int], list[BanKey]] = field(default_factory=dict)
    arns_of: dict[object, Sequence[str]] = field(default_factory=dict)
    count: int = 0


class _Reader:
    """Turns texts into a ban list, and collects everything that is wrong with them.

    Args:
        pure: read without the C YAML parser.
    """

    def __init__(self, *, pure: bool) -> None:
        self._pure = pure
        self._errors: list[_Error] = []
        self._problems: list[Problem] = []
        self._files: dict[str, _File] = {}  # in the order of reading
        self._suggestions: dict[str, str | None] = {}

    def problems(self) -> list[Problem]:
        """Everything that is wrong, file by file, in the order of each."""
        order = {path: number for number, path in enumerate(self._files)}
        located = [*self._problems, *_located(self._files.values(), self._errors)]
        return sorted(located, key=lambda problem: (order.get(problem.file, -1), _in_file(problem)))

    def alone(self, content: bytes, path: str) -> Document | None:
        """What a whole list or a part of one says by itself; of use only when there are no problems."""
        file = self._read(content, path)
        if file is None:
            return None
        data = file.document.data
        if isinstance(data, dict) and data.keys() == {"bans"}:
            if file.document.complete:
                self._expand([file], _Common({}, (), _Rooms({}, None), Guardrails(), file, includes=False))
        else:
            self._ban_list(file, path, "", _nothing_more)
        return file.document

    def ban_list(self, content: bytes, path: str, find: Find) -> BanList:
        """The ban list; of use only when there are no problems."""
        main = self._read(content, path)
        return BanList(path) if main is None else self._ban_list(main, path, sha256(content).hexdigest(), find)

    def _ban_list(self, main: _File, path: str, digest: str, find: Find) -> BanList:
        if not main.document.complete:
            # After a syntax error the rest of the list is not known, so nothing can be said about what it lacks.
            return BanList(path)
        raw = main.document.data
        if raw is None:
            self._error(main, (), "the file is empty; write `version: 1` and, to ban nobody, `bans: []`")
            return BanList(path)
        if not isinstance(raw, dict):
            self._error(main, (), "a ban list is made of `key: value` lines; begin it with `version: 1`")
            return BanList(path)
        head = self._head(main, raw)
        limits = head.get("guardrails") or {}
        usual = Guardrails()
        guardrails = Guardrails(
            max_bans=limits.get("max_bans", usual.max_bans),
            max_lift_percent=limits.get("max_lift_percent", usual.max_lift_percent),
            protected_users=tuple(limits.get("protected_users") or ()),
        )
        rooms = self._rooms(main, head.get("rooms") or {}, raw.get("rooms"))
        defaults = head.get("defaults") or {}
        default_rooms = self._default_rooms(main, defaults, raw.get("defaults"), rooms)
        included = [*self._included(main, head.get("include") or (), find)]
        if included:
            folder = os.path.join(os.path.dirname(path), "")  # the list may be named from another folder next time
            versions = [digest, *(f"{of_content} {file.path.removeprefix(folder)}" for file, of_content in included)]
            digest = sha256("\0".join(versions).encode(errors="surrogateescape")).hexdigest()
        files = [main, *(file for file, _ in included)]
        bans = self._expand(files, _Common(defaults, default_rooms, rooms, guardrails, main, includes="include" in raw))
        return BanList(
            path=path,
            sha256=digest,
            state=head.get("state") or DEFAULT_STATE,
            rooms=rooms.arns,
            guardrails=guardrails,
            rate=head.get("rate") or DEFAULT_RATE,
            bans=bans,
            included=tuple(file.path for file, _ in included),
        )

    def _read(self, content: bytes, path: str) -> _File | None:
        """A file as far as it can be read; None when it is not text."""
        try:
            document = yamltext.read(content, pure=self._pure)
        except yamltext.NotText as error:
            self._problems.append(Problem(path, error.mark.line, error.mark.column, "", str(error)))
            return None
        spoiled = frozenset(fault.path for fault in document.faults if fault.spoils)
        file = self._files[path] = _File(path, document, spoiled, frozenset(document.empty))
        for empty in sorted(file.empty, key=str):
            # An end that somebody forgot to fill in is not to become a ban for good.
            if empty[-1:] == ("expires_at",):
                message = f"has no value; write {EXAMPLE_TIME}, or `never`, or leave the line out"
                self._error(file, empty, message, at_key=True)
        return file

    def _included(self, main: _File, patterns: Sequence[str], find: Find) -> Iterator[tuple[_File, str]]:
        """The files that are included, each once, with the digest of its content."""
        for index, found in enumerate(find(patterns) if patterns else ()):
            if isinstance(found, NotIncluded):
                self._error(main, ("include", index), found.why)
                continue
            for path, content in found:
                if path in self._files:
                    continue
                file = self._read(content, path)
                if file is None or not file.document.complete:
                    continue
                if isinstance(file.document.data, dict):
                    for key in file.document.data.keys() - {"bans"}:
                        self._error(file, (key,), unknown_in_included(key), at_key=True)
                    yield file, sha256(content).hexdigest()
                else:
                    nothing = "the file is empty" if file.document.data is None else "this is no list of bans"
                    self._error(file, (), f"{nothing}; write `bans:` and the bans below it, or `bans: []`")

    def _error(
        self, file: _File, path: Path, message: str, *, at_key: bool = False, repeats: tuple[_File, Path] | None = None
    ) -> None:
        self._errors.append(_Error(file, path, message, at_key, repeats))

    def _head(self, main: _File, data: dict[str, Any]) -> Head:
        raw = {key: value for key, value in data.items() if key != "bans"}
        if "version" not in raw:
            part = "" if raw else "; or is this a file that another list includes? Then check that list"
            self._error(main, ("version",), f"missing; begin the list with `version: 1`{part}")
        try:
            return HEAD.validate_python(raw)
        except ValidationError as error:
            details = error.errors(include_url=False)
        self._explain(main, (), details)
        wrong: dict[str, set[object]] = {}  # section → keys in it, none when all of it is wrong
        for detail in details:
            section, *inside = detail["loc"]
            wrong.setdefault(str(section), set()).update(inside[:1])
        for section, keys in wrong.items():  # what remains is good enough to check the entries against
            value = raw.pop(section)
            if keys and isinstance(value, dict):
                raw[section] = {key: within for key, within in value.items() if key not in keys}
        return HEAD.validate_python(raw)

    def _entries(self, file: _File, *, required: bool) -> Iterator[_Entries]:
        """The entries of a file, some at a time."""
        data = file.document.data
        raw = data.get("bans") if isinstance(data, dict) else None
        if raw is None and isinstance(data, dict) and "bans" in data:
            self._error(file, ("bans",), "has no value; write `bans: []` to ban nobody", at_key=True)
        elif raw is None:
            if required:
                message = "missing; list the bans under `bans:`, or write `bans: []` to ban nobody"
                self._error(file, ("bans",), message)
        elif not isinstance(raw, list):
            message = "a list is expected: one `- user_id: …` for each ban, or `[]` to ban nobody"
            self._error(file, ("bans",), message)
        else:
            for first in range(0, len(raw), _AT_ONCE):
                yield self._checked(file, first, raw[first : first + _AT_ONCE])

    def _checked(self, file: _File, first: int, raw: list[yamltext.Data]) -> _Entries:
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
        self._explain(file, ("bans",), details)
        sound: list[Any] = list(raw)
        for index in {index for index, _ in broken}:
            entry = sound[index] if isinstance(sound[index], dict) else {}
            sound[index] = {key: value for key, value in entry.items() if (index, key) not in broken}
        placed = frozenset((first + index, key) for index, key in broken)
        return _Entries(file, first, ENTRIES.validate_python(sound), placed)

    def _explain(self, file: _File, prefix: Path, details: Iterable[ErrorDetails]) -> None:
        for detail in details:
            path = prefix + detail["loc"]
            of_key = len(path) == 3 and path[0] == "rooms"  # pydantic's path of a key ends in "[key]"
            path = path[:-1] if of_key else path
            at_key = of_key or detail["type"] == "extra_forbidden" or path in file.empty
            self._error(file, path, explain(path, detail), at_key=at_key)

    def _rooms(self, main: _File, arns: dict[str, str], raw: Any) -> "_Rooms":  # noqa: ANN401
        names: dict[str, str] = {}
        for name, arn in arns.items():
            if arn in names:
                message = f"the same room as `{names[arn]}` on {{place}}; a room has one name, so keep one of the two"
                self._error(main, ("rooms", name), message, at_key=True, repeats=(main, ("rooms", names[arn])))
            names.setdefault(arn, name)
        known = isinstance(raw, dict | None) and ("rooms",) not in main.spoiled
        return _Rooms(arns, frozenset(raw or ()) - arns.keys() if known else None)

    def _default_rooms(
        self,
        main: _File,
        defaults: Defaults,
        raw: Any,  # noqa: ANN401
        rooms: "_Rooms",
    ) -> Sequence[str] | None:
        """The ARNs for entries that name no rooms; None when they have to."""
        if "rooms" in defaults:
            return self._resolve(main, defaults["rooms"], rooms, ("defaults", "rooms"))
        given = "rooms" in raw if isinstance(raw, dict) else raw is not None
        return [] if given or ("defaults",) in main.spoiled else None  # what is wrong with it is reported already

    def _expand(self, files: Sequence[_File], common: _Common) -> dict[BanKey, Ban]:
        expansion = _Expansion()
        for file in files:
            for some in self._entries(file, required=file is not common.main or not common.includes):
                if not self._expand_some(some, common, expansion):
                    return expansion.bans
        if expansion.repeated:
            self._report_repeated(expansion.repeated, files, common)
        return expansion.bans

    def _expand_some(self, some: _Entries, common: _Common, expansion: "_Expansion") -> bool:
        """Add the bans that entries mean; False when they become too many."""
        file, broken = some.file, some.broken
        bans, arns_of = expansion.bans, expansion.arns_of
        usual_reason, usual_end = common.defaults.get("reason"), common.defaults.get("expires_at")
        protecting_glob = common.guardrails.protects()
        has_protected = bool(common.guardrails.protected_users)
        for index, entry in enumerate(some.entries, some.first):
            user_id = entry.get("user_id")
            arns: Sequence[str] | None
            if "rooms" in entry:
                refs: Any = entry["rooms"]
                try:
                    arns = arns_of.get(tuple(refs) if refs.__class__ is list else refs)
                except TypeError:  # something stands there that is no text
                    arns = None
                if arns is None:
                    arns = self._arns(file, index, refs, common.rooms, arns_of)
            else:
                arns = common.default_rooms
                if arns is None and (index, "rooms") not in broken:
                    message = "missing; add a line such as `rooms: [lobby]`, or `rooms: all`"
                    self._error(file, ("bans", index, "rooms"), message)
            if user_id is None:
                if (index, "user_id") not in broken:
                    message = "missing; add a line such as `user_id: ABC123def456`"
                    self._error(file, ("bans", index, "user_id"), message)
                continue
            if has_protected and (glob := protecting_glob(user_id)):
                self._error(
                    file,
                    ("bans", index, "user_id"),
                    "`protected_users` on {place} protects this user; remove the ban, or change that line",
                    repeats=(
                        common.main,
                        ("guardrails", "protected_users", common.guardrails.protected_users.index(glob)),
                    ),
                )
            ban = Ban(entry.get("reason", usual_reason), entry.get("expires_at", usual_end))
            if arns is None:
                continue
            for arn in arns:
                key = BanKey(arn, user_id)
                if bans.setdefault(key, ban) is not ban:
                    expansion.repeated.setdefault((file.path, index), []).append(key)
            expansion.count += len(arns)
            if expansion.count > MAX_BANS:
                self._error(
                    file,
                    ("bans", index),
                    f"with this entry the list makes more than {MAX_BANS:,} bans, one for each user and room; split it",
                )
                return False
        return True

    def _arns(
        self,
        file: _File,
        index: int,
        raw: Any,  # noqa: ANN401
        rooms: "_Rooms",
        arns_of: dict[object, Sequence[str]],
    ) -> Sequence[str]:
        """The ARNs that the `rooms` of an entry stand for, checked; sound ones are kept in `arns_of`."""
        errors_before = len(self._errors)
        path: Path = ("bans", index, "rooms")
        try:
            arns = self._resolve(file, ROOM_REFS.validate_python(raw), rooms, path)
        except ValidationError as error:
            self._explain(file, path, error.errors(include_url=False))
            return []
        if len(self._errors) == errors_before:
            arns_of[tuple(raw) if isinstance(raw, list) else raw] = arns
        return arns

    def _resolve(self, file: _File, refs: Sequence[str], rooms: "_Rooms", path: Path) -> list[str]:
        """The ARNs that names, ARNs or `all` stand for."""
        if refs == ALL_ROOMS:
            if not rooms.arns and rooms.unsound == frozenset():
                self._error(file, path, "`all` means every room under `rooms`, and there is none; add the rooms")
            return list(rooms.arns.values())
        arns: dict[str, None] = {}
        for index, ref in enumerate(refs):
            arn = rooms.arns.get(ref) or (ref if is_room_arn(ref) else None)
            if arn is None:
                if not rooms.excuse(ref):
                    self._error(file, (*path, index), self._unknown_room(ref, rooms.arns))
            elif arn in arns:
                self._error(file, (*path, index), "this room stands in the list already; remove it here")
            else:
                arns[arn] = None
        return list(arns)

    def _unknown_room(self, ref: str, names: Collection[str]) -> str:
        if ref.startswith("arn:"):
            return f"not the ARN of a room; it looks like {EXAMPLE_ARN}"
        if ref == ALL_ROOMS:
            return "for every room, write `rooms: all` without brackets"
        parts = re.split(r"[\s,]+", ref)
        if len(parts) > 1 and all(part in names for part in parts):
            return f"rooms are separated by commas; write [{', '.join(parts)}]"
        if ref not in self._suggestions:
            # Comparing takes a while, and nobody reads hundreds of suggestions.
            compare = len(self._suggestions) < 100 and len(names) <= 1000
            otherwise_written = [name for name in names if name.casefold() == ref.casefold()] if compare else []
            matches = otherwise_written or (get_close_matches(ref, names, 1) if compare else [])
            self._suggestions[ref] = next(iter(matches), None)
        advice = "add it there with its ARN, or correct the name"
        if close := self._suggestions[ref]:
            advice = f"did you mean `{close}`?"
        return f"there is no room {_quoted(ref)} under `rooms`; {advice}"

    def _report_repeated(
        self, repeated: Mapping[tuple[str, int], Sequence[BanKey]], files: Sequence[_File], common: _Common
    ) -> None:
        """One error for each two entries that ban a user twice, in however many rooms."""
        names = {arn: name for name, arn in common.rooms.arns.items()}
        users = {key.user_id for keys in repeated.values() for key in keys}
        first: dict[BanKey, tuple[_File, int]] = {}
        rooms_of: dict[tuple[str, int], int] = {}
        quiet = _Reader(pure=self._pure)
        for file in files:
            for some in quiet._entries(file, required=False):
                for index, entry in enumerate(some.entries, some.first):
                    if (user_id := entry.get("user_id")) in users:
                        arns: Sequence[str] | None = common.default_rooms
                        if "rooms" in entry:
                            arns = quiet._arns(file, index, entry["rooms"], common.rooms, {})
                        rooms_of[file.path, index] = len(arns or ())
                        for arn in arns or ():
                            first.setdefault(BanKey(arn, user_id), (file, index))
        for (path, index), keys in repeated.items():
            rooms_by_first: dict[tuple[str, int], list[str]] = {}
            for key in keys:
                earlier_file, earlier = first[key]
                name = names.get(key.room_arn, key.room_arn)
                rooms_by_first.setdefault((earlier_file.path, earlier), []).append(name)
            for (earlier_path, earlier), where in rooms_by_first.items():
                more = f" and {len(where) - 1:,} more" if len(where) > 1 else ""
                advice = "keep one of the two entries"
                if len(keys) < rooms_of[path, index]:  # keeping the other one would lift the rest
                    advice = f"take {'that room' if len(where) == 1 else 'those rooms'} out of one of the two entries"
                self._error(
                    self._files[path],
                    ("bans", index, "user_id"),
                    f"{{place}} bans this user in {where[0]}{more} already; {advice}",
                    repeats=(self._files[earlier_path], ("bans", earlier, "user_id")),
                )


@dataclass(frozen=True, slots=True)
class _Rooms:
    """The rooms that the list names.

    Attributes:
        arns: by name.
        unsound: names that stand in the list with something wrong about them; None when any name may be such.
    """

    arns: dict[str, str]
    unsound: frozenset[str] | None

    def excuse(self, name: str) -> bool:
        """Whether a name is not among the rooms because of a mistake that is reported already."""
        return self.unsound is None or name in self.unsound


def _quoted(text: str) -> str:
    """Text of the list in a message: on one line, and not too long."""
    return json.dumps(text if len(text) <= 60 else text[:60] + "…", ensure_ascii=False)


_in_file = attrgetter("line", "column", "path", "message")


def _located(files: Iterable[_File], errors: Sequence[_Error]) -> Iterator[Problem]:
    """Faults of the YAML and errors of the data, each at its place in its file."""
    wanted: dict[str, set[Path]] = {}
    for error in errors:
        paths = wanted.setdefault(error.file.path, set())
        paths.update(error.path[:n] for n in range(len(error.path) + 1))
        if error.repeats is not None:
            wanted.setdefault(error.repeats[0].path, set()).add(error.repeats[1])
    places_in = {file.path: file.document.locate(wanted.get(file.path, ())) for file in files}
    for file in files:
        for fault in file.document.faults:
            yield Problem(file.path, fault.mark.line, fault.mark.column, dotted(_shown(fault.path)), fault.message)
    for error in errors:
        file, places = error.file, places_in[error.file.path]
        place = places.get(error.path)
        if error.path in file.spoiled or (place is None and error.path[:-1] in file.spoiled):
            continue
        if place is not None:
            mark = place.key if error.at_key else place.value
        else:  # what is missing is missing from what stands around it
            around = (places[error.path[:n]].value for n in range(len(error.path), -1, -1) if error.path[:n] in places)
            mark = next(around, Mark(1, 1))
        message = error.message
        if error.repeats is not None:
            there, path = error.repeats
            line = f"line {places_in[there.path][path].value.line}"
            message = message.replace("{place}", line if there is file else f"{line} of {there.path}")
        yield Problem(file.path, mark.line, mark.column, dotted(_shown(error.path)), message)


_LIKE_A_KEY: Final = re.compile(r"[a-z_]{1,30}")


def _shown(path: Path) -> Path:
    """A path up to where a key of a ban does not look like one: it may be a user ID, and those are personal data."""
    for depth, step in enumerate(path):
        unknown = isinstance(step, str) and step not in Entry.__annotations__ and not _LIKE_A_KEY.fullmatch(step)
        if path[0] == "bans" and depth > 0 and unknown:
            return path[:depth]
    return path


def dotted(path: Path) -> str:
    """A path as people write it: `bans[1].user_id`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if len(step) <= ROOM_ARN_MAX and ROOM_NAME.fullmatch(step) else _quoted(step)
            text += f".{name}" if text else name
    return text
