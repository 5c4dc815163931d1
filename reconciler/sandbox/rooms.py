"""Rooms in memory, and the operations on them: CreateRoom, GetRoom, ListRooms and DeleteRoom.

Source: service model `ivschat` 2020-07-14 as shipped by botocore for members, defaults and the order of ListRooms.
"""

import base64
import random
import string
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from reconciler.sandbox import errors
from reconciler.sandbox.model import FieldProblem
from reconciler.sandbox.request import rfc3339, timestamp

Params: TypeAlias = Mapping[str, Any]
"""The JSON object of a request's body."""

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Attributes:
        status: the HTTP status.
        body: the JSON object; None for no body at all.
    """

    status: int
    body: dict[str, Any] | None


Operation: TypeAlias = Callable[[str, Params, float], Answer]
"""What carries out a request: it takes the region that the request is signed for, the request itself, and the time."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room that exists.

    Attributes:
        arn: its ARN.
        created: when it was made, in seconds since 1970.
        number: its place in the order of creation.
        settings: the request that made it.
    """

    arn: str
    created: float
    number: int
    settings: Params

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":", 4)[3]

    @property
    def handler_uri(self) -> str:
        """The ARN of the message review handler; empty if it has none."""
        return (self.settings.get("messageReviewHandler") or {}).get("uri") or ""

    @property
    def summary(self) -> dict[str, Any]:
        """The members of the shape RoomSummary."""
        made = rfc3339(timestamp(self.created))
        members: dict[str, Any] = {
            "arn": self.arn,
            "id": errors.room_id(self.arn),
            "createTime": made,
            "updateTime": made,  # without UpdateRoom a room stays as it was made
            "tags": self.settings.get("tags") or {},
            "loggingConfigurationIdentifiers": self.settings.get("loggingConfigurationIdentifiers") or [],
        }
        if self.settings.get("name") is not None:
            members["name"] = self.settings["name"]
        if self.handler_uri:
            fallback = self.settings["messageReviewHandler"].get("fallbackResult") or "ALLOW"
            members["messageReviewHandler"] = {"uri": self.handler_uri, "fallbackResult": fallback}
        return members

    @property
    def details(self) -> dict[str, Any]:
        """The members of the shapes CreateRoomResponse and GetRoomResponse."""
        return self.summary | {
            "maximumMessageRatePerSecond": self.settings.get("maximumMessageRatePerSecond") or 10,
            "maximumMessageLength": self.settings.get("maximumMessageLength") or 500,
        }


class Rooms:
    """The rooms of every region, and the operations on them."""

    def __init__(self, account: str, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)  # noqa: S311 - room IDs are no secret
        self._rooms: dict[str, Room] = {}
        self._made = 0

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the rooms that exist, in order of creation."""
        return tuple(self._rooms)

    def add(self, arn: str, now: float, settings: Params | None = None) -> Room:
        """Let a room exist, in the region of its ARN; one that exists already stays as it is."""
        if arn not in self._rooms:
            self._made += 1
            self._rooms[arn] = Room(arn, now, self._made, settings or {})
        return self._rooms[arn]

    def existing(self, arn: str, region: str) -> Room:
        """A room.

        Raises:
            ServiceError: ResourceNotFoundException, since this region has no such room.
        """
        room = self._rooms.get(arn)
        if room is None or room.region != region:
            raise errors.room_not_found(arn, region)
        return room

    def create(self, region: str, params: Params, now: float) -> Answer:
        """CreateRoom. It takes any logging configuration, since the sandbox keeps none."""
        return Answer(200, self.add(self._new_arn(region), now, params).details)

    def get(self, region: str, params: Params, _now: float) -> Answer:
        """GetRoom."""
        return Answer(200, self.existing(params["identifier"], region).details)

    def delete(self, region: str, params: Params, _now: float) -> Answer:
        """DeleteRoom."""
        del self._rooms[self.existing(params["identifier"], region).arn]
        return Answer(204, None)

    def page(self, region: str, params: Params, _now: float) -> Answer:
        """ListRooms, newest first. A page goes on after the last room of the one before, so nothing shifts."""
        rooms = list(self._rooms.values())  # in the order of their numbers
        if params.get("nextToken"):
            del rooms[bisect_left(rooms, _number_in(params["nextToken"]), key=lambda room: room.number) :]
        size: int = params.get("maxResults") or 50
        wanted = (room for room in reversed(rooms) if room.region == region and _is_wanted(room, params))
        page = list(islice(wanted, size + 1))
        body: dict[str, Any] = {"rooms": [room.summary for room in page[:size]]}
        if len(page) > size:
            body["nextToken"] = base64.urlsafe_b64encode(str(page[size - 1].number).encode()).decode()
        return Answer(200, body)

    def _new_arn(self, region: str) -> str:
        while True:
            room_id = "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH))
            arn = f"arn:aws:ivschat:{region}:{self._account}:room/{room_id}"
            if arn not in self._rooms:
                return arn


def _is_wanted(room: Room, params: Params) -> bool:
    name, handler = params.get("name"), params.get("messageReviewHandlerUri")
    logging = params.get("loggingConfigurationIdentifier")
    return (
        (name is None or name == (room.settings.get("name") or ""))
        and (handler is None or handler == room.handler_uri)
        and (logging is None or logging in (room.settings.get("loggingConfigurationIdentifiers") or []))
    )


def _number_in(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode())
    except ValueError:
        problem = FieldProblem("nextToken", "Value at 'nextToken' is not one that ListRooms gave")
        raise errors.invalid([problem]) from None
