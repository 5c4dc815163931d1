"""Rooms and who is connected, as much of it as a page can show: of a million rooms the ones that matter.

Pure.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from reconciler.sandbox.connections import Connections
from reconciler.sandbox.rooms import Room, Rooms

SHOWN_ROOMS = 50
SHOWN_USERS = 20
"""How many users of a room are named."""

_COUNTED = 200
"""Connections of a room that are looked at; with a search, all of them are."""


class Overview:
    """What one watcher wants to see: all rooms, or those in whose ARN, name or users it searches for a text."""

    def __init__(self) -> None:
        self._text = ""
        self._found: tuple[list[str], int] | None = None  # by ARN and name: the first rooms, and how many there are

    def look_for(self, text: str) -> None:
        """Search for this text from now on, in whichever case; empty stands for everything."""
        self._text = text
        self.forget()

    def forget(self) -> None:
        """The rooms are not what they were."""
        self._found = None

    def of(self, rooms: Rooms, connections: Connections) -> dict[str, Any]:
        """The overview as a JSON object.

        `rooms` are the rooms to show, in order of creation if that is all of them; else those where somebody is come
        first. Of each, `users` are pairs of a user ID and its connections, and `more` counts the connections of others.
        `matching` counts the rooms that are wanted, `connections` and `all` everything in the sandbox.
        """
        wanted = self._text.lower()
        shown, matching = self._search(wanted, rooms, connections) if wanted else _first(rooms, connections)
        return {
            "search": self._text,
            "rooms": [_entry(room, connections, wanted) for room in shown],
            "matching": matching,
            "all": len(rooms),
            "connections": len(connections),
        }

    def _search(self, wanted: str, rooms: Rooms, connections: Connections) -> tuple[list[Room], int]:
        """The first rooms that match, and how many do."""
        if self._found is None:
            matches = [room.arn for room in rooms if _matches(room, wanted)]
            self._found = matches[:SHOWN_ROOMS], len(matches)
        arns, matching = self._found
        by_user = [
            room.arn
            for room in _occupied(rooms, connections)
            if not _matches(room, wanted) and any(_users(room, connections, wanted))
        ]
        found = map(rooms.find, [*by_user, *arns][:SHOWN_ROOMS])
        return [room for room in found if room is not None], matching + len(by_user)


def _first(rooms: Rooms, connections: Connections) -> tuple[list[Room], int]:
    """The first rooms, and how many there are."""
    if len(rooms) <= SHOWN_ROOMS:
        return list(rooms), len(rooms)
    occupied = list(islice(_occupied(rooms, connections), SHOWN_ROOMS))
    others = (room for room in rooms if not connections.in_room(room.arn))
    return list(islice(chain(occupied, others), SHOWN_ROOMS)), len(rooms)


def _occupied(rooms: Rooms, connections: Connections) -> Iterator[Room]:
    return (room for arn in connections.rooms if (room := rooms.find(arn)) is not None)


def _matches(room: Room, wanted: str) -> bool:
    return wanted in room.name.lower() or wanted in room.arn.lower()


def _users(room: Room, connections: Connections, wanted: str) -> Iterator[str]:
    """The user of each connection to a room, of those that are searched for."""
    users = (connection.token.user_id for connection in connections.in_room(room.arn))
    return (user_id for user_id in users if wanted in user_id.lower())


def _entry(room: Room, connections: Connections, wanted: str) -> dict[str, Any]:
    there = len(connections.in_room(room.arn))
    searched = wanted if not _matches(room, wanted) else ""
    users = Counter(islice(_users(room, connections, searched), None if searched else _COUNTED))
    shown = list(islice(users.items(), SHOWN_USERS))
    more = there - sum(count for _, count in shown)
    return {"arn": room.arn, "name": room.name, "connections": there, "users": shown, "more": more}
