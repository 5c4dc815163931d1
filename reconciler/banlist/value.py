"""The ban list as a value: who is to be banned where."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.bans import DEFAULT_RATE, Ban, BanKey
from reconciler.errors import Problem
from reconciler.guardrails import Guardrails

DEFAULT_STATE: Final = "bans.state.json"
DEFAULT_DENYLIST_NAME: Final = "bans"
# A token is good for connecting for 60 s, a gate's copy is at most 10 s old, and 20 s are for connections being made.
DEFAULT_SETTLE_AFTER: Final = 90


@dataclass(frozen=True, slots=True)
class DenylistSettings:
    """What a list says about its denylist: the copy of all bans that token services read.

    Attributes:
        location: as the list writes it: a path from the list's own folder, `s3://BUCKET/KEY` or
            `dynamodb://REGION/TABLE`.
        name: tells apart the lists that share a table.
        settle_after: seconds after a ban was published at which the user is disconnected once more.
        token_records: the table of token records, `dynamodb://REGION/TABLE`, if token services write them.
    """

    location: str
    name: str = DEFAULT_DENYLIST_NAME
    settle_after: int = DEFAULT_SETTLE_AFTER
    token_records: str | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """Rooms to find when bans mean every room there is.

    Attributes:
        region: the AWS region to look in.
        account: the AWS account number; None means that of the credentials.
        name_prefix: how their names begin; None means any name.
        tags: what their tags must be.
    """

    region: str
    account: str | None = None
    name_prefix: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """Who calls in an AWS account: a role, or a profile of the AWS configuration.

    Attributes:
        role_arn: the role to assume, which is in that account; None if it is a profile.
        external_id: what the trust policy of the role asks for, if it does.
        profile: the name of the profile; None if it is a role.
    """

    role_arn: str | None = None
    external_id: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class BanList:
    """What a ban list says: the desired state.

    Attributes:
        path: the file, as it was given to us.
        sha256: of its content, and of the names and contents of the files that it includes; in hexadecimal.
        state: where the state is kept, as the list writes it: relative to the list's own folder.
        rooms: name → ARN.
        guardrails: what a plan may not do.
        rate: DisconnectUser calls a second in each account and region.
        bans: every ban, expired ones included, in the order of the list, then of the files that it includes.
        included: the files that it includes, as messages name them.
        denylist: where and how bans are published; None publishes none.
        discover: rooms to find at apply, besides those under `rooms`.
        accounts: who calls in which AWS account, by its number; in others, the usual credentials do.
        warnings: what looks wrong but may be meant, in the order of the files.
    """

    path: str = "bans.yaml"
    sha256: str = ""
    state: str = DEFAULT_STATE
    rooms: Mapping[str, str] = field(default_factory=dict)
    guardrails: Guardrails = field(default_factory=Guardrails)
    rate: float = DEFAULT_RATE
    bans: Mapping[BanKey, Ban] = field(default_factory=dict)
    included: tuple[str, ...] = ()
    denylist: DenylistSettings | None = None
    discover: tuple[Discovery, ...] = ()
    accounts: Mapping[str, Access] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()

    @property
    def state_location(self) -> str:
        """Where the state is kept, seen from here."""
        return self.seen_from_here(self.state)

    def seen_from_here(self, location: str) -> str:
        """A location that the list names: a path in the list starts at the folder of the list."""
        return location if "://" in location else os.path.join(os.path.dirname(self.path), location)

    @property
    def room_names(self) -> dict[str, str]:
        """ARN → name."""
        return {arn: name for name, arn in self.rooms.items()}


@dataclass(frozen=True, slots=True)
class NotIncluded:
    """A pattern of `include` whose files cannot be read.

    Attributes:
        why: the reason, and what to do about it.
    """

    why: str


Find = Callable[[Sequence[str]], "Sequence[Sequence[tuple[str, bytes]] | NotIncluded]"]
"""From the patterns of `include` to the files that each means: their names, for messages, and their contents."""
