"""`reconciler validate`: is the ban list sound?"""

import click

from reconciler import escape
from reconciler.cli import console, problems
from reconciler.cli.options import file_option, no_color_option, option, redact_option, state_option, together
from reconciler.cli.progress import busy
from reconciler.errors import BanListError
from reconciler.redaction import Redaction
from reconciler.sources import load_ban_list


@click.command("validate")
@together(file_option, state_option)
@option(
    "--format",
    type=click.Choice(["text", "github", "json"]),
    default="text",
    show_default=True,
    help="How to print problems: github is for annotations in a GitHub Actions job.",
)
@together(redact_option, no_color_option)
def command(
    file: str,
    state: str | None,  # noqa: ARG001 - a common option; the state is not looked at
    format: str,
    redact: Redaction,
) -> int:
    """Check the ban list.

    Every problem is reported with its line and column and what to write instead. Needs no state, no network and no
    credentials.
    """
    try:
        with busy(f"Reading {file}"):
            ban_list = load_ban_list(file)
    except BanListError as error:
        return problems.report(error, format, file, redact)
    if format == "json":
        from reconciler.views import diagnostics  # noqa: PLC0415 - as in `problems`

        console.out(diagnostics.as_json([], {}))
        return 0
    bans = len(ban_list.bans)
    users = len({key.user_id for key in ban_list.bans})
    rooms = len({key.room_arn for key in ban_list.bans})
    more = len(ban_list.included)
    files = f" and {more:,} {'file' if more == 1 else 'files'} that it includes are" if more else " is"
    verdict = (
        f"{escape.line(file)}{files} valid: {bans:,} {'ban' if bans == 1 else 'bans'}, of {users:,}"
        f" {'user' if users == 1 else 'users'} in {rooms:,} {'room' if rooms == 1 else 'rooms'}."
    )
    if format == "text":
        console.out(verdict + "\n")
    else:  # stdout is for workflow commands, and there are none
        console.diagnostic(verdict)
    return 0
