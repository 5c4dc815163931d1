import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from moto.s3.responses import S3Response

from tests.publishers.places import REGION, Place, object_on_s3, table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

NODE = shutil.which("node")
DYNALITE = Path(os.environ.get("RECONCILER_NODE_MODULES") or "node_modules") / "dynalite" / "cli.js"


@pytest.fixture(autouse=True)
def _one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes longer than all the rest."""
    one = cache(boto3.Session)
    for module in ("s3", "table"):
        monkeypatch.setattr(f"reconciler.publishers.{module}.session", lambda _profile: one())


@pytest.fixture
def s3(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> "S3Client":
    one_at_a_time, put_object = Lock(), S3Response.put_object

    def put(response: S3Response) -> Any:  # moto looks at the condition, and writes afterwards; S3 does both at once
        with one_at_a_time:
            return put_object(response)

    monkeypatch.setattr(S3Response, "put_object", put)
    return s3


@pytest.fixture(scope="session")
def dynalite_url() -> Iterator[str]:
    """Another DynamoDB, written by others than moto's."""
    if NODE is None or not DYNALITE.is_file():
        pytest.skip("dynalite is not installed: run `npm install dynalite` and set RECONCILER_NODE_MODULES")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [NODE, str(DYNALITE), "--host", "127.0.0.1", "--port", str(port), "--createTableMs", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"listening" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
def dynalite(dynalite_url: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator["DynamoDBClient"]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynalite_url)
    client = boto3.client("dynamodb", region_name=REGION)
    yield client
    client.close()


@pytest.fixture(params=["file", "s3", "dynamodb", "dynalite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place of each kind, where nothing has been published yet."""

    def file() -> Place:
        return Place(str(tmp_path / f"{uuid4()}.json"), another=file)

    makers: dict[str, Callable[[], Place]] = {"file": file, "s3": object_on_s3}
    if request.param == "file":
        return file()
    client = request.getfixturevalue(request.param)
    return makers[request.param]() if request.param in makers else table(client)
