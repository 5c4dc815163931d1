"""What recording costs on a large state: one more record, and folding the journal into it at the end."""

import gc
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from time import perf_counter

from pydantic_core import from_json, to_json

from reconciler import Ban, BanKey, Record, State
from reconciler.state import file as state
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from tests.bench.measure import Figure
from tests.generated_lists import entries

ARN = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
LINEAGE = "7f1f5be2-6d5f-4d5b-9b0e-2f1f7f0f3c11"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHO = Holder("bench", "", "", 0, NOW)
RECORDS = 1000
LARGE = 100_000


def figures() -> Iterator[Figure]:
    """Each record is fsynced by itself here; an apply groups them."""
    large = State(LINEAGE, 1, {entry.key: Record(entry.ban, NOW, "id") for entry in entries(LARGE)})
    content = state.dumps(large)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "large.json").write_bytes(content)
        on_empty = seconds_for_each(folder / "empty.json")
        on_large = seconds_for_each(folder / "large.json")
    yield Figure(
        f"recording one more ban costs the same on a state of {LARGE:,} as on an empty one",
        f"{on_large / on_empty:.2f} × ({on_large * 1e6:.0f} µs, {on_empty * 1e6:.0f} µs)",
        on_large <= 1.5 * on_empty,
    )
    gc.disable()  # as the command line does
    with TemporaryDirectory() as name:
        rounds = [folding(Path(name), content) for _ in range(5)]
    gc.enable()
    ours, theirs = (min(times) for times in zip(*rounds, strict=True))
    yield Figure(
        f"folding a journal of {RECORDS:,} into a state of {LARGE:,} takes at most 2 × reading, parsing, encoding and"
        " writing its JSON with pydantic-core",
        f"{ours / theirs:.2f} × ({ours:.2f} s, {theirs:.2f} s)",
        ours <= 2 * theirs,
    )


def seconds_for_each(path: Path) -> float:
    """Seconds of one `record`."""
    with open_store(str(path)).locked(WHO, 0, LINEAGE) as session:
        start = perf_counter()
        for number in range(RECORDS):
            session.keep([(BanKey(ARN, f"new{number}"), Record(Ban("Spam"), NOW, "request"))])
        return (perf_counter() - start) / RECORDS


def folding(folder: Path, content: bytes) -> tuple[float, float]:
    """Seconds to take in what an interrupted run has left, and to read and write the same file without a thought."""
    path = folder / "state.json"
    path.write_bytes(content)
    new = [(BanKey(ARN, f"new{number}"), Record(Ban("Spam"), NOW, "request")) for number in range(RECORDS)]
    with open_store(str(path)).locked(WHO, 0, LINEAGE) as session:
        session.keep(new)
    other = folder / "other.json"
    copy(path, other)
    start = perf_counter()
    with open_store(str(path)).locked(WHO, 0, LINEAGE) as session:
        session.save()
    ours = perf_counter() - start

    start = perf_counter()
    encoded = to_json(from_json(other.read_bytes()), indent=2)
    with (folder / "other.tmp").open("wb") as file:
        file.write(encoded)
        file.flush()
        os.fsync(file.fileno())
    (folder / "other.tmp").replace(other)
    theirs = perf_counter() - start
    assert len(state.loads(path.read_bytes()).records) == LARGE + RECORDS
    return ours, theirs
