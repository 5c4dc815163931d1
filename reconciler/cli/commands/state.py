"""`reconciler state …`: look at the state and mend it, without calling anybody."""

from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.cli import console
from reconciler.cli.locking import lock_timeout_option, locked
from reconciler.cli.options import (
    file_option,
    keys,
    list_for_names,
    no_color_option,
    redact_option,
    state_option,
    store_for,
    together,
)
from reconciler.errors import AddressUnknown, StateDamaged, StateUnreadable
from reconciler.redaction import Redaction
from reconciler.state import file as state_file
from reconciler.views import text

_where = together(file_option, state_option, no_color_option)


@click.group("state")
def command() -> None:
    """Look at the state and mend it, without calling anybody."""


@command.command("list")
@together(_where, redact_option)
def list_(file: str, state: str | None, redact: Redaction) -> int:
    """List the address of every recorded ban."""
    ban_list = list_for_names(file, state)
    recorded = store_for(ban_list, state).read()
    console.out(text.addresses(ban_list, sorted(redact.key(key) for key in recorded.records), indent=""))
    return 0


@command.command("show")
@click.argument("address")
@together(_where, redact_option)
def show(address: str, file: str, state: str | None, redact: Redaction) -> int:
    """Show what is recorded of one ban, such as lobby/ABC123def456."""
    ban_list = list_for_names(file, state)
    recorded = store_for(ban_list, state).read()
    [key] = keys([address], "ADDRESS", ban_list, recorded, redact)
    if key not in recorded.records:
        raise AddressUnknown("{} is not recorded in the state.", [key], ban_list.room_names)
    record = redact.record(recorded.records[key], key.user_id)
    console.out(text.record(redact.key(key), record, ban_list.room_names, datetime.now(UTC)))
    return 0


@command.command("rm")
@click.argument("address", nargs=-1, required=True)
@together(_where, redact_option)
@lock_timeout_option
def remove(address: tuple[str, ...], file: str, state: str | None, redact: Redaction, lock_timeout: float) -> int:
    """Forget a ban, and call nobody.

    If the list still has it, the next apply disconnects the user again.
    """
    ban_list = list_for_names(file, state)
    store = store_for(ban_list, state)
    with locked(store, "state rm", lock_timeout) as session:
        recorded = session.state
        forgotten = sorted(keys(address, "ADDRESS", ban_list, recorded, redact))
        if unknown := [key for key in forgotten if key not in recorded.records]:
            raise AddressUnknown("Not recorded in the state: {}.", unknown, ban_list.room_names)
        session.record([(key, None) for key in forgotten])
        session.save()
    console.out(text.addresses(ban_list, map(redact.key, forgotten)))
    console.out(f"Forgot {len(forgotten):,} {'ban' if len(forgotten) == 1 else 'bans'}. Nobody was called.\n")
    return 0


@command.command("pull")
@together(_where, redact_option)
def pull(file: str, state: str | None, redact: Redaction) -> int:
    """Print the state as JSON, with what an interrupted run has recorded.

    It is the state itself, for `state push`, so --redact is refused; `show --format json --redact` shows one without
    user IDs.
    """
    if redact:
        raise click.UsageError(
            "`state pull` prints the state itself and cannot redact it; `show --format json` can. To pull it all the"
            " same, unset RECONCILER_REDACT."
        )
    console.out(state_file.dumps(store_for(list_for_names(file, state), state).read()).decode())
    return 0


@command.command("push")
@click.argument("path", metavar="FILE")
@_where
@lock_timeout_option
def push(path: str, file: str, state: str | None, lock_timeout: float) -> int:
    """Replace the state by a later generation of it, from a file.

    Refused when FILE is of another lineage, or its serial is not higher.
    """
    try:
        pushed = state_file.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise StateUnreadable(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    except StateDamaged as error:
        raise StateDamaged(f"{path} is not a state file: {error}.") from error
    store = store_for(list_for_names(file, state), state)
    with locked(store, "state push", lock_timeout) as session:
        session.push(pushed)
    count = len(pushed.records)
    console.out(f"Pushed serial {pushed.serial} with {count:,} {'ban' if count == 1 else 'bans'}.\n")
    return 0
