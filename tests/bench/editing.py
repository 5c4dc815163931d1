"""How long it takes to put bans into a list, beside a plan of the list that comes out."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.measure import Figure, best_of, python
from tests.generated_lists import ROOMS

MANY, FEW = 100_000, 500


def figures() -> Iterator[Figure]:
    """A table of many users into an empty list, and one user into a list of many."""
    with TemporaryDirectory() as folder:
        bans, table, few = (Path(folder) / name for name in ("bans.yaml", "raid.csv", "few.csv"))
        rooms = "".join(f"  {name}: {arn}\n" for name, arn in ROOMS.items())
        empty = f"version: 1\nrooms:\n{rooms}guardrails: {{max_bans: 99999999}}\nbans: []\n"
        table.write_text("user_id,reason\n" + "".join(f"user-{number},Spam\n" for number in range(MANY)))
        few.write_text("user_id,reason\n" + "".join(f"user-{number},Spam\n" for number in range(FEW)))
        bans.write_text(empty)
        ban = ("-m", "reconciler", "ban", "-f", str(bans), "--room", "lobby")
        small, large, nothing = best_of(
            2,
            python(*ban, "--dry-run", "--from", str(few)),
            python(*ban, "--dry-run", "--from", str(table)),
            python("-c", "import boto3"),
        )
        python(*ban, "--from", str(table))()
        one, plan = best_of(2, python(*ban, "--dry-run", "zed"), python("-m", "reconciler", "plan", "-f", str(bans)))
    yield Figure(
        f"ban of {FEW} from a CSV takes at most 2 × `import boto3`",
        f"{small / nothing:.2f} × ({small:.2f} s)",
        small <= 2 * nothing,
    )
    yield Figure(
        f"ban of {MANY:,} from a CSV takes at most 4 × a plan of them",
        f"{large / plan:.2f} × ({large:.2f} s)",
        large <= 4 * plan,
    )
    yield Figure(
        f"ban of one user in a list of {MANY:,} takes at most 5 × a plan of it",
        f"{one / plan:.2f} × ({one:.2f} s)",
        one <= 5 * plan,
    )
