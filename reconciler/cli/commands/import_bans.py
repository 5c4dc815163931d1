"""`reconciler import`: these users are banned already."""

from datetime import UTC, datetime
from typing import Final

import click

from reconciler.cli import console
from reconciler.cli.locking import lock_timeout_option, locked
from reconciler.cli.options import (
    all_option,
    file_option,
    no_color_option,
    option,
    planned,
    redact_option,
    state_option,
    store_for,
    target_option,
    together,
)
from reconciler.cli.progress import busy
from reconciler.plan.change import Action
from reconciler.redaction import Redaction
from reconciler.sources import load_ban_list
from reconciler.views import text

SHOWN: Final = 100  # bans, of a list that has more


@click.command("import")
@together(file_option, state_option, target_option)
@option("--auto-approve", is_flag=True, help="Do not ask.")
@together(all_option, lock_timeout_option, redact_option, no_color_option)
def command(
    file: str,
    state: str | None,
    target: tuple[str, ...],
    auto_approve: bool,
    everything: bool,
    lock_timeout: float,
    redact: Redaction,
) -> int:
    """Record the bans of the list as done, without disconnecting anybody.

    For users who were banned before there was this list. Asks first; only `yes` goes ahead.
    """
    if not auto_approve:
        console.require_terminal("--auto-approve")
    with busy(f"Reading {file}"):
        ban_list = load_ban_list(file)
    store = store_for(ban_list, state)
    with locked(store, "import", lock_timeout) as session:
        plan = planned(ban_list, session.state, target=target, redact=redact, now=datetime.now(UTC))
        new = [change for change in plan.changes if change.action is Action.BAN]
        if not new:
            console.out("Nothing to import. The state records every ban of the list.\n")
            return 0
        shown = new if everything else new[:SHOWN]
        console.out(text.addresses(plan, [redact.key(change.key) for change in shown]))
        if len(shown) < len(new):
            console.out(f"  … and {len(new) - len(shown):,} more; --all shows every one.\n")
        count = f"{len(new):,} {'ban' if len(new) == 1 else 'bans'}"
        if not auto_approve and not console.approved(f"Record {count} as done, and disconnect nobody?"):
            console.out("Import cancelled. Nothing was done.\n")
            return 1
        session.record([(change.key, change.record()) for change in new])
        session.save()
    console.out(f"Import complete: {count} recorded. Nobody was disconnected.\n")
    return 0
