"""Rooms in memory, and the operations on them and on their tags.

Source: service model `ivschat` 2020-07-14 as shipped by botocore for members and defaults; API reference, page
"ListRooms", for its order.
"""

import base64
import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

from reconciler.sandbox import errors
from reconciler.sandbox.ids import new_id
from reconciler.sandbox.model import FieldProblem
from reconciler.sandbox.request import rfc3339, timestamp

Params: TypeAlias = Mapping[str, Any]
"""The members of a request."""

MAX_TAGS = 50


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
        updated: when its settings last changed.
        number: its place in the order of updates, in which making it counts too.
        settings: the members of CreateRoom and UpdateRoom that it has.
    """

    arn: str
    created: float
    updated: float
    number: int
    settings: Params

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":", 4)[3]

    @property
    def account(self) -> str:
        """The account it is in."""
        return self.arn.split(":", 5)[4]

    @property
    def name(self) -> str:
        """Its name; empty if it has none."""
        return self.settings.get("name") or ""

    @property
    def handler_uri(self) -> str:
        """The ARN of the message review handler; empty if it has none."""
        return (self.settings.get("messageReviewHandler") or {}).get("uri") or ""

    @property
    def fallback_result(self) -> str:
        """What becomes of a message if the handler fails: ALLOW or DENY."""
        return (self.settings.get("messageReviewHandler") or {}).get("fallbackResult") or "ALLOW"

    @property
    def tags(self) -> dict[str, str]:
        """Its tags."""
        return self.settings.get("tags") or {}

    @property
    def message_rate(self) -> int:
        """How many messages a second it takes from all its clients together."""
        return self.settings.get("maximumMessageRatePerSecond") or 10

    @property
    def message_length(self) -> int:
        """How many code points a message may have."""
        return self.settings.get("maximumMessageLength") or 500

    @property
    def summary(self) -> dict[str, Any]:
        """The members of the shape RoomSummary."""
        members: dict[str, Any] = {
            "arn": self.arn,
            "id": errors.room_id(self.arn),
            "createTime": rfc3339(timestamp(self.created)),
            "updateTime": rfc3339(timestamp(self.updated)),
            "tags": self.tags,
            "loggingConfigurationIdentifiers": self.settings.get("loggingConfigurationIdentifiers") or [],
        }
        if self.settings.get("name") is not None:
            members["name"] = self.settings["name"]
        if self.handler_uri:
            members["messageReviewHandler"] = {"uri": self.handler_uri, "fallbackResult": self.fallback_result}
        return members

    @property
    def details(self) -> dict[str, Any]:
        """The members of the shapes CreateRoomResponse, GetRoomResponse and UpdateRoomResponse."""
        return self.summary | {
            "maximumMessageRatePerSecond": self.message_rate,
            "maximumMessageLength": self.message_length,
        }


class Rooms:
    """The rooms of every region, and the operations on them."""

    def __init__(self, account: str, seed: int) -> None:
        self._account = account
        self._random = random.Random(seed)  # noqa: S311 - room IDs are no secret
        self._rooms: dict[str, Room] = {}
        self._updates = 0

    def __len__(self) -> int:
        return len(self._rooms)

    def __iter__(self) -> Iterator[Room]:
        return iter(self._rooms.values())

    @property
    def arns(self) -> tuple[str, ...]:
        """The ARNs of the rooms that exist, in order of creation."""
        return tuple(self._rooms)

    def add(self, arn: str, now: float, settings: Params | None = None) -> Room:
        """Let a room exist, in the region of its ARN; one that exists already stays as it is."""
        if arn not in self._rooms:
            self._rooms[arn] = Room(arn, now, now, self._next_number(), settings or {})
        return self._rooms[arn]

    def find(self, arn: str) -> Room | None:
        """A room, whatever its region; None if it does not exist."""
        return self._rooms.get(arn)

    def existing(self, arn: str, region: str) -> Room:
        """A room.

        Raises:
            ServiceError: ResourceNotFoundException, since this region has no such room.
        """
        room = self._rooms.get(arn)
        if room is None or room.region != region:
            raise errors.room_not_found(arn, region)
        return room

    def create(self, region: str, params: Params, now: float, account: str | None = None) -> Answer:
        """CreateRoom, in an account or else in the usual one.

        It takes any logging configuration, since the sandbox keeps none.
        """
        _check_tag_keys(params.get("tags") or {})
        return Answer(200, self.add(self._new_arn(region, account or self._account), now, params).details)

    def get(self, region: str, params: Params, _now: float) -> Answer:
        """GetRoom."""
        return Answer(200, self.existing(params["identifier"], region).details)

    def update(self, region: str, params: Params, now: float) -> Answer:
        """UpdateRoom: what the request names changes, and the room is the first in ListRooms."""
        room = self.existing(params["identifier"], region)
        changed = {name: value for name, value in params.items() if value is not None and name != "identifier"}
        settings = {**room.settings, **changed}
        room = replace(room, settings=settings, updated=now, number=self._next_number())
        self._rooms[room.arn] = room
        return Answer(200, room.details)

    def delete(self, region: str, params: Params, _now: float) -> Answer:
        """DeleteRoom."""
        del self._rooms[self.existing(params["identifier"], region).arn]
        return Answer(204, None)

    def page(self, region: str, params: Params, _now: float, account: str | None = None) -> Answer:
        """ListRooms, newest update first: the rooms of an account, or of all.

        A page goes on after the last room of the one before. A room that is made or updated meanwhile is in front of
        the first page, so whoever is halfway through misses it.
        """
        rooms = sorted(self._rooms.values(), key=lambda room: room.number)
        if params.get("nextToken"):
            del rooms[bisect_left(rooms, _number_in(params["nextToken"]), key=lambda room: room.number) :]
        size: int = params.get("maxResults") or 50
        there = (room for room in reversed(rooms) if room.region == region and account in (None, room.account))
        wanted = (room for room in there if _is_wanted(room, params))
        page = list(islice(wanted, size + 1))
        body: dict[str, Any] = {"rooms": [room.summary for room in page[:size]]}
        if len(page) > size:
            body["nextToken"] = base64.urlsafe_b64encode(str(page[size - 1].number).encode()).decode()
        return Answer(200, body)

    def tag(self, region: str, params: Params, _now: float) -> Answer:
        """TagResource."""
        room = self.existing(params["resourceArn"], region)
        _check_tag_keys(params["tags"])
        tags = room.tags | params["tags"]
        if len(tags) > MAX_TAGS:
            raise errors.invalid([FieldProblem("tags", f"A resource has at most {MAX_TAGS} tags")])
        return self._with_tags(room, tags)

    def untag(self, region: str, params: Params, _now: float) -> Answer:
        """UntagResource; keys that the room does not have are no error."""
        room = self.existing(params["resourceArn"], region)
        return self._with_tags(room, {key: tag for key, tag in room.tags.items() if key not in params["tagKeys"]})

    def list_tags(self, region: str, params: Params, _now: float) -> Answer:
        """ListTagsForResource."""
        return Answer(200, {"tags": self.existing(params["resourceArn"], region).tags})

    def _with_tags(self, room: Room, tags: dict[str, str]) -> Answer:
        self._rooms[room.arn] = replace(room, settings={**room.settings, "tags": tags})
        return Answer(200, {})

    def _next_number(self) -> int:
        self._updates += 1
        return self._updates

    def _new_arn(self, region: str, account: str) -> str:
        while True:
            arn = f"arn:aws:ivschat:{region}:{account}:room/{new_id(self._random)}"
            if arn not in self._rooms:
                return arn


def _check_tag_keys(tags: Mapping[str, str]) -> None:
    """AWS keeps the prefix `aws:` to itself (AWS documentation page "Tag naming limits and requirements")."""
    if any(key.lower().startswith("aws:") for key in tags):
        raise errors.invalid([FieldProblem("tags", "A key of a tag must not begin with 'aws:'")])


def _is_wanted(room: Room, params: Params) -> bool:
    name, handler = params.get("name"), params.get("messageReviewHandlerUri")
    logging = params.get("loggingConfigurationIdentifier")
    return (
        (name is None or name == room.name)
        and (handler is None or handler == room.handler_uri)
        and (logging is None or logging in (room.settings.get("loggingConfigurationIdentifiers") or []))
    )


def _number_in(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode())
    except ValueError:
        problem = FieldProblem("nextToken", "Value at 'nextToken' is not one that ListRooms gave")
        raise errors.invalid([problem]) from None
