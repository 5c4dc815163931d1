"""Which room a log is of, by the names that AWS gives logs."""

import pytest

from reconciler.audit.names import by_id, room_of
from reconciler.bans import EVERYWHERE

LOBBY = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/aB3dE5fG7hJ9"
FOLDER = "AWSLogs/123456789012/IVSChatLogs/1.0/us-west-2/room_g1H2I3j4k5L6"
FILE = "123456789012_IVSChatLogs_1.0_us-west-2_room_g1H2I3j4k5L6_202611220840_b1c2d3e4.log.gz"


@pytest.mark.parametrize(
    "name",
    [
        f"{FOLDER}/2026/11/22/08/{FILE}",
        f"some/prefix/{FOLDER}/2026/11/22/08/{FILE}",
        f"{FOLDER}.log",
        f"/var/{FOLDER}/part-1",
        FOLDER,
        FILE,
        f"downloads/{FILE.removesuffix('.gz')}",
        f"AWSLogs/999999999999/IVSChatLogs/1.0/eu-west-1/room_aB3dE5fG7hJ9/{FILE}",  # put into another's folder
        f"room_aB3dE5fG7hJ9/{FOLDER}.log",
    ],
)
def test_s3_tells_account_and_region(name: str) -> None:
    assert room_of(name, {}) == LOBBY
    assert room_of(name, by_id([FINALS])) == LOBBY


@pytest.mark.parametrize(
    "name",
    [
        "aws/IVSChatLogs/1.0/room_g1H2I3j4k5L6",
        "exportedlogs/2b1f8e1c/aws-IVSChatLogs-1.0-room_g1H2I3j4k5L6/000000.gz",
        "room_g1H2I3j4k5L6.log",
        "logs/room_g1H2I3j4k5L6.2026-11-22.json.gz",
    ],
)
def test_cloudwatch_tells_the_id_alone(name: str) -> None:
    assert room_of(name, by_id([LOBBY, FINALS, EVERYWHERE])) == LOBBY
    assert room_of(name, by_id([FINALS])) == "g1H2I3j4k5L6"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "chat.log",
        "stream-1-2026-11-22-08-40-00-5f6a7b8c",
        "room_.log",
        "my-room_x/chat.log",
        "AWSLogs/123456789012/elasticloadbalancing/us-west-2/x.log",
        "notIVSChatLogs.log",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert room_of(name, by_id([LOBBY])) is None


def test_a_room_that_no_arn_can_name_is_none() -> None:
    assert room_of(f"AWSLogs/1/IVSChatLogs/1.0/us-west-2/room_{'x' * 200}.log", {}) != LOBBY
    assert room_of(f"1_IVSChatLogs_1.0_us-west-2_room_{'x' * 200}_x.log", {}) is None


def test_an_id_that_two_rooms_have_is_nobodys() -> None:
    twin = LOBBY.replace("us-west-2", "eu-west-1")
    assert by_id([LOBBY, twin, LOBBY, FINALS]) == {"aB3dE5fG7hJ9": FINALS}
