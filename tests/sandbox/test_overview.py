from typing import Any

from reconciler.sandbox.options import SandboxOptions
from reconciler.sandbox.overview import SHOWN_ROOMS, SHOWN_USERS, Overview
from reconciler.sandbox.service import Service

from .builders import FINALS, LOBBY, NOON, REGION, Client, service


def seen(chat: Service, text: str = "", overview: Overview | None = None) -> dict[str, Any]:
    overview = overview or Overview()
    overview.look_for(text)
    return overview.of(chat.rooms, chat.messaging.connections)


def arns(overview: dict[str, Any]) -> list[str]:
    return [room["arn"] for room in overview["rooms"]]


def test_it_has_every_room_in_order_and_who_is_there_how_often() -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY, FINALS), room_names={FINALS: "finals"}), NOON)
    for user in ("zed", "amy", "zed"):
        Client(chat, user, room=FINALS)
    assert seen(chat) == {
        "search": "",
        "rooms": [
            {"arn": LOBBY, "name": "", "connections": 0, "users": [], "more": 0},
            {"arn": FINALS, "name": "finals", "connections": 3, "users": [("zed", 2), ("amy", 1)], "more": 0},
        ],
        "matching": 2,
        "all": 2,
        "connections": 3,
    }


def test_of_many_rooms_it_shows_those_with_somebody_in_them_and_counts_the_rest() -> None:
    chat = Service(SandboxOptions(more_rooms=3000), NOON)
    last = chat.rooms.arns[-1]
    Client(chat, "zed", room=last)
    overview = seen(chat)
    assert arns(overview) == [last, *chat.rooms.arns[: SHOWN_ROOMS - 1]]
    assert (overview["matching"], overview["all"]) == (3000, 3000)


def test_of_many_users_it_names_some_and_counts_the_connections_of_the_others() -> None:
    chat = service(LOBBY)
    for number in range(300):
        Client(chat, f"u{number}")
    (room,) = seen(chat)["rooms"]
    assert (len(room["users"]), room["connections"], room["more"]) == (SHOWN_USERS, 300, 300 - SHOWN_USERS)


def test_a_search_finds_rooms_by_name_and_by_arn_in_whichever_case() -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY, FINALS), room_names={LOBBY: "Lobby"}), NOON)
    assert arns(seen(chat, "lOBB")) == [LOBBY]
    assert arns(seen(chat, "ABCDEF")) == [FINALS]
    assert seen(chat, "nothing")["rooms"] == []
    assert seen(chat, "nothing")["all"] == 2


def test_a_search_finds_a_user_among_many_and_shows_no_others_of_the_room() -> None:
    chat = service(LOBBY, FINALS)
    for number in range(300):
        Client(chat, f"u{number}")
    Client(chat, "Zed")
    overview = seen(chat, "zed")
    assert overview["rooms"] == [{"arn": LOBBY, "name": "", "connections": 301, "users": [("Zed", 1)], "more": 300}]
    assert overview["matching"] == 1


def test_a_room_that_is_found_by_its_name_shows_its_users() -> None:
    chat = Service(SandboxOptions(rooms=(LOBBY,), room_names={LOBBY: "zed-fans"}), NOON)
    Client(chat, "amy")
    Client(chat, "zed")
    (room,) = seen(chat, "zed")["rooms"]
    assert room["users"] == [("amy", 1), ("zed", 1)]


def test_a_search_of_many_rooms_shows_some_and_counts_all() -> None:
    chat = Service(SandboxOptions(more_rooms=300), NOON)
    overview = seen(chat, "room-1")  # and room-10 to 19, and room-100 to 199
    assert (len(overview["rooms"]), overview["matching"]) == (SHOWN_ROOMS, 111)


def test_a_search_knows_of_new_rooms_once_it_is_told_to_forget() -> None:
    chat = service(LOBBY)
    overview = Overview()
    assert seen(chat, "stage", overview)["matching"] == 0
    chat.carry_out("CreateRoom", REGION, {"name": "stage"}, NOON)
    overview.forget()
    assert overview.of(chat.rooms, chat.messaging.connections)["matching"] == 1


def test_a_search_leaves_out_a_room_that_was_deleted() -> None:
    chat = service(LOBBY)
    overview = Overview()
    assert arns(seen(chat, "room", overview)) == [LOBBY]
    chat.carry_out("DeleteRoom", REGION, {"identifier": LOBBY}, NOON)
    assert overview.of(chat.rooms, chat.messaging.connections)["rooms"] == []
