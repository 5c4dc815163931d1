"""Blocks of Python and JavaScript: they are run, with the gate and the services that they need."""

import json
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.gate import node
from tests.gate.tables import make_table

from .blocks import ROOT, Block
from .rules import block
from .with_others import bans_in_a_table
from .world import LOBBY, README_LIST, World, client

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REFUSES = {"zed": True, "somebody": False}
"""Users who ask, and whether they are banned."""


@block("README.md", "from datetime import")
def a_plan_from_python(block: Block, world: World) -> None:
    world.write("bans.yaml", "".join(line for line in README_LIST.splitlines(True) if "expires_at" not in line))
    world.write("script.py", block.text)
    ran = world.run("python script.py")
    assert (ran.code, ran.said) == (0, "ban lobby/ABC123def456 new\n")


@contextmanager
def tables(world: World) -> "Iterator[DynamoDBClient]":
    """The tables `denylist`, with bans, and `tokens`."""

    def make(dynamodb: "DynamoDBClient") -> None:
        for name in ("denylist", "tokens"):
            make_table(dynamodb, name)

    with bans_in_a_table(world, make) as dynamodb:
        yield dynamodb


def asked_in_python(world: World, body: str, before: str = "") -> Iterator[Any]:
    """What a service whose code this is answers to each of the users."""
    shutil.copy(ROOT / "reconciler/gate.py", world.folder / "gate.py")
    script = (
        f"import boto3, json, sys\n{before}\n"
        f"def answer(user_id, room_arn, chat, event):\n{textwrap.indent(body, '    ')}\n"
        f"chat = boto3.client('ivschat', region_name='us-west-2', endpoint_url={world.sandbox.url!r})\n"
        f"event = {{'Content': 'Hello', 'RoomArn': {LOBBY!r}, 'Sender': {{'UserId': sys.argv[1]}}}}\n"
        f"try: said = answer(sys.argv[1], {LOBBY!r}, chat, event)\n"
        "except Exception as error: said = type(error).__name__\n"
        "json.dump(said, sys.stdout, default=str)\n"
    )
    world.write("service.py", script)
    for user in REFUSES:
        ran = world.run(f"python service.py {user}")
        assert ran.code == 0, ran.said
        yield json.loads(ran.said)


@block("docs/gate.md", "from gate import")
def a_token_service(block: Block, world: World) -> None:
    with tables(world) as dynamodb:
        banned, free = asked_in_python(world, block.text)
        assert banned == "Banned"
        assert free["token"]
        assert {"S": "somebody"} in [row["pk"] for row in dynamodb.scan(TableName="tokens")["Items"]]


@block("docs/gate.md", "gate = Gate(")
def a_review_handler(block: Block, world: World) -> None:
    with tables(world):
        banned, free = asked_in_python(world, block.text, "from gate import Gate\n")
        assert (banned["ReviewResult"], free) == ("DENY", None)


@block("docs/gate.md", "import { Banned")
def a_token_service_in_javascript(block: Block, world: World) -> None:
    if node.NODE is None or not (node.NODE_MODULES / "@aws-sdk/client-dynamodb").is_dir():
        pytest.skip("there is no Node.js, or no AWS SDK for it")
    node.laid_out(world.folder / "service")
    imports, _, body = block.text.partition("\n\n")
    script = (
        f"{imports}\nconst [userId, roomArn] = [process.argv[2], {LOBBY!r}];\ntry {{\n{body}"
        "console.log(JSON.stringify({ banned: verdict.banned, admitted: true }));\n} catch (error) {\n"
        "if (!(error instanceof Banned)) throw error;\n"
        "console.log(JSON.stringify({ banned: true, admitted: false }));\n}\n"
    )
    world.write("service/service.mjs", script)
    with tables(world) as dynamodb:
        for user, banned in REFUSES.items():
            ran = world.run(f"node service/service.mjs {user}")
            assert ran.code == 0, ran.said
            assert json.loads(ran.said) == {"banned": banned, "admitted": not banned}
        assert {"S": "somebody"} in [row["pk"] for row in dynamodb.scan(TableName="tokens")["Items"]]


@block("docs/sandbox.md", "const room = new ChatRoom")
def a_chat_client(block: Block, world: World) -> None:
    modules = node.NODE_MODULES
    if node.NODE is None or not all((modules / name).is_dir() for name in ("amazon-ivs-chat-messaging", "ws")):
        pytest.skip("there is no Node.js, or no chat SDK for it")
    chat = client("ivschat", world.sandbox.url)
    token = chat.create_chat_token(roomIdentifier=LOBBY, userId="amy")
    given = {name: token[name] for name in ("token", "tokenExpirationTime", "sessionExpirationTime")}
    script = (
        f"const require = (await import('node:module')).createRequire({str(modules.resolve() / 'anchor.js')!r});\n"
        "globalThis.WebSocket = require('ws');\nconst { ChatRoom } = require('amazon-ivs-chat-messaging');\n"
        f"const given = {json.dumps(given, default=str)};\n"
        "const fetchToken = async () => ({ token: given.token,"
        " tokenExpirationTime: new Date(given.tokenExpirationTime),"
        " sessionExpirationTime: new Date(given.sessionExpirationTime) });\n"
        f"{block.text.replace('ws://127.0.0.1:8787', world.sandbox.url.replace('http', 'ws'))}"
        "room.addListener('connect', () => { console.log('connected'); process.exit(); });\nroom.connect();\n"
    )
    done = subprocess.run(
        [node.NODE, "--input-type=module", "-e", script], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.stdout.endswith("\nconnected\n"), done.stderr
