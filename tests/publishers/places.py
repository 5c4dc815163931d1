"""Places to publish at, one of each kind, with a clock that stands still and pauses that are next to none."""

from dataclasses import dataclass, field
from datetime import datetime
from time import sleep
from typing import TYPE_CHECKING
from uuid import uuid4

from reconciler.denylist.value import Contents
from reconciler.publishers import open_publisher
from reconciler.publishers.publisher import Publisher
from tests.builders import NOW
from tests.moto_server import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "us-west-2"


@dataclass
class Place:
    """One place.

    Attributes:
        location: as a list names it.
        another: makes a new place of the same kind.
        now: the time there.
        stopped: whether the run is to stop.
        pauses: how long somebody wanted to wait, each time.
        longest: how long they do wait at most, in seconds.
    """

    location: str
    another: "Callable[[], Place]"
    now: datetime = NOW
    stopped: bool = False
    pauses: list[float] = field(default_factory=list)
    longest: float = 0.002

    @property
    def is_table(self) -> bool:
        return self.location.startswith("dynamodb://")

    def publisher(self, name: str = "bans") -> Publisher:
        return open_publisher(self.location, name, now=lambda: self.now, sleep=self.sleep)

    def read(self, name: str = "bans") -> Contents:
        return self.publisher(name).read()

    def sleep(self, seconds: float) -> bool:
        if seconds:
            self.pauses.append(seconds)
            sleep(min(seconds, self.longest))
        return self.stopped


def are_jittered(pauses: "Sequence[float]", most: "Sequence[float]") -> bool:
    """Whether these are the pauses, each up to half less."""
    return len(pauses) == len(most) and all(full / 2 <= pause <= full for pause, full in zip(pauses, most, strict=True))


def object_on_s3() -> Place:
    return Place(f"s3://{BUCKET}/{uuid4()}/denylist.json", another=object_on_s3)


def make_table(client: "DynamoDBClient", *, pk: str = "pk") -> str:
    """A new table, as the documentation says; its name."""
    name = f"denylist-{uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": pk, "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    return name


def table(client: "DynamoDBClient") -> Place:
    return Place(f"dynamodb://{REGION}/{make_table(client)}", another=lambda: table(client))
