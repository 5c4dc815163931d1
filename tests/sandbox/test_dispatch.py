import json
import re
import urllib.parse
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox import identities
from reconciler.sandbox.dispatch import MAX_BODY, Dispatcher, HttpRequest
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.kinds import FaultKind
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.request import log_line, timestamp
from reconciler.sandbox.service import Service

from .builders import ABSENT, FINALS, LOBBY, NOON, REGION, content, dispatcher, kick, post, signed


def test_a_signed_call_is_answered_and_remembered() -> None:
    reply = dispatcher(LOBBY).reply(post("/DisconnectUser", kick("😀")), NOON)
    assert (reply.fate, reply.status, reply.body) == ("answer", 200, b"{}")
    assert reply.headers["Content-Type"] == "application/json"
    assert "x-amzn-ErrorType" not in reply.headers
    request = reply.request
    assert request is not None
    assert request.request_id == reply.headers["x-amzn-RequestId"]
    assert (request.time, request.operation, request.region) == (timestamp(NOON), "DisconnectUser", REGION)
    assert (request.params, request.status, request.error) == (kick("😀"), 200, None)


def test_an_error_has_its_code_in_the_header_and_its_members_in_the_body() -> None:
    reply = dispatcher(LOBBY).reply(post("/DisconnectUser", kick(room=ABSENT)), NOON)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (404, "ResourceNotFoundException")
    assert content(reply)["resourceId"] == "nobodyMade12"
    assert reply.request is not None
    assert (reply.request.status, reply.request.error) == (404, "ResourceNotFoundException")


def test_a_deleted_room_is_answered_with_no_body() -> None:
    reply = dispatcher(LOBBY).reply(post("/DeleteRoom", {"identifier": LOBBY}), NOON)
    assert (reply.status, reply.body) == (204, b"")


def test_anyone_may_ask_whether_it_is_there_and_is_not_remembered() -> None:
    reply = dispatcher().reply(HttpRequest("GET", "/health", None, b""), NOON)
    assert (reply.status, reply.body, reply.request) == (200, b"reconciler sandbox\n", None)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("", "MissingAuthenticationTokenException"),
        ("Bearer abc", "IncompleteSignatureException"),
        (signed().replace(", Signature", ""), "IncompleteSignatureException"),
        (signed() + ", X=1", "IncompleteSignatureException"),
        (signed(region="US_WEST"), "IncompleteSignatureException"),
        (signed(region="r" * 33), "IncompleteSignatureException"),
        (signed(scope_service="execute-api"), "InvalidSignatureException"),
    ],
)
def test_a_request_that_is_not_signed_for_the_service_is_refused(header: str | None, code: str) -> None:
    receiver = dispatcher(LOBBY)
    reply = receiver.reply(HttpRequest("POST", "/DisconnectUser", header, json.dumps(kick()).encode()), NOON)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (403, code)


def test_the_message_for_a_wrong_scope_is_the_one_of_aws() -> None:
    reply = dispatcher(LOBBY).reply(post("/DisconnectUser", kick(), scope_service="sts"), NOON)
    assert content(reply) == {"message": "Credential should be scoped to correct service: 'ivschat'."}


def test_the_region_is_that_of_the_credential_scope() -> None:
    reply = dispatcher(LOBBY).reply(post("/DisconnectUser", kick(), region="eu-west-1"), NOON)
    assert reply.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert reply.request is not None
    assert reply.request.region == "eu-west-1"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe{}",
        b"[" * 60_000,
        b'{"userId": NaN}',
        b'{"userId": 1e999}',
        b'{"n": ' + b"1" * 5000 + b"}",
        b"[]",
        b"null",
        b'"x"',
        b"userId=zed",
        None,
    ],
)
def test_a_body_that_is_no_json_object_can_not_be_deserialized(body: bytes | None) -> None:
    reply = dispatcher(LOBBY).reply(HttpRequest("POST", "/DisconnectUser", signed(), body), NOON)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, "SerializationException")
    assert reply.request is not None
    assert reply.request.params == {}


def test_an_empty_body_is_an_empty_object() -> None:
    reply = dispatcher(LOBBY).reply(HttpRequest("POST", "/ListRooms", signed(), b""), NOON)
    assert [room["arn"] for room in content(reply)["rooms"]] == [LOBBY]


@pytest.mark.parametrize(("method", "path"), [("GET", "/DisconnectUser"), ("POST", "/Kick"), ("POST", "//x")])
def test_what_is_no_operation_is_not_found(method: str, path: str) -> None:
    reply = dispatcher(LOBBY).reply(HttpRequest(method, path, signed(), b"{}"), NOON)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")
    assert reply.request is not None
    assert reply.request.operation == f"{method} {path}"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/CreateLoggingConfiguration"), ("POST", "/ListLoggingConfigurations")]
)
def test_the_services_other_operations_say_what_the_sandbox_does(method: str, path: str) -> None:
    reply = dispatcher(LOBBY).reply(HttpRequest(method, path, signed(), b"{}"), NOON)
    assert (reply.status, content(reply)["reason"]) == (400, "UNKNOWN_OPERATION")
    assert content(reply)["message"].startswith("The sandbox does not do ")


def test_what_stands_in_path_and_query_is_part_of_the_request() -> None:
    receiver = dispatcher(LOBBY)
    path = "/tags/" + urllib.parse.quote(LOBBY, safe="")
    tagged = receiver.reply(HttpRequest("POST", path, signed(), b'{"tags": {"a": "1", "b": "2", "c": "3"}}'), NOON)
    assert (tagged.status, content(tagged)) == (200, {})
    untagged = receiver.reply(HttpRequest("DELETE", path, signed(), b"", "tagKeys=a&tagKeys=%62"), NOON)
    assert (untagged.status, content(untagged)) == (200, {})
    assert untagged.request is not None
    assert untagged.request.params == {"resourceArn": LOBBY, "tagKeys": ["a", "b"]}
    assert content(receiver.reply(HttpRequest("GET", path, signed(), b""), NOON)) == {"tags": {"c": "3"}}


@pytest.mark.parametrize(
    ("query", "code"), [("", "ValidationException"), ("&".join(["tagKeys=a"] * 1001), "SerializationException")]
)
def test_a_query_without_keys_or_with_too_many_is_refused(query: str, code: str) -> None:
    path = "/tags/" + urllib.parse.quote(LOBBY, safe="")
    reply = dispatcher(LOBBY).reply(HttpRequest("DELETE", path, signed(), b"", query), NOON)
    assert (reply.status, reply.headers["x-amzn-ErrorType"]) == (400, code)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("500", 500, "InternalServerException"),
        ("503", 503, "ServiceUnavailable"),
        ("429", 429, "ThrottlingException"),
        ("denied", 403, "AccessDeniedException"),
        ("pending", 403, "PendingVerification"),
        ("expired", 403, "ExpiredTokenException"),
        ("bad-credentials", 403, "UnrecognizedClientException"),
    ],
)
def test_a_fault_is_answered_instead_of_the_call(kind: FaultKind, status: int, code: str) -> None:
    receiver = dispatcher(LOBBY, faults=(kind,))
    reply = receiver.reply(post("/DisconnectUser", kick()), NOON)
    assert (reply.fate, reply.status, reply.headers["x-amzn-ErrorType"]) == ("answer", status, code)
    assert reply.request is not None
    assert (reply.request.status, reply.request.error) == (status, code)
    assert receiver.reply(post("/DisconnectUser", kick()), NOON).status == 200


def test_an_injected_429_is_the_modelled_one() -> None:
    reply = dispatcher(LOBBY, faults=("429",)).reply(post("/DisconnectUser", kick()), NOON)
    assert content(reply).items() >= {"resourceId": "g1H2I3j4k5L6", "resourceType": "ROOM", "limit": 100}.items()


@pytest.mark.parametrize(
    ("kind", "fate", "carried_out"), [("cut", "cut", False), ("cut-after", "cut", True), ("timeout", "hang", False)]
)
def test_a_fault_may_leave_the_call_unanswered(kind: FaultKind, fate: str, carried_out: bool) -> None:
    receiver = dispatcher(LOBBY, faults=(kind,))
    reply = receiver.reply(post("/DeleteRoom", {"identifier": LOBBY}), NOON)
    assert (reply.fate, reply.body) == (fate, b"")
    assert reply.request is not None
    assert (reply.request.status, reply.request.error) == (None, kind)
    again = receiver.reply(post("/GetRoom", {"identifier": LOBBY}), NOON)
    assert again.status == (404 if carried_out else 200)


def test_a_call_that_is_refused_anyway_is_not_cut_after() -> None:
    reply = dispatcher(LOBBY, faults=("cut-after",)).reply(post("/DisconnectUser", kick(room=ABSENT)), NOON)
    assert (reply.fate, reply.status) == ("answer", 404)


def test_an_attempt_that_fails_counts_against_the_quota() -> None:
    receiver = dispatcher(LOBBY, faults=("500",), quota=1)
    assert [receiver.reply(post("/DisconnectUser", kick()), NOON).status for _ in range(2)] == [500, 429]


def identity(body: bytes) -> dict[str, str | None]:
    root = ET.fromstring(body)
    return {element.tag.rpartition("}")[2]: element.text for element in root.iter()}


def form(body: bytes, *, scope_service: str = "sts") -> HttpRequest:
    return HttpRequest("POST", "/", signed(scope_service=scope_service), body)


def test_get_caller_identity_answers_the_account_in_xml() -> None:
    reply = dispatcher().reply(form(b"Action=GetCallerIdentity&Version=2011-06-15"), NOON)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/xml")
    fields = identity(reply.body)
    assert (fields["Account"], fields["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:user/sandbox")
    assert fields["RequestId"] == reply.headers["x-amzn-RequestId"]
    assert reply.request is not None
    assert reply.request.operation == "GetCallerIdentity"


ROLE = "arn:aws:iam::210987654321:role/chat/bans"
ASSUME = f"Action=AssumeRole&RoleArn={ROLE}".encode()
BY_ROLE = "arn:aws:sts::210987654321:assumed-role/bans/ci"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (form(b"Action=AssumeRole%3C%26%0B"), 400, "InvalidAction"),
        (form(b"Action=GetSessionToken"), 400, "InvalidAction"),
        (form(b"Action=AssumeRole"), 400, "ValidationError"),
        (form(b"Action=AssumeRole&RoleSessionName=ci&RoleArn=bans"), 400, "ValidationError"),
        (form(b"Action=AssumeRole&RoleSessionName=ci&RoleArn=arn:aws:iam::1:role/bans"), 400, "ValidationError"),
        (form(ASSUME + b"&RoleSessionName=c"), 400, "ValidationError"),
        (form(ASSUME + b"&RoleSessionName=c%20i"), 400, "ValidationError"),
        (form(ASSUME + b"&RoleSessionName=ci&DurationSeconds=899"), 400, "ValidationError"),
        (form(ASSUME + b"&RoleSessionName=ci&DurationSeconds=43201"), 400, "ValidationError"),
        (form(ASSUME + b"&RoleSessionName=ci&DurationSeconds=%C2%B2000"), 400, "ValidationError"),
        (form(b"\xff"), 400, "InvalidAction"),
        (form(b"", scope_service="ivschat"), 403, "InvalidSignatureException"),
        (HttpRequest("POST", "/", None, b"Action=GetCallerIdentity"), 403, "MissingAuthenticationTokenException"),
    ],
)
def test_what_sts_refuses_it_refuses_in_xml(request_: HttpRequest, status: int, code: str) -> None:
    reply = dispatcher().reply(request_, NOON)
    assert (reply.status, identity(reply.body)["Code"]) == (status, code)


# Roles


def key_of(receiver: Dispatcher, more: bytes = b"", *, now: float = NOON, by: str | None = None) -> str:
    """The access key of a role that is assumed."""
    request = form(ASSUME + b"&RoleSessionName=ci" + more)
    reply = receiver.reply(request if by is None else with_key(by, request), now)
    key = identity(reply.body)["AccessKeyId"]
    assert key is not None
    return key


def with_key(key: str, request: HttpRequest) -> HttpRequest:
    assert request.authorization is not None
    return replace(request, authorization=request.authorization.replace("AKIDEXAMPLE", key))


def test_an_assumed_role_has_credentials_for_an_hour() -> None:
    reply = dispatcher().reply(form(ASSUME + b"&RoleSessionName=ci&Version=2011-06-15&ExternalId=e-7"), NOON)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/xml")
    fields = identity(reply.body)
    assert (fields["Expiration"], fields["Arn"]) == ("2027-01-15T09:00:00.000Z", BY_ROLE)
    assert re.fullmatch(r"\w{16,128}", fields["AccessKeyId"] or "")
    assert reply.request is not None
    assert (reply.request.operation, reply.request.caller) == ("AssumeRole", "arn:aws:iam::123456789012:user/sandbox")
    assert reply.request.params == {"RoleArn": ROLE, "RoleSessionName": "ci", "ExternalId": "e-7"}


def test_whoever_signs_with_them_is_the_role() -> None:
    receiver = dispatcher()
    key = key_of(receiver)
    asked = receiver.reply(with_key(key, form(b"Action=GetCallerIdentity")), NOON)
    fields = identity(asked.body)
    assert (fields["Account"], fields["Arn"]) == ("210987654321", BY_ROLE)
    assert asked.request is not None
    assert asked.request.caller == BY_ROLE
    assert key_of(receiver, by=key) != key  # a role may assume another, or itself


def test_they_expire() -> None:
    receiver = dispatcher(LOBBY)
    key = key_of(receiver, b"&DurationSeconds=900")
    asked = with_key(key, post("/ListRooms", {}))
    assert receiver.reply(asked, NOON + 899).status == 200
    late = receiver.reply(asked, NOON + 900)
    assert (late.status, late.headers["x-amzn-ErrorType"]) == (403, "ExpiredTokenException")
    elsewhere = dispatcher(LOBBY).reply(asked, NOON)
    assert elsewhere.headers["x-amzn-ErrorType"] == "ExpiredTokenException"


def test_a_role_calls_in_its_own_account_alone() -> None:
    own = ABSENT.replace("123456789012", "210987654321")
    receiver = dispatcher(FINALS, own)
    key = key_of(receiver)
    kicked = receiver.reply(with_key(key, post("/DisconnectUser", kick(room=own))), NOON)
    assert kicked.status == 200
    assert kicked.request is not None
    assert kicked.request.caller == BY_ROLE
    for room in (FINALS, ABSENT):
        region = room.split(":")[3]
        refused = receiver.reply(with_key(key, post("/DisconnectUser", kick(room=room), region=region)), NOON)
        assert (refused.status, refused.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
        assert content(refused)["message"] == (
            f"User: {BY_ROLE} is not authorized to perform: ivschat:DisconnectUser on resource: {room} because no"
            " resource-based policy allows the ivschat:DisconnectUser action"
        )
    assert receiver.reply(post("/DisconnectUser", kick(room=own)), NOON).status == 200  # the user, everywhere


def test_a_role_sees_and_makes_the_rooms_of_its_account() -> None:
    own = ABSENT.replace("123456789012", "210987654321")
    receiver = dispatcher(ABSENT, own)
    key = key_of(receiver)
    made = content(receiver.reply(with_key(key, post("/CreateRoom", {"name": "stage"})), NOON))["arn"]
    assert made.split(":")[4] == "210987654321"
    seen = content(receiver.reply(with_key(key, post("/ListRooms", {})), NOON))
    assert [room["arn"] for room in seen["rooms"]] == [made, own]
    everybody = content(receiver.reply(post("/ListRooms", {}), NOON))
    assert [room["arn"] for room in everybody["rooms"]] == [made, own, ABSENT]


def test_a_role_that_is_denied_is_denied_as_on_aws() -> None:
    receiver = Dispatcher(Service(SandboxOptions(deny=(ROLE,)), NOON), Faults(SandboxOptions()))
    reply = receiver.reply(form(ASSUME + b"&RoleSessionName=ci"), NOON)
    assert (reply.status, identity(reply.body)["Code"]) == (403, "AccessDenied")
    assert identity(reply.body)["Message"] == (
        f"User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    )


def test_sessions_are_forgotten_in_the_end() -> None:
    receiver = dispatcher(LOBBY)
    first = key_of(receiver)
    for _ in range(identities.KEPT - 1):
        last = key_of(receiver)
    asked = post("/ListRooms", {})
    assert [receiver.reply(with_key(key, asked), NOON).status for key in (first, last)] == [200, 200]
    key_of(receiver)
    assert [receiver.reply(with_key(key, asked), NOON).status for key in (first, last)] == [403, 200]


def test_a_line_of_the_log_is_json_with_the_parameters_exactly() -> None:
    params = kick("😀\u202e\n\x1b[31m", reason="é")
    request = dispatcher(LOBBY).reply(post("/DisconnectUser", params), NOON + 0.25).request
    assert request is not None
    line = log_line(request)
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": "2027-01-15T08:00:00.250Z",
        "operation": "DisconnectUser",
        "region": REGION,
        "params": params,
        "status": 200,
        "error": None,
        "request_id": request.request_id,
        "caller": "arn:aws:iam::123456789012:user/sandbox",
    }


@settings(deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "X"]),
    path=st.sampled_from(["/", "/DisconnectUser", "/CreateRoom", "/ListRooms", "/SendEvent", "/CreateChatToken"])
    | st.sampled_from(["/tags/x", "/tags/%zz%", "/tags/" + LOBBY])
    | st.text(),
    authorization=st.sampled_from([signed(), signed(scope_service="sts"), None]) | st.text(),
    body=st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(
            ["roomIdentifier", "userId", "tags", "nextToken", "messageReviewHandler", "attributes", "eventName"]
        ),
        st.text() | st.just(LOBBY) | st.floats() | st.dictionaries(st.text(), st.none() | st.text()),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_nothing_that_arrives_goes_unanswered(method: str, path: str, authorization: str | None, body: bytes) -> None:
    reply = dispatcher(LOBBY).reply(HttpRequest(method, path, authorization, body), NOON)
    assert reply.fate == "answer"
    assert 200 <= reply.status < 500
    assert reply.request is None or json.loads(log_line(reply.request))
    for name, value in reply.headers.items():
        assert (name + value).isprintable()


def test_the_longest_body_is_64_kib() -> None:
    assert MAX_BODY == 65536
