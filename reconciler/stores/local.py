"""The state in a local file, with three files beside it.

- `bans.state.json`: the state. It is replaced as a whole and never changed in place.
- `bans.state.json.backup`: the generation before.
- `bans.state.json.journal`: what a run has recorded since the state was written, one JSON line each, on top of the
  generation that its first line names. `save` folds it into the state and removes it; after a crash the next run does.
- `bans.state.json.lock`: an OS lock that dies with its process. The file stays; what it says is who held it last.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from reconciler import state as state_file
from reconciler.bans import BanKey, Record
from reconciler.errors import StateDamaged, StateLocked, StateTooNew, StateUnreadable, StateUnwritable
from reconciler.state import PlainRecord, State, record_from_plain, record_to_plain
from reconciler.stores import Holder

_JOURNAL_VERSION: Final = 1
_LOCK_POLL: Final = 0.05  # seconds


class LocalStore:
    """A state in a file."""

    def __init__(self, location: str) -> None:
        self.location = location
        # Behind a symbolic link the file itself is to be replaced, not the link.
        self._path = Path(os.path.realpath(location))
        self._backup = self._beside(".backup")
        self._journal = self._beside(".journal")
        self._lock = self._beside(".lock")
        self._new_backup = self._beside(".tmp.backup")

    def read(self) -> State:
        """See `Store.read`."""
        state, journal = self._read()
        return state.after(journal)

    @contextmanager
    def locked(self, holder: Holder, timeout: float, lineage: str) -> "Iterator[LocalSession]":
        """See `Store.locked`."""
        from filelock import FileLock, Timeout  # noqa: PLC0415 - reading needs no lock, and importing it costs

        if not self._path.parent.is_dir():  # filelock would make it, and a mistyped path would be a new, empty state
            raise StateUnwritable(f"{self.location}: there is no folder {self._path.parent} to write the state to")
        lock = FileLock(self._lock, timeout=timeout, poll_interval=_LOCK_POLL)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateLocked(self._who_holds_it()) from error
        except OSError as error:
            raise self._unwritable(self._lock, error) from error
        try:
            self._write_holder(holder)
            with LocalSession(self, lineage) as session:
                yield session
        finally:
            lock.release()

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _read(self) -> tuple[State, list[tuple[BanKey, Record | None]]]:
        """The state as written, and what the journal adds to it."""
        try:
            state = state_file.loads(self._path.read_bytes())
        except FileNotFoundError:
            state = State()
        except OSError as error:
            raise StateUnreadable(f"{self.location}: the state cannot be read: {_why(error)}") from error
        except StateDamaged as error:
            raise StateDamaged(f"{self.location} is not a state file: {error}. {self._way_out()}") from error
        except StateTooNew as error:
            raise StateTooNew(f"{self.location}: {error}. Upgrade reconciler, and run it again.") from error
        try:
            content = self._journal.read_bytes()
        except FileNotFoundError:
            return state, []
        except OSError as error:
            raise StateUnreadable(f"{self._journal}: the journal cannot be read: {_why(error)}") from error
        return self._with_journal(state, content)

    def _with_journal(self, state: State, content: bytes) -> tuple[State, list[tuple[BanKey, Record | None]]]:
        # What follows the last line break was being written when its run was killed, and was not reported yet.
        lines = content.split(b"\n")[:-1]
        if not lines:
            return state, []
        try:
            head = _JournalHead.model_validate_json(lines[0])
            changes = [_change(_JOURNAL_LINE.validate_json(line)) for line in lines[1:]]
        except ValidationError as error:
            raise StateDamaged(
                f"{self._journal} is damaged. It holds what an interrupted run did on top of {self.location}."
                " Look at it, then remove it: the users in it may then be disconnected once more, which does them no"
                " harm."
            ) from error
        if head.format_version > _JOURNAL_VERSION:
            raise StateTooNew(f"{self._journal}: a later version of reconciler wrote it. Upgrade reconciler.")
        if head.serial == state.serial and state.lineage in (head.lineage, None):
            return State(head.lineage, state.serial, state.records), changes
        if head.lineage == state.lineage and all(state.records.get(key) == record for key, record in changes):
            return state, []  # folded already; only its removal is outstanding
        raise StateDamaged(
            f"{self._journal} holds {len(changes)} records of an interrupted run, and {self.location} is not the state"
            f" that they were made on (it has serial {state.serial}, they belong on top of serial {head.serial})."
            " Put that state back, or remove the journal: the users in it may then be disconnected once more, which"
            " does them no harm."
        )

    def _write(self, state: State) -> None:
        """Replace the state with this generation, durably, and keep the one before as the backup."""
        content = state_file.dumps(state).encode()
        temporary = self._beside(".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                with suppress(FileNotFoundError):
                    os.fchmod(file.fileno(), self._path.stat().st_mode & 0o777)
                os.fsync(file.fileno())
            self._keep_backup()
            temporary.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            for leftover in (temporary, self._new_backup):
                with suppress(OSError):
                    leftover.unlink()
            raise self._unwritable(self._path, error) from error

    def _keep_backup(self) -> None:
        with suppress(FileNotFoundError):
            self._new_backup.unlink()
        try:
            os.link(self._path, self._new_backup)
        except FileNotFoundError:
            return
        except OSError:  # a file system without hard links
            self._new_backup.write_bytes(self._path.read_bytes())
        self._new_backup.replace(self._backup)

    def _way_out(self) -> str:
        if self._backup.exists():
            return (
                f"The generation before it is {self._backup}: look at both, then copy the good one to {self.location}."
                " Do not just delete it: everybody in the list would be disconnected again."
            )
        return (
            f"There is no {self._backup.name} beside it: take the last good one from git or from a copy."
            " Do not just delete it: everybody in the list would be disconnected again."
        )

    def _write_holder(self, holder: Holder) -> None:
        content = json.dumps(asdict(holder) | {"since": holder.since.isoformat()})
        with suppress(OSError):  # it only tells others who we are
            self._lock.write_text(content + "\n")

    def _who_holds_it(self) -> str:
        try:
            holder = _HOLDER.validate_json(self._lock.read_bytes())
        except (OSError, ValidationError):
            who = "another run"
        else:
            who = (
                f"`{holder.operation}` of {holder.user} on {holder.host} (process {holder.pid},"
                f" since {holder.since:%Y-%m-%d %H:%M:%S} UTC)"
            )
        return f"{self.location} is locked by {who}. Wait for it to end, or give --lock-timeout to wait here."

    def _unwritable(self, path: Path, error: OSError) -> StateUnwritable:
        return StateUnwritable(f"{self.location}: the state cannot be written ({path.name}: {_why(error)})")


class LocalSession:
    """A `Session` on a file: records go to the journal, and `save` folds it into the state."""

    def __init__(self, store: LocalStore, lineage: str) -> None:
        self._store = store
        self._saved, changes = store._read()
        self._lineage = self._saved.lineage or lineage
        self._unsaved = dict(changes)
        self._journal: BinaryIO | None = None

    def __enter__(self) -> "LocalSession":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()

    @property
    def state(self) -> State:
        """See `Session.state`."""
        return self._saved.after(self._unsaved.items())

    def record(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """See `Session.record`."""
        if not changes:
            return
        lines = "".join(_journal_line(key, record) for key, record in changes)
        try:
            journal = self._journal or self._open()
            journal.write(lines.encode())
            os.fsync(journal.fileno())
        except OSError as error:
            raise self._store._unwritable(self._store._journal, error) from error
        self._unsaved.update(changes)

    def save(self) -> None:
        """See `Session.save`."""
        if self._unsaved:
            state = self.state.generation(lineage=self._lineage)
            self._store._write(state)
            self._saved, self._unsaved = state, {}
        self._close()
        with suppress(OSError):  # a journal that is folded already is known as such by the next run
            self._store._journal.unlink(missing_ok=True)

    def _open(self) -> BinaryIO:
        """The journal, beginning with what an interrupted run left of it, without a line that it left half written."""
        head = {"format_version": _JOURNAL_VERSION, "lineage": self._lineage, "serial": self._saved.serial}
        lines = [json.dumps(head) + "\n", *(_journal_line(key, record) for key, record in self._unsaved.items())]
        temporary = self._store._beside(".tmp.journal")
        self._journal = temporary.open("wb", buffering=0)
        self._journal.write("".join(lines).encode())
        os.fsync(self._journal.fileno())
        temporary.replace(self._store._journal)
        _sync_folder(temporary.parent)
        return self._journal

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
            self._journal = None


class _JournalHead(BaseModel):
    format_version: int
    lineage: str
    serial: int


class _JournalLine(BaseModel):
    room_arn: str
    user_id: str
    record: PlainRecord | None


class _HolderFile(BaseModel):
    operation: str
    user: str
    host: str
    pid: int
    since: datetime


_JOURNAL_LINE: Final = TypeAdapter(_JournalLine)
_HOLDER: Final = TypeAdapter(_HolderFile)


def _journal_line(key: BanKey, record: Record | None) -> str:
    plain = None if record is None else record_to_plain(record)
    return json.dumps({"room_arn": key.room_arn, "user_id": key.user_id, "record": plain}) + "\n"


def _change(line: _JournalLine) -> tuple[BanKey, Record | None]:
    return BanKey(line.room_arn, line.user_id), None if line.record is None else record_from_plain(line.record)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError) -> str:
    return error.strerror or str(error)
