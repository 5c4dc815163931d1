"""Check the list, plan, and keep what the later steps need: the plan itself, and its text."""

import json
import subprocess
from typing import Any

import runner

SIGNS = ("ban", "update", "lift", "repeat")
CHANGES = 2  # how a plan with changes ends, where --detailed-exitcode is asked for


def main() -> int:
    """Validate, with annotations; then plan.

    Returns:
        0, also when the list or the plan is refused: `finish` fails the job, after the plan was shown.
    """
    environment = runner.options()
    saved, body = runner.scratch("plan.json"), runner.scratch("plan.md")
    saved.unlink(missing_ok=True)

    # Its output is made for the runner: annotations, at the lines of the list.
    valid = subprocess.run(["reconciler", "validate", "--format", "github"], env=environment, check=False)
    command = ["reconciler", "plan", "--format", "markdown", "--out", str(saved)]
    planned = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
    body.write_bytes(planned.stdout)

    code = valid.returncode or (0 if planned.returncode == CHANGES else planned.returncode)
    runner.output(exit_code=code, **_figures())
    if code and not valid.returncode:
        runner.annotate("error", "There is no plan that can be applied. What is wrong is said where the plan is shown.")
    return 0


def saved() -> dict[str, Any]:
    """The plan of this run.

    Raises:
        StepFailed: there is none.
    """
    try:
        content: dict[str, Any] = json.loads(runner.scratch("plan.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise runner.StepFailed("There is no plan, so nothing is applied.") from error
    return content


def finish() -> int:
    """End as the plan has ended, now that it was shown."""
    code = runner.setting("EXIT_CODE")
    return int(code) if code.isdigit() else 1


def _figures() -> dict[str, object]:
    """What the plan would do, as outputs; nothing where no plan could be made."""
    try:
        summary = saved()["summary"]
    except runner.StepFailed:
        return {}
    changes = sum(summary[sign] for sign in SIGNS)
    return {
        "changes": "true" if changes else "false",
        "disconnect_calls": summary["disconnect_calls"],
        **{f"to_{sign}": summary[sign] for sign in SIGNS},
    }
