"""Denylists as `reconciler apply` publishes them, and a clock that tests turn."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconciler import gate as gate_module
from reconciler.gate import Banned, DenylistUnavailable, Gate, Verdict
from tests.builders import FINALS, LOBBY

__all__ = [
    "FINALS",
    "FREE",
    "LOBBY",
    "Clock",
    "admitted",
    "checked",
    "document",
    "eventually",
    "old",
    "publish",
    "within",
]

FREE = Verdict(False, None)
Bans = dict[str, dict[str, str | None]]


def document(bans: Bans, provisional: Bans | None = None, **more: object) -> str:
    """A document; `more` replaces what is in its head."""
    head = {
        "format_version": 1,
        "lineage": "6f5b0e8e-6f1c-4f0e-9b43-1f1f6f0a7d10",
        "serial": 7,
        "settle_after": 90,
        "published_at": "2026-11-25T11:00:00Z",
        "count": sum(len(rooms) for rooms in bans.values()),
    }
    return json.dumps({**head, "bans": bans, "provisional": provisional or {}, **more}, ensure_ascii=False)


def publish(path: Path, *users: str, provisional: Bans | None = None, **more: object) -> Path:
    """Ban these users from the lobby for good, in a document that is replaced as a whole."""
    new = path.with_suffix(".new")
    new.write_text(document({user: {LOBBY: None} for user in users}, provisional, **more), encoding="utf-8")
    new.replace(path)
    return path


def old(path: Path) -> Path:
    """Make a file look as if it had been there for an hour."""
    past = time.time() - 3600
    os.utime(path, (past, past))
    return path


class Clock:
    """The gate's two clocks: they stand still, and turn when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, wall: float | None = None) -> None:
        self.clock, self.wall = 1000.0, time.time() if wall is None else wall
        numbers = count(1)
        monkeypatch.setattr(gate_module, "_now", lambda: (next(numbers), self.clock, self.wall))

    def turn(self, seconds: float) -> None:
        self.clock += seconds
        self.wall += seconds


def eventually(holds: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if it takes much longer; machines that run tests are slow, so there is some room."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds + 30


def admitted(gate: Gate, user_id: str, room_arn: str = LOBBY) -> str:
    """What `admit` says, in one word."""
    try:
        gate.admit(user_id, room_arn)
    except Banned as error:
        return "banned" if error.until is None else f"banned until {error.until:%Y-%m-%dT%H:%M:%SZ}"
    except DenylistUnavailable:
        return "unavailable"
    except ValueError:
        return "nonsense"
    return "free"


def checked(gate: Gate, user_id: str, room_arn: str = LOBBY) -> str:
    """What `check` says, in one word."""
    try:
        verdict = gate.check(user_id, room_arn)
    except DenylistUnavailable:
        return "unavailable"
    except ValueError:
        return "nonsense"
    if not verdict.banned:
        return "free"
    return "banned" if verdict.until is None else f"banned until {verdict.until:%Y-%m-%dT%H:%M:%SZ}"
