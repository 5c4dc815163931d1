"""Tables of DynamoDB, with the rows of a denylist or with token records."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Attributes = Mapping[str, object]

HEAD: Attributes = {
    "lineage": "6f5b0e8e-6f1c-4f0e-9b43-1f1f6f0a7d10",
    "serial": 7,
    "count": 1,
    "settle_after": 90,
    "published_at": "2026-11-25T11:00:00Z",
}


def make_table(dynamodb: "DynamoDBClient", name: str) -> str:
    """An empty table with our keys; its name."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


def put(dynamodb: "DynamoDBClient", table: str, pk: str, sk: str, attributes: Attributes | None = None) -> None:
    """Write a row; what is None is left out, and a head has everything that a head has."""
    row = {"pk": pk, "sk": sk, **(HEAD if pk == "head" else {}), **(attributes or {})}
    dynamodb.put_item(TableName=table, Item={name: _typed(value) for name, value in row.items() if value is not None})


def _typed(value: object) -> Any:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
