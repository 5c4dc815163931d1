"""`reconciler show`: what does a saved plan do, or who is banned?"""

import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import click

from reconciler import escape
from reconciler.bans import BanKey, address
from reconciler.cli.options import FilePath, Misuse, all_option, examples, format_option, together
from reconciler.cli.workspace import Workspace, with_workspace_for_looking
from reconciler.errors import PlanUnreadable, ReconcilerError
from reconciler.operating_system import command_line
from reconciler.views import text, wording
from reconciler.views.notices import Setting

_MOST: Final = 5  # addresses


@click.command(
    "show", epilog=examples("reconciler show", "reconciler show plan.json", "reconciler show --format csv > bans.csv")
)
@click.argument("plan", required=False, type=FilePath(), metavar="[PLAN]")
@together(
    format_option(
        "text",
        "markdown",
        "json",
        "csv",
        help="How to print it: markdown is for a PLAN, as a comment in a pull request; csv is for who is banned.",
    ),
    all_option,
    with_workspace_for_looking,
)
def command(workspace: Workspace, plan: str | None, format: str, everything: bool) -> int:
    """Show a saved plan, or without PLAN every ban that the state records.

    PLAN is a file that `reconciler plan --out PLAN` has saved. As CSV there is a row for each ban in force, with the
    user ID, room, reason and end under the names that they have in the list.
    """
    if plan is not None and format == "csv":
        raise Misuse("--format csv shows who is banned, and not a PLAN; use text, markdown or json")
    report = workspace.report(format, everything=everything)
    if plan is not None:
        if not os.path.lexists(plan):
            raise _no_such_plan(plan, workspace)
        saved = workspace.saved_plan(plan)
        report.plan(saved.plan, Setting(saved.state_location, endpoint=workspace.endpoint))
        report.made(saved.plan)
    elif format == "markdown":
        raise Misuse("--format markdown shows a PLAN; name a file that `reconciler plan --out` has saved")
    else:
        names = workspace.ban_list.room_names
        report.state(workspace.read(), names, workspace.store.location, datetime.now(UTC))
    return 0


def _no_such_plan(typed: str, workspace: Workspace) -> PlanUnreadable:
    """Why nothing is shown, and how to ask about a user, who may be what was meant."""
    keys: list[BanKey] = []
    with suppress(ReconcilerError):  # then it is not known who is recorded
        keys = _recorded_as(typed, workspace)
    names = workspace.ban_list.room_names if keys else {}
    shown = [text.address(workspace.redact.key(key), names) for key in keys]
    said = f"There is no file {typed}. `show` takes a plan that `reconciler plan --out PLAN` has saved."
    if keys and not workspace.redact:
        said += f" For this user, run `{_command(escape.user_id(keys[0].user_id))}`."
    else:
        if keys:
            names = workspace.ban_list.room_names
            shown = [text.address(workspace.redact.key(key), names) for key in keys]
            said += f" This user is recorded as {wording.some(shown, _MOST)}."
        said += f" For a user, run `{_command('USER_ID')}`."
    return PlanUnreadable(said, private=[typed])


def _recorded_as(typed: str, workspace: Workspace) -> list[BanKey]:
    """The recorded bans of the user that somebody typed, raw or as a plan shows them, with a room or without."""
    names = workspace.ban_list.room_names
    return sorted(
        key
        for key in workspace.read().records
        if typed in (key.user_id, escape.user_id(key.user_id), address(key, names), text.address(key, names))
    )


def _command(user_id: str) -> str:
    """A command that tells everything about a user from where this one is run."""
    context = click.get_current_context()
    options = [
        word
        for name, option in (("file", "-f"), ("state", "--state"))
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        for word in (option, context.params[name])
    ]
    return command_line(["reconciler", "why", *options, *(["--"] if user_id.startswith("-") else []), user_id])
