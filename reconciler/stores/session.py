"""A locked state while it changes: records go to the journal first, and to the state itself now and then."""

import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final, Generic, Protocol, Self, TypeVar

from reconciler.bans import BanKey, Record
from reconciler.errors import PushRefused, StateChanged, StateError, StateUnwritable
from reconciler.state import file as state_file
from reconciler.state.value import State
from reconciler.stores.journal import Journal

RECOVERY_PREFIX: Final = "bans.state.recovered-"

Version = TypeVar("Version")


class Place(Protocol[Version]):
    """A place that whole states are read from and written to."""

    @property
    def location(self) -> str:
        """As people name it."""

    def load(self) -> tuple[State, Version]:
        """The state, and what identifies exactly this content of the place. Raises `StateError`."""

    def replace(self, state: State, version: Version) -> Version:
        """Write the next generation if the place still has `version`.

        Raises:
            StateUnwritable: it could not be written, or the place has other content by now.
        """


class JournaledSession(Generic[Version]):
    """A `Session` of `reconciler.stores`, for any place.

    Args:
        place: where the state is.
        journal: where records are durable until they are in the state.
        lineage: a fresh UUID, used if there is no state yet.
        save_every: seconds after which `keep` also saves; None to save only when asked.
        warn: told when the journal of an interrupted run has to be left aside.
        journal_stays: whether the next run will find the journal, wherever it runs.
        recovery_folders: where to leave the state if it cannot be written to its place; the first one that works.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        place: Place[Version],
        journal: Journal,
        lineage: str,
        *,
        warn: Callable[[str], object],
        journal_stays: bool,
        recovery_folders: Sequence[Path],
        save_every: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._place = place
        self._journal = journal
        self._recovery_folders = [*recovery_folders, Path(tempfile.gettempdir())]
        self._save_every = save_every
        self._clock = clock
        self._journal_stays = journal_stays
        self._journal_whole = True
        self._saved_at = clock()
        loaded, self._version = place.load()
        self._saved, changes, aside = journal.read(loaded)
        if aside is not None:
            warn(aside)
            journal.put_aside()
        self._lineage = self._saved.lineage or lineage
        self._unsaved = dict(changes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._journal.close()

    @property
    def state(self) -> State:
        """See `Session.state`."""
        return self._saved.after(self._unsaved.items())

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """See `Session.keep`."""
        if not changes:
            return
        # What an interrupted run left, or the journal could not take. Only a new journal needs it.
        before = {} if self._journal.is_open else dict(self._unsaved)
        # They have happened, so `save` tries to keep them even if the journal cannot.
        self._unsaved.update(changes)
        base = dataclasses.replace(self._saved, lineage=self._lineage)
        try:
            self._journal.append(base, before, changes)
        except OSError as error:
            self._journal_whole = False
            raise StateUnwritable(
                f"{self._journal.path}: what was done cannot be recorded: {error.strerror or error}. Nobody else will"
                " be disconnected until it can be."
            ) from error
        self._journal_whole = True  # if it was not, it is a new one now
        if self._save_every is not None and self._clock() - self._saved_at >= self._save_every:
            self._saved_at = self._clock()
            with suppress(StateError):  # the journal has it, and the end of the run says what went wrong
                self._write()

    def save(self) -> None:
        """See `Session.save`."""
        if not self._unsaved:
            self._journal.remove()
            return
        try:
            self._write()
        except StateChanged as error:
            again = "The next apply may disconnect the same users once more, which does them no harm."
            raise StateChanged(f"{error} {self._recover()} {again}") from error
        except StateError as error:
            if self._journal_stays and self._journal_whole:
                where = f"Nothing is lost: what was done is in {self._journal.path}, and the next apply takes it in."
            else:
                where = self._recover()
            raise StateUnwritable(f"{error} {where}") from error

    def push(self, state: State) -> None:
        """See `Session.push`. The next run sees whether a journal belongs to the new state."""
        there = self._saved
        if there.lineage is not None and state.lineage != there.lineage:
            raise PushRefused(f"{self._place.location} is another state: its lineage is {there.lineage}.")
        if state == there:
            return
        if state.serial <= there.serial:
            raise PushRefused(
                f"{self._place.location} is at serial {there.serial}, which is not older than serial {state.serial}."
            )
        self._version = self._place.replace(state, self._version)
        self._saved, self._unsaved = state, {}

    def _write(self) -> None:
        state = self.state.generation(lineage=self._lineage)
        self._version = self._place.replace(state, self._version)
        self._saved, self._unsaved = state, {}
        self._journal.remove()

    def _recover(self) -> str:
        """Write the state somewhere else, and say how to put it back."""
        content = state_file.dumps(self.state.generation(lineage=self._lineage))
        for folder in self._recovery_folders:
            try:
                path = _write_new(folder, content)
            except OSError:
                continue
            return (
                f"What was done is in {path}. Once the state can be written again, put it there with:"
                f" reconciler state push {path} --state {self._place.location}"
            )
        return "What was done could not be written anywhere; the next apply may disconnect the same users again."


def _write_new(folder: Path, content: bytes) -> Path:
    """Write a new file that only its owner can read: it contains user IDs. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=RECOVERY_PREFIX, suffix=".json", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise
    return Path(name)
