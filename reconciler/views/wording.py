"""Words that several views share."""

from collections.abc import Sequence

from reconciler.errors import Problem


def count(number: int, noun: str) -> str:
    """`1 ban`, `2 bans`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def problem_count(problems: Sequence[Problem]) -> str:
    """How many problems a list has, as a sentence."""
    files = list(dict.fromkeys(problem.file for problem in problems))
    what = count(len(problems), "problem")
    where = f"{files[0]} has {what}" if len(files) == 1 else f"There are {what} in {len(files):,} files"
    return f"{where}. Nothing was done."
