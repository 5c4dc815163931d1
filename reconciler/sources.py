"""Where ban lists come from: files."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reconciler import banlist
from reconciler.banlist import BanList
from reconciler.errors import BanListUnreadable


def load_ban_list(path: str | os.PathLike[str]) -> BanList:
    """Read a ban list from a file.

    Args:
        path: the file; messages and plans name it as it is written here.

    Raises:
        BanListUnreadable: it cannot be opened.
        BanListInvalid: with every problem in it.
    """
    name = os.fspath(path)
    try:
        content = Path(name).read_bytes()
    except FileNotFoundError as error:
        raise BanListUnreadable(
            f"{name}: there is no such file. Name the ban list with -f, or run this where it is."
        ) from error
    except (OSError, ValueError) as error:
        raise BanListUnreadable(f"{name}: the ban list cannot be read: {getattr(error, 'strerror', error)}") from error
    return banlist.parse(content, name)


def contents(paths: Iterable[str]) -> dict[str, bytes]:
    """The content of files, to show what stands in them; what cannot be read any more is left out."""
    found = {}
    for path in dict.fromkeys(paths):
        with suppress(OSError, ValueError):
            found[path] = Path(path).read_bytes()
    return found
