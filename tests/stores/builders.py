"""States on disk for tests: short to write, and to leave behind as a killed run does."""

import errno
from pathlib import Path

from reconciler import Ban, BanKey, Record, State
from reconciler.state import file as state
from reconciler.stores.holder import Holder
from reconciler.stores.journal import Journal
from reconciler.stores.local import LocalStore
from reconciler.stores.session import Session
from tests.builders import LINEAGE, LOBBY, NOW

warned: list[str] = []
HOLDER = Holder("apply", "alice", "build-7", 4242, NOW)
A, B, C = BanKey(LOBBY, "a"), BanKey(LOBBY, "b"), BanKey(LOBBY, "c")
RECORD = Record(Ban("Spam"), NOW, "id")


def store(path: Path) -> LocalStore:
    return LocalStore(str(path), warn=warned.append)


def kill_after_recording(path: Path, *changes: tuple[BanKey, Record | None], lineage: str = LINEAGE) -> None:
    """What a process leaves behind that records this and is killed before it saves."""
    journal = Journal(beside(path, ".journal"))
    with Session(store(path), journal, lineage, journal_stays=True, recovery_folders=[]) as session:
        session.keep(changes)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def write(path: Path, content: State) -> None:
    path.write_bytes(state.dumps(content))


def full_disk(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")
