"""A denylist in a table: its rows, what it leaves alone, and what happens when DynamoDB throttles, fails or refuses."""

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.bans import BanKey
from reconciler.denylist.value import Contents, End, Head
from reconciler.errors import (
    DenylistChanged,
    DenylistDamaged,
    DenylistError,
    DenylistForeign,
    DenylistUnreadable,
    DenylistUnwritable,
)
from reconciler.publishers.dynamodb import DynamoDBPublisher
from reconciler.publishers.table import PAUSES
from tests.builders import LINEAGE, LOBBY, NOW, TOMORROW
from tests.denylist.builders import A_EVERYWHERE, A, B, C, head
from tests.publishers.places import REGION, Place, make_table, table
from tests.publishers.wire import Answer, answering, error

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MANY: dict[BanKey, End] = {BanKey(LOBBY, f"user{number}"): None for number in range(1000)}
THROTTLED = error("ProvisionedThroughputExceededException")
OVERLOADED = error("InternalServerError", status=500)


@pytest.fixture(params=["dynamodb", "dynalite"])
def client(request: pytest.FixtureRequest) -> "DynamoDBClient":
    client: DynamoDBClient = request.getfixturevalue(request.param)
    return client


@pytest.fixture
def place(client: "DynamoDBClient") -> Place:
    return table(client)


@pytest.fixture
def moto(dynamodb: "DynamoDBClient") -> Place:
    """For what our side of the wire does, one DynamoDB is enough."""
    return table(dynamodb)


def begun(place: Place, name: str = "bans") -> DynamoDBPublisher:
    publisher = place.publisher(name)
    assert isinstance(publisher, DynamoDBPublisher)
    publisher.begin(LINEAGE, 90)
    return publisher


def publish(place: Place, entries: dict[BanKey, End], name: str = "bans") -> None:
    publisher = begun(place, name)
    assert publisher.publish(entries) == {}
    publisher.end(len(entries))


def wire(publisher: DynamoDBPublisher) -> Any:
    return publisher._table._client


def rows(client: "DynamoDBClient", place: Place) -> list[dict[str, Any]]:
    found = client.scan(TableName=name_of(place), ConsistentRead=True)["Items"]
    return sorted(map(dict, found), key=lambda row: (row["pk"]["S"], row["sk"]["S"]))


def name_of(place: Place) -> str:
    return place.location.rpartition("/")[2]


def put(client: "DynamoDBClient", place: Place, **attributes: Any) -> None:
    client.put_item(TableName=name_of(place), Item=attributes)


def test_the_rows_are_those_of_the_documentation(client: "DynamoDBClient", place: Place) -> None:
    publish(place, {A: None, A_EVERYWHERE: TOMORROW})
    place.publisher().put_provisional({B: TOMORROW, BanKey("*", "b"): TOMORROW})
    published, end = {"S": "2026-11-22T16:00:00Z"}, {"S": "2026-11-23T16:00:00Z"}
    a_week_later = {"N": "1796054400"}
    assert rows(client, place) == [
        {
            "pk": {"S": "head"},
            "sk": {"S": "bans"},
            "lineage": {"S": LINEAGE},
            "serial": {"N": "1"},
            "count": {"N": "2"},
            "settle_after": {"N": "90"},
            "published_at": published,
            "open": {"BOOL": False},
        },
        {
            "pk": {"S": "user#a"},
            "sk": {"S": "ban#*#bans"},
            "published_at": published,
            "expires_at": end,
            "ttl": a_week_later,
        },
        {"pk": {"S": "user#a"}, "sk": {"S": f"ban#{LOBBY}#bans"}, "published_at": published},
        {
            "pk": {"S": "user#b"},
            "sk": {"S": "now#*"},
            "published_at": published,
            "expires_at": end,
            "ttl": a_week_later,
        },
        {
            "pk": {"S": "user#b"},
            "sk": {"S": f"now#{LOBBY}"},
            "published_at": published,
            "expires_at": end,
            "ttl": a_week_later,
        },
    ]


def test_lists_that_share_a_table_leave_each_others_rows_alone(place: Place) -> None:
    publish(place, {A: None, B: None})
    publish(place, {A: TOMORROW, C: None}, "ban")
    publish(place, {C: TOMORROW}, "x.bans")
    place.publisher().put_provisional({C: TOMORROW})
    assert place.read() == Contents(head(2), {A: None, B: None}, {C: TOMORROW})
    publisher = begun(place)
    publisher.publish({}, remove=[A, B])
    publisher.end(0)
    place.publisher().retire(LINEAGE)
    assert place.read("ban") == Contents(head(2), {A: TOMORROW, C: None}, {C: TOMORROW})
    assert place.read("x.bans") == Contents(head(1), {C: TOMORROW}, {C: TOMORROW})


def test_rows_of_others_are_neither_read_nor_removed(client: "DynamoDBClient", place: Place) -> None:
    publish(place, {A: None})
    others = [
        {"pk": "user#a", "sk": "ban#lobby#bans"},
        {"pk": "user#a", "sk": "ban#bans"},
        {"pk": "user#a", "sk": f"ban#{LOBBY}#more#bans"},
        {"pk": "user#a", "sk": "now#lobby"},
        {"pk": "user#a", "sk": "profile"},
        {"pk": "a", "sk": f"ban#{LOBBY}#bans"},
    ]
    for other in others:
        put(client, place, pk={"S": other["pk"]}, sk={"S": other["sk"]})
    assert place.read() == Contents(head(1), {A: None})
    assert place.publisher().read_user("a").bans.keys() <= {A}
    place.publisher().retire(LINEAGE)
    assert len(rows(client, place)) == len(others)


def test_all_pages_are_read(client: "DynamoDBClient", place: Place) -> None:
    publish(place, {})
    for number in range(30):  # 6 MB, where a page has one
        row = {"pk": {"S": "user#x"}, "sk": {"S": f"ban#arn:aws:ivschat:eu-west-1:1:room/{number}#bans"}}
        put(client, place, **row, filling={"S": "x" * 200_000})
    assert len(place.read().bans) == 30
    assert len(place.publisher().read_user("x").bans) == 30


def test_an_end_that_is_no_time_is_long_ago_so_that_it_is_repaired(client: "DynamoDBClient", place: Place) -> None:
    publish(place, {A: None})
    put(client, place, pk={"S": "user#a"}, sk={"S": f"ban#{LOBBY}#bans"}, expires_at={"S": "soon"})
    end = place.read().bans[A]
    assert end is not None
    assert end.year == 1


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("serial", None, "its attribute serial is missing, or not of the type N"),
        ("serial", {"S": "1"}, "its attribute serial is missing, or not of the type N"),
        ("serial", {"N": "1.5"}, "its attribute serial is missing, or not of the type N"),
        ("lineage", {"N": "1"}, "its attribute lineage is missing, or not of the type S"),
        ("published_at", {"S": "now"}, "its attribute published_at is no time: "),
    ],
)
def test_a_damaged_head_is_not_written_over(
    client: "DynamoDBClient", place: Place, attribute: str, value: dict[str, str] | None, why: str
) -> None:
    publish(place, {A: None})
    broken = rows(client, place)[0]
    del broken[attribute]
    put(client, place, **broken | ({attribute: value} if value else {}))
    before = rows(client, place)
    with pytest.raises(DenylistDamaged) as caught:
        begun(place)
    assert str(caught.value).startswith(f"{place.location}: the row with the pk head and the sk bans is damaged: {why}")
    assert rows(client, place) == before


def test_an_adopted_denylist_is_ours_before_its_first_row_is_changed(place: Place) -> None:
    publish(place, {A: None})
    adopting = place.publisher()
    adopting.begin("another", 90, adopt=True)
    assert place.read().head == Head("another", 2, 1, 90, NOW, open=True)
    with pytest.raises(DenylistForeign):
        begun(place)


def test_a_head_that_is_gone_meanwhile_is_not_made_anew(client: "DynamoDBClient", place: Place) -> None:
    publish(place, {A: None})
    publisher = begun(place)
    client.delete_item(TableName=name_of(place), Key={"pk": {"S": "head"}, "sk": {"S": "bans"}})
    with pytest.raises(DenylistChanged):
        publisher.end(1)
    assert place.publisher().read_head() is None


def test_what_is_left_of_a_retirement_that_was_killed_goes_with_the_next(
    client: "DynamoDBClient", place: Place
) -> None:
    publish(place, {A: None})
    client.delete_item(TableName=name_of(place), Key={"pk": {"S": "head"}, "sk": {"S": "bans"}})
    place.publisher().retire(LINEAGE)
    assert rows(client, place) == []


def test_unprocessed_rows_are_sent_again(moto: Place) -> None:
    publisher = begun(moto)
    everything = iter(range(3))

    def give_back(body: bytes) -> Answer | None:
        return None if next(everything, None) is None else (200, {"UnprocessedItems": json.loads(body)["RequestItems"]})

    requests = answering(wire(publisher), "BatchWriteItem", give_back)
    entries = dict(list(MANY.items())[:20])
    assert publisher.publish(entries) == {}
    assert moto.read().bans == entries
    assert len(requests) == 4
    for pause, most in zip(moto.pauses, PAUSES[1:], strict=False):
        assert most / 2 <= pause <= most


def test_a_table_that_takes_a_row_at_a_time_is_not_given_up(moto: Place) -> None:
    publisher = begun(moto)

    def take_one(body: bytes) -> Answer | None:
        [(name, requests)] = json.loads(body)["RequestItems"].items()
        return (200, {"UnprocessedItems": {name: requests[1:]}}) if len(requests) > 1 else None

    requests = answering(wire(publisher), "BatchWriteItem", take_one)
    assert publisher.publish(dict(list(MANY.items())[:25])) == {}
    assert len(requests) == 25
    assert max(moto.pauses) <= PAUSES[0]


@pytest.mark.parametrize("how", ["unprocessed", "throttled"])
def test_a_table_that_takes_nothing_is_given_up_after_a_minute(moto: Place, how: str) -> None:
    publisher = begun(moto)

    def refuse(body: bytes) -> Answer:
        return THROTTLED if how == "throttled" else (200, {"UnprocessedItems": json.loads(body)["RequestItems"]})

    requests = answering(wire(publisher), "BatchWriteItem", refuse)
    failed = publisher.publish(MANY, remove=[A])
    assert failed.keys() == {*MANY, A}
    assert {type(failure) for failure in failed.values()} == {DenylistUnwritable}
    assert {str(failure) for failure in failed.values()} == {
        f"{moto.location}: the table {name_of(moto)} has done nothing for a minute, since it is throttled. Raise its"
        " capacity, or switch it to on-demand, and run this again."
    }
    assert 30 * 8 <= sum(moto.pauses) <= 70 * 8
    assert len(requests) <= 8 * (len(PAUSES) + 1)


def test_what_is_throttled_for_a_while_is_written(moto: Place) -> None:
    publisher = begun(moto)
    throttle = iter(range(30))
    answering(wire(publisher), "BatchWriteItem", lambda _body: None if next(throttle, None) is None else THROTTLED)
    assert publisher.publish(MANY) == {}
    publisher.end(len(MANY))
    assert moto.read() == Contents(head(1000), MANY)


def test_when_half_of_the_batches_fail_the_other_half_is_published(moto: Place) -> None:
    publisher = begun(moto)
    answering(wire(publisher), "BatchWriteItem", lambda body: OVERLOADED if b'"user#bad' in body else None)
    entries: dict[BanKey, End] = {}
    for batch in range(60):  # by turns
        kind = "bad" if batch % 2 else "good"
        entries |= {BanKey(LOBBY, f"{kind}{batch}-{number}"): None for number in range(25)}
    failed = publisher.publish(entries)
    assert failed.keys() == {key for key in entries if key.user_id.startswith("bad")}
    assert moto.read().bans.keys() == {key for key in entries if key.user_id.startswith("good")}
    assert moto.publisher().read_head() is None  # the first publication is not whole
    assert {str(failure) for failure in failed.values()} == {
        f"{moto.location}: An error occurred (InternalServerError) when calling the BatchWriteItem operation: said the"
        " service."
    }


def test_a_provisional_entry_stays_when_its_ban_could_not_be_published(moto: Place) -> None:
    publish(moto, {})
    moto.publisher().put_provisional({A: TOMORROW, B: TOMORROW})
    publisher = begun(moto)
    answering(wire(publisher), "BatchWriteItem", lambda body: OVERLOADED if b"PutRequest" in body else None)
    assert publisher.publish({A: None}, superseded=[A, B]).keys() == {A}
    assert moto.read().provisional == {A: TOMORROW}


def test_faults_without_an_end_are_given_up_before_every_batch_was_tried(moto: Place) -> None:
    publisher = begun(moto)
    requests = answering(wire(publisher), "BatchWriteItem", lambda _body: OVERLOADED)
    many = {BanKey(LOBBY, f"user{number}"): None for number in range(5000)}
    assert publisher.publish(many).keys() == many.keys()
    assert len(requests) <= 6 * (16 + 8)


DENIED = (
    "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: dynamodb:BatchWriteItem on resource:"
    " arn:aws:dynamodb:us-west-2:123456789012:table/denylist because no identity-based policy allows the"
    " dynamodb:BatchWriteItem action"
)


def test_what_is_denied_is_not_tried_again_and_again(moto: Place) -> None:
    publisher = begun(moto)
    requests = answering(wire(publisher), "BatchWriteItem", lambda _body: error("AccessDeniedException", DENIED))
    failed = publisher.publish(MANY)
    assert failed.keys() == MANY.keys()
    assert len(requests) <= 8
    assert [str(failure) for failure in failed.values()][-1] == (
        f"{moto.location}: An error occurred (AccessDeniedException) when calling the BatchWriteItem operation:"
        f" {DENIED}."
        " Allow dynamodb:BatchWriteItem on arn:aws:dynamodb:us-west-2:123456789012:table/denylist."
    )


def test_a_run_that_is_told_to_stop_publishes_nothing_more(moto: Place) -> None:
    publish(moto, {A: None})
    publisher = begun(moto)
    moto.stopped = True
    failed = publisher.publish(MANY, remove=[A])
    assert failed.keys() == {*MANY, A}
    assert {str(failure) for failure in failed.values()} == {
        f"The run was stopped before it was done with {moto.location}."
    }
    assert moto.read().bans == {A: None}


def test_a_key_that_is_to_be_published_and_removed_is_published(place: Place) -> None:
    publisher = begun(place)
    assert publisher.publish({A: None}, remove=[A, B, B]) == {}
    assert place.read().bans == {A: None}


def test_a_head_whose_answer_is_lost_is_recognised_as_our_own(moto: Place, dynamodb: "DynamoDBClient") -> None:
    publish(moto, {A: None})
    publisher = begun(moto)
    tries = count()

    def lose_answer(body: bytes) -> Answer | None:
        if next(tries):
            return None
        dynamodb.put_item(TableName=name_of(moto), Item=json.loads(body)["Item"])
        return OVERLOADED

    answering(wire(publisher), "PutItem", lose_answer)
    publisher.end(1)
    assert moto.publisher().read_head() == head(1, serial=2)


def test_an_answer_from_somebody_else_is_no_answer(moto: Place) -> None:
    publisher = begun(moto)
    for operation in ("GetItem", "BatchWriteItem", "Scan"):
        answering(wire(publisher), operation, lambda _body: (200, "<html>Log in</html>"))
    for read in (publisher.read_head, publisher.read, lambda: publisher.begin(LINEAGE, 90)):
        with pytest.raises(DenylistUnreadable, match="the answer did not come from DynamoDB"):
            read()
    assert "did not come from DynamoDB" in str(publisher.publish({A: None})[A])


def test_no_table_is_said_with_the_key_to_create_it_with(client: "DynamoDBClient", place: Place) -> None:
    place.location = f"dynamodb://{REGION}/nobody-made-it"
    with pytest.raises(DenylistUnreadable) as caught:
        place.publisher().read()
    assert str(caught.value) == (
        f"dynamodb://{REGION}/nobody-made-it: there is no table nobody-made-it in {REGION} of this account. Create it"
        " with the partition key pk and the sort key sk, both of type S."
    )
    assert isinstance(place.publisher().put_provisional({A: TOMORROW})[A], DenylistError)


def test_a_table_with_another_key_is_said_to_have_one(client: "DynamoDBClient", place: Place) -> None:
    place.location = f"dynamodb://{REGION}/{make_table(client, pk='id')}"
    with pytest.raises(DenylistUnreadable, match="has another key"):
        place.publisher().read_head()


def test_a_table_that_keeps_rows_for_ever_is_noticed(moto: Place, dynamodb: "DynamoDBClient") -> None:
    publisher = moto.publisher()
    assert isinstance(publisher, DynamoDBPublisher)
    rest = ": rows stay for ever."
    assert publisher.ttl_problem() == f"Time to Live of the table {name_of(moto)} is switched off{rest}"
    for attribute, problem in (("other", "is by the attribute other"), ("ttl", None)):
        specification = {"Enabled": True, "AttributeName": attribute}
        dynamodb.update_time_to_live(TableName=name_of(moto), TimeToLiveSpecification=specification)  # type: ignore
        found = publisher.ttl_problem()
        assert found == (problem and f"Time to Live of the table {name_of(moto)} {problem}{rest}")


@pytest.mark.parametrize(
    "location",
    ["dynamodb://", "dynamodb://us-west-2", "dynamodb://us-west-2/", "dynamodb:///table", "dynamodb://a_b/table"],
)
def test_a_location_without_a_region_or_a_table_is_refused(location: str) -> None:
    with pytest.raises(DenylistUnreadable, match="is dynamodb://REGION/TABLE, such as dynamodb://us-west-2/denylist"):
        Place(location, another=lambda: Place(location, another=NotImplemented)).publisher()
