"""What differs between Linux, macOS and Windows: how files are opened, renamed and locked, and what ends a program.

Everything else is the same on all of them. What a system has is asked of Python (`hasattr`); what it has under the same
name but does otherwise is asked of `WINDOWS`.
"""

import errno
import os
import re
import shlex
import signal
import stat
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

try:
    import fcntl as _fcntl
except ImportError:  # on Windows
    _locks: Any = None
else:
    _locks = _fcntl

WINDOWS: Final = os.name == "nt"

_PATIENCE: Final = 5.0  # seconds in which whoever reads a file, or looks for viruses in it, lets go of it
_POLL: Final = 0.02

# A child process gets no descriptor of ours, and a file is bytes: without O_BINARY, Windows changes line breaks and
# takes Ctrl-Z for the end.
_OURS: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_BINARY", 0)
# A pipe that nobody writes to, or reads, is not waited for; a terminal does not become ours.
_AT_ONCE: Final = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)

ENDING: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""The signals by which somebody ends a program: Ctrl-C, a supervisor, and on Windows Ctrl-Break."""


# Files ---------------------------------------------------------------------------------------------------------------


def open_to_read(path: str | os.PathLike[str]) -> int:
    """A descriptor to read from, without waiting, whatever stands there.

    Raises:
        OSError: it cannot be opened; IsADirectoryError for a folder, where that cannot be opened.
        ValueError: there can be no file of this name.
    """
    try:
        return os.open(path, os.O_RDONLY | _AT_ONCE | _OURS)
    except PermissionError as error:
        if WINDOWS and os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path)) from error
        raise


def open_to_write(path: str | os.PathLike[str]) -> int:
    """A descriptor to write to what stands there already, such as a pipe, without waiting for its reader.

    Raises:
        OSError: it cannot be opened, or nobody reads it.
    """
    return os.open(path, os.O_WRONLY | _AT_ONCE | _OURS)


def open_new(path: str | os.PathLike[str]) -> int:
    """A descriptor to write to a new file. Raises OSError if anything stands there already, also a link to nowhere."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | _OURS, 0o666)


def blocks(descriptor: int) -> None:
    """Let writing wait until there is room. Raises OSError."""
    if hasattr(os, "set_blocking"):  # on Windows since Python 3.12; nothing is opened otherwise there
        os.set_blocking(descriptor, True)


def keep_mode(descriptor: int, path: Path) -> None:
    """Give a file the mode of another, if that exists. On Windows, a file has what its folder says. Raises OSError."""
    if hasattr(os, "fchmod") and not WINDOWS:
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode) & 0o777)


def replace(temporary: Path, path: Path) -> None:
    """Give a file the name of another, which is gone then.

    Windows refuses that while somebody has the other one open (MoveFileEx needs FILE_SHARE_DELETE), and virus scanners
    open whatever is new: they get a few seconds.

    Raises:
        OSError: it was not done.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            temporary.replace(path)
        except PermissionError:
            if not WINDOWS or path.is_dir() or time.monotonic() > deadline:
                raise
            time.sleep(_POLL)
        else:
            return


def replace_with_open(file: BinaryIO, temporary: Path, path: Path) -> BinaryIO:
    """Give a file that is being written the name of another, and go on writing.

    Returns:
        What to write to from now on: the same file, opened again on Windows, where an open one keeps its name.

    Raises:
        OSError: it was not done.
    """
    if not WINDOWS:
        replace(temporary, path)
        return file
    file.close()
    replace(temporary, path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | _OURS), "ab", buffering=0)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable. Windows opens no folder; there, its file system keeps them in its own journal.

    Raises:
        OSError: they may not be.
    """
    if WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Locks ---------------------------------------------------------------------------------------------------------------


def lock_itself(descriptor: int) -> bool | None:
    """Try to lock an open file, until it is closed; whoever reads it does not notice.

    Returns:
        Whether it is locked; None where a lock keeps readers out (Windows), or there is none.

    Raises:
        OSError: the file system has no locks.
    """
    if _locks is None:
        return None
    try:
        _locks.flock(descriptor, _locks.LOCK_EX | _locks.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked_bytes() -> int:
    """How many bytes at the beginning of a lock nobody else can read: filelock locks the first one on Windows."""
    return 1 if WINDOWS else 0


def note_in_lock(path: Path, text: str) -> None:
    """Write into a lock that this process holds, for others to read. Raises OSError."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | _NO_LINK | _OURS, 0o666), "wb", buffering=0) as file:
        file.seek(_locked_bytes())
        file.write(text.encode())
        file.truncate()


def read_in_lock(path: Path, most: int) -> bytes:
    """At most so many bytes of what its holder wrote into a lock. Raises OSError."""
    with os.fdopen(open_to_read(path), "rb", buffering=0) as file:
        file.seek(_locked_bytes())
        return file.read(most)


# Programs ------------------------------------------------------------------------------------------------------------


def program(name: str) -> str:
    """What to start for a program of the machine.

    Windows would look into the current folder first (CreateProcess), where a repository may have put one of that name.

    Raises:
        FileNotFoundError: there is none.
    """
    if not WINDOWS:
        return name
    for folder in os.get_exec_path():
        path = os.path.join(folder, f"{name}.exe")
        if os.path.isabs(folder) and os.path.isfile(path):
            return path
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def command_line(words: Sequence[str]) -> str:
    """A command as people can copy it into their shell, whatever is in its words; on Windows that is PowerShell."""
    return " ".join(map(word, words))


def word(text: str) -> str:
    """A word of a command, in quotes if it needs them."""
    if not WINDOWS:
        return shlex.quote(text)
    # Within single quotes, PowerShell takes everything as it is but these quotes, of which two are one.
    return text if _PLAIN_WORD.fullmatch(text) else "'" + _QUOTE.sub(r"\g<0>\g<0>", text) + "'"


_PLAIN_WORD: Final = re.compile(r"[A-Za-z0-9_./:\\=+-]+")
_QUOTE: Final = re.compile("['\u2018\u2019\u201a\u201b]")


def exit_code(number: int) -> int:
    """The exit code of a program that a signal ended: 130 for Ctrl-C, and for Ctrl-Break."""
    return 128 + (signal.SIGINT if number not in (signal.SIGINT, signal.SIGTERM) else number)


def may_open_many_files() -> None:
    """Let this process have as many files open at once as it may. Windows knows no such limit."""
    with suppress(ImportError):
        resource: Any = import_module("resource")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # macOS says that there is no limit, and takes no more than OPEN_MAX (setrlimit(2)).
        for limit in (most, _OPEN_MAX):
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
                return


_OPEN_MAX: Final = 10_240


# Paths ---------------------------------------------------------------------------------------------------------------


def with_slashes(path: str) -> str:
    r"""A path as Linux writes it, which Windows takes too: plans and reports look the same everywhere.

    Device paths, which begin with `\\?\` or `\\.\`, have to stay as they are.
    """
    return path.replace("\\", "/") if WINDOWS and not path.startswith(("\\\\?\\", "\\\\.\\")) else path
