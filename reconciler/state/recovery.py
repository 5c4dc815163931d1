"""What a run did that could not be written to its state, and how it gets into the state later.

Meanwhile other runs may have changed the state, or have left recovery files of their own. So a recovery knows what its
run found, and is merged ban by ban:

- The state has what the run found: it gets what the run did.
- The state has changed there too, and both are records: the one with the later `disconnected_at` stays; of two that are
  alike in that, the one in the state.
- One is a record and the other was lifted: the record stays. If the list does not want it, the next plan lifts it,
  which calls nobody; a lost record would disconnect somebody again.

Which of several recoveries comes first does not matter for who is recorded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from reconciler.bans import BanKey, Record
from reconciler.state.value import State

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What marks a state that could not be written to its place.

    Attributes:
        serial: of the generation that it was to replace; 0 if there was none.
        location: its place, named so that it can be found from any folder.
        found: what the run changed, with the records that it found there; None where there was none.
    """

    serial: int
    location: str
    found: Mapping[BanKey, Record | None]

    def belongs_to(self, state: State, recovered: State, location: str) -> bool:
        """Whether it can be merged into the state at `location`.

        Args:
            state: what is there now.
            recovered: the state that this marks.
            location: named so that it can be found from any folder.
        """
        if not self.serial and not state.is_blank and state.lineage != recovered.lineage:
            return location == self.location  # a first run made up a lineage that nobody else got to see
        return state.lineage == recovered.lineage and state.serial >= self.serial

    def changes(self, state: State, recovered: State) -> Iterator[tuple[BanKey, Record | None]]:
        """What to put into a state, or with None to take out. See `belongs_to` for the arguments."""
        for key, found in self.found.items():
            there, ours = state.records.get(key), recovered.records.get(key)
            kept = ours if there == found else _stronger(there, ours)
            if ours != found and kept != there:
                yield key, kept


def _stronger(there: Record | None, ours: Record | None) -> Record | None:
    if there is None or ours is None:
        return there or ours
    return ours if (ours.disconnected_at or _NEVER) > (there.disconnected_at or _NEVER) else there
