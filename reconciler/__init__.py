"""Terraform for bans: keeps the bans of Amazon IVS Chat rooms as a reviewed list in git.

A script can plan without the command line:

    from datetime import UTC, datetime
    from reconciler import diff, load_ban_list, load_state

    ban_list = load_ban_list("bans.yaml")
    plan = diff(ban_list, load_state(ban_list.state_location), now=datetime.now(UTC))
    for change in plan.changes:
        print(change.action, plan.address(change.key), change.because)

Everything here is a value, or reads and returns one; nothing here calls AWS.
"""

from reconciler.banlist import BanList
from reconciler.bans import Ban, BanKey, Record
from reconciler.errors import ReconcilerError
from reconciler.guardrails import Guardrails, Refusal
from reconciler.plan import Action, Because, Change, Plan, diff
from reconciler.sources import load_ban_list
from reconciler.state import State
from reconciler.stores import load_state

__version__ = "0.1.0"

__all__ = [
    "Action",
    "Ban",
    "BanKey",
    "BanList",
    "Because",
    "Change",
    "Guardrails",
    "Plan",
    "ReconcilerError",
    "Record",
    "Refusal",
    "State",
    "diff",
    "load_ban_list",
    "load_state",
]
