"""Timing, interleaved and best of several: the two sides of a ratio meet the same noise."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter


@dataclass(frozen=True)
class Figure:
    """One measured goal."""

    what: str
    detail: str
    met: bool


@dataclass(frozen=True)
class Process:
    """What one process took.

    Attributes:
        seconds: from its start to its end.
        peak: the most memory it held, in MiB.
    """

    seconds: float
    peak: float


def best_of(rounds: int, *sides: Callable[[], object]) -> list[float]:
    """The least seconds of each side, the sides taking turns."""
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, taken in zip(sides, times, strict=True):
            start = perf_counter()
            side()
            taken.append(perf_counter() - start)
    return [min(taken) for taken in times]


def python(*arguments: str) -> Callable[[], object]:
    """Runs this interpreter in a process of its own."""
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def processes(rounds: int, *commands: list[str]) -> list[Process]:
    """The fastest run of each command of this interpreter, the commands taking turns, and its highest peak."""
    runs: list[list[Process]] = [[] for _ in commands]
    for _ in range(rounds):
        for command, taken in zip(commands, runs, strict=True):
            wrapped = [sys.executable, "-S", str(Path(__file__).with_name("peak.py")), sys.executable, *command]
            output = subprocess.run(wrapped, check=True, stdout=subprocess.PIPE).stdout
            taken.append(Process(**json.loads(output)))
    return [Process(min(run.seconds for run in taken), max(run.peak for run in taken)) for taken in runs]
