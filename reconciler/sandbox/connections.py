"""Who is connected to which room.

Pure: what a connection sends over is given to it, and none of this waits.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from reconciler.sandbox.quota import TokenBucket
from reconciler.sandbox.tokens import Token

REQUESTS_PER_SECOND = 10
"""What one connection may ask (IVS Chat Service Quotas, "Rate of messaging requests per connection")."""

NORMAL_CLOSURE = 1000


class Line(Protocol):
    """The WebSocket of a connection, which takes what it is given and never waits."""

    def send(self, frame: bytes) -> None:
        """Send a whole WebSocket frame after those before, or drop the client if it has fallen too far behind."""

    def cut(self) -> None:
        """Break off, without a close."""

    def close(self, code: int) -> None:
        """Close with this code after everything that was sent."""


class Connection:
    """A client that joined a room. Two are never equal.

    Attributes:
        token: what it joined with.
        address: the client's IP address.
        requests: how much it may ask.
        is_ended: nothing that it asks counts any more.
    """

    __slots__ = ("_line", "address", "is_ended", "requests", "token")

    def __init__(self, token: Token, address: str, now: float) -> None:
        self.token = token
        self.address = address
        self.requests = TokenBucket(REQUESTS_PER_SECOND, now=now)
        self.is_ended = False
        self._line: Line | None = None

    def open(self, line: Line) -> None:
        """Begin to deliver, now that the handshake is done; a connection that was ended meanwhile is closed."""
        self._line = line
        if self.is_ended:
            line.close(NORMAL_CLOSURE)

    def send(self, frame: bytes) -> None:
        """Deliver a frame, to a client whose handshake is done."""
        if self._line is not None and not self.is_ended:
            self._line.send(frame)

    def cut(self) -> None:
        """Break it off: the client hears nothing more, though what it has asked for is still done."""
        if self._line is not None:
            self._line.cut()
            self._line = None

    def end(self) -> None:
        """Close it, and listen to it no more."""
        if not self.is_ended:
            self.is_ended = True
            if self._line is not None:
                self._line.close(NORMAL_CLOSURE)


class Connections:
    """The connections of every room, from the moment that a token is taken.

    Args:
        joined: called with the ARN of a room and with a user ID when a connection is added.
        left: the same, when one is removed.
    """

    def __init__(self, joined: Callable[[str, str], None], left: Callable[[str, str], None]) -> None:
        self._joined = joined
        self._left = left
        self._rooms: dict[str, dict[Connection, None]] = {}

    @property
    def rooms(self) -> Collection[str]:
        """The ARNs of the rooms where somebody is."""
        return self._rooms.keys()

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def __iter__(self) -> Iterator[Connection]:
        for connections in self._rooms.values():
            yield from connections

    def add(self, connection: Connection) -> None:
        """Let a connection be in its room."""
        self._rooms.setdefault(connection.token.room_arn, {})[connection] = None
        self._joined(connection.token.room_arn, connection.token.user_id)

    def remove(self, connection: Connection) -> None:
        """Let it be there no more, if it was."""
        room = self._rooms.get(connection.token.room_arn, {})
        if connection not in room:
            return
        del room[connection]
        if not room:
            del self._rooms[connection.token.room_arn]
        self._left(connection.token.room_arn, connection.token.user_id)

    def in_room(self, room_arn: str) -> Collection[Connection]:
        """The connections to a room."""
        return self._rooms.get(room_arn, ())

    def deliver(self, room_arn: str, frame: bytes) -> None:
        """Send a frame to everybody in a room."""
        for connection in self._rooms.get(room_arn, ()):
            connection.send(frame)

    def end(self, room_arn: str, user_id: str | None = None) -> None:
        """End a user's connections to a room; None stands for everybody's."""
        for connection in tuple(self._rooms.get(room_arn, ())):
            if user_id is None or connection.token.user_id == user_id:
                connection.end()
                self.remove(connection)

    def end_all(self) -> None:
        """End every connection."""
        for room_arn in tuple(self._rooms):
            self.end(room_arn)
