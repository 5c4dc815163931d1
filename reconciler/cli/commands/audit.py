"""`reconciler audit`: who spoke while banned?"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import click
from typing_extensions import override  # in typing since Python 3.12

from reconciler.audit.names import by_id
from reconciler.audit.value import watched
from reconciler.auditing import Auditing
from reconciler.banlist.durations import EXAMPLES, parse_duration
from reconciler.banlist.schema import EXAMPLE_TIME
from reconciler.bans import parse_time
from reconciler.chatlogs import logs_at
from reconciler.cli import console
from reconciler.cli.options import FilePath, all_option, examples, format_option, option, together
from reconciler.cli.progress import SECONDS_BETWEEN_LINES, busy
from reconciler.cli.workspace import Workspace, with_workspace_for_looking_on_aws
from reconciler.views import wording

_FOUND: Final = 2  # exit code


class Since(click.ParamType[datetime]):
    """A time: RFC 3339, or so long ago, such as 24h."""

    name = "time"

    @override
    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_time(value)
        except ValueError:
            pass
        try:
            return datetime.now(UTC) - parse_duration(value)
        except (ValueError, OverflowError):
            self.fail(f"it is neither a time such as {EXAMPLE_TIME} nor how long ago, such as {EXAMPLES}.", param, ctx)


@click.command(
    "audit",
    epilog=examples(
        "reconciler audit s3://BUCKET/AWSLogs/ --since 24h",
        "reconciler audit logs/ --format json",
        "zcat chat.log.gz | reconciler audit - --room lobby",
    ),
)
@click.argument("logs", nargs=-1, required=True, type=FilePath(), metavar="LOG...")
@together(
    # Reads no variable: of which room a log is, is no setting, and `sandbox --room` reads that one.
    click.option(
        "--room", metavar="ROOM", help="The room of logs whose names tell none: a name in the list, or an ARN."
    ),
    option(
        "--since",
        type=Since(),
        metavar="TIME",
        help="Leave out what was said before, and objects on S3 that were last written before: such as"
        " 2027-01-31T00:00:00Z, or how long ago: 24h.",
    ),
    format_option("text", "json", help="How to print what was found."),
    all_option,
    with_workspace_for_looking_on_aws,
)
def command(
    workspace: Workspace, logs: Sequence[str], room: str | None, since: datetime | None, format: str, everything: bool
) -> int:
    """Look through chat logs for users who spoke although they are banned.

    LOG is a file, a folder, s3://BUCKET/PREFIX, or - for standard input: records of IVS Chat's logging, as JSON, in
    gzip or not. Which room a log is of comes from the name that IVS Chat gave it, else from --room; with --room
    everywhere, only bans everywhere are looked for.

    A message counts if it was sent after the user's last disconnection and before the end of the ban. Bans that have
    yet to settle do not count. The exit code is 2 if anybody is found.
    """
    ban_list = workspace.ban_list
    otherwise = None if room is None else workspace.room(room)
    state = workspace.read()
    if state.is_blank:
        console.diagnostic(f"There is no state in {workspace.store.location} yet, so nobody is looked for.")
    known = by_id({*ban_list.rooms.values(), *(key.room_arn for key in state.records)})
    told = _Progress()
    auditing = Auditing(
        watched(state, since), known=known, otherwise=otherwise, warn=console.diagnostic, advance=told.advance
    )
    with busy("Reading the chat logs"):
        for location in logs:
            for log in logs_at(location, since=since, profile=workspace.profile):
                auditing.read(log)
    audit = auditing.result()
    workspace.report(format, everything=everything).audited(audit, ban_list)
    if auditing.unread:
        console.error(f"The audit is not complete: {wording.count(auditing.unread, 'log')} could not be read.")
    return _FOUND if audit.findings else bool(auditing.unread)


class _Progress:
    """Says now and then how far the audit is, where no progress bar can move."""

    def __init__(self) -> None:
        self._due = monotonic() + SECONDS_BETWEEN_LINES

    def advance(self, records: int, logs: int) -> None:
        """So much has been read."""
        if monotonic() >= self._due:
            self._due = monotonic() + SECONDS_BETWEEN_LINES
            if not console.moves_cursor(sys.stderr):
                console.diagnostic(
                    f"Reading: {wording.count(records, 'record')} in {wording.count(logs, 'log')} so far."
                )
