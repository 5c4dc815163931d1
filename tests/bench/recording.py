"""What one more record costs on a large state, against an empty one: the journal makes it the same."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from reconciler import Ban, BanKey, Record, State, state
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from tests.bench.measure import Figure

ARN = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl"
LINEAGE = "7f1f5be2-6d5f-4d5b-9b0e-2f1f7f0f3c11"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORDS = 1000
LARGE = 100_000


def seconds_for_each(path: Path) -> tuple[float, float]:
    """Seconds of one `record`, and of the `save` at the end."""
    with open_store(str(path)).locked(Holder("bench", "", "", 0, NOW), 0, LINEAGE) as session:
        start = perf_counter()
        for number in range(RECORDS):
            session.record([(BanKey(ARN, f"new{number}"), Record(Ban("Spam"), NOW, "request"))])
        recorded = perf_counter()
        session.save()
        return (recorded - start) / RECORDS, perf_counter() - recorded


def figures() -> Iterator[Figure]:
    """Each record is fsynced by itself here; an apply groups them."""
    large = State(LINEAGE, 1, {BanKey(ARN, f"user{number}"): Record(Ban("Spam"), NOW, "id") for number in range(LARGE)})
    with TemporaryDirectory() as folder:
        (Path(folder) / "large.json").write_text(state.dumps(large))
        on_empty, _ = seconds_for_each(Path(folder) / "empty.json")
        on_large, fold = seconds_for_each(Path(folder) / "large.json")
    yield Figure(
        f"recording one more ban costs the same on a state of {LARGE:,} as on an empty one",
        f"{on_large / on_empty:.2f} × ({on_large * 1e6:.0f} µs, {on_empty * 1e6:.0f} µs);"
        f" folding once at the end {fold:.2f} s",
        on_large <= 1.5 * on_empty,
    )
