"""A running sandbox as its users see it: what it was asked, and what may be changed meanwhile."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

from reconciler.sandbox import options as checks
from reconciler.sandbox.endpoint import Endpoint, HttpRequest, Reply
from reconciler.sandbox.faults import FaultKind, Faults
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.request import Request, log_line
from reconciler.sandbox.service import Service

KEPT_REQUESTS = 1_000_000
"""How many requests a sandbox remembers; the oldest are forgotten first."""


class Sandbox:
    """A local IVS Chat. Made by `running`; its attributes and methods may be used from any thread."""

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
        """Where it listens, e.g. `http://127.0.0.1:45123`: an endpoint URL for any AWS SDK."""
        self._latency = options.latency
        self._clock = clock
        self._on_request = on_request
        self._log = log
        self._lock = threading.Lock()
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self._service = Service(
            account=options.account, quota=options.quota, room_quota=options.room_quota, seed=options.seed
        )
        self._service.denied.update(options.deny)
        for arn in options.rooms:
            self._service.add_room(arn, clock())
        self._faults = Faults(options.fault_rate, options.faults, seed=options.seed)
        self._endpoint = Endpoint(self._service, self._faults)

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every request so far but probes, in order of arrival: the last `KEPT_REQUESTS` of them."""
        with self._lock:
            return tuple(self._requests)

    @property
    def disconnected(self) -> tuple[tuple[str, str], ...]:
        """Room ARN and user ID of every DisconnectUser that was carried out, in order."""
        with self._lock:
            return tuple(self._service.disconnected)

    @property
    def rooms(self) -> tuple[str, ...]:
        """The ARNs of the rooms that exist, in order of creation."""
        with self._lock:
            return self._service.rooms

    @property
    def latency(self) -> float:
        """Seconds between a request and its answer. Setting it raises ValueError outside 0 to 3600."""
        return self._latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        checks.check_latency(seconds)
        self._latency = seconds

    @property
    def quota(self) -> int:
        """DisconnectUser calls a second and region; 0: no quota. Setting it raises ValueError below 0."""
        return self._service.quota

    @quota.setter
    def quota(self, calls: int) -> None:
        checks.check_quota(calls)
        with self._lock:
            self._service.quota = calls

    def add_room(self, arn: str) -> None:
        """Let a room exist, in the region of its ARN. Raises ValueError for text that is no room ARN."""
        with self._lock:
            self._service.add_room(arn, self._clock())

    def deny(self, arn: str) -> None:
        """From now on every call about this room is answered AccessDeniedException. Raises ValueError as above."""
        checks.region_of(arn)
        with self._lock:
            self._service.denied.add(arn)

    def allow(self, arn: str) -> None:
        """Take a `deny` back."""
        with self._lock:
            self._service.denied.discard(arn)

    def fault(self, *kinds: FaultKind, rate: float = 100.0) -> None:
        """From now on `rate` percent of the calls fail with one of `kinds`; with no kinds, none does.

        Raises ValueError for a rate outside 0 to 100 and for a kind there is not.
        """
        checks.check_faults(rate if kinds else 0, kinds)
        with self._lock:
            self._faults.set(rate if kinds else 0, kinds)

    def fault_next(self, *kinds: FaultKind) -> None:
        """The next calls fail with these, one each, in this order. Raises ValueError for a kind there is not."""
        checks.check_faults(0, kinds)
        with self._lock:
            self._faults.queue(kinds)

    def answer(self, request: HttpRequest) -> Reply:
        """The reply to a request that has just arrived; it is remembered and logged before anything is sent.

        Raises whatever `on_request` raises, and OSError when the log can't be written.
        """
        with self._lock:
            reply = self._endpoint.reply(request, self._clock())
            if reply.request is not None:
                self._requests.append(reply.request)
                if self._log is not None:
                    self._log.write(log_line(reply.request))
        if reply.request is not None and self._on_request is not None:
            self._on_request(reply.request)
        return reply
