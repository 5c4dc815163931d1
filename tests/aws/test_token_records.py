"""Token records, read from moto's DynamoDB and from services that misbehave."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import Message
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from reconciler.aws import token_records
from reconciler.aws.everywhere import Everywhere
from reconciler.aws.sessions import Sessions
from reconciler.aws.token_records import TokenRecords
from reconciler.banlist.value import Access, BanList, DenylistSettings
from reconciler.errors import CallAbandoned, RoomsUnknown
from tests.aws.wire import answering, dripping
from tests.builders import FINALS, LOBBY, NOW
from tests.ci.loopback import serving

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.usefixtures("credentials")

ACCOUNT = "123456789012"
RECENTLY = "2026-11-22T15:00:00Z"
TABLE = "dynamodb://us-west-2/tokens"


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    """The name of a new table."""
    return make_table(dynamodb, pk="S", sk="S")


def make_table(dynamodb: "DynamoDBClient", **keys: Any) -> str:
    name = f"tokens-{uuid4()}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}  # type: ignore[typeddict-item]
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def put(dynamodb: "DynamoDBClient", table: str, user_id: str, room_arn: str, issued_at: str | None = RECENTLY) -> None:
    item: dict[str, Any] = {"pk": {"S": user_id}, "sk": {"S": room_arn}, "ttl": {"N": "1795000000"}}
    if issued_at is not None:
        item["issued_at"] = {"S": issued_at}
    dynamodb.put_item(TableName=table, Item=item)


def records(
    location: str, *, warned: list[str] | None = None, stop: threading.Event | None = None, seconds: float = 60
) -> TokenRecords:
    return TokenRecords(
        location,
        accounts=[ACCOUNT],
        stop=stop or threading.Event(),
        warn=(warned if warned is not None else []).append,
        session=boto3.Session(),
        seconds=seconds,
    )


def rooms_of(table: str, *user_ids: str, warned: list[str] | None = None) -> dict[str, tuple[str, ...]]:
    return records(f"dynamodb://us-west-2/{table}", warned=warned).rooms_of(user_ids, NOW)


def failure(location: str = TABLE, *, seconds: float = 60) -> RoomsUnknown:
    with pytest.raises(RoomsUnknown) as caught:
        records(location, seconds=seconds).rooms_of(["mallory"], NOW)
    assert "mallory" not in str(caught.value)
    return caught.value


@contextmanager
def speaking(monkeypatch: pytest.MonkeyPatch, answer: Any) -> Iterator[None]:
    """In place of DynamoDB, a service that answers so to the JSON of each request."""

    def to_request(_method: str, _path: str, _headers: Message, content: dict[str, Any]) -> tuple[int, object]:
        return answer(content)  # type: ignore[no-any-return]

    with serving(to_request) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        yield


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"sk": {"S": f"arn:aws:ivschat:us-west-2:{ACCOUNT}:room/room{number:08}"}, **more}


def test_nobody_has_no_rooms_and_nobody_is_asked() -> None:
    assert records(TABLE).rooms_of([], NOW) == {}


def test_each_user_has_the_rooms_of_the_records(dynamodb: "DynamoDBClient", table: str) -> None:
    users = ["zed", "00123", " a/b\n", "😀", "\u202eevil", "x" * 128]
    for user_id in users:
        put(dynamodb, table, user_id, LOBBY)
        put(dynamodb, table, user_id + "'s brother", FINALS)
    put(dynamodb, table, "zed", FINALS)
    warned: list[str] = []
    found = rooms_of(table, *users, "nobody", "zed", warned=warned)
    assert found == dict.fromkeys(users, (LOBBY,)) | {"zed": (FINALS, LOBBY), "nobody": ()}
    assert list(found) == [*users, "nobody"]
    assert warned == []


@pytest.mark.parametrize("known", [True, False])
def test_records_count_in_accounts_that_the_list_names(dynamodb: "DynamoDBClient", table: str, known: bool) -> None:
    put(dynamodb, table, "zed", LOBBY)
    ban_list = BanList(
        accounts={ACCOUNT: Access(profile="esports")} if known else {},
        denylist=DenylistSettings("d.json", token_records=f"dynamodb://us-west-2/{table}"),
    )
    warned: list[str] = []
    everywhere = Everywhere(
        ban_list, now=lambda: NOW, stop=threading.Event(), warn=warned.append, sessions=Sessions(ban_list)
    )
    assert everywhere.of(["zed"]) == {"zed": (LOBBY,) if known else ()}
    assert len(warned) == (0 if known else 1)


@pytest.mark.parametrize(
    ("issued_at", "counts"),
    [
        ("2026-11-22T12:59:00Z", True),  # 181 minutes before
        ("2026-11-22T12:58:59.999Z", False),
        ("2026-11-22T13:58:59+01:00", False),
        ("2026-11-22T13:59:00+01:00", True),
        ("2026-11-22T16:00:30Z", True),  # by a clock that is fast
        ("2020-01-01T00:00:00Z", False),
        # Times that cannot be read: to disconnect in vain does no harm.
        ("", True),
        ("yesterday", True),
        ("2020-01-01T00:00:00", True),
        ("1795000000", True),
        (None, True),
    ],
)
def test_a_record_counts_for_as_long_as_its_session_may_last(
    dynamodb: "DynamoDBClient", table: str, issued_at: str | None, counts: bool
) -> None:
    put(dynamodb, table, "zed", LOBBY, issued_at or None)
    assert rooms_of(table, "zed") == {"zed": (LOBBY,) if counts else ()}


def test_time_is_an_argument(dynamodb: "DynamoDBClient", table: str) -> None:
    put(dynamodb, table, "zed", LOBBY, "2031-01-01T00:00:00Z")
    reader = records(f"dynamodb://us-west-2/{table}")
    for minutes, rooms in [(181, (LOBBY,)), (182, ())]:
        now = datetime(2031, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
        assert reader.rooms_of(["zed"], now) == {"zed": rooms}


def test_records_that_lead_to_strange_places_are_left_out_and_counted(dynamodb: "DynamoDBClient", table: str) -> None:
    strange = [
        "*",
        "lobby",
        "bans",
        LOBBY + "\n",
        LOBBY + "/x",
        LOBBY.replace(ACCOUNT, "999999999999"),
        LOBBY.replace(ACCOUNT, "0" + ACCOUNT),
        LOBBY.replace("us-west-2", "us-evil-1"),
        LOBBY.replace("us-west-2", "evil.example"),
        LOBBY.replace("arn:aws:", "arn:aws-cn:"),
        LOBBY.replace("room/", "logging-configuration/"),
        LOBBY.ljust(129, "x"),
    ]
    for room_arn in strange:
        put(dynamodb, table, "zed", room_arn)
    put(dynamodb, table, "zed", LOBBY)
    put(dynamodb, table, "yan", "lobby")
    warned: list[str] = []
    assert rooms_of(table, "zed", "yan", warned=warned) == {"zed": (LOBBY,), "yan": ()}
    assert warned == [
        f"dynamodb://us-west-2/{table}: left out 13 token records: no room's ARN, or a room in an account that the list"
        " does not know or in no region of AWS. Find out who wrote them."
    ]


def test_all_pages_are_read(dynamodb: "DynamoDBClient", table: str) -> None:
    padding = {"padding": {"S": "x" * 390_000}}  # of which three fill a page
    for number in range(8):
        dynamodb.put_item(TableName=table, Item=row(number, pk={"S": "zed"}, **padding))
    page = dynamodb.query(
        TableName=table, KeyConditionExpression="pk = :u", ExpressionAttributeValues={":u": {"S": "zed"}}
    )
    assert page["Count"] < 8
    assert len(rooms_of(table, "zed")["zed"]) == 8


def test_reading_is_consistent_and_asks_for_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def answer(content: dict[str, Any]) -> tuple[int, object]:
        asked.append(content)
        more = {"LastEvaluatedKey": {"pk": {"S": "zed"}, **row(1)}} if len(asked) == 1 else {}
        return 200, {"Items": [row(len(asked))], **more}

    with speaking(monkeypatch, answer):
        assert len(records(TABLE).rooms_of(["zed"], NOW)["zed"]) == 2
    first = {
        "TableName": "tokens",
        "KeyConditionExpression": "pk = :user",
        "ExpressionAttributeValues": {":user": {"S": "zed"}},
        "ProjectionExpression": "sk, issued_at",
        "ConsistentRead": True,
    }
    assert asked == [first, first | {"ExclusiveStartKey": {"pk": {"S": "zed"}, **row(1)}}]


def test_users_are_read_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(8, timeout=60)  # breaks if fewer than eight are asked for at once

    def answer(_content: dict[str, Any]) -> tuple[int, object]:
        together.wait()
        return 200, {"Items": [row(1)]}

    with speaking(monkeypatch, answer):
        found = records(TABLE).rooms_of([f"user{number}" for number in range(8)], NOW)
    assert len(found) == 8


@pytest.mark.parametrize(
    ("limit", "most", "rows", "pages"), [("PAGES_MAX", 7, 0, 7), ("PAGES_MAX", 7, 2, 7), ("ROOMS_MAX", 100, 10, 10)]
)
def test_a_user_whose_records_never_end_is_cut_off_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int, rows: int, pages: int
) -> None:
    monkeypatch.setattr(token_records, limit, most)
    numbers = count()

    def answer(content: dict[str, Any]) -> tuple[int, object]:
        if content["ExpressionAttributeValues"][":user"]["S"] == "yan":
            return 200, {"Items": [row(1)]}
        key = next(numbers)
        items = [row(rows * key + number) for number in range(rows)]
        return 200, {"Items": items, "LastEvaluatedKey": {"pk": {"S": "zed"}, **row(key)}}

    warned: list[str] = []
    with speaking(monkeypatch, answer):
        found = records(TABLE, warned=warned).rooms_of(["zed", "yan"], NOW)
    assert next(numbers) == pages
    assert (len(found["zed"]), len(found["yan"])) == (rows * pages, 1)
    rooms, megabytes = token_records.ROOMS_MAX, token_records.PAGES_MAX
    assert warned == [
        f"{TABLE}: for 1 user, there are more token records than are read ({rooms:,}, or {megabytes} MB). Nobody is"
        " disconnected from the rooms that the rest names. Find out who wrote them."
    ]


def test_no_table_is_an_error_that_names_it(dynamodb: "DynamoDBClient") -> None:
    caught = failure("dynamodb://us-west-2/nowhere")
    assert caught.advice == (
        "dynamodb://us-west-2/nowhere: there is no table nowhere in us-west-2 in the account of the AWS credentials."
        " Correct `denylist.token_records`, or make the table."
    )
    assert caught.answer.startswith("ResourceNotFoundException: ")


@pytest.mark.parametrize("keys", [{"id": "S"}, {"user_id": "S", "sk": "S"}])
def test_a_table_with_other_keys_is_an_error_that_says_which_it_must_have(
    dynamodb: "DynamoDBClient", keys: dict[str, str]
) -> None:
    name = make_table(dynamodb, **keys)
    assert failure(f"dynamodb://us-west-2/{name}").advice == (
        f"dynamodb://us-west-2/{name}: it is no table of token records. Its partition key must be `pk` and its sort key"
        " `sk`, both strings. Correct `denylist.token_records`, or make the table anew."
    )


@pytest.mark.parametrize("keys", [{"pk": "S"}, {"pk": "S", "room": "S"}, {"pk": "S", "sk": "N"}])
def test_a_table_with_another_sort_key_is_recognised_by_its_rows(
    dynamodb: "DynamoDBClient", keys: dict[str, str]
) -> None:
    name = make_table(dynamodb, **keys)
    item: dict[str, Any] = {"pk": {"S": "mallory"}} | ({"sk": {"N": "1"}} if "sk" in keys else {"room": {"S": LOBBY}})
    dynamodb.put_item(TableName=name, Item=item)
    assert "its sort key `sk`, both strings" in str(failure(f"dynamodb://us-west-2/{name}"))


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (
            "com.amazon.coral.service#AccessDeniedException",
            "the AWS credentials may not read it. Allow dynamodb:Query on the table tokens in us-west-2 in their"
            " policy.",
        ),
        (
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "still over the table's capacity after 5 attempts. Raise its read capacity, or switch it to on-demand; then"
            " apply again.",
        ),
        (
            "com.amazon.coral.service#UnrecognizedClientException",
            "AWS does not take the credentials. Renew them, and try again.",
        ),
        (
            "com.amazon.coral.service#ExpiredTokenException",
            "AWS does not take the credentials. Renew them, and try again.",
        ),
        ("com.amazonaws.dynamodb.v20120810#InternalServerError", "the service failed. Try again later."),
    ],
)
def test_an_error_of_the_service_says_what_to_do(monkeypatch: pytest.MonkeyPatch, code: str, advice: str) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with speaking(monkeypatch, lambda _content: (400, {"__type": code, "message": "as it is"})):
        caught = failure()
    assert caught.advice == f"{TABLE}: {advice}"
    assert caught.answer.startswith(f"{code.partition('#')[2]}: as it is (HTTP 400, request ID ")


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "the AWS credentials cannot be used: " in str(failure())


def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    began = monotonic()
    with dripping() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        assert str(failure(seconds=0.3)) == f"{TABLE}: not all was read within 0 s. Try again later."
    assert monotonic() - began < 40


def test_a_run_that_is_to_stop_waits_for_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    with dripping() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        timer = threading.Timer(0.2, stop.set)
        timer.start()
        with pytest.raises(CallAbandoned):
            records(TABLE, stop=stop).rooms_of(["zed"], NOW)
        timer.join()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>Please log in</html>"),
        (200, "application/x-amz-json-1.0", b"{}"),
        (200, "application/x-amz-json-1.0", b'{"Items": null}'),
        (200, "application/x-amz-json-1.0", b'{"Items": [5]}'),
        (200, "application/x-amz-json-1.0", b'{"Items": [{"sk": 5}]}'),
        (200, "application/x-amz-json-1.0", b'{"Items": [{"sk": {"S": 5}}]}'),
        (200, "application/x-amz-json-1.0", b'{"Items": [], "LastEvaluatedKey": 5}'),
        (200, "application/x-amz-json-1.0", b"[" * 200_000),
        (400, "text/plain", b"x" * 1_000_000),
    ],
)
def test_an_answer_that_is_none_of_the_services_is_one_error(
    monkeypatch: pytest.MonkeyPatch, status: int, kind: str, body: bytes
) -> None:
    with answering(status, kind, body) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        assert len(str(failure())) < 2000
