"""The proof that a ban holds: against somebody with tokens in hand who never gives up.

The token service asks the gate, a real `reconciler apply` publishes, kicks and settles, and a witness in the room notes
in which order messages and kicks were delivered. That nothing follows the last kick does not depend on how fast the
machine is: tokens are accepted by the sandbox's clock, and what counts is the order.
"""

import asyncio
import json
import random
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reconciler.gate import Banned, Gate
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.effort import examples

from .builders import LOBBY
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

TOKEN_LIFETIME, MAX_AGE, SETTLE_AFTER = 1.5, 0.5, 3
ATTACKER, IN_HAND = "zed", 10
LIMIT = 90


def ban_list(*users: str, settle_after: int) -> str:
    bans = "".join(f"\n  - {{user_id: {user}, rooms: [lobby], reason: rude}}" for user in users) or " []"
    return (
        f"version: 1\nrooms:\n  lobby: {LOBBY}\n"
        f"denylist: {{location: denylist.json, settle_after: {settle_after}}}\nbans:{bans}\n"
    )


@dataclass
class TokenService:
    """What a platform runs: a token for everybody whom the gate lets through."""

    chat: "IvschatClient"
    gate: Gate
    refused: int = 0

    def token(self, user_id: str) -> str | None:
        made = self.chat.create_chat_token(roomIdentifier=LOBBY, userId=user_id, capabilities=["SEND_MESSAGE"])
        try:
            self.gate.admit(user_id, LOBBY)
        except Banned:
            self.refused += 1
            return None
        return made["token"]


@dataclass
class Attacker:
    """Somebody who keeps ten unused tokens in hand, joins with them at random moments, and talks all the time.

    Thrown out, the attacker comes back at once.
    """

    service: TokenService
    url: str
    session: aiohttp.ClientSession
    random: random.Random
    hand: list[str] = field(default_factory=list)
    joined: int = 0
    talking: set[asyncio.Task[None]] = field(default_factory=set)

    async def hoard(self) -> None:
        while True:
            token = await asyncio.to_thread(self.service.token, ATTACKER)
            if token is not None:
                self.hand = [*self.hand[-IN_HAND + 1 :], token]
            await asyncio.sleep(0.02)

    async def join(self) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0, 0.5))
            if self.hand and len(self.talking) < IN_HAND:
                await self.enter(self.hand.pop(self.random.randrange(len(self.hand))))

    async def enter(self, token: str) -> None:
        with suppress(aiohttp.ClientError):
            socket = await self.session.ws_connect(self.url, protocols=(token,))
            self.joined += 1
            talking = asyncio.create_task(self.talk(socket))
            self.talking.add(talking)
            talking.add_done_callback(self.talking.discard)

    async def talk(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        listening = asyncio.create_task(listen(socket))
        with suppress(aiohttp.ClientError, ConnectionError):
            while not listening.done():
                await socket.send_json({"Action": "SEND_MESSAGE", "Content": "hello from zed"})
                await asyncio.wait([listening], timeout=self.random.uniform(0.1, 0.5))
        if self.hand:  # thrown out: at once again, with the newest token
            await self.enter(self.hand.pop())


async def listen(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


async def witness(socket: aiohttp.ClientWebSocketResponse, heard: list[Any]) -> None:
    while True:
        heard.append(json.loads(await socket.receive_str()))


async def apply() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reconciler", "apply", "--auto-approve"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def attack(sandbox: Sandbox, chat: "IvschatClient", seed: int, settle_after: int) -> tuple[list[Any], int]:
    """What the witness heard, and how many requests for a token were refused after the apply."""
    bans, heard = Path("bans.yaml"), list[Any]()
    bans.write_text(ban_list(settle_after=settle_after))
    await apply()
    service = TokenService(chat, Gate("denylist.json", max_age=MAX_AGE))
    async with asyncio.timeout(LIMIT), aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        credential = await asyncio.to_thread(service.token, "witness")
        assert credential is not None
        watching = await session.ws_connect(sandbox.url, protocols=(credential,))
        attacker = Attacker(service, sandbox.url, session, random.Random(seed))
        tasks = [group.create_task(work) for work in (witness(watching, heard), attacker.join())]
        tasks += [group.create_task(attacker.hoard()) for _ in range(2)]
        while attacker.joined < 3 or len(attacker.hand) < IN_HAND:
            await asyncio.sleep(0.02)
        bans.write_text(ban_list(ATTACKER, settle_after=settle_after))
        await apply()
        refused = service.refused
        await asyncio.sleep(TOKEN_LIFETIME + 0.5)  # for whatever might still come
        await asyncio.to_thread(chat.send_event, roomIdentifier=LOBBY, eventName="the end")
        while not heard or heard[-1].get("EventName") != "the end":
            await asyncio.sleep(0.02)
        for task in (*tasks, *attacker.talking):
            task.cancel()
    return heard, service.refused - refused


def is_kick(entity: dict[str, Any]) -> bool:
    return entity.get("EventName") == "aws:DISCONNECT_USER" and entity["Attributes"]["UserId"] == ATTACKER


def messages(heard: list[Any]) -> int:
    return sum(entity["Type"] == "MESSAGE" for entity in heard)


@pytest.fixture
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_RATE", "0")


@pytest.mark.usefixtures("_here")
@pytest.mark.parametrize("seed", range(examples(1, 5)))
def test_whoever_is_banned_is_out_for_good_when_the_apply_ends(
    chat_for: ChatFor, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    options = SandboxOptions(rooms=(LOBBY,), token_lifetime=TOKEN_LIFETIME, quota=0, token_quota=0, room_quota=0)
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        chat = chat_for(sandbox)
        chat.update_room(identifier=LOBBY, maximumMessageRatePerSecond=100)
        heard, refused = asyncio.run(attack(sandbox, chat, seed, SETTLE_AFTER))
        connected = {user_id for _, user_id in sandbox.connected}
    kicks = [number for number, entity in enumerate(heard) if is_kick(entity)]
    assert len(kicks) == 2
    before, between, after = heard[: kicks[0]], heard[kicks[0] : kicks[1]], heard[kicks[1] :]
    assert messages(before) > 0
    assert messages(between) > 0  # the tokens in hand were good for coming back: the first kick alone is not enough
    assert messages(after) == 0
    assert ATTACKER not in connected
    assert refused > 0


@pytest.mark.usefixtures("_here")
def test_a_ban_that_does_not_settle_is_but_a_kick(chat_for: ChatFor, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SandboxOptions(rooms=(LOBBY,), token_lifetime=TOKEN_LIFETIME, quota=0, token_quota=0, room_quota=0)
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        chat = chat_for(sandbox)
        chat.update_room(identifier=LOBBY, maximumMessageRatePerSecond=100)
        heard, refused = asyncio.run(attack(sandbox, chat, 0, 0))
    (kick,) = (number for number, entity in enumerate(heard) if is_kick(entity))
    assert messages(heard[kick:]) > 0
    assert refused > 0
