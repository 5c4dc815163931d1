from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from reconciler.sandbox import Sandbox, SandboxOptions, running

from .builders import ABSENT, FINALS, HANDLER, LOBBY, LOGGING, NOON
from .conftest import ChatFor

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient


def response_of(caught: pytest.ExceptionInfo[ClientError]) -> Any:
    return caught.value.response


def test_disconnect_user_answers_nothing_but_a_request_id(chat: "IvschatClient", sandbox: Sandbox) -> None:
    response = chat.disconnect_user(roomIdentifier=LOBBY, userId="zed", reason="Violated terms of service")
    metadata = response.pop("ResponseMetadata")
    assert response == {}
    assert metadata["HTTPStatusCode"] == 200
    assert metadata["RequestId"] == sandbox.requests[0].request_id


@pytest.mark.parametrize(
    "user_id", ["00123", "1e5", "no", " lead and trail ", "😀", "a/b", "\u202eevil", '"\\\n\t\x00', "x" * 128]
)
def test_a_user_id_arrives_as_it_was_sent(chat: "IvschatClient", sandbox: Sandbox, user_id: str) -> None:
    chat.disconnect_user(roomIdentifier=LOBBY, userId=user_id)
    assert sandbox.disconnected == ((LOBBY, user_id),)


def test_a_room_lives_from_create_to_delete(chat: "IvschatClient", sandbox: Sandbox) -> None:
    made = chat.create_room(
        name="stage",
        messageReviewHandler={"uri": HANDLER, "fallbackResult": "DENY"},
        tags={"team": "safety"},
        loggingConfigurationIdentifiers=[LOGGING],
    )
    room = chat.get_room(identifier=made["arn"])
    assert (room["name"], room["maximumMessageLength"], room["tags"]) == ("stage", 500, {"team": "safety"})
    assert room["messageReviewHandler"] == {"uri": HANDLER, "fallbackResult": "DENY"}
    assert room["createTime"] == made["createTime"]
    assert room["createTime"].tzinfo is not None
    chat.disconnect_user(roomIdentifier=made["arn"], userId="zed")
    assert chat.delete_room(identifier=made["arn"])["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(chat.exceptions.ResourceNotFoundException):
        chat.get_room(identifier=made["arn"])


def test_following_the_next_token_sees_every_room_once(chat: "IvschatClient") -> None:
    """By hand: botocore ships no paginator for this service."""
    made = [chat.create_room(name=f"r{number}")["arn"] for number in range(7)]
    pages = [chat.list_rooms(maxResults=3)]
    while "nextToken" in pages[-1]:
        pages.append(chat.list_rooms(maxResults=3, nextToken=pages[-1]["nextToken"]))
    assert [len(page["rooms"]) for page in pages] == [3, 3, 2]
    listed = [room["arn"] for page in pages for room in page["rooms"]]
    assert listed == [*reversed(made), LOBBY]
    assert [room["name"] for room in chat.list_rooms(name="r3")["rooms"]] == ["r3"]


def test_a_missing_room_is_a_resource_not_found_exception(chat: "IvschatClient") -> None:
    with pytest.raises(chat.exceptions.ResourceNotFoundException) as caught:
        chat.disconnect_user(roomIdentifier=ABSENT, userId="zed")
    response = response_of(caught)
    assert response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": f"Room {ABSENT} does not exist in us-west-2",
    }
    assert (response["resourceId"], response["resourceType"]) == ("nobodyMade12", "ROOM")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_room_of_another_region_is_missing_there(sandbox: Sandbox, chat_for: ChatFor) -> None:
    abroad = chat_for(sandbox, region="eu-west-1")
    abroad.disconnect_user(roomIdentifier=FINALS, userId="zed")
    with pytest.raises(abroad.exceptions.ResourceNotFoundException):
        abroad.disconnect_user(roomIdentifier=LOBBY, userId="zed")


def test_over_the_quota_is_a_throttling_exception(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,), quota=2), clock=lambda: NOON) as sandbox:
        chat = chat_for(sandbox)
        for _ in range(2):
            chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
        with pytest.raises(chat.exceptions.ThrottlingException) as caught:
            chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
    response = response_of(caught)
    assert (response["resourceId"], response["resourceType"], response["limit"]) == ("g1H2I3j4k5L6", "ROOM", 2)
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_a_user_id_that_is_too_long_is_a_validation_exception(chat: "IvschatClient") -> None:
    """Botocore checks the least length of a text before it sends it, and leaves the greatest to the service."""
    with pytest.raises(chat.exceptions.ValidationException) as caught:
        chat.disconnect_user(roomIdentifier=LOBBY, userId="x" * 129)
    response = response_of(caught)
    assert response["reason"] == "FIELD_VALIDATION_FAILED"
    assert response["fieldList"] == [
        {
            "name": "userId",
            "message": "Value with length 129 at 'userId' failed to satisfy constraint: "
            "Member must have length between 1 and 128, inclusive",
        }
    ]


def test_a_denied_room_is_an_access_denied_exception(chat: "IvschatClient", sandbox: Sandbox) -> None:
    sandbox.deny(LOBBY)
    with pytest.raises(chat.exceptions.AccessDeniedException, match="is not authorized to perform"):
        chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")


def test_a_pending_account_is_a_pending_verification(chat: "IvschatClient", sandbox: Sandbox) -> None:
    sandbox.fault("pending")
    with pytest.raises(chat.exceptions.PendingVerification):
        chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("expired", "ExpiredTokenException"),
        ("bad-credentials", "UnrecognizedClientException"),
        ("500", "InternalServerException"),
        ("503", "ServiceUnavailable"),
    ],
)
def test_a_common_error_keeps_its_code(chat: "IvschatClient", sandbox: Sandbox, kind: Any, code: str) -> None:
    sandbox.fault(kind)
    with pytest.raises(ClientError) as caught:
        chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
    assert response_of(caught)["Error"]["Code"] == code


def test_a_cut_connection_is_a_connection_closed_error(chat: "IvschatClient", sandbox: Sandbox) -> None:
    sandbox.fault("cut")
    with pytest.raises(ConnectionClosedError):
        chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")


def test_no_answer_is_a_read_timeout(sandbox: Sandbox) -> None:
    from botocore.config import Config

    impatient = Config(read_timeout=0.2, retries={"total_max_attempts": 1})
    client = boto3.client("ivschat", region_name="us-west-2", endpoint_url=sandbox.url, config=impatient)
    sandbox.fault("timeout")
    with pytest.raises(ReadTimeoutError):
        client.disconnect_user(roomIdentifier=LOBBY, userId="zed")
    client.close()


def test_retries_get_through_and_each_attempt_is_seen(sandbox: Sandbox, chat_for: ChatFor) -> None:
    sandbox.fault_next("500", "cut")
    chat_for(sandbox, attempts=3).disconnect_user(roomIdentifier=LOBBY, userId="zed")
    assert [request.error for request in sandbox.requests] == ["InternalServerException", "cut", None]
    assert sandbox.disconnected == ((LOBBY, "zed"),)


def test_an_operation_the_sandbox_has_not_is_a_clear_error(chat: "IvschatClient") -> None:
    with pytest.raises(
        chat.exceptions.ValidationException, match="The sandbox does not do ListLoggingConfigurations"
    ) as caught:
        chat.list_logging_configurations()
    assert response_of(caught)["reason"] == "UNKNOWN_OPERATION"


def test_a_room_is_updated_and_tagged(chat: "IvschatClient") -> None:
    room = chat.create_room(name="stage", tags={"team": "safety"})["arn"]
    assert chat.update_room(identifier=room, maximumMessageLength=100)["maximumMessageLength"] == 100
    chat.tag_resource(resourceArn=room, tags={"stage": "beta", "a b/c&d=é": ""})
    assert chat.list_tags_for_resource(resourceArn=room)["tags"] == {"team": "safety", "stage": "beta", "a b/c&d=é": ""}
    chat.untag_resource(resourceArn=room, tagKeys=["team", "a b/c&d=é"])
    assert chat.get_room(identifier=room)["tags"] == {"stage": "beta"}


def test_a_chat_token_is_good_for_a_minute_and_its_session_for_an_hour(chat_for: ChatFor) -> None:
    with running(SandboxOptions(rooms=(LOBBY,)), clock=lambda: NOON) as sandbox:
        made = chat_for(sandbox).create_chat_token(roomIdentifier=LOBBY, userId="zed", capabilities=["SEND_MESSAGE"])
    assert made["tokenExpirationTime"].timestamp() == NOON + 60
    assert made["sessionExpirationTime"].timestamp() == NOON + 3600


def test_messaging_operations_answer_an_id(chat: "IvschatClient") -> None:
    sent = chat.send_event(roomIdentifier=LOBBY, eventName="goal", attributes={"team": "red"})
    deleted = chat.delete_message(roomIdentifier=LOBBY, id="AbCdEf123456", reason="spam")
    assert (len(sent["id"]), len(deleted["id"])) == (12, 12)


def test_one_endpoint_serves_sts_too(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    sts = boto3.client("sts", region_name="us-west-2")
    identity = sts.get_caller_identity()
    assert (identity["Account"], identity["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:user/sandbox")
    with pytest.raises(ClientError, match="InvalidAction"):
        sts.get_session_token()
    sts.close()
    chat = boto3.client("ivschat", region_name="us-west-2")
    chat.disconnect_user(roomIdentifier=LOBBY, userId="zed")
    chat.close()
