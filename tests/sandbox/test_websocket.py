"""The messaging WebSocket over real connections."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from reconciler.sandbox.frames import LARGEST_FRAME

from .builders import ALL_CAPABILITIES, FINALS, LOBBY, connect, signed
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

Socket = aiohttp.ClientWebSocketResponse
LIMIT = 60


def token(chat: "IvschatClient", user_id: str, *capabilities: Any, **params: Any) -> str:
    made = chat.create_chat_token(roomIdentifier=LOBBY, userId=user_id, capabilities=list(capabilities), **params)
    return made["token"]


def in_time(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT):
            await work()

    asyncio.run(limited())


@contextlib.asynccontextmanager
async def joined(sandbox: Sandbox, *tokens: str, **headers: str) -> AsyncIterator[list[Socket]]:
    async with aiohttp.ClientSession() as session:
        clients = [await session.ws_connect(sandbox.url, protocols=(one,), headers=headers) for one in tokens]
        yield clients
        for client in clients:
            await client.close()


async def hear(client: Socket) -> Any:
    return json.loads(await client.receive_str())


async def close_code(client: Socket) -> int | None:
    """The code of the close that comes next."""
    message = await client.receive()
    assert message.type is aiohttp.WSMsgType.CLOSE, message
    code: int = message.data
    return code


def handshake(sandbox: Sandbox, *lines: str, path: str = "/") -> tuple[int, str]:
    """Status and body of the answer to a handshake with these headers beside the usual ones."""
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.putrequest("GET", path)
        key = base64.b64encode(os.urandom(16)).decode()
        usual = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
        for name, _, value in (line.partition(": ") for line in (*usual, *lines)):
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, "" if response.status == 101 else response.read().decode()


def test_clients_chat_and_are_kicked(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        tokens = token(chat, "zed", "SEND_MESSAGE"), token(chat, "amy"), token(chat, "zed")
        async with joined(sandbox, *tokens) as (zed, amy, again):
            assert zed.protocol == tokens[0]
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "😀", "RequestId": "r1"})
            said = await hear(zed)
            assert (said["Content"], said["RequestId"]) == ("😀", "r1")
            assert [await hear(amy), await hear(again)] == [said, said]
            assert sandbox.connected == ((LOBBY, "zed"), (LOBBY, "amy"), (LOBBY, "zed"))
            await asyncio.to_thread(chat.disconnect_user, roomIdentifier=LOBBY, userId="zed", reason="rude")
            events = [await hear(client) for client in (zed, amy, again)]
            assert events[0]["Attributes"] == {"UserId": "zed", "Reason": "rude"}
            assert events == [events[0]] * 3
            assert [await close_code(zed), await close_code(again)] == [1000, 1000]
            assert {user_id for _, user_id in sandbox.connected} == {"amy"}

    in_time(work)


def test_a_token_opens_one_connection_and_a_bad_one_none(sandbox: Sandbox, chat: "IvschatClient") -> None:
    good = token(chat, "zed")
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == 101
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}") == (
        401,
        "The chat token has been used: it is good for one connection.\n",
    )
    assert handshake(sandbox) == (401, "The chat token is missing: it goes into the header Sec-WebSocket-Protocol.\n")
    assert handshake(sandbox, "Sec-WebSocket-Protocol: nonsense, more") == (
        401,
        "The sandbox knows no such chat token.\n",
    )


def test_a_token_whose_room_was_deleted_is_not_found(sandbox: Sandbox, chat: "IvschatClient") -> None:
    late = token(chat, "zed")
    chat.delete_room(identifier=LOBBY)
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {late}") == (
        404,
        "The room of this chat token does not exist any more.\n",
    )


def test_an_expired_token_is_refused(chat_for: ChatFor) -> None:
    now = [1_800_000_000.0]
    with running(SandboxOptions(rooms=(LOBBY,), token_lifetime=5), clock=lambda: now[0]) as sandbox:
        late = token(chat_for(sandbox), "zed")
        now[0] += 5
        assert handshake(sandbox, f"Sec-WebSocket-Protocol: {late}") == (
            401,
            "The chat token has expired: it is good for 5 seconds.\n",
        )


def test_a_sandbox_that_has_refused_handshakes_of_every_kind_goes_on(chat_for: ChatFor) -> None:
    now = [1_800_000_000.0]
    rooms = (LOBBY, FINALS)
    with running(SandboxOptions(rooms=rooms, token_lifetime=5, quota=0), clock=lambda: now[0]) as sandbox:
        chat, elsewhere = chat_for(sandbox), chat_for(sandbox, region="eu-west-1")
        expired = token(chat, "zed")
        now[0] += 5
        used = token(chat, "amy")
        amy = dial(sandbox, used)
        homeless = elsewhere.create_chat_token(roomIdentifier=FINALS, userId="zed")["token"]
        elsewhere.delete_room(identifier=FINALS)
        bad = ["", expired, used, homeless, "nonsense", "x" * 5000, "a b", '"', "é"]
        lines = [[f"Sec-WebSocket-Protocol: {one}"] if one else [] for one in bad]
        assert [handshake(sandbox, *line)[0] for line in lines] == [401, 401, 401, 404, 401, 401, 401, 401, 401]
        assert sandbox.connected == ((LOBBY, "amy"),)
        zed = dial(sandbox, token(chat, "zed", "SEND_MESSAGE"))
        zed.sendall(text_frame(b'{"Action": "SEND_MESSAGE", "Content": "hi"}'))
        assert b'"Content":"hi"' in amy.recv(65536)
        zed.close()
        amy.close()


def test_a_handshake_that_is_none_uses_no_token_up(sandbox: Sandbox, chat: "IvschatClient") -> None:
    good = token(chat, "zed")
    with contextlib.closing(connect(sandbox.url)) as connection:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Protocol": good}
        connection.request("GET", "/", headers=headers)
        assert connection.getresponse().status == 400
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}", path="/elsewhere")[0] == 403
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == 101


def test_a_page_from_anywhere_may_join_and_none_may_call(sandbox: Sandbox, chat: "IvschatClient") -> None:
    good = token(chat, "zed")
    foreign = ("Origin: http://localhost:3000", "X-Other: 1")
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}", *foreign)[0] == 101
    for headers, status in [
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Origin": sandbox.url}, 204),
    ]:
        with contextlib.closing(connect(sandbox.url)) as connection:
            connection.request("POST", "/_sandbox/reset", headers=headers)
            assert connection.getresponse().status == status


def test_binary_and_malformed_frames_are_refused_and_the_connection_goes_on(
    sandbox: Sandbox, chat: "IvschatClient"
) -> None:
    async def work() -> None:
        async with joined(sandbox, token(chat, "zed", "SEND_MESSAGE")) as (zed,):
            await zed.send_bytes(b"{}")
            await zed.send_str("{")
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "x" * 501})
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "hi", "Attributes": {"a": "b" * 1024}})
            assert [(await hear(zed))["ErrorCode"] for _ in range(4)] == [400, 400, 400, 413]
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "hi"})
            assert (await hear(zed))["Content"] == "hi"

    in_time(work)


@pytest.mark.parametrize("size", [LARGEST_FRAME + 1, 10_000_000])
def test_a_frame_over_the_limit_closes_the_connection(sandbox: Sandbox, chat: "IvschatClient", size: int) -> None:
    async def work() -> None:
        async with joined(sandbox, token(chat, "zed", "SEND_MESSAGE"), token(chat, "amy")) as (zed, amy):
            with contextlib.suppress(ConnectionError):
                await zed.send_str("x" * size)
            assert await close_code(zed) == 1009
            zed._response.close()  # aiohttp forgets to, when the connection breaks off while it sends
            await asyncio.to_thread(chat.send_event, roomIdentifier=LOBBY, eventName="goal")
            assert (await hear(amy))["EventName"] == "goal"

    in_time(work)


def test_a_session_ends_in_time(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), session_lifetime=0.3)) as sandbox:
        chat = chat_for(sandbox)

        async def work() -> None:
            async with joined(sandbox, token(chat, "zed", sessionDurationInMinutes=180)) as (zed,):
                assert (await hear(zed))["ErrorCode"] == 401
                assert await close_code(zed) == 1000
            assert sandbox.connected == ()

        in_time(work)


def test_a_deleted_room_closes_its_connections(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        async with joined(sandbox, token(chat, "zed")) as (zed,):
            await asyncio.to_thread(chat.delete_room, identifier=LOBBY)
            assert await close_code(zed) == 1000

    in_time(work)


def test_whoever_hangs_up_without_a_word_is_gone(sandbox: Sandbox, chat: "IvschatClient") -> None:
    raw = dial(sandbox, token(chat, "zed"))
    assert sandbox.connected == ((LOBBY, "zed"),)
    raw.close()
    wait_until(lambda: sandbox.connected == ())


def dial(sandbox: Sandbox, credential: str) -> socket.socket:
    """A client as raw as it gets, after the handshake."""
    return dial_at(sandbox.url, credential, "any.example")


def dial_at(url: str, credential: str, host: str) -> socket.socket:
    """A client that calls what is at an address by this name."""
    address = urllib.parse.urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    raw = socket.create_connection((address.hostname, address.port), timeout=LIMIT)
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {credential}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += raw.recv(1)
    assert b" 101 " in head
    return raw


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def text_frame(text: bytes) -> bytes:
    """A masked frame, with a mask of zeros, of up to 125 bytes."""
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x83\x80\x00\x00\x00\x00",
        b"\x81\x82\x00\x00\x00\x00\xff\xfe",
        b"\x80\x80\x00\x00\x00\x00",
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x88\x81\x00\x00\x00\x00\x03",
        b"\xc1\x80\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_bytes_that_are_no_frames_end_their_connection_alone(
    sandbox: Sandbox, chat: "IvschatClient", sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    raw, amy = dial(sandbox, token(chat, "zed", *ALL_CAPABILITIES)), dial(sandbox, token(chat, "amy"))
    raw.sendall(sent)
    with contextlib.suppress(ConnectionError):
        while raw.recv(65536):
            pass
    wait_until(lambda: sandbox.connected == ((LOBBY, "amy"),))
    chat.send_event(roomIdentifier=LOBBY, eventName="goal")
    assert b"goal" in amy.recv(65536)
    raw.close()
    amy.close()
    assert capfd.readouterr() == ("", "")


def test_pings_are_answered(sandbox: Sandbox, chat: "IvschatClient") -> None:
    raw = dial(sandbox, token(chat, "zed"))
    raw.sendall(b"\x89\x82\x00\x00\x00\x00hi")
    assert raw.recv(100) == b"\x8a\x02hi"
    raw.close()


def test_a_client_that_reads_nothing_is_dropped_and_the_others_hear_everything(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), quota=0)) as sandbox, contextlib.closing(connect(sandbox.url)) as api:
        chat = chat_for(sandbox)
        slow, amy = dial(sandbox, token(chat, "slow")), dial(sandbox, token(chat, "amy"))
        heard = sent = 0

        def send(name: str) -> None:
            event = {"roomIdentifier": LOBBY, "eventName": name, "attributes": {"a": "x" * 1000}}
            api.request("POST", "/SendEvent", json.dumps(event), {"Authorization": signed()})
            assert api.getresponse().read()

        def listen() -> None:
            nonlocal heard
            while b"the end" not in (read := amy.recv(1 << 20)):
                heard += len(read)

        listening = threading.Thread(target=listen)
        listening.start()
        while (LOBBY, "slow") in sandbox.connected:
            assert sent < 50_000
            send("goal")
            sent += 1
        send("the end")
        listening.join(LIMIT)
        assert not listening.is_alive()
        assert heard > sent * 1000
        slow.close()
        amy.close()


def test_a_kicked_client_that_never_answers_the_close_is_cut(sandbox: Sandbox, chat: "IvschatClient") -> None:
    raw, amy = dial(sandbox, token(chat, "zed", "SEND_MESSAGE")), dial(sandbox, token(chat, "amy"))
    chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
    with contextlib.suppress(ConnectionError):
        for _ in range(50):
            raw.sendall(text_frame(b'{"Action": "SEND_MESSAGE", "Content": "I am still here"}'))
            time.sleep(0.001)
        while raw.recv(65536):
            pass
    chat.send_event(roomIdentifier=LOBBY, eventName="the end")
    heard = b""
    while b"the end" not in heard:
        heard += amy.recv(65536)
    assert b"still here" not in heard
    raw.close()
    amy.close()


def test_the_sandbox_ends_although_clients_are_connected(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        clients = [dial(sandbox, token(chat_for(sandbox), f"u{number}")) for number in range(5)]
    for client in clients:
        with contextlib.suppress(ConnectionError):
            while client.recv(100):
                pass
        client.close()


def test_a_reset_brings_back_the_start(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=3)) as sandbox:
        chat = chat_for(sandbox)
        zed, unused = dial(sandbox, token(chat, "zed")), token(chat, "amy")
        chat.update_room(identifier=LOBBY, name="stage")
        chat.create_room()
        for _ in range(3):
            chat.disconnect_user(roomIdentifier=LOBBY, userId="nobody")
        sandbox.quota = 1
        assert health(sandbox) == {"status": "ok", "rooms": 3, "connections": 1}
        with contextlib.closing(connect(sandbox.url)) as connection:
            connection.request("POST", "/_sandbox/reset")
            assert connection.getresponse().status == 204
        while zed.recv(65536):
            pass
        zed.close()
        assert health(sandbox) == {"status": "ok", "rooms": 2, "connections": 0}
        assert (sandbox.requests, sandbox.disconnected, sandbox.quota) == ((), (), 3)
        assert handshake(sandbox, f"Sec-WebSocket-Protocol: {unused}")[0] == 401
        assert "name" not in chat.get_room(identifier=LOBBY)
        chat.disconnect_user(roomIdentifier=LOBBY, userId="nobody")


def health(sandbox: Sandbox) -> Any:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request("GET", "/_sandbox/health")
        return json.loads(connection.getresponse().read())


def test_in_a_container_a_name_that_is_allowed_reaches_the_api_and_the_chat(folder: Path) -> None:
    options = ("--port", "0", "--host", "0.0.0.0", "--allow-host", "Sandbox")
    command = [sys.executable, "-m", "reconciler", "sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            assert url.startswith("http://127.0.0.1:")

            def call(host: str, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
                with contextlib.closing(connect(url)) as connection:
                    connection.request(method, path, body, {"Host": host, "Authorization": signed()})
                    response = connection.getresponse()
                    return response.status, json.loads(response.read())

            wanted = json.dumps({"roomIdentifier": LOBBY, "userId": "zed"})
            for name in ("sandbox:8787", "SANDBOX"):
                assert call(name, "GET", "/_sandbox/health")[0] == 200
                status, made = call(name, "POST", "/CreateChatToken", wanted)
                assert status == 200
                dial_at(url, made["token"], name).close()
            for name in ("other:8787", "sandbox.evil.example", "0.0.0.0:8787"):
                assert call(name, "GET", "/_sandbox/health")[0] == 421
                assert call(name, "POST", "/CreateChatToken", wanted)[0] == 421
        finally:
            process.kill()
