"""What happens in a sandbox, told to those who watch.

Pure: a watcher is woken, and takes what is new when it can send it. Nothing is noted while nobody watches, and of what
a watcher is too slow for, the oldest is counted and forgotten.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reconciler.sandbox.overview import Overview
from reconciler.sandbox.request import Request

MOST_WATCHERS = 20
"""How many may watch at once."""

KEPT_EVENTS = 200
"""How many events wait for a watcher at most."""

_LONGEST_TEXT = 300
"""Characters of what a request says that are told."""

_ROOM = ("roomIdentifier", "identifier", "resourceArn")  # what the operations call a room


class Watcher:
    """Somebody who watches.

    Args:
        wake: called when there is something to take, once until it has been taken, from any thread.

    Attributes:
        overview: what the watcher sees of the rooms.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self.overview = Overview()
        self._wake = wake
        self._events: deque[Mapping[str, Any]] = deque(maxlen=KEPT_EVENTS)
        self._missed = 0
        self._has_new_overview = False
        self._is_awake = False

    def tell(self, event: Mapping[str, Any]) -> None:
        """Something happened."""
        if len(self._events) == KEPT_EVENTS:
            self._missed += 1
        self._events.append(event)
        self._rouse()

    def renew(self) -> None:
        """The overview has changed."""
        self._has_new_overview = True
        self._rouse()

    def take(self) -> tuple[list[Mapping[str, Any]], int, bool]:
        """The events since the last time, how many before them were forgotten, and whether the overview changed."""
        taken = list(self._events), self._missed, self._has_new_overview
        self._events.clear()
        self._missed, self._has_new_overview, self._is_awake = 0, False, False
        return taken

    def _rouse(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            self._wake()


class Feed:
    """Takes what happens to whoever watches. Not thread-safe.

    An event is a JSON object with its `kind`: `call`, `joined`, `left`, `message`, `event`, `error` (which a client in
    a room was answered), `refused` (a client that was not let in) or `reset`. None of them has a token in it.
    """

    def __init__(self) -> None:
        self._watchers: dict[Watcher, None] = {}
        self._held: list[Mapping[str, Any]] | None = None

    @property
    def is_full(self) -> bool:
        """Whether as many watch as may."""
        return len(self._watchers) >= MOST_WATCHERS

    def add(self, watcher: Watcher) -> None:
        """Tell this watcher too, and first what there is."""
        self._watchers[watcher] = None
        watcher.renew()

    def remove(self, watcher: Watcher) -> None:
        """Tell it nothing more."""
        self._watchers.pop(watcher, None)

    @contextmanager
    def during_call(self) -> Iterator[None]:
        """While the API carries out a call: what that brings about is told after `called`, cause before effect."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
            for event in held:
                self._tell(event)

    def called(self, request: Request) -> None:
        """The API was called."""
        if self._watchers:
            self._tell_now(
                {
                    "kind": "call",
                    "operation": request.operation,
                    "region": request.region,
                    "room": next((text for name in _ROOM if (text := _text(request.params.get(name)))), ""),
                    "user": _text(request.params.get("userId")),
                    "rest": _rest(request.params),
                    "status": request.status,
                    "error": request.error,
                    "request_id": request.request_id,
                }
            )

    def joined(self, room_arn: str, user_id: str) -> None:
        """A client is let into a room."""
        self._moved("joined", room_arn, user_id)

    def left(self, room_arn: str, user_id: str) -> None:
        """A client is in a room no more."""
        self._moved("left", room_arn, user_id)

    def received(self, room_arn: str, entity: Mapping[str, Any]) -> None:
        """A room receives a message or an event (`frames.message_entity`, `frames.event_entity`)."""
        if self._watchers:
            told = {"room": room_arn, "id": entity["Id"], "attributes": entity["Attributes"]}
            if entity["Type"] == "MESSAGE":
                what = {"kind": "message", "user": entity["Sender"]["UserId"], "content": entity["Content"]}
            else:
                what = {"kind": "event", "name": entity["EventName"]}
            self._tell(what | told)

    def answered_error(self, room_arn: str, user_id: str, code: int, message: str) -> None:
        """A client in a room asked for what it does not get."""
        if self._watchers:
            self._tell({"kind": "error", "room": room_arn, "user": user_id, "code": code, "message": message})

    def refused(self, status: int, message: str) -> None:
        """A client with a bad token is not let in."""
        if self._watchers:
            self._tell({"kind": "refused", "code": status, "message": message})

    def rooms_changed(self) -> None:
        """There are other rooms than before, or they have other names."""
        for watcher in self._watchers:
            watcher.overview.forget()
            watcher.renew()

    def reset(self) -> None:
        """The sandbox begins again."""
        self._tell({"kind": "reset"})
        self.rooms_changed()

    def _moved(self, kind: str, room_arn: str, user_id: str) -> None:
        if self._watchers:
            self._tell({"kind": kind, "room": room_arn, "user": user_id})
            for watcher in self._watchers:
                watcher.renew()

    def _tell(self, event: Mapping[str, Any]) -> None:
        if self._held is not None:
            self._held.append(event)
        else:
            self._tell_now(event)

    def _tell_now(self, event: Mapping[str, Any]) -> None:
        for watcher in self._watchers:
            watcher.tell(event)


def _text(value: object) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _rest(params: Mapping[str, object]) -> str:
    """What else a request says, as JSON for people to read: cut if it is long, so not always well-formed."""
    others = {
        name: value for name, value in params.items() if name not in (*_ROOM, "userId") and value not in (None, {}, [])
    }
    if not others:
        return ""
    try:
        text = json.dumps(others, ensure_ascii=False)
    except RecursionError:
        return "…"
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
