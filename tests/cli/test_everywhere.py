"""A ban everywhere on a platform with very many rooms."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from reconciler.gate import Banned, Gate
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.builders import LOBBY
from tests.command_line import Reconciler
from tests.gate.tables import make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOMS = 20_000


@pytest.fixture
def platform(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    options = SandboxOptions(rooms=(LOBBY,), more_rooms=ROOMS, quota=0)
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        yield sandbox


@pytest.mark.parametrize(("options", "calls"), [(["--no-wait"], 3), ([], 6)])
def test_a_ban_everywhere_calls_the_rooms_for_which_the_user_has_tokens_and_no_others(
    reconciler: Reconciler, platform: Sandbox, dynamodb: "DynamoDBClient", options: list[str], calls: int
) -> None:
    records = f"dynamodb://us-west-2/{make_table(dynamodb, f'tokens-{uuid4()}')}"
    list_of = (
        "version: 1\nrooms:\n  lobby: {}\ndiscover:\n  - region: us-west-2\n"
        "denylist: {{location: denylist.json, settle_after: 1, token_records: {}}}\nbans:{}\n"
    )
    Path("bans.yaml").write_text(list_of.format(LOBBY, records, " []"))
    assert reconciler("apply", "--auto-approve").code == 0  # nobody is let in before there is a denylist
    gate = Gate("denylist.json", token_records=records, max_age=0, timeout=20)
    in_use = platform.rooms[7 : ROOMS : ROOMS // 3]
    for room_arn in in_use:
        gate.admit("zed", room_arn)
    gate.admit("bob", platform.rooms[11])
    Path("bans.yaml").write_text(list_of.format(LOBBY, records, "\n  - user_id: zed\n    rooms: everywhere\n"))
    result = reconciler("apply", "--auto-approve", *options)
    assert (result.code, len(in_use)) == (0, 3)
    assert len(platform.disconnected) == calls
    assert set(platform.disconnected) == {(room_arn, "zed") for room_arn in in_use}
    assert [request.operation for request in platform.requests] == ["DisconnectUser"] * calls  # and no ListRooms
    for room_arn in (*in_use, platform.rooms[13]):
        with pytest.raises(Banned):
            gate.admit("zed", room_arn)
