"""`reconciler lift`: take bans out of the list."""

from contextlib import ExitStack
from typing import Final

import click

from reconciler import editing
from reconciler.banlist import lifting
from reconciler.bans import EVERYWHERE, BanKey
from reconciler.cli import console, revising
from reconciler.cli.at_once import AtOnce, take_back, with_now
from reconciler.cli.options import Misuse, examples, together
from reconciler.cli.workspace import Workspace, with_workspace_on_aws

# A provisional ban of a user who is in no state is nothing that an apply lifts.
_ONLY_AT_ONCE: Final = (
    "\nNo apply has enforced what was taken out. If `ban --now` did, that ban holds until its own end; to lift it at"
    " once, run the same command again with --now.\n"
)


@click.command(
    "lift", epilog=examples("reconciler lift zed", "reconciler lift zed amy --room lobby", "reconciler lift zed --now")
)
@click.argument("users", nargs=-1, required=True, metavar="USER_ID...")
@together(
    click.option("--room", "rooms", multiple=True, metavar="ROOM", help="Only in this room; repeatable."),
    click.option("--dry-run", is_flag=True, help="Write nothing; show what would change."),
    with_now,
    with_workspace_on_aws,
)
def command(
    workspace: Workspace, users: tuple[str, ...], rooms: tuple[str, ...], dry_run: bool, at_once: AtOnce
) -> int:
    """Take bans out of the ban list, and change nothing else in it.

    Takes out the entries of a user, with the comments that are about them alone. With --room, takes only that room out
    of an entry. Shows what has changed, and what `plan` says now. The ban holds until the change is reviewed and
    applied.

    With --now, a ban that `ban --now` has published for a while goes out of the denylist at once; that asks first.
    """
    if at_once.now and dry_run:
        raise Misuse("--now and --dry-run exclude each other")
    if at_once.now and at_once.without_denylist:
        raise Misuse("--now takes bans out of the denylist, and --without-denylist leaves it alone; leave out one")
    at_once.require_terminal()
    with ExitStack() as lock:
        reading = lock.enter_context(revising.listed(workspace))
        denylist = reading.ban_list.denylist
        if at_once.now and denylist is None:
            raise Misuse("the list has no `denylist`, so there is nothing to take out of it at once; leave out --now")
        decided = lifting.decide(reading, users, rooms, or_nothing=at_once.now)
        changes = editing.lifting(reading, decided) if decided.gone else None
        if changes is not None:
            revising.show(changes, workspace)
        question = "Write this, and take their provisional bans out of the denylist now?"
        if at_once.now and not at_once.approved(question, lock, workspace):
            return 1
        if not dry_run:
            revising.write(changes, at_once=at_once.now)
    if at_once.now and denylist is not None:
        named = workspace.ban_list.rooms
        arns = [named.get(room, room) for room in rooms] or [*named.values(), EVERYWHERE]
        keys = {BanKey(arn, user) for arn in arns for user in users}
        take_back(workspace, denylist, sorted({*keys, *decided.gone}))
        revising.interrupted_now("What was done is said above.")
    if changes is not None:
        workspace.ban_list = changes.reading.ban_list
    plan = revising.show_plan(workspace)
    if denylist is not None and not at_once.now and plan is not None:
        lifted = {change.key for change in plan.changes}
        if not lifted.issuperset(decided.gone):
            console.say(_ONLY_AT_ONCE)
    if changes is not None and not dry_run:
        revising.show_what_is_next(changes, "lift", at_once=at_once.now)
    return 0
