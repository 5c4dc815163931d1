"""`reconciler validate`: is the ban list sound?"""

import click

from reconciler.cli import console
from reconciler.cli.options import file_option, no_color_option, state_option, together
from reconciler.cli.progress import busy
from reconciler.sources import load_ban_list
from reconciler.views import escape


@click.command("validate")
@together(file_option, state_option, no_color_option)
def command(file: str, state: str | None) -> int:  # noqa: ARG001 - a common option; the state is not looked at
    """Check the ban list.

    Every problem is reported with its line and column and what to write instead. Needs no state, no network and no
    credentials.
    """
    with busy(f"Reading {file}"):
        ban_list = load_ban_list(file)
    bans = len(ban_list.bans)
    users = len({key.user_id for key in ban_list.bans})
    rooms = len({key.room_arn for key in ban_list.bans})
    console.out(
        f"{escape.terminal(file)} is valid: {bans:,} {'ban' if bans == 1 else 'bans'}, of {users:,}"
        f" {'user' if users == 1 else 'users'} in {rooms:,} {'room' if rooms == 1 else 'rooms'}.\n"
    )
    return 0
