"""The rooms of a ban list: from the names that entries use to ARNs."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from pydantic_core import ValidationError

from reconciler.banlist.explain import quoted
from reconciler.banlist.problems import ListFile, Problems
from reconciler.banlist.schema import ALL_ROOMS, EXAMPLE_ARN, ROOM_REFS
from reconciler.bans import EVERYWHERE, EVERYWHERE_NAME, is_room_arn
from reconciler.yamltext.values import Path

_MAX_SUGGESTIONS: Final = 100  # comparing takes a while, and nobody reads hundreds
_MAX_COMPARED: Final = 1000
_MAX_PARTS: Final = 20  # names in one text that a message writes out as a list


class RoomNames:
    """The rooms that a list names.

    Args:
        arns: by name.
        unsound: names that are in the list with something wrong about them; None if any name may be one of these.
        beyond: a ban everywhere reaches further than these rooms: it is published, or more rooms are found.
    """

    def __init__(self, arns: Mapping[str, str], unsound: frozenset[str] | None, *, beyond: bool = False) -> None:
        self.arns = arns
        self._beyond = beyond
        self._unsound = unsound
        self._known: dict[object, Sequence[str]] = {}  # what the sound `rooms` of entries mean
        self._suggestions: dict[str, str | None] = {}

    def of_entry(self, refs: object, file: ListFile, index: int, problems: Problems) -> Sequence[str]:
        """The ARNs that the `rooms` of an entry mean; equal ones are checked only once.

        Args:
            refs: the value, not checked yet.
            file: the file of the entry.
            index: of the entry.
            problems: where to add what is wrong with it.
        """
        key = tuple(refs) if isinstance(refs, list) else refs
        try:
            if (known := self._known.get(key)) is not None:
                return known
        except TypeError:  # it contains something that is not text
            pass
        before, path = problems.count, ("bans", index, "rooms")
        try:
            arns = self.resolve(ROOM_REFS.validate_python(refs), file, path, problems)
        except ValidationError as error:
            problems.add_invalid(file, path, error.errors(include_url=False))
            return ()
        if problems.count == before:
            self._known[key] = arns
        return arns

    def resolve(self, refs: Sequence[str], file: ListFile, path: Path, problems: Problems) -> Sequence[str]:
        """The ARNs that names, ARNs or `all` mean, or EVERYWHERE; whatever is wrong is added to `problems`."""
        if refs == EVERYWHERE_NAME:
            if not self.arns and self._unsound == frozenset() and not self._beyond:
                problems.add(
                    file,
                    path,
                    "there are no rooms under `rooms` to disconnect the user from, and no `denylist`; add one of them",
                )
            return [EVERYWHERE]
        if refs == ALL_ROOMS:
            if not self.arns and self._unsound == frozenset():
                problems.add(file, path, "`all` means every room under `rooms`, and there are none; add the rooms")
            return list(self.arns.values())
        arns: dict[str, None] = {}
        for index, ref in enumerate(refs):
            arn = self.arns.get(ref) or (ref if is_room_arn(ref) else None)
            if arn is None:
                if self._unsound is not None and ref not in self._unsound:  # else it is reported already
                    message, quote = self.unknown(ref), quoted(ref)
                    private = (quote,) if quote in message else ()
                    problems.add(file, (*path, index), message, kind="room", private=private)
            elif arn in arns:
                problems.add(file, (*path, index), "this room is in the list already; remove it here")
            else:
                arns[arn] = None
        return list(arns)

    def unknown(self, ref: str) -> str:
        """What to say about a room that the list does not name."""
        if ref.startswith("arn:"):
            return f"not the ARN of a room; it looks like {EXAMPLE_ARN}"
        if ref in (ALL_ROOMS, EVERYWHERE_NAME, "*"):
            return f"for every room, write `rooms: {ALL_ROOMS if ref == '*' else ref}` without brackets"
        parts = re.split(r"[\s,]+", ref)
        if 1 < len(parts) <= _MAX_PARTS and all(part in self.arns for part in parts):
            return f"rooms are separated by commas; write [{', '.join(parts)}]"
        close = self._closest(ref)
        advice = f"did you mean `{close}`?" if close else "add it there with its ARN, or correct the name"
        return f"there is no room {quoted(ref)} under `rooms`; {advice}"

    def _closest(self, ref: str) -> str | None:
        """The name that was probably meant, if comparing does not take too long."""
        if ref in self._suggestions:
            return self._suggestions[ref]
        if len(self._suggestions) >= _MAX_SUGGESTIONS or len(self.arns) > _MAX_COMPARED:
            return None
        otherwise_written = [name for name in self.arns if name.casefold() == ref.casefold()]
        closest = next(iter(otherwise_written or get_close_matches(ref, self.arns, 1)), None)
        self._suggestions[ref] = closest
        return closest
