"""A running sandbox as its users see it: what it was asked, and what may be changed meanwhile."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TextIO

from reconciler.sandbox.chat_log import ChatLog
from reconciler.sandbox.connections import Connection
from reconciler.sandbox.dispatch import Dispatcher, HttpRequest, Reply
from reconciler.sandbox.faults import ANSWERS_TO_CLIENTS, Faults, Unanswered
from reconciler.sandbox.feed import Feed, Watcher
from reconciler.sandbox.kinds import FAULTS_OF_CLIENTS, FaultKind
from reconciler.sandbox.options import SandboxOptions, check_room
from reconciler.sandbox.request import Request, log_line
from reconciler.sandbox.review import Review
from reconciler.sandbox.service import Service
from reconciler.sandbox.tokens import TokenRefused

KEPT_REQUESTS = 1_000_000
"""How many requests a sandbox remembers; the oldest are forgotten first."""

_CHANGES_ROOMS = {"CreateRoom", "UpdateRoom", "DeleteRoom"}


class Sandbox:
    """A local IVS Chat. `running` makes it; its attributes and methods may be used from any thread.

    What changes an option raises ValueError as SandboxOptions does, and then changes nothing.

    Attributes:
        url: where it listens, such as `http://127.0.0.1:45123`: an endpoint URL for any AWS SDK.
    """

    def __init__(
        self,
        options: SandboxOptions,
        *,
        url: str,
        clock: Callable[[], float],
        on_request: Callable[[Request], None] | None = None,
        log: TextIO | None = None,
    ) -> None:
        self.url = url
        self._first_options = options
        self._options = options
        self._clock = clock
        self._on_request = on_request
        self._log = log
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self._chat_log = None if options.chat_log is None else ChatLog(options.chat_log).write
        self._feed = Feed()
        self._service = Service(options, clock(), self._chat_log, self._feed)
        self._faults = Faults(options)
        self._dispatcher = Dispatcher(self._service, self._faults)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far but probes, in order of arrival: the last `KEPT_REQUESTS` of them."""
        with self._lock:
            return tuple(self._requests)

    @property
    def disconnected(self) -> tuple[tuple[str, str], ...]:
        """Room ARN and user ID of every DisconnectUser that was carried out, in order."""
        with self._lock:
            return tuple(self._service.messaging.disconnected)

    @property
    def connected(self) -> tuple[tuple[str, str], ...]:
        """Room ARN and user ID of every client that is connected."""
        with self._lock:
            tokens = [connection.token for connection in self._service.messaging.connections]
        return tuple((token.room_arn, token.user_id) for token in tokens)

    @property
    def rooms(self) -> tuple[str, ...]:
        """The ARNs of the rooms that exist, in order of creation."""
        with self._lock:
            return self._service.rooms.arns

    @property
    def latency(self) -> float:
        """Seconds between a request and its answer."""
        return self._options.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._change(lambda options: replace(options, latency=seconds))

    @property
    def quota(self) -> int:
        """Calls of DisconnectUser, SendEvent and DeleteMessage a second in each account and region; 0 for no quota."""
        return self._options.quota

    @quota.setter
    def quota(self, calls: int) -> None:
        self._change(lambda options: replace(options, quota=calls))

    def add_room(self, arn: str) -> None:
        """Let a room exist, in the region of its ARN."""
        check_room(arn)
        with self._lock:
            self._service.rooms.add(arn, self._clock())
            self._feed.rooms_changed()

    def deny(self, arn: str) -> None:
        """From now on, answer every call about this room with AccessDeniedException, or let nobody assume this role."""
        self._change(lambda options: replace(options, deny=(*options.deny, arn)))

    def allow(self, arn: str) -> None:
        """Take a `deny` back."""
        self._change(lambda options: replace(options, deny=tuple(denied for denied in options.deny if denied != arn)))

    def fault(self, *kinds: FaultKind, rate: float = 100.0) -> None:
        """From now on, let `rate` percent of the calls and of what clients ask fail with one of `kinds`, if any."""
        self._change(lambda options: replace(options, fault_rate=rate if kinds else 0, faults=kinds))

    def fault_next(self, *kinds: FaultKind) -> None:
        """Let the next calls and what chat clients ask next fail with these, one each, in this order."""
        SandboxOptions(faults=kinds)
        with self._lock:
            self._faults.queue(kinds)

    def answer(self, request: HttpRequest) -> Reply:
        """The reply to a request that has just arrived; it is remembered and logged before anything is sent.

        Raises:
            OSError: a log cannot be written.
            Exception: what `on_request` raises.
        """
        with self._lock:
            with self._feed.during_call():
                reply = self._dispatcher.reply(request, self._clock())
                if reply.request is not None:
                    self._feed.called(reply.request)
            if reply.request is not None:
                self._requests.append(reply.request)
                if reply.request.operation in _CHANGES_ROOMS:
                    self._feed.rooms_changed()
                if self._log is not None:
                    self._log.write(log_line(reply.request))
        if reply.request is not None and self._on_request is not None:
            self._on_request(reply.request)
        return reply

    def join(self, token: str, address: str) -> Connection:
        """A connection for the client with this IP address that shows a token. From the server's thread only.

        Raises:
            TokenRefused: the token opens none, or a fault answers in its place.
            Unanswered: a fault leaves the client without an answer.
        """
        with self._lock:
            fault = self._faults.next(FAULTS_OF_CLIENTS)
            try:
                if fault is not None and fault in ANSWERS_TO_CLIENTS:
                    raise TokenRefused(int(fault), ANSWERS_TO_CLIENTS[fault])
                if fault is not None and fault != "cut-after":
                    raise Unanswered(fault)
                connection = self._service.messaging.join(token, address, self._clock())
                if fault is not None:  # the token is used up
                    self._service.messaging.leave(connection)
                    raise Unanswered(fault)
                return connection
            except TokenRefused as refused:
                self._feed.refused(refused.status, str(refused))
                raise

    def remaining(self, connection: Connection) -> float:
        """Seconds that a session has left."""
        return max(0.0, connection.token.session_ends - self._clock())

    def receive(self, connection: Connection, text: str | None) -> Review | None:
        """A client sends a text frame, or, as None, a binary one. From the server's thread only.

        Returns:
            A message that its room's handler has to review, for `reviewed`.

        Raises:
            OSError: the chat log cannot be written.
        """
        with self._lock:
            fault = self._faults.next(FAULTS_OF_CLIENTS)
            return self._service.messaging.receive(connection, text, self._clock(), fault)

    def reviewed(self, connection: Connection, review: Review, answer: bytes | None) -> None:
        """A handler has answered about a client's message; None if it failed. From the server's thread only.

        Raises:
            OSError: the chat log cannot be written.
        """
        with self._lock:
            self._service.messaging.reviewed(connection, review, answer, self._clock())

    def expire(self, connection: Connection) -> None:
        """A session's time is up. From the server's thread only."""
        with self._lock:
            self._service.messaging.expire(connection)

    def leave(self, connection: Connection) -> None:
        """A client has gone. From the server's thread only."""
        with self._lock:
            self._service.messaging.leave(connection)

    def watch(self, watcher: Watcher) -> bool:
        """Let somebody watch, unless too many do. From the server's thread only, as the three that follow."""
        with self._lock:
            if self._feed.is_full:
                return False
            self._feed.add(watcher)
            return True

    def unwatch(self, watcher: Watcher) -> None:
        """Somebody watches no more."""
        with self._lock:
            self._feed.remove(watcher)

    def look_for(self, watcher: Watcher, text: str) -> None:
        """Somebody searches for rooms and users."""
        with self._lock:
            watcher.overview.look_for(text)
            watcher.renew()

    def news(self, watcher: Watcher) -> dict[str, Any]:
        """What is new for a watcher, as a JSON object: `events`, how many before were `missed`, and the `overview`."""
        with self._lock:
            events, missed, is_changed = watcher.take()
            news: dict[str, Any] = {"events": events, "missed": missed}
            if is_changed:
                news["overview"] = watcher.overview.of(self._service.rooms, self._service.messaging.connections)
            return news

    def reset(self) -> None:
        """Begin again as at the start: with the rooms and options from then. From the server's thread only."""
        with self._lock:
            self._service.messaging.connections.end_all()
            self._options = self._first_options
            self._service = Service(self._options, self._clock(), self._chat_log, self._feed)
            self._faults = Faults(self._options)
            self._dispatcher = Dispatcher(self._service, self._faults)
            self._requests.clear()
            self._feed.reset()

    def _change(self, changed: Callable[[SandboxOptions], SandboxOptions]) -> None:
        with self._lock:
            self._options = self._service.options = self._faults.options = changed(self._options)
