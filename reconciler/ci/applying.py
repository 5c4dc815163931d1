"""Do what the plan of this run shows."""

import json
import signal
import subprocess
import sys
from types import FrameType

from reconciler.ci import runner

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
    # In a session of its own: a runner signals the whole group, and the second signal would stop it at once.
    with subprocess.Popen(
        command,
        env={"RECONCILER_LOCK_TIMEOUT": LOCK_TIMEOUT} | runner.options(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        encoding="utf-8",
    ) as process:

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        for line in process.stdout or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    code = process.returncode
    return (code if code >= 0 else 128 - code), "".join(lines)
