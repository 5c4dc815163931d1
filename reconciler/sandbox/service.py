"""IVS Chat's control plane in memory: rooms, quotas, and what each operation answers.

Pure: no sockets, no clock. A call comes with the time it is made at, in seconds since 1970.

Sources: service model `ivschat` 2020-07-14 as shipped by botocore for members, defaults, errors and the order of
ListRooms; AWS documentation page "IVS Chat Service Quotas" for rates, which hold per account and region.
"""

import base64
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from reconciler.sandbox import errors
from reconciler.sandbox.model import FieldProblem, check
from reconciler.sandbox.options import region_of
from reconciler.sandbox.quota import TokenBucket

OPERATIONS = ("CreateRoom", "DeleteRoom", "DisconnectUser", "GetRoom", "ListRooms")
"""The operations that the sandbox does."""

Params: TypeAlias = Mapping[str, Any]
"""The JSON object of a request's body."""

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: HTTP status and JSON object, or no body at all (204)."""

    status: int
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Room:
    """A room that exists. `created` is in seconds since 1970; `number` counts rooms in order of creation."""

    arn: str
    created: float
    number: int
    settings: Params

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.arn.split(":", 4)[3]

    @property
    def summary(self) -> dict[str, Any]:
        """The members of the shape RoomSummary."""
        wanted = self.settings
        time = datetime.fromtimestamp(self.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        members: dict[str, Any] = {"arn": self.arn, "id": errors.room_id(self.arn), "createTime": time}
        # Without UpdateRoom a room stays as it was made.
        members |= {"updateTime": time, "tags": wanted.get("tags") or {}}
        members["loggingConfigurationIdentifiers"] = wanted.get("loggingConfigurationIdentifiers") or []
        if wanted.get("name") is not None:
            members["name"] = wanted["name"]
        if self.handler_uri:
            handler = wanted["messageReviewHandler"]
            members["messageReviewHandler"] = {
                "uri": self.handler_uri,
                "fallbackResult": handler.get("fallbackResult") or "ALLOW",
            }
        return members

    @property
    def details(self) -> dict[str, Any]:
        """The members of the shapes CreateRoomResponse and GetRoomResponse."""
        return self.summary | {
            "maximumMessageRatePerSecond": self.settings.get("maximumMessageRatePerSecond") or 10,
            "maximumMessageLength": self.settings.get("maximumMessageLength") or 500,
        }

    @property
    def handler_uri(self) -> str:
        """The ARN of the message review handler; empty: none."""
        handler = self.settings.get("messageReviewHandler") or {}
        return handler.get("uri") or ""


class Service:
    """The rooms of every region, and the operations on them.

    `quota` (DisconnectUser) and `room_quota` (each of the room operations) are calls a second and region, 0 for
    none. `seed` determines the IDs of new rooms. Not thread-safe.
    """

    def __init__(self, *, account: str, quota: int, room_quota: int, seed: int) -> None:
        self.account = account
        self.quota = quota
        self.room_quota = room_quota
        self.denied: set[str] = set()
        self.disconnected: list[tuple[str, str]] = []
        """Room ARN and user ID of every DisconnectUser that was carried out, in order."""
        self._rooms: dict[str, Room] = {}
        self._made = 0
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._random = random.Random(seed)  # noqa: S311 - room IDs are no secret
        self._operations: dict[str, Callable[[str, Params, float], Answer]] = {
            "CreateRoom": self._create_room,
            "DeleteRoom": self._delete_room,
            "DisconnectUser": self._disconnect_user,
            "GetRoom": self._get_room,
            "ListRooms": self._list_rooms,
        }

    @property
    def rooms(self) -> tuple[str, ...]:
        """The ARNs of the rooms that exist, in order of creation."""
        return tuple(self._rooms)

    @property
    def caller_arn(self) -> str:
        """The ARN of the one IAM user that all callers are."""
        return f"arn:aws:iam::{self.account}:user/sandbox"

    def add_room(self, arn: str, now: float) -> None:
        """Let a room exist, in the region of its ARN. Raises ValueError for text that is no room ARN."""
        region_of(arn)
        if arn not in self._rooms:
            self._add(arn, {}, now)

    def call(self, operation: str, region: str, params: Params, now: float) -> Answer:
        """A whole call: `admit` and then `carry_out`. Raises ServiceError."""
        self.admit(operation, region, params, now)
        return self.carry_out(operation, region, params, now)

    def admit(self, operation: str, region: str, params: Params, now: float) -> None:
        """Check a request against the service model, then charge it to the region's quota.

        Raises ServiceError: ValidationException or ThrottlingException. Which of the two AWS checks first is not
        documented; here a malformed request costs nothing of the quota, and any other attempt does.
        """
        if operation not in self._operations:
            raise errors.not_in_the_sandbox(operation, OPERATIONS)
        if problems := check(operation, params):
            raise errors.invalid(problems)
        limit = self._limit(operation)
        if limit and not self._bucket(operation, region, limit, now).take(now):
            raise self.throttled(operation, params)

    def carry_out(self, operation: str, region: str, params: Params, now: float) -> Answer:
        """Do what an admitted request asks for.

        Raises ServiceError: AccessDeniedException for a room in `denied`, whether it exists or not;
        ResourceNotFoundException for a room that does not exist in this region.
        """
        if _arn(params) in self.denied:
            raise self.access_denied(operation, params)
        return self._operations[operation](region, params, now)

    def throttled(self, operation: str, params: Params) -> errors.ServiceError:
        """The error for a call over the quota."""
        return errors.throttled(operation, arn=_arn(params), limit=self._limit(operation) or 100)

    def access_denied(self, operation: str, params: Params) -> errors.ServiceError:
        """The error for a call that the caller may not make."""
        return errors.access_denied(operation, caller_arn=self.caller_arn, resource=_arn(params) or "*")

    def _limit(self, operation: str) -> int:
        return self.quota if operation == "DisconnectUser" else self.room_quota

    def _bucket(self, operation: str, region: str, limit: int, now: float) -> TokenBucket:
        bucket = self._buckets.get((operation, region))
        if bucket is None or bucket.rate != limit:
            bucket = self._buckets[operation, region] = TokenBucket(limit, now=now)
        return bucket

    def _disconnect_user(self, region: str, params: Params, _now: float) -> Answer:
        room = self._existing(region, params)
        self.disconnected.append((room.arn, params["userId"]))
        return Answer(200, {})

    def _create_room(self, region: str, params: Params, now: float) -> Answer:
        """Logging configurations are not kept, so the identifiers of any are accepted."""
        room = self._add(self._new_arn(region), params, now)
        return Answer(200, room.details)

    def _get_room(self, region: str, params: Params, _now: float) -> Answer:
        return Answer(200, self._existing(region, params).details)

    def _delete_room(self, region: str, params: Params, _now: float) -> Answer:
        del self._rooms[self._existing(region, params).arn]
        return Answer(204, None)

    def _list_rooms(self, region: str, params: Params, _now: float) -> Answer:
        """Pages are cut by the last room of the one before, so rooms that come and go shift nothing."""
        rooms = [room for room in self._rooms.values() if room.region == region and _is_wanted(room, params)]
        rooms.sort(key=_age, reverse=True)
        if params.get("nextToken"):
            last = _age_in(params["nextToken"])
            rooms = [room for room in rooms if _age(room) < last]
        size: int = params.get("maxResults") or 50
        body: dict[str, Any] = {"rooms": [room.summary for room in rooms[:size]]}
        if len(rooms) > size:
            body["nextToken"] = _token(rooms[size - 1])
        return Answer(200, body)

    def _existing(self, region: str, params: Params) -> Room:
        arn = _arn(params) or ""
        room = self._rooms.get(arn)
        if room is None or room.region != region:
            raise errors.room_not_found(arn, region)
        return room

    def _add(self, arn: str, settings: Params, now: float) -> Room:
        self._made += 1
        room = self._rooms[arn] = Room(arn, now, self._made, settings)
        return room

    def _new_arn(self, region: str) -> str:
        while True:
            room_id = "".join(self._random.choices(_ID_LETTERS, k=_ID_LENGTH))
            arn = f"arn:aws:ivschat:{region}:{self.account}:room/{room_id}"
            if arn not in self._rooms:
                return arn


def _arn(params: Params) -> str | None:
    """The room that a request is about: `roomIdentifier` of DisconnectUser, `identifier` of the room operations."""
    arn = params.get("roomIdentifier") or params.get("identifier")
    return arn if isinstance(arn, str) else None


def _is_wanted(room: Room, params: Params) -> bool:
    name, handler = params.get("name"), params.get("messageReviewHandlerUri")
    logging = params.get("loggingConfigurationIdentifier")
    return (
        (name is None or name == (room.settings.get("name") or ""))
        and (handler is None or handler == room.handler_uri)
        and (logging is None or logging in (room.settings.get("loggingConfigurationIdentifiers") or []))
    )


def _age(room: Room) -> tuple[float, int]:
    return room.created, room.number


def _token(room: Room) -> str:
    return base64.urlsafe_b64encode(f"{room.created!r} {room.number}".encode()).decode()


def _age_in(token: str) -> tuple[float, int]:
    try:
        created, number = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        return float(created), int(number)
    except ValueError:
        problem = FieldProblem("nextToken", "Value at 'nextToken' is not one that ListRooms gave")
        raise errors.invalid([problem]) from None
