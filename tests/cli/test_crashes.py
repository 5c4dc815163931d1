"""kill -9 and races: whole processes against the sandbox, with the state in a file and on S3.

RECONCILER_KILLS sets how many applies are killed.
"""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.effort import examples

ARN = "arn:aws:ivschat:us-west-2:123456789012:room/lobby0000000"
IN_FLIGHT = 32
KILLS = int(os.environ.get("RECONCILER_KILLS") or examples(2, 6))


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(ARN,), quota=0, latency=0.005)) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        yield sandbox


@pytest.fixture(params=["file", "s3"])
def state(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the state is."""
    monkeypatch.chdir(tmp_path)
    if request.param == "file":
        return "bans.state.json"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", request.getfixturevalue("s3_server"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    request.getfixturevalue("credentials")
    with closing(boto3.client("s3")) as client:
        client.create_bucket(Bucket="moderation")
    return f"s3://moderation/{tmp_path.name}/bans.state.json"


def write_list(bans: int) -> None:
    entries = "".join(f"  - user_id: user{number}\n    rooms: [lobby]\n" for number in range(bans))
    Path("bans.yaml").write_text(
        f"version: 1\nrooms:\n  lobby: {ARN}\nguardrails:\n  max_bans: 100000\nbans:\n{entries}"
    )


def reconciler(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "reconciler", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(*arguments: str) -> str:
    with reconciler(*arguments) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def planned(state: str) -> list[str]:
    plan = json.loads(output("plan", "--state", state, "--format", "json"))
    return [change["user_id"] for change in plan["changes"]]


def test_killing_applies_loses_no_reported_ban_and_repeats_no_more_than_was_in_flight(
    sandbox: Sandbox, state: str
) -> None:
    bans = 500 * KILLS
    write_list(bans)
    chance = random.Random(state.startswith("s3:"))
    everybody = [f"user{number}" for number in range(bans)]
    reported: set[str] = set()
    for kill in range(KILLS):
        part = bans // KILLS
        until = chance.randrange(part * kill + 1, part * (kill + 1))
        with reconciler("apply", "--auto-approve", "--rate", "0", "--format", "json", "--state", state) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "ban_complete" in line:
                    reported.add(json.loads(line)["user_id"])
                if len(reported) >= until:
                    process.kill()
                    break
            reported |= {
                json.loads(line)["user_id"] for line in process.stdout if "ban_complete" in line and line.endswith("\n")
            }
        rest = planned(state)
        assert rest == [user for user in everybody if user in set(rest)]  # in the order of the list
        assert reported <= set(everybody) - set(rest)
        called = {user for _, user in sandbox.disconnected}
        assert set(everybody) - set(rest) <= called
        if state.startswith("s3:"):
            with reconciler("apply", "--auto-approve", "--state", state) as process:
                _, err = process.communicate(timeout=120)
            if process.returncode:
                assert "is locked by" in err
                [(lock_id, where)] = re.findall(r"`reconciler force-unlock (\S+) --state (\S+)`", err)
                output("force-unlock", lock_id, "--state", where)
            else:  # it had finished before it was killed
                assert not rest
    output("apply", "--auto-approve", "--rate", "0", "--state", state)
    assert planned(state) == []
    calls = Counter(user for _, user in sandbox.disconnected)
    assert set(calls) == set(everybody)
    assert calls.total() - bans <= IN_FLIGHT * KILLS


def test_two_applies_at_once_call_every_ban_exactly_once(sandbox: Sandbox, state: str) -> None:
    write_list(300)
    arguments = ("apply", "--auto-approve", "--rate", "0", "--lock-timeout", "60", "--state", state)
    with reconciler(*arguments) as one, reconciler(*arguments) as other:
        for process in (one, other):
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    assert sorted(Counter(user for _, user in sandbox.disconnected).values()) == [1] * 300
    assert planned(state) == []
