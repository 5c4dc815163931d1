"""Terraform for bans: keeps the bans of Amazon IVS Chat rooms as a reviewed list in git.

A script can plan without the command line:

    from datetime import UTC, datetime
    from reconciler import diff, load_ban_list, load_state

    ban_list = load_ban_list("bans.yaml")
    plan = diff(ban_list, load_state(ban_list.state_location), now=datetime.now(UTC))
    for change in plan.changes:
        print(change.action, plan.address(change.key), change.because)

Everything here is a value, or reads and returns one; nothing here disconnects anybody.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.banlist.about import About as About
    from reconciler.banlist.format import format_content as format_content
    from reconciler.banlist.value import BanList
    from reconciler.bans import Ban, BanKey, Record
    from reconciler.errors import ReconcilerError
    from reconciler.git import commit_of as commit_of
    from reconciler.guardrails import Guardrails, Refusal
    from reconciler.plan.change import Action, Because, Change, Plan
    from reconciler.plan.diff import diff
    from reconciler.sources import contents as contents
    from reconciler.sources import load_about as load_about
    from reconciler.sources import load_ban_list
    from reconciler.sources import read_file as read_file
    from reconciler.sources import user_ids as user_ids
    from reconciler.state.value import State
    from reconciler.stores import load_state
    from reconciler.stores.plans import load_plan, save_plan

__version__ = "0.1.0"

# The name of the package that is installed. On PyPI, `reconciler` is somebody else's project.
DISTRIBUTION = "ivschat-reconciler"

# Name → module, imported when it is asked for (PEP 562): importing the package costs nothing. Names that are not in
# `__all__` are for the command line.
_MODULES = {
    "About": "banlist.about",
    "Action": "plan.change",
    "Ban": "bans",
    "BanKey": "bans",
    "BanList": "banlist.value",
    "Because": "plan.change",
    "Change": "plan.change",
    "Guardrails": "guardrails",
    "Plan": "plan.change",
    "ReconcilerError": "errors",
    "Record": "bans",
    "Refusal": "guardrails",
    "State": "state.value",
    "diff": "plan.diff",
    "commit_of": "git",
    "contents": "sources",
    "format_content": "banlist.format",
    "load_about": "sources",
    "load_ban_list": "sources",
    "load_plan": "stores.plans",
    "load_state": "stores",
    "read_file": "sources",
    "save_plan": "stores.plans",
    "user_ids": "sources",
}

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
    "load_plan",
    "load_state",
    "save_plan",
]


def __getattr__(name: str) -> object:
    """A public name, imported now."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"reconciler.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
