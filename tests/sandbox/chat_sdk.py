"""Clients of Amazon's chat SDK for JavaScript."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Sandbox

from .builders import LOBBY

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

HERE = Path(__file__).parent
NODE = shutil.which("node")
NODE_MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES") or HERE / "node_modules")

needs_chat_sdk = [
    pytest.mark.skipif(NODE is None, reason="Node.js is not installed: no `node` on PATH"),
    pytest.mark.skipif(
        not all((NODE_MODULES / name).is_dir() for name in ("amazon-ivs-chat-messaging", "ws")),
        reason=f"Amazon's chat SDK is not in {NODE_MODULES}: run `npm install amazon-ivs-chat-messaging ws` somewhere "
        "and set RECONCILER_NODE_MODULES to its node_modules",
    ),
]


class Room:
    """Clients of the SDK, in one process of Node."""

    def __init__(self, sandbox: Sandbox, chat: "IvschatClient") -> None:
        assert NODE is not None
        url = sandbox.url.replace("http", "ws", 1)
        command = [NODE, str(HERE / "chat_sdk.mjs"), str(NODE_MODULES), url]
        self._chat = chat
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._said: dict[str, Queue[tuple[str, Any]]] = {}
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self._of(said["client"]).put((said["what"], said["value"]))

    def _of(self, client: str) -> Queue[tuple[str, Any]]:
        return self._said.setdefault(client, Queue())

    def token(self, user_id: str, *capabilities: Any, **params: Any) -> dict[str, str]:
        """What a token service gives to the SDK."""
        made = self._chat.create_chat_token(
            roomIdentifier=LOBBY, userId=user_id, capabilities=list(capabilities), **params
        )
        times = ("tokenExpirationTime", "sessionExpirationTime")
        return {"token": made["token"]} | {name: made[name].isoformat() for name in times}  # type: ignore[literal-required]

    def tell(self, client: str, what: str, **more: Any) -> None:
        assert self._process.stdin is not None
        print(json.dumps({"client": client, "do": what, **more}), file=self._process.stdin, flush=True)

    def join(self, client: str, *capabilities: Any, **params: Any) -> None:
        """Let a client join, and wait until it has."""
        self.tell(client, "connect", tokens=[self.token(client, *capabilities, **params)])
        self.hear(client, "connect")

    def hear(self, client: str, *wanted: str) -> Any:
        """The next thing of these kinds that the SDK says for a client; others before it are skipped."""
        while True:
            try:
                what, value = self._of(client).get(timeout=20)
            except Empty:
                raise AssertionError(f"{client} heard no {wanted}") from None
            if what in wanted:
                return value if len(wanted) == 1 else (what, value)

    def delete(self, message_id: str) -> None:
        """Delete a message, as a moderator's service does."""
        self._chat.delete_message(roomIdentifier=LOBBY, id=message_id)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


RoomOf = Callable[[Sandbox, "IvschatClient"], Room]
