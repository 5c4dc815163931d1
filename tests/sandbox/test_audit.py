"""The whole circle: a real apply bans, somebody speaks or does not, and an audit of the sandbox's chat logs knows.

Nothing depends on how fast the machine is: what counts is the order of kicks and messages.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reconciler.gate import Banned, Gate
from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import LOBBY
from .conftest import ChatFor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ivschat import IvschatClient


def ban_list(*users: str) -> str:
    bans = "".join(f"\n  - {{user_id: {user}, rooms: [lobby]}}" for user in users) or " []"
    denylist = "denylist: {location: denylist.json, settle_after: 1}"
    return f"version: 1\nrooms:\n  lobby: {LOBBY}\n{denylist}\nbans:{bans}\n"


def reconciler(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def ban(*users: str) -> None:
    Path("bans.yaml").write_text(ban_list(*users))
    applied = reconciler("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr


@pytest.fixture
def chat(folder: Path, monkeypatch: pytest.MonkeyPatch, chat_for: ChatFor) -> "Iterator[tuple[Sandbox, IvschatClient]]":
    """A sandbox that keeps chat logs, in which nobody is banned yet."""
    monkeypatch.setenv("RECONCILER_RATE", "0")
    options = SandboxOptions(rooms=(LOBBY,), quota=0, token_quota=0, chat_log=folder / "logs")
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        ban()
        yield sandbox, chat_for(sandbox)


def say(chat: "tuple[Sandbox, IvschatClient]", user_id: str, *contents: str) -> None:
    """What a user says who gets a token from a service that does not ask the gate."""
    sandbox, client = chat
    token = client.create_chat_token(roomIdentifier=LOBBY, userId=user_id, capabilities=["SEND_MESSAGE"])["token"]

    async def speak() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.url, protocols=(token,)) as socket:
            for content in contents:
                await socket.send_json({"Action": "SEND_MESSAGE", "Content": content})
                while json.loads(await socket.receive_str()).get("Content") != content:
                    pass

    asyncio.run(asyncio.wait_for(speak(), 30))


def audit() -> Any:
    audited = reconciler("audit", "logs", "--format", "json")
    assert audited.returncode in {0, 2}, audited.stderr
    found = json.loads(audited.stdout)
    assert audited.returncode == (2 if found["findings"] else 0)
    return found


def test_somebody_who_still_speaks_through_a_hole_is_found(chat: "tuple[Sandbox, IvschatClient]") -> None:
    say(chat, "zed", "before")
    say(chat, "amy", "hi")
    ban("zed", "amy")
    assert audit()["findings"] == []
    say(chat, "zed", "I am", "still here")
    say(chat, "bob", "hello")
    found = audit()
    (finding,) = found["findings"]
    assert (finding["user_id"], finding["room"], finding["room_arn"], finding["messages"]) == ("zed", "lobby", LOBBY, 2)
    (record,) = (
        room["zed"]["disconnected_at"] for room in json.loads(Path("bans.state.json").read_text())["bans"].values()
    )
    assert finding["banned_at"] == record
    assert record < finding["first"] <= finding["last"]
    sandbox, _ = chat
    assert (found["records"], found["skipped"]) == (5 + len(sandbox.disconnected), 0)  # messages and kicks
    ban("amy")
    assert audit()["findings"] == []  # a ban that is lifted is none


def test_a_ban_that_holds_leaves_nothing_to_be_found(chat: "tuple[Sandbox, IvschatClient]") -> None:
    say(chat, "zed", "before")
    ban("zed")
    gate = Gate("denylist.json", max_age=0.1, timeout=20)
    with pytest.raises(Banned):
        gate.admit("zed", LOBBY)
    gate.admit("amy", LOBBY)
    say(chat, "amy", "peace")
    found = audit()
    sandbox, _ = chat
    assert (found["findings"], found["records"]) == ([], 2 + len(sandbox.disconnected))
