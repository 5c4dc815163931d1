"""`reconciler state …`: inspect and repair the state, without disconnecting anybody."""

from datetime import UTC, datetime

import click

from reconciler.bans import BanKey, room_and_user
from reconciler.cli import console
from reconciler.cli.options import Misuse, lock_timeout_option, together
from reconciler.cli.workspace import Workspace, with_workspace_for_looking
from reconciler.errors import AddressUnknown, StateDamaged, StateUnreadable
from reconciler.reading import read_file_or_pipe
from reconciler.state import file as statefile
from reconciler.state.value import State
from reconciler.views import text
from reconciler.views.wording import count


@click.group("state")
def command() -> None:
    """Inspect and repair the state, without disconnecting anybody."""


@command.command("list")
@with_workspace_for_looking
def list_(workspace: Workspace) -> int:
    """List the address of every recorded ban."""
    keys = sorted(map(workspace.redact.key, workspace.read().records))
    console.out(text.addresses(workspace.ban_list, keys, indent=""))
    return 0


@command.command("show")
@click.argument("address")
@with_workspace_for_looking
def show(workspace: Workspace, address: str) -> int:
    """Show the record of one ban, such as lobby/ABC123def456."""
    state = workspace.read()
    [key] = _recorded(workspace, [address], state)
    record = workspace.redact.record(state.records[key], key.user_id)
    console.out(text.record(workspace.redact.key(key), record, workspace.ban_list.room_names, datetime.now(UTC)))
    return 0


@command.command("rm")
@click.argument("address", nargs=-1, required=True)
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
    console.out(f"Forgot {count(len(forgotten), 'ban')}. Nobody was disconnected.\n")
    return 0


@command.command("pull")
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
    console.out(statefile.dumps(workspace.read()))
    return 0


@command.command("push")
@click.argument("path", metavar="FILE")
@together(lock_timeout_option, with_workspace_for_looking)
def push(workspace: Workspace, path: str, lock_timeout: float) -> int:
    """Replace the state with a later generation of it, from a file.

    Refused if FILE has another lineage, or its serial is not higher.
    """
    try:
        pushed = statefile.loads(read_file_or_pipe(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise StateUnreadable(f"{path} cannot be read: {why}", private=[path]) from error
    except StateDamaged as error:
        raise StateDamaged(f"{path} is not a state file: {error}.") from error
    with workspace.locked("state push", lock_timeout) as session:
        session.push(pushed)
    console.out(f"Pushed serial {pushed.serial} with {count(len(pushed.records), 'ban')}.\n")
    return 0


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
