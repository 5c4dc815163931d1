"""A denylist in a local file, with a lock beside it.

- `denylist.json`: the document. It is replaced as a whole and never changed in place: readers need no lock.
- `denylist.json.lock`: an OS lock that dies with its process, held while the document is read, changed and replaced.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from typing_extensions import override  # in typing since Python 3.12

from reconciler.atomic import replace_file
from reconciler.errors import DenylistUnreadable, DenylistUnwritable
from reconciler.operating_system import open_to_read, sync_folder
from reconciler.publishers.document import DocumentPublisher, Overtaken
from reconciler.publishers.publisher import Means

LOCK_TIMEOUT: Final = 30.0  # seconds; with a million bans a change takes some eight
_LOCK_POLL: Final = 0.05

_FileId = tuple[int, int, int] | None
"""Identifies the content of a file: inode, size and time of the last change; None for no file."""


class FilePublisher(DocumentPublisher[_FileId]):
    """Publishes a denylist in a file.

    Args:
        location: its path.
    """

    def __init__(self, location: str, name: str, means: Means) -> None:
        super().__init__(location, name, means)
        try:
            # If this is a symbolic link, the file behind it is replaced, not the link.
            self._path = Path(os.path.realpath(location))
            self._lock = self._path.with_name(self._path.name + ".lock")
        except (OSError, ValueError) as error:  # "/", a NUL character, a folder that is gone
            raise DenylistUnreadable(f"{location}: a denylist cannot be kept there: {error}") from error

    @override
    def _load(self, known: _FileId | None) -> tuple[bytes | None, _FileId]:
        try:
            descriptor = open_to_read(self._path)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if stat.S_ISREG(status.st_mode):
                    version = _id_of(status)
                    if version == known:
                        return None, version
                    self._require_size(status.st_size)
                    return file.read(status.st_size), version
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise DenylistUnreadable(f"{self.location} cannot be read: {error.strerror or error}.") from error
        raise DenylistUnreadable(f"{self.location} cannot be read: it is not a file.")  # a device has no end

    @override
    def _replace(self, content: bytes, version: _FileId) -> _FileId:
        try:
            self._check(version)
            replace_file(self._path, content)
            return self._there()
        except OSError as error:
            raise self._unwritable(error) from error

    @override
    def _delete(self, version: _FileId) -> None:
        try:
            self._check(version)
            self._path.unlink(missing_ok=True)
            sync_folder(self._path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _check(self, version: _FileId) -> None:
        """Notice an editor, or whoever else writes without the lock. Raises Overtaken and OSError."""
        if self._there() != version:
            raise Overtaken

    def _there(self) -> _FileId:
        """What stands there, asked as `_load` does: Windows may say another time of the name than of the file."""
        try:
            descriptor = open_to_read(self._path)
        except FileNotFoundError:
            return None
        try:
            return _id_of(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    @override
    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder = self._path.parent
        if not folder.is_dir():  # filelock would make it, and a mistyped path would be a denylist that nobody reads
            raise DenylistUnwritable(f"{self.location} cannot be written: there is no folder {folder}.")
        lock = FileLock(self._lock, blocking=False)
        for _ in range(round(LOCK_TIMEOUT / _LOCK_POLL)):
            try:
                lock.acquire()
            except Timeout:
                self._pause(_LOCK_POLL)
            except OSError as error:
                raise self._unwritable(error) from error
            else:
                break
        else:
            raise DenylistUnwritable(
                f"{self.location} cannot be written: another process has held {self._lock} for {LOCK_TIMEOUT:.0f} s."
            )
        try:
            yield
        finally:
            lock.release()

    def _unwritable(self, error: OSError) -> DenylistUnwritable:
        advice = ""
        if isinstance(error, PermissionError):
            advice = f" Let the user who runs this write in {self._path.parent}."
        return DenylistUnwritable(f"{self.location} cannot be written: {error.strerror or error}.{advice}")


def _id_of(status: os.stat_result) -> _FileId:
    return status.st_ino, status.st_size, status.st_mtime_ns
