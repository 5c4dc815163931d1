import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.frames import LARGEST_FRAME
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.service import Service
from reconciler.sandbox.tokens import TokenRefused

from .builders import ABSENT, ALL_CAPABILITIES, FINALS, LOBBY, NOON, REGION, Client, kick, service


def do(chat: Service, operation: str, params: dict[str, Any], now: float = NOON) -> Any:
    return chat.carry_out(operation, REGION, params, now).body


def test_a_message_reaches_everybody_in_the_room_the_sender_included() -> None:
    chat = service(LOBBY, ABSENT)
    zed = Client(chat, "zed", "SEND_MESSAGE", attributes={"colour": "red"})
    amy, elsewhere = Client(chat, "amy"), Client(chat, "bob", room=ABSENT)
    zed.say("😀 hi", NOON + 0.25, RequestId="r1", Attributes={"a": "b"})
    (message,) = zed.heard
    assert message == {
        "Type": "MESSAGE",
        "Id": message["Id"],
        "RequestId": "r1",
        "Attributes": {"a": "b"},
        "Content": "😀 hi",
        "SendTime": "2027-01-15T08:00:00.250000000Z",
        "Sender": {"UserId": "zed", "Attributes": {"colour": "red"}},
    }
    assert len(message["Id"]) == 12
    assert amy.heard == [message]
    assert elsewhere.heard == []


def test_a_plain_message_has_null_attributes_and_no_request_id_as_captured_ones_have() -> None:
    zed = Client(service(LOBBY), "zed", "SEND_MESSAGE")
    zed.say("hi")
    (message,) = zed.heard
    assert (message["Attributes"], message["RequestId"], message["Sender"]["Attributes"]) == (None, "", None)


def test_a_deleted_message_is_an_event_with_both_spellings_of_its_id() -> None:
    chat = service(LOBBY)
    mod, amy = Client(chat, "mod", "DELETE_MESSAGE"), Client(chat, "amy")
    mod.ask({"Action": "DELETE_MESSAGE", "Id": "AbCdEf123456", "Reason": "spam", "RequestId": "r1"})
    (event,) = amy.heard
    assert event == {
        "Type": "EVENT",
        "Id": event["Id"],
        "RequestId": "r1",
        "EventName": "aws:DELETE_MESSAGE",
        "Attributes": {"MessageID": "AbCdEf123456", "MessageId": "AbCdEf123456", "Reason": "spam"},
        "SendTime": "2027-01-15T08:00:00.000000000Z",
    }
    assert mod.heard == [event]


def test_a_disconnected_user_hears_why_and_loses_every_connection_to_this_room_alone() -> None:
    chat = service(LOBBY, ABSENT)
    zeds = [Client(chat, "zed", *ALL_CAPABILITIES) for _ in range(3)]
    elsewhere, mod = Client(chat, "zed", room=ABSENT), Client(chat, "mod", "DISCONNECT_USER")
    mod.ask({"Action": "DISCONNECT_USER", "UserId": "zed", "Reason": "rude", "RequestId": "r1"})
    (event,) = mod.heard
    assert (event["EventName"], event["Attributes"], event["RequestId"]) == (
        "aws:DISCONNECT_USER",
        {"UserId": "zed", "Reason": "rude"},
        "r1",
    )
    assert [zed.heard for zed in zeds] == [[event]] * 3
    assert [zed.line.closed_with for zed in zeds] == [1000] * 3
    assert (elsewhere.line.closed_with, mod.line.closed_with) == (None, None)
    assert len(chat.messaging.connections) == 2
    assert chat.messaging.disconnected == [(LOBBY, "zed")]


def test_whoever_was_disconnected_is_not_listened_to_any_more() -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", *ALL_CAPABILITIES), Client(chat, "amy")
    do(chat, "DisconnectUser", kick("zed"))
    zed.say("one last word")
    zed.ask({"Action": "DISCONNECT_USER", "UserId": "amy"})
    assert amy.contents == []
    assert amy.line.closed_with is None


def test_a_kick_during_the_handshake_holds() -> None:
    chat = service(LOBBY)
    token = do(chat, "CreateChatToken", {"roomIdentifier": LOBBY, "userId": "zed"})["token"]
    connection = chat.messaging.join(token, "192.0.2.7", NOON)
    do(chat, "DisconnectUser", kick("zed"))
    late = Client.__new__(Client)
    late.line = type(Client(chat, "amy").line)()
    connection.open(late.line)
    assert (late.line.closed_with, late.line.frames) == (1000, [])


def test_the_api_reaches_the_clients_too() -> None:
    chat = service(LOBBY)
    amy = Client(chat, "amy")
    sent = do(chat, "SendEvent", {"roomIdentifier": LOBBY, "eventName": "goal", "attributes": {"team": "red"}})
    deleted = do(chat, "DeleteMessage", {"roomIdentifier": LOBBY, "id": "AbCdEf123456"})
    do(chat, "DisconnectUser", kick("amy", reason="rude"))
    goal, deletion, kicked = amy.heard
    assert (goal["Id"], goal["EventName"], goal["Attributes"]) == (sent["id"], "goal", {"team": "red"})
    assert (deletion["Id"], deletion["Attributes"]["Reason"]) == (deleted["id"], "")
    assert kicked["Attributes"] == {"UserId": "amy", "Reason": "rude"}
    assert amy.line.closed_with == 1000


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("", 400),
        ("{", 400),
        ("[" * 60_000, 400),
        ("1" * 5000, 400),
        ("[]", 400),
        ("null", 400),
        ({}, 400),
        ({"Action": "send_message", "Content": "hi"}, 400),
        ({"Action": ["SEND_MESSAGE"], "Content": "hi"}, 400),
        ({"Action": "SEND_MESSAGE"}, 400),
        ({"Action": "SEND_MESSAGE", "Content": ""}, 400),
        ({"Action": "SEND_MESSAGE", "Content": 5}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "\ud83d"}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "x" * 501}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "RequestId": 5}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "RequestId": "\ud83d"}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "RequestId": "x" * 1025}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "Attributes": ["a"]}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "Attributes": {"a": 5}}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "Attributes": {"\ud83d": "a"}}, 400),
        ({"Action": "SEND_MESSAGE", "Content": "hi", "Attributes": {"a": "é" * 512}}, 413),
        ({"Action": "DELETE_MESSAGE"}, 400),
        ({"Action": "DELETE_MESSAGE", "Id": "short"}, 400),
        ({"Action": "DELETE_MESSAGE", "Id": "AbCdEf123456", "Reason": "r" * 257}, 400),
        ({"Action": "DISCONNECT_USER", "UserId": ""}, 400),
        ({"Action": "DISCONNECT_USER", "UserId": "zed", "Reason": 5}, 400),
    ],
)
def test_a_malformed_request_is_refused_and_the_connection_goes_on(request_: object, code: int) -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", *ALL_CAPABILITIES), Client(chat, "amy")
    zed.ask(request_)
    (error,) = zed.heard
    assert error == {
        "Type": "ERROR",
        "Id": error["Id"],
        "RequestId": "",
        "ErrorCode": code,
        "ErrorMessage": error["ErrorMessage"],
    }
    zed.say("still here")
    assert amy.contents == ["still here"]


def test_a_binary_frame_is_refused() -> None:
    chat = service(LOBBY)
    zed = Client(chat, "zed", "SEND_MESSAGE")
    chat.messaging.receive(zed.connection, None, NOON)
    assert zed.refusals == [(400, "")]


def test_an_error_names_the_request_that_it_is_about() -> None:
    zed = Client(service(LOBBY), "zed", *ALL_CAPABILITIES)
    zed.say("", RequestId="r1")
    zed.ask({"Action": "NONSENSE", "RequestId": "r2"})
    assert zed.refusals == [(400, "r1"), (400, "r2")]


@pytest.mark.parametrize(
    ("capability", "request_"),
    [
        ("SEND_MESSAGE", {"Action": "SEND_MESSAGE", "Content": "hi"}),
        ("DELETE_MESSAGE", {"Action": "DELETE_MESSAGE", "Id": "AbCdEf123456"}),
        ("DISCONNECT_USER", {"Action": "DISCONNECT_USER", "UserId": "nobody"}),
    ],
)
def test_a_capability_that_the_token_lacks_is_forbidden(capability: str, request_: dict[str, str]) -> None:
    chat = service(LOBBY)
    able = Client(chat, "zed", capability)
    lacking = Client(chat, "amy", *(other for other in ALL_CAPABILITIES if other != capability))
    lacking.ask(request_ | {"RequestId": "r1"})
    assert lacking.refusals == [(403, "r1")]
    assert able.heard == []
    able.ask(request_)
    assert able.refusals == []
    assert len(able.heard) == 1


def test_a_message_is_as_long_as_the_room_allows_counted_in_code_points() -> None:
    chat = service(LOBBY)
    zed = Client(chat, "zed", "SEND_MESSAGE")
    zed.say("😀" * 500)
    do(chat, "UpdateRoom", {"identifier": LOBBY, "maximumMessageLength": 3})
    zed.say("😀" * 3)
    zed.say("😀" * 4)
    assert [len(content) for content in zed.contents] == [500, 3]
    assert zed.heard[-1]["ErrorMessage"] == "Content must have at most 3 characters"


def test_the_eleventh_request_of_a_connection_in_a_second_is_one_too_many() -> None:
    chat = service(LOBBY)
    do(chat, "UpdateRoom", {"identifier": LOBBY, "maximumMessageRatePerSecond": 100})
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy", "SEND_MESSAGE")
    for number in range(11):
        zed.say(str(number), RequestId=str(number))
    assert zed.contents == [str(number) for number in range(10)]
    assert zed.refusals == [(429, "10")]
    amy.say("another connection")
    zed.say("later", NOON + 0.11)
    assert amy.contents[-2:] == ["another connection", "later"]


def test_the_room_takes_so_many_messages_a_second_from_all_together() -> None:
    chat = service(LOBBY)
    clients = [Client(chat, f"u{number}", "SEND_MESSAGE") for number in range(12)]
    for client in clients:
        client.say("hi", RequestId="r")
    assert [client.refusals for client in clients] == [[]] * 10 + [[(429, "r")]] * 2
    do(chat, "UpdateRoom", {"identifier": LOBBY, "maximumMessageRatePerSecond": 1})
    clients[0].say("one", NOON + 10)
    clients[1].say("two", NOON + 10)
    assert clients[2].contents[10:] == ["one"]


@pytest.mark.parametrize(
    ("operation", "params", "request_"),
    [
        ("DisconnectUser", kick(), {"Action": "DISCONNECT_USER", "UserId": "zed"}),
        (
            "DeleteMessage",
            {"roomIdentifier": LOBBY, "id": "AbCdEf123456"},
            {"Action": "DELETE_MESSAGE", "Id": "x" * 12},
        ),
    ],
)
def test_the_api_and_the_clients_share_a_quota(operation: str, params: dict[str, Any], request_: Any) -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY,), quota=2), NOON)
    mod = Client(chat, "mod", *ALL_CAPABILITIES)
    chat.admit(operation, REGION, params, NOON)
    mod.ask(request_)
    mod.ask(request_ | {"RequestId": "r1"})
    assert mod.refusals == [(429, "r1")]


def test_the_end_of_a_session_is_an_error_and_a_clean_close() -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    chat.messaging.expire(zed.connection)
    (error,) = zed.heard
    assert (error["Type"], error["ErrorCode"], error["ErrorMessage"]) == ("ERROR", 401, "The session has expired")
    assert zed.line.closed_with == 1000
    zed.say("still here?")
    assert amy.heard == []
    assert len(chat.messaging.connections) == 1


def test_a_room_that_is_deleted_closes_its_connections_and_its_tokens_open_nothing() -> None:
    chat = service(LOBBY, FINALS)
    zed = Client(chat, "zed", "SEND_MESSAGE")
    token = do(chat, "CreateChatToken", {"roomIdentifier": LOBBY, "userId": "amy"})["token"]
    do(chat, "DeleteRoom", {"identifier": LOBBY})
    assert zed.line.closed_with == 1000
    with pytest.raises(TokenRefused, match="does not exist any more") as caught:
        chat.messaging.join(token, "192.0.2.7", NOON)
    assert caught.value.status == 404


def test_whoever_left_hears_nothing() -> None:
    chat = service(LOBBY)
    zed, amy = Client(chat, "zed", "SEND_MESSAGE"), Client(chat, "amy")
    chat.messaging.leave(amy.connection)
    chat.messaging.leave(amy.connection)
    zed.say("hi")
    assert amy.heard == []
    assert [connection.token.user_id for connection in chat.messaging.connections] == ["zed"]


@given(
    st.text(max_size=50)
    | st.dictionaries(
        st.sampled_from(["Action", "Content", "RequestId", "Attributes", "Id", "UserId", "Reason", "x"]),
        st.sampled_from([*ALL_CAPABILITIES, "AbCdEf123456", None, 1.5, [], {}, {"a": "b"}, {"a": None}]) | st.text(),
    ).map(json.dumps)
)
def test_any_text_at_all_gets_one_answer(text: str) -> None:
    zed = Client(service(LOBBY), "mod", *ALL_CAPABILITIES)
    zed.ask(text)
    assert [entity["Type"] for entity in zed.heard] in (["MESSAGE"], ["EVENT"], ["ERROR"])


@pytest.mark.parametrize("length", [1, 125, 126, 500, 65_535, 65_536, LARGEST_FRAME + 10])
def test_a_frame_of_any_length_is_well_formed(length: int) -> None:
    chat = service(LOBBY)
    amy = Client(chat, "amy")
    chat.messaging.send_event(LOBBY, "x" * length, {}, "", NOON)
    assert [len(entity["EventName"]) for entity in amy.heard] == [length]
