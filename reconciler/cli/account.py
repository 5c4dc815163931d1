"""What AWS credentials can tell: whose they are, and which rooms there are."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Final

from reconciler.aws.pacing import Pace
from reconciler.banlist.value import BanList
from reconciler.bans import AccountRegion
from reconciler.cli import console
from reconciler.cli.options import endpoint_option, gathered, profile_option
from reconciler.cli.progress import busy
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.aws.caller import Caller
    from reconciler.aws.sessions import Sessions
    from reconciler.rooms import Room

_ANY_REGION: Final = "us-east-1"  # AWS STS answers the same everywhere


@dataclass(frozen=True, slots=True)
class Account:
    """An account of AWS.

    Attributes:
        profile: of the AWS configuration.
        endpoint_url: what to call in place of Amazon IVS Chat.
    """

    profile: str | None = None
    endpoint_url: str | None = None

    def sessions(self, ban_list: BanList | None = None) -> "Sessions":
        """Who calls in which account; a list may say so. Raises CredentialsRejected."""
        make: type[Sessions] = import_module("reconciler.aws.sessions").Sessions  # boto3 takes long to import
        return make(ban_list, now=_now, profile=self.profile, endpoint_url=self.endpoint_url)

    def endpoint(self, sessions: "Sessions", regions: Sequence[str]) -> str | None:
        """What is called in place of AWS.

        Args:
            sessions: who calls.
            regions: of the rooms that are called.

        Raises:
            ReconcilerError: the AWS configuration cannot be used.
        """
        region = next(iter([*regions, *configured(sessions)]), _ANY_REGION)
        endpoint: str | None = import_module("reconciler.aws.rooms").endpoint_of(region, sessions, self.endpoint_url)
        return endpoint

    def rooms(self, places: Collection[AccountRegion], sessions: "Sessions") -> "tuple[Room, ...]":
        """The rooms in these accounts and regions. Raises RoomsUnknown."""
        rooms = import_module("reconciler.aws.rooms")
        stop = Event()
        with busy("Asking for the rooms"):
            pace = Pace(rooms.LIST_ROOMS_RATE, sleep=stop.wait)
            means = rooms.Means(pace, stop, console.diagnostic, sessions, self.endpoint_url)
            found: tuple[Room, ...] = rooms.list_rooms(places, means)
        return found


def configured(sessions: "Sessions") -> tuple[str, ...]:
    """The region of the AWS configuration, if it names one."""
    region = sessions.of().region_name
    return (region,) if region else ()


def caller(
    sessions: "Sessions", account: str | None, regions: Sequence[str], endpoint: str | None
) -> "Caller | ReconcilerError | None":
    """Whose the credentials for an account are, or why that is not known.

    AWS is not asked about what is called in its place: then it is None whose they are.

    Args:
        sessions: who calls in which account.
        account: the account; None for the usual credentials.
        regions: of the rooms that are called.
        endpoint: what is called in place of AWS.
    """
    if endpoint is not None and not os.environ.get("AWS_ENDPOINT_URL_STS"):
        return None
    callers = import_module("reconciler.aws.caller")
    try:
        region = next(iter([*regions, *configured(sessions)]), _ANY_REGION)
        whose: Caller = callers.caller(region, sessions, account, callers.SECONDS)
    except ReconcilerError as error:
        return error
    return whose


def _now() -> datetime:
    return datetime.now(UTC)


with_account: Final = gathered("account", Account, profile_option, endpoint_option)
