"""Replaces files as a whole: at every moment, even after a crash, there is either the old one or the new one."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

from reconciler import operating_system

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
            operating_system.keep_mode(file.fileno(), path)
            os.fsync(file.fileno())
        operating_system.replace(temporary, path)
        operating_system.sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_together(new: Mapping[Path, bytes], replaced: Mapping[Path, bytes]) -> None:
    """Write several files, each as a whole, and folders for the new ones: all of them, or none if that fails.

    The new ones are put on disk first, and get their names one right after the other, in this order.

    Args:
        new: files that must not exist yet.
        replaced: files that exist, with what is to stand in them.

    Raises:
        FileExistsError: one of the new ones is there already; it stays as it is.
        OSError: one of them was not written.
    """
    with ExitStack() as undoing, ExitStack() as written:
        temporaries = {}
        for path, content in new.items():
            for folder in reversed([folder for folder in path.parents if not folder.exists()]):
                folder.mkdir()
                undoing.callback(folder.rmdir)
            temporaries[path] = written.enter_context(_written(path, content))
        for path, content in replaced.items():
            before = path.read_bytes()
            replace_file(path, content)
            undoing.callback(replace_file, path, before)
        for path, temporary in temporaries.items():
            path.hardlink_to(temporary)  # unlike a rename, it fails if there is such a file by now
            undoing.callback(path.unlink)
            operating_system.sync_folder(path.parent)
        undoing.pop_all()


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path`, under a name of its own, for as long as this lasts. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{token_hex(8)}{TEMPORARY}")
    try:
        descriptor = operating_system.open_new(temporary)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            write(file, content)
            os.fsync(descriptor)
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()


def new_file(path: Path) -> tuple[Path, BinaryIO]:
    """A new, empty file beside `path`, to be renamed to it.

    Removes what an earlier run left under its name, and follows no link of that name: whoever can put one there must
    not choose what we write over.

    Raises:
        OSError: it cannot be made.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    descriptor = operating_system.open_new(temporary)
    return temporary, os.fdopen(descriptor, "wb", buffering=0)


def write(file: BinaryIO, content: bytes) -> None:
    """Write all of it, in as many steps as the system needs. Raises OSError."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file.fileno(), rest) :]
