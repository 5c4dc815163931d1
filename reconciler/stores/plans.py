"""Saved plans, in files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.atomic import replace_file, write
from reconciler.errors import PlanEdited, PlanUnreadable, PlanUnwritable
from reconciler.operating_system import blocks, open_to_write
from reconciler.plan import file
from reconciler.plan.change import Plan
from reconciler.plan.file import SavedPlan
from reconciler.reading import read_beginning, read_file_or_pipe

_BEGINNING: Final = 200  # bytes by which a saved plan is known


def load_plan(path: str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanUnreadable: it cannot be opened, or is not a plan.
        PlanEdited: somebody has changed it.
    """
    try:
        return file.loads(read_file_or_pipe(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise PlanUnreadable(f"{path}: the plan cannot be read: {why}", private=[path]) from error
    except PlanEdited as error:
        raise PlanEdited(f"{path}: {error}") from error
    except PlanUnreadable as error:
        raise PlanUnreadable(
            f"{path} is not a saved plan ({error}). Make one with: reconciler plan --out plan.json"
        ) from error


def save_plan(plan: Plan, state_location: str, path: str, *, notices: Sequence[str] = ()) -> None:
    """Save a plan, but never over a file that is something else, such as the ban list or the state.

    Args:
        plan: the plan.
        state_location: where the state is kept that it was made for.
        path: the file.
        notices: what is odd about it, for whoever reads the file.

    Raises:
        PlanUnwritable: it was not saved.
    """
    try:
        content = file.dumps(plan, state_location, notices=notices)
        if os.path.exists(path) and not os.path.isfile(path):  # such as /dev/stdout
            _write_through(path, content)
        else:
            _refuse_something_else(path)
            replace_file(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise PlanUnwritable(f"{path}: the plan cannot be saved: {error.strerror}", private=[path]) from error


def _write_through(path: str, content: bytes) -> None:
    """Write to a pipe or a device. A pipe that nobody reads is an error, and not waited for. Raises OSError."""
    with open(open_to_write(path), "wb", buffering=0) as there:
        blocks(there.fileno())
        write(there, content)


def _refuse_something_else(path: str) -> None:
    """Make sure that a file is a saved plan, or empty, or not there. Raises PlanUnwritable, and OSError."""
    try:
        beginning = read_beginning(path, _BEGINNING)
    except FileNotFoundError:
        return
    if beginning and not file.looks_like_a_plan(beginning):
        raise PlanUnwritable(
            f"{path} exists and is not a saved plan, so the plan is not written over it.", private=[path]
        )
