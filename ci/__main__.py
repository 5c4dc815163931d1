"""The steps of the GitHub action, run as `python3 ci STEP`. They need no more than Python, and `reconciler` on PATH."""

import sys

import apply
import keep
import plan
import runner
import show

STEPS = {
    "plan": plan.main,
    "show": show.main,
    "check": keep.check,
    "apply": apply.main,
    "keep": keep.main,
    "finish": plan.finish,
}


def main() -> int:
    """Run the step that the command line names.

    Returns:
        Its exit code.
    """
    try:
        return STEPS[sys.argv[1]]()
    except runner.StepFailed as failure:
        runner.annotate("error", str(failure))
        runner.summarise(f"**{failure}**\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
