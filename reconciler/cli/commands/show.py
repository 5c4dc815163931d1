"""`reconciler show`: what does a saved plan do, or who is banned?"""

from datetime import UTC, datetime

import click

from reconciler.cli.options import Misuse, all_option, format_option, together
from reconciler.cli.workspace import Workspace, with_workspace_for_looking
from reconciler.views.notices import Setting


@click.command("show")
@click.argument("plan", required=False, metavar="[PLAN]")
@together(
    format_option(
        "text", "markdown", "json", help="How to print it: markdown is for a PLAN, as a comment in a pull request."
    ),
    all_option,
    with_workspace_for_looking,
)
def command(workspace: Workspace, plan: str | None, format: str, everything: bool) -> int:
    """Show a saved plan, or without PLAN every ban that the state records.

    PLAN is a file that `reconciler plan --out PLAN` has saved.
    """
    report = workspace.report(format, everything=everything)
    if plan is not None:
        saved = workspace.saved_plan(plan)
        report.plan(saved.plan, Setting(saved.state_location, endpoint=workspace.endpoint))
        report.made(saved.plan)
    elif format == "markdown":
        raise Misuse("--format markdown shows a PLAN; name a file that `reconciler plan --out` has saved")
    else:
        names = workspace.ban_list.room_names
        report.state(workspace.read(), names, workspace.store.location, datetime.now(UTC))
    return 0
