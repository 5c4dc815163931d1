"""The denylist during one apply: whether it has to be compared, what differs, and whether all of it stands."""

from collections.abc import Collection, Mapping
from datetime import datetime

from reconciler.bans import BanKey
from reconciler.denylist.value import Bans, Drift, Head, drift
from reconciler.errors import DenylistError
from reconciler.publishers.publisher import Publisher
from reconciler.state.value import Place, Published, State


class Publishing:
    """A denylist that follows a state.

    Args:
        publisher: reads and writes it.
        place: where it is, as the list says.
        settle_after: seconds, for its readers.
        adopt: take over the denylist of another state.

    Attributes:
        missing: the recorded bans that `look` did not find there, or not for as long: their users may have been let in.
    """

    def __init__(self, publisher: Publisher, place: Place, settle_after: int, *, adopt: bool = False) -> None:
        self._publisher = publisher
        self._place = place
        self._settle_after = settle_after
        self._adopt = adopt
        self._outdated = True  # what the head says is not what it is to say
        self._begun: Head | None = None
        self.missing: Collection[BanKey] = ()

    @property
    def is_on_aws(self) -> bool:
        """Whether it is where real token services read. Raises DenylistError."""
        return self._publisher.is_on_aws

    def look(
        self, state: State, lineage: str | None, now: datetime, *, resumed: bool = False, refresh: bool = False
    ) -> Drift | None:
        """How the denylist differs from the state; None if it need not be compared.

        A killed or lost run, a state that was put back, a new place, what an apply did not publish: each shows in the
        head, and all are mended in one way. What is no table is compared each time.

        Args:
            state: what is recorded.
            lineage: of the state; None if it has none yet.
            now: aware.
            resumed: an interrupted run has left records that are in no saved state.
            refresh: compare in any case.

        Raises:
            DenylistError: it cannot be read, or is not ours.
        """
        head = self._publisher.read_head()
        self._publisher.check_owner(head, lineage or "", adopt=self._adopt)
        self._outdated = (
            head is None
            or head.open
            or (head.lineage, head.settle_after) != (lineage, self._settle_after)
            or (self._place, head.serial) != (state.published.place, state.published.serial)
            or resumed
        )
        if not (self._outdated or refresh or self._publisher.always_compare):
            return None
        wanted = {key: record.ban.expires_at for key, record in state.records.items()}
        found = drift(wanted, self._publisher.read().bans, now)
        self.missing = found.unsettled.keys()
        return found

    def begin(self, lineage: str, changes: Collection[object]) -> None:
        """Begin a publication, if anything is to be published. Raises DenylistError."""
        if changes or self._outdated:
            self._begun = self._publisher.begin(lineage, self._settle_after, adopt=self._adopt)

    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Mapping[BanKey, DenylistError]:
        """See `Publisher.publish`."""
        return self._publisher.publish(entries, remove=remove, superseded=superseded)

    def standing(self, state: State, *, complete: bool) -> Published:
        """What the state is to remember of this publication.

        Args:
            state: everything recorded by now.
            complete: what was published is recorded, and what was taken out is not. Otherwise the next apply compares.
        """
        if self._begun is None:
            return state.published
        left = (*state.published.to_retire, state.published.place)
        to_retire = tuple(dict.fromkeys(place for place in left if place not in (None, self._place)))
        return Published(self._place, self._begun.serial if complete else 0, to_retire)

    def end(self, state: State, *, complete: bool) -> None:
        """End the publication, once the state is saved. Raises DenylistError."""
        if self._begun is not None and complete:
            self._publisher.end(len(state.records))
        self._begun = None
