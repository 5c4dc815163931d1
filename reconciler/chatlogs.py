"""Where chat logs are: in files, in folders, on S3, or on standard input."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from errno import ENOENT
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from reconciler.errors import LogUnreadable
from reconciler.reading import pieces_of, pieces_of_file

if TYPE_CHECKING:
    from reconciler.aws.objects import Object

STDIN: Final = "-"
_S3: Final = "s3://"
# What an export writes to see whether it may (Amazon CloudWatch Logs User Guide, "Export log data to Amazon S3").
_TEST: Final = "aws-logs-write-test"


@dataclass(frozen=True, slots=True)
class Log:
    """A log that has not been read yet.

    Attributes:
        name: what people call it: a path, or `s3://BUCKET/KEY`.
        place: its whole path or key, which may tell the room.
        pieces: its content, when asked for; raises OSError, or LogUnreadable.
        asked_for: whether somebody named this very log, and not a folder that it is in.
    """

    name: str
    place: str
    pieces: Callable[[], Iterator[bytes]]
    asked_for: bool


def logs_at(location: str, *, since: datetime | None = None, profile: str | None = None) -> Iterator[Log]:
    """The logs at a location, in the order of their names.

    In folders, hidden files and whatever is no file are passed over, and links to other folders are not followed.

    Args:
        location: a file, a folder, `s3://BUCKET/PREFIX` or `-`.
        since: objects that were last written before that are passed over.
        profile: of the AWS configuration.

    Raises:
        LogUnreadable: nothing is there, or it cannot be listed.
    """
    if location == STDIN:
        yield Log("standard input", "", partial(pieces_of, 0), asked_for=True)
    elif location.startswith(_S3):
        yield from _objects(location, since, profile)
    elif os.path.isdir(location):
        for path in _below(location):
            yield Log(path, os.path.abspath(path), partial(pieces_of_file, path), asked_for=False)
    elif not os.path.lexists(location):
        raise LogUnreadable(f"{location} cannot be read: {os.strerror(ENOENT)}.", private=[location])
    else:
        yield Log(location, os.path.abspath(location), partial(pieces_of_file, location, pipe=True), asked_for=True)


def _objects(location: str, since: datetime | None, profile: str | None) -> Iterator[Log]:
    objects = import_module("reconciler.aws.objects").Objects(location, profile)  # boto3 takes long to import

    def wanted(listed: "Object") -> bool:
        old = since is not None and listed.modified < since
        return bool(listed.size) and not old and listed.key.rpartition("/")[2] != _TEST

    for listed, pieces in objects.contents(wanted):
        yield Log(objects.url(listed), listed.key, pieces, asked_for=listed.key == objects.prefix)


def _below(folder: str) -> Iterator[str]:
    """The files in a folder and the folders below it."""
    todo = [folder]
    while todo:
        path = todo.pop()
        if path != folder and not _is_folder(path):
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                found = [
                    entry.path
                    for entry in entries
                    if not entry.name.startswith(".") and (entry.is_dir(follow_symlinks=False) or entry.is_file())
                ]
        except OSError as error:
            raise LogUnreadable(f"{path} cannot be read: {error.strerror}", private=[path]) from error
        todo += sorted(found, reverse=True)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)
