"""What publishing a denylist costs: the document, by its size, and rows in a table, against boto3's `batch_writer`."""

import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
from pydantic_core import from_json

from reconciler.denylist import document, rows
from reconciler.denylist.value import Bans, Contents, Head
from reconciler.publishers import open_publisher
from tests.bench.measure import Figure
from tests.generated_lists import entries
from tests.moto_server import moto_server

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (1000, 100_000, 1_000_000)
ROWS = 100_000
REGION = "us-west-2"


def figures() -> Iterator[Figure]:
    with TemporaryDirectory() as name:
        for size in SIZES:
            yield from of_document(Path(name) / "denylist.json", size)
    yield from of_table()


def of_document(path: Path, size: int) -> Iterator[Figure]:
    """Each in a process of its own, which says how long it took and how much memory it held."""
    bans = {entry.key: entry.ban.expires_at for entry in entries(size)}
    path.write_bytes(document.dumps(contents(bans)))
    del bans
    for step, json_s in (("loads", "pydantic-core's parser"), ("dumps", "json.dumps")):
        command = [sys.executable, "-m", "tests.bench.publishing", step, str(path)]
        ours, theirs, peak = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        megabytes = path.stat().st_size / 1e6
        yield Figure(
            f"`{step}` of a document of {size:,} bans takes at most 4 × {json_s} for the same JSON",
            f"{ours / theirs:.1f} × ({ours:.3f} s, {theirs:.3f} s); {megabytes:.1f} MB, peak {peak:.0f} MB",
            ours <= 4 * theirs + 0.01,  # what is made once,
        )


def measure(step: str, path: Path) -> tuple[float, float, float]:
    """Seconds of one step of ours, seconds of a JSON library for the same, and the peak memory in MB."""
    gc.disable()  # as the command line does
    content = path.read_bytes()
    start = perf_counter()
    read = document.loads(content)
    ours = perf_counter() - start
    if step == "dumps":
        start = perf_counter()
        assert document.dumps(read) == content
        ours = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plain = from_json(content)
    start = perf_counter()
    if step == "dumps":
        json.dumps(plain, ensure_ascii=False).encode()
    else:
        from_json(content)
    return ours, perf_counter() - start, peak


def contents(bans: Bans) -> Contents:
    return Contents(Head("bench", 1, len(bans), 90, NOW), bans)


def of_table() -> Iterator[Figure]:
    """On the same server, which runs in a process of its own, as DynamoDB would."""
    bans: Bans = {entry.key: entry.ban.expires_at for entry in entries(ROWS)}
    with moto_server() as url:
        os.environ |= {"AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        client = boto3.client("dynamodb", region_name=REGION)
        ours, theirs = publish(client, bans), write_with_boto3(client, bans)
    yield Figure(
        f"publishing {ROWS:,} rows takes no longer than boto3's batch_writer",
        f"{ours / theirs:.2f} × ({ours:.1f} s, {theirs:.1f} s; {ROWS / ours:,.0f} rows/s)",
        ours <= theirs,
    )


def publish(client: "DynamoDBClient", bans: Bans) -> float:
    location = f"dynamodb://{REGION}/{make_table(client)}"

    def wait(seconds: float) -> bool:
        sleep(seconds)
        return False

    publisher = open_publisher(location, now=lambda: NOW, sleep=wait)
    publisher.begin("bench", 90)
    start = perf_counter()
    assert publisher.publish(bans) == {}
    publisher.end(len(bans))
    return perf_counter() - start


def write_with_boto3(client: "DynamoDBClient", bans: Bans) -> float:
    table = boto3.resource("dynamodb", region_name=REGION).Table(make_table(client))
    start = perf_counter()
    with table.batch_writer() as batch:
        for key, end in bans.items():
            batch.put_item(Item=dict(rows.entry(rows.ban_key(key, "bans"), end, NOW)))
    return perf_counter() - start


def make_table(client: "DynamoDBClient") -> str:
    name = f"denylist-{uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
