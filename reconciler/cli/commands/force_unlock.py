"""`reconciler force-unlock`: the run that holds the lock is dead."""

import click

from reconciler import escape
from reconciler.cli import console
from reconciler.cli.options import examples
from reconciler.cli.workspace import Workspace, with_workspace


@click.command(
    "force-unlock",
    epilog=examples(
        "reconciler force-unlock LOCK_ID", "reconciler force-unlock LOCK_ID --state s3://BUCKET/bans.state.json"
    ),
)
@click.argument("lock_id", metavar="LOCK_ID")
@with_workspace
def command(workspace: Workspace, lock_id: str) -> int:
    """Remove the lock that a dead machine left on a state on S3.

    The error that the lock causes names its LOCK_ID. First make sure that the run holding it has ended.
    """
    store = workspace.store
    who = store.force_unlock(lock_id)
    console.say(f"Unlocked {escape.terminal(store.location)}, which was locked by {escape.terminal(str(who))}.\n")
    return 0
