"""Amazon's chat SDK for JavaScript as the client. What it hands to an application is compared as a whole, with the
types that its documentation names (`types.d.ts` in the package)."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import ALL_CAPABILITIES, HANDLER, LOBBY
from .chat_sdk import Room, RoomOf, needs_chat_sdk
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

pytestmark = needs_chat_sdk


@pytest.fixture
def room(room_of: RoomOf, sandbox: Sandbox, chat: "IvschatClient") -> Room:
    return room_of(sandbox, chat)


def known(said: Any, **expected: Any) -> bool:
    """Whether this is all that the SDK said; `id`, `sendTime` and `requestId` differ each time."""
    assert re.fullmatch(r"[a-zA-Z0-9]{12}", said["id"])
    if "errorCode" not in expected:
        assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["sendTime"])
    own = {name: said[name] for name in ("id", "sendTime", "requestId") if name in said and name not in expected}
    return bool(said == own | expected)


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_the_sdk_sends_and_receives_a_chat_message(room: Room) -> None:
    room.join("zed", "SEND_MESSAGE", attributes={"colour": "red"})
    room.join("amy", "SEND_MESSAGE")
    room.tell("zed", "sendMessage", **{"with": ["😀 hi", {"a": "b"}]})
    sent = room.hear("zed", "resolved")
    assert known(
        sent, sender={"userId": "zed", "attributes": {"colour": "red"}}, content="😀 hi", attributes={"a": "b"}
    )
    assert UUID.fullmatch(sent["requestId"])
    assert room.hear("amy", "message") == sent
    room.tell("amy", "sendMessage", **{"with": ["hi"]})  # without what is optional
    assert known(room.hear("amy", "resolved"), sender={"userId": "amy"}, content="hi")


def test_the_sdk_deletes_messages(room: Room) -> None:
    room.join("mod", *ALL_CAPABILITIES)
    room.join("amy")
    room.tell("mod", "deleteMessage", **{"with": ["AbCdEf123456", "spam"]})
    deleted = room.hear("mod", "resolved")
    ids = {"MessageID": "AbCdEf123456", "MessageId": "AbCdEf123456"}
    assert known(deleted, messageId="AbCdEf123456", reason="spam", attributes=ids | {"Reason": "spam"})
    assert UUID.fullmatch(deleted["requestId"])
    assert room.hear("amy", "messageDelete") == deleted
    room.tell("mod", "deleteMessage", **{"with": ["AbCdEf123456"]})
    assert known(room.hear("mod", "resolved"), messageId="AbCdEf123456", reason="", attributes=ids | {"Reason": ""})


def test_the_sdk_disconnects_users_and_stays_out_after_a_kick(room: Room, sandbox: Sandbox) -> None:
    room.join("mod", *ALL_CAPABILITIES)
    room.join("amy")
    room.tell("mod", "disconnectUser", **{"with": ["amy", "rude"]})
    kicked = room.hear("mod", "resolved")
    assert known(kicked, userId="amy", reason="rude", attributes={"UserId": "amy", "Reason": "rude"})
    assert UUID.fullmatch(kicked["requestId"])
    assert room.hear("amy", "userDisconnect") == kicked
    assert room.hear("amy", "disconnect", "token") == ("disconnect", "serverDisconnect")
    assert sandbox.connected == ((LOBBY, "mod"),)
    room.tell("mod", "disconnectUser", **{"with": ["amy"]})
    assert known(room.hear("mod", "resolved"), userId="amy", reason="", attributes={"UserId": "amy", "Reason": ""})


def test_the_sdk_hears_the_api(room: Room, chat: "IvschatClient") -> None:
    room.join("amy")
    sent = chat.send_event(roomIdentifier=LOBBY, eventName="goal", attributes={"team": "red"})
    event = room.hear("amy", "event")
    assert known(event, id=sent["id"], eventName="goal", attributes={"team": "red"}, requestId="")
    chat.delete_message(roomIdentifier=LOBBY, id="AbCdEf123456", reason="spam")
    deleted = room.hear("amy", "messageDelete")
    ids = {"MessageID": "AbCdEf123456", "MessageId": "AbCdEf123456"}
    assert known(deleted, messageId="AbCdEf123456", reason="spam", attributes=ids | {"Reason": "spam"}, requestId="")
    chat.disconnect_user(roomIdentifier=LOBBY, userId="amy", reason="rude")
    kicked = room.hear("amy", "userDisconnect")
    assert known(kicked, userId="amy", reason="rude", attributes={"UserId": "amy", "Reason": "rude"}, requestId="")
    assert room.hear("amy", "disconnect") == "serverDisconnect"


def test_the_sdk_leaves(room: Room, sandbox: Sandbox) -> None:
    room.join("mod", *ALL_CAPABILITIES)
    room.join("amy")
    room.tell("amy", "disconnect")
    assert room.hear("amy", "disconnect", "token") == ("disconnect", "clientDisconnect")
    room.tell("mod", "sendMessage", **{"with": ["bye"]})
    room.hear("mod", "resolved")
    assert sandbox.connected == ((LOBBY, "mod"),)


@pytest.mark.parametrize(
    ("what", "arguments", "code", "message"),
    [
        ("sendMessage", ["x" * 501], 400, "Content must have at most 500 characters"),
        ("sendMessage", ["hi", {"a": "b" * 1024}], 413, "Attributes must have at most 1 KB"),
        ("deleteMessage", ["AbCdEf123456"], 403, "The chat token does not have the capability DELETE_MESSAGE"),
        ("disconnectUser", ["amy"], 403, "The chat token does not have the capability DISCONNECT_USER"),
    ],
)
def test_the_sdk_rejects_with_the_error(room: Room, what: str, arguments: list[Any], code: int, message: str) -> None:
    room.join("zed", "SEND_MESSAGE")
    room.tell("zed", what, **{"with": arguments})
    error = room.hear("zed", "rejected")
    assert known(error, errorCode=code, errorMessage=message)
    assert UUID.fullmatch(error["requestId"])
    room.tell("zed", "sendMessage", **{"with": ["still here"]})
    assert room.hear("zed", "resolved")["content"] == "still here"


def test_the_sdk_rejects_what_the_review_denied(room: Room, chat: "IvschatClient") -> None:
    chat.update_room(identifier=LOBBY, messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"})
    room.join("zed", "SEND_MESSAGE")
    room.tell("zed", "sendMessage", **{"with": ["hi"]})
    assert known(
        room.hear("zed", "rejected"), errorCode=406, errorMessage="The request was rejected during message review"
    )


def test_the_sdk_hears_that_it_asks_too_much(room: Room) -> None:
    room.join("zed", "SEND_MESSAGE")
    for number in range(15):
        room.tell("zed", "sendMessage", **{"with": [str(number)]})
    answers = [room.hear("zed", "resolved", "rejected") for _ in range(15)]
    refused = [error for what, error in answers if what == "rejected"]
    assert refused
    for error in refused:
        assert known(error, errorCode=429, errorMessage=error["errorMessage"])


def test_the_sdk_reconnects_with_a_new_token_when_its_session_ends(room_of: RoomOf, chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), session_lifetime=2)) as sandbox:
        room = room_of(sandbox, chat_for(sandbox))
        room.tell("zed", "connect", tokens=[room.token("zed")])
        room.hear("zed", "connect")
        assert room.hear("zed", "log") == "received error"
        assert room.hear("zed", "token", "disconnect") == ("token", 0)
        assert room.hear("zed", "disconnect") == "fetchTokenError"
        room.end()


def test_the_sdk_gives_up_on_a_token_that_is_refused_after_four_tries(room: Room) -> None:
    used = room.token("zed")
    room.tell("zed", "connect", tokens=[used])
    room.hear("zed", "connect")
    room.tell("again", "connect", tokens=[used] * 5)
    assert [room.hear("again", "token") for _ in range(4)] == [5, 4, 3, 2]
    assert room.hear("again", "token", "disconnect") == ("disconnect", "socketError")


def test_the_sdk_hears_of_a_fault_and_comes_back_after_a_cut(room: Room, sandbox: Sandbox) -> None:
    tokens = [room.token("zed", "SEND_MESSAGE") for _ in range(3)]
    sandbox.fault_next("503")
    room.tell("zed", "connect", tokens=tokens)
    room.hear("zed", "connect")  # at the second try
    sandbox.fault_next("500", "cut")
    room.tell("zed", "sendMessage", **{"with": ["hi"]})
    error = room.hear("zed", "rejected")
    assert (error["errorCode"], error["errorMessage"]) == (500, "Internal server error")
    room.tell("zed", "sendMessage", **{"with": ["hi"]})
    room.hear("zed", "connect")
    room.tell("zed", "sendMessage", **{"with": ["back"]})
    assert room.hear("zed", "message")["content"] == "back"
