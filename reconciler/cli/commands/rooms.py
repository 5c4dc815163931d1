"""`reconciler rooms`: which rooms are there?"""

import click

from reconciler.banlist.value import BanList
from reconciler.cli.account import Account, configured, with_account
from reconciler.cli.options import Misuse, Region, examples, format_option, option, together
from reconciler.cli.workspace import Workspace, with_list
from reconciler.rooms import compared, places_of, regions_of


@click.command(
    "rooms",
    epilog=examples(
        "reconciler rooms", "reconciler rooms --region us-west-2 --region eu-west-1", "reconciler rooms --format json"
    ),
)
@option(
    "--region",
    "regions",
    multiple=True,
    type=Region(),
    metavar="REGION",
    help="Look in this region. May be given several times. [default: the regions of the list's rooms and of `discover`,"
    " else that of the AWS configuration]",
)
@format_option("text", "json", help="How to print them.")
@option("--all", "everything", is_flag=True, help="Show every room, even if there are hundreds.")
@together(with_account, with_list)
def command(workspace: Workspace, account: Account, regions: tuple[str, ...], format: str, everything: bool) -> int:
    """Show the rooms of the AWS account, and which of them the list names.

    Rooms that only `discover` finds, rooms that the list does not mean at all, and rooms of the list that do not exist
    are marked. Without a list, it shows the rooms. It calls ListRooms and nothing else, and needs the permission
    ivschat:ListRooms.
    """
    report = workspace.report(format, everything=everything)
    with report.telling():
        ban_list = BanList(path=workspace.file) if workspace.has_no_list else workspace.ban_list
        sessions = account.sessions(ban_list)
        where = tuple(dict.fromkeys(regions)) or regions_of(ban_list) or configured(sessions)
        if not where:
            raise Misuse(
                "there is no region to look in: the list has no rooms, and the AWS configuration names no region. Name"
                " one, such as --region us-west-2"
            )
        found = account.rooms(places_of(ban_list, where), sessions)
    report.rooms(compared(ban_list, found, where), where)
    return 0
