"""How fast an apply calls, against a boto3 loop and against the AWS CLI, on a sandbox in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import boto3

from tests.bench.measure import Figure

ROOM = "arn:aws:ivschat:{}:123456789012:room/AbCdEfGhIjKl"
REGIONS = ("us-west-2", "us-east-1", "eu-west-1")
LATENCY = 0.03  # seconds


def ban_list(bans: int, regions: tuple[str, ...] = REGIONS[:1]) -> str:
    """A list with this many bans in a room of each region."""
    rooms = "".join(f"  {region}: {ROOM.format(region)}\n" for region in regions)
    entries = "".join(f"  - user_id: user{number}\n    rooms: all\n    reason: Spam\n" for number in range(bans))
    return f"version: 1\nrooms:\n{rooms}guardrails:\n  max_bans: 1000000\nbans:\n{entries}"


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[Mapping[str, str], Path]]:
    """A sandbox: the environment in which AWS clients call it, and its log."""
    log = folder / "requests.jsonl"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "reconciler", "sandbox", "-f", str(folder / "bans.yaml"), "--port", "0"]
    command += ["--latency", str(LATENCY), "--log", str(log), *options]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **quiet) as process:  # type: ignore[call-overload]
        url = process.stdout.readline().split()[-1]
        drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
        yield (
            {
                **os.environ,
                "AWS_ENDPOINT_URL_IVSCHAT": url,
                "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_DEFAULT_REGION": REGIONS[0],
            },
            log,
        )
        process.terminate()
        drain.wait()


def apply(folder: Path, environment: Mapping[str, str], *options: str) -> float:
    """Seconds of a whole apply from an empty state."""
    for left_over in folder.glob("bans.state.json*"):
        left_over.unlink()
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "-f", str(folder / "bans.yaml"), *options]
    start = perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return perf_counter() - start


def calls(log: Path) -> list[dict[str, object]]:
    """What the sandbox was asked."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def calling_time(log: Path) -> float:
    """Seconds from the first call to the last, as the server saw them."""
    from datetime import datetime

    times = [datetime.fromisoformat(str(call["time"])) for call in calls(log)]
    return (max(times) - min(times)).total_seconds()


def figures() -> Iterator[Figure]:
    """Pace first, then speed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        yield from paces(folder)
        yield from speeds(folder)
        yield from with_a_denylist(folder)


def paces(folder: Path) -> Iterator[Figure]:
    """At the quota of the service, which the sandbox enforces."""
    (folder / "bans.yaml").write_text(ban_list(1000))
    with sandbox(folder) as (environment, log):
        apply(folder, environment)
        taken = calling_time(log)
        throttled = sum(call["status"] == 429 for call in calls(log))
    yield Figure(
        "1,000 calls at 100 a second and 30 ms latency take within 3 % of 10 s, none throttled",
        f"{taken:.2f} s, {throttled} throttled",
        abs(taken - 10) <= 0.3 and not throttled,
    )

    (folder / "bans.yaml").write_text(ban_list(500))
    with sandbox(folder, "--latency", "0.2") as (environment, log):
        apply(folder, environment)
        taken = calling_time(log)
    yield Figure(
        "500 calls at 100 a second and 200 ms latency take within 3 % of 5.2 s (the first goes alone): --parallelism is"
        " enough by default",
        f"{taken:.2f} s",
        abs(taken - 5.2) <= 0.15,
    )

    (folder / "bans.yaml").write_text(ban_list(300))
    with sandbox(folder) as (environment, log):
        one = apply(folder, environment)
    (folder / "bans.yaml").write_text(ban_list(300, REGIONS))
    with sandbox(folder) as (environment, log):
        three = apply(folder, environment)
    yield Figure(
        "300 calls in each of three regions take the time of one region",
        f"{three / one:.2f} × (three {three:.2f} s, one {one:.2f} s, whole processes)",
        three <= one * 1.15,
    )

    (folder / "bans.yaml").write_text(ban_list(500))
    with sandbox(folder, "--fault-rate", "20") as (environment, log):
        faulty = apply(folder, environment)  # raises unless everything was applied
        attempts = len(calls(log))
    yield Figure(
        "with 20 % of the answers faulty (500, 503, 429, cut) everything is applied",
        f"500 bans in {attempts} attempts, {faulty:.1f} s",
        attempts > 500,
    )


def with_a_denylist(folder: Path) -> Iterator[Figure]:
    """What publishing adds to an apply that leaves settling to the next; the two take turns."""
    bans = 2000
    listed = ban_list(bans)
    (folder / "bans.yaml").write_text(listed)
    other = folder / "published"
    other.mkdir()
    (other / "bans.yaml").write_text(listed.replace("bans:\n", "denylist: denylist.json\nbans:\n", 1))
    with sandbox(folder, "--quota", "0") as (environment, _):

        def publishing() -> float:
            (other / "denylist.json").unlink(missing_ok=True)
            return apply(other, environment, "--rate", "0", "--no-wait")

        ratios = [publishing() / apply(folder, environment, "--rate", "0") for _ in range(9)]
    yield Figure(
        f"an apply of {bans:,} bans that publishes them in a file takes at most 5 % longer, settling aside",
        f"{median(ratios):.3f} × (the median of nine runs of each, which take turns)",
        median(ratios) <= 1.05,
    )


def speeds(folder: Path) -> Iterator[Figure]:
    """Without a pace, against what people do without this program."""
    bans, looped, cli = 1000, 100, 20
    (folder / "bans.yaml").write_text(ban_list(bans))
    with sandbox(folder, "--quota", "0") as (environment, log):
        apply(folder, environment, "--rate", "0")
        ours = bans / calling_time(log)

        client = boto3.client(
            "ivschat",
            region_name=REGIONS[0],
            endpoint_url=environment["AWS_ENDPOINT_URL_IVSCHAT"],
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )
        start = perf_counter()
        for number in range(looped):
            client.disconnect_user(roomIdentifier=ROOM.format(REGIONS[0]), userId=f"user{number}", reason="Spam")
        loop = looped / (perf_counter() - start)
        client.close()

        aws = Path(sys.executable).with_name("aws")
        program = str(aws) if aws.exists() else shutil.which("aws") or "aws"
        start = perf_counter()
        for number in range(cli):
            arguments = ["--room-identifier", ROOM.format(REGIONS[0]), "--user-id", f"user{number}"]
            subprocess.run([program, "ivschat", "disconnect-user", *arguments], check=True, env=environment)
        shell = cli / (perf_counter() - start)
    yield Figure(
        "without a pace, at least 400 calls a second at 30 ms latency, the server on the same machine",
        f"{ours:.0f} calls/s: {ours / loop:.1f} × a boto3 loop ({loop:.0f}/s),"
        f" {ours / shell:.0f} × the AWS CLI in a shell loop ({shell:.1f}/s)",
        ours >= 400,
    )
