"""Where users are who are banned everywhere: what token services recorded, or else every room that is known."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from threading import Event

from reconciler.aws.pacing import Pace
from reconciler.aws.rooms import LIST_ROOMS_RATE, Means, discover
from reconciler.aws.sessions import Sessions
from reconciler.aws.token_records import TokenRecords
from reconciler.banlist.value import BanList
from reconciler.bans import account_region_of


class Everywhere:
    """The rooms that a list means by `everywhere`.

    Args:
        ban_list: the list: it names rooms, and says how to find more.
        now: the time, aware, in UTC.
        stop: ends reading.
        warn: told what people should know though it is no error; it names nobody.
        endpoint_url: what to call in place of Amazon IVS Chat.
        sessions: who calls in which account; the table of token records is read with the usual credentials.
    """

    def __init__(
        self,
        ban_list: BanList,
        *,
        now: Callable[[], datetime],
        stop: Event,
        warn: Callable[[str], object],
        sessions: Sessions,
        endpoint_url: str | None = None,
    ) -> None:
        self.named: Collection[str] = list(ban_list.rooms.values())
        self._discoveries = ban_list.discover
        self._now = now
        self._means = Means(Pace(LIST_ROOMS_RATE, sleep=stop.wait), stop, warn, sessions, endpoint_url)
        accounts = {account_region_of(room).account for room in self.named}
        accounts |= ban_list.accounts.keys()
        accounts |= {discovery.account for discovery in ban_list.discover if discovery.account is not None}
        table = ban_list.denylist.token_records if ban_list.denylist is not None else None
        self._records = (
            TokenRecords(table, accounts=accounts, stop=stop, warn=warn, session=sessions.of())
            if table is not None
            else None
        )

    def of(self, user_ids: Sequence[str]) -> Mapping[str, Collection[str]]:
        """The ARNs of the rooms to disconnect each user from, read anew each time.

        Raises:
            RoomsUnknown: they cannot be found out.
            CallAbandoned: the run is to stop.
        """
        if self._records is not None:
            return self._records.rooms_of(user_ids, self._now())
        found: Collection[str] = ()
        if self._discoveries:
            found = discover(self._discoveries, self._means)
        rooms = list(dict.fromkeys([*self.named, *found]))
        return dict.fromkeys(user_ids, rooms)
