"""Token records: for which rooms a user was given tokens lately, as token services write it into a table of DynamoDB.

`pk` = USER_ID, `sk` = ROOM_ARN, `issued_at` (RFC 3339), `ttl` (epoch seconds). Whoever breaks into a token service can
write what they like there, so nothing in it is believed beyond the rooms of accounts that the list knows.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from boto3 import Session
from botocore.exceptions import BotoCoreError, ClientError

from reconciler.aws import reading
from reconciler.aws.clients import ATTEMPTS, config
from reconciler.bans import account_region_of, is_room_arn, parse_time
from reconciler.errors import RoomsUnknown
from reconciler.views.wording import count

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A token is good for connecting for a minute, and a session lasts up to 180 (Amazon IVS Chat, CreateChatToken).
COUNTS_FOR: Final = timedelta(minutes=181)
PARALLELISM: Final = 16  # users whose records are read side by side
SECONDS: Final = 300.0  # for all users together
ROOMS_MAX: Final = 100_000  # of one user; DisconnectUser takes 1,000 s for as many
PAGES_MAX: Final = 500  # of one user, of up to 1 MB each
# Records that `sample` reads. They stay for four hours and some more, until the table removes them. If that takes two
# days, one in twenty is of the last three hours, and 100 miss all of these once in 170 times.
SAMPLE: Final = 100

_OVER_CAPACITY: Final = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}


class TokenRecords:
    """The table of token records.

    Args:
        location: `dynamodb://REGION/TABLE`.
        accounts: the AWS accounts whose rooms the list names or discovers; records of others do not count.
        stop: ends reading.
        warn: told, in the calling thread, of records that do not count and of those that are too many. It names nobody.
        session: for the account that the table is in.
        seconds: how long reading may take.
    """

    def __init__(
        self,
        location: str,
        *,
        accounts: Collection[str],
        stop: Event,
        warn: Callable[[str], object],
        session: Session,
        seconds: float = SECONDS,
    ) -> None:
        self._location = location
        self._region, _, self._table = location.removeprefix("dynamodb://").partition("/")
        self._accounts = frozenset(accounts)
        self._stop = stop
        self._warn = warn
        self._session = session
        self._seconds = seconds

    def rooms_of(self, user_ids: Collection[str], now: datetime) -> dict[str, tuple[str, ...]]:
        """The ARNs of the rooms in which each of these users may be.

        Args:
            user_ids: whose records to read.
            now: aware. Records older than COUNTS_FOR do not count; those whose time cannot be read do.

        Raises:
            RoomsUnknown: the records cannot be read; the message says what to do.
            CallAbandoned: the run is to stop.
        """
        users = tuple(dict.fromkeys(user_ids))
        oldest = now - COUNTS_FOR
        with closing(self._client()) as client:
            read = reading.side_by_side(
                lambda user_id: self._records(client, user_id, oldest),
                users,
                threads=PARALLELISM,
                seconds=self._seconds,
                stop=self._stop,
                what=self._location,
            )
        if strange := sum(records.strange for records in read):
            self._warn(
                f"{self._location}: left out {count(strange, 'token record')}: no room's ARN, or a room in an account"
                " that the list does not know or in no region of AWS. Find out who wrote them."
            )
        if cut := sum(records.cut for records in read):
            self._warn(
                f"{self._location}: for {count(cut, 'user')}, there are more token records than are read"
                f" ({ROOMS_MAX:,}, or {PAGES_MAX:,} MB). Nobody is disconnected from the rooms that the rest names."
                " Find out who wrote them."
            )
        rooms_of = {records.user_id: records.rooms for records in read}
        return {user_id: rooms_of[user_id] for user_id in users}

    def sample(self) -> tuple[datetime | None, ...]:
        """When some of the records were made, SAMPLE at most: those that the table has first, in an order of its own.

        They are read without the users that they are of. None stands for what cannot be read.

        Raises:
            RoomsUnknown: they cannot be read.
        """
        with closing(self._client()) as client:
            try:
                scanned = client.scan(TableName=self._table, ProjectionExpression="issued_at", Limit=SAMPLE)
                return tuple(_time_of(row.get("issued_at", {}).get("S")) for row in scanned["Items"])
            except ClientError as error:
                raise reading.unknown(error, self._location, self._advice(error, "Scan")) from error
            except Exception as error:
                raise reading.unknown(error, self._location) from error

    def _client(self) -> "DynamoDBClient":
        try:
            return self._session.client("dynamodb", region_name=self._region, config=config(connections=PARALLELISM))
        except (BotoCoreError, ValueError) as error:  # ValueError: what is no URL
            raise RoomsUnknown(f"{self._location} cannot be read: {error}.") from error

    def _records(self, client: "DynamoDBClient", user_id: str, oldest: datetime) -> "_Records":
        """The records of one user, as far as they are read."""
        rooms: list[str] = []
        strange, rows = 0, 0
        start: dict[str, Any] = {}
        for _ in range(PAGES_MAX):
            answer = self._page(client, user_id, start)
            for row in answer.get("Items", ()):
                if not isinstance(room_arn := row.get("sk", {}).get("S"), str):
                    raise RoomsUnknown(f"{self._location}: {self._wrong_keys}")
                if not self._is_known(room_arn):
                    strange += 1
                elif _counts(row.get("issued_at", {}).get("S"), oldest):
                    rooms.append(room_arn)
            rows += len(answer.get("Items", ()))
            if not (following := answer.get("LastEvaluatedKey")):
                return _Records(user_id, tuple(rooms), strange, cut=False)
            if rows >= ROOMS_MAX:
                break
            start = {"ExclusiveStartKey": following}
        return _Records(user_id, tuple(rooms), strange, cut=True)

    def _page(self, client: "DynamoDBClient", user_id: str, start: dict[str, Any]) -> Mapping[str, Any]:
        try:
            answer = client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :user",
                ExpressionAttributeValues={":user": {"S": user_id}},
                ProjectionExpression="sk, issued_at",
                ConsistentRead=True,
                **start,
            )
        except ClientError as error:
            raise reading.unknown(error, self._location, self._advice(error)) from error
        except Exception as error:
            raise reading.unknown(error, self._location) from error
        if "Items" not in answer:
            raise RoomsUnknown(
                f"{self._location}: the answer did not come from Amazon DynamoDB. Check the endpoint URL and any proxy."
            )
        return answer

    def _is_known(self, room_arn: str) -> bool:
        if not is_room_arn(room_arn):
            return False
        account, region = account_region_of(room_arn)
        return account in self._accounts and region in reading.aws_regions()

    @property
    def _wrong_keys(self) -> str:
        return (
            "it is no table of token records. Its partition key must be `pk` and its sort key `sk`, both strings."
            " Correct `denylist.token_records`, or make the table anew."
        )

    def _advice(self, error: ClientError, action: str = "Query") -> str | None:
        """What to say of an error (Amazon DynamoDB Developer Guide, "Error handling")."""
        match reading.code_of(error):
            case "AccessDeniedException" | "AccessDenied":
                return (
                    f"the AWS credentials may not read it. Allow dynamodb:{action} on the table"
                    f" {self._table} in {self._region} in their policy."
                )
            case "ResourceNotFoundException":
                return (
                    f"there is no table {self._table} in {self._region} in the account of the AWS credentials. Correct"
                    " `denylist.token_records`, or make the table."
                )
            case "ValidationException":
                return self._wrong_keys
            case code if code in _OVER_CAPACITY:
                return (
                    f"still over the table's capacity after {ATTEMPTS} attempts. Raise its read capacity, or"
                    " switch it to on-demand; then apply again."
                )
            case _:
                return None


@dataclass(frozen=True, slots=True)
class _Records:
    """What was read of one user: rooms that count, how many records are strange, and whether there are more."""

    user_id: str
    rooms: tuple[str, ...]
    strange: int
    cut: bool


def _time_of(issued_at: object) -> datetime | None:
    try:
        return parse_time(str(issued_at))
    except ValueError:
        return None


def _counts(issued_at: object, oldest: datetime) -> bool:
    try:
        return parse_time(str(issued_at)) >= oldest
    except ValueError:
        return True  # to disconnect a user in vain does no harm
