"""The messaging WebSocket: the handshake with a chat token, and the frames of one client.

A slow client costs the others nothing: frames are handed to its transport, and when it has fallen `_BEHIND` bytes
behind, its connection is cut. It then reconnects, as after any abrupt end.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, hdrs, web

from reconciler.sandbox.connections import Connection
from reconciler.sandbox.frames import LARGEST_FRAME
from reconciler.sandbox.handlers import Handlers
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.tokens import TokenRefused

_BEHIND = 1024 * 1024
"""Bytes that wait for a client at most."""

_CLOSING = 2.0
"""Seconds that a client has to answer a close."""


def is_handshake(request: web.BaseRequest) -> bool:
    """Whether a client wants to join a room: the chat SDKs connect to the root of the address."""
    return request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket" and request.rel_url.path == "/"


async def converse(
    request: web.BaseRequest,
    sandbox: Sandbox,
    handlers: Handlers,
    failed: Callable[[Exception], None],
    pause: Callable[[float], Awaitable[None]],
) -> web.StreamResponse:
    """Let a client in, and listen to it until one of the two has enough.

    Args:
        request: the handshake.
        sandbox: what answers.
        handlers: who reviews messages.
        failed: called with an exception that is not the client's doing.
        pause: waits for so many seconds.

    Raises:
        Unanswered: a fault leaves the handshake without an answer.
    """
    token = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")[0].strip()
    socket = web.WebSocketResponse(
        protocols=(token,), max_msg_size=LARGEST_FRAME, timeout=_CLOSING, compress=False, autoclose=True
    )
    if token and not socket.can_prepare(request):
        return web.Response(status=400, text="This is no WebSocket handshake of version 13.\n")
    try:
        connection = sandbox.join(token, request.remote or "")
    except TokenRefused as refused:
        await pause(sandbox.latency)
        return web.Response(status=refused.status, text=f"{refused}\n")
    ending = None
    line = None
    try:
        await pause(sandbox.latency)
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        line = _Line(socket, transport, lambda: sandbox.latency)
        connection.open(line)
        ending = asyncio.get_running_loop().call_later(sandbox.remaining(connection), sandbox.expire, connection)
        await _listen(socket, connection, sandbox, handlers, failed)
    finally:
        if ending is not None:
            ending.cancel()
        sandbox.leave(connection)
        if line is not None:
            await line.closed()
    return socket


async def _listen(
    socket: web.WebSocketResponse,
    connection: Connection,
    sandbox: Sandbox,
    handlers: Handlers,
    failed: Callable[[Exception], None],
) -> None:
    """Do what a client asks for until the connection ends."""
    async for frame in socket:
        if frame.type is WSMsgType.ERROR:  # aiohttp has closed it: too long a frame, or none at all
            return
        try:
            review = sandbox.receive(connection, frame.data if frame.type is WSMsgType.TEXT else None)
            if review is not None:
                # The client's next frame waits, so its messages stay in order.
                sandbox.reviewed(connection, review, await handlers.answer(review))
        except Exception as error:
            failed(error)
            raise
        if connection.is_ended:
            return


class _Line:
    """A client's socket as a connection uses it, from the server's thread.

    Args:
        socket: the socket.
        transport: what is under it.
        latency: seconds by which what the client hears is late.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, latency: Callable[[], float]
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._latency = latency
        self._late: deque[tuple[float, bytes]] | None = None  # frames, and when they are due
        self._late_bytes = 0
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: bytes) -> None:
        # Not through the socket, which would encode the frame for each client, and wait for a slow one.
        if self._socket.closed or self._transport.is_closing():
            return
        latency = self._latency()
        if latency or self._late:
            self._send_late(frame, latency)
        else:
            self._transport.write(frame)
        if self._transport.get_write_buffer_size() + self._late_bytes > _BEHIND:
            self._transport.abort()

    def cut(self) -> None:
        self._transport.abort()
        self._late = None

    def _send_late(self, frame: bytes, latency: float) -> None:
        """Send a frame when it is due, and in its turn."""
        loop = asyncio.get_running_loop()
        if not self._late:
            self._late = deque()
            loop.call_later(latency, self._send_due)
        self._late.append((loop.time() + latency, frame))
        self._late_bytes += len(frame)

    def _send_due(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and (self._late[0][0] <= loop.time() or self._transport.is_closing()):
            _, frame = self._late.popleft()
            self._late_bytes -= len(frame)
            if not self._transport.is_closing():
                self._transport.write(frame)
        if self._late:
            loop.call_at(self._late[0][0], self._send_due)

    def close(self, code: int) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close(code))

    async def closed(self) -> None:
        """Wait for a close that has begun."""
        if self._closing is not None:
            await self._closing

    async def _close(self, code: int) -> None:
        while self._late and not self._transport.is_closing():
            await asyncio.sleep(min(_CLOSING, max(0.0, self._late[-1][0] - asyncio.get_running_loop().time())))
        try:
            async with asyncio.timeout(_CLOSING):
                await self._socket.close(code=code)
        except TimeoutError:
            self._transport.abort()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # The client reads nothing.
