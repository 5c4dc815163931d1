import contextlib
from typing import Any

import pytest

from reconciler.sandbox.feed import KEPT_EVENTS, MOST_WATCHERS, Feed, Watcher
from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.request import Request, timestamp
from reconciler.sandbox.service import Service

from .builders import ALL_CAPABILITIES, LOBBY, NOON, REGION, Client, kick


class Watching:
    """A watcher, and how often it was woken."""

    def __init__(self, feed: Feed) -> None:
        self.woken = 0
        self.watcher = Watcher(self._wake)
        feed.add(self.watcher)

    def _wake(self) -> None:
        self.woken += 1

    def events(self) -> list[Any]:
        return self.watcher.take()[0]


def request(params: dict[str, Any], status: int | None = 200, error: str | None = None) -> Request:
    return Request(timestamp(NOON), "DisconnectUser", REGION, params, status, error, "r1")


def test_it_tells_what_happens_in_a_room() -> None:
    feed = Feed()
    chat = Service(SandboxOptions(rooms=(LOBBY,)), NOON, None, feed)
    watching = Watching(feed)
    zed = Client(chat, "zed", "SEND_MESSAGE")
    zed.say("hi", Attributes={"a": "b"})
    zed.ask({"Action": "DELETE_MESSAGE", "Id": "AbCdEf123456"})
    chat.carry_out("DisconnectUser", REGION, kick("zed", reason="rude"), NOON)
    joined, message, error, event, left = watching.events()
    assert joined == {"kind": "joined", "room": LOBBY, "user": "zed"}
    assert message == {
        "kind": "message",
        "room": LOBBY,
        "user": "zed",
        "content": "hi",
        "id": message["id"],
        "attributes": {"a": "b"},
    }
    assert error == {
        "kind": "error",
        "room": LOBBY,
        "user": "zed",
        "code": 403,
        "message": "The chat token does not have the capability DELETE_MESSAGE",
    }
    assert (event["kind"], event["name"]) == ("event", "aws:DISCONNECT_USER")
    assert event["attributes"] == {"UserId": "zed", "Reason": "rude"}
    assert left == {"kind": "left", "room": LOBBY, "user": "zed"}


def test_it_tells_of_each_client_that_it_left_once() -> None:
    feed = Feed()
    chat = Service(SandboxOptions(rooms=(LOBBY,)), NOON, None, feed)
    watching = Watching(feed)
    zed = Client(chat, "zed", *ALL_CAPABILITIES)
    zed.ask({"Action": "DISCONNECT_USER", "UserId": "zed"})
    chat.messaging.leave(zed.connection)
    assert [event["kind"] for event in watching.events()] == ["joined", "event", "left"]


def test_it_tells_of_a_call_before_what_that_brings_about() -> None:
    feed = Feed()
    chat = Service(SandboxOptions(rooms=(LOBBY,)), NOON, None, feed)
    Client(chat, "zed")
    watching = Watching(feed)
    with feed.during_call():
        chat.carry_out("DisconnectUser", REGION, kick("zed"), NOON)
        feed.called(request(kick("zed")))
    feed.refused(401, "why")
    assert [event["kind"] for event in watching.events()] == ["call", "event", "left", "refused"]


def test_it_loses_nothing_that_a_call_brought_about_before_it_failed() -> None:
    feed = Feed()
    watching = Watching(feed)
    with contextlib.suppress(OSError), feed.during_call():
        feed.joined(LOBBY, "zed")
        raise OSError("full")
    assert [event["kind"] for event in watching.events()] == ["joined"]


def test_a_search_sees_rooms_that_are_made_later() -> None:
    feed = Feed()
    chat = Service(SandboxOptions(rooms=(LOBBY,)), NOON, None, feed)
    watcher = Watching(feed).watcher
    watcher.overview.look_for("stage")
    assert watcher.overview.of(chat.rooms, chat.messaging.connections)["rooms"] == []
    chat.carry_out("CreateRoom", REGION, {"name": "stage"}, NOON)
    feed.rooms_changed()
    assert len(watcher.overview.of(chat.rooms, chat.messaging.connections)["rooms"]) == 1


def test_it_tells_of_a_call_whom_it_is_about_and_what_became_of_it() -> None:
    feed = Feed()
    watching = Watching(feed)
    feed.called(request(kick("zed", reason="rude"), status=None, error="cut"))
    assert watching.events() == [
        {
            "kind": "call",
            "operation": "DisconnectUser",
            "region": REGION,
            "room": LOBBY,
            "user": "zed",
            "rest": '{"reason": "rude"}',
            "status": None,
            "error": "cut",
            "request_id": "r1",
        }
    ]


@pytest.mark.parametrize(
    ("params", "room", "user"),
    [
        ({"identifier": LOBBY}, LOBBY, ""),
        ({"resourceArn": LOBBY}, LOBBY, ""),
        ({"roomIdentifier": [], "userId": {"a": 1}}, "", ""),
        ({"roomIdentifier": "x" * 60_000, "userId": "y" * 60_000}, "x" * 300, "y" * 300),
    ],
)
def test_whatever_a_call_says_what_is_told_of_it_is_short(params: dict[str, Any], room: str, user: str) -> None:
    feed = Feed()
    watching = Watching(feed)
    feed.called(request(params | {"padding": ["x" * 60_000]}))
    (call,) = watching.events()
    assert (call["room"], call["user"], len(call["rest"])) == (room, user, 301)


def test_a_call_as_deep_as_json_goes_is_told_too() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    feed = Feed()
    watching = Watching(feed)
    feed.called(request({"deep": deep}))
    assert watching.events()[0]["rest"] == "…"
    while deep:  # Python would free it recursively
        deep = deep.pop()


def test_a_watcher_is_woken_once_until_it_takes_what_is_new() -> None:
    feed = Feed()
    watching = Watching(feed)
    assert watching.woken == 1
    assert watching.watcher.take() == ([], 0, True)
    feed.joined(LOBBY, "zed")
    feed.left(LOBBY, "zed")
    assert watching.woken == 2
    events, missed, has_new_overview = watching.watcher.take()
    assert (len(events), missed, has_new_overview) == (2, 0, True)
    assert watching.watcher.take() == ([], 0, False)


def test_what_a_watcher_is_too_slow_for_is_counted() -> None:
    feed = Feed()
    watching = Watching(feed)
    for number in range(KEPT_EVENTS + 7):
        feed.refused(number, "why")
    events, missed, _ = watching.watcher.take()
    assert ([event["code"] for event in events], missed) == (list(range(7, KEPT_EVENTS + 7)), 7)
    feed.refused(0, "why")
    assert watching.watcher.take()[:2] == ([{"kind": "refused", "code": 0, "message": "why"}], 0)


def test_it_tells_nothing_to_whoever_watches_no_more() -> None:
    feed = Feed()
    watching = Watching(feed)
    watching.watcher.take()
    feed.remove(watching.watcher)
    feed.joined(LOBBY, "zed")
    feed.reset()
    assert watching.watcher.take() == ([], 0, False)


def test_it_is_full_at_last() -> None:
    feed = Feed()
    for _ in range(MOST_WATCHERS):
        assert not feed.is_full
        Watching(feed)
    assert feed.is_full
