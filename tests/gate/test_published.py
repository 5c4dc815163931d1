"""What an apply publishes is what a gate reads, in each place and in each language."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from reconciler import BanKey
from reconciler.bans import EVERYWHERE
from reconciler.gate import Gate
from reconciler.publishers import open_publisher
from reconciler.publishers.publisher import Publisher
from tests.builders import LINEAGE

from . import node
from .builders import FINALS, LOBBY, admitted, checked
from .tables import make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = datetime.now(UTC).replace(microsecond=0)
TOMORROW = NOW + timedelta(days=1)
BANNED, UNTIL, FREE = "banned", f"banned until {TOMORROW:%Y-%m-%dT%H:%M:%SZ}", "free"

Ask = Callable[[str, Sequence[tuple[str, str]]], Mapping[tuple[str, str], str]]
"""What a new gate at a location says to users in rooms, both to `check` and to `admit`."""


@pytest.fixture(params=["file", "s3", "dynamodb"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place where nothing has been published yet."""
    match request.param:
        case "file":
            return str(tmp_path / "denylist.json")
        case "s3":
            return f"s3://{request.getfixturevalue('bucket')}/denylist.json"
        case _:
            return new_table(request.getfixturevalue("dynamodb"))


def new_table(dynamodb: "DynamoDBClient") -> str:
    return f"dynamodb://us-west-2/{make_table(dynamodb, f'bans-{uuid4()}')}"


@pytest.fixture(params=[pytest.param("python"), pytest.param("node", marks=node.needs_node)])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Ask:
    def in_python(location: str, questions: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        gate = Gate(location, timeout=20)
        return {each: both([checked(gate, *each), admitted(gate, *each)]) for each in questions}

    def in_node(location: str, questions: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        if "://" in location and node.needs_sdk.args[0]:
            pytest.skip(str(node.needs_sdk.kwargs["reason"]))
        gate = tmp_path / "node" / "gate.mjs"
        asked = {"location": location, "options": {"timeout": 20}, "questions": [list(each) for each in questions]}
        [answers] = node.ask(gate if gate.exists() else node.laid_out(gate.parent), time.time(), [asked])
        return dict(zip(questions, map(both, answers), strict=True))

    return in_python if request.param == "python" else in_node


def both(said: Sequence[str]) -> str:
    """What two ways to ask say alike."""
    assert len(set(said)) == 1, said
    return said[0]


def publisher(location: str, name: str = "bans") -> Publisher:
    return open_publisher(location, name, now=lambda: datetime.now(UTC), sleep=lambda _seconds: False)


def publish(
    location: str, bans: Mapping[BanKey, datetime | None], *, remove: Sequence[BanKey] = (), name: str = "bans"
) -> None:
    """A whole publication, in which nothing fails."""
    publishing = publisher(location, name)
    publishing.begin(LINEAGE, 90)
    assert publishing.publish(bans, remove=remove, superseded=[*bans, *remove]) == {}
    publishing.end(len(bans))


def test_a_gate_refuses_who_is_published_for_as_long_as_that_says(location: str, ask: Ask) -> None:
    gone, everywhere = BanKey(LOBBY, "gone"), BanKey(EVERYWHERE, "constructor")
    publish(
        location,
        {
            gone: None,
            everywhere: None,
            BanKey(LOBBY, "for-a-day"): TOMORROW,
            BanKey(LOBBY, "ended"): NOW,
            BanKey(LOBBY, "both"): NOW,
            BanKey(EVERYWHERE, "both"): TOMORROW,
            BanKey(LOBBY, "Zoë #1\u200b"): None,
        },
    )
    provisional = {BanKey(LOBBY, "at-once"): TOMORROW, BanKey(LOBBY, "ended"): NOW + timedelta(milliseconds=1)}
    assert publisher(location).put_provisional(provisional) == {}
    said = {
        ("gone", LOBBY): BANNED,
        ("gone", FINALS): FREE,
        ("constructor", LOBBY): BANNED,
        ("constructor", FINALS): BANNED,
        ("for-a-day", LOBBY): UNTIL,
        ("ended", LOBBY): FREE,
        ("both", LOBBY): UNTIL,
        ("Zoë #1\u200b", LOBBY): BANNED,
        ("at-once", LOBBY): UNTIL,
        ("at-once", FINALS): FREE,
        ("nobody", LOBBY): FREE,
    }
    assert ask(location, list(said)) == said
    publish(location, {BanKey(LOBBY, "at-once"): None}, remove=[gone, everywhere])
    said |= {("gone", LOBBY): FREE, ("constructor", LOBBY): FREE, ("constructor", FINALS): FREE}
    said |= {("at-once", LOBBY): BANNED}
    assert ask(location, list(said)) == said


def test_before_anything_is_published_and_after_it_was_retired_nobody_can_be_let_in(location: str, ask: Ask) -> None:
    assert ask(location, [("zed", LOBBY)]) == {("zed", LOBBY): "unavailable"}
    publish(location, {})
    assert ask(location, [("zed", LOBBY)]) == {("zed", LOBBY): FREE}
    publisher(location).retire(LINEAGE)
    assert ask(location, [("zed", LOBBY)]) == {("zed", LOBBY): "unavailable"}


def test_two_lists_in_one_table_ban_and_lift_for_themselves(dynamodb: "DynamoDBClient", ask: Ask) -> None:
    table = new_table(dynamodb)
    in_both, in_one = BanKey(LOBBY, "in-both"), BanKey(LOBBY, "in-one")
    publish(table, {in_both: None, in_one: None}, name="esports")
    publish(table, {in_both: TOMORROW}, name="partners")
    gate = f"{table}#esports,partners"
    questions = [("in-both", LOBBY), ("in-one", LOBBY)]
    assert list(ask(gate, questions).values()) == [BANNED, BANNED]
    publish(table, {}, remove=[in_both, in_one], name="esports")
    assert list(ask(gate, questions).values()) == [UNTIL, FREE]
    publish(table, {}, remove=[in_both], name="partners")
    assert list(ask(gate, questions).values()) == [FREE, FREE]
