"""Bans that hold: `apply` and `plan` with a denylist in DynamoDB or on S3, and runs that are killed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from reconciler import load_state
from reconciler.bans import BanKey
from reconciler.cli import service
from reconciler.denylist import rows
from reconciler.publishing import Publishing
from reconciler.sandbox import Sandbox
from reconciler.state.value import Place, Published
from reconciler.stores.session import Session
from tests.builders import TOMORROW, YESTERDAY
from tests.command_line import AWS_ARN, FINALS, Reconciler, banning
from tests.publishers.places import REGION, make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

A, B, EVE = (BanKey(AWS_ARN, user) for user in ("a", "b", "eve"))


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    return make_table(dynamodb)


def write(*users: str, table: str, more: str = "") -> None:
    settings = f"{{location: dynamodb://{REGION}/{table}, settle_after: 1{more}}}"
    text = banning(*users, extra=f"denylist: {settings}\n")
    Path("bans.yaml").write_text(text if users else text.replace("bans:\n", "bans: []\n"))


def found(client: "DynamoDBClient", table: str) -> list[tuple[str, str]]:
    """The keys of all rows, with the room and the name that they say."""
    items = client.scan(TableName=table, ConsistentRead=True)["Items"]
    return sorted((item["pk"]["S"], item["sk"]["S"].replace(AWS_ARN, "ROOM")) for item in items)


def head(client: "DynamoDBClient", table: str) -> tuple[int, bool]:
    """Serial, and whether it is open."""
    item = client.get_item(TableName=table, Key={"pk": {"S": "head"}, "sk": {"S": "bans"}})["Item"]
    return int(item["serial"]["N"]), item["open"]["BOOL"]


def put(client: "DynamoDBClient", table: str, key: rows.RowKey, expires_at: str | None = None) -> None:
    item: dict[str, Any] = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    if expires_at is not None:
        item["expires_at"] = {"S": expires_at}
    client.put_item(TableName=table, Item=item)


def delete(client: "DynamoDBClient", table: str, key: rows.RowKey) -> None:
    client.delete_item(TableName=table, Key={"pk": {"S": key.pk}, "sk": {"S": key.sk}})


def remembered(table: str, serial: int) -> Published:
    return Published(Place(f"dynamodb://{REGION}/{table}", "bans"), serial)


def dying(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    def die(*_arguments: object, **_options: object) -> None:
        raise Killed

    monkeypatch.setattr(where, name, die)


def test_rows_that_were_changed_are_mended_on_request_and_those_of_others_stay(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", table: str
) -> None:
    write("a", "b", table=table)
    assert reconciler("apply", "--auto-approve").code == 0
    ours = [("head", "bans"), ("user#a", "ban#ROOM#bans"), ("user#b", "ban#ROOM#bans")]
    assert (found(dynamodb, table), head(dynamodb, table)) == (ours, (1, False))

    others = [("user#a", "ban#ROOM#bans-of-others"), ("user#eve", "ban#ROOM#not.bans"), ("user#zoe", "now#ROOM")]
    for key in (rows.ban_key(A, "bans-of-others"), rows.ban_key(EVE, "not.bans")):
        put(dynamodb, table, key)
    put(dynamodb, table, rows.provisional_key(BanKey(AWS_ARN, "zoe")), f"{TOMORROW:%Y-%m-%dT%H:%M:%SZ}")
    delete(dynamodb, table, rows.ban_key(A, "bans"))
    put(dynamodb, table, rows.ban_key(B, "bans"), f"{YESTERDAY:%Y-%m-%dT%H:%M:%SZ}")
    put(dynamodb, table, rows.ban_key(EVE, "bans"))

    # The head says that all is well, so nobody looks, unless that is asked for.
    assert reconciler("apply", "--auto-approve").out.endswith("\nNo changes. The state matches bans.yaml.\n")
    planned = reconciler("plan", "--refresh", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.out.endswith(
        f"""
  ~ lobby/a     publish      not in the denylist as it is recorded
  ~ lobby/b     publish      not in the denylist as it is recorded
  - lobby/eve   lift         only in the denylist: neither recorded nor in the list

Plan: 0 to ban, 2 to update, 1 to lift.
2 DisconnectUser calls after 1 s, to settle, about 2 s at 100 calls/s.
The calls go to {sandbox.url}, which is not AWS.
"""
    )
    mended = reconciler("apply", "--auto-approve", "--refresh")
    assert mended.code == 0
    assert mended.out.endswith("\nApply complete: 0 banned, 2 updated, 1 lifted, 2 settled.\n")
    assert (found(dynamodb, table), head(dynamodb, table)) == (sorted([*ours, *others]), (2, False))
    assert reconciler("plan", "--refresh", "--detailed-exitcode").code == 0
    assert load_state("bans.state.json").published == remembered(table, 2)


@pytest.mark.parametrize(
    ("where", "name"),
    [(Publishing, "publish"), (service, "disconnect"), (Session, "keep"), (Session, "save"), (Publishing, "end")],
    ids=["publish", "disconnect", "keep", "save", "end"],
)
def test_a_run_that_is_killed_is_made_good_by_the_next(
    reconciler: Reconciler,
    sandbox: Sandbox,
    dynamodb: "DynamoDBClient",
    table: str,
    monkeypatch: pytest.MonkeyPatch,
    where: object,
    name: str,
) -> None:
    write("a", "old", table=table)
    reconciler("apply", "--auto-approve")
    write("a", "b", table=table)
    with monkeypatch.context() as killing:
        dying(killing, where, name)
        with pytest.raises(Killed):
            reconciler("apply", "--auto-approve")
    assert head(dynamodb, table) == (2, True)
    result = reconciler("apply", "--auto-approve")
    assert result.code == 0
    assert found(dynamodb, table) == [("head", "bans"), ("user#a", "ban#ROOM#bans"), ("user#b", "ban#ROOM#bans")]
    state = load_state("bans.state.json")
    assert (sorted(state.records), state.published) == ([A, B], remembered(table, 3))
    assert head(dynamodb, table) == (3, False)
    assert not list(state.unsettled)
    assert sandbox.disconnected.count((AWS_ARN, "b")) >= 2
    assert reconciler("plan", "--refresh", "--detailed-exitcode").code == 0


def test_a_state_that_was_put_back_is_compared(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", table: str
) -> None:
    write("a", table=table)
    reconciler("apply", "--auto-approve")
    before = Path("bans.state.json").read_bytes()
    write("a", "b", "c", table=table)
    reconciler("apply", "--auto-approve", "--no-wait")
    Path("bans.state.json").write_bytes(before)
    write("a", "b", table=table)
    result = reconciler("apply", "--auto-approve", "--no-wait")
    assert "\n  - lobby/c   lift         only in the denylist: neither recorded nor in the list\n" in result.out
    assert found(dynamodb, table) == [("head", "bans"), ("user#a", "ban#ROOM#bans"), ("user#b", "ban#ROOM#bans")]


def test_an_old_table_that_is_gone_is_retired_and_one_that_is_denied_is_not(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a", table=table)
    reconciler("apply", "--auto-approve", "--no-wait")
    Path("bans.yaml").write_text(banning("a", extra="denylist: denylist.json\n"))
    reconciler("apply", "--auto-approve", "--no-wait")
    dynamodb.delete_table(TableName=table)
    gone, retire = f"dynamodb://{REGION}/{table}", ("apply", "--auto-approve", "--no-wait", "--retire-denylist")
    with monkeypatch.context() as denying:
        denying.setattr("botocore.parsers.ResponseParser.parse", denied)
        assert "AccessDeniedException" in reconciler(*retire).err
    assert f"{gone} still holds bans of this list" in reconciler("plan").out
    result = reconciler(*retire)
    assert (result.code, result.err) == (
        0,
        f"{gone} is not there any more for the credentials of this run, so there was nothing to empty.\n",
    )
    assert f"{gone} holds no bans of this list any more.\n" in result.out
    assert load_state("bans.state.json").published.to_retire == ()
    assert gone not in reconciler("plan").out


def denied(*_arguments: object) -> dict[str, Any]:
    """What a call gets that is not allowed."""
    return {"Error": {"Code": "AccessDeniedException", "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _client: f"none-{uuid4()}", "there is no table none-"),
        (lambda client: make_table(client, pk="id"), "has another key. It must have the partition key pk and the sort"),
    ],
)
def test_a_table_that_cannot_be_used_stops_everything_before_the_first_call(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", make: Callable[[Any], str], said: str
) -> None:
    write("a", table=make(dynamodb))
    result = reconciler("apply", "--auto-approve")
    assert (result.code, result.out, sandbox.requests) == (1, "", ())
    assert said in result.err
    assert result.err.endswith(" Nothing was done.\n")
    assert reconciler("plan", "--refresh").code == 1


def test_without_token_records_only_bans_everywhere_fail(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", table: str
) -> None:
    write("a", table=table, more=f", token_records: dynamodb://{REGION}/none-{table}")
    with Path("bans.yaml").open("a") as file:
        file.write("  - user_id: eve\n    rooms: everywhere\n")
    failed = reconciler("apply", "--auto-approve")
    assert failed.code == 1
    assert f"\nFailed: everywhere/eve\n  dynamodb://{REGION}/none-{table}: there is no table none-{table}" in failed.out
    assert "\nApply incomplete: 1 banned, 1 settled, 1 failed, 0 not started.\n" in failed.out
    # She is in the denylist all the same, and kicked once that is possible.
    assert ("user#eve", "ban#*#bans") in found(dynamodb, table)
    records = make_table(dynamodb)
    put(dynamodb, records, rows.RowKey("eve", AWS_ARN))
    put(dynamodb, records, rows.RowKey("eve", FINALS.replace("123456789012", "999999999999")))
    Path("bans.yaml").write_text(Path("bans.yaml").read_text().replace(f"none-{table}", records))
    result = reconciler("apply", "--auto-approve")
    assert result.code == 0
    assert result.out.endswith("\nApply complete: 1 banned, 0 updated, 0 lifted, 1 settled.\n")
    assert sandbox.disconnected[-2:] == ((AWS_ARN, "eve"), (AWS_ARN, "eve"))
    assert "left out 1 token record: no room's ARN, or a room in an account that the list does not know" in result.err
