"""`make bench`: run every measurement, and print its figure beside its goal."""

import os
import sys
from collections.abc import Iterator

from tests.bench import applying, asking, auditing, chatting, editing, gating, publishing, reading, recording, starting
from tests.bench.measure import Figure


def figures() -> Iterator[Figure]:
    yield from starting.figures()
    yield from reading.figures()
    yield from editing.figures()
    yield from asking.figures()
    yield from recording.figures()
    yield from applying.figures()
    yield from publishing.figures()
    yield from gating.figures()
    yield from auditing.figures()
    yield from chatting.figures()


# An installed program has its bytecode, and so have the packages that it is compared with.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def main() -> int:
    """Print the table; 1 when a goal was missed, since a figure that nobody looks at gets worse."""
    missed = 0
    for figure in figures():
        missed += not figure.met
        print(f"{'ok  ' if figure.met else 'MISS'}  {figure.what}\n      {figure.detail}\n", flush=True)
    print(f"{missed} missed" if missed else "Every goal was met.")
    return 1 if missed else 0


sys.exit(main())
