"""`reconciler rooms`: the rooms of the account, and which of them the list names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.loopback import serving
from tests.command_line import FINALS, Reconciler
from tests.hostile import TEXTS

HERE = "us-west-2"
ROOM = f"arn:aws:ivschat:{HERE}:123456789012:room/"


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with running(SandboxOptions(quota=0, room_quota=0)) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        yield sandbox


def create(sandbox: Sandbox, name: str = "", *, region: str = HERE, handler: str | None = None) -> str:
    client = boto3.client("ivschat", region_name=region, endpoint_url=sandbox.url)
    more: dict[str, Any] = {"messageReviewHandler": {"uri": handler, "fallbackResult": "DENY"}} if handler else {}
    arn = client.create_room(name=name, **more)["arn"]
    client.close()
    return arn


def write(rooms: dict[str, str], more: str = "") -> None:
    named = "".join(f"  {name}: {arn}\n" for name, arn in rooms.items())
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n{named}{more}bans: []\n")


def test_each_room_says_how_the_list_means_it(reconciler: Reconciler, sandbox: Sandbox) -> None:
    lobby, game = create(sandbox, "Main-stage"), create(sandbox, "game-1")
    other, both = create(sandbox), create(sandbox, "game-2")
    gone, foreign = f"{ROOM}gone00000000", f"arn:aws:ivschat:{HERE}:999999999999:room/foreign00000"
    rooms = {"lobby": lobby, "both": both, "gone": gone, "foreign": foreign}
    write(rooms, f"discover: [{{region: {HERE}, name_prefix: game-}}]\n")
    result = reconciler("rooms")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "NAME         ARN                                                        IN bans.yaml\n"
        f"(no name)    {other}   not listed\n"
        f"Main-stage   {lobby}   lobby\n"
        f"             {foreign}   foreign: in another account\n"
        f"game-1       {game}   discover[0]\n"
        f"game-2       {both}   both, discover[0]\n"
        f"             {gone}   gone: there is no such room\n"
        "\n"
        "4 rooms of account 123456789012 in us-west-2: 2 in bans.yaml, 1 found by discover, 1 not listed.\n"
        "1 room in bans.yaml does not exist: nobody can be banned there.\n"
        "1 room in bans.yaml belongs to an account whose rooms these credentials do not show.\n"
    )


def test_programs_get_all_of_it(reconciler: Reconciler, sandbox: Sandbox) -> None:
    handler = "arn:aws:lambda:us-west-2:123456789012:function:review"
    lobby, gone = create(sandbox, "Main-stage", handler=handler), f"{ROOM}gone00000000"
    write({"lobby": lobby, "gone": gone}, f"discover: [{{region: {HERE}, name_prefix: x}}, {{region: {HERE}}}]\n")
    assert json.loads(reconciler("rooms", "--format", "json").out) == {
        "format_version": 1,
        "regions": [HERE],
        "rooms": [
            {
                "room_arn": lobby,
                "name": "Main-stage",
                "exists": True,
                "listed_as": "lobby",
                "discovered_by": [1],
                "review_handler": {"uri": handler, "fallback_result": "DENY"},
            },
            {
                "room_arn": gone,
                "name": None,
                "exists": False,
                "listed_as": "gone",
                "discovered_by": [],
                "review_handler": None,
            },
        ],
    }


def test_where_no_room_is_shown_nobody_can_say_that_one_is_gone(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write({"lobby": f"{ROOM}lobby0000000"})
    assert json.loads(reconciler("rooms", "--format", "json").out)["rooms"][0]["exists"] is None
    assert reconciler("rooms").out.endswith(
        "\n0 rooms in us-west-2.\n"
        "1 room in bans.yaml belongs to an account whose rooms these credentials do not show.\n"
    )


def test_it_looks_where_the_list_has_rooms_and_where_it_discovers_some(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write({"finals": FINALS}, "discover: [{region: us-east-1}]\n")
    create(sandbox, "east", region="us-east-1")
    assert "1 room of account 123456789012 in eu-west-1 and us-east-1: 1 found by discover." in reconciler("rooms").out
    assert {request.region for request in sandbox.requests} >= {"eu-west-1", "us-east-1"}


def test_region_goes_before_the_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write({"finals": FINALS})
    assert reconciler("rooms", "--region", HERE).out == "0 rooms in us-west-2.\n"


def test_without_a_list_it_shows_the_rooms(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").unlink()
    arn = create(sandbox, "one")
    monkeypatch.setenv("AWS_DEFAULT_REGION", HERE)
    assert f"\none    {arn}   not listed\n" in reconciler("rooms").out
    assert reconciler("rooms", "-f", "no.yaml").code == 1


def test_without_a_region_it_says_how_to_name_one(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write({})
    result = reconciler("rooms")
    assert (result.code, sandbox.requests) == (1, ())
    assert "Name one, such as --region us-west-2" in result.err


def test_of_many_rooms_those_are_shown_that_need_a_look(reconciler: Reconciler, credentials: None) -> None:
    gone = {f"gone{number}": f"{ROOM}gone{number:08}" for number in range(3)}
    with running(SandboxOptions(more_rooms=150, room_quota=0)) as sandbox:
        client = boto3.client("ivschat", region_name=HERE, endpoint_url=sandbox.url)
        named = {room["name"]: room["arn"] for room in client.list_rooms(maxResults=50)["rooms"]}
        client.close()
        write(named | gone)
        shown = reconciler("rooms", "--endpoint-url", sandbox.url)
        whole = reconciler("rooms", "--endpoint-url", sandbox.url, "--all")
    assert shown.out.count(": there is no such room\n") == 3
    assert shown.out.count("   not listed\n") == 97
    assert "\n100 of 153 rooms are shown; --all shows every one.\n\n150 rooms of account" in shown.out
    assert len(whole.out.splitlines()) == 1 + 153 + 1 + 2


def test_names_of_any_kind_are_shown_as_text(reconciler: Reconciler, credentials: None) -> None:
    rooms = [{"arn": f"{ROOM}{number:012}", "name": name} for number, name in enumerate([*TEXTS[:48], "x" * 100_000])]

    def answer(*_request: object) -> tuple[int, object]:
        return 200, {"rooms": rooms}

    write({"lobby": f"{ROOM}lobby0000000"})
    with serving(answer) as url:
        text = reconciler("rooms", "--endpoint-url", url).out
        plain = reconciler("rooms", "--endpoint-url", url, "--format", "json").out
    assert len(text.splitlines()) == 1 + 50 + 3
    assert len(text) < 20_000
    assert all(character.isprintable() or character == "\n" for character in text + plain)
    assert {row["name"] for row in json.loads(plain)["rooms"]} == {*TEXTS[:48], "x" * 128, None}


def test_a_service_that_says_no_is_an_error(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.fault("denied")
    write({"lobby": f"{ROOM}lobby0000000"})
    result = reconciler("rooms")
    assert (result.code, result.out) == (1, "")
    assert "Allow ivschat:ListRooms in us-west-2 in their policy." in result.err
    failed = reconciler("rooms", "--format", "json")
    assert json.loads(failed.out)["diagnostics"][0]["summary"] == "The rooms are not known"
