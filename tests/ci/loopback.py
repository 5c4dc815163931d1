"""A JSON API on loopback, for what talks to GitHub or GitLab."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answered = tuple[int, object] | tuple[int, object, Mapping[str, str]]
Answer = Callable[[str, str, Message, dict[str, Any]], Answered]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Run a server.

    Args:
        answer: the status and the content, and headers if any, for a method, a path, headers and the content of a
            request.

    Yields:
        Its address.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            status, body, *more = answer(self.command, self.path, self.headers, content)
            encoded = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            for name, value in (header for headers in more for header in headers.items()):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PATCH = do_PUT = _answer  # noqa: N815 - named by http.server

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with handling(Handler) as url:
        yield url


@contextmanager
def handling(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server that has this handle its requests; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
