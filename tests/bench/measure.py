"""Timing, interleaved and best of several: the two sides of a ratio meet the same noise."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Figure:
    """One measured goal."""

    what: str
    detail: str
    met: bool


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
