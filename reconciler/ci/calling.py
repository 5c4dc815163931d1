"""Call `reconciler`: without a shell, and with what it prints kept for the page of the run."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

from reconciler.ci import runner

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
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


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], *, stderr: int
) -> Iterator["subprocess.Popen[str]"]:
    """A command that is running. It has ended when this ends.

    It gets the signals that this step gets, which end the step itself no more: it may have to say what was done.

    Args:
        command: the program and its arguments.
        environment: its variables.
        stderr: where what goes wrong is written to, as `subprocess` names it.
    """
    # In a session of its own: a runner signals the whole group, and the second signal would stop it at once.
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        encoding="utf-8",
    ) as process:

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in SIGNALS:
            signal.signal(number, pass_on)
        yield process


def exit_code(process: "subprocess.Popen[str]") -> int:
    """How a command has ended, as a shell says it if a signal has ended it."""
    code = process.wait()
    return code if code >= 0 else 128 - code


def call(command: Sequence[str], environment: Mapping[str, str]) -> Ended:
    """Run a command to its end, and show in the log what it printed.

    Args:
        command: the program and its arguments.
        environment: its variables.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with started(command, environment, stderr=subprocess.PIPE) as process:
        out, err = process.communicate()
    for number, handler in before.items():
        signal.signal(number, handler)
    with runner.plain_output():
        sys.stdout.write(f"{out}\n{err}")
    return Ended(exit_code(process), out, err)
