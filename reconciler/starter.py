"""The list to begin with: it bans nobody, and its comments say how that is done."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.banlist.format import is_ambiguous
from reconciler.banlist.schema import ALL_ROOMS, EXAMPLE_ARN, EXAMPLE_TIME
from reconciler.bans import EVERYWHERE_NAME, account_region_of
from reconciler.rooms import Room

SCHEMA_FILE: Final = "bans.schema.json"  # beside the list

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST: Final = 100  # characters of a name, before a number is put behind it

_LIST: Final = """\
# yaml-language-server: $schema={schema}
# Who is banned from which chat room. Change this file in a pull request, which shows the plan; merging it applies it.
# A ban disconnects the user once. Without a denylist that your token service asks, they come back with the next token.
version: 1
{state}
# Publish everybody who is banned where token services read it; docs/denylist.md of reconciler says how to begin.
# denylist: dynamodb://us-west-2/denylist

# Names for the rooms, used below and in plans. `reconciler rooms` shows the rooms of your AWS account with their ARNs.
rooms:
{rooms}
# Brakes against mistakes. These are the defaults.
guardrails:
  max_bans: 1000          # a plan with more new bans than this is refused
  max_lift_percent: 30    # so is one that lifts more than this share of 10 or more recorded bans
  max_everywhere: 10      # so is one with more new bans than this in every room there is
  protected_users: []     # user IDs that may never be banned, or patterns such as host-*

# To ban somebody, run `reconciler ban USER_ID --room {room}`. Or write an entry below `bans:`, in place of the []:
#
#   - user_id: ABC123def456
#     rooms: [{room}]
#     reason: Violated terms of service     # optional, and public: everybody in the room sees it
#     expires_at: {time}      # optional; without it, the ban is for good
#     note: TS-4211                         # optional, for reviewers; never sent anywhere
#
# `rooms: all` means every room above, and `rooms: everywhere` every room there is or will be.
bans: []
"""


def starter(rooms: Mapping[str, str], state: str | None = None) -> str:
    """A list that bans nobody.

    Args:
        rooms: name → ARN, as `named` gives them; without any, the list shows how to write one.
        state: where it keeps the state, as YAML; None for a file beside it.
    """
    shown = "".join(f"  {_key(name)}: {arn}\n" for name, arn in rooms.items()) or f"  # lobby: {EXAMPLE_ARN}\n"
    room = _key(next(iter(rooms), "lobby"))
    kept = "" if state is None else f"state: {state} # who has been disconnected already\n"
    return _LIST.format(state=kept, schema=SCHEMA_FILE, rooms=shown, room=room, time=EXAMPLE_TIME)


def named(rooms: Iterable[Room]) -> dict[str, str]:
    """Names for rooms, by which a list may call them: name → ARN, by region and name.

    Each has the name that it has in Amazon IVS, without what a list does not take there. A room without a name is
    called after its ID. Of several with one name, all but the first have a number.
    """
    names: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for room in sorted(rooms, key=lambda room: (account_region_of(room.arn).region, room.name, room.arn)):
        name = base = _base_of(room)
        while name in names:
            numbers[base] = numbers.get(base, 1) + 1
            name = f"{base}-{numbers[base]}"
        names[name] = room.arn
    return names


def _base_of(room: Room) -> str:
    name = _NOT_IN_NAMES.sub("-", room.name).strip("-.")[:_LONGEST]
    if not name or name in (ALL_ROOMS, EVERYWHERE_NAME):
        return f"room-{name or room.arn.rpartition('/')[2]}"
    return name


def _key(name: str) -> str:
    """A name as YAML: in quotes where some tool would take it for a number or a truth value."""
    return f'"{name}"' if is_ambiguous(name) else name
