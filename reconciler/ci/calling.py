"""Call `reconciler` for a form: without a shell, and with what it prints kept for the page of the run."""

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final

from reconciler.ci import runner

SHOWN: Final = 5_000  # characters of what a command says, on the page of the run

_USAGE: Final = re.compile(r"Usage: |Try 'reconciler ")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; as a shell says it if a signal has ended it.
        out: what it printed for people.
        err: what went wrong, or looks wrong.
    """

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """What went wrong, in a fence for the page of the run; empty if nothing did."""
        return _fenced([line for line in self.err.splitlines() if line and not _USAGE.match(line)])

    @property
    def warnings(self) -> str:
        """What looks wrong about the list, in such a fence too."""
        return _fenced([line for line in self.err.splitlines() if ": warning: " in line])


def _fenced(lines: Sequence[str]) -> str:
    return runner.fenced("\n".join(lines)[-SHOWN:]) if lines else ""


def call(command: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end, pass signals on to it, and show in the log what it printed.

    Args:
        command: the program and its arguments.
        environment: its variables.
    """
    # In a session of its own: a runner signals the whole group, and the second signal would stop it at once.
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    ) as process:

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
        out, err = process.communicate()
        for number, handler in before.items():
            signal.signal(number, handler)
    with runner.plain_output():
        sys.stdout.write(f"{out}\n{err}")
    code = process.returncode
    return Ended(code if code >= 0 else 128 - code, out, err)
