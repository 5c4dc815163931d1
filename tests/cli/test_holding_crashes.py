"""kill -9 of applies that publish: whole processes, with the denylist in a file and in a table.

RECONCILER_KILLS sets how many applies are killed.
"""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from os import stat
from pathlib import Path

import boto3
import pytest

from reconciler import BanKey, load_state
from reconciler.bans import format_time
from reconciler.denylist import document, rows
from reconciler.denylist.value import Bans, Contents
from reconciler.publishers import open_publisher
from reconciler.sandbox import Request, SandboxOptions, running
from tests.cli.test_crashes import ARN, KILLS
from tests.effort import examples
from tests.moto_server import moto_server
from tests.publishers.places import REGION, make_table

BANS = examples(200, 1000)
STATE, JOURNAL = Path("bans.state.json"), Path("bans.state.json.journal")
END = format_time(datetime.now(UTC).replace(microsecond=0) + timedelta(days=30))
# All runs have the clock of one machine; otherwise the last would wait for a minute to allow for another.
PROGRAM = (
    "-c",
    "from datetime import timedelta; from reconciler import enforce; enforce.SKEW = timedelta()\n"
    "from reconciler.cli.main import main; main()",
)
APPLY = ("apply", "--auto-approve", "--rate", "0", "--format", "json")


class Denylist:
    """A denylist, as the chat service would look at it if it could: whether it names somebody now."""

    def __init__(self, location: str, names: Callable[[str], bool]) -> None:
        self.location = location
        self.names = names

    def read(self) -> Contents:
        publisher = open_publisher(self.location, now=lambda: datetime.now(UTC), sleep=lambda _seconds: False)
        return publisher.read()


@contextmanager
def in_a_file() -> Iterator[Denylist]:
    path = Path("denylist.json")
    known: dict[tuple[int, int], Bans] = {}

    def names(user_id: str) -> bool:
        now = stat(path)
        version = now.st_ino, now.st_mtime_ns
        if version not in known:
            known.clear()
            known[version] = document.loads(path.read_bytes()).bans
        return BanKey(ARN, user_id) in known[version]

    yield Denylist(str(path), names)


@contextmanager
def in_a_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Denylist]:
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with closing(boto3.client("dynamodb", region_name=REGION)) as client:
            table = make_table(client)

            def names(user_id: str) -> bool:
                key = rows.ban_key(BanKey(ARN, user_id), "bans")
                item = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
                return "Item" in client.get_item(TableName=table, Key=item, ConsistentRead=True)

            yield Denylist(f"dynamodb://{REGION}/{table}", names)


@pytest.fixture(params=["file", "table"])
def denylist(
    request: pytest.FixtureRequest, credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Denylist]:
    monkeypatch.chdir(tmp_path)
    with in_a_file() if request.param == "file" else in_a_table(monkeypatch) as denylist:
        yield denylist


@pytest.fixture
def kicked_too_early(denylist: Denylist, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Who was disconnected and was not in the denylist at that moment; the chat service looks at each call."""
    too_early: list[str] = []

    def look(request: Request) -> None:
        user_id = str(request.params["userId"])
        if not denylist.names(user_id):
            too_early.append(user_id)

    with running(SandboxOptions(rooms=(ARN,), quota=0), on_request=look) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        yield too_early


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, *PROGRAM, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(*arguments: str) -> str:
    with start(*arguments) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def write_list(ends: Mapping[str, str | None], location: str) -> None:
    entries = "".join(
        f"  - user_id: {user_id}\n    rooms: [lobby]\n" + (f"    expires_at: {end}\n" if end else "")
        for user_id, end in ends.items()
    )
    Path("bans.yaml").write_text(
        f"version: 1\nrooms:\n  lobby: {ARN}\nguardrails: {{max_bans: 100000, max_lift_percent: 100}}\n"
        f"denylist: {{location: {location!r}, settle_after: 1}}\nbans:\n{entries}"
    )


def edit(ends: dict[str, str | None], chance: random.Random) -> None:
    """Lift a third, ban as many others, and give a tenth of all another end."""
    for user_id in chance.sample(sorted(ends), BANS // 3):
        del ends[user_id]
    others = sorted({f"user{number}" for number in range(2 * BANS)} - ends.keys())
    ends.update({user_id: chance.choice([None, END]) for user_id in chance.sample(others, BANS - len(ends))})
    for user_id in chance.sample(sorted(ends), BANS // 10):
        ends[user_id] = None if ends[user_id] else END


def keep_files(folder: Path) -> None:
    """What the next run would find if this one were lost."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in (STATE, JOURNAL):
        if path.exists():
            shutil.copy(path, folder / path.name)


def put_back(folder: Path) -> None:
    for path in (STATE, JOURNAL):
        path.unlink(missing_ok=True)
        if (folder / path.name).exists():
            shutil.copy(folder / path.name, path)


def test_whoever_is_disconnected_is_in_the_denylist_whichever_runs_are_killed_or_lost(
    denylist: Denylist, kicked_too_early: list[str]
) -> None:
    chance = random.Random(denylist.location)
    ends: dict[str, str | None] = {f"user{number}": None for number in range(BANS)}
    write_list(ends, denylist.location)
    began = time.monotonic()
    output(*APPLY, "--no-wait")
    takes = time.monotonic() - began
    for kill in range(KILLS):
        edit(ends, chance)
        write_list(ends, denylist.location)
        keep_files(Path("kept"))
        with start(*APPLY) as process:
            time.sleep(chance.uniform(0.1, 1.1) * takes)
            process.kill()
            process.communicate()
        if kill % 2:
            put_back(Path("kept"))
        if chance.random() < 0.2:  # else the next run is killed too
            output(*APPLY, "--no-wait")
    edit(ends, chance)
    write_list(ends, denylist.location)
    output(*APPLY)
    assert kicked_too_early == []
    there = denylist.read()
    assert {key.user_id: end and format_time(end) for key, end in there.bans.items()} == ends
    assert there.head is not None
    assert not there.head.open
    state = load_state(str(STATE))
    assert {key.user_id: record.ban.expires_at for key, record in state.records.items()} == {
        key.user_id: end for key, end in there.bans.items()
    }
    assert list(state.unsettled) == []
    plan = json.loads(output("plan", "--format", "json"))
    assert (plan["changes"], plan["summary"]["settle_calls"]) == ([], 0)
