"""The steps of a CI job, by name."""

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from reconciler.ci import (
    applying,
    at_once,
    checkout,
    keeping,
    planning,
    proposing,
    reporting,
    runner,
    showing,
    touched,
)  # fmt: skip

STEPS: Final[dict[str, Callable[[], int]]] = {
    "checkout": checkout.checkout,
    "touched": touched.touched,
    "plan": planning.plan,
    "show": showing.show,
    "finish": planning.finish,
    "check": keeping.check,
    "apply": applying.apply,
    "keep": keeping.keep,
    "report": reporting.report,
    "propose": proposing.propose,
    "at-once": at_once.at_once,
}


def run(name: str) -> int:
    """Run a step.

    Returns:
        Its exit code: 1 if it failed, which it has then said.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a step that is interrupted may have done something, and says nothing
    try:
        return STEPS[name]()
    except runner.StepFailed as failure:
        runner.annotate("error", str(failure))
        runner.summarise(f"**{failure}**\n")
        with suppress(runner.StepFailed, OSError):
            runner.remember(failure)
        return 1
