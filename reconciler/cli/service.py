"""What an apply works with besides the list and the state: the chat service, the denylist, the rooms of everywhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

from reconciler.aws.headway import Headway
from reconciler.aws.pacing import Pace
from reconciler.bans import EVERYWHERE, AccountRegion, account_region_of
from reconciler.cli import console
from reconciler.cli.options import Number, endpoint_option, gathered, option, refresh_option
from reconciler.cli.stopping import Stopping
from reconciler.cli.workspace import Workspace
from reconciler.enforce import Clock, Denylist, Enforcement, Ledger
from reconciler.errors import DenylistForeign
from reconciler.lanes import Disconnect, disconnect
from reconciler.plan.change import Plan
from reconciler.plan.drifting import place_of, to_retire
from reconciler.publishers.publisher import Publisher
from reconciler.publishing import Publishing
from reconciler.state.value import Place, State
from reconciler.views.report import Report

if TYPE_CHECKING:
    from reconciler.aws.chat import Chat
    from reconciler.aws.everywhere import Everywhere
    from reconciler.aws.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Calling:
    """How DisconnectUser is called.

    Attributes:
        rate: calls a second in each account and region; 0 means no limit, None the rate of the list.
        parallelism: how many calls may be in flight at once in each account and region.
        endpoint_url: what to call in place of AWS.
    """

    rate: float | None
    parallelism: int
    endpoint_url: str | None


@dataclass(frozen=True, slots=True)
class Holding:
    """How bans are published and settled.

    Attributes:
        without_denylist: do not publish.
        adopt_denylist: take over the denylist of another state.
        retire_denylist: empty the denylists that the list no longer names.
        refresh: compare all of the denylist.
        no_wait: settle what is due, and leave the rest to the next apply.
    """

    without_denylist: bool
    adopt_denylist: bool
    retire_denylist: bool
    refresh: bool
    no_wait: bool


with_calling: Final = gathered(
    "calling",
    Calling,
    option(
        "--rate",
        type=Number(min=0),
        metavar="N",
        help="DisconnectUser calls a second in each account and region; 0 means no limit. [default: `rate` of the list,"
        " else 100]",
    ),
    option(
        "--parallelism",
        type=click.IntRange(min=1, max=500),
        default=32,
        show_default=True,
        metavar="N",
        help="How many calls may be in flight at once in each account and region.",
    ),
    endpoint_option,
)
with_holding: Final = gathered(
    "holding",
    Holding,
    option("--no-wait", is_flag=True, help="Do not wait for bans to settle; the next apply goes on with that."),
    refresh_option,
    option(
        "--without-denylist",
        is_flag=True,
        help="Disconnect users without publishing their bans; a later apply publishes them.",
    ),
    option("--adopt-denylist", is_flag=True, help="Take over the denylist of another state, after a state was lost."),
    option("--retire-denylist", is_flag=True, help="Empty the denylists that the list no longer names."),
)


class Service:
    """What one apply calls.

    Args:
        calling: how DisconnectUser is called.
        holding: how bans are published and settled.
        workspace: the list, and settings of AWS.
    """

    def __init__(self, calling: Calling, holding: Holding, workspace: Workspace) -> None:
        self.calling = calling
        self.holding = holding
        self.stop = Stopping()
        self.headway = Headway()
        self._workspace = workspace

    @cached_property
    def publishing(self) -> Publishing | None:
        """The denylist, if the list has one and it is to be kept. Raises DenylistError."""
        if self.holding.without_denylist:
            return None
        return self._workspace.publishing(self.stop.event.wait, adopt=self.holding.adopt_denylist)

    @cached_property
    def sessions(self) -> "Sessions":
        """Who calls in which AWS account. Raises ChatError."""
        return self._workspace.sessions(self.calling.endpoint_url)

    @cached_property
    def chat(self) -> "Chat":
        """Made when first asked for. Raises ChatError."""
        make: type[Chat] = import_module("reconciler.aws.chat").Chat  # boto3 takes longer to import than all the rest
        wait = self.stop.event.wait
        rate = self._workspace.ban_list.rate if self.calling.rate is None else self.calling.rate
        pace = Pace(rate, sleep=wait)
        return make(
            now=_now,
            before_attempt=pace.wait,
            throttled=pace.throttled,
            parallelism=self.calling.parallelism,
            sessions=self.sessions,
            endpoint_url=self.calling.endpoint_url,
            sleep=wait,
            headway=self.headway,
        )

    @cached_property
    def everywhere(self) -> "Everywhere":
        """The rooms of those who are banned everywhere."""
        make: type[Everywhere] = import_module("reconciler.aws.everywhere").Everywhere  # boto3 takes long to import
        return make(
            self._workspace.ban_list,
            now=_now,
            stop=self.stop.event,
            warn=console.diagnostic,
            sessions=self.sessions,
            endpoint_url=self.calling.endpoint_url,
        )

    def endpoint(self, plan: Plan, state: State) -> str | None:
        """What carrying out a plan calls, if that is not AWS; the denylist has to be of the same kind.

        Raises:
            ChatError: the AWS configuration cannot be used.
            DenylistForeign: a denylist that is to be written is on AWS, and the calls are not.
        """
        rooms = [*(change.key.room_arn for change in plan.changes), *plan.room_names]
        places = plan.calls or [account_region_of(room) for room in rooms if room != EVERYWHERE]
        endpoint = self.chat.endpoint(places) if places else self._workspace.endpoint
        self.refuse_to_mix(endpoint, state)
        return endpoint

    def refuse_to_mix(self, endpoint: str | None, state: State) -> None:
        """Raise DenylistForeign if calls to this endpoint, None for AWS, would go with a denylist on AWS."""
        if endpoint is None:
            return
        elsewhere = f"is on AWS, and the calls of this run go to {endpoint}, which is not. A rehearsal must not"
        listed = self._workspace.ban_list.denylist
        if listed is not None and self.publishing is not None and self.publishing.is_on_aws:
            raise DenylistForeign(
                f"The denylist {listed.location} {elsewhere} tell real token services whom to refuse: give the list"
                " another denylist, or use --without-denylist."
            )
        for place, publisher in self.retiring(state) if self.holding.retire_denylist else ():
            if publisher.is_on_aws:
                raise DenylistForeign(
                    f"The denylist {place.location} {elsewhere} empty what real token services read: leave out"
                    " --retire-denylist."
                )

    def retiring(self, state: State) -> Sequence[tuple[Place, Publisher]]:
        """The denylists that the list no longer names. Raises DenylistError."""
        places = to_retire(self._workspace.ban_list, state)
        return [(place, self._workspace.publisher(place, self.stop.event.wait)) for place in places]

    def stands(self, state: State) -> bool:
        """Whether the denylist that the list names, if any, is known to hold everybody whom the state records."""
        denylist = self._workspace.ban_list.denylist
        published = state.published
        return denylist is None or (published.place == place_of(denylist) and published.serial > 0)

    def connect(self, places: Collection[AccountRegion], *, all_accounts: bool = True) -> Disconnect:
        """Get ready to call; see `Chat.connect`. Raises ChatError."""
        if places:
            self.chat.connect(places, all_accounts=all_accounts)
        return self.chat.disconnect

    def close(self) -> None:
        """Close the connections, if there are any."""
        if "chat" in self.__dict__:
            self.chat.close()
        if "sessions" in self.__dict__:
            self.sessions.close()

    def enforcement(self, ledger: Ledger, report: Report, denylist: Denylist | None) -> Enforcement:
        """What carries out changes.

        Args:
            ledger: where they are recorded.
            report: says what is waited for.
            denylist: where bans are published.
        """
        settings = self._workspace.ban_list.denylist
        clock = Clock(_now, monotonic)

        def waiting(bans: int, seconds: float) -> bool:
            if self.holding.no_wait:
                return False
            report.settling(bans, seconds)
            return not self.stop.event.wait(seconds)

        return Enforcement(
            ledger=ledger,
            disconnect=partial(
                disconnect,
                connect=partial(self.connect, all_accounts=False),  # one account need not wait for another
                keep=ledger.keep,
                parallelism=self.calling.parallelism,
                stop=self.stop.event,
                clock=clock.monotonic,
            ),
            find_rooms=lambda: self.everywhere,
            clock=clock,
            stop=self.stop.event,
            denylist=denylist,
            settle_after=settings.settle_after if settings is not None else None,
            waiting=waiting,
        )


def _now() -> datetime:
    return datetime.now(UTC)
