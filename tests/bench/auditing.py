"""How fast an audit reads chat logs, compressed as AWS keeps them, in a process of its own; in its CPU time."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler import Record, State
from reconciler.state import file as state_file
from tests.audit.builders import message
from tests.bench.gating import SMALL
from tests.bench.measure import Figure
from tests.generated_lists import entries

RECORDS, BANS = 1_000_000, 100_000
LOBBY = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\nbans: []\n"
START = datetime(2026, 11, 20, tzinfo=UTC)

# Prints what the audit prints, then its seconds, its peak in MB, and the seconds that `json.loads` takes for a line.
AUDIT = """
import gzip, json, resource, sys
from time import process_time
from reconciler.cli.main import cli
log, state, known = sys.argv[1:]
start = process_time()
try:
    cli.main(["audit", log, "-f", known, "--state", state, "--format", "json"], standalone_mode=False)
finally:
    sys.stdout.flush()
audited = process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
lines = [line for line, _ in zip(gzip.open(log), range(100_000))]
start = process_time()
for line in lines:
    json.loads(line)
print(json.dumps([audited, peak, (process_time() - start) / len(lines)]))
"""


def figures() -> Iterator[Figure]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bans.yaml").write_text(HEAD)
        records = {entry.key._replace(room_arn=LOBBY): Record(entry.ban, START) for entry in entries(BANS)}
        (folder / "bans.state.json").write_bytes(state_file.dumps(State("x", 1, records)))
        users = [key.user_id for key in records]
        seconds, peak, plain, found = measured(folder, log_of(folder, users, RECORDS))
        _, small, _, _ = measured(folder, log_of(folder, users, RECORDS // 10))
    assert found == RECORDS // 100
    rate, ratio = RECORDS / seconds, seconds / (RECORDS * plain)
    yield Figure(
        f"an audit of {RECORDS:,} messages in gzip against {BANS:,} bans takes at most 1.5 × json.loads of every line",
        f"{rate:,.0f} records/s, {ratio:.2f} × json.loads alone; {seconds:.1f} s",
        ratio <= 1.5,
    )
    yield Figure(
        "it reads at least 100,000 records a second, whatever it takes to start", f"{rate:,.0f}/s", rate >= 100_000
    )
    yield Figure(
        "ten times the messages take at most 10 MB more, and it takes at most 250 MB",
        f"peak {peak:.0f} MB, with a tenth of the messages {small:.0f} MB",
        peak <= small + 10 and peak <= 250,
    )


def log_of(folder: Path, banned: list[str], size: int) -> Path:
    """A log in which each hundredth message is by somebody who is banned."""
    path = folder / f"123456789012_IVSChatLogs_1.0_us-west-2_room_g1H2I3j4k5L6_{size}.log.gz"
    plain = json.dumps(
        message("USER", datetime(2026, 11, 21, tzinfo=UTC), id="ID", RequestId="x" * 36), ensure_ascii=False
    )
    before, _, rest = plain.partition("ID")
    between, _, after = rest.partition("USER")
    with gzip.open(path, "wt", compresslevel=1, encoding="utf-8") as file:
        for number in range(size):
            user = banned[number % len(banned)] if number % 100 == 0 else f"viewer-{number % 50_000:016}"
            file.write(f"{before}{number:012}{between}{json.dumps(user)[1:-1]}{after}\n")
    return path


def measured(folder: Path, log: Path) -> tuple[float, float, float, int]:
    """Seconds, peak in MB, seconds of `json.loads` for a line, and how many messages were found."""
    arguments = [str(log), str(folder / "bans.state.json"), str(folder / "bans.yaml")]
    command = [sys.executable, "-S", "-c", SMALL, sys.executable, "-c", AUDIT, *arguments]
    audit, figures = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    audited = json.loads(audit)
    assert (audited["records"], audited["skipped"]) == (int(log.name.split("_")[-1].removesuffix(".log.gz")), 0)
    seconds, peak, plain = json.loads(figures)
    return seconds, peak, plain, sum(finding["messages"] for finding in audited["findings"])
