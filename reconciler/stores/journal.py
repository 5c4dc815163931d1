"""What a run has recorded since the state was written: one JSON line each, on disk before it is reported.

The first line names the generation of the state that the records belong on top of. A journal of any other generation is
left aside: without it some users may be disconnected once more, which does no harm.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic_core import SchemaValidator
from pydantic_core import core_schema as core

from reconciler.atomic import new_file, write
from reconciler.bans import BanKey, Record
from reconciler.errors import StateDamaged, StateTooNew, StateUnreadable
from reconciler.operating_system import replace_with_open, sync_folder
from reconciler.reading import read_regular_file
from reconciler.state.shapes import ENDPOINT, RECORD, ROOM, SERIAL, SOME_TEXT, USER_ID, opened
from reconciler.state.value import State, from_plain, to_plain

FORMAT_VERSION: Final = 2
"""The latest. A journal says 2 only if it has an `endpoint`, or its bans are published."""

Changes = Mapping[BanKey, Record | None]
"""Records to put in, or with None to take out."""


class Journal:
    """A journal file. One process writes it at a time; any may read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside = path.with_name(path.name + ".aside")
        self._file: BinaryIO | None = None

    @property
    def is_open(self) -> bool:
        """Whether `append` has begun a file."""
        return self._file is not None

    def read(self, state: State) -> tuple[State, Changes, str | None]:
        """What the journal adds to a state.

        Returns:
            The state, with the journal's lineage and endpoint if it had none; what to change in it; and, if the journal
            does not belong to this state, a message that says so.

        Raises:
            StateUnreadable: it cannot be opened.
            StateDamaged: a line of it cannot be read.
            StateTooNew: a later version wrote it.
        """
        try:
            content = read_regular_file(self.path)
        except FileNotFoundError:
            return state, {}, None
        except OSError as error:
            raise StateUnreadable(f"{self.path}: the journal cannot be read: {error.strerror}") from error
        # Whatever follows the last line break was being written when its run was killed, and was not reported.
        lines = content.split(b"\n")[:-1]
        if not lines:
            return state, {}, None
        head, changes = self._parse(lines)
        lineage, serial, endpoint = head["lineage"], head["serial"], head.get("endpoint")
        if serial == state.serial and state.lineage in (lineage, None) and state.goes_with(endpoint):
            return replace(state, lineage=lineage, endpoint=endpoint), changes, None
        if lineage == state.lineage and all(state.records.get(key) == new for key, new in changes.items()):
            return state, {}, None  # the state has all of it already; only its removal is outstanding
        ours = lineage == state.lineage and state.goes_with(endpoint)
        belongs = f"generation {serial} of the state" if ours else "another state"
        return state, {}, self._why_aside(belongs, state, len(changes))

    def append(self, state: State, before: Changes, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """Make changes durable.

        Args:
            state: the generation that they go on top of; it has a lineage.
            before: what an interrupted run left in the journal, or this run could not write.
            changes: what to add.

        Raises:
            OSError: they are not durable.
        """
        try:
            if self._file is None:
                self._file = self._begin(state, before)
            _write(self._file, "".join(_line(key, record) for key, record in changes))
        except OSError:
            self.close()  # a line may be half written; the next try begins a new file
            raise

    def remove(self) -> None:
        """Everything in it is in the state now."""
        self.close()
        with suppress(OSError):  # the next run recognises a journal that the state has taken in
            self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; what it holds stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def put_aside(self) -> None:
        """Keep a journal that does not belong to the state under another name."""
        with suppress(OSError):
            self.path.replace(self._aside)

    def _begin(self, state: State, before: Changes) -> BinaryIO:
        """A new file in place of the old one, which may end in half a line."""
        new = {} if state.endpoint is None else {"endpoint": state.endpoint}
        is_new = new or state.published.place is not None
        head = {
            "format_version": FORMAT_VERSION if is_new else 1,
            "lineage": state.lineage,
            "serial": state.serial,
            **new,
        }
        lines = [json.dumps(head) + "\n", *(_line(key, record) for key, record in before.items())]
        temporary, file = new_file(self.path)
        try:
            _write(file, "".join(lines))
            file = replace_with_open(file, temporary, self.path)
            sync_folder(self.path.parent)
        except BaseException:
            file.close()
            with suppress(OSError):
                temporary.unlink()
            raise
        return file

    def _parse(self, lines: Sequence[bytes]) -> tuple[dict[str, Any], Changes]:
        head_of, line_of = _validators()
        try:
            head = head_of.validate_json(lines[0])
            if head["format_version"] > FORMAT_VERSION:
                raise StateTooNew(f"{self.path}: a later version of reconciler wrote it. Upgrade reconciler.")
            return head, dict(_change(line_of.validate_json(line)) for line in lines[1:])
        except ValueError as error:  # not what a journal holds, or a time that does not exist
            raise StateDamaged(
                f"{self.path} is damaged. It says what an interrupted run did after the state was written. Look at it,"
                " then remove it: the users in it may be disconnected once more, which does no harm."
            ) from error

    def _why_aside(self, belongs: str, state: State, records: int) -> str:
        return (
            f"{self.path} is left aside: it has {records} records of an interrupted run that belong to {belongs}, and"
            f" this is generation {state.serial}. The users in it may be disconnected once more, which does no harm."
        )


_HEAD: Final = opened({"endpoint": ENDPOINT}, format_version=core.int_schema(), lineage=SOME_TEXT, serial=SERIAL)
_LINE: Final = opened(room_arn=ROOM, user_id=USER_ID, record=core.nullable_schema(RECORD))


@cache
def _validators() -> tuple[SchemaValidator, SchemaValidator]:
    """Of the first line, and of all others."""
    return SchemaValidator(_HEAD), SchemaValidator(_LINE)


def _line(key: BanKey, record: Record | None) -> str:
    plain = None if record is None else to_plain(record)
    return json.dumps({"room_arn": key.room_arn, "user_id": key.user_id, "record": plain}) + "\n"


def _write(file: BinaryIO, text: str) -> None:
    write(file, text.encode())
    os.fsync(file.fileno())


def _change(line: dict[str, Any]) -> tuple[BanKey, Record | None]:
    record = line["record"]
    return BanKey(line["room_arn"], line["user_id"]), None if record is None else from_plain(record)
