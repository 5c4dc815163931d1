"""Logs on S3: all of them, page by page and piece by piece, and never for ever."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.exceptions import ReadTimeoutError

from reconciler.aws import objects
from reconciler.aws.objects import Object, Objects
from reconciler.chatlogs import logs_at
from reconciler.errors import LogUnreadable
from tests.moto_server import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def prefix() -> str:
    return f"{uuid4()}/AWSLogs/"


def put(s3: "S3Client", key: str, content: bytes, **more: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=content, **more)


def test_every_page_is_read(s3: "S3Client", prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"{prefix}{number:03}.log.gz" for number in range(25)]
    for key in keys:
        put(s3, key, key.encode())
    found = Objects(f"s3://{BUCKET}/{prefix}")
    monkeypatch.setattr(found._s3, "list_objects_v2", partial(found._s3.list_objects_v2, MaxKeys=10))
    assert [listed.key for listed in found.listed()] == keys
    assert [b"".join(found.pieces(listed)) for listed in found.listed()] == [key.encode() for key in keys]


def test_what_is_no_log_is_passed_over(s3: "S3Client", prefix: str) -> None:
    put(s3, f"{prefix}folder/", b"")
    put(s3, f"{prefix}aws-logs-write-test", b"Permission Check Successful")
    put(s3, f"{prefix}x.log", b"x")
    put(s3, f"{prefix}x.log.old", b"x")
    named = f"s3://{BUCKET}/{prefix}x.log"
    assert [(log.name, log.place, log.asked_for) for log in logs_at(named)] == [
        (named, f"{prefix}x.log", True),
        (f"{named}.old", f"{prefix}x.log.old", False),
    ]
    assert len(list(logs_at(f"s3://{BUCKET}/{prefix}"))) == 2


def test_objects_that_were_last_written_before_are_passed_over(s3: "S3Client", prefix: str) -> None:
    put(s3, f"{prefix}x.log", b"x")
    now = datetime.now(UTC)
    where = f"s3://{BUCKET}/{prefix}"
    assert len(list(logs_at(where, since=now - timedelta(hours=1)))) == 1
    assert list(logs_at(where, since=now + timedelta(hours=1))) == []


def test_a_large_object_comes_in_pieces_as_it_is_stored(s3: "S3Client", prefix: str) -> None:
    content = gzip.compress(bytes(range(256)) * 20_000, compresslevel=0)
    put(s3, f"{prefix}x", content, ContentEncoding="gzip")
    found = Objects(f"s3://{BUCKET}/{prefix}")
    (listed,) = found.listed()
    pieces = list(found.pieces(listed))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 2**20


class Cut:
    """The body of an object that breaks off now and then."""

    def __init__(self, body: Any, pieces: int) -> None:
        self._body, self._left = body, pieces

    def read(self, size: int) -> bytes:
        if not self._left:
            raise ReadTimeoutError(endpoint_url="https://s3")
        self._left -= 1
        read: bytes = self._body.read(size)
        return read

    def close(self) -> None:
        self._body.close()


def test_a_body_that_breaks_off_is_read_on_from_there(
    s3: "S3Client", prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 40_000
    put(s3, f"{prefix}x", content)
    found = Objects(f"s3://{BUCKET}/{prefix}")
    (listed,) = found.listed()
    get, asked = found._s3.get_object, []

    def cut(pieces: int, **arguments: Any) -> dict[str, Any]:
        asked.append(arguments.get("Range"))
        return {"Body": Cut(get(**arguments)["Body"], pieces)}

    monkeypatch.setattr(found._s3, "get_object", partial(cut, 3))
    assert b"".join(found.pieces(listed)) == content
    assert asked == [None, "bytes=3145728-", "bytes=6291456-", "bytes=9437184-"]
    asked.clear()
    monkeypatch.setattr(found._s3, "get_object", partial(cut, 0))
    with pytest.raises(LogUnreadable, match=r"x cannot be read: Read timeout"):
        list(found.pieces(listed))
    assert len(asked) == 4


def listed(number: int, size: int = 10) -> Object:
    return Object(f"{number:04}", '"e"', size, datetime.now(UTC))


def test_small_objects_are_read_ahead_in_order_and_no_further_than_memory_allows(
    credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Objects(f"s3://{BUCKET}")
    asked: list[str] = []

    def pieces(one: Object) -> Iterator[bytes]:
        asked.append(one.key)
        if one.key == "0007":
            raise LogUnreadable("0007 cannot be read: denied.")
        yield one.key.encode()

    monkeypatch.setattr(found, "listed", lambda: map(listed, range(500)))
    monkeypatch.setattr(found, "pieces", pieces)
    read = []
    for number, (one, content) in enumerate(found.contents(lambda one: one.key != "0003")):
        assert len(asked) <= number + objects._AHEAD + 1
        if one.key == "0007":
            with pytest.raises(LogUnreadable, match="denied"):
                content()
        else:
            read.append((one.key, b"".join(content()).decode()))
    assert read == [(f"{number:04}",) * 2 for number in range(500) if number not in {3, 7}]


def test_large_objects_are_read_when_it_is_their_turn(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Objects(f"s3://{BUCKET}")
    asked: list[str] = []
    monkeypatch.setattr(found, "listed", lambda: (listed(number, 2**21) for number in range(10)))

    def pieces(one: Object) -> Iterator[bytes]:
        asked.append(one.key)
        yield b"x"

    monkeypatch.setattr(found, "pieces", pieces)
    contents = [content for _, content in found.contents(lambda _: True)]
    assert asked == []
    assert [b"".join(content()) for content in contents] == [b"x"] * 10


def test_an_object_that_changes_meanwhile_is_not_mixed(s3: "S3Client", prefix: str) -> None:
    put(s3, f"{prefix}x", b"one")
    found = Objects(f"s3://{BUCKET}/{prefix}")
    (listed,) = found.listed()
    put(s3, f"{prefix}x", b"two")
    with pytest.raises(LogUnreadable, match="it has changed since it was listed"):
        list(found.pieces(listed))


def test_a_piece_that_never_comes_is_given_up(s3: "S3Client", prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Objects(f"s3://{BUCKET}/{prefix}")
    monkeypatch.setattr(objects, "_SECONDS", 0.01)
    put(s3, f"{prefix}x", b"one")

    class Silent:
        def read(self, size: int) -> bytes:
            from threading import Event

            Event().wait(60)
            return b""

        def close(self) -> None:
            pass

    monkeypatch.setattr(found, "_body", lambda _listed, _start: Silent())
    with pytest.raises(LogUnreadable, match="no answer came within"):
        list(found.pieces(Object("x", '"e"', 3, datetime.now(UTC))))


def test_a_listing_that_goes_in_a_circle_ends(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    found = Objects(f"s3://{BUCKET}")
    page = {"Contents": [], "IsTruncated": True, "NextContinuationToken": "again"}
    monkeypatch.setattr(found._s3, "list_objects_v2", lambda **_: page)
    assert list(found.listed()) == []


def test_what_is_wrong_is_said_with_what_to_allow(s3: "S3Client") -> None:
    advice = r"s3://nobodys/x cannot be read: .*NoSuchBucket.* Make it, or correct its name\.$"
    with pytest.raises(LogUnreadable, match=advice):
        list(logs_at("s3://nobodys/x"))
    with pytest.raises(LogUnreadable, match="s3://BUCKET/PREFIX"):
        list(logs_at("s3:///x"))
