"""`reconciler plan`: what would `apply` do?"""

import os
from dataclasses import replace
from datetime import UTC, datetime
from time import sleep

import click

import reconciler
from reconciler.cli.options import (
    FilePath,
    Misuse,
    all_option,
    examples,
    format_option,
    option,
    refresh_option,
    together,
)
from reconciler.cli.progress import busy
from reconciler.cli.workspace import Selection, Workspace, with_selection, with_workspace
from reconciler.denylist.value import Drift
from reconciler.state.value import State
from reconciler.views import notices


@click.command(
    "plan",
    epilog=examples(
        "reconciler plan", "reconciler plan --target lobby/ABC123def456", "reconciler plan --out plan.json"
    ),
)
@together(
    with_selection,
    option("--out", type=FilePath(), metavar="PATH", help="Save the plan here too, for `reconciler apply PATH`."),
    format_option("text", "markdown", "json", help="How to print it: markdown is for a comment in a pull request."),
    option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes, and 0 if there are none."),
    all_option,
    refresh_option,
    with_workspace,
)
def command(
    workspace: Workspace,
    selection: Selection,
    out: str | None,
    format: str,
    detailed_exitcode: bool,
    everything: bool,
    refresh: bool,
) -> int:
    """Show what apply would do.

    Compares the ban list with the state, and shows who would be disconnected from which room (+), which records would
    change (~), and which bans would be lifted (-). Changes nothing, and needs neither a network nor credentials unless
    the state is on S3, or with --refresh.
    """
    report = workspace.report(format, everything=everything)
    with report.telling():
        ban_list = workspace.ban_list
        state = workspace.read()
        plan = workspace.plan(state, selection, _drift(workspace, state) if refresh else None)
    if out is not None or format == "json":  # a plan that is only shown need not ask git
        plan = replace(plan, commit=reconciler.commit_of(workspace.file, os.environ, ban_list.included))
    setting = workspace.setting(workspace.endpoint)
    if out is not None:
        with busy(f"Saving {out}"):
            reconciler.save_plan(plan, setting.state_location, out, notices=notices.everything(plan, setting))
    report.plan(plan, setting)
    if plan.refusals:
        return 1
    return 2 if detailed_exitcode and plan.changes else 0


def _drift(workspace: Workspace, state: State) -> Drift | None:
    """How the denylist differs from the state. Raises DenylistError."""
    publishing = workspace.publishing(sleep=_pause)
    if publishing is None:
        raise Misuse("--refresh looks at the denylist, and the list has no `denylist`")
    with busy("Reading the denylist"):
        return publishing.look(state, state.lineage, datetime.now(UTC), refresh=True)


def _pause(seconds: float) -> bool:
    sleep(seconds)
    return False
