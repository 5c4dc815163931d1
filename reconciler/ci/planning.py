"""Check the list, plan, and keep what the later steps need: the plan itself, and the comment that shows it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from reconciler.ci import runner
from reconciler.ci.platform import OUTPUTS

ACTIONS = ("ban", "update", "lift", "repeat")
PLAN = "plan.json"
BODY = "plan.md"
REDACTED = "redacted"
"""How the plan was redacted, so that a step that was told otherwise shows nobody's ID."""


def plan() -> int:
    """Validate, with annotations; then plan, with the whole plan in the log.

    Returns:
        0, also when the list or the plan is refused: `finish` fails the job once the plan has been shown.
    """
    _forget()
    try:
        _refuse_a_list_from_elsewhere()
        runner.scratch(REDACTED).write_text(runner.setting("RECONCILER_REDACT"), encoding="utf-8")
        code = _plan()
        _refuse_a_committed_journal()
    except runner.StepFailed as failure:
        _forget()
        runner.output(exit_code=1)
        runner.annotate("error", str(failure))
        runner.remember(failure)
        return 0
    runner.output(exit_code=code, **_figures())
    return 0


def finish() -> int:
    """End as the plan ended, now that it has been shown.

    Returns:
        The exit code that `plan` left; 1 if it left none.
    """
    code = runner.platform().exit_code
    return int(code) if code.isdigit() else 1


def state_file() -> str | None:
    """The file of the state; None if the state is kept elsewhere.

    Raises:
        StepFailed: there is no plan.
    """
    location = str(saved()["state"]["location"])
    return None if "://" in location else location


def saved() -> dict[str, Any]:
    """The plan of this run.

    Raises:
        StepFailed: there is none.
    """
    try:
        content: dict[str, Any] = json.loads(runner.scratch(PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise runner.StepFailed("There is no plan, so nothing is applied.") from error
    return content


def _plan() -> int:
    """Keep the plan and its comment, and print the whole plan, since the comment may have no room for it.

    Returns:
        The exit code of the check or, if the list is sound, of the plan.
    """
    environment = runner.options(without="RECONCILER_DETAILED_EXITCODE")
    plan = runner.scratch(PLAN)

    # What this prints is meant for the CI system: on GitHub, annotations at the lines of the list.
    problems = runner.platform().problems
    valid = subprocess.run(["reconciler", "validate", "--format", problems], env=environment, check=False)
    with runner.plain_output():
        command = ["reconciler", "plan", "--format", "markdown", "--out", str(plan)]
        planned = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=False)
        if plan.exists():
            whole = ["reconciler", "show", str(plan), "--format", "text", "--all", "--no-color"]
            subprocess.run(whole, env=environment, check=False)
    runner.scratch(BODY).write_bytes(planned.stdout)

    if valid.returncode:
        pass  # its annotations say it
    elif not plan.exists():
        runner.annotate("error", "There is no plan. The log of this step says why.")
    elif planned.returncode:
        runner.annotate("error", "The plan is refused. The plan itself and the log of this step say why.")
    return valid.returncode or planned.returncode


def _refuse_a_list_from_elsewhere() -> None:
    """Make sure that the list is a file of the checkout, since its mistakes are quoted where people see them.

    Raises:
        StepFailed: it is not; a symbolic link may lead to a file of the runner.
    """
    workspace = runner.platform().workspace
    if workspace and not Path(os.path.realpath(runner.ban_list())).is_relative_to(os.path.realpath(workspace)):
        raise runner.StepFailed(
            "The ban list is outside the checkout, or a symbolic link leads out of it, so it was not read. Put the file"
            " itself into the repository."
        )


def _refuse_a_committed_journal() -> None:
    """Make sure that the plan is made for the state alone: a journal beside it adds to it, and no review shows that.

    Raises:
        StepFailed: a journal is in git.
    """
    state = state_file() if runner.scratch(PLAN).exists() else None
    if state is None:
        return
    journal = f"{os.path.realpath(state)}.journal"
    if os.path.lexists(journal) and _is_committed(journal):
        raise runner.StepFailed(
            "The journal beside the state is in git, and would change the plan. Remove it with `git rm --cached`, and"
            " name it in .gitignore."
        )


def _is_committed(path: str) -> bool:
    # In a container the checkout may belong to another user, and git would refuse to look at it.
    git = ["git", "-C", os.path.dirname(path), "-c", "safe.directory=*"]
    try:
        listed = subprocess.run([*git, "ls-files", "--error-unmatch", "--", path], capture_output=True, check=False)
        return listed.returncode == 0
    except FileNotFoundError:
        return False


def _forget() -> None:
    """Leave the later steps no plan, and nothing of an earlier apply: there is none yet, or none that counts."""
    for path in runner.scratch(OUTPUTS).parent.iterdir():
        path.unlink()


def _figures() -> dict[str, object]:
    """What the plan would do, as outputs of the step; none without a plan."""
    try:
        summary = saved()["summary"]
    except runner.StepFailed:
        return {}
    changes = sum(summary[action] for action in ACTIONS)
    return {
        "changes": "true" if changes else "false",
        "disconnect_calls": summary["disconnect_calls"],
        **{f"to_{action}": summary[action] for action in ACTIONS},
    }
