"""Where a state is kept. A store reads it, locks it, and makes changes to it durable one group at a time."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reconciler.bans import BanKey, Record
from reconciler.errors import StateUnreadable
from reconciler.state import State


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, for the person whose run it keeps waiting.

    Attributes:
        operation: what it is doing, such as `apply`.
        user: the login name.
        host: the machine.
        pid: the process.
        since: aware, in UTC.
    """

    operation: str
    user: str
    host: str
    pid: int
    since: datetime


class Session(Protocol):
    """A locked state that is being changed."""

    @property
    def state(self) -> State:
        """The state as it is now, with everything recorded so far that is saved or not."""

    def record(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """Put records in, or with None take them out. They survive a crash from the moment this returns.

        Raises:
            StateUnwritable: they could not be made durable.
        """

    def save(self) -> None:
        """Write everything recorded so far as the next generation of the state, if anything was.

        Raises:
            StateUnwritable: it could not be written; what was recorded is still there for the next run.
        """


class Store(Protocol):
    """The place of one state."""

    @property
    def location(self) -> str:
        """As people name it."""

    def read(self) -> State:
        """The state, with what an interrupted run has recorded; nothing is written. No state at all is an empty one.

        Raises:
            StateUnreadable: it cannot be opened.
            StateDamaged: it is not a state, or what is recorded beside it does not belong to it.
            StateTooNew: a later version wrote it.
        """

    def locked(self, holder: Holder, timeout: float, lineage: str) -> AbstractContextManager[Session]:
        """Hold the state for changes; no other run can meanwhile.

        Args:
            holder: who we are.
            timeout: seconds to wait for another holder; 0 is not to wait.
            lineage: a fresh UUID, used if there is no state yet.

        Raises:
            StateLocked: another run holds it; the message says who.
            StateUnwritable: it could not be locked.
            StateError: as in `read`.
        """


def open_store(location: str, warn: Callable[[str], object] = warnings.warn) -> Store:
    """The store at a location.

    Args:
        location: a path.
        warn: told what people should know though it is no error.

    Raises:
        StateUnreadable: it is not a location that we know.
    """
    from reconciler.stores.local import LocalStore  # noqa: PLC0415 - it implements the protocols above

    scheme, colon, _ = location.partition("://")
    if colon and scheme.isalnum():
        raise StateUnreadable(f"{location}: {scheme}:// is not supported as a place for the state; use a path")
    return LocalStore(location, warn)


def load_state(location: str) -> State:
    """The state at a location, ready for `diff`.

    Args:
        location: a path; a missing file is an empty state.

    Raises:
        StateError: it cannot be read, or is not a state.
    """
    return open_store(location).read()
