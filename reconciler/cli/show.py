"""`reconciler show`: what does a saved plan do, or who is banned?"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler import planfile, state
from reconciler.cli import console
from reconciler.cli.options import (
    all_option,
    file_option,
    list_for_names,
    no_color_option,
    option,
    state_option,
    store_for,
    together,
)
from reconciler.errors import PlanEdited, PlanUnreadable
from reconciler.planfile import SavedPlan
from reconciler.views import text


@click.command("show")
@click.argument("plan", required=False, metavar="[PLAN]")
@together(file_option, state_option)
@option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it.")
@together(all_option, no_color_option)
def command(plan: str | None, file: str, state: str | None, format: str, everything: bool) -> int:
    """Show a saved plan, or without PLAN every ban that the state records.

    PLAN is a file that `reconciler plan --out PLAN` has saved.
    """
    if plan is not None:
        _show_plan(load_plan(plan), format, everything=everything)
    else:
        _show_state(file, state, format)
    return 0


def load_plan(path: str) -> SavedPlan:
    """Read a saved plan from a file.

    Raises:
        PlanUnreadable: it cannot be opened, or is not a plan.
    """
    try:
        return planfile.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise PlanUnreadable(f"{path}: the plan cannot be read: {getattr(error, 'strerror', error)}") from error
    except PlanEdited as error:
        raise PlanEdited(f"{path}: {error}") from error
    except PlanUnreadable as error:
        raise PlanUnreadable(
            f"{path} is not a saved plan ({error}). Make one with: reconciler plan --out plan.json"
        ) from error


def _show_plan(saved: SavedPlan, format: str, *, everything: bool) -> None:
    if format == "json":
        console.out(planfile.dumps(saved.plan, saved.state_location))
    else:
        console.out(text.plan(saved.plan, colour=console.wants_colour(sys.stdout), everything=everything))


def _show_state(file: str, location: str | None, format: str) -> None:
    ban_list = list_for_names(file, location)
    store = store_for(ban_list, location)
    recorded = store.read()
    if format == "json":
        console.out(state.dumps(recorded).decode())
    else:
        console.out(text.state(recorded, ban_list.room_names, store.location, datetime.now(UTC)))
