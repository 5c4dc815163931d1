"""`reconciler why`: is this user banned, where, until when, and why?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import sleep
from typing import TYPE_CHECKING

import click

import reconciler
from reconciler.banlist.schema import ALL_ROOMS
from reconciler.bans import EVERYWHERE, parse_address
from reconciler.cli.options import Misuse, examples, format_option, option, together
from reconciler.cli.progress import busy
from reconciler.cli.workspace import Workspace, unquoted, with_workspace_for_looking
from reconciler.denylist.value import Contents
from reconciler.errors import DenylistError
from reconciler.history import history
from reconciler.plan.drifting import place_of
from reconciler.plan.why import Answer, Lifted, Ruling, nearest, recorded, rulings
from reconciler.state.value import State

if TYPE_CHECKING:
    from reconciler.banlist.about import About


@click.command(
    "why",
    epilog=examples(
        "reconciler why ABC123def456",
        "reconciler why ABC123def456 --room lobby",
        "reconciler why ABC123def456 --history --refresh",
    ),
)
@click.argument("user_ids", nargs=-1, required=True, metavar="USER_ID")
@together(
    # It reads no variable: whom or what somebody asks for is no setting.
    click.option("--room", metavar="ROOM", help="Only this room: its name in the list, its ARN, or `everywhere`."),
    option("--history", "with_history", is_flag=True, help="Show bans that were lifted too, from the history in git."),
    option("--refresh", is_flag=True, help="Ask the denylist also where it is on S3 or in DynamoDB."),
    option("--all", "everything", is_flag=True, help="Show every room, and whole entries."),
    format_option("text", "json", help="How to print it."),
    with_workspace_for_looking,
)
def command(
    workspace: Workspace,
    user_ids: tuple[str, ...],
    room: str | None,
    with_history: bool,
    refresh: bool,
    everything: bool,
    format: str,
) -> int:
    """Say whether a user is banned, where, until when, and why.

    Shows the entry in the list and who wrote it in which commit, when the user was disconnected, what the denylist
    says, and what the next apply does. USER_ID may be written as a plan shows it. Changes nothing; the exit code is 0
    either way.
    """
    if len(user_ids) > 1:
        raise Misuse("`why` is about one user; put a user ID with spaces in quotes")
    now = datetime.now(UTC)
    user_id = user_ids[0].encode("utf-8", "replace").decode()  # what is no text cannot be in a list
    meant = [user_id, *unquoted(user_id)]
    about = workspace.about(meant)
    state = workspace.read()
    if len(meant) > 1 and not _is_known(user_id, about, state) and _is_known(meant[1], about, state):
        user_id = meant[1]
    ban_list = workspace.ban_list
    room_arn = None if room is None else _room(room, workspace)
    published, unread, denylist = _published(workspace, user_id, about, state, refresh=refresh)
    answer = Answer(
        user_id=user_id,
        now=now,
        rulings=rulings(user_id, about, state, published, now, room_arn),
        room_names=ban_list.room_names,
        ban_list=workspace.file,
        only_state=about is None,
        room=room_arn,
        protected_by=ban_list.guardrails.protects()(user_id) if ban_list.guardrails.protected_users else None,
        denylist=denylist,
        unread=unread,
    )
    answer = _with_history(workspace, answer, about, lifted=with_history)
    if not answer.rulings and not answer.lifted and not workspace.redact:
        answer = replace(answer, suggestions=tuple(_suggestions(workspace, user_id, about, state)))
    workspace.report(format, everything=everything).why(answer)
    return 0


def _is_known(user_id: str, about: "About | None", state: State) -> bool:
    listed = about is not None and any(key.user_id == user_id for key in about.ban_list.bans)
    return listed or bool(recorded(user_id, state))


def _room(typed: str, workspace: Workspace) -> str:
    if typed == ALL_ROOMS:
        raise Misuse("leave out --room to see every room")
    return workspace.room(typed)


def _published(
    workspace: Workspace, user_id: str, about: "About | None", state: State, *, refresh: bool
) -> tuple[Contents | None, str | None, str | None]:
    """What stands in the denylist of a user, why that is not known, and where the denylist is."""
    settings = workspace.ban_list.denylist
    place = place_of(settings) if settings is not None else state.published.place if about is None else None
    if place is None:
        if refresh:
            raise Misuse("--refresh asks the denylist, and the list has no `denylist`")
        return None, None, None
    if "://" in place.location and not refresh:
        return None, f"The denylist at {place.location} was not asked; --refresh asks it.", place.location
    try:
        with busy("Reading the denylist"):
            publisher = workspace.publisher(place, _pause)
            there = publisher.read_user(user_id)
            publisher.check_owner(there.head, state.lineage or "")
    except DenylistError as error:
        return None, str(workspace.redact.error(error)), place.location
    if there.head is None:
        return None, f"There is no denylist at {place.location} yet; the first apply publishes it.", place.location
    return there, None, place.location


def _pause(seconds: float) -> bool:
    sleep(seconds)
    return False


def _with_history(workspace: Workspace, answer: Answer, about: "About | None", *, lifted: bool) -> Answer:
    """The answer with what git tells of it, if it is asked."""
    entries = {ruling.entry for ruling in answer.rulings if ruling.entry is not None}
    if not entries and not lifted:
        return answer
    with busy("Asking git"):
        told = history(
            workspace.file,
            answer.user_id,
            entries,
            has_included=about is not None and bool(about.ban_list.included),
            lifted=lifted,
        )

    def committed(ruling: Ruling) -> Ruling:
        if ruling.entry is None or (told.untold is not None and ruling.entry not in told.commits):
            return ruling
        return replace(ruling, commit=told.commits.get(ruling.entry), is_committed=ruling.entry not in told.uncommitted)

    def asked_for(each: Lifted) -> bool:
        return answer.room is None or each.key.room_arn in (answer.room, EVERYWHERE)

    return replace(
        answer,
        rulings=tuple(map(committed, answer.rulings)),
        lifted=tuple(filter(asked_for, told.lifted)) if lifted else None,
        more_lifted=told.more_lifted,
        untold=told.untold,
    )


def _suggestions(workspace: Workspace, user_id: str, about: "About | None", state: State) -> Iterator[str]:
    """Users who are known and may be meant: the one of an address, then those whose IDs are like this one."""
    ban_list = workspace.ban_list
    written = reconciler.user_ids([workspace.file, *ban_list.included]) if about is not None else set()
    with_state = written | {key.user_id for key in state.records}
    likely = nearest(user_id, with_state)
    try:
        address = parse_address(user_id, ban_list.rooms)
    except ValueError:
        pass
    else:
        likely = [address.user_id, *(other for other in likely if other != address.user_id)]
    again = workspace.about(likely) if about is not None and likely else None
    yield from (other for other in likely if _is_known(other, again, state))
