"""What the gate takes, what it costs, and that it decides as a straightforward model does."""

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import gate as gate_module
from reconciler.gate import Banned, Gate, Verdict

from .builders import FINALS, FREE, LOBBY, admitted, checked, document, publish

GATE = Path(gate_module.__file__)


@pytest.mark.parametrize(
    "place",
    [
        *("", "gs://bucket/key", "http://example.com/bans.json", "s3://", "s3://bucket", "s3://bucket/", "s3:///key"),
        *("dynamodb://", "dynamodb://us-west-2", "dynamodb://us-west-2/", "dynamodb://us-west-2/ab"),
        *("dynamodb://a/b/c", "dynamodb://us-west-2/bans#", "dynamodb://us-west-2/bans#a b"),
    ],
)
def test_what_is_no_place_is_refused(place: str, credentials: None) -> None:
    with pytest.raises(ValueError, match="use"):
        Gate(place)
    with pytest.raises(ValueError, match="use"):
        Gate("bans.json", token_records=place)


def test_token_records_are_of_no_list(credentials: None) -> None:
    with pytest.raises(ValueError, match=r"use dynamodb://REGION/TABLE$"):
        Gate("bans.json", token_records="dynamodb://us-west-2/tokens#bans")


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_age": -1},
        {"max_age": math.nan},
        {"max_stale": 9},
        {"max_stale": math.inf},
        {"timeout": 0},
        {"timeout": math.nan},
        {"timeout": 61},
    ],
)
def test_limits_that_make_no_sense_are_refused(arguments: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_age is 0 or more"):
        Gate(tmp_path / "bans.json", **arguments)


@pytest.mark.parametrize("user_id", ["", "a" * 129, None, 5, b"zed"])
def test_what_is_no_user_is_refused(user_id: Any, tmp_path: Path) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), timeout=20)
    for ask in (gate.check, gate.admit):
        with pytest.raises(ValueError, match="a user ID is a text of 1 to 128 characters"):
            ask(user_id, LOBBY)


@pytest.mark.parametrize(
    "room",
    ["", "lobby", "*", None, f"{LOBBY}\n", f"{LOBBY}#bans", f"x{LOBBY}", [LOBBY], LOBBY.encode(), LOBBY + "a" * 128],
)
def test_what_is_no_room_is_refused_rather_than_open(room: Any, tmp_path: Path) -> None:
    gate = Gate(publish(tmp_path / "bans.json", "zed"), timeout=20)
    for ask in (gate.check, gate.admit):
        with pytest.raises(ValueError, match="a room is given as its ARN"):
            ask("zed", room)


def test_a_verdict_is_not_true_or_false_by_itself() -> None:
    """`if gate.check(…)` would be true of everybody."""
    for verdict in (FREE, Verdict(True, None)):
        with pytest.raises(TypeError, match=r"ask for its \.banned"):
            bool(verdict)


def test_who_is_banned_hears_until_when(tmp_path: Path) -> None:
    file = publish(tmp_path / "bans.json", "zed", provisional={"bob": {"*": "2099-12-31T23:30:00+01:00"}})
    gate = Gate(file, timeout=20)
    assert gate.check("zed", LOBBY) == Verdict(True, None)
    assert gate.check("bob", LOBBY) == Verdict(True, datetime(2099, 12, 31, 22, 30, tzinfo=UTC))
    assert gate.check("eve", LOBBY) == Verdict(False, None)
    with pytest.raises(Banned, match=r"^banned for good$") as for_good:
        gate.admit("zed", LOBBY)
    with pytest.raises(Banned, match=r"^banned until 2099-12-31 22:30 UTC$") as until:
        gate.admit("bob", LOBBY)
    assert [for_good.value.until, until.value.until] == [None, datetime(2099, 12, 31, 22, 30, tzinfo=UTC)]


def test_a_place_is_found_after_the_process_has_gone_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path / "bans.json", "zed")
    monkeypatch.chdir(tmp_path)
    gate = Gate("bans.json", max_age=0, timeout=20)
    monkeypatch.chdir("/")
    assert checked(gate, "zed") == "banned"


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
USERS = ["zed", "bob", "*", "#", "😀"]
ENDS = st.none() | st.sampled_from([-3600, -1, 0, 1, 3600]).map(
    lambda seconds: (NOW + timedelta(seconds=seconds)).isoformat()
)
BANS = st.dictionaries(
    st.sampled_from(USERS), st.dictionaries(st.sampled_from([LOBBY, FINALS, "*"]), ENDS, min_size=1), max_size=5
)


def straightforward(entries: list[Any], user_id: str, room: str) -> str:
    """What section 12 of the design says, without any thought of speed."""
    ends = [
        datetime.max.replace(tzinfo=UTC) if end is None else datetime.fromisoformat(end)
        for users in entries
        for user, rooms in users.items()
        for where, end in rooms.items()
        if user == user_id and where in (room, "*")
    ]
    last = max(ends, default=NOW)
    if last <= NOW:
        return "free"
    return "banned" if last.year == 9999 else f"banned until {last:%Y-%m-%dT%H:%M:%SZ}"


@given(ours=BANS, theirs=BANS, provisional=BANS)
def test_it_decides_as_a_straightforward_model_does(ours: Any, theirs: Any, provisional: Any) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        numbers = iter(range(10**9))
        monkeypatch.setattr(gate_module, "_now", lambda: (next(numbers), 0.0, NOW.timestamp()))
        places = [Path(folder, "ours"), Path(folder, "theirs")]
        places[0].write_text(document(ours, provisional))
        places[1].write_text(document(theirs))
        gate = Gate(*places, timeout=20)
        for user_id in USERS:
            for room in (LOBBY, FINALS):
                expected = straightforward([ours, theirs, provisional], user_id, room)
                assert checked(gate, user_id, room) == admitted(gate, user_id, room) == expected


HEAVY = {"boto3", "botocore", "click", "dataclasses", "inspect", "logging", "pydantic", "pydantic_core", "rich", "ssl"}


def test_it_imports_little_and_nothing_of_the_package() -> None:
    """20 ms; most of them are the standard library's."""
    script = "import sys, reconciler.gate; print(*sorted(sys.modules))"
    loaded = set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )
    assert {name for name in loaded if name.startswith("reconciler")} == {"reconciler", "reconciler.gate"}
    assert loaded & HEAVY == set()


def test_it_runs_alone_where_nothing_is_installed(tmp_path: Path) -> None:
    publish(tmp_path / "bans.json", "zed")
    (tmp_path / "gate.py").write_bytes(GATE.read_bytes())
    script = f"from gate import Gate; print(Gate('bans.json', timeout=20).check('zed', '{LOBBY}'))"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
    )
    assert ran.stdout == "Verdict(banned=True, until=None)\n"
