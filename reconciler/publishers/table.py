"""A table of DynamoDB with the key `pk`, `sk`: many rows written side by side, and whatever is throttled sent again.

Facts about the service: API reference of DynamoDB 2012-08-10. BatchWriteItem takes 25 rows, and gives back in
`UnprocessedItems` those that it did not get to, which are to be sent again after pauses that grow.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from itertools import chain
from secrets import SystemRandom
from threading import Event
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore import exceptions as boto

from reconciler.aws.clients import ERRORS, answered, code_of, config, session, why
from reconciler.aws.endpoint import is_host_of_aws
from reconciler.bans import BanKey
from reconciler.denylist.rows import Row, RowKey, Value
from reconciler.errors import CallAbandoned, DenylistError, DenylistGone, DenylistUnreadable, DenylistUnwritable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH: Final = 25  # rows in a BatchWriteItem
WRITERS: Final = 8  # batches side by side
SEGMENTS: Final = 4  # of the table, read side by side

# Seconds before a call is tried again, up to half less by chance so that the threads do not all come back at once.
# When a table has taken nothing after all of them, about a minute, it is given up.
PAUSES: Final = tuple(min(5.0, 0.05 * 2**attempt) for attempt in range(18))
_FAULT_PAUSES: Final = 5  # so many of them for faults that are no throttling
_SECONDS: Final = 25.0  # for one attempt: no byte may come for 15 s, and an answer of 1 MB takes less than 10
_GIVE_UP: Final = 16  # batches that fail one after another by faults; the rest is not tried

_THROTTLED: Final = {
    *("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded")
}
_LOCATION: Final = re.compile(r"dynamodb://(?P<region>[a-z0-9-]+)/(?P<table>[A-Za-z0-9_.-]{3,255})")
_JITTER: Final = SystemRandom()

_T = TypeVar("_T")
_R = TypeVar("_R")
_Answer = TypeVar("_Answer", bound=Mapping[str, Any])
_Typed = dict[str, dict[str, Any]]  # values as DynamoDB writes them: {"pk": {"S": "text"}}
_Change = Callable[[BanKey], tuple[RowKey, Row | None]]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is to hold for a row.

    Attributes:
        expression: as DynamoDB writes it.
        values: what `:name` stands for in it.
        names: what `#name` stands for in it.
    """

    expression: str
    values: Mapping[str, Value]
    names: Mapping[str, str]

    def asked(self) -> dict[str, Any]:
        """The arguments of a request that depends on it."""
        asked: dict[str, Any] = {"ConditionExpression": self.expression}
        if self.values:
            asked["ExpressionAttributeValues"] = _typed(self.values)
        if self.names:
            asked["ExpressionAttributeNames"] = dict(self.names)
        return asked


class Table:
    """A table, by its location. Whatever may go well the next time is tried again.

    Args:
        location: `dynamodb://REGION/TABLE`.
        sleep: waits that many seconds; returns True if the run is to stop. Called from several threads.
        profile: of the AWS configuration.

    Raises:
        DenylistUnreadable: there can be no table at this location.
    """

    def __init__(self, location: str, sleep: Callable[[float], bool], profile: str | None) -> None:
        match = _LOCATION.fullmatch(location)
        if match is None:
            raise DenylistUnreadable(
                f"{location}: a denylist in DynamoDB is dynamodb://REGION/TABLE, such as dynamodb://us-west-2/denylist"
            )
        self._location = location
        self._region, self._table = match["region"], match["table"]
        self._sleep = sleep
        self._profile = profile
        self._abandoned = Event()

    @property
    def is_on_aws(self) -> bool:
        """Whether the table is on AWS, as opposed to a stand-in for it. Raises DenylistUnreadable."""
        return is_host_of_aws(self._client.meta.endpoint_url)

    def get(self, key: RowKey) -> Row | None:
        """The row as it is now; None if there is none. Raises DenylistUnreadable."""
        get = partial(self._client.get_item, TableName=self._table, Key=_typed(key._asdict()), ConsistentRead=True)
        item = self._call(get, DenylistUnreadable).get("Item")
        return _plain(item) if item else None

    def put(self, row: Row, condition: Condition) -> bool:
        """Write a row if the condition holds; False if it does not. Raises DenylistUnwritable."""
        put = partial(self._client.put_item, TableName=self._table, Item=_typed(row), **condition.asked())
        return self._if_it_holds(put)

    def delete(self, key: RowKey, condition: Condition) -> bool:
        """Remove a row if the condition holds; False if it does not. Raises DenylistUnwritable."""
        typed = _typed(key._asdict())
        return self._if_it_holds(
            partial(self._client.delete_item, TableName=self._table, Key=typed, **condition.asked())
        )

    def scan(self, attributes: str, condition: Condition) -> Iterator[Row]:
        """All rows for which the condition holds, as they are now, with these attributes.

        Raises:
            DenylistUnreadable: they cannot be read.
        """
        asked = condition.asked()
        scan = partial(
            self._client.scan,
            TableName=self._table,
            ConsistentRead=True,
            ProjectionExpression=attributes,
            FilterExpression=asked.pop("ConditionExpression"),
            TotalSegments=SEGMENTS,
            **asked,
        )

        def read(segment: int) -> list[Row]:
            answer = self._call(partial(scan, Segment=segment), DenylistUnreadable)
            rows = [_plain(item) for item in answer["Items"]]
            while last := answer.get("LastEvaluatedKey"):
                answer = self._call(partial(scan, Segment=segment, ExclusiveStartKey=last), DenylistUnreadable)
                rows.extend(_plain(item) for item in answer["Items"])
            return rows

        yield from chain.from_iterable(self._side_by_side(SEGMENTS, read, range(SEGMENTS)))

    def query(self, pk: str, attributes: str) -> Iterator[Row]:
        """All rows with this partition key, as they are now, with these attributes. Raises DenylistUnreadable."""
        query = partial(
            self._client.query,
            TableName=self._table,
            ConsistentRead=True,
            ProjectionExpression=attributes,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=_typed({":pk": pk}),
        )
        answer = self._call(query, DenylistUnreadable)
        yield from map(_plain, answer["Items"])
        while last := answer.get("LastEvaluatedKey"):
            answer = self._call(partial(query, ExclusiveStartKey=last), DenylistUnreadable)
            yield from map(_plain, answer["Items"])

    def write(self, keys: Iterable[BanKey], change: _Change) -> dict[BanKey, DenylistError]:
        """Write and remove rows, many at a time.

        Args:
            keys: each once.
            change: the row of a key, another for each: its primary key, and what is in it; None removes it.

        Returns:
            Those that failed. All others are acknowledged.
        """
        every = list(keys)
        batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
        run = _Run()
        failed: dict[BanKey, DenylistError] = {}
        for failures in self._side_by_side(WRITERS, lambda batch: self._write_batch(batch, change, run), batches):
            failed.update(failures)
        return failed

    def ttl_problem(self) -> str | None:
        """What is wrong with how the table removes rows that have ended; None if nothing is.

        Raises:
            DenylistUnreadable: it cannot be found out.
        """
        describe = partial(self._client.describe_time_to_live, TableName=self._table)
        ttl = self._call(describe, DenylistUnreadable)["TimeToLiveDescription"]
        status, attribute = ttl.get("TimeToLiveStatus", "DISABLED"), ttl.get("AttributeName")
        if status in ("ENABLED", "ENABLING") and attribute == "ttl":
            return None
        said = f"by the attribute {attribute}" if status in ("ENABLED", "ENABLING") else "switched off"
        return f"Time to Live of the table {self._table} is {said}: rows stay for ever."

    def _side_by_side(self, threads: int, do: Callable[[_T], _R], of: Iterable[_T]) -> Iterator[_R]:
        with ThreadPoolExecutor(threads) as pool:
            try:
                yield from pool.map(do, of)
            except BaseException:  # an interruption too is not to wait for answers
                self._abandoned.set()
                raise

    def _write_batch(self, batch: Sequence[BanKey], change: _Change, run: "_Run") -> Mapping[BanKey, DenylistError]:
        if run.hopeless is not None:
            return dict.fromkeys(batch, run.hopeless)
        left: dict[RowKey, tuple[BanKey, dict[str, Any]]] = {}
        for key in batch:
            row_key, row = change(key)
            if row is None:
                left[row_key] = key, {"DeleteRequest": {"Key": _typed(row_key._asdict())}}
            else:
                left[row_key] = key, {"PutRequest": {"Item": _typed(row)}}
        try:
            self._send(left)
        except DenylistError as error:
            run.failed_in_a_row += 1
            if not _is_fault(error.__cause__) or run.failed_in_a_row >= _GIVE_UP:
                run.hopeless = error
            return dict.fromkeys((key for key, _ in left.values()), error)
        run.failed_in_a_row = 0
        return {}

    def _send(self, left: dict[RowKey, tuple[BanKey, dict[str, Any]]]) -> None:
        """Send a batch until nothing of it is left. Raises DenylistUnwritable, with what is left in `left`."""
        attempt = 0
        while True:
            self._pause(0)
            requests: Any = {self._table: [request for _, request in left.values()]}
            answer = self._call(partial(self._client.batch_write_item, RequestItems=requests), DenylistUnwritable)
            unprocessed = {_row_key(request) for request in answer["UnprocessedItems"].get(self._table, [])}
            # As long as the table takes some of it, there is no reason to give up, nor to wait ever longer.
            attempt = max(0, attempt - 1) if len(unprocessed) < len(left) else attempt + 1
            for row_key in left.keys() - unprocessed:
                del left[row_key]
            if not left:
                return
            if attempt >= len(PAUSES):
                raise DenylistUnwritable(self._throttled())
            self._pause(PAUSES[attempt])

    def _if_it_holds(self, call: Callable[[], Mapping[str, Any]]) -> bool:
        try:
            self._call(call, DenylistUnwritable)
        except DenylistUnwritable as error:
            if isinstance(error.__cause__, boto.ClientError) and code_of(error.__cause__) == _DOES_NOT_HOLD:
                return False
            raise
        return True

    def _call(self, call: Callable[[], _Answer], failed: type[DenylistError]) -> _Answer:
        """Make a call, again and again if need be. Raises `failed`, from the error of the last."""
        attempt = 0
        while True:
            try:
                answer = answered(call, seconds=_SECONDS, stopped=self._is_stopped)
            except CallAbandoned as error:
                raise failed(self._stopped) from error
            except (*ERRORS, TimeoutError) as error:
                pauses = len(PAUSES) if code_of(error) in _THROTTLED else _FAULT_PAUSES if _is_fault(error) else 0
                if attempt >= pauses:
                    gone = failed is DenylistUnreadable and code_of(error) == _NO_SUCH_TABLE
                    raise (DenylistGone if gone else failed)(self._said(error)) from error
            else:
                if "RequestId" in answer["ResponseMetadata"]:
                    return answer
                raise failed(
                    f"{self._location}: the answer did not come from DynamoDB. Check the endpoint URL and any proxy."
                )
            self._pause(PAUSES[attempt])
            attempt += 1

    def _is_stopped(self) -> bool:
        return self._abandoned.is_set() or self._sleep(0)

    def _pause(self, seconds: float) -> None:
        if self._sleep(seconds * _JITTER.uniform(0.5, 1.0)) or self._abandoned.is_set():
            raise DenylistUnwritable(self._stopped)

    @property
    def _stopped(self) -> str:
        return f"The run was stopped before it was done with {self._location}."

    def _said(self, error: Exception) -> str:
        """What went wrong, and what to do about it."""
        if code_of(error) in _THROTTLED:
            return self._throttled()
        if isinstance(error, boto.HTTPClientError | boto.ConnectionError | TimeoutError):
            what = str(error) or "no whole answer came in time"
            return f"{self._location}: {what.rstrip('.')}. Check the network, the region and the endpoint URL."
        match code_of(error):
            case _ if code_of(error) == _NO_SUCH_TABLE:
                return (
                    f"{self._location}: there is no table {self._table} in {self._region} of this account. Create it"
                    " with the partition key pk and the sort key sk, both of type S."
                )
            case "ValidationException" if "key" in str(error).lower():
                return (
                    f"{self._location}: the table {self._table} has another key. It must have the partition key pk and"
                    f" the sort key sk, both of type S. DynamoDB says: {why(error, needed='')}."
                )
        table = f"arn:aws:dynamodb:{self._region}:ACCOUNT:table/{self._table}"
        needed = ", ".join(f"dynamodb:{action}" for action in ACTIONS)
        return f"{self._location}: {why(error, needed=f'{needed} on {table}')}."

    def _throttled(self) -> str:
        return (
            f"{self._location}: the table {self._table} has done nothing for a minute, since it is throttled. Raise its"
            " capacity, or switch it to on-demand, and run this again."
        )

    @cached_property
    def _client(self) -> "DynamoDBClient":
        settings = config(attempts=1, connections=max(WRITERS, SEGMENTS), check_parameters=False)
        try:
            return session(self._profile).client("dynamodb", region_name=self._region, config=settings)
        except (*ERRORS, ValueError) as error:
            raise DenylistUnreadable(f"{self._location} cannot be reached: {error}.") from error


ACTIONS: Final = ("GetItem", "PutItem", "DeleteItem", "BatchWriteItem", "Scan", "DescribeTimeToLive")
"""What a `Table` needs to be allowed."""

_NO_SUCH_TABLE: Final = "ResourceNotFoundException"
_DOES_NOT_HOLD: Final = "ConditionalCheckFailedException"


@dataclass(slots=True)
class _Run:
    """What the threads of one `write` tell each other."""

    hopeless: DenylistError | None = None
    failed_in_a_row: int = 0


def _is_fault(error: BaseException | None) -> bool:
    """Whether the service or the network failed, so that the same call may go well the next time."""
    if isinstance(error, boto.ClientError):
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return isinstance(error, boto.HTTPClientError | boto.ConnectionError | TimeoutError)


def _typed(row: Mapping[str, Value]) -> _Typed:
    typed: _Typed = {}
    for attribute, value in row.items():
        if isinstance(value, str):
            typed[attribute] = {"S": value}
        elif isinstance(value, bool):
            typed[attribute] = {"BOOL": value}
        else:
            typed[attribute] = {"N": str(value)}
    return typed


def _plain(item: Mapping[str, Mapping[str, Any]]) -> Row:
    """Attributes of other types, and numbers that are not whole, are left out."""
    plain: dict[str, Value] = {}
    for attribute, typed in item.items():
        match dict(typed):
            case {"S": str(text)}:
                plain[attribute] = text
            case {"N": str(number)} if number.lstrip("-").isdigit():
                plain[attribute] = int(number)
            case {"BOOL": bool(truth)}:
                plain[attribute] = truth
    return plain


def _row_key(request: Mapping[str, Any]) -> RowKey:
    row = request["PutRequest"]["Item"] if "PutRequest" in request else request["DeleteRequest"]["Key"]
    return RowKey(row["pk"]["S"], row["sk"]["S"])
