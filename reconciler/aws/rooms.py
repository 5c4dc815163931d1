"""Finds the rooms that there are.

Source: service model `ivschat` 2020-07-14 as botocore ships it. A page of ListRooms has at most 50 rooms, those updated
last come first, and `name` filters for a whole name: that names begin in some way and tags are compared here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from boto3 import Session
from botocore.exceptions import BotoCoreError, ClientError

from reconciler.aws import reading
from reconciler.aws.clients import ATTEMPTS, config
from reconciler.aws.endpoint import elsewhere
from reconciler.aws.pacing import Pace
from reconciler.aws.sessions import Sessions
from reconciler.banlist.value import Access, Discovery
from reconciler.bans import AccountRegion, account_region_of, is_room_arn
from reconciler.errors import CallAbandoned, ChatError, ReconcilerError, RoomsUnknown
from reconciler.rooms import LONG_AGO, ReviewHandler, Room
from reconciler.views.wording import count

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

# Calls a second for each account and region (Amazon IVS Chat User Guide, "Service Quotas"; not adjustable).
LIST_ROOMS_RATE: Final = 5.0
PAGE: Final = 50  # rooms
NAME_MAX: Final = 128  # characters
URI_MAX: Final = 170  # characters of a message review handler's
REGIONS_MAX: Final = 32  # read side by side
PAGES_MAX: Final = 2_000  # of one region, in one pass: 100,000 rooms
PASSES_MAX: Final = 5
SECONDS: Final = 1200.0  # for all regions together: at the quota, three passes over as many rooms
_THROTTLED: Final = {"ThrottlingException", "TooManyRequestsException"}


@dataclass(frozen=True, slots=True)
class Means:
    """What rooms are read with.

    Attributes:
        pace: lets each attempt leave, at LIST_ROOMS_RATE; keep it for the next time, since the quota is the same. An
            account that is not named counts as "".
        stop: ends it.
        warn: told, in the calling thread, of what may be missing.
        sessions: who calls in which account.
        endpoint_url: what to call in place of AWS.
        seconds: how long all of it may take.
    """

    pace: Pace
    stop: Event
    warn: Callable[[str], object]
    sessions: Sessions
    endpoint_url: str | None = None
    seconds: float = SECONDS


def discover(discoveries: Sequence[Discovery], means: Means) -> tuple[str, ...]:
    """The ARNs of the rooms that a list asks for, each once.

    Each region is read once for each account that has sessions of its own, however many discoveries it has, and all
    side by side.

    Raises:
        RoomsUnknown: they cannot be found; the message says what to do.
        CallAbandoned: the run is to stop.
    """
    keys = [AccountRegion(means.sessions.named(discovery.account), discovery.region) for discovery in discoveries]
    accounts = {key: discovery.account or "" for key, discovery in zip(keys, discoveries, strict=True)}
    regions = _read(accounts, means)
    found: dict[str, None] = {}
    for number, (key, discovery) in enumerate(zip(keys, discoveries, strict=True)):
        matching = regions[key].matching(discovery)
        if not matching:
            means.warn(
                f"There is no room in {discovery.region} as `discover[{number}]` wants it. Check its name_prefix, its"
                " tags, and that the AWS credentials are of the right account."
            )
        found |= dict.fromkeys(matching)
    return tuple(found)


def list_rooms(
    places: Collection[AccountRegion], means: Means, *, wanted: Collection[str] | None = None
) -> tuple[Room, ...]:
    """The rooms in these accounts and regions.

    Args:
        places: each is read once, all side by side. Accounts that have no sessions of their own are those of the usual
            credentials.
        means: what they are read with.
        wanted: ARNs; a region is read no further once those in it are found. None reads all.

    Raises:
        RoomsUnknown: they cannot be found; the message says what to do.
        CallAbandoned: the run is to stop.
    """
    accounts = {AccountRegion(means.sessions.named(place.account), place.region): place.account for place in places}
    read = _read(accounts, means, wanted)
    return tuple({room.arn: room for region in read.values() for room in region.rooms.values()}.values())


def _read(
    accounts: Mapping[AccountRegion, str], means: Means, wanted: Collection[str] | None = None
) -> "dict[AccountRegion, _Region]":
    """The rooms of regions, by whose credentials read them; `accounts` says for each how the pace knows the account."""
    sessions, stop = means.sessions, means.stop
    regions = {
        key: _Region(key.region, sessions.accounts.get(key.account), _of_region(wanted, key.region)) for key in accounts
    }
    for key in regions:
        _make_ready(sessions, key, stop)
    # A session is not to be used in several threads, clients may be (boto3 guide, "Multithreading").
    clients = {key: _client(sessions.of(key.account), key.region, means.endpoint_url) for key in regions}
    over = Event()

    def read(key: AccountRegion) -> None:
        where = AccountRegion(accounts[key], key.region)
        with closing(clients[key]) as client:
            regions[key].read(_paced(client, where, means.pace, over))

    try:
        reading.side_by_side(read, regions, threads=REGIONS_MAX, seconds=means.seconds, stop=stop, what="ListRooms")
    finally:
        over.set()
    for region in regions.values():
        region.tell(means.warn)
    return regions


def _of_region(wanted: Collection[str] | None, region: str) -> frozenset[str] | None:
    return None if wanted is None else frozenset(arn for arn in wanted if account_region_of(arn).region == region)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page: its rooms, the ARNs in it that are no room's in the region, and what leads to the next page, if any."""

    rooms: tuple[Room, ...]
    strange: frozenset[str]
    token: str | None


_ListRooms = Callable[[str | None], _Page]
"""The page that a token leads to, or the first, at the pace. Raises `RoomsUnknown` or `CallAbandoned`."""


@dataclass(slots=True)
class _Region:
    """The rooms of a region.

    Attributes:
        name: of the region.
        access: who reads it, if the list says so.
        wanted: the ARNs that are looked for; None is all there are.
        rooms: by ARN, as they were seen last.
        strange: ARNs in the answers that are no room's there.
        settled: whether the last pass brought nothing new.
    """

    name: str
    access: Access | None = None
    wanted: frozenset[str] | None = None
    rooms: dict[str, Room] = field(default_factory=dict)
    strange: set[str] = field(default_factory=set)
    settled: bool = False

    def read(self, list_rooms: _ListRooms) -> None:
        """Read all rooms: from the front until a whole pass brings none that was there when reading began.

        Pages shift while they are read: a room that is updated moves to the front, perhaps past us, and one that is
        deleted lets the next one slip into a page that we have read.
        """
        began: datetime | None = None
        for _ in range(PASSES_MAX):
            missed, pages = False, 0
            for page in self._pages(list_rooms):
                pages += 1
                self.strange |= page.strange
                if began is None:
                    began = max((room.updated for room in page.rooms), default=LONG_AGO)
                for room in page.rooms:
                    missed = missed or (room.arn not in self.rooms and room.made <= began)
                    self.rooms[room.arn] = room
                if self.wanted is not None and self.wanted <= self.rooms.keys():
                    self.settled = True
                    return
            if pages == 1 or not missed:  # what is one answer cannot shift
                self.settled = True
                return

    def matching(self, discovery: Discovery) -> list[str]:
        """The ARNs of the rooms that a discovery asks for.

        Raises:
            RoomsUnknown: the rooms are those of another account.
        """
        wanted, accounts = discovery.account, {account_region_of(arn).account for arn in self.rooms}
        if wanted is not None and accounts and wanted not in accounts:
            whose = "AWS credentials" if self.access is None else f"credentials of the profile `{self.access.profile}`"
            advice = (
                "Use credentials of that account, or name a role of it under `accounts`."
                if self.access is None
                else "Correct the profile under `accounts`."
            )
            raise RoomsUnknown(
                f"The {whose} belong to account {min(accounts)}, and `discover` names account {wanted} in {self.name}."
                f" {advice}"
            )
        return [room.arn for room in self.rooms.values() if room.is_meant_by(discovery)]

    def tell(self, warn: Callable[[str], object]) -> None:
        """Warn of what may be missing."""
        if self.strange:
            warn(f"ListRooms in {self.name}: left out {count(len(self.strange), 'ARN')}: no room's there.")
        if not self.settled:
            warn(
                f"The rooms in {self.name} change faster than ListRooms tells of them: some may be missing after"
                f" {PASSES_MAX} passes. Try again when fewer change."
            )

    def _pages(self, list_rooms: _ListRooms) -> Iterator[_Page]:
        """The pages of one pass."""
        token: str | None = None
        seen: set[str] = set()
        for _ in range(PAGES_MAX):
            page = list_rooms(token)
            yield page
            token = page.token
            if token is None:
                return
            if token in seen:
                raise RoomsUnknown(
                    f"ListRooms in {self.name} goes round in circles. Check the endpoint URL and any proxy."
                )
            seen.add(token)
        raise RoomsUnknown(
            f"ListRooms in {self.name} does not end: {PAGES_MAX:,} pages were read. Let token services write token"
            " records (`denylist.token_records`), so that no rooms need to be found."
        )


def _page(answer: Mapping[str, Any], region: str) -> _Page:
    """A page of ListRooms.

    Raises:
        Exception: it is none.
    """
    summaries: list[dict[str, Any]] = answer["rooms"]
    if len(summaries) > PAGE:
        raise ValueError(f"{len(summaries)} rooms")
    rooms, strange = [], set()
    for summary in summaries:
        arn = summary.get("arn") or ""
        if is_room_arn(arn) and account_region_of(arn).region == region:
            made, updated = _aware(summary.get("createTime")), _aware(summary.get("updateTime"))
            name, tags = str(summary.get("name") or "")[:NAME_MAX], summary.get("tags") or {}
            rooms.append(Room(arn, name, tags, _handler(summary), made, max(made, updated)))
        else:
            strange.add(arn)
    return _Page(tuple(rooms), frozenset(strange), str(answer.get("nextToken") or "") or None)


def _make_ready(sessions: Sessions, where: AccountRegion, stop: Event) -> None:
    """Get credentials before anything is read. Raises RoomsUnknown and CallAbandoned."""
    try:
        sessions.ready(where.account, stopped=stop.is_set)
    except CallAbandoned:
        raise
    except ChatError as error:
        raise RoomsUnknown(f"ListRooms in {where.region}: {error.advice}", error.answer) from error


def _handler(summary: Mapping[str, Any]) -> ReviewHandler | None:
    handler: Mapping[str, Any] = summary.get("messageReviewHandler") or {}
    uri = handler.get("uri")  # empty once a handler has been removed
    return ReviewHandler(str(uri)[:URI_MAX], str(handler.get("fallbackResult") or "ALLOW")) if uri else None


def endpoint_of(region: str, sessions: Sessions, endpoint_url: str | None) -> str | None:
    """What is called in a region, if that is not AWS. Raises RoomsUnknown."""
    with closing(_client(sessions.of(), region, endpoint_url)) as client:
        return elsewhere(client.meta.endpoint_url)


def _client(session: Session, region: str, endpoint_url: str | None) -> "IvschatClient":
    try:
        return session.client("ivschat", region_name=region, endpoint_url=endpoint_url, config=config(connections=1))
    except (BotoCoreError, ValueError) as error:  # ValueError: what is no URL
        raise RoomsUnknown(f"ListRooms in {region} cannot be called: {error}.") from error


def _aware(time: datetime | None) -> datetime:
    if time is None:
        return LONG_AGO
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _paced(client: "IvschatClient", where: AccountRegion, pace: Pace, over: Event) -> _ListRooms:
    """ListRooms of a client, whose attempts leave at that pace until it is over."""

    def wait(**_event: object) -> None:
        if over.is_set():
            raise CallAbandoned("Nobody waits for the rooms any more.")
        pace.wait(where)

    def note(parsed_response: dict[str, Any] | None = None, **_event: object) -> None:
        if parsed_response and parsed_response.get("Error", {}).get("Code") in _THROTTLED:
            pace.throttled(where)

    # botocore emits both for every attempt, just before it is sent and just after its answer.
    client.meta.events.register("before-send.ivschat.ListRooms", wait)
    client.meta.events.register("response-received.ivschat.ListRooms", note)

    def list_rooms(token: str | None) -> _Page:
        try:
            following = {} if token is None else {"nextToken": token}
            return _page(client.list_rooms(maxResults=PAGE, **following), where.region)
        except ReconcilerError:
            raise
        except ClientError as error:
            raise reading.unknown(error, f"ListRooms in {where.region}", _advice(error, where.region)) from error
        except Exception as error:
            raise reading.unknown(error, f"ListRooms in {where.region}") from error

    return list_rooms


def _advice(error: ClientError, region: str) -> str | None:
    code = reading.code_of(error)
    if code in ("AccessDeniedException", "AccessDenied"):
        return f"the AWS credentials may not list the rooms. Allow ivschat:ListRooms in {region} in their policy."
    if code in _THROTTLED:
        return (
            f"still over the quota of {LIST_ROOMS_RATE:.0f} calls a second after {ATTEMPTS} attempts. Find out"
            " what else lists rooms in that account and region, and try again."
        )
    return None
