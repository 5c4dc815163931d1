"""`reconciler plan`: what would `apply` do?"""

import os
import shutil
import sys
from dataclasses import replace as replaced
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.atomic import replace_file
from reconciler.cli import console
from reconciler.cli.options import (
    all_option,
    file_option,
    no_color_option,
    option,
    planned,
    redact_option,
    replace_option,
    state_option,
    store_for,
    target_option,
    together,
)
from reconciler.cli.progress import busy
from reconciler.errors import BanListError, PlanError, ReconcilerError
from reconciler.plan import file as planfile
from reconciler.plan.change import Plan
from reconciler.redaction import Redaction
from reconciler.sources import load_ban_list
from reconciler.views import text


@click.command("plan")
@together(file_option, state_option, target_option, replace_option)
@option("--out", metavar="PATH", help="Save the plan here too, for `reconciler apply PATH`.")
@option(
    "--format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to print it: markdown is for a comment in a pull request.",
)
@option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes, 0 when there are none.")
@together(all_option, redact_option, no_color_option)
def command(
    file: str,
    state: str | None,
    target: tuple[str, ...],
    replace: tuple[str, ...],
    out: str | None,
    format: str,
    detailed_exitcode: bool,
    everything: bool,
    redact: Redaction,
) -> int:
    """Show what apply would do.

    Compares the ban list with the state and shows who would be disconnected from which room (+), which records would
    change (~), and which bans would be lifted (-). Changes nothing, and unless the state is on S3
    needs no network and no credentials.
    """
    try:
        with busy(f"Reading {file}"):
            ban_list = load_ban_list(file)
    except BanListError as error:
        from reconciler.cli import problems  # noqa: PLC0415 - most lists are sound

        return problems.report(error, format, file, redact)
    try:
        store = store_for(ban_list, state)
        with busy("Comparing with the state"):
            recorded = store.read()
            plan = planned(ban_list, recorded, target=target, replace=replace, redact=redact, now=datetime.now(UTC))
    except ReconcilerError as error:
        from reconciler.cli import problems  # noqa: PLC0415 - nor is there often a state that cannot be read

        problems.fail(error, format, file)
    if out is not None or format == "json":
        from reconciler.git import commit_of  # noqa: PLC0415 - it runs git, which a plan that is only shown need not

        plan = replaced(plan, commit=commit_of(file, os.environ, ban_list.included))
    if out is not None:
        with busy(f"Saving {out}"):
            _save(b"".join(line.encode() for line in planfile.lines(plan, store.location)), out)
    show_plan(redact.plan(plan), store.location, format, everything=everything, redacted=bool(redact))
    if plan.refusals:
        return 1
    return 2 if detailed_exitcode and plan.changes else 0


def show_plan(plan: Plan, state_location: str, format: str, *, everything: bool, redacted: bool) -> None:
    """Print a plan as `text`, `markdown` or `json`."""
    if format == "json":
        console.out(planfile.dumps(plan, state_location, redacted=redacted))
    elif format == "markdown":
        from reconciler.views import markdown  # noqa: PLC0415 - nothing else needs it

        console.out(markdown.plan(plan))
    else:
        colour = console.wants_colour(sys.stdout)
        console.out(text.plan(plan, colour=colour, everything=everything, width=terminal_width()))


def terminal_width() -> int | None:
    """How many cells a line on stdout has; None where that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _save(content: bytes, path: str) -> None:
    """Save a plan, but never over a file that is something else: the ban list, say, or the state."""
    try:
        there = Path(path)
        if there.is_file() and there.stat().st_size:
            planfile.loads(there.read_bytes())
    except (OSError, PlanError) as error:
        raise ReconcilerError(f"{path} exists and is not a saved plan, so the plan is not written over it.") from error
    try:
        if there.exists() and not there.is_file():  # such as /dev/stdout
            there.write_bytes(content)
        else:
            replace_file(Path(os.path.realpath(path)), content)
    except OSError as error:
        raise ReconcilerError(f"{path}: the plan cannot be saved: {error.strerror}") from error
