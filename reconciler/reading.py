"""Reads files, but none that has no end, and none that never answers."""

import errno
import os
import select
import stat
from collections.abc import Iterator
from functools import partial
from typing import Final

from reconciler.operating_system import open_to_read

MEBIBYTE: Final = 2**20
MAX_LIST: Final = 512 * MEBIBYTE  # bytes; two million bans, the most that a list may hold, take half of that
MAX_OWN: Final = 2048 * MEBIBYTE  # bytes of what this program writes itself; for two million bans it writes less

_WRITER: Final = 10.0  # seconds to wait until somebody opens the other end of a pipe
_SILENCE: Final = 300.0  # seconds to wait for more from somebody who has
_PIECE: Final = MEBIBYTE


def read_regular_file(path: str | os.PathLike[str], most: int = MAX_OWN) -> bytes:
    """The content of a regular file.

    What was opened is looked at, not the path, which may lead elsewhere a moment later. Whatever else may stand there
    (a pipe, a device, a socket) is opened without waiting, and refused.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: it cannot be read, is not a regular file, or is larger.
        ValueError: there can be no file of this name.
    """
    descriptor = open_to_read(path)
    try:
        return _read_regular(descriptor, most)
    finally:
        os.close(descriptor)


def read_beginning(path: str | os.PathLike[str], most: int) -> bytes:
    """At most so many bytes of a regular file. Raises as `read_regular_file`."""
    descriptor = open_to_read(path)
    try:
        _regular(descriptor)
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def read_file_or_pipe(path: str | os.PathLike[str], most: int = MAX_OWN) -> bytes:
    """The content of a regular file, or what comes out of a pipe until its writer closes it.

    So `generate | reconciler validate -f /dev/stdin` works, and `-f <(generate)`.

    Args:
        path: the file or pipe.
        most: how many bytes it may have.

    Raises:
        OSError: as `read_regular_file`; or nobody writes to the pipe, or nothing comes out of it for a long time.
        ValueError: there can be no file of this name.
    """
    descriptor = open_to_read(path)
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return _read_pipe(descriptor, most)
        return _read_regular(descriptor, most)
    finally:
        os.close(descriptor)


def pieces_of_file(path: str | os.PathLike[str], *, pipe: bool = False) -> Iterator[bytes]:
    """The content of a regular file in pieces of at most 1 MiB, however large it is.

    Args:
        path: the file.
        pipe: whether it may be a pipe, as for `read_file_or_pipe`.

    Raises:
        OSError: as `read_file_or_pipe`, in the middle too.
        ValueError: there can be no file of this name.
    """
    descriptor = open_to_read(path)
    try:
        if pipe and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            yield from iter(partial(_next_piece, descriptor), b"")
        else:
            _regular(descriptor)
            yield from pieces_of(descriptor)
    finally:
        os.close(descriptor)


def pieces_of(descriptor: int) -> Iterator[bytes]:
    """What comes out of an open file, in pieces of at most 1 MiB. Raises OSError."""
    return iter(partial(os.read, descriptor, _PIECE), b"")


def _regular(descriptor: int) -> os.stat_result:
    """The status of an open file. Raises OSError if it is not a regular one."""
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a file")
    return status


def _read_regular(descriptor: int, most: int) -> bytes:
    expected = _regular(descriptor).st_size
    if expected > most:
        raise _too_large(most)
    pieces, size = [], 0
    while piece := os.read(descriptor, max(expected - size, _PIECE)):
        pieces.append(piece)
        size += len(piece)
        if size > most:  # it grows, or its size says nothing, as in /proc
            raise _too_large(most)
    return b"".join(pieces)


def _read_pipe(descriptor: int, most: int) -> bytes:
    pieces, size = [], 0
    while piece := _next_piece(descriptor):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise _too_large(most)
    return b"".join(pieces)


def _next_piece(descriptor: int) -> bytes:
    """What comes next; empty at the end."""
    if not hasattr(select, "poll"):  # Windows could only wait for ever
        raise OSError(errno.EINVAL, "it is a pipe, which cannot be read on this system; name a file")
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    waited = 0.0
    while not poll.poll(_WRITER * 1000):
        waited += _WRITER
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:  # somebody holds the other end open
            if waited >= _SILENCE:
                raise OSError(errno.ETIMEDOUT, f"nothing came out of the pipe for {_SILENCE:.0f} s") from None
        else:
            if piece:
                return piece
            raise OSError(errno.ETIMEDOUT, "it is a pipe, and nobody writes to it")
    return os.read(descriptor, _PIECE)


def _too_large(most: int) -> OSError:
    return OSError(errno.EFBIG, f"it is larger than {most // MEBIBYTE:,} MiB")
