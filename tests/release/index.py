"""Where packages are uploaded to as to PyPI, on loopback, and fetched from again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.ci.loopback import handling


@dataclass
class Index:
    """What was uploaded. As on PyPI, no file is ever replaced."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    refuses: bool = False

    def upload(self, form: dict[str, tuple[str | None, bytes]]) -> int:
        """Take a package; the status of the answer."""
        name, content = form["content"]
        if self.refuses or name is None or name in self.files:
            return 400
        self.files[name] = content
        return 200


def _form(content_type: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts: Any = message.get_payload()
    return {
        part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
        for part in parts
    }


@contextmanager
def running() -> Iterator[Index]:
    """Run the index."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(index.upload(_form(self.headers["Content-Type"], body)), b"")

        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            if kind == "files" and name in index.files:
                self._answer(200, index.files[name])
            else:
                self._answer(404, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with handling(Handler) as index.url:
        yield index
