"""Values that the tests of the sandbox share, and requests as raw as a test wants them."""

import http.client
import json
import urllib.parse
from typing import Any

from reconciler.sandbox.dispatch import Dispatcher, HttpRequest, Reply
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.kinds import FaultKind
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.service import Service

REGION = "us-west-2"
LOBBY = "arn:aws:ivschat:us-west-2:12345689012:room/g1H2I3j4k5L6"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/AbCdEf123456"
ABSENT = "arn:aws:ivschat:us-west-2:123456789012:room/nobodyMade12"
HANDLER = "arn:aws:lambda:us-west-2:123456789012:function:review"
LOGGING = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEf123456"
NOON = 1_800_000_000.0


def service(*rooms: str, quota: int = 0, room_quota: int = 0, seed: int = 0) -> Service:
    """A service in which these rooms exist."""
    return Service(SandboxOptions(rooms=rooms, quota=quota, room_quota=room_quota, seed=seed), NOON)


def dispatcher(*rooms: str, faults: tuple[FaultKind, ...] = (), quota: int = 0, room_quota: int = 0) -> Dispatcher:
    """A dispatcher whose next calls fail with these faults."""
    injected = Faults(SandboxOptions())
    injected.queue(faults)
    return Dispatcher(service(*rooms, quota=quota, room_quota=room_quota), injected)


def signed(*, region: str = REGION, scope_service: str = "ivschat") -> str:
    """An Authorization header."""
    return (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20270115/{region}/{scope_service}/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924"
    )


def kick(user_id: str = "zed", room: str = LOBBY, **more: object) -> dict[str, Any]:
    """The parameters of a DisconnectUser."""
    return {"roomIdentifier": room, "userId": user_id, **more}


def post(path: str, params: object, *, region: str = REGION, scope_service: str = "ivschat") -> HttpRequest:
    """A signed request with a body of JSON."""
    return HttpRequest("POST", path, signed(region=region, scope_service=scope_service), json.dumps(params).encode())


def content(reply: Reply) -> Any:
    """The JSON in a reply."""
    return json.loads(reply.body)


def connect(url: str, *, timeout: float = 30) -> http.client.HTTPConnection:
    """A connection of the plainest kind to a sandbox."""
    address = urllib.parse.urlsplit(url)
    assert address.hostname is not None
    return http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)


class Heard:
    """A line that notes what a client hears."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed_with: int | None = None
        self.was_cut = False

    def send(self, frame: bytes) -> None:
        assert self.closed_with is None
        self.frames.append(frame)

    def cut(self) -> None:
        self.was_cut = True

    def close(self, code: int) -> None:
        assert self.closed_with is None
        self.closed_with = code

    @property
    def entities(self) -> list[Any]:
        """What was heard, without the frames around it."""
        return [json.loads(payload(frame)) for frame in self.frames]


def payload(frame: bytes) -> bytes:
    """What is in an unmasked text frame, which must be well-formed."""
    assert frame[0] == 0x81
    head = {126: 4, 127: 10}.get(frame[1], 2)
    size = frame[1] if head == 2 else int.from_bytes(frame[2:head], "big")
    assert len(frame) == head + size
    return frame[head:]


ALL_CAPABILITIES = ("SEND_MESSAGE", "DELETE_MESSAGE", "DISCONNECT_USER")


class Client:
    """A client in a room of a service that nothing else runs.

    Args:
        chat: the service.
        user_id: who it is.
        capabilities: what the token allows.
        params: more members of CreateChatToken.
    """

    def __init__(
        self, chat: Service, user_id: str, *capabilities: str, room: str = LOBBY, now: float = NOON, **params: Any
    ) -> None:
        asked = {"roomIdentifier": room, "userId": user_id, "capabilities": capabilities, **params}
        body = chat.carry_out("CreateChatToken", room.split(":")[3], asked, now).body
        assert body is not None
        self._messaging = chat.messaging
        self.connection = chat.messaging.join(body["token"], "192.0.2.7", now)
        self.line = Heard()
        self.connection.open(self.line)

    def ask(self, request: object, now: float = NOON, fault: FaultKind | None = None) -> None:
        """Send a request as JSON, or a text as it is."""
        text = request if isinstance(request, str) else json.dumps(request)
        self._messaging.receive(self.connection, text, now, fault)

    def say(self, content: str, now: float = NOON, **members: object) -> None:
        """Send a message."""
        self.ask({"Action": "SEND_MESSAGE", "Content": content, **members}, now)

    @property
    def heard(self) -> list[Any]:
        """Every entity so far."""
        return self.line.entities

    @property
    def contents(self) -> list[str]:
        """The contents of the messages so far."""
        return [entity["Content"] for entity in self.heard if entity["Type"] == "MESSAGE"]

    @property
    def refusals(self) -> list[tuple[int, str]]:
        """Code and RequestId of the errors so far."""
        return [(entity["ErrorCode"], entity["RequestId"]) for entity in self.heard if entity["Type"] == "ERROR"]
