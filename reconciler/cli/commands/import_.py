"""`reconciler import`: these users are banned already."""

from typing import Final

import click

from reconciler.cli import console
from reconciler.cli.options import all_option, approve_option, examples, lock_timeout_option, target_option, together
from reconciler.cli.workspace import Selection, Workspace, with_workspace
from reconciler.plan.change import Action
from reconciler.views import text
from reconciler.views.wording import count

SHOWN: Final = 100  # bans, of a list that has more


@click.command("import", epilog=examples("reconciler import", "reconciler import --target lobby/ABC123def456"))
@together(target_option, approve_option, all_option, lock_timeout_option, with_workspace)
def command(
    workspace: Workspace, target: tuple[str, ...], auto_approve: bool, everything: bool, lock_timeout: float
) -> int:
    """Record the bans in the list as done, without disconnecting anybody.

    For users who were banned before there was a list. Asks first; only `yes` goes ahead.
    """
    if not auto_approve:
        console.require_terminal("--auto-approve")
    with workspace.locked("import", lock_timeout) as session:
        plan = workspace.plan(session.state, Selection(target))
        new = [change for change in plan.changes if change.action is Action.BAN]
        if not new:
            console.say("Nothing to import. The state records every ban of the list.\n")
            return 0
        where = ""
        if workspace.endpoint is not None:
            session.against(workspace.endpoint)
            where = f" at {workspace.endpoint}, which is not AWS"
        if plan.warnings:
            console.diagnostic(*map(str, workspace.redact.problems(plan.warnings)))
        shown = new if everything else new[:SHOWN]
        console.out(text.addresses(plan, [workspace.redact.key(change.key) for change in shown]))
        if len(shown) < len(new):
            console.say(f"  … and {len(new) - len(shown):,} more; --all shows every one.\n")
        bans = count(len(new), "ban")
        if not auto_approve and not console.approved(f"Record {bans} as done{where}, and disconnect nobody?"):
            console.say("Import cancelled. Nothing was done.\n")
            return 1
        session.keep([(change.key, change.recorded()) for change in new])
        session.save()
    console.say(f"Import complete: {bans} recorded. Nobody was disconnected.\n")
    return 0
