"""`reconciler show`: what does a saved plan do, or who is banned?"""

from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.commands.plan import show_plan
from reconciler.cli.options import (
    all_option,
    file_option,
    list_for_names,
    no_color_option,
    option,
    redact_option,
    state_option,
    store_for,
    together,
)
from reconciler.cli.progress import busy
from reconciler.errors import PlanEdited, PlanUnreadable
from reconciler.plan import file as planfile
from reconciler.plan.file import SavedPlan
from reconciler.redaction import Redaction
from reconciler.state import file as state
from reconciler.views import text


@click.command("show")
@click.argument("plan", required=False, metavar="[PLAN]")
@together(file_option, state_option)
@option(
    "--format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print it: markdown is for a PLAN, as a comment in a pull request.",
)
@together(all_option, redact_option, no_color_option)
def command(plan: str | None, file: str, state: str | None, format: str, everything: bool, redact: Redaction) -> int:
    """Show a saved plan, or without PLAN every ban that the state records.

    PLAN is a file that `reconciler plan --out PLAN` has saved.
    """
    if plan is not None:
        _show_plan(load_plan(plan), format, redact, everything=everything)
    elif format == "markdown":
        raise click.UsageError("--format markdown shows a PLAN; name a file that `reconciler plan --out` has saved")
    else:
        _show_state(file, state, format, redact)
    return 0


def load_plan(path: str) -> SavedPlan:
    """Read a saved plan from a file.

    Raises:
        PlanUnreadable: it cannot be opened, or is not a plan.
    """
    try:
        with busy(f"Reading {path}"):
            return planfile.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise PlanUnreadable(f"{path}: the plan cannot be read: {getattr(error, 'strerror', error)}") from error
    except PlanEdited as error:
        raise PlanEdited(f"{path}: {error}") from error
    except PlanUnreadable as error:
        raise PlanUnreadable(
            f"{path} is not a saved plan ({error}). Make one with: reconciler plan --out plan.json"
        ) from error


def _show_plan(saved: SavedPlan, format: str, redact: Redaction, *, everything: bool) -> None:
    plan = redact.plan(saved.plan)
    show_plan(plan, saved.state_location, format, everything=everything, redacted=bool(redact))
    if format == "text" and saved.plan.commit is not None:
        console.out("\n" + text.made(saved.plan))


def _show_state(file: str, location: str | None, format: str, redact: Redaction) -> None:
    with busy(f"Reading {file}"):
        ban_list = list_for_names(file, location)
    store = store_for(ban_list, location)
    with busy("Reading the state"):
        recorded = redact.state(store.read())
        if format == "json":
            shown = state.dumps(recorded, redacted=bool(redact)).decode()
        else:
            shown = text.state(recorded, ban_list.room_names, store.location, datetime.now(UTC))
    console.out(shown)
