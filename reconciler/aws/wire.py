"""Bounds for what botocore does on the wire, which bounds only how long each read may wait.

An answer that comes byte by byte would never end, and one that never ends would be read into memory.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPConnectionPool, AWSHTTPSConnection, AWSHTTPSConnectionPool
from typing_extensions import override  # in typing since Python 3.12
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_TIMEOUT: Final = 5.0  # seconds, for all addresses of a host together
LONGEST_ANSWER: Final = 64 * 1024  # bytes, the headers included; the service's own are below one KiB

_end: ContextVar[float] = ContextVar("_end")


class AnswerTooLong(Exception):
    """What answers is not the service."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever this thread sends and receives here, on connections of a bounded client, ends after so many seconds."""
    token = _end.set(monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def bound(client: object) -> None:
    """Let a client of botocore keep to `within`, on all its connections, through a proxy too."""
    # botocore makes the HTTP session of a client itself, and has no option for its connections. Of the alternatives, a
    # `before-send` handler would have to find proxies and certificates as botocore does.
    internals: Any = client
    internals._endpoint.http_session._pool_classes_by_scheme.update(http=_Pool, https=_TLSPool)


def _left() -> float:
    left = _end.get() - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Bounded(RawIOBase):
    """Reads an answer from a socket."""

    def __init__(self, raw: RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._more = LONGEST_ANSWER

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "WriteableBuffer", /) -> int | None:
        self._sock.settimeout(_left())
        count: int = self._raw.readinto(buffer)
        self._more -= count
        if self._more < 0:
            raise AnswerTooLong
        return count

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer of the service, or of a proxy that is asked for a tunnel."""

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = BufferedReader(_Bounded(self.fp.detach(), sock))


class _Connection(AWSHTTPConnection):
    response_class: Any = _Answer

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _TLSConnection(AWSHTTPSConnection):
    response_class: Any = _Answer

    def _new_conn(self) -> socket.socket:
        return _connected(self)


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def _connected(connection: AWSHTTPConnection | AWSHTTPSConnection) -> socket.socket:
    """A socket for a connection, as urllib3 makes it, in the time that is left.

    The time-out that it leaves on the socket bounds a TLS handshake as a whole. Only the system's resolver has limits
    of its own: usually 5 s for each name server, twice.
    """
    host, port = connection.host, connection.port
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    failure: OSError | None = None
    with within(min(CONNECT_TIMEOUT, _left())):
        for *_, (ip, *_) in found:
            try:
                return create_connection((str(ip), port), _left(), socket_options=connection.socket_options)
            except OSError as error:
                failure = error
    raise NewConnectionError(connection, f"Failed to establish a new connection: {failure}") from failure
