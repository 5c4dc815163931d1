"""What `plan` of a long list costs, in whole processes, against what reading its YAML costs at the least."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from reconciler import Record, State
from reconciler.state import file as state
from tests.bench.measure import Figure, Process, processes
from tests.generated_lists import START, ban_list, entries

MANY = 100_000
MOST = 1_000_000

DRAIN = (
    "import sys; from ruamel.yaml import YAML\nfor _ in YAML(typ='safe').parse(open(sys.argv[1], 'rb').read()): pass"
)
LOAD = "import sys; from ruamel.yaml import YAML; YAML(typ='safe').load(open(sys.argv[1], 'rb').read())"
PYYAML = "import sys, yaml; yaml.load(open(sys.argv[1], 'rb').read(), Loader=yaml.CSafeLoader)"


def figures() -> Iterator[Figure]:
    """The list has four keys in each entry, several rooms, scripts and styles; see `tests.generated_lists`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        many, most, recorded = folder / "many.yaml", folder / "most.yaml", folder / "recorded.json"
        many.write_text(ban_list(MANY))
        most.write_text(ban_list(MOST))
        records = {entry.key: Record(entry.ban, START, "id") for entry in entries(MANY)}
        recorded.write_bytes(state.dumps(State("lineage", 1, records)))
        del records
        yield from compared(str(many), str(most), str(recorded), str(folder / "none.json"))


def compared(many: str, most: str, recorded: str, nothing: str) -> Iterator[Figure]:
    """The figures, for a list of many bans, one of the most, a state with the many, and a state that is not there."""
    plan = ["-m", "reconciler", "plan", "-f", many, "--state"]
    new, drained, all_there, as_json = processes(
        5, [*plan, nothing], ["-c", DRAIN, many], [*plan, recorded], [*plan, nothing, "--format", "json"]
    )
    yield Figure(
        f"plan of {MANY:,} new bans takes at most 1.9 × draining the C parser's events, and 300 MB",
        f"{ratio(new, drained)}; {new.peak:.0f} MB",
        new.seconds <= 1.9 * drained.seconds and new.peak <= 300,
    )
    yield Figure(
        "as JSON it takes at most 2.2 × that draining",
        f"{ratio(as_json, drained)}; {as_json.peak:.0f} MB",
        as_json.seconds <= 2.2 * drained.seconds,
    )
    yield Figure(
        f"plan of {MANY:,} bans that are all in the state takes at most 1.3 × that",
        f"{ratio(all_there, new)}; {all_there.peak:.0f} MB",
        all_there.seconds <= 1.3 * new.seconds,
    )
    [loaded, by_pyyaml] = processes(1, ["-c", LOAD, many], ["-c", PYYAML, many])
    yield Figure(
        'it is at least 5 × faster than `YAML(typ="safe").load` of the list',
        f"{loaded.seconds / new.seconds:.1f} × ({new.seconds:.2f} s, load {loaded.seconds:.2f} s)",
        loaded.seconds >= 5 * new.seconds,
    )
    yield Figure(
        "it is at least 2.5 × faster than PyYAML's CSafeLoader",
        f"{by_pyyaml.seconds / new.seconds:.1f} × ({new.seconds:.2f} s, CSafeLoader {by_pyyaml.seconds:.2f} s)",
        by_pyyaml.seconds >= 2.5 * new.seconds,
    )
    plan[4] = most
    [million] = processes(1, [*plan, nothing])
    yield from growth(Path(many).parent, {MANY: new, MOST: million})
    yield Figure(
        f"plan of {MOST:,} new bans takes at most 11 × that of {MANY:,}, and 1.5 GB",
        f"{ratio(million, new)}; {million.peak:.0f} MB",
        million.seconds <= 11 * new.seconds and million.peak <= 1536,
    )


def growth(folder: Path, measured: dict[int, Process]) -> Iterator[Figure]:
    """From a thousand bans to a million, what one more ban costs."""
    few = 1000
    (folder / "few.yaml").write_text(ban_list(few))
    (folder / "some.yaml").write_text(ban_list(few * 10))
    plan = ["-m", "reconciler", "plan", "--state", str(folder / "none.json"), "-f"]
    first, second = processes(3, [*plan, str(folder / "few.yaml")], [*plan, str(folder / "some.yaml")])
    sizes = {few: first, few * 10: second, **measured}
    steps = [
        (more, (sizes[more].seconds - sizes[less].seconds) / (more - less) * 1e6) for less, more in pairwise(sizes)
    ]
    cost = dict(steps)
    yield Figure(
        f"one more ban costs no more at {MOST:,} than 1.3 × what it costs at {few * 10:,}",
        "; ".join(f"up to {more:,}: {each:.1f} µs each" for more, each in steps)
        + f"; {few:,} take {first.seconds:.2f} s",
        cost[MOST] <= 1.3 * cost[few * 10],
    )


def ratio(ours: Process, theirs: Process) -> str:
    return f"{ours.seconds / theirs.seconds:.2f} × ({ours.seconds:.2f} s, {theirs.seconds:.2f} s)"
