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
