import contextlib
from dataclasses import replace
from typing import Any

import pytest

from reconciler.bans import account_region_of
from reconciler.sandbox import SandboxOptions
from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.identities import Caller
from reconciler.sandbox.model import service_model
from reconciler.sandbox.quota import TokenBucket
from reconciler.sandbox.rooms import Answer
from reconciler.sandbox.service import Service

from .builders import ABSENT, FINALS, HANDLER, LOBBY, LOGGING, NOON, REGION, kick, service

BESIDE = LOBBY.replace("g1H2I3j4k5L6", "nobodyMade12")  # in the account of the lobby


def answer(to: Service, operation: str, params: dict[str, Any], region: str = REGION, now: float = NOON) -> Answer:
    to.admit(operation, region, params, now)
    return to.carry_out(operation, region, params, now)


def call(to: Service, operation: str, params: dict[str, Any], *, region: str = REGION, now: float = NOON) -> Any:
    return answer(to, operation, params, region, now).body


def refused(to: Service, operation: str, params: dict[str, Any], *, region: str = REGION, now: float = NOON) -> Any:
    with pytest.raises(ServiceError) as caught:
        answer(to, operation, params, region, now)
    return caught.value


def names(listed: Any) -> list[str]:
    return [room["name"] for room in listed["rooms"]]


def test_disconnecting_answers_an_empty_object_and_remembers_whom() -> None:
    chat = service(LOBBY)
    assert call(chat, "DisconnectUser", kick("😀 zed\n")) == {}
    assert chat.messaging.disconnected == [(LOBBY, "😀 zed\n")]


def test_disconnecting_from_a_room_that_does_not_exist_names_the_room() -> None:
    chat = service(LOBBY)
    error = refused(chat, "DisconnectUser", kick(room=ABSENT))
    assert (error.code, error.status) == ("ResourceNotFoundException", 404)
    assert error.body == {
        "message": f"Room {ABSENT} does not exist in us-west-2",
        "resourceId": "nobodyMade12",
        "resourceType": "ROOM",
    }
    assert chat.messaging.disconnected == []


def test_a_room_is_not_to_be_found_in_another_region() -> None:
    chat = service(LOBBY, FINALS)
    for operation, params in [("DisconnectUser", kick()), ("GetRoom", {"identifier": LOBBY})]:
        assert refused(chat, operation, params, region="eu-west-1").code == "ResourceNotFoundException"
    assert call(chat, "DisconnectUser", kick(room=FINALS), region="eu-west-1") == {}


def test_a_new_room_has_the_accounts_arn_and_the_documented_defaults() -> None:
    room = call(service(), "CreateRoom", {})
    assert room == {
        "arn": f"arn:aws:ivschat:us-west-2:123456789012:room/{room['id']}",
        "id": room["id"],
        "createTime": "2027-01-15T08:00:00.000Z",
        "updateTime": "2027-01-15T08:00:00.000Z",
        "maximumMessageRatePerSecond": 10,
        "maximumMessageLength": 500,
        "tags": {},
        "loggingConfigurationIdentifiers": [],
    }
    assert len(room["id"]) == 12
    assert room["id"].isalnum()


def test_a_room_stays_as_it_was_made() -> None:
    chat = service()
    wanted = {
        "name": "lobby",
        "maximumMessageRatePerSecond": 3,
        "maximumMessageLength": 42,
        "messageReviewHandler": {"uri": HANDLER},
        "tags": {"team": "safety"},
        "loggingConfigurationIdentifiers": [LOGGING],
    }
    made = call(chat, "CreateRoom", wanted)
    assert made.items() >= (wanted | {"messageReviewHandler": {"uri": HANDLER, "fallbackResult": "ALLOW"}}).items()
    assert call(chat, "GetRoom", {"identifier": made["arn"]}, now=NOON + 60) == made


def test_rooms_have_the_names_that_the_service_would_take() -> None:
    names_of = {LOBBY: "lobby", FINALS: "größe", ABSENT: "not there"}
    chat = Service(SandboxOptions(rooms=(LOBBY, FINALS), room_names=names_of), NOON)
    assert call(chat, "GetRoom", {"identifier": LOBBY})["name"] == "lobby"
    assert "name" not in call(chat, "GetRoom", {"identifier": FINALS}, region="eu-west-1")
    assert len(chat.rooms.arns) == 2


@pytest.mark.parametrize(("rooms", "region"), [((), REGION), ((FINALS, LOBBY), "eu-west-1")])
def test_more_rooms_are_in_the_region_of_the_first(rooms: tuple[str, ...], region: str) -> None:
    chat = Service(SandboxOptions(rooms=rooms, more_rooms=3, account="999999999999"), NOON)
    listed = call(chat, "ListRooms", {}, region=region)["rooms"]
    more = [room for room in listed if room["arn"].startswith(f"arn:aws:ivschat:{region}:999999999999:room/")]
    assert [room["name"] for room in more] == ["room-3", "room-2", "room-1"]


def test_all_of_many_rooms_are_listed_page_by_page() -> None:
    chat = Service(SandboxOptions(more_rooms=20_000, room_quota=0), NOON)
    listed: list[str] = []
    page: dict[str, Any] = {"nextToken": None}
    while "nextToken" in page:
        page = call(chat, "ListRooms", {"nextToken": page["nextToken"]})
        listed += names(page)
    assert listed == [f"room-{number}" for number in range(20_000, 0, -1)]


def test_the_same_seed_makes_the_same_rooms() -> None:
    first, again = service(seed=7), service(seed=7)
    rooms = [call(first, "CreateRoom", {})["arn"] for _ in range(3)]
    assert rooms == [call(again, "CreateRoom", {})["arn"] for _ in range(3)]
    assert len(set(rooms)) == 3
    assert call(service(seed=8), "CreateRoom", {})["arn"] not in rooms


def test_a_deleted_room_is_gone() -> None:
    chat = service(LOBBY)
    assert answer(chat, "DeleteRoom", {"identifier": LOBBY}) == Answer(204, None)
    assert refused(chat, "DisconnectUser", kick()).code == "ResourceNotFoundException"
    assert refused(chat, "DeleteRoom", {"identifier": LOBBY}).code == "ResourceNotFoundException"


def test_adding_a_room_again_leaves_it_as_it_is() -> None:
    chat = service(LOBBY)
    chat.rooms.add(LOBBY, NOON + 60)
    assert call(chat, "GetRoom", {"identifier": LOBBY})["createTime"] == "2027-01-15T08:00:00.000Z"


def test_rooms_are_listed_newest_first_and_by_region() -> None:
    chat = service(FINALS)
    for second, name in enumerate(["old", "middle", "new"]):
        call(chat, "CreateRoom", {"name": name}, now=NOON + second)
    call(chat, "CreateRoom", {"name": "same-instant"}, now=NOON + 2)
    assert names(call(chat, "ListRooms", {})) == ["same-instant", "new", "middle", "old"]
    assert [room["arn"] for room in call(chat, "ListRooms", {}, region="eu-west-1")["rooms"]] == [FINALS]


def test_a_listed_room_has_the_members_of_a_summary() -> None:
    chat = service(LOBBY)
    (listed,) = call(chat, "ListRooms", {})["rooms"]
    details = call(chat, "GetRoom", {"identifier": LOBBY})
    assert listed == {
        name: value
        for name, value in details.items()
        if name not in {"maximumMessageRatePerSecond", "maximumMessageLength"}
    }


def test_pages_follow_each_other_although_rooms_come_and_go() -> None:
    chat = service()
    rooms = [call(chat, "CreateRoom", {"name": f"r{number}"})["arn"] for number in range(7)]
    first = call(chat, "ListRooms", {"maxResults": 3})
    assert names(first) == ["r6", "r5", "r4"]
    call(chat, "CreateRoom", {"name": "newer"})
    call(chat, "DeleteRoom", {"identifier": rooms[4]})
    second = call(chat, "ListRooms", {"maxResults": 3, "nextToken": first["nextToken"]})
    assert names(second) == ["r3", "r2", "r1"]
    last = call(chat, "ListRooms", {"maxResults": 3, "nextToken": second["nextToken"]})
    assert names(last) == ["r0"]
    assert "nextToken" not in last


def test_a_page_that_takes_the_last_room_has_no_next() -> None:
    chat = service()
    for _ in range(50):
        call(chat, "CreateRoom", {})
    assert "nextToken" not in call(chat, "ListRooms", {})
    call(chat, "CreateRoom", {})
    page = call(chat, "ListRooms", {})
    assert len(page["rooms"]) == 50
    assert len(call(chat, "ListRooms", {"nextToken": page["nextToken"]})["rooms"]) == 1


@pytest.mark.parametrize("token", ["x", "😀", "eCB5", "AAAA", "MSAyIDM="])
def test_a_token_that_no_page_gave_is_refused(token: str) -> None:
    error = refused(service(LOBBY), "ListRooms", {"nextToken": token})
    assert (error.code, error.body["reason"]) == ("ValidationException", "FIELD_VALIDATION_FAILED")
    assert [field["name"] for field in error.body["fieldList"]] == ["nextToken"]


def test_the_list_is_filtered_by_name_handler_and_logging_configuration() -> None:
    chat = service()
    call(chat, "CreateRoom", {"name": "plain"})
    call(chat, "CreateRoom", {"name": "reviewed", "messageReviewHandler": {"uri": HANDLER}})
    call(chat, "CreateRoom", {"name": "logged", "loggingConfigurationIdentifiers": [LOGGING]})
    assert names(call(chat, "ListRooms", {"name": "plain"})) == ["plain"]
    assert names(call(chat, "ListRooms", {"name": "plai"})) == []
    assert names(call(chat, "ListRooms", {"messageReviewHandlerUri": HANDLER})) == ["reviewed"]
    assert names(call(chat, "ListRooms", {"loggingConfigurationIdentifier": LOGGING})) == ["logged"]
    assert names(call(chat, "ListRooms", {"name": "plain", "messageReviewHandlerUri": HANDLER})) == []


def test_the_call_after_a_hundred_in_one_instant_is_throttled() -> None:
    chat = service(LOBBY, quota=100)
    for number in range(100):
        call(chat, "DisconnectUser", kick(f"u{number}"))
    error = refused(chat, "DisconnectUser", kick("one too many"))
    assert (error.code, error.status) == ("ThrottlingException", 429)
    assert error.body == {
        "message": "Rate exceeded: DisconnectUser, 100 calls a second",
        "resourceId": "g1H2I3j4k5L6",
        "resourceType": "ROOM",
        "limit": 100,
    }
    assert len(chat.messaging.disconnected) == 100


def test_the_quota_comes_back_as_time_passes() -> None:
    chat = service(LOBBY, quota=10)
    for _ in range(10):
        call(chat, "DisconnectUser", kick())
    assert refused(chat, "DisconnectUser", kick(), now=NOON + 0.09).code == "ThrottlingException"
    call(chat, "DisconnectUser", kick(), now=NOON + 0.11)
    for _ in range(10):
        call(chat, "DisconnectUser", kick(), now=NOON + 3600)
    assert refused(chat, "DisconnectUser", kick(), now=NOON + 3600).code == "ThrottlingException"


def test_a_steady_pace_at_the_quota_is_never_throttled() -> None:
    chat = service(LOBBY, quota=100)
    for number in range(1000):
        call(chat, "DisconnectUser", kick(), now=NOON + number / 100)


def test_each_region_has_a_quota_of_its_own() -> None:
    chat = service(LOBBY, FINALS, quota=1)
    call(chat, "DisconnectUser", kick())
    call(chat, "DisconnectUser", kick(room=FINALS), region="eu-west-1")
    assert refused(chat, "DisconnectUser", kick()).code == "ThrottlingException"


def test_each_account_has_a_quota_of_its_own() -> None:
    other = LOBBY.replace(account_region_of(LOBBY).account, "999999999999")
    chat = service(LOBBY, other, quota=1, room_quota=1)
    role = Caller("arn:aws:sts::999999999999:assumed-role/bans/x", "999999999999", "AROA:x", is_role=True)
    call(chat, "DisconnectUser", kick())
    call(chat, "DisconnectUser", kick(room=other))
    assert refused(chat, "DisconnectUser", kick()).code == "ThrottlingException"
    chat.admit("ListRooms", REGION, {}, NOON)
    chat.admit("ListRooms", REGION, {}, NOON, role)
    with pytest.raises(ServiceError, match="Rate exceeded"):
        chat.admit("ListRooms", REGION, {}, NOON, role)


def test_rooms_of_one_region_share_its_quota() -> None:
    chat = service(LOBBY, BESIDE, quota=1)
    call(chat, "DisconnectUser", kick())
    assert refused(chat, "DisconnectUser", kick(room=BESIDE)).code == "ThrottlingException"


def test_an_attempt_on_an_absent_room_counts_and_a_malformed_one_does_not() -> None:
    chat = service(LOBBY, quota=1)
    assert refused(chat, "DisconnectUser", kick("")).code == "ValidationException"
    assert refused(chat, "DisconnectUser", kick(room=BESIDE)).code == "ResourceNotFoundException"
    assert refused(chat, "DisconnectUser", kick()).code == "ThrottlingException"


def test_a_quota_of_0_is_none() -> None:
    chat = service(LOBBY, quota=0, room_quota=0)
    for _ in range(1000):
        call(chat, "DisconnectUser", kick())
        call(chat, "ListRooms", {})


def test_a_quota_that_is_changed_holds_from_the_next_call() -> None:
    chat = service(LOBBY, quota=0)
    call(chat, "DisconnectUser", kick())
    chat.options = replace(chat.options, quota=1)
    call(chat, "DisconnectUser", kick())
    assert refused(chat, "DisconnectUser", kick()).code == "ThrottlingException"
    chat.options = replace(chat.options, quota=3)
    for _ in range(3):
        call(chat, "DisconnectUser", kick())


def test_each_room_operation_has_its_own_quota_and_the_common_error() -> None:
    chat = service(LOBBY, room_quota=5)
    for _ in range(5):
        call(chat, "ListRooms", {})
        call(chat, "GetRoom", {"identifier": LOBBY})
    for operation, params in [("ListRooms", {}), ("GetRoom", {"identifier": LOBBY})]:
        error = refused(chat, operation, params)
        assert (error.code, error.status) == ("ThrottlingException", 400)
        assert list(error.body) == ["message"]


def test_a_clock_that_runs_backwards_neither_fails_nor_refills() -> None:
    bucket = TokenBucket(1, now=NOON)
    assert bucket.take(NOON)
    assert not bucket.take(NOON - 10)
    assert bucket.take(NOON - 9)


def test_a_denied_room_is_denied_to_every_operation_even_when_absent() -> None:
    chat = service(LOBBY)
    chat.options = replace(chat.options, deny=(LOBBY, ABSENT))
    error = refused(chat, "DisconnectUser", kick())
    assert (error.code, error.status) == ("AccessDeniedException", 403)
    assert error.body["message"] == (
        "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: ivschat:DisconnectUser on "
        f"resource: {LOBBY} because no identity-based policy allows the ivschat:DisconnectUser action"
    )
    assert refused(chat, "GetRoom", {"identifier": LOBBY}).code == "AccessDeniedException"
    assert refused(chat, "DeleteRoom", {"identifier": ABSENT}).code == "AccessDeniedException"
    assert chat.messaging.disconnected == []


def test_a_malformed_request_lists_its_fields() -> None:
    error = refused(service(LOBBY), "DisconnectUser", {"userId": "", "roomIdentifier": "lobby"})
    assert (error.code, error.status, error.body["reason"]) == ("ValidationException", 400, "FIELD_VALIDATION_FAILED")
    assert [field["name"] for field in error.body["fieldList"]] == ["roomIdentifier", "userId"]
    assert error.message.startswith("2 validation errors detected. Value at 'roomIdentifier' failed")


def test_an_operation_the_sandbox_has_not_says_so() -> None:
    error = refused(service(LOBBY), "GetLoggingConfiguration", {"identifier": LOGGING})
    assert (error.code, error.status, error.body["reason"]) == ("ValidationException", 400, "UNKNOWN_OPERATION")
    assert error.message == (
        "The sandbox does not do GetLoggingConfiguration. It does CreateChatToken, CreateRoom, DeleteMessage, "
        "DeleteRoom, DisconnectUser, GetRoom, ListRooms, ListTagsForResource, SendEvent, TagResource, UntagResource, "
        "UpdateRoom."
    )


def test_all_but_logging_configurations_is_in_the_sandbox() -> None:
    absent = {name for name in service_model().operation_names if not is_done(name)}
    assert absent == {
        f"{verb}LoggingConfiguration{'s' if verb == 'List' else ''}"
        for verb in ("Create", "Delete", "Get", "List", "Update")
    }


def is_done(operation: str) -> bool:
    with contextlib.suppress(ServiceError):
        service().admit(operation, REGION, {}, NOON)
        return True
    error = refused(service(), operation, {})
    return bool(error.body.get("reason") != "UNKNOWN_OPERATION")


@pytest.mark.parametrize(
    ("operation", "params", "limit", "status"),
    [
        ("DisconnectUser", kick(), 100, 429),
        ("SendEvent", {"roomIdentifier": LOBBY, "eventName": "goal"}, 100, 429),
        ("DeleteMessage", {"roomIdentifier": LOBBY, "id": "AbCdEf123456"}, 100, 429),
        ("CreateChatToken", {"roomIdentifier": LOBBY, "userId": "zed"}, 200, 400),
        ("UpdateRoom", {"identifier": LOBBY}, 5, 400),
        ("CreateRoom", {}, 5, 400),
        ("ListTagsForResource", {"resourceArn": LOBBY}, 10, 400),
        ("TagResource", {"resourceArn": LOBBY, "tags": {}}, 10, 400),
        ("UntagResource", {"resourceArn": LOBBY, "tagKeys": []}, 10, 400),
    ],
)
def test_each_operation_has_the_documented_quota_by_itself(
    operation: str, params: dict[str, Any], limit: int, status: int
) -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY,)), NOON)
    for _ in range(limit):
        call(chat, operation, params)
    error = refused(chat, operation, params)
    assert (error.code, error.status) == ("ThrottlingException", status)
    assert error.message == f"Rate exceeded: {operation}, {limit} calls a second"
    call(chat, "GetRoom", {"identifier": LOBBY})


@pytest.mark.parametrize("operation", ["CreateChatToken", "SendEvent"])
def test_attributes_have_at_most_1_kb(operation: str) -> None:
    params = {"roomIdentifier": LOBBY, "userId": "zed", "eventName": "goal"}
    most = {"k" * 24: "é" * 500}
    assert call(service(LOBBY), operation, params | {"attributes": most})
    error = refused(service(LOBBY), operation, params | {"attributes": most | {"k": ""}})
    assert (error.code, error.body["fieldList"][0]["name"]) == ("ValidationException", "attributes")


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateChatToken", {"roomIdentifier": ABSENT, "userId": "zed"}),
        ("SendEvent", {"roomIdentifier": ABSENT, "eventName": "goal"}),
        ("DeleteMessage", {"roomIdentifier": ABSENT, "id": "AbCdEf123456"}),
        ("UpdateRoom", {"identifier": ABSENT}),
        ("TagResource", {"resourceArn": ABSENT, "tags": {}}),
        ("UntagResource", {"resourceArn": ABSENT, "tagKeys": []}),
        ("ListTagsForResource", {"resourceArn": ABSENT}),
    ],
)
def test_a_room_that_is_not_there_is_not_found_whatever_is_asked(operation: str, params: dict[str, Any]) -> None:
    error = refused(service(LOBBY), operation, params)
    assert (error.code, error.status, error.body["resourceId"]) == ("ResourceNotFoundException", 404, "nobodyMade12")
    abroad = refused(service(ABSENT), operation, params, region="eu-west-1")
    assert abroad.code == "ResourceNotFoundException"
