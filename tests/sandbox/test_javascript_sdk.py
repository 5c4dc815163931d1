import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import LOBBY, NOON, kick

HERE = Path(__file__).parent
NODE = shutil.which("node")
NODE_MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES") or HERE / "node_modules")

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="Node.js is not installed: no `node` on PATH"),
    pytest.mark.skipif(
        not (NODE_MODULES / "@aws-sdk" / "client-ivschat").is_dir(),
        reason=f"the AWS SDK for JavaScript is not in {NODE_MODULES}: run `npm install @aws-sdk/client-ivschat` "
        "somewhere and set RECONCILER_NODE_MODULES to its node_modules",
    ),
]


def send(sandbox: Sandbox, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """What the SDK makes of each call (operation and input), made one after the other."""
    assert NODE is not None
    wanted = json.dumps([["us-west-2", operation, params] for operation, params in calls])
    done = subprocess.run(
        [NODE, HERE / "javascript_sdk.mjs", NODE_MODULES, sandbox.url, wanted],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_javascript_sdk_does_the_operations_on_rooms(sandbox: Sandbox) -> None:
    kicked, made, listed, read = send(
        sandbox,
        ("DisconnectUser", kick("😀 zed", reason="Violated terms of service")),
        ("CreateRoom", {"name": "stage"}),
        ("ListRooms", {"name": "stage"}),
        ("GetRoom", {"identifier": LOBBY}),
    )
    assert (kicked["status"], kicked["output"]) == (200, {})
    assert kicked["requestId"] == sandbox.requests[0].request_id
    assert sandbox.disconnected == ((LOBBY, "😀 zed"),)
    assert [room["arn"] for room in listed["output"]["rooms"]] == [made["output"]["arn"]]
    assert read["output"]["maximumMessageLength"] == 500
    (deleted,) = send(sandbox, ("DeleteRoom", {"identifier": made["output"]["arn"]}))
    assert deleted["status"] == 204


def test_the_javascript_sdk_updates_tags_and_talks(sandbox: Sandbox) -> None:
    updated, _, _, listed, token, sent, deleted = send(
        sandbox,
        ("UpdateRoom", {"identifier": LOBBY, "name": "stage"}),
        ("TagResource", {"resourceArn": LOBBY, "tags": {"a b/c": "1", "d": "2"}}),
        ("UntagResource", {"resourceArn": LOBBY, "tagKeys": ["d", "e"]}),
        ("ListTagsForResource", {"resourceArn": LOBBY}),
        ("CreateChatToken", {"roomIdentifier": LOBBY, "userId": "zed", "attributes": {"a": "b"}}),
        ("SendEvent", {"roomIdentifier": LOBBY, "eventName": "goal"}),
        ("DeleteMessage", {"roomIdentifier": LOBBY, "id": "AbCdEf123456"}),
    )
    assert updated["output"]["name"] == "stage"
    assert listed["output"] == {"tags": {"a b/c": "1"}}
    assert len(token["output"]["token"]) > 40
    assert [len(answer["output"]["id"]) for answer in (sent, deleted)] == [12, 12]


def test_the_javascript_sdks_paginator_sees_every_room_once(sandbox: Sandbox) -> None:
    *made, paged = send(sandbox, *[("CreateRoom", {})] * 7, ("pages of ListRooms", {}))
    newest_first = [*reversed([answer["output"]["arn"] for answer in made]), LOBBY]
    assert paged["pages"] == [newest_first[:3], newest_first[3:6], newest_first[6:]]


def test_the_javascript_sdk_knows_the_modelled_errors_and_their_members() -> None:
    absent = LOBBY.replace("g1H2I3j4k5L6", "nobodyMade12")  # in the same account, and so within the same quota
    with running(SandboxOptions(rooms=(LOBBY,), quota=1), clock=lambda: NOON) as sandbox:
        missing, invalid, throttled = send(
            sandbox, ("DisconnectUser", kick(room=absent)), ("DisconnectUser", kick("")), ("DisconnectUser", kick())
        )
        sandbox.quota = 0
        sandbox.fault_next("denied", "pending")
        denied, pending = send(sandbox, ("DisconnectUser", kick()), ("DisconnectUser", kick()))
    assert [(answer["error"], answer["status"]) for answer in (missing, invalid, throttled, denied, pending)] == [
        ("ResourceNotFoundException", 404),
        ("ValidationException", 400),
        ("ThrottlingException", 429),
        ("AccessDeniedException", 403),
        ("PendingVerification", 403),
    ]
    assert all(answer["typed"] for answer in (missing, invalid, throttled, denied, pending))
    assert missing["message"] == f"Room {absent} does not exist in us-west-2"
    assert missing["members"].items() >= {"resourceId": "nobodyMade12", "resourceType": "ROOM"}.items()
    assert (invalid["members"]["reason"], invalid["members"]["fieldList"][0]["name"]) == (
        "FIELD_VALIDATION_FAILED",
        "userId",
    )
    assert throttled["members"].items() >= {"resourceId": "g1H2I3j4k5L6", "limit": 1}.items()


def test_the_javascript_sdk_hears_of_what_is_not_modelled(sandbox: Sandbox) -> None:
    sandbox.fault_next("expired", "cut")
    expired, cut, unknown = send(
        sandbox, ("DisconnectUser", kick()), ("DisconnectUser", kick()), ("ListLoggingConfigurations", {})
    )
    assert (expired["error"], expired["status"]) == ("ExpiredTokenException", 403)
    assert "socket hang up" in cut["message"]
    assert unknown["message"].startswith("The sandbox does not do ListLoggingConfigurations.")
