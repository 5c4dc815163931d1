"""What the AWS credentials at hand can tell: which rooms there are."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Final

from reconciler.aws.pacing import Pace
from reconciler.cli import console
from reconciler.cli.options import endpoint_option, gathered, profile_option
from reconciler.cli.progress import busy
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.aws.caller import Caller
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

    def regions(self) -> tuple[str, ...]:
        """The region of the AWS configuration, if it names one. Raises RoomsUnknown."""
        region = import_module("reconciler.aws.reading").session(self.profile, "AWS").region_name
        return (region,) if region else ()

    def caller(self, regions: Sequence[str]) -> "tuple[Caller | ReconcilerError | None, str | None]":
        """Whose the credentials are, or why that is not known; and what is called in place of AWS.

        AWS is not asked about what is called in its place: then it is None whose they are.

        Args:
            regions: of the rooms that are called.
        """
        aws, callers = import_module("reconciler.aws.rooms"), import_module("reconciler.aws.caller")
        endpoint = None
        try:
            region = next(iter([*regions, *self.regions()]), _ANY_REGION)
            endpoint = aws.endpoint_of(region, self.endpoint_url, self.profile)
            if endpoint is not None and not os.environ.get("AWS_ENDPOINT_URL_STS"):
                return None, endpoint
            return callers.caller(region, self.profile, callers.SECONDS), endpoint
        except ReconcilerError as error:
            return error, endpoint

    def rooms(self, regions: Collection[str]) -> "tuple[Room, ...]":
        """The rooms in these regions. Raises RoomsUnknown."""
        rooms = import_module("reconciler.aws.rooms")  # boto3 takes longer to import than all the rest
        stop = Event()
        with busy("Asking for the rooms"):
            found: tuple[Room, ...] = rooms.list_rooms(
                regions,
                pace=Pace(rooms.LIST_ROOMS_RATE, sleep=stop.wait),
                stop=stop,
                warn=console.diagnostic,
                endpoint_url=self.endpoint_url,
                profile=self.profile,
            )
        return found


with_account: Final = gathered("account", Account, profile_option, endpoint_option)
