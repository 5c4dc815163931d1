"""Do what the plan of this run shows."""

import json
import subprocess
import sys

from reconciler.ci import calling, runner

# Characters of the output on the page of the run: its end says what went wrong, and what to do about it.
SHOWN = 60_000
LOCK_TIMEOUT = "300"  # seconds to wait for an apply that was started elsewhere
APPLIED = "applied.json"
"""What an apply leaves: its exit `code`, null until it has ended, and the end of its `output`."""


def apply() -> int:
    """Apply, with the output in the log and on the page of the run.

    Returns:
        The exit code of `reconciler apply`.
    """
    _leave(None)
    with runner.plain_output():
        code, text = _run(["reconciler", "apply", "--auto-approve", "--format", "text", "--no-color"])
    _leave(code, text)
    runner.output(exit_code=code)
    headline = "Applied:" if code == 0 else "**Not everything was applied.** What was done is recorded. Run this again."
    runner.summarise(f"{headline}\n\n{runner.fenced(text[-SHOWN:])}")
    if code:
        runner.annotate("error", f"reconciler apply ended with {code}. The end of its output says what to do.")
    return code


def _leave(code: int | None, text: str = "") -> None:
    content = json.dumps({"code": code, "output": text[-SHOWN:]})
    runner.scratch(APPLIED).write_text(content, encoding="utf-8")


def _run(command: list[str]) -> tuple[int, str]:
    """Run a command, pass signals on to it, and show its output as it comes.

    Returns:
        Its exit code, and its output.
    """
    lines = []
    environment = {"RECONCILER_LOCK_TIMEOUT": LOCK_TIMEOUT} | runner.options()
    with calling.started(command, environment, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return calling.exit_code(process), "".join(lines)
