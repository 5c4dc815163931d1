"""Reads chat logs for who spoke while banned."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from reconciler.audit.names import room_of
from reconciler.audit.records import Reader
from reconciler.audit.unpacking import unpacked
from reconciler.audit.value import Audit, Findings, Watched
from reconciler.chatlogs import Log
from reconciler.errors import LogUnplaced, LogUnreadable, NotAChatLog

_MOST_TOLD: Final = 10  # logs in which something is wrong


class Auditing:
    """An audit under way.

    Args:
        watched: whom to look for.
        known: room ID → ARN, for logs whose names tell neither account nor region.
        otherwise: the room of logs whose names tell none, as in `Finding.key`.
        warn: told what is wrong with a log that is read all the same, or passed over.
        advance: told after each piece how many records of how many logs have been read.

    Attributes:
        records: how many messages and events have been read.
        logs: how many logs.
        unread: how many logs could not be read to their end.
    """

    def __init__(
        self,
        watched: Watched,
        *,
        known: Mapping[str, str],
        otherwise: str | None,
        warn: Callable[[str], object],
        advance: Callable[[int, int], object] = lambda _records, _logs: None,
    ) -> None:
        self._findings = Findings(watched)
        self._known = known
        self._otherwise = otherwise
        self._warn = warn
        self._advance = advance
        self.records = 0
        self.logs = 0
        self.unread = 0
        self._skipped = 0
        self._unplaced = 0
        self._told = 0

    def read(self, log: Log) -> None:
        """Read a log. One that nobody asked for by its name is passed over if it is none.

        Raises:
            LogUnplaced: nothing tells its room.
            LogUnreadable: it cannot be read.
            NotAChatLog: there is no record in it.
        """
        room = room_of(log.place, self._known) or self._otherwise
        if room is None:
            if log.asked_for:
                raise LogUnplaced(
                    f"{log.name}: its name does not tell which room it is of. Say so with --room, or keep the name that"
                    " IVS Chat gave it.",
                    private=[log.name],
                )
            self._unplaced += 1
            return
        self.logs += 1
        reader = Reader(self._findings.watched.within(room), partial(self._findings.said, room))
        before = self.records
        damages: list[str] = []
        try:
            for piece in unpacked(log.pieces(), damages.append):
                reader.feed(piece)
                self.records = before + reader.records
                self._advance(self.records, self.logs)
                if reader.hopeless:
                    break
            reader.end()
            for what in damages:
                self._damaged(log, what, whole=not reader.records)
        except (OSError, ValueError, LogUnreadable) as error:
            self._failed(log, error)
        self.records = before + reader.records
        self._skipped += reader.skipped
        self._judged(log, reader)

    def result(self) -> Audit:
        """What it has come to.

        Raises:
            LogUnreadable: nothing was read.
        """
        unplaced = (
            f"{self._unplaced:,} files were passed over: their names do not tell which room they are of. If they are"
            " chat logs, say with --room of which."
        )
        if not self.logs:
            raise LogUnreadable(unplaced if self._unplaced else "There are no chat logs. Check the folder or prefix.")
        if self._unplaced:
            self._warn(unplaced)
        if (more := self._told - _MOST_TOLD) > 0:
            self._warn(f"Something is wrong with {more:,} more logs.")
        watched = self._findings.watched
        return Audit(self.records, self._skipped, self.logs, watched, self._findings.all())

    def _judged(self, log: Log, reader: Reader) -> None:
        """Say what is wrong with what was read. Raises NotAChatLog."""
        if reader.hopeless and reader.records:
            self.unread += 1
            self._tell(f"{log.name}: so much of it is no record of IVS Chat that the rest was left alone.")
        elif reader.skipped and not reader.records:
            what = f"{log.name} is not a chat log: there is no record of IVS Chat in it."
            if log.asked_for:
                raise NotAChatLog(what, private=[log.name])
            self._tell(what)
        elif reader.skipped:
            lines = ", ".join(f"{place:,}" for place in reader.places)
            if more := reader.skipped - len(reader.places):
                lines += f" and {more:,} more"
            what = f"line {lines} is no record" if reader.skipped == 1 else f"lines {lines} are no records"
            self._tell(f"{log.name}: {what} of IVS Chat, and skipped.")

    def _damaged(self, log: Log, what: str, *, whole: bool) -> None:
        """Say that a log ends before it should. Raises LogUnreadable if there is no record before that."""
        if whole:
            raise LogUnreadable(f"{log.name} cannot be read: {what}.", private=[log.name])
        self._tell(f"{log.name}: {what}. What comes before that was read.")

    def _failed(self, log: Log, error: OSError | ValueError | LogUnreadable) -> None:
        """A log could not be read. Raises LogUnreadable if somebody asked for it."""
        if not isinstance(error, LogUnreadable):
            said = (error.strerror if isinstance(error, OSError) else None) or error
            error = LogUnreadable(f"{log.name} cannot be read: {said}.", private=[log.name])
        if log.asked_for:
            raise error
        self.unread += 1
        self._tell(str(error))

    def _tell(self, what: str) -> None:
        self._told += 1
        if self._told <= _MOST_TOLD:
            self._warn(what)
