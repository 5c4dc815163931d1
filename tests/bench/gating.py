"""How fast a gate answers from a document, in a process of its own that holds nothing else; in its CPU time."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler.denylist import document
from tests.bench.measure import Figure
from tests.bench.publishing import contents
from tests.generated_lists import entries

# A child's peak counts the memory of the process that starts it, so that is to be a small one.
SMALL = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
CHECKS = 500_000  # half of them about users who are banned

GATE = """
import gc, json, resource, sys
from time import process_time
from reconciler.gate import Gate
path, questions, checks = sys.argv[1], json.loads(open(sys.argv[2]).read()), int(sys.argv[3])
start = process_time()
gate = Gate(path, timeout=60)
gate.check(*questions[0])
loaded = process_time() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
users = len(questions)
best = 1e9
for _ in range(3):
    start = process_time()
    check = gate.check
    for _ in range(checks // users):
        for user_id, room_arn in questions:
            check(user_id, room_arn)
    best = min(best, process_time() - start)
banned = sum(gate.check(*question).banned for question in questions)
start = process_time()
json.loads(open(path, encoding="utf-8").read())
print(json.dumps([loaded, checks / best, peak, banned, process_time() - start]))
"""


def figures() -> Iterator[Figure]:
    with TemporaryDirectory() as name:
        path = Path(name) / "denylist.json"
        loaded, checks, _, plain = measured(path, 100_000)
        yield Figure(
            "a gate on a file of 100,000 bans answers at least 500,000 checks a second, in one thread",
            f"{checks:,.0f} checks/s",
            checks >= 500_000,
        )
        yield Figure("it has read that file after at most 0.5 s", against_json(loaded, plain), loaded <= 0.5)
        loaded, checks, peak, plain = measured(path, 1_000_000)
        yield Figure(
            "a gate has read a file of 1,000,000 bans after at most 6 s, and takes at most 600 MB",
            f"{against_json(loaded, plain)}; peak {peak:.0f} MB; {checks:,.0f} checks/s",
            loaded <= 6 and peak <= 600,
        )


def against_json(loaded: float, plain: float) -> str:
    return f"{loaded:.2f} s, {loaded / plain:.1f} × json.loads of it"


def measured(path: Path, size: int) -> tuple[float, float, float, float]:
    """Seconds until a new gate has answered once, checks a second, its peak in MB, and seconds of `json.loads`."""
    bans = {entry.key: entry.ban.expires_at for entry in entries(size)}
    path.write_bytes(document.dumps(contents(bans)))
    keys = list(bans)[:: max(1, size // 500)][:500]
    asked = path.with_suffix(".questions")
    questions = [[user, key.room_arn] for key in keys for user in (key.user_id, f"not {key.user_id}"[:128])]
    asked.write_text(json.dumps(questions))
    del bans
    command = [sys.executable, "-S", "-c", SMALL, sys.executable, "-c", GATE, str(path), str(asked), str(CHECKS)]
    loaded, checks, peak, banned, plain = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert banned >= len(keys) // 2  # some have ended
    return loaded, checks, peak, plain
