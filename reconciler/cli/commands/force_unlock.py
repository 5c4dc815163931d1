"""`reconciler force-unlock`: the run that holds the lock is dead."""

import click

from reconciler import escape
from reconciler.cli import console
from reconciler.cli.options import file_option, no_color_option, state_option, store_for, together
from reconciler.errors import StateError
from reconciler.sources import load_ban_list


@click.command("force-unlock")
@click.argument("lock_id", metavar="LOCK_ID")
@together(file_option, state_option, no_color_option)
def command(lock_id: str, file: str, state: str | None) -> int:
    """Remove the lock of a state on S3 that a dead machine has left behind.

    LOCK_ID stands in the error that the lock causes. Make sure that the run which holds it has ended.
    """
    from reconciler.stores.s3 import S3Store  # noqa: PLC0415 - it imports boto3, and the help lists this command

    store = store_for(load_ban_list(file), state)
    if not isinstance(store, S3Store):
        raise StateError(f"{store.location} is a local file: its lock ends with the process that holds it.")
    who = store.force_unlock(lock_id)
    console.out(f"Unlocked {escape.terminal(store.location)}, which was locked by {escape.terminal(str(who))}.\n")
    return 0
