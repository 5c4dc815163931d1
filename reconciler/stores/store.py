"""The place of one state. A store reads it, locks it, and replaces it as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.state.value import State
from reconciler.stores.holder import Holder

if TYPE_CHECKING:
    from reconciler.stores.journal import Journal

Version = TypeVar("Version")  # identifies exactly one content of a place


class Store(ABC, Generic[Version]):
    """A place for a state.

    Args:
        location: as people name it.
        warn: told what people should know though it is no error.
        profile: of the AWS configuration, for a place on AWS.

    Raises:
        StateUnreadable: there can be no state at this location.
    """

    def __init__(self, location: str, warn: Callable[[str], object], profile: str | None = None) -> None:
        self.location = location
        self.warn = warn
        self.profile = profile

    @property
    def absolute(self) -> str:
        """The location, named so that it can be found from any folder: for commands that a message offers."""
        return self.location

    def read(self) -> State:
        """The state, with what an interrupted run has recorded; nothing is written. No state at all is an empty one.

        Raises:
            StateUnreadable: it cannot be opened.
            StateDamaged: it is not a state, or what is recorded beside it does not belong to it.
            StateTooNew: a later version wrote it.
        """
        loaded, _ = self.load()
        state, changes, aside = self.journal().read(loaded)
        if aside is not None:
            self.warn(aside)
        return state.after(changes.items()) if changes else state

    @abstractmethod
    def locked(self, who: Holder, timeout: float, lineage: str) -> AbstractContextManager[Any]:
        """Hold the state for changes; no other run can meanwhile. What it yields is a `Session`.

        Args:
            who: we are.
            timeout: seconds to wait for another holder; 0 is not to wait.
            lineage: a fresh UUID, used if there is no state yet.

        Raises:
            StateLocked: another run holds it; the message says who.
            StateUnwritable: it could not be locked.
            StateError: as in `read`.
        """

    def held_by(self) -> Holder | None:
        """Who holds a lock that outlives its process; None if nobody does, or there is no such lock here.

        Raises:
            StateUnreadable: it cannot be found out.
        """
        return None

    @abstractmethod
    def force_unlock(self, lock_id: str) -> Holder:
        """Remove a lock that nobody holds any more.

        Returns:
            Who held it.

        Raises:
            StateLocked: it is another lock by now.
            StateError: there is no lock to remove, or the place does not answer.
        """

    @abstractmethod
    def load(self) -> tuple[State, Version]:
        """The state without its journal, and the version of the place. Raises StateError."""

    @abstractmethod
    def replace(self, state: State, version: Version) -> Version:
        """Write the next generation if the place still has `version`.

        Raises:
            StateUnwritable: it could not be written, or the place has another version by now.
        """

    @abstractmethod
    def journal(self) -> "Journal":
        """What a run records until it is in the state."""
