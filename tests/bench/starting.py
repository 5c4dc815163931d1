"""How long it takes to start: help, version, gate, and `plan` of the shipped list, a whole process each time."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Figure, best_of, python

SHIPPED = Path(__file__).parents[2] / "bans.yaml"
ALLOWED_FOR_THE_GATE = 0.020
ALLOWED = 0.080  # seconds above an interpreter that does nothing, for the help and the version


def figures() -> Iterator[Figure]:
    """Against an interpreter that does nothing, and against one that imports boto3."""
    with TemporaryDirectory() as folder:
        state = str(Path(folder) / "bans.state.json")
        plan, nothing, boto3, help_, version, gate = best_of(
            10,
            python("-m", "reconciler", "plan", "-f", str(SHIPPED), "--state", state),
            python("-c", "pass"),
            python("-c", "import boto3"),
            python("-m", "reconciler", "--help"),
            python("-m", "reconciler", "--version"),
            python("-c", "import reconciler.gate"),
        )
    yield Figure(
        "--help and --version take at most 80 ms above `python -c pass`",
        f"{(help_ - nothing) * 1000:+.0f} ms and {(version - nothing) * 1000:+.0f} ms (pass {nothing * 1000:.0f} ms)",
        max(help_, version) <= nothing + ALLOWED,
    )
    yield Figure(
        "`import reconciler.gate` takes at most 20 ms above `python -c pass`",
        f"{(gate - nothing) * 1000:+.0f} ms",
        gate <= nothing + ALLOWED_FOR_THE_GATE,
    )
    yield Figure(
        "plan of the shipped list takes at most 1.0 × `import boto3`",
        f"{plan / boto3:.2f} × (plan {plan * 1000:.0f} ms, boto3 {boto3 * 1000:.0f} ms)",
        plan <= boto3,
    )
