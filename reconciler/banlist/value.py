"""The ban list as a value: who is to be banned where."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from reconciler.bans import DEFAULT_RATE, Ban, BanKey
from reconciler.errors import Problem
from reconciler.guardrails import Guardrails

DEFAULT_STATE: Final = "bans.state.json"


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
    warnings: tuple[Problem, ...] = ()

    @property
    def state_location(self) -> str:
        """Where the state is kept, seen from here: a path in the list starts at the folder of the list."""
        return self.state if "://" in self.state else os.path.join(os.path.dirname(self.path), self.state)

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
