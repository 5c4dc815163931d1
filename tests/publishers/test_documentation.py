"""docs/denylist.md is what other programs go by: its examples are what is written, and its policies what is needed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.bans import BanKey
from reconciler.denylist import document
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
EXAMPLE, S3_WRITER, S3_READER, TABLE_WRITER, TABLE_READER = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)


def actions(policy: str) -> Iterator[str]:
    """What a policy allows, each with the resource's service and kind."""
    loaded = json.loads(policy)
    assert loaded["Version"] == "2012-10-17"
    for statement in loaded["Statement"]:
        assert statement.keys() == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        allowed = statement["Action"]
        for action in [allowed] if isinstance(allowed, str) else allowed:
            assert statement["Resource"].split(":")[2] == action.partition(":")[0]
            yield action


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
    policy = set(actions(S3_WRITER))
    assert policy - {"s3:ListBucket"} == {f"s3:{operation}" for operation in used(object_on_s3(), s3)}
    assert "s3:ListBucket" in policy


def test_what_reconciler_does_in_a_table_is_what_its_policy_allows(dynamodb: "DynamoDBClient") -> None:
    policy = set(actions(TABLE_WRITER))
    assert policy == {f"dynamodb:{operation}" for operation in used(table(dynamodb), dynamodb)}
    assert policy == {f"dynamodb:{action}" for action in ACTIONS}


def test_who_reads_may_only_read() -> None:
    assert set(actions(S3_READER)) == {"s3:GetObject", "s3:ListBucket"}
    assert set(actions(TABLE_READER)) == {"dynamodb:Query", "dynamodb:GetItem"}


def test_names_are_documented_as_they_are_checked() -> None:
    assert f"`{NAME_PATTERN.removeprefix('^').removesuffix('$')}`" in TEXT
