"""Records of chat logs, as IVS Chat writes them."""

import json
from datetime import datetime, timedelta
from typing import Any

from reconciler.audit.records import Reader
from tests.builders import NOW

Said = tuple[str, datetime, object]


def message(user_id: str, at: datetime = NOW, *, id: str | None = None, **payload: Any) -> dict[str, Any]:
    """A message with nanoseconds in its SendTime."""
    return {
        "event_timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "type": "MESSAGE",
        "payload": {
            "Type": "MESSAGE",
            "Id": id or f"{user_id[:8]}{at.timestamp()}",
            "RequestId": "",
            "Attributes": {"username": "gleningp"},
            "Content": "bbiab! 🔥",
            "SendTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f789Z"),
            "Sender": {"UserId": user_id, "Attributes": {}},
            **payload,
        },
        "version": "1.0",
    }


def event(name: str = "aws:DISCONNECT_USER", **attributes: str) -> dict[str, Any]:
    return {
        "event_timestamp": "2026-11-22T16:00:00.000Z",
        "type": "EVENT",
        "payload": {"Type": "EVENT", "Id": "e1", "EventName": name, "Attributes": attributes, "SendTime": "x"},
        "version": "1.0",
    }


def lines(*records: object) -> bytes:
    """A log with a record a line."""
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def read(
    log: bytes, banned: set[str], *, everywhere: set[str] | None = None, size: int = 2**20
) -> tuple[Reader, list[Said]]:
    """A log, read in pieces of so many bytes, and what was said by whoever is banned."""
    said: list[Said] = []
    reader = Reader((banned, everywhere or set()), lambda *message: said.append(message))
    for start in range(0, len(log), size):
        reader.feed(log[start : start + size])
    reader.end()
    return reader, said


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
