"""What a sandbox is started with."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.sandbox.kinds import DEFAULT_FAULTS, FAULT_KINDS, FaultKind
from reconciler.sandbox.model import check, room_arn_pattern

_ACCOUNT = re.compile(r"[0-9]{12}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]{1,512}")
_MAX_PORT = 65535
_MAX_ROOMS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """What a sandbox is started with.

    Attributes:
        host: the address to listen on, or `localhost`. Whoever reaches it can use the sandbox: other addresses than
            those of loopback are for containers.
        allow_hosts: names for this machine, besides those of loopback, by which the API may be called.
        port: a TCP port; 0 takes any free one.
        account: the AWS account of the caller, unless it has assumed a role, and of the rooms that CreateRoom makes: 12
            digits.
        rooms: ARNs of rooms that exist from the start, each in its own region, of whichever account.
        room_names: the names of some of them, by ARN. A name that the service would not take is left out.
        more_rooms: how many rooms exist besides, called `room-1` and so on, in the region of the first of `rooms` or in
            us-west-2.
        quota: calls of DisconnectUser, SendEvent and DeleteMessage a second in each account and region, each by itself;
            0 means no quota. The defaults of this and the next two are AWS's (documentation page "IVS Chat Service
            Quotas").
        token_quota: the same for CreateChatToken.
        room_quota: the same for the operations on rooms, each by itself; those on tags have twice as many.
        token_lifetime: seconds in which a chat token is accepted. What CreateChatToken answers says a minute still.
        session_lifetime: seconds that a session lasts at most; None leaves it to CreateChatToken.
        latency: seconds between a request and its answer, and by which what chat clients hear is late.
        fault_rate: the percentage of the calls, 0 to 100, that fail with one of `faults`, as do the handshakes and
            requests of chat clients, which only FAULTS_OF_CLIENTS concern.
        faults: how they fail.
        deny: ARNs of rooms for which every call is answered AccessDeniedException, and of roles that nobody may assume.
        seed: decides which calls fail, and the IDs of new rooms.
        log: a file to which each request is appended as one line of JSON.
        review_handlers: where the message review handlers are that rooms name: their HTTP address by their ARN. Others
            count as failing.
        chat_log: a folder for chat logs.

    Raises:
        ValueError: an option is wrong. The message says which, and what it may be.
    """

    host: str = "127.0.0.1"
    allow_hosts: tuple[str, ...] = ()
    port: int = 0
    account: str = "123456789012"
    rooms: tuple[str, ...] = ()
    room_names: Mapping[str, str] = field(default_factory=dict)
    more_rooms: int = 0
    quota: int = 100
    token_quota: int = 200
    room_quota: int = 5
    token_lifetime: float = 60.0
    session_lifetime: float | None = None
    latency: float = 0.0
    fault_rate: float = 0.0
    faults: tuple[FaultKind, ...] = DEFAULT_FAULTS
    deny: tuple[str, ...] = ()
    seed: int = 0
    log: Path | None = None
    review_handlers: Mapping[str, str] = field(default_factory=dict)
    chat_log: Path | None = None

    def __post_init__(self) -> None:
        address_of(self.host)
        if not 0 <= self.port <= _MAX_PORT:
            raise ValueError(f"port {self.port}: must be 0 to {_MAX_PORT}")
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(f"account {self.account!r}: must be 12 digits")
        for arn in (*self.rooms, *(arn for arn in self.deny if not _ROLE.fullmatch(arn))):
            check_room(arn)
        if not 0 <= self.more_rooms <= _MAX_ROOMS:
            raise ValueError(f"{self.more_rooms} more rooms: must be 0 to {_MAX_ROOMS}")
        for quota in (self.quota, self.token_quota, self.room_quota):
            if quota < 0:
                raise ValueError(f"quota {quota}: must be 0 (none) or calls a second")
        if not 0 < self.token_lifetime <= 60:
            raise ValueError(f"token lifetime {self.token_lifetime}: must be above 0 and at most 60 seconds")
        if self.session_lifetime is not None and not 0 < self.session_lifetime <= 10_800:
            raise ValueError(f"session lifetime {self.session_lifetime}: must be above 0 and at most 10800 seconds")
        for arn, url in self.review_handlers.items():
            if check("ListRooms", {"messageReviewHandlerUri": arn}) or not arn:
                raise ValueError(f"review handler {arn!r}: must be the ARN of a Lambda function")
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"review handler at {url!r}: must be an address such as http://127.0.0.1:9000/review")
        if not 0 <= self.latency <= 3600:
            raise ValueError(f"latency {self.latency}: must be 0 to 3600 seconds")
        if not 0 <= self.fault_rate <= 100:
            raise ValueError(f"fault rate {self.fault_rate}: must be a percentage, 0 to 100")
        for kind in self.faults:
            if kind not in FAULT_KINDS:
                raise ValueError(f"fault {kind!r}: must be one of {', '.join(FAULT_KINDS)}")
        if self.fault_rate > 0 and not self.faults:
            raise ValueError(f"fault rate {self.fault_rate}: name at least one kind of fault")


def address_of(host: str) -> str:
    """A host as an IP address.

    Raises:
        ValueError: it is neither an IP address nor `localhost`.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise ValueError(f"host {host!r}: must be an IP address such as 127.0.0.1 or ::1") from None


def check_room(arn: str) -> None:
    """Make sure that the service model takes a text for a room's ARN.

    Raises:
        ValueError: it does not.
    """
    if not room_arn_pattern().fullmatch(arn) or len(arn) > 128:
        raise ValueError(f"room {arn!r}: must be an ARN like arn:aws:ivschat:us-west-2:123456789012:room/AbCdEf123456")
