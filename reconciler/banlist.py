"""`bans.yaml`: its schema, and the bans that it means.

Reading is in two steps. pydantic checks the shape of every entry, in bulk; then the entries are expanded to one ban per
room, which finds what entries get wrong about each other. Places are looked up only for what turned out to be wrong.
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

from reconciler import yamltext
from reconciler.bans import DEFAULT_RATE, ROOM_ARN_MAX, Ban, BanKey, is_room_arn
from reconciler.errors import BanListInvalid, Problem
from reconciler.guardrails import Guardrails
from reconciler.schema import (
    ALL_ROOMS,
    ENTRIES,
    EXAMPLE_ARN,
    EXAMPLE_TIME,
    HEAD,
    ROOM_NAME,
    Defaults,
    Entry,
    Head,
    explain,
)
from reconciler.yamltext import Mark, Path

DEFAULT_STATE: Final = "bans.state.json"
MAX_BANS: Final = 2_000_000  # so many fit into memory; `rooms: all` in a short list could otherwise mean billions


@dataclass(frozen=True, slots=True)
class BanList:
    """What a ban list says: the desired state.

    Attributes:
        path: the file, as it was named to us.
        sha256: of the file's content, in hexadecimal.
        state: where the state is kept, as the list writes it: relative to the list's own folder.
        rooms: name → ARN.
        guardrails: what a plan may not do.
        rate: DisconnectUser calls a second in each account and region.
        bans: every ban, expired ones included, in the order of the list.
    """

    path: str = "bans.yaml"
    sha256: str = ""
    state: str = DEFAULT_STATE
    rooms: Mapping[str, str] = field(default_factory=dict)
    guardrails: Guardrails = field(default_factory=Guardrails)
    rate: float = DEFAULT_RATE
    bans: Mapping[BanKey, Ban] = field(default_factory=dict)

    @property
    def state_location(self) -> str:
        """Where the state is kept: as the list says, from the folder of the list."""
        return self.state if "://" in self.state else os.path.join(os.path.dirname(self.path), self.state)

    @property
    def room_names(self) -> dict[str, str]:
        """ARN → name."""
        return {arn: name for name, arn in self.rooms.items()}


def parse(content: bytes, path: str = "bans.yaml", *, pure: bool = False) -> BanList:
    """Read a ban list.

    Args:
        content: the file.
        path: its name, for messages.
        pure: read it without the C YAML parser, with the same result.

    Raises:
        BanListInvalid: with every problem in it.
    """
    with _no_collecting():
        return _parse(content, path, pure=pure)


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


def _parse(content: bytes, path: str, *, pure: bool) -> BanList:
    try:
        text = yamltext.decode(content)
    except yamltext.NotText as error:
        raise BanListInvalid([Problem(path, error.mark.line, error.mark.column, "", str(error))]) from error
    document = yamltext.read(text, pure=pure)
    spoiled = frozenset(fault.path for fault in document.faults if fault.spoils)
    reader = _Reader(spoiled, frozenset(document.empty))
    # After a syntax error the rest of the list is not known, so nothing can be said about what it lacks.
    ban_list = reader.ban_list(document.data, path, sha256(content).hexdigest()) if document.complete else None
    reader.check_ends()
    if ban_list is None or document.faults or reader.errors:
        raise BanListInvalid(_problems(path, document, reader.errors))
    return ban_list


@dataclass(frozen=True, slots=True)
class _Error:
    """A problem at `path` whose place in the file is not looked up yet."""

    path: Path
    message: str
    at_key: bool = False
    repeats: Path | None = None  # the message has a `{line}` for where this stands


class _Reader:
    """Turns plain data into a ban list, and collects everything that is wrong with it.

    Args:
        spoiled: paths at which the data is not what the author wrote, for a reason that is reported already.
        empty: paths at which nothing is written.
    """

    def __init__(self, spoiled: Collection[Path] = (), empty: Collection[Path] = ()) -> None:
        self.errors: list[_Error] = []
        self._spoiled = spoiled
        self._empty = empty
        self._suggestions: dict[str, str | None] = {}

    def ban_list(self, data: yamltext.Data, path: str, digest: str) -> BanList | None:
        """The ban list; of use only when there are no errors."""
        if data is None:
            self._error((), "the file is empty; write `version: 1` and, to ban nobody, `bans: []`")
            return None
        if not isinstance(data, dict):
            self._error((), "a ban list is made of `key: value` lines; begin it with `version: 1`")
            return None
        head = self._head(data)
        entries, broken = self._entries(data.get("bans"), "bans" in data)
        limits = head.get("guardrails") or {}
        usual = Guardrails()
        guardrails = Guardrails(
            max_bans=limits.get("max_bans", usual.max_bans),
            max_lift_percent=limits.get("max_lift_percent", usual.max_lift_percent),
            protected_users=tuple(limits.get("protected_users") or ()),
        )
        rooms = self._rooms(head.get("rooms") or {}, data.get("rooms"))
        default_rooms = self._default_rooms(head.get("defaults") or {}, data.get("defaults"), rooms)
        bans = self._expand(entries, broken, head.get("defaults") or {}, default_rooms, rooms, guardrails)
        return BanList(
            path=path,
            sha256=digest,
            state=head.get("state") or DEFAULT_STATE,
            rooms=rooms.arns,
            guardrails=guardrails,
            rate=head.get("rate") or DEFAULT_RATE,
            bans=bans,
        )

    def check_ends(self) -> None:
        """An end that somebody forgot to fill in is not to become a ban for good."""
        for path in sorted(self._empty, key=str):
            if path[-1:] == ("expires_at",):
                self._error(path, f"has no value; write {EXAMPLE_TIME}, or `never`, or leave the line out", at_key=True)

    def _error(self, path: Path, message: str, *, at_key: bool = False, repeats: Path | None = None) -> None:
        self.errors.append(_Error(path, message, at_key, repeats))

    def _head(self, data: dict[str, Any]) -> Head:
        raw = {key: value for key, value in data.items() if key != "bans"}
        if "version" not in raw:
            self._error(("version",), "missing; begin the list with `version: 1`")
        try:
            return HEAD.validate_python(raw)
        except ValidationError as error:
            details = error.errors(include_url=False)
        self._errors((), details)
        wrong: dict[str, set[object]] = {}  # section → keys in it, none when all of it is wrong
        for detail in details:
            section, *inside = detail["loc"]
            wrong.setdefault(str(section), set()).update(inside[:1])
        for section, keys in wrong.items():  # what remains is good enough to check the entries against
            value = raw.pop(section)
            if keys and isinstance(value, dict):
                raw[section] = {key: within for key, within in value.items() if key not in keys}
        return HEAD.validate_python(raw)

    def _entries(self, raw: Any, given: bool) -> tuple[list[Entry], set[tuple[int, str]]]:  # noqa: ANN401
        """The entries without the keys that are wrong, and which those are."""
        if not given:
            self._error(("bans",), "missing; list the bans under `bans:`, or write `bans: []` to ban nobody")
            return [], set()
        if raw is None:
            self._error(("bans",), "has no value; write `bans: []` to ban nobody", at_key=True)
            return [], set()
        if not isinstance(raw, list):
            self._error(("bans",), "a list is expected: one `- user_id: …` for each ban, or `[]` to ban nobody")
            return [], set()
        try:
            return ENTRIES.validate_python(raw), set()
        except ValidationError as error:
            details = error.errors(include_url=False)
        self._errors(("bans",), details)
        broken: set[tuple[int, str]] = set()
        for detail in details:
            index, *inside = detail["loc"]
            broken |= {(int(index), str(key)) for key in inside[:1] or ("user_id", "rooms")}
        sound: list[Any] = list(raw)
        for index in {index for index, _ in broken}:
            entry = sound[index] if isinstance(sound[index], dict) else {}
            sound[index] = {key: value for key, value in entry.items() if (index, key) not in broken}
        return ENTRIES.validate_python(sound), broken

    def _errors(self, prefix: Path, details: Iterable[ErrorDetails]) -> None:
        for detail in details:
            path = prefix + detail["loc"]
            of_key = len(path) == 3 and path[0] == "rooms"  # pydantic's path of a key ends in "[key]"
            path = path[:-1] if of_key else path
            at_key = of_key or detail["type"] == "extra_forbidden" or path in self._empty
            self._error(path, explain(path, detail), at_key=at_key)

    def _rooms(self, arns: dict[str, str], raw: Any) -> "_Rooms":  # noqa: ANN401
        names: dict[str, str] = {}
        for name, arn in arns.items():
            if arn in names:
                message = (
                    f"the same room as `{names[arn]}` on line {{line}}; a room has one name, so keep one of the two"
                )
                self._error(("rooms", name), message, at_key=True, repeats=("rooms", names[arn]))
            names.setdefault(arn, name)
        known = isinstance(raw, dict | None) and ("rooms",) not in self._spoiled
        return _Rooms(arns, frozenset(raw or ()) - arns.keys() if known else None)

    def _default_rooms(self, defaults: Defaults, raw: Any, rooms: "_Rooms") -> Sequence[str] | None:  # noqa: ANN401
        """The ARNs for entries that name no rooms; None when they have to."""
        if "rooms" in defaults:
            return self._resolve(defaults["rooms"], rooms, ("defaults", "rooms"))
        given = "rooms" in raw if isinstance(raw, dict) else raw is not None
        return [] if given or ("defaults",) in self._spoiled else None  # what is wrong with it is reported already

    def _expand(
        self,
        entries: Sequence[Entry],
        broken: set[tuple[int, str]],
        defaults: Defaults,
        default_rooms: Sequence[str] | None,
        rooms: "_Rooms",
        guardrails: Guardrails,
    ) -> dict[BanKey, Ban]:
        bans: dict[BanKey, Ban] = {}
        repeated: dict[int, list[BanKey]] = {}
        arns_of: dict[object, Sequence[str]] = {}
        protecting_glob = guardrails.protects()
        expanded = 0
        for index, entry in enumerate(entries):
            user_id = entry.get("user_id")
            refs: Sequence[str] | None = entry.get("rooms")
            arns: Sequence[str] | None
            if refs is None:
                arns = default_rooms
                if arns is None and (index, "rooms") not in broken:
                    self._error(
                        ("bans", index, "rooms"), "missing; add a line such as `rooms: [lobby]`, or `rooms: all`"
                    )
            else:
                same = ALL_ROOMS if refs == ALL_ROOMS else tuple(refs)
                arns = arns_of.get(same)
                if arns is None:
                    errors_before = len(self.errors)
                    arns = self._resolve(refs, rooms, ("bans", index, "rooms"))
                    if len(self.errors) == errors_before:
                        arns_of[same] = arns
            if user_id is None:
                if (index, "user_id") not in broken:
                    self._error(("bans", index, "user_id"), "missing; add a line such as `user_id: ABC123def456`")
                continue
            if glob := protecting_glob(user_id):
                self._error(
                    ("bans", index, "user_id"),
                    "`protected_users` on line {line} protects this user; remove the ban, or change that line",
                    repeats=("guardrails", "protected_users", guardrails.protected_users.index(glob)),
                )
            ban = Ban(entry.get("reason", defaults.get("reason")), entry.get("expires_at", defaults.get("expires_at")))
            arns = arns or ()
            expanded += len(arns)
            if expanded > MAX_BANS:
                self._error(
                    ("bans", index),
                    f"with this entry the list makes more than {MAX_BANS:,} bans, one for each user and room; split it",
                )
                break
            for arn in arns:
                key = BanKey(arn, user_id)
                if key in bans:
                    repeated.setdefault(index, []).append(key)
                else:
                    bans[key] = ban
        if repeated:
            self._report_repeated(repeated, entries, default_rooms, rooms)
        return bans

    def _resolve(self, refs: Sequence[str], rooms: "_Rooms", path: Path) -> list[str]:
        """The ARNs that names, ARNs or `all` stand for."""
        if refs == ALL_ROOMS:
            if not rooms.arns and rooms.unsound == frozenset():
                self._error(path, "`all` means every room under `rooms`, and there is none; add the rooms")
            return list(rooms.arns.values())
        arns: dict[str, None] = {}
        for index, ref in enumerate(refs):
            arn = rooms.arns.get(ref) or (ref if is_room_arn(ref) else None)
            if arn is None:
                if not rooms.excuse(ref):
                    self._error((*path, index), self._unknown_room(ref, rooms.arns))
            elif arn in arns:
                self._error((*path, index), "this room stands in the list already; remove it here")
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
        self,
        repeated: Mapping[int, Sequence[BanKey]],
        entries: Sequence[Entry],
        default_rooms: Sequence[str] | None,
        rooms: "_Rooms",
    ) -> None:
        """One error for each two entries that ban a user twice, in however many rooms."""
        names = {arn: name for name, arn in rooms.arns.items()}
        keys = {key for some in repeated.values() for key in some}
        users = {key.user_id for key in keys}
        first: dict[BanKey, int] = {}
        quiet = _Reader()
        for index, entry in enumerate(entries):
            if (user_id := entry.get("user_id")) in users:
                refs = entry.get("rooms")
                arns = default_rooms if refs is None else quiet._resolve(refs, rooms, ())
                for arn in arns or ():
                    first.setdefault(BanKey(arn, user_id), index)
        for index, some in repeated.items():
            rooms_by_first: dict[int, list[str]] = {}
            for key in some:
                rooms_by_first.setdefault(first[key], []).append(names.get(key.room_arn, key.room_arn))
            for earlier, where in rooms_by_first.items():
                more = f" and {len(where) - 1:,} more" if len(where) > 1 else ""
                message = f"line {{line}} bans this user in {where[0]}{more} already; keep one of the two entries"
                self._error(("bans", index, "user_id"), message, repeats=("bans", earlier, "user_id"))


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


def _problems(file: str, document: yamltext.Document, errors: Sequence[_Error]) -> list[Problem]:
    """Faults of the YAML and errors of the data, each at its place in the file."""
    spoiled = {fault.path for fault in document.faults if fault.spoils}
    wanted = {error.path[:n] for error in errors for n in range(len(error.path) + 1)}
    places = document.locate(wanted | {error.repeats for error in errors if error.repeats is not None})
    problems = [
        Problem(file, fault.mark.line, fault.mark.column, dotted(_shown(fault.path)), fault.message)
        for fault in document.faults
    ]
    for error in errors:
        place = places.get(error.path)
        if error.path in spoiled or (place is None and error.path[:-1] in spoiled):
            continue
        if place is not None:
            mark = place.key if error.at_key else place.value
        else:  # what is missing is missing from what stands around it
            around = (places[error.path[:n]].value for n in range(len(error.path), -1, -1) if error.path[:n] in places)
            mark = next(around, Mark(1, 1))
        message = error.message
        if error.repeats is not None:
            message = message.replace("{line}", str(places[error.repeats].value.line))
        problems.append(Problem(file, mark.line, mark.column, dotted(_shown(error.path)), message))
    return sorted(problems, key=attrgetter("line", "column", "path", "message"))


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
