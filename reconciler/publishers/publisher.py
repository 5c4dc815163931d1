"""The contract of all places where a denylist is published."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.bans import BanKey
from reconciler.denylist.value import Bans, Contents, Head, Provisional
from reconciler.errors import DenylistError, DenylistForeign, DenylistUnreadable, DenylistUnwritable
from reconciler.views.wording import count

Failures = Mapping[BanKey, DenylistError]
"""What was not done, and why. Everything else was."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a publisher works with.

    Attributes:
        now: the time, aware, in UTC.
        sleep: waits that many seconds; returns True if the run is to stop, without waiting any longer.
        profile: of the AWS configuration, for a place on AWS.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], bool]
    profile: str | None = None


class Publisher(ABC):
    """Publishes one denylist. An apply calls `begin`, then `publish` as often as it likes, then `end`.

    One thread uses it at a time. Other processes may write provisional entries meanwhile; nothing of either is lost.

    Args:
        location: as people name it.
        name: of the list among those that share a table.
        means: what it works with.

    Raises:
        DenylistUnreadable: there can be no denylist at this location.
    """

    always_compare = True
    """Whether an apply compares everything each time: what is one document is read as a whole anyway."""

    @property
    def is_on_aws(self) -> bool:
        """Whether the place is on AWS, as opposed to this machine or a stand-in for AWS. Raises DenylistError."""
        return False

    def __init__(self, location: str, name: str, means: Means) -> None:
        self.location = location
        self.name = name
        self._now = means.now
        self._sleep = means.sleep
        self._profile = means.profile

    @abstractmethod
    def read_head(self) -> Head | None:
        """Whose denylist is there; None if nothing has been published. Cheap for a table. Raises as `read` does."""

    @abstractmethod
    def read(self) -> Contents:
        """Everything that is there under this name, and all provisional entries.

        Raises:
            DenylistUnreadable: it cannot be opened. DenylistGone, if there is no such bucket or table.
            DenylistDamaged: something in it is wrong.
            NotADenylist: it is something else.
            DenylistTooNew: a later version wrote it.
        """

    def read_user(self, user_id: str) -> Contents:
        """What is there of one user. Raises as `read` does."""
        there = self.read()
        bans = {key: end for key, end in there.bans.items() if key.user_id == user_id}
        provisional = {key: end for key, end in there.provisional.items() if key.user_id == user_id}
        return Contents(there.head, bans, provisional)

    @abstractmethod
    def begin(self, lineage: str, settle_after: int, *, adopt: bool = False) -> Head:
        """Begin a publication. In a table, its head is marked as open.

        Args:
            lineage: of the state that the denylist follows.
            settle_after: seconds, for readers of the denylist.
            adopt: take over the denylist of another lineage.

        Returns:
            The head that `end` will leave; its serial is the next one, its count is not yet known.

        Raises:
            DenylistForeign: another lineage's denylist is there, and we do not adopt it.
            DenylistChanged: somebody else was quicker.
            DenylistError: as in `read`, or it cannot be written.
        """

    @abstractmethod
    def publish(
        self, entries: Bans, *, remove: Collection[BanKey] = (), superseded: Collection[BanKey] = ()
    ) -> Failures:
        """Publish bans, or give them other ends, and take others out. All of it is acknowledged when this returns.

        Args:
            entries: the bans, with their ends.
            remove: the bans to take out; no key of `entries`. Those that are not there are no failure.
            superseded: provisional entries to take out, where there are such, because their ban was reviewed: it is
                published or lifted here. One whose ban has failed stays.

        Returns:
            The bans that failed, of `entries` and of `remove`.
        """

    @abstractmethod
    def end(self, count: int) -> None:
        """End the publication: all that should stand does stand.

        Not to be called while a recorded ban could not be published, so that the next apply looks at everything.

        Args:
            count: how many bans there are now. Where that is known from the document, it counts itself.

        Raises:
            DenylistChanged: somebody else has published since `begin`.
            DenylistError: it cannot be written.
        """

    @abstractmethod
    def put_provisional(self, entries: Provisional) -> Failures:
        """Add provisional entries, beside an apply that may be running. One that ends later stays as it is.

        Where nothing has been published yet, all fail.

        Returns:
            Those that failed.
        """

    @abstractmethod
    def take_provisional(self, keys: Collection[BanKey]) -> Failures:
        """Take provisional entries out, beside an apply that may be running. Those that are not there are no failure.

        Returns:
            Those that failed.
        """

    @abstractmethod
    def retire(self, lineage: str) -> None:
        """Leave nothing of ours: no document, or no row and no head of this name. Provisional rows stay in a table.

        Raises:
            DenylistGone: there is nothing that could hold anything of ours.
            DenylistForeign: it is not ours.
            DenylistError: it cannot be read or written.
        """

    def ttl_problem(self) -> str | None:
        """What is wrong with how rows are removed that have ended; what is no table needs nothing of that kind.

        Raises:
            DenylistUnreadable: it cannot be found out.
        """
        return None

    def check_owner(self, there: Head | None, lineage: str, *, adopt: bool = False) -> None:
        """Raise DenylistForeign if it is not ours to write; an empty lineage is that of no state."""
        if there is not None and there.lineage != lineage and not adopt:
            ours = f"ours is lineage {lineage}" if lineage else "we have no state yet"
            raise DenylistForeign(
                f"{self.location} holds the denylist of another state: lineage {there.lineage}, serial {there.serial},"
                f" {count(there.count, 'ban')}, published at {there.published_at:%Y-%m-%d %H:%M:%S} UTC; {ours}."
                f" It is left as it is. If our state was lost, and this list is to take its place, run:"
                f" reconciler apply --adopt-denylist. Otherwise give the list another location{self._or_name}."
            )

    _or_name = ""

    def _pause(self, seconds: float) -> None:
        """Wait. Raises DenylistUnwritable if the run is to stop."""
        if self._sleep(seconds):
            raise DenylistUnwritable(f"The run was stopped before {self.location} could be written.")

    def _nothing_published(self) -> DenylistUnreadable:
        return DenylistUnreadable(
            f"There is no denylist at {self.location} yet. The first apply publishes it: run reconciler apply."
        )
