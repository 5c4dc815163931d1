"""`reconciler plan`: what would `apply` do?"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler import planfile
from reconciler.cli import console
from reconciler.cli.options import (
    all_option,
    file_option,
    keys,
    no_color_option,
    option,
    replace_option,
    state_option,
    store_for,
    target_option,
    together,
)
from reconciler.cli.progress import busy
from reconciler.errors import PlanError, ReconcilerError
from reconciler.plan import diff
from reconciler.sources import load_ban_list
from reconciler.views import text


@click.command("plan")
@together(file_option, state_option, target_option, replace_option)
@option("--out", metavar="PATH", help="Save the plan here too, for `reconciler apply PATH`.")
@option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it.")
@option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes, 0 when there are none.")
@together(all_option, no_color_option)
def command(
    file: str,
    state: str | None,
    target: tuple[str, ...],
    replace: tuple[str, ...],
    out: str | None,
    format: str,
    detailed_exitcode: bool,
    everything: bool,
) -> int:
    """Show what apply would do.

    Compares the ban list with the state and shows who would be disconnected from which room (+), which records would
    change (~), and which bans would be lifted (-). Changes nothing, and needs no network and no credentials.
    """
    with busy(f"Reading {file}"):
        ban_list = load_ban_list(file)
    store = store_for(ban_list, state)
    with busy("Comparing with the state"):
        recorded = store.read()
        plan = diff(
            ban_list,
            recorded,
            now=datetime.now(UTC),
            targets=keys(target, "--target", ban_list, recorded) if target else None,
            replace=keys(replace, "--replace", ban_list, recorded),
        )
    if out is not None:
        _save(planfile.dumps(plan, store.location), out)
    if format == "json":
        console.out(planfile.dumps(plan, store.location))
    else:
        console.out(text.plan(plan, colour=console.wants_colour(sys.stdout), everything=everything))
    if plan.refusals:
        return 1
    return 2 if detailed_exitcode and plan.changes else 0


def _save(content: str, path: str) -> None:
    """Save a plan, but never over a file that is something else: the ban list, say, or the state."""
    try:
        there = Path(path)
        if there.is_file() and there.stat().st_size:
            planfile.loads(there.read_bytes())
    except (OSError, PlanError) as error:
        raise ReconcilerError(f"{path} exists and is not a saved plan, so the plan is not written over it.") from error
    try:
        Path(path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ReconcilerError(f"{path}: the plan cannot be saved: {error.strerror}") from error
