"""Message review: what a handler's answer means, and handlers that answer, fail, and take their time."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from reconciler.sandbox import SandboxOptions, handlers, running

from .builders import HANDLER, LOBBY, NOON, REGION, Client, kick, service
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat.literals import FallbackResultType

    from reconciler.sandbox.review import Review
    from reconciler.sandbox.service import Service


def reviewed_room(**handler: str) -> "Service":
    chat = service(LOBBY)
    settings = {"uri": HANDLER, **handler}
    chat.rooms.update(REGION, {"identifier": LOBBY, "messageReviewHandler": settings}, NOON)
    return chat


def sent(chat: "Service", by: Client, **members: Any) -> "Review":
    request = {"Action": "SEND_MESSAGE", "Content": "hi", "RequestId": "r1", **members}
    review = chat.messaging.receive(by.connection, json.dumps(request), NOON)
    assert review is not None
    return review


def after(answer: object, fallback: str = "ALLOW", **members: Any) -> Any:
    """What the sender hears after a handler's answer; bytes are taken as they are, None is a failure."""
    chat = reviewed_room(fallbackResult=fallback)
    zed = Client(chat, "zed", "SEND_MESSAGE")
    said = answer if isinstance(answer, bytes) or answer is None else json.dumps(answer).encode()
    chat.messaging.reviewed(zed.connection, sent(chat, zed, **members), said, NOON)
    (entity,) = zed.heard
    return entity


def test_a_message_waits_for_its_review() -> None:
    chat = reviewed_room()
    zed, amy = Client(chat, "zed", "SEND_MESSAGE", attributes={"colour": "red"}), Client(chat, "amy")
    review = sent(chat, zed, Attributes={"a": "b"})
    assert amy.heard == []
    assert review.event == {
        "Content": "hi",
        "MessageId": review.message.id,
        "RoomArn": LOBBY,
        "Attributes": {"a": "b"},
        "Sender": {"Attributes": {"colour": "red"}, "UserId": "zed", "Ip": "192.0.2.7"},
    }
    allowed = {"ReviewResult": "ALLOW", "Content": "h*", "Attributes": {"seen": "yes"}}
    chat.messaging.reviewed(zed.connection, review, json.dumps(allowed).encode(), NOON)
    (message,) = amy.heard
    assert (message["Id"], message["Content"], message["Attributes"]) == (review.message.id, "h*", {"seen": "yes"})
    assert zed.heard == [message]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Reason": "You are banned from this chat."}, "You are banned from this chat."),
        ({"Other": "x"}, "The request was rejected during message review"),
        (None, "The request was rejected during message review"),
    ],
)
def test_a_denied_message_is_an_error_with_the_reason(attributes: object, message: str) -> None:
    error = after({"ReviewResult": "DENY", "Content": "hi", "Attributes": attributes})
    assert (error["Type"], error["ErrorCode"], error["RequestId"]) == ("ERROR", 406, "r1")
    assert error["ErrorMessage"] == message


def test_without_attributes_in_the_answer_those_of_the_message_stay() -> None:
    message = after({"ReviewResult": "ALLOW", "Content": "hi"}, Attributes={"a": "b"})
    assert message["Attributes"] == {"a": "b"}
    cleared = after({"ReviewResult": "ALLOW", "Content": "hi", "Attributes": {}}, Attributes={"a": "b"})
    assert cleared["Attributes"] is None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"{",
        b"\xff",
        b"[" * 60_000,
        b"[]",
        {},
        {"ReviewResult": "allow", "Content": "changed"},
        {"ReviewResult": "ALLOW"},
        {"ReviewResult": "ALLOW", "Content": ""},
        {"ReviewResult": "ALLOW", "Content": "x" * 501},
        {"ReviewResult": "ALLOW", "Content": "changed", "Attributes": {"a": 5}},
        {"ReviewResult": "ALLOW", "Content": "changed", "Attributes": {"a": "x" * 1025}},
    ],
)
def test_an_answer_that_is_none_leaves_it_to_the_fallback(answer: object) -> None:
    assert after(answer)["Content"] == "hi"
    denied = after(answer, "DENY")
    assert (denied["ErrorCode"], denied["RequestId"]) == (406, "r1")


def test_whoever_is_kicked_during_the_review_has_said_nothing() -> None:
    chat = reviewed_room()
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    review = sent(chat, zed)
    chat.carry_out("DisconnectUser", REGION, kick("zed"), NOON)
    chat.messaging.reviewed(zed.connection, review, None, NOON)
    assert amy.contents == []


@contextmanager
def handler(
    seconds: float = 0, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, list[Any]]]:
    """A handler that puts what it hears into capitals, and denies "no"; its address, and what it heard."""
    heard: list[Any] = []
    over = threading.Event()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.path, event))
            over.wait(seconds)
            result = "DENY" if event["Content"] == "no" else "ALLOW"
            answer = {"ReviewResult": result, "Content": event["Content"].upper(), "Attributes": {"Reason": "No."}}
            body = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/2015-03-31/functions/function/invocations", heard
        over.set()
        server.shutdown()
        serving.join()


def talk(
    chat_for: ChatFor, url: str, *contents: str, named: str = HANDLER, fallback: "FallbackResultType" = "ALLOW"
) -> list[Any]:
    """What a client hears who says this in a room with a handler."""
    with running(SandboxOptions(rooms=(LOBBY,), review_handlers={named: url})) as sandbox:
        chat = chat_for(sandbox)
        chat.update_room(identifier=LOBBY, messageReviewHandler={"uri": HANDLER, "fallbackResult": fallback})
        token = chat.create_chat_token(roomIdentifier=LOBBY, userId="zed", capabilities=["SEND_MESSAGE"])["token"]

        async def work() -> list[Any]:
            async with (
                asyncio.timeout(20),
                aiohttp.ClientSession() as session,
                session.ws_connect(sandbox.url, protocols=(token,)) as client,
            ):
                for content in contents:
                    await client.send_json({"Action": "SEND_MESSAGE", "Content": content})
                return [json.loads(await client.receive_str()) for _ in contents]

        return asyncio.run(work())


def shown(entities: list[Any]) -> list[Any]:
    return [entity.get("Content") or (entity["ErrorCode"], entity["ErrorMessage"]) for entity in entities]


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a handler is in time."""
    assert handlers.PATIENCE == 0.2
    monkeypatch.setattr(handlers, "PATIENCE", 20)


@pytest.mark.usefixtures("_patient")
def test_a_handler_is_invoked_as_lambda_is_and_changes_denies_and_keeps_the_order(chat_for: ChatFor) -> None:
    with handler() as (url, heard):
        assert shown(talk(chat_for, url, "one", "no", "two")) == ["ONE", (406, "No."), "TWO"]
    assert [path for path, _ in heard] == ["/2015-03-31/functions/function/invocations"] * 3
    assert heard[0][1]["Sender"] == {"Attributes": {}, "UserId": "zed", "Ip": "127.0.0.1"}


def test_a_handler_that_takes_too_long_is_not_waited_for(chat_for: ChatFor) -> None:
    with handler(seconds=30) as (url, _):
        assert shown(talk(chat_for, url, "one")) == ["one"]
        denied = (406, "The request was rejected during message review")
        assert shown(talk(chat_for, url, "one", fallback="DENY")) == [denied]


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"X-Amz-Function-Error": "Unhandled"}),
        (500, {}),
        (302, {"Location": "/elsewhere"}),
        (200, {"Content-Encoding": "gzip"}),
        (200, {"Padding": "x" * 9000}),
    ],
)
def test_a_handler_that_fails_leaves_it_to_the_fallback(
    chat_for: ChatFor, status: int, headers: dict[str, str]
) -> None:
    with handler(status=status, headers=headers) as (url, heard):
        assert shown(talk(chat_for, url, "one")) == ["one"]
    assert len(heard) == 1


def test_a_handler_that_is_nowhere_has_failed(chat_for: ChatFor) -> None:
    assert shown(talk(chat_for, "http://127.0.0.1:9/", "one")) == ["one"]
    assert shown(talk(chat_for, "http://127.0.0.1:9/", "one", named=HANDLER + "-2")) == ["one"]
