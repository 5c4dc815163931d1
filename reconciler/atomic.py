"""Replaces files as a whole: at every moment, even after a crash, there is either the old one or the new one."""

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

TEMPORARY: Final = ".reconciler.tmp"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole and durably, and keep its mode.

    Raises:
        OSError: it was not written; the old one is as it was.
    """
    temporary, file = new_file(path)
    try:
        with file:
            write(file, content)
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def new_file(path: Path) -> tuple[Path, BinaryIO]:
    """A new, empty file beside `path`, to be renamed to it.

    Removes what an earlier run left under its name, and follows no link of that name: whoever can put one there must
    not choose what we write over.

    Raises:
        OSError: it cannot be made.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return temporary, os.fdopen(descriptor, "wb", buffering=0)


def write(file: BinaryIO, content: bytes) -> None:
    """Write all of it, in as many steps as the system needs. Raises OSError."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file.fileno(), rest) :]


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
