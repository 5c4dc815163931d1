"""One table of cases, which the gate in Python and the gate in JavaScript both decide as it says."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from reconciler.gate import Gate

from . import node
from .builders import FINALS, LOBBY, Clock, admitted, checked
from .tables import make_table, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

CASES = json.loads(
    (Path(__file__).parent / "cases.json").read_text(encoding="utf-8").replace("LOBBY", LOBBY).replace("FINALS", FINALS)
)
NOW = datetime.fromisoformat(CASES["now"]).timestamp()
DYNALITE = node.NODE_MODULES / "dynalite" / "cli.js"


def content(case: dict[str, Any]) -> str | None:
    """The text of a document; None if there is none."""
    if "document" in case:
        return json.dumps({**CASES["head"], **case["document"]})
    text: str | None = case.get("text")
    return text


def in_files(folder: Path) -> list[str]:
    """The documents as files, and where they are."""
    places = [folder / f"{number}.json" for number in range(len(CASES["documents"]))]
    for place, case in zip(places, CASES["documents"], strict=True):
        if (text := content(case)) is not None:
            place.write_text(text, encoding="utf-8")
    return [str(place) for place in places]


def on_s3(s3: "S3Client", bucket: str) -> list[str]:
    for number, case in enumerate(CASES["documents"]):
        if (text := content(case)) is not None:
            s3.put_object(Bucket=bucket, Key=f"bans/{number}.json", Body=text.encode())
    return [f"s3://{bucket}/bans/{number}.json" for number in range(len(CASES["documents"]))]


def in_tables(dynamodb: "DynamoDBClient") -> list[str]:
    places = []
    for case in CASES["tables"]:
        table = f"bans-{uuid4()}"
        if "rows" in case:
            make_table(dynamodb, table)
        for pk, sk, attributes in case.get("rows", ()):
            put(dynamodb, table, pk, sk, attributes)
        names = f"#{case['names']}" if "names" in case else ""
        places.append(f"dynamodb://us-west-2/{table}{names}")
    return places


def expected(kind: str) -> dict[str, list[list[str]]]:
    return {case["name"]: [[said, said] for *_, said in case["questions"]] for case in CASES[kind]}


@pytest.fixture(autouse=True)
def _one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gate has a session of its own, which takes half a second to read what services there are."""
    session = boto3.session.Session()
    monkeypatch.setattr("boto3.session.Session", lambda: session)


def python_says(kind: str, places: list[str]) -> dict[str, list[list[str]]]:
    answers = {}
    for place, case in zip(places, CASES[kind], strict=True):
        gate = Gate(place, timeout=20)
        answers[case["name"]] = [
            [checked(gate, user_id, room), admitted(gate, user_id, room)] for user_id, room, _ in case["questions"]
        ]
    return answers


def node_says(gate: Path, kind: str, places: list[str]) -> dict[str, list[list[str]]]:
    asked = [
        {"location": place, "options": {"timeout": 20}, "questions": [question[:2] for question in case["questions"]]}
        for place, case in zip(places, CASES[kind], strict=True)
    ]
    names = [case["name"] for case in CASES[kind]]
    return dict(zip(names, node.ask(gate, NOW, asked), strict=True))


def test_the_names_of_the_cases_are_all_different() -> None:
    for kind in ("documents", "tables"):
        assert len(expected(kind)) == len(CASES[kind]) > 15


def test_python_decides_the_cases_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, NOW)
    assert python_says("documents", in_files(tmp_path)) == expected("documents")


def test_python_decides_the_cases_on_s3(s3: "S3Client", bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, NOW)
    assert python_says("documents", on_s3(s3, bucket)) == expected("documents")


def test_python_decides_the_cases_in_tables(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, NOW)
    assert python_says("tables", in_tables(dynamodb)) == expected("tables")


@node.needs_node
def test_node_decides_the_cases_in_files(tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node_says(gate, "documents", in_files(tmp_path)) == expected("documents")


@node.needs_sdk
def test_node_decides_the_cases_on_s3(s3: "S3Client", bucket: str, tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node_says(gate, "documents", on_s3(s3, bucket)) == expected("documents")


@node.needs_sdk
def test_node_decides_the_cases_in_tables(dynamodb: "DynamoDBClient", tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node_says(gate, "tables", in_tables(dynamodb)) == expected("tables")


@pytest.fixture
def dynalite(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A second DynamoDB on loopback, which somebody else wrote."""
    node_program = shutil.which("node")
    assert node_program is not None
    process = subprocess.Popen(
        [node_program, DYNALITE, "--host", "127.0.0.1", "--port", "0", "--createTableMs", "0"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stdout is not None
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", process.stdout.readline().split()[-1].rstrip("/"))
        monkeypatch.setenv("AWS_REGION", "us-west-2")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not DYNALITE.is_file() or node.NODE is None, reason="dynalite is not in RECONCILER_NODE_MODULES")
def test_both_decide_the_cases_in_the_tables_of_another_dynamodb(
    dynalite: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("dynamodb")
    places = in_tables(client)
    client.close()
    assert node_says(node.laid_out(tmp_path / "lambda"), "tables", places) == expected("tables")
    Clock(monkeypatch, NOW)
    assert python_says("tables", places) == expected("tables")
