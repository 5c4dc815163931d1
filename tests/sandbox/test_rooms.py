from typing import Any

import pytest

from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.rooms import Rooms

from .builders import HANDLER, LOBBY, LOGGING, NOON, REGION


def rooms(**settings: Any) -> Rooms:
    """The lobby, with these settings."""
    made = Rooms("123456789012", 0)
    made.add(LOBBY, NOON, settings)
    return made


def update(of: Rooms, now: float = NOON + 60, **changes: Any) -> dict[str, Any]:
    body = of.update(REGION, {"identifier": LOBBY, **changes}, now).body
    assert body is not None
    return body


def tags(of: Rooms) -> Any:
    body = of.list_tags(REGION, {"resourceArn": LOBBY}, NOON).body
    assert body is not None
    return body["tags"]


def test_an_update_changes_what_it_names_and_the_time() -> None:
    lobby = rooms(name="lobby", maximumMessageLength=200, tags={"team": "safety"})
    assert update(lobby, maximumMessageRatePerSecond=50, loggingConfigurationIdentifiers=[LOGGING], name=None) == {
        "arn": LOBBY,
        "id": "g1H2I3j4k5L6",
        "name": "lobby",
        "createTime": "2027-01-15T08:00:00.000Z",
        "updateTime": "2027-01-15T08:01:00.000Z",
        "maximumMessageRatePerSecond": 50,
        "maximumMessageLength": 200,
        "tags": {"team": "safety"},
        "loggingConfigurationIdentifiers": [LOGGING],
    }


def test_an_empty_uri_takes_the_message_review_handler_away() -> None:
    lobby = rooms()
    assert update(lobby, messageReviewHandler={"uri": HANDLER})["messageReviewHandler"] == {
        "uri": HANDLER,
        "fallbackResult": "ALLOW",
    }
    assert "messageReviewHandler" not in update(lobby, messageReviewHandler={"uri": ""})


def test_an_updated_room_is_listed_first() -> None:
    lobby = rooms()
    newer = lobby.create(REGION, {}, NOON + 1).body
    assert newer is not None

    def listed() -> list[str]:
        body = lobby.page(REGION, {}, NOON).body
        assert body is not None
        return [room["arn"] for room in body["rooms"]]

    assert listed() == [newer["arn"], LOBBY]
    update(lobby)
    assert listed() == [LOBBY, newer["arn"]]
    assert lobby.arns == (LOBBY, newer["arn"])


def test_a_room_that_is_updated_meanwhile_is_missed_by_the_pages_that_follow() -> None:
    lobby = rooms()
    for second in range(3):
        lobby.create(REGION, {}, NOON + second)
    first = lobby.page(REGION, {"maxResults": 2}, NOON).body
    assert first is not None
    update(lobby)
    second_page = lobby.page(REGION, {"nextToken": first["nextToken"]}, NOON).body
    assert second_page is not None
    assert LOBBY not in [room["arn"] for room in second_page["rooms"]]


def test_tags_are_added_replaced_and_taken_away() -> None:
    lobby = rooms(tags={"a": "1", "b": "2"})
    lobby.tag(REGION, {"resourceArn": LOBBY, "tags": {"b": "3", "c": ""}}, NOON)
    assert tags(lobby) == {"a": "1", "b": "3", "c": ""}
    lobby.untag(REGION, {"resourceArn": LOBBY, "tagKeys": ["a", "never there"]}, NOON)
    assert tags(lobby) == {"b": "3", "c": ""}


def test_a_room_has_at_most_50_tags() -> None:
    lobby = rooms(tags={str(number): "" for number in range(49)})
    lobby.tag(REGION, {"resourceArn": LOBBY, "tags": {"50": ""}}, NOON)
    with pytest.raises(ServiceError, match="A resource has at most 50 tags"):
        lobby.tag(REGION, {"resourceArn": LOBBY, "tags": {"51": ""}}, NOON)
    assert len(tags(lobby)) == 50


@pytest.mark.parametrize("key", ["aws:x", "AWS:x"])
def test_a_tag_that_aws_keeps_to_itself_is_refused(key: str) -> None:
    with pytest.raises(ServiceError, match="must not begin with 'aws:'"):
        rooms().tag(REGION, {"resourceArn": LOBBY, "tags": {key: ""}}, NOON)
    with pytest.raises(ServiceError, match="must not begin with 'aws:'"):
        rooms().create(REGION, {"tags": {key: ""}}, NOON)
