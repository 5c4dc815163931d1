"""Where a state is kept. A store reads it, locks it, and makes changes to it durable one group at a time."""

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Final, Protocol

from reconciler.bans import BanKey, Record
from reconciler.errors import StateUnreadable
from reconciler.state.value import State
from reconciler.stores.holder import Holder


class Session(Protocol):
    """A locked state that is being changed."""

    @property
    def state(self) -> State:
        """The state as it is now, with everything kept so far, saved or not."""

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """Put records in, or with None take them out. They survive a crash from the moment this returns.

        Raises:
            StateUnwritable: they could not be made durable.
        """

    def save(self) -> None:
        """Write everything kept so far as the next generation of the state, if there is anything.

        Raises:
            StateUnwritable: it could not be written; everything kept is still there for the next run.
        """

    def push(self, state: State) -> None:
        """Replace the state by a later generation of it, made elsewhere.

        Raises:
            PushRefused: `state` is of another lineage, or not later.
            StateUnwritable: it could not be written.
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

    def locked(self, who: Holder, timeout: float, lineage: str) -> AbstractContextManager[Session]:
        """Hold the state for changes; no other run can meanwhile.

        Args:
            who: we are.
            timeout: seconds to wait for another holder; 0 is not to wait.
            lineage: a fresh UUID, used if there is no state yet.

        Raises:
            StateLocked: another run holds it; the message says who.
            StateUnwritable: it could not be locked.
            StateError: as in `read`.
        """

    def force_unlock(self, lock_id: str) -> Holder:
        """Remove a lock that nobody holds any more.

        Returns:
            Who held it.

        Raises:
            StateLocked: it is another lock by now.
            StateError: there is no lock to remove, or the place does not answer.
        """


_STORES: Final = {"s3": "s3:S3Store", "": "local:LocalStore"}  # by scheme; S3 needs boto3, which takes long to import


def open_store(location: str, warn: Callable[[str], object] = warnings.warn, *, profile: str | None = None) -> Store:
    """The store at a location.

    Args:
        location: a path, or `s3://BUCKET/KEY`.
        warn: told what people should know though it is no error.
        profile: of the AWS configuration, for S3.

    Raises:
        StateUnreadable: there can be no state at this location.
    """
    scheme, separator, _ = location.partition("://")
    if not separator or not scheme.isalnum():
        scheme = ""
    if scheme not in _STORES:
        raise StateUnreadable(f"{location}: {scheme}:// is not a place for the state; use a path or s3://BUCKET/KEY")
    module, _, name = _STORES[scheme].partition(":")
    store: Callable[..., Store] = getattr(import_module(f"{__name__}.{module}"), name)
    return store(location, warn, **({"profile": profile} if scheme else {}))


def load_state(location: str | os.PathLike[str]) -> State:
    """The state at a location, ready for `diff`.

    Args:
        location: a path, or `s3://BUCKET/KEY`; where there is none yet, the state is empty.

    Raises:
        StateError: it cannot be read, or is not a state.
    """
    return open_store(os.fspath(location)).read()
