"""A denylist in DynamoDB: one consistent query for a user, and the records of tokens."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from reconciler import gate as gate_module
from reconciler.gate import DenylistUnavailable, Gate

from . import node
from .builders import FINALS, LOBBY, Clock, admitted, checked, eventually, publish
from .tables import make_table, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    """A table in which a list has been published that bans nobody yet."""
    name = make_table(dynamodb, f"bans-{uuid4()}")
    put(dynamodb, name, "head", "bans")
    return name


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What goes out to AWS: the operation and its input."""
    sent: list[tuple[str, dict[str, Any]]] = []
    client = gate_module._Aws.client

    def listened(aws: Any, service: str, region: str | None = None) -> Any:
        made = client(aws, service, region)
        made.meta.events.register(
            "provide-client-params.*", lambda params, model, **_: sent.append((model.name, params)), unique_id="test"
        )
        return made

    monkeypatch.setattr(gate_module._Aws, "client", listened)
    return sent


def ban(dynamodb: "DynamoDBClient", table: str, user_id: str) -> None:
    put(dynamodb, table, f"user#{user_id}", f"ban#{LOBBY}#bans")


def asked_about(calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [params["ExpressionAttributeValues"][":pk"]["S"] for name, params in calls if name == "Query"]


def test_a_verdict_serves_checks_of_the_same_user_and_admissions_ask_each_time(
    dynamodb: "DynamoDBClient", table: str, clock: Clock, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert [checked(gate, "zed"), checked(gate, "zed", FINALS)] == ["free", "free"]
    assert sorted(asked_about(calls)) == ["head", "user#zed"]
    ban(dynamodb, table, "zed")
    assert checked(gate, "zed") == "free"
    assert admitted(gate, "zed") == "banned"
    assert checked(gate, "zed") == "banned"
    assert admitted(gate, "zed") == "banned"
    assert sorted(asked_about(calls)) == ["head", "user#zed", "user#zed", "user#zed"]
    clock.turn(10.1)
    assert checked(gate, "bob") == "free"
    assert sorted(asked_about(calls)) == ["head", "head", "user#bob", "user#zed", "user#zed", "user#zed"]
    assert all(params["ConsistentRead"] for _, params in calls)


def test_from_half_of_its_age_on_a_verdict_is_renewed_in_the_background(
    dynamodb: "DynamoDBClient", table: str, clock: Clock
) -> None:
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert checked(gate, "zed") == "free"
    ban(dynamodb, table, "zed")
    clock.turn(5.1)
    assert checked(gate, "zed") == "free"
    eventually(lambda: checked(gate, "zed") == "banned")


def test_old_verdicts_answer_nobody_who_can_wait(dynamodb: "DynamoDBClient", table: str, clock: Clock) -> None:
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert checked(gate, "zed") == "free"
    ban(dynamodb, table, "zed")
    clock.turn(10.1)
    assert checked(gate, "zed") == "banned"


def test_a_table_that_was_emptied_is_unavailable_and_not_stale(
    dynamodb: "DynamoDBClient", table: str, clock: Clock
) -> None:
    """An empty table must not mean that nobody is banned, not even until the copy of its head is stale."""
    ban(dynamodb, table, "zed")
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert [checked(gate, "zed"), checked(gate, "bob")] == ["banned", "free"]
    for pk, sk in (("head", "bans"), ("user#zed", f"ban#{LOBBY}#bans")):
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    clock.turn(10.1)
    assert [checked(gate, "zed"), checked(gate, "bob"), admitted(gate, "bob")] == ["unavailable"] * 3


def test_a_table_that_cannot_be_read_leaves_the_last_verdicts(
    dynamodb: "DynamoDBClient", table: str, clock: Clock
) -> None:
    ban(dynamodb, table, "zed")
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert [checked(gate, "zed"), checked(gate, "bob")] == ["banned", "free"]
    dynamodb.delete_table(TableName=table)
    clock.turn(1000)
    assert [checked(gate, user) for user in ("zed", "bob", "eve")] == ["banned", "free", "unavailable"]
    assert [admitted(gate, user) for user in ("zed", "bob")] == ["unavailable", "unavailable"]
    clock.turn(2601)
    assert [checked(gate, user) for user in ("zed", "bob")] == ["unavailable", "unavailable"]


def test_a_missing_list_is_named_with_those_that_are_there(dynamodb: "DynamoDBClient", table: str) -> None:
    put(dynamodb, table, "head", "partners")
    place = f"dynamodb://us-west-2/{table}#lobby,partners"
    with pytest.raises(DenylistUnavailable) as unavailable:
        Gate(place, timeout=20).check("zed", LOBBY)
    assert str(unavailable.value) == f"{place}: no list lobby has been published; there are bans, partners"


def test_a_head_that_settles_too_soon_is_told_of(
    dynamodb: "DynamoDBClient", table: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(dynamodb, table, "head", "partners", {"settle_after": 75})
    gate = Gate(f"dynamodb://us-west-2/{table}", timeout=20)
    assert checked(gate, "zed") == "free"
    assert [message for message in caplog.messages if table in message] == [
        f"dynamodb://us-west-2/{table}: bans settle after 75 s, but a gate with max_age=10 needs 90 s:"
        " raise settle_after in the list, or lower max_age"
    ]


class Pages:
    """A client whose answers come in pages."""

    def __init__(self, pages: int) -> None:
        self.pages = pages

    def query(self, **request: Any) -> dict[str, Any]:
        if request["ExpressionAttributeValues"][":pk"]["S"] == "head":
            row = {"sk": {"S": "bans"}, "published_at": {"S": ""}, "settle_after": {"N": "90"}}
            return {"Items": [row]}
        page = int(request.get("ExclusiveStartKey", {"sk": {"N": "0"}})["sk"]["N"])
        rooms = f"arn:aws:ivschat:us-west-2:1:room/{page}"
        more = {"LastEvaluatedKey": {"sk": {"N": str(page + 1)}}} if page + 1 < self.pages else {}
        return {"Items": [{"sk": {"S": f"ban#{rooms}#bans"}}], **more}


@pytest.mark.parametrize(
    ("pages", "said"), [(7, "banned"), (100, "banned"), (101, "unavailable"), (10**9, "unavailable")]
)
def test_all_pages_of_a_user_are_read_and_not_endlessly_many(
    pages: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module._Aws, "client", lambda *_: Pages(pages))
    gate = Gate("dynamodb://us-west-2/bans", timeout=20)
    assert checked(gate, "zed", f"arn:aws:ivschat:us-west-2:1:room/{min(pages, 100) - 1}") == said


def test_a_token_is_noted_before_the_check(
    dynamodb: "DynamoDBClient", table: str, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    tokens = make_table(dynamodb, f"tokens-{uuid4()}")
    gate = Gate(f"dynamodb://us-west-2/{table}", token_records=f"dynamodb://us-west-2/{tokens}", timeout=20)
    assert checked(gate, "zed") == "free"
    assert dynamodb.scan(TableName=tokens)["Items"] == []
    calls.clear()
    assert admitted(gate, "zed") == "free"
    assert [name for name, _ in calls] == ["PutItem", "Query"]
    ban(dynamodb, table, "zed")
    assert admitted(gate, "zed", FINALS) == "free"
    assert admitted(gate, "zed") == "banned"
    rows = dynamodb.scan(TableName=tokens)["Items"]
    assert sorted((row["pk"]["S"], row["sk"]["S"]) for row in rows) == sorted([("zed", LOBBY), ("zed", FINALS)])
    for row in rows:
        assert row.keys() == {"pk", "sk", "issued_at", "ttl"}
        issued_at = datetime.strptime(row["issued_at"]["S"], "%Y-%m-%dT%H:%M:%S%z")
        assert int(row["ttl"]["N"]) == issued_at.timestamp() + 4 * 3600
        assert abs(issued_at.timestamp() - datetime.now(UTC).timestamp()) < 60


def test_a_token_that_cannot_be_noted_is_not_handed_out(table: str, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate(f"dynamodb://us-west-2/{table}", token_records="dynamodb://us-west-2/not-there", timeout=20)
    assert [checked(gate, "zed"), admitted(gate, "zed")] == ["free", "unavailable"]
    eventually(lambda: any("not-there" in message for message in caplog.messages))


@node.needs_sdk
def test_node_notes_a_token_in_the_same_words(dynamodb: "DynamoDBClient", table: str, tmp_path: Path) -> None:
    tokens = make_table(dynamodb, f"tokens-{uuid4()}")
    ban(dynamodb, table, "zed")
    gate = node.laid_out(tmp_path / "lambda")
    now = datetime.fromisoformat("2026-11-25T12:00:00.9Z").timestamp()
    options = {"tokenRecords": f"dynamodb://us-west-2/{tokens}", "timeout": 20}
    place = f"dynamodb://us-west-2/{table}"
    asked = [{"location": place, "options": options, "questions": [["zed", LOBBY], ["bob", FINALS]]}]
    assert node.ask(gate, now, asked) == [[["banned", "banned"], ["free", "free"]]]
    rows = dynamodb.scan(TableName=tokens)["Items"]
    assert sorted(json.dumps(row, sort_keys=True) for row in rows) == sorted(
        json.dumps(
            {
                "pk": {"S": user},
                "sk": {"S": room},
                "issued_at": {"S": "2026-11-25T12:00:00Z"},
                "ttl": {"N": str(int(now) + 4 * 3600)},
            },
            sort_keys=True,
        )
        for user, room in (("zed", LOBBY), ("bob", FINALS))
    )


@node.needs_sdk
def test_node_lets_nobody_in_whose_token_cannot_be_noted(table: str, tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    options = {"tokenRecords": "dynamodb://us-west-2/not-there", "timeout": 20}
    asked = [{"location": f"dynamodb://us-west-2/{table}", "options": options, "questions": [["zed", LOBBY]]}]
    assert node.ask(gate, datetime.now(UTC).timestamp(), asked) == [[["free", "unavailable"]]]


@node.needs_sdk
def test_node_asks_each_time_when_it_admits(dynamodb: "DynamoDBClient", table: str, tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node.NODE is not None
    with node.talking(
        node.NODE, node.ASK, gate, f"dynamodb://us-west-2/{table}", '{"timeout": 20, "maxAge": 3600}'
    ) as conversation:
        assert [conversation.says(word, "zed", LOBBY) for word in ("check", "admit")] == ["free", "free"]
        ban(dynamodb, table, "zed")
        assert [conversation.says(word, "zed", LOBBY) for word in ("check", "admit")] == ["free", "banned"]
        assert conversation.says("check", "zed", LOBBY) == "banned"


def test_a_document_on_s3_is_fetched_again_only_when_it_has_changed(
    s3: Any, bucket: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_on_s3(*users: str) -> None:
        s3.put_object(Bucket=bucket, Key="bans.json", Body=publish(tmp_path / "bans.json", *users).read_bytes())

    parsed: list[str] = []
    parse = gate_module._parsed

    def counting(text: str, *more: Any) -> Any:
        parsed.append(text)
        return parse(text, *more)

    monkeypatch.setattr(gate_module, "_parsed", counting)
    publish_on_s3("zed")
    gate = Gate(f"s3://{bucket}/bans.json", timeout=20)
    for _ in range(3):
        assert [checked(gate, "zed"), admitted(gate, "bob")] == ["banned", "free"]
        clock.turn(10.1)
    assert len(parsed) == 1
    publish_on_s3("bob")
    clock.turn(10.1)
    assert [checked(gate, "zed"), admitted(gate, "bob")] == ["free", "banned"]
    assert len(parsed) == 2
    s3.delete_object(Bucket=bucket, Key="bans.json")
    clock.turn(10.1)
    assert [checked(gate, "bob"), admitted(gate, "bob")] == ["banned", "unavailable"]
