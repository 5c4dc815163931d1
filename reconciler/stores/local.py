"""The state in a local file, with three files beside it.

- `bans.state.json`: the state. It is replaced as a whole and never changed in place.
- `bans.state.json.backup`: the generation before.
- `bans.state.json.journal`: what a run has recorded since the state was written; see `reconciler.stores.journal`.
- `bans.state.json.lock`: an OS lock that dies with its process. The file says who holds it, and stays (not on Windows).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import operating_system
from reconciler.atomic import TEMPORARY, replace_file
from reconciler.errors import (
    StateChanged,
    StateDamaged,
    StateError,
    StateLocked,
    StateTooNew,
    StateUnreadable,
    StateUnwritable,
)
from reconciler.operating_system import command_line, note_in_lock, read_in_lock, replace
from reconciler.reading import MEBIBYTE, read_regular_file
from reconciler.state import file as state_file
from reconciler.state.value import State
from reconciler.stores import holder
from reconciler.stores.holder import Holder
from reconciler.stores.journal import Journal
from reconciler.stores.session import Session
from reconciler.stores.store import Store

_LOCK_POLL: Final = 0.05  # seconds
_READ_TRIES: Final = 10

_FileId = tuple[int, int, int] | None
"""Identifies the content of a file: inode, size and time of the last change; None for no file."""


class LocalStore(Store[_FileId]):
    """A state in a file.

    Args:
        location: its path.
        warn: told when the journal of an interrupted run has to be left aside.
    """

    def __init__(self, location: str, warn: Callable[[str], object], profile: str | None = None) -> None:
        super().__init__(location, warn, profile)
        try:
            # If this is a symbolic link, the file behind it is replaced, not the link.
            self._path = Path(os.path.realpath(location))
            self._backup = self._beside(".backup")
            self._lock = self._beside(".lock")
        except (OSError, ValueError) as error:  # "/", a NUL character, a folder that is gone
            raise StateUnreadable(f"{location}: the state cannot be kept there: {error}") from error

    @property
    @override
    def absolute(self) -> str:
        return os.path.abspath(self.location)

    @override
    def read(self) -> State:
        for _ in range(_READ_TRIES):
            before = self._file_id()
            state = super().read()
            if self._file_id() == before:  # else an apply has saved in between, and the two may not belong together
                break
        return state

    @override
    @contextmanager
    def locked(self, who: Holder, timeout: float, lineage: str) -> Iterator[Session[_FileId]]:
        from filelock import FileLock, Timeout  # noqa: PLC0415 - reading needs no lock, and importing it costs

        folder = str(self._path.parent)
        if not os.path.isdir(folder):  # filelock would make it, and a mistyped path would be a new, empty state
            raise StateUnwritable(
                f"{self.location}: there is no folder {folder} to write the state to", private=[self.location, folder]
            )
        lock = FileLock(self._lock, timeout=timeout, poll_interval=_LOCK_POLL)
        try:
            lock.acquire()
        except Timeout as error:
            raise StateLocked(self._who_holds_it()) from error
        except OSError as error:
            raise self._unwritable(self._lock, error) from error
        try:
            self._write_holder(who)
            with Session(
                self, self.journal(), lineage, journal_stays=True, recovery_folders=[self._path.parent]
            ) as session:
                yield session
        finally:
            lock.release()

    @override
    def force_unlock(self, lock_id: str) -> Holder:
        raise StateError(
            f"{self.location} is a local file: its lock ends with the process that holds it, so there is no lock"
            f" {lock_id} to remove.",
            private=[lock_id],
        )

    @override
    def load(self) -> tuple[State, _FileId]:
        before = self._file_id()
        try:
            return state_file.loads(read_regular_file(self._path)), before
        except FileNotFoundError as error:
            if os.path.exists(self._backup):
                raise StateDamaged(
                    f"There is no {self.location}, but there is {self._backup}, so there was one. Put that back with"
                    f" `{self._put_back()}`, or the last good one from git. To start over, and disconnect everybody in"
                    " the list again, remove the backup too."
                ) from error
            return State(), None
        except OSError as error:
            raise StateUnreadable(
                f"{self.location}: the state cannot be read: {error.strerror}", private=[self.location]
            ) from error
        except StateDamaged as error:
            raise StateDamaged(f"{self.location} is not a state file: {error}. {self._way_out()}") from error
        except StateTooNew as error:
            raise StateTooNew(f"{self.location}: {error}. Upgrade reconciler, and run it again.") from error

    @override
    def replace(self, state: State, version: _FileId) -> _FileId:
        """See `Store.replace`. The previous generation is kept as the backup."""
        if self._file_id() != version:
            raise StateChanged(f"{self.location} was changed by somebody else during this run, and is left as it is.")
        try:
            self._keep_backup()
            replace_file(self._path, state_file.dumps(state))
        except OSError as error:
            raise self._unwritable(self._path, error) from error
        return self._file_id()

    def _keep_backup(self) -> None:
        """Give the generation that is about to be replaced a second name. Raises OSError."""
        temporary = self._beside(f".backup{TEMPORARY}")
        try:
            temporary.unlink(missing_ok=True)
            temporary.hardlink_to(self._path)
            replace(temporary, self._backup)
            temporary.unlink(missing_ok=True)  # if both were names of one file already, replacing did nothing
        except FileNotFoundError:
            return  # there is none yet
        except OSError:  # a file system without hard links
            replace_file(self._backup, read_regular_file(self._path))

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    @override
    def journal(self) -> Journal:
        return Journal(self._beside(".journal"))

    def _file_id(self) -> _FileId:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _way_out(self) -> str:
        if os.path.exists(self._backup):
            return (
                f"The previous generation is {self._backup}. Look at both. `{self._put_back()}` puts the previous one"
                " back: users who were banned after it was written are then disconnected once more. Do not just delete"
                " the state, or everybody in the list will be disconnected again."
            )
        return (
            f"There is no {self._backup.name} beside it. Take the last good one from git or from a copy."
            " Do not just delete the state, or everybody in the list will be disconnected again."
        )

    def _put_back(self) -> str:
        """The command that puts the backup back."""
        return command_line(["copy" if operating_system.WINDOWS else "cp", str(self._backup), self.absolute])

    def _write_holder(self, who: Holder) -> None:
        with suppress(OSError):  # it only tells others who we are
            note_in_lock(self._lock, holder.dumps(who))

    def _who_holds_it(self) -> str:
        try:
            who = str(holder.loads(read_in_lock(self._lock, MEBIBYTE)))
        except (OSError, ValueError):
            who = "another run"
        return f"{self.location} is locked by {who}. Wait for it to end, or give --lock-timeout to wait here."

    def _unwritable(self, path: Path, error: OSError) -> StateUnwritable:
        why = f"{path.name}: {error.strerror or error}"
        if isinstance(error, PermissionError):
            why += f"; the user who runs this must be allowed to write in {path.parent}"
        return StateUnwritable(f"{self.location}: the state cannot be written ({why}).")
