"""Blocks that begin with `$ reconciler`: the command is run, and has to print what is shown."""

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.audit.builders import lines, message
from tests.test_demo import STORY

from .blocks import Block, the_block
from .rules import block
from .scripts import a_usual_day
from .world import FINALS, LOBBY, README_LIST, World, assert_shown, client, record

ENFORCED = record("ABC123def456", reason="Violated terms of service", until="2027-01-31T00:00:00Z")
AWS_CONFIGURATION = """\
[default]
aws_access_key_id = any
aws_secret_access_key = any
[profile ci]
role_arn = arn:aws:iam::123456789012:role/reconciler
role_session_name = ci
source_profile = default
region = us-west-2
"""
ZED = "  - user_id: zed\n    rooms: [lobby]\n"


def assert_prints(block: Block, world: World, *elided: str, code: int = 0) -> None:
    """Run the command of the first line, and hold the other lines against what it printed."""
    command, _, shown = block.text.partition("\n")
    ran = world.run(command.removeprefix("$ "))
    assert_shown(shown, ran.said, *elided)
    assert ran.code == code


@block("README.md", "$ reconciler apply --auto-approve\n  zed is disconnected:")
def a_piece_of_the_demo(block: Block, world: World) -> None:
    assert f"\n\n{block.text.rstrip()}\n\n" in STORY


@block("README.md", "$ reconciler plan\n  ~ finals/zed           publish")
def a_plan_that_publishes(block: Block, world: World) -> None:
    rooms = README_LIST.partition("bans:")[0]
    bans = "bans:\n  - {user_id: ABC123def456, rooms: [lobby]}\n  - {user_id: zed, rooms: all}\n"
    world.write("bans.yaml", f"{rooms}denylist: dynamodb://us-west-2/denylist\n{bans}")
    world.write_state(record("ABC123def456") | record("zed") | record("zed", FINALS))
    assert_prints(block, world)


@block("README.md", "$ reconciler validate")
def a_problem(block: Block, world: World) -> None:
    world.write("bans.yaml", README_LIST.replace("T00:00:00Z  ", "  "))
    assert_prints(block, world, code=1)


@block("docs/why.md", "$ reconciler why")
def an_answer(block: Block, world: World) -> None:
    entry = re.sub(" +# .*", "", README_LIST.partition("bans:\n")[2])
    world.write("bans.yaml", f"version: 1\nrooms:\n  lobby: {LOBBY}\nbans:\n{entry}")
    world.commit("Ban ABC123def456, see TS-4211")
    world.write_state(ENFORCED)
    assert_prints(block, world, r"\bcommit [0-9a-f]{7}\b")


@block("docs/ci.md", "$ reconciler doctor")
def a_diagnosis(block: Block, world: World) -> None:
    world.write("bans.yaml", README_LIST.replace(FINALS, f"{FINALS}x") + ZED)
    world.write("aws", AWS_CONFIGURATION)
    world.variables |= {"AWS_CONFIG_FILE": "aws", "RECONCILER_PROFILE": "ci"}
    world.write_state(ENFORCED | record("zed"))
    assert_prints(block, world, code=1)


@block("docs/audit.md", "$ reconciler audit")
def an_audit(block: Block, world: World) -> None:
    """As many logs, records and bans as are shown, and the messages at their times."""
    figures = re.findall(r"[\d,]+(?= records| logs| bans)", block.text)
    records, logs, bans = (int(figure.replace(",", "")) for figure in figures)
    messages = int(re.findall(r"spoke (\d+) times", block.text)[0])
    since, first, last = map(datetime.fromisoformat, re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", block.text))
    world.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    world.write("bans.yaml", f"{README_LIST}denylist: dynamodb://us-west-2/denylist\n")
    banned = record("zed", since=f"{since.isoformat()}Z")
    for number in range(bans - 1):
        banned |= record(f"u{number}")
    world.write_state(banned)
    times = [first, *(first + timedelta(minutes=minute) for minute in range(1, messages - 1)), last]
    said = [message("zed", time.replace(tzinfo=UTC)) for time in times]
    said += [message("amy", world.now, id=f"m{number}") for number in range(records - messages)]
    s3 = client("s3", world.with_s3_and_dynamodb())
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for number in range(logs):
        name = f"AWSLogs/123456789012/IVSChatLogs/1.0/us-west-2/room_g1H2I3j4k5L6/{number}.log.gz"
        s3.put_object(Bucket="bucket", Key=name, Body=gzip.compress(lines(*said[number::logs]), 1))
    assert_prints(replace(block, text=block.text.replace("BUCKET", "bucket")), world, code=2)


@block("docs/moderators.md", "  + lobby/zed")
def the_plan_of_a_ban(block: Block, world: World) -> None:
    """Of the command above it on the page, a week before the day that it shows."""
    world.now = datetime(2027, 1, 24, tzinfo=UTC)
    a_usual_day(world, free="zed")
    said = world.run(the_block("docs/moderators.md", 'reconciler ban zed --room lobby --reason "Insulted').text).said
    (line,) = [line for line in said.split("\n") if line.startswith("  + ") and "lobby/zed" in line]
    assert_shown(block.text, re.sub(r"(?<=00:00):\d\d(?= UTC)", "", line))
