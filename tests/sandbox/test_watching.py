"""What happens in the sandbox, over the WebSocket of its page."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from reconciler.sandbox.feed import KEPT_EVENTS, MOST_WATCHERS

from .builders import ABSENT, FINALS, LOBBY, connect, kick, signed
from .test_websocket import Socket, handshake, hear, in_time, joined, token

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

EVENTS = "/_sandbox/events"


@contextlib.asynccontextmanager
async def watching(sandbox: Sandbox) -> AsyncIterator[Socket]:
    """A watcher that has seen the overview of the start."""
    async with aiohttp.ClientSession() as session, session.ws_connect(sandbox.url + EVENTS) as socket:
        assert (await hear(socket))["events"] == []
        yield socket


async def until(socket: Socket, kind: str) -> dict[str, Any]:
    """The next frame with an event of this kind."""
    while True:
        news: dict[str, Any] = await hear(socket)
        if any(event["kind"] == kind for event in news["events"]):
            return news


async def overview(socket: Socket) -> dict[str, Any]:
    """The next overview."""
    while True:
        news: dict[str, Any] = await hear(socket)
        if "overview" in news:
            return news["overview"]  # type: ignore[no-any-return]


def test_a_watcher_sees_what_there_is_and_then_what_happens(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        zed = await asyncio.to_thread(token, chat, "zed", "SEND_MESSAGE")
        async with joined(sandbox, zed) as (client,), aiohttp.ClientSession() as session:
            socket = await session.ws_connect(sandbox.url + EVENTS)
            first = await hear(socket)
            assert first["events"] == []
            assert first["overview"]["rooms"] == [
                {"arn": LOBBY, "name": "", "connections": 1, "users": [["zed", 1]], "more": 0},
                {"arn": FINALS, "name": "", "connections": 0, "users": [], "more": 0},
            ]
            await client.send_json({"Action": "SEND_MESSAGE", "Content": "😀"})
            (message,) = (await until(socket, "message"))["events"]
            assert (message["user"], message["content"]) == ("zed", "😀")
            await client.close()
            left = await until(socket, "left")
            assert left["overview"]["connections"] == 0

    in_time(work)


def test_a_watcher_sees_new_rooms_and_deleted_ones_and_a_reset(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        async with watching(sandbox) as socket:
            made = await asyncio.to_thread(chat.create_room, name="stage")
            assert [room["name"] for room in (await overview(socket))["rooms"]] == ["", "", "stage"]
            await asyncio.to_thread(chat.update_room, identifier=made["arn"], name="hall")
            assert [room["name"] for room in (await overview(socket))["rooms"]] == ["", "", "hall"]
            await asyncio.to_thread(chat.delete_room, identifier=made["arn"])
            assert len((await overview(socket))["rooms"]) == 2
            sandbox.add_room(LOBBY.replace("g1", "h1"))  # from another thread than the server's
            assert (await overview(socket))["all"] == 3
            async with aiohttp.ClientSession() as session, session.post(sandbox.url + "/_sandbox/reset"):
                pass
            assert (await until(socket, "reset"))["overview"]["all"] == 2

    in_time(work)


def test_a_watcher_sees_a_call_before_what_it_brought_about(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        zed = await asyncio.to_thread(token, chat, "zed")
        async with joined(sandbox, zed), watching(sandbox) as socket:
            await asyncio.to_thread(chat.disconnect_user, roomIdentifier=LOBBY, userId="zed")
            assert [event["kind"] for event in (await until(socket, "left"))["events"]] == ["call", "event", "left"]

    in_time(work)


def test_a_watcher_sees_who_is_refused_and_never_a_token(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        async with watching(sandbox) as socket:
            made = await asyncio.to_thread(token, chat, "zed")
            called = await until(socket, "call")
            for status in (101, 401):
                answer = await asyncio.to_thread(handshake, sandbox, f"Sec-WebSocket-Protocol: {made}")
                assert answer[0] == status
            refused = await until(socket, "refused")
            assert refused["events"][-1] == {
                "kind": "refused",
                "code": 401,
                "message": "The chat token has been used: it is good for one connection.",
            }
            assert made not in json.dumps([called, refused])

    in_time(work)


def test_a_watcher_that_searches_sees_what_it_searches_for(sandbox: Sandbox) -> None:
    async def work() -> None:
        async with watching(sandbox) as socket:
            await socket.send_str("abcdef")
            found = await overview(socket)
            assert (found["search"], [room["arn"] for room in found["rooms"]]) == ("abcdef", [FINALS])
            await socket.send_str("x" * 600)
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG

    in_time(work)


def test_a_watcher_that_reads_nothing_holds_up_nobody_and_learns_how_much_it_missed(sandbox: Sandbox) -> None:
    calls = 3000
    wide = "😀"  # 12 bytes of JSON, so that all the events together are more than what any system holds for a socket

    def call() -> None:
        with contextlib.closing(connect(sandbox.url)) as connection:
            for number in range(calls):
                body = json.dumps(kick(f"{wide * 100}{number}", room=ABSENT, padding=wide * 300))
                connection.request("POST", "/DisconnectUser", body, {"Authorization": signed()})
                response = connection.getresponse()
                response.read()
                assert response.status == 404

    async def work() -> None:
        async with watching(sandbox) as socket:
            assert socket._response.connection is not None
            transport = socket._response.connection.transport
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            await asyncio.to_thread(call)
            transport.resume_reading()
            seen = missed = 0
            while seen + missed < calls:
                news = await hear(socket)
                assert len(news["events"]) <= KEPT_EVENTS
                seen, missed = seen + len(news["events"]), missed + news["missed"]
            assert (seen + missed, news["events"][-1]["user"]) == (calls, f"{wide * 100}{calls - 1}")
            assert missed > 0

    in_time(work)


def test_only_so_many_may_watch(sandbox: Sandbox) -> None:
    async def work() -> None:
        async with contextlib.AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(watching(sandbox)) for _ in range(MOST_WATCHERS)]
            answer = await asyncio.to_thread(handshake, sandbox, path=EVENTS)
            assert answer == (503, "20 pages watch already: close one.\n")
            await sockets[0].close()
            async with watching(sandbox):
                pass

    in_time(work)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", "null"])
def test_a_page_from_elsewhere_may_not_watch(sandbox: Sandbox, origin: str) -> None:
    assert handshake(sandbox, f"Origin: {origin}", path=EVENTS)[0] == 403
    assert handshake(sandbox, "Host: evil.example", path=EVENTS)[0] in (400, 421)


def test_the_page_itself_may_watch_also_under_another_name() -> None:
    with running(SandboxOptions(allow_hosts=("sandbox",))) as sandbox:
        assert handshake(sandbox, f"Origin: {sandbox.url}", path=EVENTS)[0] == 101
        with contextlib.closing(connect(sandbox.url)) as connection:
            headers = {"Host": "sandbox:8787", "Origin": "http://sandbox:8787", "Connection": "Upgrade"}
            headers |= {"Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "A" * 22 + "=="}
            connection.request("GET", EVENTS, headers=headers)
            assert connection.getresponse().status == 101


def test_events_come_over_a_websocket_alone(sandbox: Sandbox) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request("GET", EVENTS)
        response = connection.getresponse()
        assert (response.status, response.read()) == (426, b"Events come over a WebSocket.\n")


def test_the_sandbox_stops_while_somebody_watches() -> None:
    async def work() -> None:
        with contextlib.ExitStack() as stack:
            sandbox = stack.enter_context(running(SandboxOptions(rooms=(LOBBY,))))
            async with watching(sandbox) as socket:
                await asyncio.to_thread(stack.close)
                assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    in_time(work)
