"""The token services and the message review handlers in examples/, as Lambda runs them, and what it calls them with."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from . import node
from .builders import LOBBY

BUILD = node.ROOT / "examples" / "build.sh"
LANGUAGES = [pytest.param("python"), pytest.param("node", marks=node.needs_sdk)]
# A Lambda's handler, called with each line of standard input.
RUN = {
    "python": "import sys, json, index\n"
    "for line in sys.stdin: print(json.dumps(index.handler(json.loads(line), None)), flush=True)",
    "node": "import { createInterface } from 'node:readline';"
    "const { handler } = await import(process.cwd() + '/index.mjs');"
    "for await (const line of createInterface({ input: process.stdin }))"
    " console.log(JSON.stringify(await handler(JSON.parse(line), {})));"
    "process.exit();",
}


class Lambda:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, event: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def running(language: str, service: str, folder: Path, *, deny: bool = False, **environment: str) -> Iterator[Lambda]:
    """A Lambda that has been built as for the template; with the other decision written into it if `deny`."""
    subprocess.run(["sh", BUILD, language, folder], check=True)
    if deny:
        (index,) = (folder / service).glob("index.*")
        text, changed = re.subn(r"(WHEN_UNAVAILABLE = .)ALLOW", r"\1DENY", index.read_text(encoding="utf-8"))
        assert changed == 1
        index.write_text(text, encoding="utf-8")
    command: list[str | Path]
    if language == "node":
        assert node.NODE is not None
        if not (folder / "node_modules").exists():
            (folder / "node_modules").symlink_to(node.NODE_MODULES.resolve())
        command = [node.NODE, "--input-type=module", "-e", RUN[language]]
    else:
        command = [sys.executable, "-c", RUN[language]]
    process = subprocess.Popen(
        command,
        cwd=folder / service,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield Lambda(process)
    finally:
        process.kill()
        process.communicate()


def asks(user_id: object, room: object = LOBBY, **more: object) -> dict[str, Any]:
    """The event of an HTTP API whose authorizer has checked a JWT."""
    return {
        "version": "2.0",
        "routeKey": "POST /tokens",
        "requestContext": {"authorizer": {"jwt": {"claims": {"sub": user_id, "iss": "https://example.com"}}}},
        "body": json.dumps({"room": room, "user_id": "somebody else", "userId": "somebody else"}),
        "isBase64Encoded": False,
        **more,
    }


def says(user_id: str, content: str = "Hello", room: str = LOBBY) -> dict[str, Any]:
    """The event of a message to be reviewed."""
    return {
        "Content": content,
        "MessageId": "AYk6xKitV4On",
        "RoomArn": room,
        "Attributes": {"colour": "green"},
        "Sender": {"Attributes": {}, "UserId": user_id, "Ip": "192.0.2.1"},
    }
