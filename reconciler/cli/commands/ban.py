"""`reconciler ban`: put bans into the list."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click
from typing_extensions import override  # in typing since Python 3.12

from reconciler import editing, escape
from reconciler.banlist import banning, sheet
from reconciler.banlist.banning import Banning, OtherTerms, Wanted
from reconciler.banlist.durations import EXAMPLES, parse_duration
from reconciler.banlist.read import Reading
from reconciler.banlist.schema import ALL_ROOMS, EXAMPLE_TIME, NEVER
from reconciler.banlist.times import advice_on
from reconciler.bans import EVERYWHERE_NAME, parse_time, room_name
from reconciler.cli import console, revising
from reconciler.cli.at_once import AtOnce, BanningNow, lasting, no_wait_option, provisional_option, with_now
from reconciler.cli.options import FilePath, Misuse, examples, gathered, together
from reconciler.cli.service import Calling, with_calling
from reconciler.cli.workspace import Workspace, with_workspace_on_aws
from reconciler.errors import BanListUnreadable, BanListUnwritable
from reconciler.reading import MEBIBYTE, read_file_or_pipe
from reconciler.views import wording
from reconciler.views.wording import count
from reconciler.yamltext.places import locate

_STDIN: Final = "-"
_MAX_SHEET: Final = 256 * MEBIBYTE
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """Where to ban, and how, as the options say it."""

    rooms: tuple[str, ...]
    everywhere: bool
    all_rooms: bool
    reason: str | None
    duration: str | None
    until: str | None
    note: str | None

    def otherwise(self, now: datetime) -> sheet.Otherwise:
        """The same, understood. Raises Misuse."""
        if self.everywhere + self.all_rooms + bool(self.rooms) > 1:
            raise Misuse("--room, --all and --everywhere exclude each other; give one of them")
        rooms = EVERYWHERE_NAME if self.everywhere else ALL_ROOMS if self.all_rooms else self.rooms or None
        return sheet.Otherwise(rooms, self.reason, self._ends(now), self.note)

    def _ends(self, now: datetime) -> datetime | str | None:
        if self.duration is not None and self.until is not None:
            raise Misuse("--for and --until exclude each other; give one of them")
        if self.duration is not None:
            try:
                return sheet.whole_seconds(now + parse_duration(self.duration))
            except (ValueError, OverflowError):
                raise Misuse(f"--for: write a duration in minutes, hours, days or weeks, such as {EXAMPLES}") from None
        if self.until is None or self.until == NEVER:
            return self.until
        try:
            return parse_time(self.until)
        except ValueError:
            raise Misuse(f"--until: {advice_on(self.until)}") from None


_with_terms = gathered(
    "terms",
    Terms,
    # None of these reads a variable: whom to ban is no setting.
    click.option("--room", "rooms", multiple=True, metavar="ROOM", help="The room, by name or ARN; repeatable."),
    click.option("--all", "all_rooms", is_flag=True, help="Every room that the list names."),
    click.option("--everywhere", is_flag=True, help="Every room there is, named or not."),
    click.option("--reason", metavar="TEXT", help="Why. Public: everybody in the room sees it."),
    click.option("--for", "duration", metavar="DURATION", help=f"How long the ban lasts: {EXAMPLES}."),
    click.option("--until", metavar="TIME", help=f"When it ends, such as {EXAMPLE_TIME}; or never."),
    click.option("--note", metavar="TEXT", help="For reviewers, such as a ticket. Never sent to the service."),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A table to read bans from."""

    table: str | None
    renamed: tuple[str, ...]

    def columns(self) -> dict[str, str]:
        """Our keys, each with the column that it is read from. Raises Misuse."""
        columns: dict[str, str] = {}
        for pair in self.renamed:
            key, equals, column = pair.partition("=")
            if not equals or not column or key not in sheet.COLUMNS:
                raise Misuse(f"--map: write KEY=COLUMN, with one of {', '.join(sheet.COLUMNS)} as KEY")
            if key in columns or column in columns.values():
                raise Misuse("--map: give each key, and each column, once")
            columns[key] = column
        return columns

    def read(self) -> bytes:
        """The content of the table. Raises BanListUnreadable."""
        name = self.table or ""
        try:
            content = sys.stdin.buffer.read(_MAX_SHEET + 1) if name == _STDIN else read_file_or_pipe(name, _MAX_SHEET)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise BanListUnreadable(f"{name} cannot be read: {why}", private=[name]) from error
        if len(content) > _MAX_SHEET:
            raise BanListUnreadable(f"<stdin> is larger than {_MAX_SHEET // MEBIBYTE} MiB")
        return content


_with_source = gathered(
    "source",
    Source,
    click.option(
        "--from",
        "table",
        type=FilePath(),
        metavar="FILE",
        help="Read bans from a CSV or TSV file whose first line names the columns, or one user ID a line; - reads"
        " standard input.",
    ),
    click.option(
        "--map",
        "renamed",
        multiple=True,
        metavar="KEY=COLUMN",
        help="Read a key, such as user_id, from this column of FILE; repeatable.",
    ),
)


class _Command(click.Command):
    """Knows what becomes of a text with spaces that has no quotes: its other words would be users to ban."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before_options = bool(args) and not args[0].startswith("-")
        for number, argument in enumerate(args):
            option, equals, _ = argument.partition("=")
            following = number + (1 if equals else 2)
            more = any(not word.startswith("-") for word in args[following : following + 1])
            if option in ("--reason", "--note") and before_options and more:
                raise Misuse(
                    f"{option} is followed by more than one word: put the text in quotes, as in"
                    f' {option} "Insulted other viewers", and user IDs before the options'
                )
            if argument == "--":
                break
        return super().parse_args(ctx, args)


@click.command(
    "ban",
    cls=_Command,
    epilog=examples(
        "reconciler ban zed --room lobby --reason Spam --for 7d",
        "reconciler ban zed amy --everywhere --note TS-4211 --now",
        "reconciler ban --from raid.csv --map user_id=player --room lobby",
    ),
)
@click.argument("users", nargs=-1, metavar="[USER_ID]...")
@together(
    _with_terms,
    _with_source,
    click.option("--to", type=FilePath(), metavar="FILE", help="Put new bans into this file, which the list includes."),
    click.option("--update", is_flag=True, help="Change the terms of bans that are listed already."),
    click.option("--dry-run", is_flag=True, help="Write nothing; show what would change."),
    with_now,
    provisional_option,
    no_wait_option,
    with_calling,
    with_workspace_on_aws,
)
def command(
    workspace: Workspace,
    users: tuple[str, ...],
    terms: Terms,
    source: Source,
    to: str | None,
    update: bool,
    dry_run: bool,
    at_once: AtOnce,
    provisional: str,
    no_wait: bool,
    calling: Calling,
) -> int:
    """Put bans into the ban list, and change nothing else in it.

    Adds an entry for each user behind the last one, in the style of the file. Comments, quotes and line ends stay. Bans
    that are listed already are left alone. Shows what has changed, and what `plan` says now. Nobody is disconnected
    before the change is reviewed and applied.

    With --now, the ban is also published for a while, and the user is disconnected at once, and once more when old chat
    tokens have run out. That asks first, and waits for no other run. Have the change reviewed afterwards.
    """
    if at_once.now and dry_run:
        raise Misuse("--now and --dry-run exclude each other")
    at_once.require_terminal()
    now, lasts = datetime.now(UTC), lasting(provisional)
    wanted = _wanted(users, source, terms.otherwise(now), now, workspace)
    acting = None
    with ExitStack() as lock:
        reading = lock.enter_context(revising.listed(workspace))
        _doubt_addresses(users, workspace)
        decided = banning.decide(reading, wanted, now)
        _tell(decided, reading, workspace, update=update)
        changes = None if decided.changes_nothing else editing.banning(reading, decided, to)
        if changes is not None:
            revising.show(changes, workspace)
            workspace.ban_list = changes.reading.ban_list
        if at_once.now:
            bans = {key: decided.bans[key] for key in decided.keys}
            publishes = not at_once.without_denylist
            acting = BanningNow(workspace, calling, bans, lasts, publishes=publishes, no_wait=no_wait)
            if not at_once.approved(acting.question(), lock, workspace):
                return 1
        if not dry_run:
            revising.write(changes, at_once=at_once.now)
    status = 0
    if acting is not None:
        status = acting.carry_out()
        revising.interrupted_now("What was done is said above.")
    revising.show_plan(workspace)
    if changes is not None and not dry_run:
        revising.show_what_is_next(changes, "ban", at_once=at_once.now, failed=status != 0)
    return status


def _wanted(
    users: Sequence[str], source: Source, otherwise: sheet.Otherwise, now: datetime, workspace: Workspace
) -> Sequence[Wanted]:
    """What is asked for. Raises ReconcilerError and Misuse."""
    if not users and source.table is None:
        raise Misuse("name the users to ban, or a file with --from FILE")
    if users and source.table is not None:
        raise Misuse("users on the command line and --from exclude each other; put all of them into FILE")
    if any(user.endswith((",", ";")) for user in users[:-1]):
        raise Misuse("write users with a space between them, and no comma; one whose ID ends with a comma goes alone")
    if source.table is None:
        if source.renamed:
            raise Misuse("--map says how to read the file of --from")
        return [Wanted(user, otherwise.rooms, otherwise.reason, otherwise.ends, otherwise.note) for user in users]
    columns = source.columns()
    name = "<stdin>" if source.table == _STDIN else source.table
    sheet_ = sheet.read(source.read(), name, columns, otherwise, now)
    if not workspace.redact:
        console.say(_understood(sheet_, name))
    return sheet_.bans


def _doubt_addresses(users: Sequence[str], workspace: Workspace) -> None:
    """Ask whether somebody meant an address, as plans show it. Any text can be a user ID, so it is not refused."""
    for user in users:
        room, slash, user_of_address = user.partition("/")
        if slash and user_of_address and room in workspace.ban_list.rooms and not workspace.redact:
            console.diagnostic(
                f"{user} is taken for a user ID. If it is the user {user_of_address} in a room, ban {user_of_address}"
                f" with --room {room}."
            )


def _understood(table: sheet.Sheet, name: str) -> str:
    """What was read from a file, for somebody to check."""
    rows = count(len(table.bans), "ban")
    if table.delimiter is None:
        return f"{escape.line(name)}: {rows}, one user ID a line.\n\n"
    columns = ", ".join(
        key if key == column else f"{key} (from {escape.clear(column)})" for key, column in table.columns.items()
    )
    ignored = (
        f" Ignored: {wording.some([escape.clear(name) for name in table.ignored], _SHOWN)}." if table.ignored else ""
    )
    return f"{escape.line(name)}: {rows}. Columns, separated by {table.delimiter}: {columns}.{ignored}\n\n"


def _tell(decided: Banning, reading: Reading, workspace: Workspace, *, update: bool) -> None:
    """Say what is listed already, and what was asked for more than once."""
    if decided.repeated:
        was = "ban was" if decided.repeated == 1 else "bans were"
        console.say(f"{decided.repeated:,} {was} asked for more than once.\n")
    if decided.unchanged:
        users = [escape.user_id(workspace.redact.user(wanted.user_id)) for wanted in decided.unchanged]
        are = "ban is listed already, and stays as it is" if len(users) == 1 else "bans are listed already, and stay"
        console.say(f"{len(users):,} {are}: {wording.some(users, _SHOWN)}.\n")
    for other in decided.other[:_SHOWN] if not update else ():
        console.diagnostic(_other(other, reading, workspace))
    if not update and (more := len(decided.other) - _SHOWN) > 0:
        console.diagnostic(f"… and {more:,} more")
    if decided.other and not update:
        are = "ban is" if len(decided.other) == 1 else "bans are"
        raise BanListUnwritable(
            f"{len(decided.other):,} {are} listed with other terms. Nothing was done. To change them, give --update."
        )


def _other(other: OtherTerms, reading: Reading, workspace: Workspace) -> str:
    """On what terms somebody is listed."""
    entry, names, redact = other.entry, reading.ban_list.room_names, workspace.redact
    path = ("bans", entry.position)
    place = locate(entry.file.document, [path]).get(path)
    line = f":{place.value.line}" if place is not None else ""
    rooms = wording.some([room_name(key.room_arn, names) for key in other.keys], _SHOWN)
    ban = other.ban
    user = redact.user(entry.user_id)
    until = f"until {wording.time(ban.expires_at)}" if ban.expires_at is not None else "for good"
    reason = f", for {escape.quoted(redact.text(ban.reason, entry.user_id))}" if ban.reason is not None else ""
    return f"{entry.file.path}{line}: {user} is listed in {rooms} {until}{reason}."
