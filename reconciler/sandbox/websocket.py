"""The messaging WebSocket: the handshake with a chat token, and the frames of one client.

A slow client costs the others nothing: frames are handed to its transport, and when it has fallen `_BEHIND` bytes
behind, its connection is cut. It then reconnects, as after any abrupt end.
"""

import asyncio

from aiohttp import WSMsgType, hdrs, web

from reconciler.sandbox.connections import Connection
from reconciler.sandbox.frames import LARGEST_FRAME
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.tokens import TokenRefused

_BEHIND = 1024 * 1024
"""Bytes that wait for a client at most."""

_CLOSING = 2.0
"""Seconds that a client has to answer a close."""


def is_handshake(request: web.BaseRequest) -> bool:
    """Whether a client wants to join a room: the chat SDKs connect to the root of the address."""
    return request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket" and request.rel_url.path == "/"


async def converse(request: web.BaseRequest, sandbox: Sandbox) -> web.StreamResponse:
    """Let a client in, and listen to it until one of the two has enough."""
    token = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")[0].strip()
    socket = web.WebSocketResponse(
        protocols=(token,), max_msg_size=LARGEST_FRAME, timeout=_CLOSING, compress=False, autoclose=True
    )
    if token and not socket.can_prepare(request):
        return web.Response(status=400, text="This is no WebSocket handshake of version 13.\n")
    try:
        connection = sandbox.join(token, request.remote or "")
    except TokenRefused as refused:
        return web.Response(status=refused.status, text=f"{refused}\n")
    ending = None
    line = None
    try:
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        line = _Line(socket, transport)
        connection.open(line)
        ending = asyncio.get_running_loop().call_later(sandbox.remaining(connection), sandbox.expire, connection)
        await _listen(socket, connection, sandbox)
    finally:
        if ending is not None:
            ending.cancel()
        sandbox.leave(connection)
        if line is not None:
            await line.closed()
    return socket


async def _listen(socket: web.WebSocketResponse, connection: Connection, sandbox: Sandbox) -> None:
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            sandbox.receive(connection, message.data)
        elif message.type is WSMsgType.BINARY:
            sandbox.receive(connection, None)
        if connection.is_ended:
            return


class _Line:
    """A client's socket as a connection uses it, from the server's thread."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: bytes) -> None:
        # Not through the socket, which would encode the frame for each client, and wait for a slow one.
        if not self._transport.is_closing():
            self._transport.write(frame)
            if self._transport.get_write_buffer_size() > _BEHIND:
                self._transport.abort()

    def close(self, code: int) -> None:
        self._closing = asyncio.get_running_loop().create_task(self._close(code))

    async def closed(self) -> None:
        """Wait for a close that has begun."""
        if self._closing is not None:
            await self._closing

    async def _close(self, code: int) -> None:
        try:
            async with asyncio.timeout(_CLOSING):
                await self._socket.close(code=code)
        except TimeoutError:
            self._transport.abort()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # The client reads nothing.
