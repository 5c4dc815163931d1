"""A locked state while it changes: records go to the journal first, and to the state itself now and then."""

import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final, Generic, Self

from reconciler.bans import BanKey, Record
from reconciler.errors import EndpointMixed, PushRefused, RunError, StateChanged, StateError, StateUnwritable
from reconciler.operating_system import command_line
from reconciler.state import file as state_file
from reconciler.state.endpoints import mixed, recorded
from reconciler.state.recovery import Recovery
from reconciler.state.value import Published, State
from reconciler.stores.journal import Journal
from reconciler.stores.store import Store, Version

RECOVERY_PREFIX: Final = "bans.state.recovered-"


class Session(Generic[Version]):
    """A locked state that is being changed.

    Args:
        store: where the state is.
        journal: where records are durable until they are in the state.
        lineage: a fresh UUID, used if there is no state yet.
        save_every: seconds after which `keep` also saves; None to save only when asked.
        journal_stays: whether the next run will find the journal, wherever it runs.
        recovery_folders: where to leave the state if it cannot be written to its place; the first one that works.
        clock: seconds, monotonic.

    Attributes:
        lineage: of the state, or the one that it gets when it is first written.
        resumed: an interrupted run had left records that were in no state yet.
    """

    def __init__(
        self,
        store: Store[Version],
        journal: Journal,
        lineage: str,
        *,
        journal_stays: bool,
        recovery_folders: Sequence[Path],
        save_every: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._journal = journal
        self._recovery_folders = [*recovery_folders, Path(tempfile.gettempdir())]
        self._save_every = save_every
        self._clock = clock
        self._journal_stays = journal_stays
        self._journal_whole = True
        self._saved_at = clock()
        loaded, self._version = store.load()
        self._saved, changes, aside = journal.read(loaded)
        if aside is not None:
            store.warn(aside)
            journal.put_aside()
        self.lineage = self._saved.lineage or lineage
        self.resumed = bool(changes)
        self._unsaved = dict(changes)
        self._remembered = self._saved.published

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._journal.close()

    @property
    def state(self) -> State:
        """The state as it is now, with everything kept so far, saved or not."""
        return self._saved.after(self._unsaved.items())

    @property
    def is_saved(self) -> bool:
        """Whether the state itself has everything that was kept."""
        return not self._unsaved

    def against(self, endpoint: str | None) -> None:
        """What is kept from here on is done at this endpoint, None for AWS.

        Raises:
            EndpointMixed: the state records what was done on AWS, and this is not AWS; or the other way round.
        """
        if not self.state.goes_with(endpoint):
            raise EndpointMixed(mixed(self._store.location, self._saved.endpoint, endpoint))
        self._saved = dataclasses.replace(self._saved, endpoint=endpoint)

    def publishing(self, published: Published) -> None:
        """What is kept from here on is also published, as far as this says; until `save` knows better."""
        self._saved = dataclasses.replace(self._saved, published=published)

    def keep(self, changes: Sequence[tuple[BanKey, Record | None]]) -> None:
        """Put records in, or with None take them out. They survive a crash from the moment this returns.

        Raises:
            StateUnwritable: they could not be made durable.
        """
        if not changes:
            return
        # What an interrupted run left, or the journal could not take. Only a new journal needs it.
        before = {} if self._journal.is_open else dict(self._unsaved)
        # They have happened, so `save` tries to keep them even if the journal cannot.
        self._unsaved.update(changes)
        base = dataclasses.replace(self._saved, lineage=self.lineage)
        try:
            self._journal.append(base, before, changes)
        except OSError as error:
            self._journal_whole = False
            raise StateUnwritable(
                f"{self._journal.path} cannot be written: {error.strerror or error}. Nobody else is disconnected until"
                " it can be."
            ) from error
        self._journal_whole = True  # if it was not, it is a new one now
        if self._save_every is not None and self._clock() - self._saved_at >= self._save_every:
            self._saved_at = self._clock()
            self.publishing(dataclasses.replace(self._saved.published, serial=0))
            with suppress(StateError):  # the journal has it, and the end of the run says what went wrong
                self._write()

    def save(self, published: Published | None = None) -> None:
        """Write everything kept so far as the next generation of the state, if there is anything.

        Args:
            published: what the state is to remember of its denylist. None: if anything was kept, that an apply has to
                compare the two.

        Raises:
            StateUnwritable: it could not be written; everything kept is still there for the next run.
        """
        if published is None and not self._unsaved:
            published = self._remembered
        if published is None:
            published = dataclasses.replace(self._saved.published, serial=0)
        self._saved = dataclasses.replace(self._saved, published=published)
        if not self._unsaved and published == self._remembered:
            self._journal.remove()
            return
        try:
            self._write()
        except StateChanged as error:
            again = "The next apply may disconnect the same users again, which does no harm."
            raise StateChanged(f"{error} {self._recover()} {again}") from error
        except (StateError, RunError) as error:
            if self._journal_stays and self._journal_whole:
                where = f"Nothing is lost: what was done is in {self._journal.path}, and the next apply takes it in."
            else:
                where = self._recover()
            raise StateUnwritable(f"{error} {where}") from error

    def push(self, state: State, recovery: Recovery | None = None) -> int | None:
        """Replace the state by a later generation of it, made elsewhere. A journal is then taken in or left aside.

        Args:
            state: the later generation.
            recovery: marks it as one that could not be written. It is then merged into the state.

        Returns:
            How many bans were merged, if it was merged.

        Raises:
            PushRefused: `state` is of another lineage, of another endpoint, or not later.
            StateUnwritable: it could not be written.
        """
        there = self._saved
        if not self.state.goes_with(state.endpoint):
            raise PushRefused(
                f"{self._store.location} {recorded(self._saved.endpoint)}, and the file {recorded(state.endpoint)}. The"
                " two do not go into one state."
            )
        if recovery is not None and recovery.belongs_to(self.state, state, self._store.absolute):
            self.lineage = there.lineage or state.lineage or self.lineage
            self._saved = dataclasses.replace(there, endpoint=state.endpoint)
            changes = dict(recovery.changes(self.state, state))
            self._unsaved.update(changes)
            self.save()
            return len(changes)
        if there.lineage is not None and state.lineage != there.lineage:
            raise PushRefused(f"{self._store.location} is another state: its lineage is {there.lineage}.")
        if state == there:
            return None
        if state.serial <= there.serial:
            raise PushRefused(
                f"{self._store.location} is at serial {there.serial}, which is not older than serial {state.serial}."
            )
        # Who edits a state by hand does not edit the denylist.
        state = dataclasses.replace(state, published=dataclasses.replace(state.published, serial=0))
        self._version = self._store.replace(state, self._version)
        self._saved, self._unsaved, self._remembered = state, {}, state.published
        return None

    def _write(self) -> None:
        state = self.state.generation(lineage=self.lineage)
        self._version = self._store.replace(state, self._version)
        self._saved, self._unsaved, self._remembered = state, {}, state.published
        self._journal.remove()

    def _recover(self) -> str:
        """Write the state somewhere else, and say how to put it back."""
        there = self._saved
        found = {key: there.records.get(key) for key in self._unsaved}
        recovery = Recovery(there.serial, self._store.absolute, found)
        content = state_file.dumps(self.state.generation(lineage=self.lineage), recovery=recovery)
        for folder in self._recovery_folders:
            try:
                path = _write_new(folder, content)
            except OSError:
                continue
            command = ["reconciler", "state", "push", str(path), "--state", self._store.absolute]
            return (
                f"What was done is in {path}. Once the state can be written again, put it there with"
                f" `{command_line(command)}`."
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
    return Path(os.path.abspath(name))
