"""How long `plan` of the shipped list takes, a whole process each time."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Figure, best_of, python

SHIPPED = Path(__file__).parents[2] / "bans.yaml"
ALLOWED = 0.150  # seconds above the import of boto3 alone


def figures() -> Iterator[Figure]:
    """Against an interpreter that does nothing, and against one that imports boto3."""
    with TemporaryDirectory() as folder:
        state = str(Path(folder) / "bans.state.json")
        plan, nothing, boto3 = best_of(
            10,
            python("-m", "reconciler", "plan", "-f", str(SHIPPED), "--state", state),
            python("-c", "pass"),
            python("-c", "import boto3"),
        )
    yield Figure(
        "plan of the shipped list takes no more than 150 ms above `import boto3`",
        f"{plan / boto3:.2f} × `import boto3` ({(plan - boto3) * 1000:+.0f} ms),"
        f" {plan / nothing:.1f} × `python -c pass`"
        f" (plan {plan * 1000:.0f} ms, boto3 {boto3 * 1000:.0f} ms, pass {nothing * 1000:.0f} ms)",
        plan <= boto3 + ALLOWED,
    )
