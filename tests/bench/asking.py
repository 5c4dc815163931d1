"""What `why` costs, in whole processes: on a long list, against its plan; on a long history, against `git log -G`."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, run
from tempfile import TemporaryDirectory

from reconciler import Record, State
from reconciler.state import file as state
from tests.bench.measure import Figure, best_of, python
from tests.generated_lists import START, ban_list, entries
from tests.repositories import SETTINGS, imported, repository

MANY = 100_000
COMMITS = 2000
ROOM = "arn:aws:ivschat:us-west-2:123456789012:room/lobby0000000"


def figures() -> Iterator[Figure]:
    with TemporaryDirectory() as name:
        yield from on_a_long_list(Path(name))
    with TemporaryDirectory() as name:
        yield from on_a_long_history(Path(name))


def on_a_long_list(folder: Path) -> Iterator[Figure]:
    """Somebody in the middle of it, and somebody who is not in it, so that the nearest users are looked for."""
    (folder / "bans.yaml").write_text(ban_list(MANY))
    records = {entry.key: Record(entry.ban, START, "id") for entry in entries(MANY)}
    (folder / "bans.state.json").write_bytes(state.dumps(State("lineage", 1, records)))
    *_, last = (entry.key.user_id for entry in entries(MANY // 2))
    at = ["-f", str(folder / "bans.yaml")]
    known, unknown, plan = best_of(
        5,
        python("-m", "reconciler", "why", *at, "--", last),
        python("-m", "reconciler", "why", *at, "--", f"{last}x"),
        python("-m", "reconciler", "plan", *at),
    )
    yield Figure(
        f"why on a list of {MANY:,} recorded bans takes at most 0.4 × its plan, for somebody unknown 0.6 ×",
        f"{known / plan:.2f} × and {unknown / plan:.2f} × ({known:.2f} s, {unknown:.2f} s, plan {plan:.2f} s)",
        known <= 0.4 * plan and unknown <= 0.6 * plan,
    )


def on_a_long_history(folder: Path) -> Iterator[Figure]:
    """A list of 2,000 entries that gets one more with each commit, and somebody whose ban was lifted halfway."""
    others = [f"  - user_id: user{number:06}\n    rooms: [lobby]\n    reason: Spam\n" for number in range(2 * COMMITS)]
    zed = "  - user_id: zed\n    rooms: [lobby]\n"

    def version(number: int) -> str:
        there = zed if number < COMMITS // 2 else ""
        return f"version: 1\nrooms:\n  lobby: {ROOM}\nbans:\n{there}{''.join(others[: COMMITS + number])}"

    repository(folder)
    imported(map(version, range(COMMITS)), folder)
    at = ["-f", str(folder / "bans.yaml")]
    git = ["git", "-C", str(folder), "log", "--format=%H", "-Gzed", "--", "bans.yaml"]
    oldest, lifted, log = best_of(
        5,
        python("-m", "reconciler", "why", *at, "user000000"),
        python("-m", "reconciler", "why", *at, "zed", "--history"),
        lambda: run(git, check=True, stdout=DEVNULL, env=SETTINGS | {"PATH": "/usr/bin:/bin:/usr/local/bin"}),
    )
    yield Figure(
        f"why of the oldest entry, and --history, with {COMMITS:,} commits take at most 0.8 × `git log -G`",
        f"{oldest / log:.2f} × and {lifted / log:.2f} × ({oldest:.2f} s, {lifted:.2f} s, git log {log:.2f} s)",
        max(oldest, lifted) <= 0.8 * log,
    )
