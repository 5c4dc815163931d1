"""`reconciler state …`: inspect and repair the state, without disconnecting anybody."""

import os
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

import click

from reconciler.bans import BanKey, room_and_user
from reconciler.cli import console
from reconciler.cli.groups import INSTEAD_OF_STATE, Group
from reconciler.cli.options import Address, FilePath, Misuse, examples, lock_timeout_option, together
from reconciler.cli.workspace import Workspace, with_workspace_for_looking
from reconciler.errors import AddressUnknown, PushRefused, StateDamaged, StateUnreadable
from reconciler.operating_system import command_line
from reconciler.reading import read_file_or_pipe
from reconciler.state.value import State
from reconciler.views import text
from reconciler.views.wording import count

_ON_S3: Final = "s3://BUCKET/bans.state.json"
_STATE_FILE: Final = "reconciler.state.file"  # which needs pydantic, and the help does not


class _Commands(Group):
    instead = INSTEAD_OF_STATE


@click.group(
    "state", cls=_Commands, epilog=examples("reconciler state list", "reconciler state show lobby/ABC123def456")
)
def command() -> None:
    """Inspect and repair the state, without disconnecting anybody."""


@command.command("list", epilog=examples("reconciler state list", f"reconciler state list --state {_ON_S3}"))
@with_workspace_for_looking
def list_(workspace: Workspace) -> int:
    """List the address of every recorded ban."""
    keys = sorted(map(workspace.redact.key, workspace.read().records))
    console.out(text.addresses(workspace.ban_list, keys, indent=""))
    return 0


@command.command(
    "show", epilog=examples("reconciler state show lobby/ABC123def456", "reconciler state show everywhere/ABC123def456")
)
@click.argument("address", type=Address(listed=False, recorded=True))
@with_workspace_for_looking
def show(workspace: Workspace, address: str) -> int:
    """Show the record of one ban, such as lobby/ABC123def456."""
    state = workspace.read()
    [key] = _recorded(workspace, [address], state)
    record = workspace.redact.record(state.records[key], key.user_id)
    shown, names = workspace.redact.key(key), workspace.ban_list.room_names
    console.out(text.record(shown, record, names, datetime.now(UTC), width=console.width()))
    return 0


@command.command(
    "rm", epilog=examples("reconciler state rm lobby/ABC123def456", "reconciler state rm lobby/zed finals/zed")
)
@click.argument("address", nargs=-1, required=True, type=Address(listed=False, recorded=True))
@together(lock_timeout_option, with_workspace_for_looking)
def remove(workspace: Workspace, address: tuple[str, ...], lock_timeout: float) -> int:
    """Forget a recorded ban, without disconnecting anybody.

    If the list still has it, the next apply disconnects the user again.
    """
    with workspace.locked("state rm", lock_timeout) as session:
        forgotten = sorted(_recorded(workspace, address, session.state))
        session.keep([(key, None) for key in forgotten])
        session.save()
    console.out(text.addresses(workspace.ban_list, map(workspace.redact.key, forgotten)))
    console.say(f"Forgot {count(len(forgotten), 'ban')}. Nobody was disconnected.\n")
    return 0


@command.command(
    "pull", epilog=examples("reconciler state pull > copy.json", f"reconciler state pull --state {_ON_S3} > copy.json")
)
@with_workspace_for_looking
def pull(workspace: Workspace) -> int:
    """Print the state as JSON, with what an interrupted run has recorded.

    This is the state itself, for `state push`, so --redact is refused; `show --format json --redact` prints one without
    user IDs.
    """
    if workspace.redact:
        raise Misuse(
            "`state pull` prints the state itself and cannot redact it; `show --format json` can. To pull it anyway,"
            " unset RECONCILER_REDACT."
        )
    statefile = import_module(_STATE_FILE)
    console.out(statefile.dumps(workspace.read()))
    return 0


@command.command(
    "push",
    epilog=examples(
        "reconciler state push bans.state.recovered-x1y2z3ab.json", f"reconciler state push copy.json --state {_ON_S3}"
    ),
)
@click.argument("path", type=FilePath(), metavar="FILE")
@together(lock_timeout_option, with_workspace_for_looking)
def push(workspace: Workspace, path: str, lock_timeout: float) -> int:
    """Replace the state with a later generation of it, from a file.

    Refused if FILE has another lineage, or its serial is not higher. What an apply has recovered
    (bans.state.recovered-….json) is merged into the state, whatever its serial; several such files in any order.
    """
    statefile = import_module(_STATE_FILE)
    try:
        pushed, recovery = statefile.loads_recovery(read_file_or_pipe(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise StateUnreadable(f"{path} cannot be read: {why}", private=[path]) from error
    except StateDamaged as error:
        raise StateDamaged(f"{path} is not a state file: {error}.") from error
    _refuse_a_new_state_elsewhere(workspace)
    with workspace.locked("state push", lock_timeout) as session:
        merged = session.push(pushed, recovery)
        now = session.state
    done = (
        f"Pushed serial {now.serial}"
        if merged is None
        else f"Merged {count(merged, 'change')} into serial {now.serial}"
    )
    console.say(f"{done} with {count(len(now.records), 'ban')}.\n")
    return 0


def _refuse_a_new_state_elsewhere(workspace: Workspace) -> None:
    """Make sure that a new state is made where the list has it, or where somebody says without any doubt.

    Raises:
        PushRefused: there is no list, and the state is named by a path that starts from wherever we are.
    """
    given = workspace.given_state
    if os.path.exists(workspace.file) or (given is not None and ("://" in given or os.path.isabs(given))):
        return
    store = workspace.store
    if not store.read().is_blank:
        return
    raise PushRefused(
        f"There is no {workspace.file} here, and no state at {store.absolute}, so this would begin a new state there."
        " Go to the folder of the list, name the list with --file, or name the state by its whole path:"
        f" `{command_line(['reconciler', 'state', 'push', 'FILE', '--state', store.absolute])}`.",
        private=[workspace.file, store.absolute],
    )


def _recorded(workspace: Workspace, addresses: tuple[str, ...] | list[str], state: State) -> frozenset[BanKey]:
    """The recorded bans that addresses mean.

    Raises:
        AddressUnknown: some of them are not recorded.
    """
    keys = workspace.keys(addresses, "ADDRESS", state)
    if unknown := sorted(key for key in keys if key not in state.records):
        names = workspace.ban_list.room_names
        raise AddressUnknown("Not recorded in the state: {}.", [room_and_user(key, names) for key in unknown])
    return keys
