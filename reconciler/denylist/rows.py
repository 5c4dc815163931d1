"""The rows of a denylist in a table, as plain values: text, whole numbers, and booleans.

- `pk` = `user#USER_ID`, `sk` = `ban#ROOM#NAME`: a ban of the list NAME. ROOM is a room's ARN, or `*`.
- `pk` = `user#USER_ID`, `sk` = `now#ROOM`: a provisional ban, of no list.
- `pk` = `head`, `sk` = `NAME`: whose the list NAME is, and which publication.

Neither a room nor a name contains a `#`, and no row but a user's begins with `user#`, so nothing can be taken for
something else, whatever users are called.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from reconciler.bans import EVERYWHERE, BanKey, format_time, is_room_arn, parse_time
from reconciler.denylist.value import End, Head
from reconciler.errors import DenylistDamaged

Value = str | int | bool
Row = Mapping[str, Value]

USER: Final = "user#"
BAN: Final = "ban#"
NOW: Final = "now#"
HEAD: Final = "head"

# How long after its end a row may stay, for people who look things up. Readers go by `expires_at`.
KEPT: Final = timedelta(days=7)
# Stands for an end that is no time, so that the row is published anew, or goes.
_LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class RowKey(NamedTuple):
    """The primary key of a row."""

    pk: str
    sk: str


def user_pk(user_id: str) -> str:
    """The `pk` of all rows of a user."""
    return f"{USER}{user_id}"


def ban_key(key: BanKey, name: str) -> RowKey:
    """Where a ban of the list `name` is."""
    return RowKey(user_pk(key.user_id), f"{BAN}{key.room_arn}#{name}")


def provisional_key(key: BanKey) -> RowKey:
    """Where a provisional ban is."""
    return RowKey(user_pk(key.user_id), f"{NOW}{key.room_arn}")


def head_key(name: str) -> RowKey:
    """Where the head of the list `name` is."""
    return RowKey(HEAD, name)


def entry(key: RowKey, end: End, published_at: datetime) -> Row:
    """The row of a ban, provisional or not."""
    row: dict[str, Value] = {"pk": key.pk, "sk": key.sk, "published_at": format_time(published_at)}
    if end is not None:
        row["expires_at"] = format_time(end)
        row["ttl"] = ttl(end)
    return row


def ttl(end: datetime) -> int:
    """From when on the table may remove a row: seconds since 1970."""
    return int(end.timestamp() + KEPT.total_seconds())


def ban_of(pk: str, sk: str, name: str) -> BanKey | None:
    """Which ban of the list `name` a row is; None if it is none of them."""
    ours = f"#{name}"
    return _key_of(pk, sk[len(BAN) : -len(ours)]) if sk.startswith(BAN) and sk.endswith(ours) else None


def provisional_of(pk: str, sk: str) -> BanKey | None:
    """Which provisional ban a row is; None if it is none."""
    return _key_of(pk, sk[len(NOW) :]) if sk.startswith(NOW) else None


def _key_of(pk: str, room_arn: str) -> BanKey | None:
    user_id = pk.removeprefix(USER)
    if user_id == pk or not (room_arn == EVERYWHERE or is_room_arn(room_arn)):
        return None
    return BanKey(room_arn, user_id)


def end_of(expires_at: Value | None) -> End:
    """When the ban of a row ends: None for good. What is no time is long ago."""
    if expires_at is None:
        return None
    try:
        return parse_time(str(expires_at))
    except ValueError:
        return _LONG_AGO


def head_row(head: Head, name: str) -> Row:
    """The row of a head."""
    return {
        **head_key(name)._asdict(),
        "lineage": head.lineage,
        "serial": head.serial,
        "count": head.count,
        "settle_after": head.settle_after,
        "published_at": format_time(head.published_at),
        "open": head.open,
    }


def head_of(row: Row) -> Head:
    """The inverse of `head_row`.

    Raises:
        DenylistDamaged: something in it is wrong; the message says what, without the way out.
    """
    for attribute, kind in _HEAD.items():
        if type(row.get(attribute)) is not kind:
            raise DenylistDamaged(f"its attribute {attribute} is missing, or not of the type {_TYPES[kind]}")
    try:
        published_at = parse_time(str(row["published_at"]))
    except ValueError as error:
        raise DenylistDamaged(f"its attribute published_at is no time: {error}") from error
    serial, count, settle_after = (int(row[attribute]) for attribute in ("serial", "count", "settle_after"))
    return Head(str(row["lineage"]), serial, count, settle_after, published_at, row.get("open") is True)


_HEAD: Final = {"lineage": str, "serial": int, "count": int, "settle_after": int, "published_at": str}
_TYPES: Final[Mapping[type, str]] = {str: "S", int: "N"}
