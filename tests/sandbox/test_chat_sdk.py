"""Amazon's chat SDK for JavaScript as the client."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import ALL_CAPABILITIES, HANDLER, LOBBY
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

HERE = Path(__file__).parent
NODE = shutil.which("node")
NODE_MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES") or HERE / "node_modules")

pytestmark = [
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

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


RoomOf = Callable[[Sandbox, "IvschatClient"], Room]


@pytest.fixture
def room_of() -> Iterator[RoomOf]:
    made: list[Room] = []

    def make(sandbox: Sandbox, chat: "IvschatClient") -> Room:
        made.append(Room(sandbox, chat))
        return made[-1]

    yield make
    for room in made:
        room.end()


@pytest.fixture
def room(room_of: RoomOf, sandbox: Sandbox, chat: "IvschatClient") -> Room:
    return room_of(sandbox, chat)


def test_the_sdk_sends_and_receives(room: Room) -> None:
    room.join("zed", "SEND_MESSAGE", attributes={"colour": "red"})
    room.join("amy")
    room.tell("zed", "sendMessage", **{"with": ["😀 hi", {"a": "b"}]})
    sent = room.hear("zed", "resolved")
    assert sent == {
        "id": sent["id"],
        "sender": {"userId": "zed", "attributes": {"colour": "red"}},
        "content": "😀 hi",
        "sendTime": sent["sendTime"],
        "requestId": sent["requestId"],
        "attributes": {"a": "b"},
    }
    assert re.fullmatch(r"[a-zA-Z0-9]{12}", sent["id"])
    assert room.hear("amy", "message") == sent


def test_the_sdk_deletes_messages(room: Room) -> None:
    room.join("mod", *ALL_CAPABILITIES)
    room.join("amy")
    room.tell("mod", "deleteMessage", **{"with": ["AbCdEf123456", "spam"]})
    deleted = room.hear("mod", "resolved")
    assert (deleted["messageId"], deleted["reason"]) == ("AbCdEf123456", "spam")
    assert room.hear("amy", "messageDelete") == deleted


def test_the_sdk_disconnects_users_and_stays_out_after_a_kick(room: Room, sandbox: Sandbox) -> None:
    room.join("mod", *ALL_CAPABILITIES)
    room.join("amy")
    room.tell("mod", "disconnectUser", **{"with": ["amy", "rude"]})
    kicked = room.hear("mod", "resolved")
    assert (kicked["userId"], kicked["reason"]) == ("amy", "rude")
    assert room.hear("amy", "userDisconnect") == kicked
    assert room.hear("amy", "disconnect", "token") == ("disconnect", "serverDisconnect")
    assert sandbox.connected == ((LOBBY, "mod"),)


def test_the_sdk_hears_the_api(room: Room, chat: "IvschatClient") -> None:
    room.join("amy")
    sent = chat.send_event(roomIdentifier=LOBBY, eventName="goal", attributes={"team": "red"})
    event = room.hear("amy", "event")
    assert (event["id"], event["eventName"], event["attributes"]) == (sent["id"], "goal", {"team": "red"})
    chat.delete_message(roomIdentifier=LOBBY, id="AbCdEf123456")
    assert room.hear("amy", "messageDelete")["messageId"] == "AbCdEf123456"
    chat.disconnect_user(roomIdentifier=LOBBY, userId="amy", reason="rude")
    assert room.hear("amy", "userDisconnect")["reason"] == "rude"
    assert room.hear("amy", "disconnect") == "serverDisconnect"


@pytest.mark.parametrize(
    ("what", "arguments", "code", "message"),
    [
        ("sendMessage", ["x" * 501], 400, "Content must have at most 500 characters"),
        ("sendMessage", ["hi", {"a": "b" * 1024}], 413, "Attributes must have at most 1 KB"),
        ("deleteMessage", ["AbCdEf123456"], 403, "The chat token does not have the capability DELETE_MESSAGE"),
    ],
)
def test_the_sdk_rejects_with_the_error(room: Room, what: str, arguments: list[Any], code: int, message: str) -> None:
    room.join("zed", "SEND_MESSAGE")
    room.tell("zed", what, **{"with": arguments})
    error = room.hear("zed", "rejected")
    assert (error["errorCode"], error["errorMessage"]) == (code, message)
    room.tell("zed", "sendMessage", **{"with": ["still here"]})
    assert room.hear("zed", "resolved")["content"] == "still here"


def test_the_sdk_rejects_what_the_review_denied(room: Room, chat: "IvschatClient") -> None:
    chat.update_room(identifier=LOBBY, messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"})
    room.join("zed", "SEND_MESSAGE")
    room.tell("zed", "sendMessage", **{"with": ["hi"]})
    error = room.hear("zed", "rejected")
    assert (error["errorCode"], error["errorMessage"]) == (406, "The request was rejected during message review")


def test_the_sdk_hears_that_it_asks_too_much(room: Room) -> None:
    room.join("zed", "SEND_MESSAGE")
    for number in range(15):
        room.tell("zed", "sendMessage", **{"with": [str(number)]})
    answers = [room.hear("zed", "resolved", "rejected") for _ in range(15)]
    refused = [error["errorCode"] for what, error in answers if what == "rejected"]
    assert set(refused) == {429}
    assert refused


def test_the_sdk_reconnects_with_a_new_token_when_its_session_ends(room_of: RoomOf, chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), session_lifetime=2)) as sandbox:
        room = room_of(sandbox, chat_for(sandbox))
        room.tell("zed", "connect", tokens=[room.token("zed")])
        room.hear("zed", "connect")
        assert room.hear("zed", "log") == "received error"
        assert room.hear("zed", "token", "disconnect") == ("token", 0)
        assert room.hear("zed", "disconnect") == "fetchTokenError"
        room.end()


def test_the_sdk_gives_up_on_a_token_that_is_refused_after_four_tries(room: Room) -> None:
    used = room.token("zed")
    room.tell("zed", "connect", tokens=[used])
    room.hear("zed", "connect")
    room.tell("again", "connect", tokens=[used] * 5)
    assert [room.hear("again", "token") for _ in range(4)] == [5, 4, 3, 2]
    assert room.hear("again", "token", "disconnect") == ("disconnect", "socketError")
