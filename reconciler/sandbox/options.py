"""What a sandbox is started with."""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from reconciler.sandbox.faults import FAULT_KINDS, FaultKind
from reconciler.sandbox.model import room_arn_pattern

_ACCOUNT = re.compile(r"[0-9]{12}")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """What a sandbox is started with. Raises ValueError, saying which option is wrong and what it may be.

    - `host`: a loopback address (`127.0.0.1`, `::1`) or `localhost`; nothing else is accepted.
    - `port`: TCP port; 0 takes any free one.
    - `account`: the AWS account of the rooms that CreateRoom makes, and of the caller: 12 digits.
    - `rooms`: ARNs of rooms that exist from the start, each in its own region, of whichever account.
    - `quota`: DisconnectUser calls a second and region; 0: no quota. The default is AWS's (IVS Chat Service Quotas).
    - `room_quota`: likewise for CreateRoom, DeleteRoom, GetRoom and ListRooms, for each of the four by itself.
    - `latency`: seconds between a request and its answer.
    - `fault_rate`: percentage of the calls, 0 to 100, that fail with one of `faults` (see `FaultKind`).
    - `deny`: ARNs of rooms for which every call is answered AccessDeniedException.
    - `seed`: of the random numbers: which calls fail, and the IDs of new rooms.
    - `log`: a file to which each request is appended as one line of JSON.
    """

    host: str = "127.0.0.1"
    port: int = 0
    account: str = "123456789012"
    rooms: tuple[str, ...] = ()
    quota: int = 100
    room_quota: int = 5
    latency: float = 0.0
    fault_rate: float = 0.0
    faults: tuple[FaultKind, ...] = ("500", "503", "429", "cut")
    deny: tuple[str, ...] = ()
    seed: int = 0
    log: Path | None = None

    def __post_init__(self) -> None:
        loopback_address(self.host)
        if not 0 <= self.port <= _MAX_PORT:
            raise ValueError(f"port {self.port}: must be 0 to {_MAX_PORT}")
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(f"account {self.account!r}: must be 12 digits")
        for arn in (*self.rooms, *self.deny):
            region_of(arn)
        check_quota(self.quota)
        check_quota(self.room_quota)
        check_latency(self.latency)
        check_faults(self.fault_rate, self.faults)


def loopback_address(host: str) -> str:
    """`host` as an IP address. Raises ValueError for anything but a loopback address or `localhost`."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"host {host!r}: must be a loopback address such as 127.0.0.1 or ::1")
    return str(address)


def region_of(arn: str) -> str:
    """The region in a room's ARN. Raises ValueError for text that is no room ARN by the service model."""
    match = room_arn_pattern().fullmatch(arn)
    if match is None or len(arn) > 128:
        raise ValueError(f"room {arn!r}: must be an ARN like arn:aws:ivschat:us-west-2:123456789012:room/AbCdEf123456")
    return match[1]


def check_quota(quota: int) -> None:
    """Raises ValueError for a quota that is negative."""
    if quota < 0:
        raise ValueError(f"quota {quota}: must be 0 (none) or calls a second")


def check_latency(latency: float) -> None:
    """Raises ValueError for a latency that is not a number of seconds from 0 to 3600."""
    if not 0 <= latency <= 3600:
        raise ValueError(f"latency {latency}: must be 0 to 3600 seconds")


def check_faults(rate: float, kinds: tuple[FaultKind, ...]) -> None:
    """Raises ValueError for a rate outside 0 to 100, for a kind there is not, and for a rate with no kind."""
    if not 0 <= rate <= 100:
        raise ValueError(f"fault rate {rate}: must be a percentage, 0 to 100")
    for kind in kinds:
        if kind not in FAULT_KINDS:
            raise ValueError(f"fault {kind!r}: must be one of {', '.join(FAULT_KINDS)}")
    if rate > 0 and not kinds:
        raise ValueError(f"fault rate {rate}: name at least one kind of fault")
