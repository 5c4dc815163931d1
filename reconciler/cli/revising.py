"""What `ban` and `lift` share: they change the list, and show what has changed and what `plan` says to that."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import click

from reconciler import editing, escape, operating_system, sources
from reconciler.banlist.read import Reading
from reconciler.cli import console
from reconciler.cli.options import Told
from reconciler.cli.progress import busy
from reconciler.cli.stopping import held_back
from reconciler.cli.workspace import Workspace
from reconciler.editing import Changes, only_one
from reconciler.errors import ReconcilerError
from reconciler.git import root_of
from reconciler.operating_system import with_slashes, word
from reconciler.plan.change import Plan
from reconciler.views.unified_diff import unified

_SHOWN: Final = 200  # lines of a diff
_NOT_YET: Final = {
    "ban": "Nobody was disconnected yet: apply does that once the change is merged",
    "lift": "The bans hold until the change is merged and applied",
}
_APPLY: Final = {
    "ban": "Nobody was disconnected yet: `reconciler apply` does that.",
    "lift": "The bans hold until `reconciler apply` lifts them.",
}
_AT_ONCE: Final = {
    "ban": "It was done at once and is yet to be reviewed",
    "lift": "The change of the list is yet to be reviewed",
}


@contextmanager
def listed(workspace: Workspace) -> Iterator[Reading]:
    """The list, which no other `ban` or `lift` changes meanwhile. Raises BanListError."""
    with only_one(workspace.file):
        with busy(f"Reading {workspace.file}"):
            reading = sources.load_whole(workspace.file)
        workspace.ban_list = reading.ban_list
        yield reading


def show(changes: Changes, workspace: Workspace) -> None:
    """Say what changes in which lines, and what looks wrong about it. With --redact a diff would quote the list."""
    colour = console.wants_colour(sys.stdout)
    for file in () if workspace.redact else changes.files:
        with busy(f"Comparing {file.path}"):
            before, after = ((content or b"").decode("utf-8-sig") for content in (file.before, file.after))
            lines = unified(before, after, file.path, change="changed", colour=colour).splitlines(keepends=True)
        console.out("".join(lines[:_SHOWN]))
        if (more := len(lines) - _SHOWN) > 0:
            console.out(f"… and {more:,} more lines\n")
    new = [warning for warning in changes.reading.ban_list.warnings if warning not in workspace.ban_list.warnings]
    if new:
        console.diagnostic(*map(str, workspace.redact.problems(new)))


def write(changes: Changes | None, *, at_once: bool) -> None:
    """Write the files, if any change; an interruption waits for that, and finds it done.

    Args:
        changes: what to write.
        at_once: more is to be done at once.

    Raises:
        BanListUnwritable: some of them were not written.
    """
    with held_back():
        if changes is not None:
            editing.write(changes)
        done = "The list is written." if changes is not None else ""
        more = "What was to be done at once may be done in part: run the same command again." if at_once else ""
        if done or more:
            interrupted_now(f"{done} {more}".strip())


def interrupted_now(done: str) -> None:
    """Say what an interruption finds done from now on."""
    click.get_current_context().ensure_object(Told).done = done


def show_plan(workspace: Workspace) -> Plan | None:
    """Say what `plan` says now. If that cannot be said, what was done is done all the same, and there is no plan."""
    report = workspace.report("text")
    try:
        plan = replace(workspace.plan(workspace.read()), warnings=())  # `show` has told the new ones
    except ReconcilerError as error:
        console.diagnostic(f"What apply will do cannot be shown: {workspace.redact.error(error).whole()}")
        return None
    console.out("\n")
    report.plan(plan, workspace.setting(workspace.endpoint))
    return plan


def show_what_is_next(changes: Changes, what: str, *, at_once: bool, failed: bool = False) -> None:
    """Say how a change gets to its reviewers, if the list is kept in git.

    Args:
        changes: what was written.
        what: `ban` or `lift`.
        at_once: it has happened already.
        failed: not all of it has.
    """
    if root_of(os.path.dirname(os.path.abspath(changes.files[0].path))) is None:
        console.say("" if at_once else f"\n{_APPLY[what]}\n")
        return
    files = " ".join(word(with_slashes(os.path.relpath(file.path))) for file in changes.files)
    when = _AT_ONCE[what] if at_once else _NOT_YET[what]
    if failed:
        when = "The list is written, but not all of it was done at once"
    done = " (done at once, to be reviewed)" if at_once and not failed and what == "ban" else ""
    date = f"{datetime.now(UTC):%Y-%m-%d-%H%M}" if operating_system.WINDOWS else "$(date +%Y-%m-%d-%H%M)"
    console.say(f"\n{when}. To have it reviewed:\n")
    console.out(
        f"  git switch -c {what}-{date}\n  git add {escape.terminal(files)}\n"
        f"  git commit -m '{what.capitalize()}{done}'\n  git push -u origin HEAD   # and open a pull request\n"
    )
