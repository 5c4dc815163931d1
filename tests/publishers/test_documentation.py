"""docs/denylist.md is what other programs go by: its examples are what is written, and its policies what is needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

from reconciler.bans import BanKey
from reconciler.denylist import document
from reconciler.gate import Gate
from reconciler.publishers import NAME_PATTERN
from reconciler.publishers.dynamodb import DynamoDBPublisher
from reconciler.publishers.s3 import S3Publisher
from reconciler.publishers.table import ACTIONS
from tests.builders import LINEAGE, TOMORROW
from tests.denylist.builders import A, B
from tests.publishers.places import Place, object_on_s3, table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

TEXT = (Path(__file__).parents[2] / "docs" / "denylist.md").read_text()
EXAMPLE, RECONCILER, TOKEN_SERVICE, REVIEW_HANDLER, S3_WRITER, S3_READER = re.findall(
    r"```json\n(.*?)```", TEXT, re.DOTALL
)


def allowed(policy: str) -> Iterator[tuple[str, str]]:
    """What a policy allows: each action, with the name of its table, bucket or object, or the end of another ARN."""
    loaded = json.loads(policy)
    assert loaded["Version"] == "2012-10-17"
    for statement in loaded["Statement"]:
        assert statement.keys() == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        actions, resource = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, name = (resource.split(":") + [""] * 5)[2], resource.rpartition(":")[2].removeprefix("table/")
            assert service == action.partition(":")[0] or (action, resource) == ("ivschat:ListRooms", "*")
            yield action, name


def actions(policy: str) -> set[str]:
    return {action for action, _ in allowed(policy)}


def used(place: Place, client: Any) -> set[str]:
    """The operations of everything that a publisher does."""
    operations: set[str] = set()
    client.meta.events.register("before-call.*", lambda model, **_event: operations.add(model.name))
    publisher = place.publisher()
    assert isinstance(publisher, S3Publisher | DynamoDBPublisher)
    with pytest.MonkeyPatch.context() as patch:
        target = publisher if isinstance(publisher, S3Publisher) else publisher._table
        patch.setattr(target, "_s3" if isinstance(publisher, S3Publisher) else "_client", client)
        for _ in range(2):
            publisher.begin(LINEAGE, 90)
            assert publisher.publish({A: None, B: TOMORROW}, remove=[BanKey("*", "x")], superseded=[A]) == {}
            publisher.end(2)
            publisher.read()
            assert publisher.put_provisional({A: TOMORROW}) == {}
            assert publisher.take_provisional([A]) == {}
        if isinstance(publisher, DynamoDBPublisher):
            publisher.ttl_problem()
        publisher.retire(LINEAGE)
    return operations


def test_the_example_is_a_document_as_we_write_it() -> None:
    assert document.dumps(document.loads(EXAMPLE.encode())).decode() == EXAMPLE


def test_what_reconciler_does_on_s3_is_what_its_policy_allows(s3: "S3Client") -> None:
    assert actions(S3_WRITER) - {"s3:ListBucket"} == {f"s3:{operation}" for operation in used(object_on_s3(), s3)}
    assert ("s3:ListBucket", "moderation") in allowed(S3_WRITER)


def test_what_reconciler_does_on_dynamodb_is_what_its_policy_allows(dynamodb: "DynamoDBClient") -> None:
    on_the_denylist = {f"dynamodb:{operation}" for operation in used(table(dynamodb), dynamodb)}
    assert on_the_denylist == {f"dynamodb:{action}" for action in ACTIONS}
    assert set(allowed(RECONCILER)) == {
        ("ivschat:DisconnectUser", "room/*"),
        ("ivschat:ListRooms", "*"),
        *((action, "denylist") for action in on_the_denylist),
        ("dynamodb:Query", "tokens"),  # of `reconciler.aws.token_records`
    }


def test_what_a_gate_does_is_what_the_policies_of_its_callers_allow(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    place = table(dynamodb)
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    publisher.publish({A: None})
    publisher.end(1)
    asked: set[tuple[str, str]] = set()
    make = BaseClient._make_api_call  # type: ignore[attr-defined]

    def note(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        asked.add((f"dynamodb:{operation}", arguments["TableName"]))
        return make(client, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", note)
    name = place.location.rpartition("/")[2]
    assert Gate(place.location, timeout=20).check(A.user_id, A.room_arn).banned
    assert {(action, "denylist") for action, _ in asked} == set(allowed(REVIEW_HANDLER))
    Gate(place.location, token_records=place.location, timeout=20).admit("somebody else", A.room_arn)
    assert asked == {("dynamodb:Query", name), ("dynamodb:PutItem", name)}
    assert set(allowed(TOKEN_SERVICE)) == {
        ("ivschat:CreateChatToken", "room/*"),
        ("dynamodb:Query", "denylist"),
        ("dynamodb:PutItem", "tokens"),
    }


def test_who_reads_a_document_may_only_read() -> None:
    assert actions(S3_READER) == {"s3:GetObject", "s3:ListBucket"}


def test_names_are_documented_as_they_are_checked() -> None:
    assert f"`{NAME_PATTERN.removeprefix('^').removesuffix('$')}`" in TEXT
