from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest

from .builders import Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

REGION = "us-west-2"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def aws(s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of an S3 and a DynamoDB on loopback, to which every SDK now turns."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", s3_server)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return s3_server


@pytest.fixture
def s3(aws: str) -> Iterator["S3Client"]:
    client = boto3.client("s3")
    yield client
    client.close()


@pytest.fixture
def bucket(s3: "S3Client") -> str:
    name = f"bans-{uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return name


@pytest.fixture
def dynamodb(aws: str) -> Iterator["DynamoDBClient"]:
    client = boto3.client("dynamodb")
    yield client
    client.close()
