"""Values for tests, short to write: `ban_list(ban("zed", until=TOMORROW))`."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from reconciler import Ban, BanKey, BanList, Guardrails, Record, State

LOBBY = "arn:aws:ivschat:us-west-2:123456789012:room/lobby0000000"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/finals000000"
ROOMS = {"lobby": LOBBY, "finals": FINALS}

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
TOMORROW = NOW + timedelta(days=1)
NEXT_WEEK = NOW + timedelta(days=7)

SANDBOX = "http://127.0.0.1:8787"
LINEAGE = "7f1f5be2-6d5f-4d5b-9b0e-2f1f7f0f3c11"

Entry = tuple[BanKey, Ban]


def ban(user_id: str, *, room: str = LOBBY, reason: str | None = None, until: datetime | None = None) -> Entry:
    return BanKey(room, user_id), Ban(reason, until)


def ban_list(
    *bans: Entry, guardrails: Guardrails | None = None, rooms: Mapping[str, str] = ROOMS, path: str = "bans.yaml"
) -> BanList:
    return BanList(
        path=path, sha256="0" * 64, rooms=dict(rooms), guardrails=guardrails or Guardrails(), bans=dict(bans)
    )


def recorded(*bans: Entry, serial: int = 1, lineage: str | None = LINEAGE, endpoint: str | None = None) -> State:
    """A state in which these bans were enforced yesterday."""
    records = {key: Record(terms, YESTERDAY, f"request-{key.user_id}") for key, terms in bans}
    return State(lineage, serial, records, endpoint)


def many(count: int, prefix: str = "user") -> Iterable[Entry]:
    return [ban(f"{prefix}{number}") for number in range(count)]
