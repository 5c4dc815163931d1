"""`python -I -m reconciler.ci STEP`: a step where what `reconciler` needs could not be installed beside it."""

import sys

from reconciler.ci.steps import STEPS, run

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in STEPS:
        sys.exit(f"Usage: python -I -m reconciler.ci {'|'.join(STEPS)}")
    sys.exit(run(sys.argv[1]))
