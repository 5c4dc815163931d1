"""The messaging WebSocket: the handshake with a chat token, and the frames of one client.

A slow client costs the others nothing: frames are handed to its transport, and when it has fallen `_BEHIND` bytes
behind, its connection is cut. It then reconnects, as after any abrupt end.
"""

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, hdrs, web

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
    request: web.BaseRequest, sandbox: Sandbox, handlers: Handlers, failed: Callable[[Exception], None]
) -> web.StreamResponse:
    """Let a client in, and listen to it until one of the two has enough.

    Args:
        request: the handshake.
        sandbox: what answers.
        handlers: who reviews messages.
        failed: called with an exception that is not the client's doing.
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
        async for frame in socket:
            if frame.type is WSMsgType.ERROR:  # aiohttp has closed it: too long a frame, or none at all
                break
            try:
                review = sandbox.receive(connection, frame.data if frame.type is WSMsgType.TEXT else None)
                if review is not None:
                    # The client's next frame waits, so its messages stay in order.
                    sandbox.reviewed(connection, review, await handlers.answer(review))
            except Exception as error:
                failed(error)
                raise
            if connection.is_ended:
                break
    finally:
        if ending is not None:
            ending.cancel()
        sandbox.leave(connection)
        if line is not None:
            await line.closed()
    return socket


class _Line:
    """A client's socket as a connection uses it, from the server's thread."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._closing: asyncio.Task[None] | None = None

    def send(self, frame: bytes) -> None:
        # Not through the socket, which would encode the frame for each client, and wait for a slow one.
        if not self._socket.closed and not self._transport.is_closing():
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
