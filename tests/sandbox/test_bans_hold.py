"""The proof that a ban holds, wherever the denylist is: against somebody with tokens in hand who never gives up.

The token service asks the gate, a real `reconciler apply` publishes, kicks and settles, and a witness in each room
notes the order in which messages and kicks were delivered. That nothing follows the last kick does not depend on how
fast the machine is: tokens are accepted by the sandbox's clock, and what counts is the order.
"""

import asyncio
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import boto3
import pytest

from reconciler.gate import Banned, DenylistUnavailable, Gate
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.effort import examples
from tests.moto_server import BUCKET, moto_server
from tests.publishers.places import make_table, object_on_s3

from .builders import FINALS, LOBBY, REGION
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

QUIET = "arn:aws:ivschat:us-west-2:123456789012:room/nobodyIsHere"
TOKEN_LIFETIME, MAX_AGE, SETTLE_AFTER = 2.0, 0.5, 4
ATTACKER, IN_HAND = "zed", 10
LIMIT = 90


@dataclass(frozen=True)
class Case:
    """Where the denylist is, and what is banned: a user in one room, or everywhere."""

    denylist: str
    token_records: str | None = None

    @property
    def attacked(self) -> Sequence[str]:
        """The rooms that the attacker is in."""
        return (LOBBY,) if self.token_records is None else (LOBBY, FINALS)

    def gate(self) -> Gate:
        """As a token service makes it. The limit is for a machine that is busy; the proof does without it."""
        return Gate(self.denylist, token_records=self.token_records, max_age=MAX_AGE, timeout=20)

    def ban_list(self, *users: str, settle_after: int) -> str:
        rooms = "[lobby]" if self.token_records is None else "everywhere"
        records = "" if self.token_records is None else f", token_records: {self.token_records}"
        bans = "".join(f"\n  - {{user_id: {user}, rooms: {rooms}, reason: rude}}" for user in users) or " []"
        return (
            f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n  quiet: {QUIET}\n"
            f"denylist: {{location: {self.denylist}, settle_after: {settle_after}{records}}}\nbans:{bans}\n"
        )


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """An S3 and a DynamoDB, which take no time from the chat."""
    with moto_server() as url:
        yield url


@pytest.fixture
def _s3(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", aws)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with closing(boto3.client("s3")) as client:
        client.create_bucket(Bucket=BUCKET)


@pytest.fixture
def new_table(aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws)
    with closing(boto3.client("dynamodb", region_name=REGION)) as client:
        yield lambda: f"dynamodb://{REGION}/{make_table(client)}"


@pytest.fixture(params=["file", "s3", "dynamodb", "everywhere"])
def case(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A place for the denylist; `everywhere` is a table with token records in another, for a ban in every room."""
    monkeypatch.setenv("RECONCILER_RATE", "0")
    match request.param:
        case "file":
            return Case(f"{uuid4()}.json")
        case "s3":
            request.getfixturevalue("_s3")
            return Case(object_on_s3().location)
        case kind:
            new_table: Callable[[], str] = request.getfixturevalue("new_table")
            return Case(new_table(), new_table() if kind == "everywhere" else None)


@dataclass
class TokenService:
    """What a platform runs: a token for everybody whom the gate lets through, asked after the token was made.

    Attributes:
        after: whether the apply has ended.
        refused: requests since then that were refused.
        granted: requests since then that were not.
    """

    chat: Mapping[str, "IvschatClient"]
    gate: Gate
    after: bool = False
    refused: int = 0
    granted: int = 0

    def token(self, user_id: str, room: str) -> str | None:
        asked_after = self.after
        made = self.chat[room].create_chat_token(roomIdentifier=room, userId=user_id, capabilities=["SEND_MESSAGE"])
        try:
            self.gate.admit(user_id, room)
        except DenylistUnavailable:  # a copy that took longer than MAX_AGE to read
            return None
        except Banned:
            self.refused += asked_after
            return None
        self.granted += asked_after
        return made["token"]


@dataclass
class Attacker:
    """Somebody who keeps ten unused tokens in hand, joins a room with them at random moments, and talks all the time.

    Thrown out, the attacker comes back at once.
    """

    service: TokenService
    room: str
    url: str
    session: aiohttp.ClientSession
    random: random.Random
    hand: list[str] = field(default_factory=list)
    joined: int = 0
    talking: set[asyncio.Task[None]] = field(default_factory=set)

    async def hoard(self) -> None:
        while True:
            token = await asyncio.to_thread(self.service.token, ATTACKER, self.room)
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

    @property
    def is_ready(self) -> bool:
        return self.joined >= 3 and len(self.hand) == IN_HAND


async def listen(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


async def witness(attacker: Attacker, heard: list[Any]) -> None:
    """Note what is heard in the room of an attacker, from before they come on."""
    while (token := await asyncio.to_thread(attacker.service.token, "witness", attacker.room)) is None:
        pass
    socket = await attacker.session.ws_connect(attacker.url, protocols=(token,))
    heard.append({"Type": "here"})
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


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Outcome:
    """What became of an attack.

    Attributes:
        heard: what the witness in each attacked room heard.
        connected: who was connected at the end, while the attacker still tried.
        service: what the attacker asked; it has counted the requests after the apply.
        disconnected: room and user of each kick.
    """

    heard: Sequence[Sequence[Any]]
    connected: Sequence[str]
    service: TokenService
    disconnected: Sequence[tuple[str, str]]


async def attack(case: Case, sandbox: Sandbox, service: TokenService, seed: int, settle_after: int) -> Outcome:
    """Attack while the attacker is banned."""
    bans = Path("bans.yaml")
    bans.write_text(case.ban_list(settle_after=settle_after))
    await apply()
    async with asyncio.timeout(LIMIT), aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        attackers = [
            Attacker(service, room, sandbox.url, session, random.Random(seed + number))
            for number, room in enumerate(case.attacked)
        ]
        heard: list[list[Any]] = [[] for _ in attackers]
        tasks = [group.create_task(witness(*pair)) for pair in zip(attackers, heard, strict=True)]
        await until(lambda: all(heard))
        for attacker in attackers:
            tasks += [group.create_task(work()) for work in (attacker.join, attacker.hoard, attacker.hoard)]
        await until(lambda: all(attacker.is_ready for attacker in attackers))
        bans.write_text(case.ban_list(ATTACKER, settle_after=settle_after))
        await apply()
        service.after = True
        await until(lambda: service.refused + service.granted >= 10)
        await asyncio.sleep(TOKEN_LIFETIME + 0.5)  # for whatever might still come
        for room in case.attacked:
            await asyncio.to_thread(service.chat[room].send_event, roomIdentifier=room, eventName="the end")
        await until(lambda: all(map(has_ended, heard)))
        connected = [user_id for _, user_id in sandbox.connected]
        for task in (*tasks, *(talking for attacker in attackers for talking in attacker.talking)):
            task.cancel()
    return Outcome(heard, connected, service, sandbox.disconnected)


def attack_in_a_sandbox(
    case: Case, chat_for: ChatFor, monkeypatch: pytest.MonkeyPatch, seed: int, settle_after: int
) -> Outcome:
    """Attack in a sandbox whose tokens live short."""
    rooms = (LOBBY, FINALS, QUIET)
    options = SandboxOptions(rooms=rooms, token_lifetime=TOKEN_LIFETIME, quota=0, token_quota=0, room_quota=0)
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        chat = {room: chat_for(sandbox, region=room.split(":")[3]) for room in rooms}
        for room in rooms:
            chat[room].update_room(identifier=room, maximumMessageRatePerSecond=100)
        service = TokenService(chat, case.gate())
        return asyncio.run(attack(case, sandbox, service, seed, settle_after))


def has_ended(heard: Sequence[Any]) -> bool:
    return any(entity.get("EventName") == "the end" for entity in heard)


def is_kick(entity: dict[str, Any]) -> bool:
    return entity.get("EventName") == "aws:DISCONNECT_USER" and entity["Attributes"]["UserId"] == ATTACKER


def messages(heard: Sequence[Any]) -> int:
    return sum(entity["Type"] == "MESSAGE" for entity in heard)


@pytest.mark.parametrize("seed", range(examples(1, 4)))
def test_whoever_is_banned_is_out_for_good_when_the_apply_ends(
    case: Case, chat_for: ChatFor, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    outcome = attack_in_a_sandbox(case, chat_for, monkeypatch, seed, SETTLE_AFTER)
    for heard in outcome.heard:
        kicks = [number for number, entity in enumerate(heard) if is_kick(entity)]
        assert len(kicks) == 2
        before, between, after = heard[: kicks[0]], heard[kicks[0] : kicks[1]], heard[kicks[1] :]
        assert messages(before) > 0
        assert messages(between) > 0  # with the tokens in hand one could come back: the first kick is not enough
        assert messages(after) == 0
    assert set(outcome.connected) == {"witness"}
    assert outcome.service.refused > 0
    assert outcome.service.granted == 0
    assert set(outcome.disconnected) == {(room, ATTACKER) for room in case.attacked}  # and in no other room


def test_a_ban_that_does_not_settle_is_but_a_kick(
    case: Case, chat_for: ChatFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = attack_in_a_sandbox(case, chat_for, monkeypatch, 0, 0)
    for heard in outcome.heard:
        (kick,) = (number for number, entity in enumerate(heard) if is_kick(entity))
        assert messages(heard[kick:]) > 0
    assert ATTACKER in outcome.connected
    assert outcome.service.refused > 0
