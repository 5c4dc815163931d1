"""What the AWS credentials at hand can tell: which rooms there are."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from threading import Event
from typing import TYPE_CHECKING, Final

from reconciler.aws.pacing import Pace
from reconciler.cli import console
from reconciler.cli.options import endpoint_option, gathered, profile_option
from reconciler.cli.progress import busy

if TYPE_CHECKING:
    from reconciler.rooms import Room


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
