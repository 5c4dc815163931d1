"""Saved plans, in files."""

import os
from collections.abc import Sequence
from pathlib import Path

from reconciler.atomic import replace_file
from reconciler.errors import PlanEdited, PlanError, PlanUnreadable, PlanUnwritable
from reconciler.plan import file
from reconciler.plan.change import Plan
from reconciler.plan.file import SavedPlan


def load_plan(path: str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        PlanUnreadable: it cannot be opened, or is not a plan.
        PlanEdited: somebody has changed it.
    """
    try:
        return file.loads(Path(path).read_bytes())
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
    there = Path(path)
    try:
        if there.is_file() and there.stat().st_size:
            file.loads(there.read_bytes())
    except (OSError, PlanError) as error:
        raise PlanUnwritable(
            f"{path} exists and is not a saved plan, so the plan is not written over it.", private=[path]
        ) from error
    content = file.dumps(plan, state_location, notices=notices)
    try:
        if there.exists() and not there.is_file():  # such as /dev/stdout
            there.write_bytes(content)
        else:
            replace_file(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise PlanUnwritable(f"{path}: the plan cannot be saved: {error.strerror}", private=[path]) from error
