"""What `--latency` and `--fault` do to chat clients."""

import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running, websocket
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.kinds import FAULTS_OF_CLIENTS, FaultKind

from .builders import LOBBY, NOON, Client, connect, service
from .conftest import ChatFor
from .test_websocket import close_code, dial, handshake, hear, in_time, joined, text_frame, token, wait_until

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

HI = {"Action": "SEND_MESSAGE", "Content": "hi", "RequestId": "r1"}


@pytest.mark.parametrize(
    ("kind", "status"), [("500", 500), ("503", 503), ("429", 429)], ids=["failure", "unavailable", "throttled"]
)
def test_a_handshake_fails_as_asked_and_uses_no_token_up(
    sandbox: Sandbox, chat: "IvschatClient", kind: FaultKind, status: int
) -> None:
    good = token(chat, "zed")
    sandbox.fault_next(kind)
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == status
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == 101


@pytest.mark.parametrize(("kind", "then"), [("cut", 101), ("cut-after", 401)])
def test_a_handshake_is_cut_before_or_after_it_uses_the_token_up(
    sandbox: Sandbox, chat: "IvschatClient", kind: FaultKind, then: int
) -> None:
    good = token(chat, "zed")
    sandbox.fault_next(kind)
    with pytest.raises(ConnectionError):
        handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")
    assert sandbox.connected == ()
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == then


def test_a_handshake_may_never_be_answered(sandbox: Sandbox, chat: "IvschatClient") -> None:
    good = token(chat, "zed")
    sandbox.fault_next("timeout")
    with contextlib.closing(connect(sandbox.url, timeout=0.3)) as connection:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Protocol": good}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        connection.request("GET", "/", headers=headers)
        wait_until(lambda: not sandbox._faults._queued)  # who hangs up before leaves the fault to the next
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert handshake(sandbox, f"Sec-WebSocket-Protocol: {good}")[0] == 101


@pytest.mark.parametrize("kind", ["500", "503", "429"])
def test_a_request_is_answered_with_the_fault_and_the_connection_goes_on(kind: FaultKind) -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    zed.ask(HI, fault=kind)
    assert zed.refusals == [(int(kind), "r1")]
    zed.say("again")
    assert (zed.contents, amy.contents) == (["again"], ["again"])


def test_a_request_that_is_never_answered_is_not_carried_out() -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    zed.ask(HI, fault="timeout")
    zed.say("again")
    assert (zed.contents, amy.contents) == (["again"], ["again"])


@pytest.mark.parametrize(("kind", "heard"), [("cut", []), ("cut-after", ["hi"])])
def test_a_connection_is_cut_before_or_after_a_request_is_carried_out(kind: FaultKind, heard: list[str]) -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    zed.ask(HI, fault=kind)
    assert (zed.line.was_cut, zed.heard, amy.contents) == (True, [], heard)
    chat.messaging.disconnect_user(LOBBY, "zed", "", "", NOON)  # before anybody noticed that the client is gone
    assert zed.line.closed_with is None


def test_a_client_whose_connection_is_cut_is_gone(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        async with joined(sandbox, token(chat, "zed", "SEND_MESSAGE"), token(chat, "amy")) as (zed, amy):
            sandbox.fault_next("500", "cut-after")
            await zed.send_json(HI)
            assert (await hear(zed))["ErrorCode"] == 500
            await zed.send_json(HI)
            assert (await hear(amy))["Content"] == "hi"
            wait_until(lambda: sandbox.connected == ((LOBBY, "amy"),))

    in_time(work)


def test_faults_that_are_about_the_caller_wait_for_a_call_of_the_api() -> None:
    faults = Faults(SandboxOptions(fault_rate=100, faults=("denied", "expired")))
    faults.queue(["bad-credentials"])
    assert [faults.next(FAULTS_OF_CLIENTS) for _ in range(3)] == [None] * 3
    assert faults.next() == "bad-credentials"
    assert faults.next(FAULTS_OF_CLIENTS) is None
    assert faults.next() in ("denied", "expired")
    mixed = Faults(SandboxOptions(fault_rate=100, faults=("denied", "503")))
    assert {mixed.next(FAULTS_OF_CLIENTS) for _ in range(20)} == {"503"}


def test_what_a_client_hears_is_late_and_in_order(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        sandbox.latency = 0.2
        begun = time.monotonic()
        good = token(chat, "zed", "SEND_MESSAGE")
        async with joined(sandbox, good) as (zed,):
            assert time.monotonic() - begun >= 0.4  # the call and the handshake
            begun = time.monotonic()
            for number in range(3):
                await zed.send_json({"Action": "SEND_MESSAGE", "Content": str(number)})
            assert [(await hear(zed))["Content"] for _ in range(3)] == ["0", "1", "2"]
            assert time.monotonic() - begun >= 0.2

    in_time(work)


def test_what_is_not_late_any_more_waits_for_what_is(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        tokens = token(chat, "zed", "SEND_MESSAGE", "DISCONNECT_USER"), token(chat, "amy")
        async with joined(sandbox, *tokens) as (zed, _):
            sandbox.latency = 0.5
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "late"})
            await zed.send_json({"Action": "DISCONNECT_USER", "UserId": "amy"})
            wait_until(lambda: sandbox.connected == ((LOBBY, "zed"),))
            sandbox.latency = 0
            await zed.send_json({"Action": "SEND_MESSAGE", "Content": "in time"})
            heard = [await hear(zed) for _ in range(3)]
            assert [entity.get("Content") for entity in heard] == ["late", None, "in time"]

    in_time(work)


def test_a_kick_is_late_too_but_holds_at_once(sandbox: Sandbox, chat: "IvschatClient") -> None:
    async def work() -> None:
        async with joined(sandbox, token(chat, "zed", "SEND_MESSAGE"), token(chat, "amy")) as (zed, amy):
            sandbox.latency = 0.2
            chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
            await zed.send_json(HI)
            assert sandbox.connected == ((LOBBY, "amy"),)
            assert (await hear(zed))["EventName"] == "aws:DISCONNECT_USER"
            assert await close_code(zed) == 1000
            sandbox.latency = 0
            chat.send_event(roomIdentifier=LOBBY, eventName="the end")
            assert [(await hear(amy))["EventName"] for _ in range(2)] == ["aws:DISCONNECT_USER", "the end"]

    in_time(work)


def test_what_waits_for_a_client_is_bounded(
    sandbox: Sandbox, chat: "IvschatClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "_BEHIND", 1500)

    async def work() -> None:
        async with joined(sandbox, token(chat, "zed", "SEND_MESSAGE")) as (zed,):
            sandbox.latency = 3600
            for _ in range(3):
                await zed.send_json({"Action": "SEND_MESSAGE", "Content": "x" * 500})
            wait_until(lambda: sandbox.connected == ())

    in_time(work)


def test_the_sandbox_ends_although_much_is_late(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        chat = chat_for(sandbox)
        mod, zed = dial(sandbox, token(chat, "mod", "DISCONNECT_USER")), dial(sandbox, token(chat, "zed"))
        sandbox.latency = 3600
        mod.sendall(text_frame(b'{"Action": "DISCONNECT_USER", "UserId": "zed"}'))
        wait_until(lambda: sandbox.connected == ((LOBBY, "mod"),))
    for client in (mod, zed):
        assert client.recv(100) == b""
        client.close()
