"""What happens in the sandbox, over a WebSocket, for its page.

A WebSocket, since a browser names the page that opens one, always, and since it opens only six other connections to an
address at once, over all its tabs. Each frame of the server is `{"events": […], "missed": N}`, with `overview` if that
has changed; a frame of the page is a text to search for. A watcher that reads slowly gets less, and holds up nobody.
"""

import asyncio
import json
from collections.abc import Callable

from aiohttp import WSMsgType, web

from reconciler.sandbox.feed import MOST_WATCHERS, Watcher
from reconciler.sandbox.sandbox import Sandbox

PATH = "/_sandbox/events"

_PAUSE = 0.2
"""Seconds between two frames, at least."""

_LONGEST_SEARCH = 512
"""Bytes."""

_HEARTBEAT = 20.0
"""Seconds between pings: a page that does not answer has gone."""

_CLOSING = 1.0
"""Seconds that a page has to answer a close."""


async def watch(request: web.BaseRequest, sandbox: Sandbox, failed: Callable[[Exception], None]) -> web.StreamResponse:
    """Tell a page what happens until it has enough.

    Args:
        request: the handshake.
        sandbox: what is watched.
        failed: called with an exception that is not the page's doing.
    """
    socket = web.WebSocketResponse(
        max_msg_size=_LONGEST_SEARCH, timeout=_CLOSING, heartbeat=_HEARTBEAT, compress=False, autoclose=True
    )
    if not socket.can_prepare(request):
        return web.Response(status=426, text="Events come over a WebSocket.\n", headers={"Upgrade": "websocket"})
    loop, woken = asyncio.get_running_loop(), asyncio.Event()
    watcher = Watcher(lambda: loop.call_soon_threadsafe(woken.set))
    if not sandbox.watch(watcher):
        return web.Response(status=503, text=f"{MOST_WATCHERS} pages watch already: close one.\n")
    telling = None
    try:
        await socket.prepare(request)
        telling = loop.create_task(_tell(socket, sandbox, watcher, woken, failed))
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                sandbox.look_for(watcher, frame.data)
    finally:
        sandbox.unwatch(watcher)
        if telling is not None:
            telling.cancel()
    return socket


async def _tell(
    socket: web.WebSocketResponse,
    sandbox: Sandbox,
    watcher: Watcher,
    woken: asyncio.Event,
    failed: Callable[[Exception], None],
) -> None:
    """Send what is new whenever the page can take it."""
    try:
        while True:
            await woken.wait()
            woken.clear()
            await socket.send_str(json.dumps(sandbox.news(watcher)))
            await asyncio.sleep(_PAUSE)
    except ConnectionError:  # The page has gone.
        return
    except Exception as error:
        failed(error)
        raise
