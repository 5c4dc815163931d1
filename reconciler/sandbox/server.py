"""The sandbox on a socket: an HTTP server on loopback, in a thread of its own."""

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress

from aiohttp import web

from reconciler.sandbox import page
from reconciler.sandbox.callers import check_caller
from reconciler.sandbox.dispatch import MAX_BODY, HttpRequest, Reply
from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.faults import HANG, Unanswered
from reconciler.sandbox.handlers import Handlers
from reconciler.sandbox.options import SandboxOptions, address_of
from reconciler.sandbox.request import Request
from reconciler.sandbox.sandbox import Sandbox
from reconciler.sandbox.watching import PATH, watch
from reconciler.sandbox.websocket import converse, is_handshake

_ACCEPTING = 5
"""Turns of the event loop after which a connection that was just accepted is known to the server, which closes it."""

_CLOSING = 0.5
"""Seconds that answers under way have when the server stops."""


@contextmanager
def running(
    options: SandboxOptions | None = None,
    *,
    on_request: Callable[[Request], None] | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Sandbox]:
    """A sandbox that answers while the `with` block runs.

    Args:
        options: what it is started with.
        on_request: called with each request, except probes, in the server's thread and before the answer is sent, so it
            should be quick.
        clock: the time in seconds since 1970, for quotas and time stamps.

    Raises:
        OSError: the address cannot be bound, or the log cannot be opened.
        Exception: what `on_request` or the log raise later. The request in question is answered with a 500, and the
            first such exception is raised again when the block ends.
    """
    options = options or SandboxOptions()
    with ExitStack() as stack:
        log = None if options.log is None else stack.enter_context(options.log.open("a", encoding="ascii", buffering=1))
        listener = stack.enter_context(_listener(options))
        sandbox = Sandbox(options, url=_url(listener), clock=clock, on_request=on_request, log=log)
        server = _Server(sandbox, options)
        loop = stack.enter_context(asyncio.Runner(loop_factory=asyncio.new_event_loop))
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="reconciler-sandbox"))
        ended = thread.submit(loop.run, server.serve(listener))
        try:
            wait((server.started, ended), return_when=FIRST_COMPLETED)
            if ended.done():
                ended.result()
            yield server.sandbox
        finally:
            loop.get_loop().call_soon_threadsafe(server.stopping.set)
        ended.result()
        if server.failure is not None:
            raise server.failure


def _listener(options: SandboxOptions) -> socket.socket:
    address = address_of(options.host)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, options.port), family=family, backlog=1024)


def _url(listener: socket.socket) -> str:
    """Where this machine finds a listener, also one that listens on every address."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server:
    """What runs in the server's thread.

    Attributes:
        sandbox: what answers.
        started: done once requests are answered.
        stopping: set in the server's thread to stop it.
        failure: the first exception that was not a client's doing.
    """

    def __init__(self, sandbox: Sandbox, options: SandboxOptions) -> None:
        self.sandbox = sandbox
        self._allowed_hosts = frozenset(map(str.lower, options.allow_hosts))
        self._review_handlers = options.review_handlers
        self.started: Future[None] = Future()
        self.stopping = asyncio.Event()
        self.failure: Exception | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Answer until `stopping` is set, then close every connection."""
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
        self._handlers = Handlers(self._review_handlers)
        try:
            await web.SockSite(runner, listener, backlog=1024).start()
            self.started.set_result(None)
            await self.stopping.wait()
            # asyncio loses a connection that it has just accepted when the server closes (its `_attach` asserts), so
            # accepting ends first.
            asyncio.get_running_loop().remove_reader(listener)
            for _ in range(_ACCEPTING):
                await asyncio.sleep(0)
        finally:
            await runner.cleanup()
            await self._handlers.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if is_handshake(request):  # From any page: the token is the credential, and front-ends have ports of their own.
            return await self._converse(request)
        response = await self._respond(request)
        if not response.prepared:
            response.headers.update(page.GUARDED)
        return response

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        head = request.headers
        # A link may lead to the page, from wherever, but not into a frame.
        site = None if _is_visit(request) else head.get("Sec-Fetch-Site")
        try:
            check_caller(head.get("Host"), head.get("Origin"), self._allowed_hosts, site)
        except ServiceError as error:
            return web.json_response(error.body, status=error.status, headers={"x-amzn-ErrorType": error.code})
        match request.method, request.rel_url.path:
            case "GET" | "HEAD", "/":
                return web.Response(body=page.html(), headers=page.headers())
            case "GET", path if path == PATH:
                return await watch(request, self.sandbox, self._failed)
            case "GET", "/_sandbox/health":
                rooms, connected = len(self.sandbox.rooms), len(self.sandbox.connected)
                return web.json_response({"status": "ok", "rooms": rooms, "connections": connected})
            case "POST", "/_sandbox/reset":
                self.sandbox.reset()
                return web.Response(status=204)
        return await self._answer(request)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        # A body that breaks off raises out of here: aiohttp ends the connection, and nothing is remembered.
        body = await _body(request)
        url = request.rel_url
        http = HttpRequest(
            request.method, url.raw_path, request.headers.get("Authorization"), body, url.raw_query_string
        )
        try:
            reply = self.sandbox.answer(http)
        except Exception as error:
            self._failed(error)
            raise  # aiohttp answers 500
        await self._pause(self.sandbox.latency)
        return await self._send(request, reply)

    def _failed(self, error: Exception) -> None:
        self.failure = self.failure or error

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        if reply.fate == "answer":
            return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
        return await self._break_off(request, hang=reply.fate == "hang")

    async def _converse(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await converse(request, self.sandbox, self._handlers, self._failed, self._pause)
        except Unanswered as fault:
            return await self._break_off(request, hang=fault.kind == "timeout")

    async def _break_off(self, request: web.BaseRequest, *, hang: bool) -> web.StreamResponse:
        if hang:
            await self._pause(HANG)
        if request.transport is not None:
            request.transport.close()
        return web.Response()  # Goes nowhere: the connection is closed.

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the server runs."""
        if not seconds:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()


def _is_visit(request: web.BaseRequest) -> bool:
    """Whether somebody opens the page in a tab of its own."""
    head = request.headers
    is_document = (head.get("Sec-Fetch-Mode"), head.get("Sec-Fetch-Dest")) == ("navigate", "document")
    return is_document and request.method == "GET" and request.rel_url.path == "/"


async def _body(request: web.BaseRequest) -> bytes | None:
    """The body; None if it is longer than MAX_BODY, the rest of which is left unread."""
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body
