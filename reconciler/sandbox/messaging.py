"""What happens in rooms: clients join, send messages, delete them and disconnect each other.

Pure: no sockets, no clock. Sources are those of `frames`. What is not documented is decided here: a room that is
deleted closes its connections.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from reconciler.bans import AccountRegion
from reconciler.sandbox.connections import Connection, Connections
from reconciler.sandbox.faults import ANSWERS_TO_CLIENTS
from reconciler.sandbox.feed import Feed
from reconciler.sandbox.frames import (
    ChatError,
    Message,
    attributes_of,
    content_of,
    encoded,
    error_entity,
    event_entity,
    message_entity,
    read,
    request_id_of,
)
from reconciler.sandbox.ids import new_id
from reconciler.sandbox.kinds import FaultKind
from reconciler.sandbox.model import check
from reconciler.sandbox.quota import Quotas
from reconciler.sandbox.review import Review
from reconciler.sandbox.rooms import Room, Rooms
from reconciler.sandbox.tokens import TokenRefused, Tokens

Log: TypeAlias = Callable[[str, Mapping[str, Any], float], None]

_ACTIONS = ("SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER")  # which are the names of the capabilities too


class Messaging:
    """The rooms' life. Not thread-safe.

    Args:
        rooms: the rooms that exist.
        tokens: what opens them.
        charge: whether one more call of an operation in an account and region is within its quota at this time.
        feed: told what happens.
        log: called with the ARN of a room and with what it receives, and when.

    Attributes:
        connections: who is there.
        disconnected: room ARN and user ID of every disconnection that was asked for, in order.
    """

    def __init__(
        self,
        rooms: Rooms,
        tokens: Tokens,
        charge: Callable[[str, AccountRegion, float], bool],
        feed: Feed,
        log: Log | None = None,
    ) -> None:
        self._log = log
        self._feed = feed
        self.connections = Connections(feed.joined, feed.left)
        self.disconnected: list[tuple[str, str]] = []
        self._rooms = rooms
        self._tokens = tokens
        self._charge = charge
        self._rates = Quotas()
        self._random = random.SystemRandom()

    def join(self, token: str, address: str, now: float) -> Connection:
        """A connection for whoever shows this token.

        Raises:
            TokenRefused: it opens none, or the room is gone.
        """
        redeemed = self._tokens.redeem(token, now)
        if self._rooms.find(redeemed.room_arn) is None:
            raise TokenRefused(404, "The room of this chat token does not exist any more.")
        connection = Connection(redeemed, address, now)
        self.connections.add(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        """The client has gone."""
        connection.is_ended = True
        self.connections.remove(connection)

    def expire(self, connection: Connection) -> None:
        """The time of a session is up."""
        self._refuse(connection, ChatError(401, "The session has expired"), "")
        connection.end()
        self.connections.remove(connection)

    def receive(
        self, connection: Connection, text: str | None, now: float, fault: FaultKind | None = None
    ) -> Review | None:
        """Do what a client asks for in a frame, or tell it why not.

        Args:
            connection: the client's.
            text: the frame; None stands for a binary one.
            now: when it arrives, in seconds since 1970.
            fault: how the request fails, one of FAULTS_OF_CLIENTS; None if it does not.

        Returns:
            A message that has to be reviewed, and then goes to `reviewed`.
        """
        if connection.is_ended:
            return None
        if fault in ("cut", "cut-after"):
            connection.cut()
        if fault in ("cut", "timeout"):
            return None
        request_id = ""
        try:
            within = connection.requests.take(now)
            request = read(text)
            request_id = request_id_of(request)
            if not within:
                raise ChatError(429, f"A connection may ask {connection.requests.rate} times a second")
            if fault is not None and fault in ANSWERS_TO_CLIENTS:
                raise ChatError(int(fault), ANSWERS_TO_CLIENTS[fault])
            return self._carry_out(connection, request, request_id, now)
        except ChatError as error:
            self._refuse(connection, error, request_id)
        return None

    def reviewed(self, connection: Connection, review: Review, answer: bytes | None, now: float) -> None:
        """Deliver a message as its room's handler has it, or tell the sender why not.

        Whoever was disconnected meanwhile has said nothing.

        Args:
            connection: the sender's.
            review: what `receive` gave.
            answer: the handler's; None if it failed.
            now: when the review is over.
        """
        if connection.is_ended:
            return
        try:
            self._deliver(review.room_arn, message_entity(review.outcome(answer), now), now)
        except ChatError as error:
            self._refuse(connection, error, review.message.request_id)

    def send_event(self, room_arn: str, name: str, attributes: Mapping[str, str], request_id: str, now: float) -> str:
        """Send an event to everybody in a room. Returns its ID."""
        event_id = new_id(self._random)
        self._deliver(room_arn, event_entity(event_id, name, attributes, request_id, now), now)
        return event_id

    def delete_message(self, room_arn: str, message_id: str, reason: str, request_id: str, now: float) -> str:
        """Ask everybody in a room to forget a message. Returns the ID of the event."""
        # The SDKs read MessageID, which is deprecated.
        attributes = {"MessageID": message_id, "MessageId": message_id, "Reason": reason}
        return self.send_event(room_arn, "aws:DELETE_MESSAGE", attributes, request_id, now)

    def disconnect_user(self, room_arn: str, user_id: str, reason: str, request_id: str, now: float) -> None:
        """Tell everybody in a room that a user is disconnected, then end all of the user's connections."""
        self.disconnected.append((room_arn, user_id))
        self.send_event(room_arn, "aws:DISCONNECT_USER", {"UserId": user_id, "Reason": reason}, request_id, now)
        self.connections.end(room_arn, user_id)

    def close_room(self, room_arn: str) -> None:
        """End the connections to a room that is gone."""
        self.connections.end(room_arn)
        self._rates.forget(room_arn)

    def _carry_out(
        self, connection: Connection, request: Mapping[str, Any], request_id: str, now: float
    ) -> Review | None:
        token = connection.token
        action = request.get("Action")
        if action not in _ACTIONS:
            raise ChatError(400, f"Action must be one of {', '.join(_ACTIONS)}")
        room = self._rooms.find(token.room_arn)
        if room is None:
            raise ChatError(404, "The room does not exist")
        if action not in token.capabilities:
            raise ChatError(403, f"The chat token does not have the capability {action}")
        if action == "SEND_MESSAGE":
            return self._send_message(connection, room, request, request_id, now)
        reason = request.get("Reason")
        if action == "DELETE_MESSAGE":
            self._admit("DeleteMessage", room, {"id": request.get("Id"), "reason": reason}, now)
            self.delete_message(room.arn, request["Id"], reason or "", request_id, now)
        else:
            self._admit("DisconnectUser", room, {"userId": request.get("UserId"), "reason": reason}, now)
            self.disconnect_user(room.arn, request["UserId"], reason or "", request_id, now)
        return None

    def _send_message(
        self, connection: Connection, room: Room, request: Mapping[str, Any], request_id: str, now: float
    ) -> Review | None:
        content, attributes = content_of(request, room.message_length), attributes_of(request)
        if not self._rates.take(room.arn, room.message_rate, now):
            raise ChatError(429, f"The room takes {room.message_rate} messages a second")
        token = connection.token
        message = Message(new_id(self._random), request_id, content, attributes, token.user_id, token.attributes)
        if room.handler_uri:
            address, longest = connection.address, room.message_length
            return Review(message, room.arn, address, room.handler_uri, room.fallback_result, longest)
        self._deliver(room.arn, message_entity(message, now), now)
        return None

    def _admit(self, operation: str, room: Room, params: dict[str, Any], now: float) -> None:
        """Hold a request to what the API's operation of the same name takes, and to its quota."""
        problems = check(operation, {"roomIdentifier": room.arn, **params})
        if problems:
            raise ChatError(400, "; ".join(problem.message for problem in problems))
        if not self._charge(operation, AccountRegion(room.account, room.region), now):
            raise ChatError(429, f"Rate exceeded: {operation}")

    def _deliver(self, room_arn: str, entity: Mapping[str, Any], now: float) -> None:
        self.connections.deliver(room_arn, encoded(entity))
        self._feed.received(room_arn, entity)
        if self._log is not None:
            self._log(room_arn, entity, now)

    def _refuse(self, connection: Connection, error: ChatError, request_id: str) -> None:
        connection.send(encoded(error_entity(new_id(self._random), error, request_id)))
        self._feed.answered_error(connection.token.room_arn, connection.token.user_id, error.code, str(error))
