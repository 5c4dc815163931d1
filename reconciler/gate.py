"""Whether a user is banned from a room of Amazon IVS Chat: for token services and message review handlers.

It reads the denylist that `reconciler apply` publishes. This file runs alone, so that it can be copied into a Lambda;
boto3 is needed only for places on S3 and DynamoDB. docs/gate.md says how to use it, and what it guarantees.

    gate = Gate("dynamodb://us-west-2/denylist")

    token = chat.create_chat_token(roomIdentifier=room_arn, userId=user_id, sessionDurationInMinutes=60)
    gate.admit(user_id, room_arn)  # raises Banned, or DenylistUnavailable: then nobody gets the token
    return token
"""

import json
import math
import os
import re
import stat
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from itertools import count
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeVar

LARGEST_DOCUMENT: Final = 256 * 1024 * 1024  # bytes; a million bans take about 100 MB
USERS_KEPT: Final = 10_000  # of a table, the newest verdicts
TOKEN_LIFE: Final = 60  # seconds in which a token is good for connecting (AWS CLI reference, create-chat-token)
CONNECTING: Final = 20  # seconds, for connections that are being made
TOKEN_RECORD_LIFE: Final = 4 * 3600  # seconds; a session lasts up to 3 hours

_ROOM_ARN: Final = re.compile(r"arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room/[a-zA-Z0-9-]+")
_TIME: Final = re.compile(
    r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_LAST_SECOND: Final = 253_402_300_799.0  # of the year 9999, the last that a datetime has
_AT_ONCE: Final = 32  # calls to one table
# Not waiting for whoever writes to a FIFO; on Windows, which has none, bytes rather than text.
_TO_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PAGES: Final = 100  # of 1 MB, of one user's rows
_COMPLAIN_EVERY: Final = 60.0  # seconds

K = TypeVar("K")
V = TypeVar("V")


class DenylistUnavailable(Exception):
    """Nobody knows whether the user is banned: the denylist cannot be read, or the copy of it is too old.

    The message is for the operator, and names no user. What to do is the caller's decision: refuse, or let in.
    """


class Banned(Exception):
    """The user is banned from the room; `until` (aware, in UTC) is None if for good."""

    def __init__(self, until: datetime | None) -> None:
        super().__init__(f"banned until {until:%Y-%m-%d %H:%M} UTC" if until else "banned for good")
        self.until = until


class Verdict(NamedTuple):
    """Whether a user is banned from a room, and until when (aware, in UTC; None is for good)."""

    banned: bool
    until: datetime | None

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is neither true nor false; ask for its .banned")


class Gate:
    """Answers for the rooms whose bans are published at its locations.

    Threads may share it. A process that is forked renews its copies by itself.

    Args:
        location: of a denylist: a path, `s3://BUCKET/KEY` or `dynamodb://REGION/TABLE`. A table has to have the head of
            the list `bans`; where the lists have other names, `dynamodb://REGION/TABLE#NAME,NAME` says which.
        more: further locations. Somebody is banned if one of them says so.
        token_records: `dynamodb://REGION/TABLE`, where `admit` notes who gets a token for which room.
        max_age: seconds for which a copy serves, counted from before it was read. It is renewed from half of it on.
        max_stale: seconds for which `check` makes do with a copy that cannot be renewed.
        timeout: seconds that a call takes at most; a message review handler has 0.2 s in all.

    Raises:
        ValueError: an argument makes no sense.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *more: str | os.PathLike[str],
        token_records: str | None = None,
        max_age: float = 10,
        max_stale: float = 3600,
        timeout: float = 2.0,
    ) -> None:
        if not 0 <= max_age <= max_stale < math.inf or not 0 < timeout <= 60:
            raise ValueError("max_age is 0 or more and at most max_stale; timeout is above 0 and at most 60 s")
        self._timeout = timeout
        limits = _Limits(max_age, max_stale, timeout, _Aws(timeout))
        self._sources = [_source(os.fspath(place), limits) for place in (location, *more)]
        self._records = _token_records(token_records, limits) if token_records is not None else None
        for source in self._sources:
            source.begin(None, _now(), strict=False)

    def check(self, user_id: str, room_arn: str) -> Verdict:
        """Whether the user is banned, from a copy that may be `max_age` old: for messages, and for quick refusals.

        Raises:
            DenylistUnavailable: no copy is younger than `max_stale`, and none could be read within `timeout`.
            ValueError: no user or no room can be called that.
        """
        _require(user_id, room_arn)
        return self._verdict(user_id, room_arn, time.monotonic() + self._timeout, strict=False)

    def admit(self, user_id: str, room_arn: str) -> None:
        """Let a user have the token that was made for them: call it after CreateChatToken, before handing it out.

        It notes the token if there are `token_records`, then asks: a copy younger than `max_age`, or the table itself.

        Raises:
            Banned: throw the token away.
            DenylistUnavailable: what has to be known could not be read, or not be written, within `timeout`.
            ValueError: no user or no room can be called that.
        """
        _require(user_id, room_arn)
        deadline = time.monotonic() + self._timeout
        if self._records is not None:
            # Before the check: an apply that does not find this record has published its ban before it looked.
            self._records.get((user_id, room_arn), _now(), 0, deadline, strict=True)
        verdict = self._verdict(user_id, room_arn, deadline, strict=True)
        if verdict.banned:
            raise Banned(verdict.until)

    def _verdict(self, user_id: str, room_arn: str, deadline: float, *, strict: bool) -> Verdict:
        now = _now()
        sources = self._sources
        if len(sources) > 1:
            for source in sources:
                source.begin(user_id, now, strict=strict)
        end = 0.0
        unavailable = None
        for source in sources:
            try:
                end = max(end, source.end(user_id, room_arn, now, deadline, strict=strict))
            except DenylistUnavailable as error:
                unavailable = error
        if end > now[2]:
            return Verdict(True, None if end == math.inf else datetime.fromtimestamp(min(end, _LAST_SECOND), UTC))
        if unavailable is not None:
            raise unavailable
        return _NOT_BANNED


_NOT_BANNED: Final = Verdict(False, None)


def _require(user_id: str, room_arn: str) -> None:
    """Refuse what cannot be: asked about `None`, or about the name of a room, a denylist would always say no."""
    if not isinstance(user_id, str) or not 0 < len(user_id) <= 128:
        raise ValueError("a user ID is a text of 1 to 128 characters")
    if not isinstance(room_arn, str) or len(room_arn) > 128 or not _is_room(room_arn):
        raise ValueError("a room is given as its ARN: arn:aws:ivschat:REGION:ACCOUNT:room/ID")


@lru_cache(1000)
def _is_room(room_arn: str) -> bool:
    return _ROOM_ARN.fullmatch(room_arn) is not None


# Time ----------------------------------------------------------------------------------------------------------------

_Moment = tuple[int, float, float]
"""A number that rises with each moment, and two clocks. The first counts a suspended machine's sleep, where there is
such a clock (CLOCK_MONOTONIC does not, on Linux); the other is the time of day, which a machine that was stopped from
outside sets right when it goes on."""

_numbers: Final = count(1)
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))  # Windows has neither
_clock: Final = time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)


def _now() -> _Moment:
    return next(_numbers), _clock(), time.time()


def _age(then: _Moment, now: _Moment) -> float:
    """Seconds from one moment to another, as the clock says on which more has passed."""
    return max(now[1] - then[1], now[2] - then[2])


def _seconds(text: object) -> float:
    """RFC 3339 as seconds since 1970; no end, None, is infinity.

    Raises:
        ValueError: it is something else.
    """
    if text is None:
        return math.inf
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError("a time in it is none")
    return datetime.fromisoformat(text).timestamp()


# Asking, in threads --------------------------------------------------------------------------------------------------


class _Limits(NamedTuple):
    max_age: float
    max_stale: float
    timeout: float
    aws: "_Aws"


class _Answer(Generic[V]):
    """What is known of one question.

    Attributes:
        good: the newest answer, and when it was asked for.
        failed: what went wrong since: when that was asked, when it failed, and why.
        asked: when the question was asked that has not been answered yet.
    """

    __slots__ = ("asked", "failed", "good")

    def __init__(self) -> None:
        self.good: tuple[_Moment, V] | None = None
        self.failed: tuple[_Moment, _Moment, str] | None = None
        self.asked: _Moment | None = None


class _Answers(Generic[K, V]):
    """The answers to some kind of question, such as the rows of a user, each asked in a thread of its own.

    So nobody waits for longer than he wants. At most `at_once` threads ask; as the oldest of them hangs for twice,
    four, eight times as long as `max_age`, one more is let in for each doubling: whatever hangs blocks nothing for
    ever, and never piles up.
    """

    def __init__(
        self, place: str, ask: Callable[[K, V | None], V], limits: _Limits, at_once: int = 1, kept: int = 1
    ) -> None:
        self._place, self._ask, self._limits, self._at_once, self._kept = place, ask, limits, at_once, kept
        self._pause = min(1.0, limits.max_age / 2)  # after a failure: nobody asks again, and nobody waits
        self._answers: OrderedDict[K, _Answer[V]] = OrderedDict()
        self._complained: _Moment | None = None
        self.start_afresh()
        _of_this_process.add(self)

    def start_afresh(self) -> None:
        """Forget the threads: a forked process has none of them."""
        self._changed = threading.Condition()
        self._asking: dict[int, _Moment] = {}
        for answer in self._answers.values():
            answer.asked = None

    def begin(self, key: K, now: _Moment, allowed: float) -> None:
        """Ask, unless there is an answer that is young enough, and do not wait for it."""
        with self._changed:
            answer = self._of(key)
            if answer.good is None or not _serves(answer.good[0], now, allowed / 2):
                self._renew(key, answer, now, allowed)

    def get(self, key: K, now: _Moment, allowed: float, deadline: float, *, strict: bool) -> V:
        """The answer to a question.

        Args:
            key: the question.
            now: the moment of the call.
            allowed: how old the answer may be then, in seconds; with 0 it is asked for after `now`.
            deadline: until when to wait for a new one, by `time.monotonic`.
            strict: rather none than an older one, which may otherwise be `max_stale` old.

        Raises:
            DenylistUnavailable: there is none.
        """
        known = self._answers.get(key)
        if known is not None and (good := known.good) is not None and allowed:
            (_, clock, wall), value = good
            if now[1] - clock <= allowed / 2 >= now[2] - wall:  # `_serves`, at the speed of a message
                return value
        with self._changed:
            answer = self._of(key)
            failed = answer.failed
            waits = failed is None or not allowed or _age(failed[1], now) >= self._pause
            while True:
                if answer.good is not None and _serves(answer.good[0], now, allowed):
                    if waits and not _serves(answer.good[0], now, allowed / 2):
                        self._renew(key, answer, now, allowed)
                    return answer.good[1]
                if answer.failed is not failed and answer.failed and _serves(answer.failed[0], now, allowed):
                    break
                if not waits:
                    break
                left = deadline - time.monotonic()
                if not self._renew(key, answer, now, allowed) or left <= 0:
                    break
                self._changed.wait(left)
            if not strict and answer.good is not None and _age(answer.good[0], _now()) <= self._limits.max_stale:
                return answer.good[1]
            why = f"no answer within {self._limits.timeout} s" if answer.failed is None else answer.failed[2]
            raise DenylistUnavailable(f"{self._place}: {why}")

    def _of(self, key: K) -> _Answer[V]:
        answer = self._answers.get(key)
        if answer is None:
            if len(self._answers) >= self._kept:
                self._answers.popitem(last=False)
            answer = self._answers[key] = _Answer()
        return answer

    def _renew(self, key: K, answer: _Answer[V], now: _Moment, allowed: float) -> bool:
        """Ask in a new thread, unless one is asking already, or too many are. False: no thread is to be had."""
        if answer.asked is not None and _serves(answer.asked, now, allowed):
            return True
        begun = _now()
        if self._asking:
            oldest = max(0.0, _age(next(iter(self._asking.values())), begun))
            hanging = oldest / max(self._limits.max_age, self._limits.timeout)
            if len(self._asking) >= int(self._at_once * (1 + math.log2(1 + hanging))):
                return True
        answer.asked = self._asking[begun[0]] = begun
        thread = threading.Thread(target=self._run, args=(key, answer, begun), name="reconciler gate", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._ended(answer, begun, str(error))
            return False
        return True

    def _run(self, key: K, answer: _Answer[V], begun: _Moment) -> None:
        changed = self._changed
        try:
            value = self._ask(key, answer.good[1] if answer.good else None)
        except Exception as error:
            # The words alone: the error would hold on to what was being read.
            why = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
            with changed:
                self._ended(answer, begun, why)
                changed.notify_all()
            self._complain(why)
        else:
            with changed:
                self._ended(answer, begun, None)
                if answer.good is None or answer.good[0] < begun:
                    answer.good, answer.failed = (begun, value), None
                changed.notify_all()

    def _ended(self, answer: _Answer[V], begun: _Moment, why: str | None) -> None:
        self._asking.pop(begun[0], None)
        if answer.asked is begun:
            answer.asked = None
        if why is not None and (answer.good is None or answer.good[0] < begun):
            answer.failed = (begun, _now(), why)

    def _complain(self, why: str) -> None:
        """Tell the operator, now and then: a copy may serve for an hour before anybody else notices."""
        now = _now()
        if self._complained is None or _age(self._complained, now) >= _COMPLAIN_EVERY:
            self._complained = now
            _warn(f"{self._place}: {why}")


def _serves(asked: _Moment, now: _Moment, allowed: float) -> bool:
    """Whether what was asked for then is young enough for a call of `now`: also what was asked for after it."""
    return asked[0] > now[0] or (allowed > 0 and _age(asked, now) <= allowed)


_of_this_process: Final[weakref.WeakSet[Any]] = weakref.WeakSet()


def _start_afresh() -> None:
    for thing in list(_of_this_process):
        thing.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)


# Documents -----------------------------------------------------------------------------------------------------------


class _Several(dict[str, float]):
    """The rooms of a user, and when the ban in each ends."""

    __slots__ = ()


_Rooms = tuple[str, float] | _Several
"""Where a user is banned, an ARN or `*` for everywhere, and until when. A tuple, which is smaller, is a single room."""


def _end(rooms: _Rooms | None, room_arn: str) -> float:
    """When a user's ban in a room ends, 0 if there is none. Of several, the one that ends last counts."""
    if rooms is None:
        return 0.0
    if isinstance(rooms, tuple):
        return rooms[1] if rooms[0] == room_arn or rooms[0] == "*" else 0.0
    return max(rooms.get(room_arn, 0.0), rooms.get("*", 0.0))


class _Document(NamedTuple):
    bans: dict[str, _Rooms]
    version: object  # another one: it has changed since


class _WholeDocument:
    """A denylist that is read as a whole: a file, or an object on S3."""

    def __init__(self, place: str, read: Callable[[None, _Document | None], _Document], limits: _Limits) -> None:
        self._answers = _Answers(place, read, limits)
        self._max_age = limits.max_age

    def begin(self, _user_id: str | None, now: _Moment, *, strict: bool) -> None:
        self._answers.begin(None, now, self._max_age)

    def end(self, user_id: str, room_arn: str, now: _Moment, deadline: float, *, strict: bool) -> float:
        document = self._answers.get(None, now, self._max_age, deadline, strict=strict)
        return _end(document.bans.get(user_id), room_arn)


def _parsed(text: str, place: str, limits: _Limits) -> dict[str, _Rooms]:
    """Who is banned in a document, provisionally or not.

    Raises:
        ValueError: it is no denylist, or not a whole one.
    """
    for_good: dict[str, _Rooms] = {}

    def compact(members: dict[str, Any]) -> object:
        """The rooms of a user, as soon as they are read. As this is Python, other threads get their turn meanwhile."""
        try:
            if len(members) == 1:
                ((room, end),) = members.items()
                if end is None:
                    return for_good.setdefault(room, (room, math.inf))
                return (room, _seconds(end)) if type(end) is str else members
            if all(end is None or type(end) is str for end in members.values()):
                return _Several({room: _seconds(end) for room, end in members.items()})
        except ValueError:
            pass
        return members  # something else, or damaged: where rooms belong, it will be found that these are none

    document = json.loads(text, object_hook=compact)
    version = document.get("format_version") if isinstance(document, dict) else None
    if version != 1 or version is True:
        raise ValueError(f"its format_version is {version}, and this gate reads 1" if version else "it is no denylist")
    bans: dict[str, _Rooms] = document.get("bans")
    provisional: dict[str, _Rooms] = document.get("provisional")
    if _count(bans) is None or _count(bans) != document.get("count") or _count(provisional) is None:
        raise ValueError("it is damaged: its bans are not as many as it says, or have no proper ends")
    for user_id, rooms in provisional.items():
        both = _Several(_each(bans[user_id]) if user_id in bans else ())
        for room, end in _each(rooms):
            both[room] = max(end, both.get(room, 0.0))
        bans[user_id] = both
    _settles(place, document.get("settle_after"), limits)
    return bans


def _each(rooms: _Rooms) -> Iterable[tuple[str, float]]:
    return (rooms,) if isinstance(rooms, tuple) else rooms.items()


def _count(users: object) -> int | None:
    """How many bans these are; None if they are none at all."""
    if not isinstance(users, dict):
        return None
    sizes = [1 if type(rooms) is tuple else len(rooms) if type(rooms) is _Several else -1 for rooms in users.values()]
    return sum(sizes) if -1 not in sizes else None


def _source(place: str, limits: _Limits) -> "_WholeDocument | _Table":
    if place.startswith("dynamodb://"):
        return _Table(place, limits)
    if place.startswith("s3://"):
        return _WholeDocument(place, _object(place, limits), limits)
    if not place or "://" in place:
        raise ValueError(f"{place!r} is no place of a denylist: use a path, s3://BUCKET/KEY or dynamodb://REGION/TABLE")
    return _WholeDocument(place, _file(place, limits), limits)


def _file(place: str, limits: _Limits) -> Callable[[None, _Document | None], _Document]:
    path = os.path.abspath(place)

    def read(_key: None, last: _Document | None) -> _Document:
        descriptor = os.open(path, _TO_READ)
        try:
            now = os.fstat(descriptor)
            if not stat.S_ISREG(now.st_mode):
                raise ValueError("it is no file")
            version = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
            if last is not None and last.version == version:
                return last
            _require_size(now.st_size)
            with open(descriptor, "rb", closefd=False) as file:
                text = str(file.read(now.st_size + 1), "utf-8")
        finally:
            os.close(descriptor)
        # Soon after a change there may be another within the same tick of the file system's clock.
        settled = time.time() - max(now.st_mtime, now.st_ctime) > 2
        return _Document(_parsed(text, place, limits), version if settled else None)

    return read


def _object(place: str, limits: _Limits) -> Callable[[None, _Document | None], _Document]:
    from botocore.exceptions import ClientError

    bucket, _, key = place.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise ValueError(f"{place!r} is no object: use s3://BUCKET/KEY")
    limits.aws.client("s3")  # now rather than in the first call, which has no time for that

    def read(_key: None, last: _Document | None) -> _Document:
        try:
            condition = {} if last is None else {"IfNoneMatch": last.version}
            answer = limits.aws.client("s3").get_object(Bucket=bucket, Key=key, **condition)
        except ClientError as error:
            if last is not None and error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                return last
            raise
        with closing(answer["Body"]) as body:
            _require_size(answer["ContentLength"])
            content = body.read(answer["ContentLength"])
        if len(content) != answer["ContentLength"]:
            raise ValueError("the connection was cut")
        text = str(content, "utf-8")
        del content  # it is as large as the text
        return _Document(_parsed(text, place, limits), answer["ETag"])

    return read


def _require_size(size: int) -> None:
    if size > LARGEST_DOCUMENT:
        raise ValueError(f"it is larger than {LARGEST_DOCUMENT >> 20} MB")


# Tables --------------------------------------------------------------------------------------------------------------


class _Aws:
    """The clients of a gate. A forked process makes its own, rather than share connections."""

    def __init__(self, timeout: float) -> None:
        self._timeout = max(1.0, timeout)
        self.start_afresh()
        _of_this_process.add(self)

    def start_afresh(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str | None], Any] = {}

    def client(self, service: str, region: str | None = None) -> Any:
        import boto3
        from botocore.config import Config

        with self._lock:
            if (service, region) not in self._clients:
                self._session = self._session or boto3.session.Session()
                self._clients[service, region] = self._session.client(
                    service,
                    region_name=region,
                    config=Config(
                        connect_timeout=self._timeout,
                        read_timeout=self._timeout,
                        retries={"mode": "standard", "total_max_attempts": 2},
                        max_pool_connections=_AT_ONCE,
                    ),
                )
            return self._clients[service, region]


def _table(place: str, limits: _Limits) -> tuple[Callable[[], Any], str, str | None]:
    """How to get at a client for a table, the table's name, and the names of lists, if any are given."""
    found = re.fullmatch(r"dynamodb://([a-z0-9-]+)/([A-Za-z0-9_.-]{3,255})(?:#([A-Za-z0-9_.,-]+))?", place)
    if found is None:
        raise ValueError(f"{place!r} is no table: use dynamodb://REGION/TABLE or dynamodb://REGION/TABLE#NAME")
    client = partial(limits.aws.client, "dynamodb", found[1])
    client()  # now rather than in the first call, which has no time for that
    return client, found[2], found[3]


class _Table:
    """A denylist in a table, of which the rows of the users are read who are asked about, and the heads."""

    def __init__(self, place: str, limits: _Limits) -> None:
        self._place, self._limits = place, limits
        self._client, self._name, names = _table(place, limits)
        self._wanted = frozenset((names or "bans").split(","))
        self._heads = _Answers(place, self._read_heads, limits)
        self._users = _Answers(place, self._read_user, limits, _AT_ONCE, USERS_KEPT)

    def begin(self, user_id: str | None, now: _Moment, *, strict: bool) -> None:
        self._heads.begin(None, now, self._limits.max_age)
        if user_id is not None:
            self._users.begin(user_id, now, 0 if strict else self._limits.max_age)

    def end(self, user_id: str, room_arn: str, now: _Moment, deadline: float, *, strict: bool) -> float:
        self.begin(user_id, now, strict=strict)
        rooms = self._users.get(user_id, now, 0 if strict else self._limits.max_age, deadline, strict=strict)
        end = _end(rooms, room_arn)
        if end <= now[2]:
            heads = self._heads.get(None, now, self._limits.max_age, deadline, strict=strict)
            if missing := self._wanted - heads:
                there = f"there are {', '.join(sorted(heads))}" if heads else "there is none"
                raise DenylistUnavailable(
                    f"{self._place}: no list {', '.join(sorted(missing))} has been published; {there}"
                )
        return end

    def _read_user(self, user_id: str, _last: object) -> _Rooms:
        rooms = _Several()
        for row in self._rows(f"user#{user_id}"):
            kind, _, rest = row["sk"]["S"].partition("#")
            if kind in ("ban", "now"):
                room = rest.partition("#")[0]
                end = _seconds(row["expires_at"].get("S", "")) if "expires_at" in row else math.inf
                rooms[room] = max(end, rooms.get(room, 0.0))
        return rooms

    def _read_heads(self, _key: None, _last: object) -> frozenset[str]:
        """The names of the lists that have been published; a head that has no `published_at` has not been yet."""
        heads = [row for row in self._rows("head") if "published_at" in row]
        for row in heads:
            if "settle_after" in row:
                _settles(self._place, float(row["settle_after"]["N"]), self._limits)
        return frozenset(row["sk"]["S"] for row in heads)

    def _rows(self, pk: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk}},
            "ProjectionExpression": "sk, expires_at, published_at, settle_after",
        }
        for _ in range(_PAGES):
            page = self._client().query(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        raise ValueError("it has more rows than can be read")


def _token_records(place: str, limits: _Limits) -> _Answers[tuple[str, str], None]:
    client, table, names = _table(place, limits)
    if names is not None:
        raise ValueError(f"{place!r} is no table of token records: use dynamodb://REGION/TABLE")

    def write(key: tuple[str, str], _last: None) -> None:
        now = int(time.time())
        item = {
            "pk": {"S": key[0]},
            "sk": {"S": key[1]},
            "issued_at": {"S": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"},
            "ttl": {"N": str(now + TOKEN_RECORD_LIFE)},
        }
        client().put_item(TableName=table, Item=item)

    return _Answers(place, write, limits, _AT_ONCE, USERS_KEPT)


# For the operator ----------------------------------------------------------------------------------------------------


def _settles(place: str, settle_after: object, limits: _Limits) -> None:
    """Warn once if bans settle before the tokens are used up that this gate may still let through."""
    needed = TOKEN_LIFE + limits.max_age + CONNECTING
    if isinstance(settle_after, int | float) and settle_after < needed:
        _warn_once(
            f"{place}: bans settle after {settle_after:g} s, but a gate with max_age={limits.max_age:g} needs"
            f" {needed:g} s: raise settle_after in the list, or lower max_age"
        )


@cache
def _warn_once(message: str) -> None:
    _warn(message)


def _warn(message: str) -> None:
    import logging

    logging.getLogger("reconciler.gate").warning("%s", message)
