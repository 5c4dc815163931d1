"""The sandbox on a socket: an HTTP server on loopback, in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

from aiohttp import web

from reconciler.sandbox.endpoint import MAX_BODY, HttpRequest, Reply
from reconciler.sandbox.options import SandboxOptions, loopback_address
from reconciler.sandbox.request import Request
from reconciler.sandbox.sandbox import Sandbox

_HANG = 60.0
"""Seconds that the fault `timeout` holds on to a connection, if the client does not give up before."""

_ACCEPTING = 5
"""Turns of the event loop after which a connection that was just accepted is known to the server, which closes it."""

_CLOSING = 0.5
"""Seconds that answers under way have when the server stops."""


@contextlib.contextmanager
def running(
    options: SandboxOptions | None = None,
    *,
    on_request: Callable[[Request], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Sandbox]:
    """A sandbox that answers while the `with` block runs.

    `on_request` is called with each request, probes excepted, in the server's thread and before the answer is
    sent, so it should be quick. `clock` gives the time in seconds since 1970, for quotas and time stamps.

    Raises OSError when the address can't be bound or the log can't be opened. What `on_request` or the log raise
    later ends as a 500 for that request, and the first such exception is raised again when the block ends.
    """
    options = options or SandboxOptions()
    with contextlib.ExitStack() as stack:
        log = None
        if options.log is not None:
            log = stack.enter_context(options.log.open("a", encoding="ascii", buffering=1))
        listener = stack.enter_context(_listener(options))
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        sandbox = Sandbox(options, url=url, clock=clock, on_request=on_request, log=log)
        server = _Server(sandbox, listener)
        server.start()
        try:
            yield sandbox
        finally:
            server.stop()
        if server.failure is not None:
            raise server.failure


def _listener(options: SandboxOptions) -> socket.socket:
    address = loopback_address(options.host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, options.port), family=family, backlog=1024)


class _Server:
    """The server's thread. `failure` is the first exception that was not a client's doing."""

    def __init__(self, sandbox: Sandbox, listener: socket.socket) -> None:
        self.failure: BaseException | None = None
        self._sandbox = sandbox
        self._listener = listener
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler-sandbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    def start(self) -> None:
        """Start the thread, and return once requests are answered. Raises what kept it from that."""
        self._thread.start()
        self._started.wait()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Close every connection, and return when the thread has ended."""
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # The loop is closed already.
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked for the server
            self._keep(error)
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        # A handler that waits (latency, timeout) ends with its client. Nothing a client sends is worth a line.
        quiet = logging.Logger("reconciler.sandbox.http")
        quiet.disabled = True
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            logger=quiet,
            auto_decompress=False,
            lingering_time=1.0,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_CLOSING)
        await runner.setup()
        try:
            await web.SockSite(runner, self._listener, backlog=1024).start()
            self._started.set()
            await self._stopping.wait()
            # asyncio loses a connection that it has just accepted when the server closes (its `_attach` asserts), so
            # accepting ends first.
            self._loop.remove_reader(self._listener)
            for _ in range(_ACCEPTING):
                await asyncio.sleep(0)
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # A body that breaks off raises out of here: aiohttp ends the connection, and nothing is remembered.
        body = await _body(request)
        http = HttpRequest(request.method, request.rel_url.raw_path, request.headers.get("Authorization"), body)
        try:
            reply = self._sandbox.answer(http)
        except Exception as error:  # noqa: BLE001 - raised again when the sandbox ends
            self._keep(error)
            return web.json_response(
                {"message": "The sandbox failed"}, status=500, headers={"x-amzn-ErrorType": "InternalServerException"}
            )
        if self._sandbox.latency:
            await self._pause(self._sandbox.latency)
        return await self._send(request, reply)

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.fate == "answer":
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        if reply.fate == "hang":
            await self._pause(_HANG)
        if request.transport is not None:
            request.transport.close()
        return web.Response()  # Goes nowhere: the connection is closed.

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the server runs."""
        assert self._stopping is not None  # noqa: S101 - set before the first request
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _keep(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error


async def _body(request: web.BaseRequest) -> bytes | None:
    """The body; None if it is longer than MAX_BODY, the rest of which is left unread."""
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body
