from typing import Any

import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox.model import check, operation_at, service_model

from .builders import HANDLER, LOBBY, LOGGING, kick


def names(operation: str, params: dict[str, Any]) -> list[str]:
    return [problem.name for problem in check(operation, params)]


def message(operation: str, params: dict[str, Any]) -> str:
    (problem,) = check(operation, params)
    return problem.message


def test_the_contract_is_the_version_of_the_model_that_the_documentation_names() -> None:
    assert service_model().api_version == "2020-07-14"


@pytest.mark.parametrize(
    "user_id", ["a", "x" * 128, "😀" * 128, "e\u0301", "\u202eabc", "\x00", " ", "00123", "line\nbreak", "ÅÅ"]
)
def test_any_text_of_1_to_128_characters_is_a_user_id(user_id: str) -> None:
    assert check("DisconnectUser", kick(user_id)) == []


@pytest.mark.parametrize("user_id", ["", "x" * 129, "😀" * 129])
def test_a_user_id_is_counted_in_code_points(user_id: str) -> None:
    assert message("DisconnectUser", kick(user_id)) == (
        f"Value with length {len(user_id)} at 'userId' failed to satisfy constraint: "
        "Member must have length between 1 and 128, inclusive"
    )


def test_text_that_utf_8_can_not_write_is_no_user_id() -> None:
    assert message("DisconnectUser", kick("\ud83d")).endswith("Member must be UTF-8 text")


@pytest.mark.parametrize("value", [1, True, 1.5, [], {}, ["zed"]])
def test_a_user_id_of_another_json_type_is_refused(value: object) -> None:
    assert message("DisconnectUser", {"roomIdentifier": LOBBY, "userId": value}).endswith("Member must be a string")


@pytest.mark.parametrize(("reason", "wrong"), [("r", []), ("r" * 256, []), ("", ["reason"]), ("r" * 257, ["reason"])])
def test_a_reason_has_1_to_256_characters(reason: str, wrong: list[str]) -> None:
    assert names("DisconnectUser", kick(reason=reason)) == wrong


@pytest.mark.parametrize(
    "arn",
    [
        "lobby",
        LOBBY + "\n",
        " " + LOBBY,
        LOBBY + "/x",
        LOBBY.replace("aws", "aws-cn", 1),
        LOBBY.replace(":room/", ":logging-configuration/"),
        "arn:aws:ivschat:us-west-2::room/g1H2I3j4k5L6",
        "arn:aws:ivschat:us-west-2:१२३:room/g1H2I3j4k5L6",
    ],
)
def test_a_room_is_named_by_an_arn_that_matches_from_end_to_end(arn: str) -> None:
    assert "Member must satisfy regular expression pattern: arn:aws:ivschat:" in message(
        "DisconnectUser", kick(room=arn)
    )


def test_an_arn_has_at_most_128_characters() -> None:
    assert "Value with length 129" in message("DisconnectUser", kick(room=LOBBY.ljust(129, "x")))


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert names("DisconnectUser", {"roomIdentifier": "x", "reason": ""}) == ["roomIdentifier", "userId", "reason"]


def test_null_is_the_same_as_an_absent_member() -> None:
    assert check("DisconnectUser", kick(reason=None)) == []
    assert message("DisconnectUser", {"roomIdentifier": LOBBY, "userId": None}) == (
        "Value at 'userId' failed to satisfy constraint: Member must not be null"
    )


def test_members_the_model_does_not_know_are_ignored() -> None:
    assert check("DisconnectUser", kick(colour=object())) == []


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "Member must be between 1 and 50, inclusive"),
        (51, "Member must be between 1 and 50, inclusive"),
        (True, "Member must be an integer"),
        (2.0, "Member must be an integer"),
        ("2", "Member must be an integer"),
    ],
)
def test_a_page_has_1_to_50_rooms(value: object, says: str) -> None:
    assert message("ListRooms", {"maxResults": value}).endswith(says)
    assert check("ListRooms", {"maxResults": 50}) == []


def test_a_whole_room_is_checked_member_by_member() -> None:
    good = {
        "name": "lobby-1_a",
        "maximumMessageRatePerSecond": 100,
        "maximumMessageLength": 1,
        "messageReviewHandler": {"uri": HANDLER, "fallbackResult": "DENY"},
        "tags": {"team": "safety", "empty": ""},
        "loggingConfigurationIdentifiers": [LOGGING] * 3,
    }
    assert check("CreateRoom", good) == []
    assert names(
        "CreateRoom",
        {
            "name": "no spaces",
            "messageReviewHandler": {"uri": "https://example.com", "fallbackResult": "MAYBE"},
            "tags": {"": "x", "key": "v" * 257},
            "loggingConfigurationIdentifiers": [LOGGING, "x", LOGGING, LOGGING],
        },
    ) == [
        "name",
        "messageReviewHandler.uri",
        "messageReviewHandler.fallbackResult",
        "tags.key",
        "tags.value",
        "loggingConfigurationIdentifiers",
        "loggingConfigurationIdentifiers[1]",
    ]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"tags": []}, "Member must be an object"),
        ({"messageReviewHandler": "x"}, "Member must be an object"),
        ({"loggingConfigurationIdentifiers": {}}, "Member must be a list"),
        ({"tags": {str(number): "" for number in range(51)}}, "Member must have length between 0 and 50, inclusive"),
        ({"messageReviewHandler": {"fallbackResult": "x"}}, "Member must satisfy enum value set: [ALLOW, DENY]"),
    ],
)
def test_collections_and_enumerations_are_checked(params: dict[str, Any], says: str) -> None:
    assert message("CreateRoom", params).endswith(says)


def test_a_long_text_is_not_held_against_a_pattern() -> None:
    """The pattern of a Lambda ARN takes quadratic time over a text with a newline at its end."""
    uri = HANDLER + "x" * 60_000 + "\n"
    assert "Value with length" in message("ListRooms", {"messageReviewHandlerUri": uri})


def test_every_operation_of_the_model_has_its_route_and_its_check() -> None:
    for name in service_model().operation_names:
        http = service_model().operation_model(name).http
        path = http["requestUri"].replace("{resourceArn}", "arn%3Aaws%3Aivschat")
        assert operation_at(http["method"], path) == name
        check(name, {})
    assert operation_at("GET", "/DisconnectUser") is None
    assert operation_at("POST", "/DisconnectUser/") is None


def accepted(shape: Shape) -> st.SearchStrategy[Any]:
    """JSON values of about the right form."""
    if isinstance(shape, StructureShape):
        return st.fixed_dictionaries({}, optional={name: accepted(member) for name, member in shape.members.items()})
    if isinstance(shape, MapShape):
        return st.dictionaries(st.text(max_size=3), accepted(shape.value), max_size=3)
    if isinstance(shape, ListShape):
        return st.lists(accepted(shape.member), max_size=5)
    if shape.type_name == "integer":
        return st.integers(-5, 600)
    return st.one_of(st.text(max_size=5), st.just(LOBBY), st.just(1))


@pytest.mark.parametrize(
    "operation",
    [
        *("CreateChatToken", "CreateRoom", "DeleteMessage", "DeleteRoom", "DisconnectUser", "GetRoom", "ListRooms"),
        *("SendEvent", "UpdateRoom"),
    ],
)
@settings(deadline=None)
@given(data=st.data())
def test_what_botocore_itself_refuses_to_send_is_refused(operation: str, data: st.DataObject) -> None:
    shape = service_model().operation_model(operation).input_shape
    assert shape is not None
    params = data.draw(accepted(shape))
    if ParamValidator().validate(params, shape).has_errors():
        assert check(operation, params)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["roomIdentifier", "userId", "reason", "other"]), json_values))
def test_any_json_at_all_gets_an_answer(params: dict[str, Any]) -> None:
    check("DisconnectUser", params)
    check("CreateRoom", {"tags": params, "messageReviewHandler": params})
