"""Do at once what a form asks for, in the one job that has credentials of AWS, and say what holds until when."""

import re
from typing import Final

from reconciler.ci import calling, runner
from reconciler.ci.form import LIFT, filled_in
from reconciler.ci.github import Github
from reconciler.ci.proposing import default_branch, environment_for, refused

_DONE: Final = re.compile(
    r"(?P<user>[^\s+@-].* was disconnected at .*)|(?P<more>… and [0-9,]+ more bans?)"
    r"|(?P<held>The denylist has [0-9,]+ bans? all the same, .*)|That holds until (?P<until>[0-9: -]+UTC)\..*"
)
_ONLY_A_KICK: Final = "this is only a kick"
_UNKNOWN: Final = "It is not known what was done at once: the command was stopped."
_STOPPED: Final = 128
_NOT_STARTED: Final = " not started. Run the same command again."
_TAKEN_BACK: Final = "The denylist holds no provisional ban of them any more."


def at_once() -> int:
    """Run `reconciler ban --now`, or `lift --now`, in a checkout that nobody keeps.

    Returns:
        The exit code of the command.

    Raises:
        StepFailed: the form cannot be understood, and nobody was disconnected.
    """
    github = Github()
    form = filled_in(github.event)
    default_branch(github)
    if not form.now:
        raise runner.StepFailed("The form does not ask for anything at once, so nobody was disconnected.")
    done = calling.call(form.command("--now", "--auto-approve"), environment_for(form))
    runner.output(exit_code=done.code)
    lines = [match for line in done.out.splitlines() if (match := _DONE.fullmatch(line))]
    users = [match["user"] for match in lines if match["user"]]
    shown = [match[0] for match in lines if not match["until"]]
    until = next((match["until"] for match in lines if match["until"]), None)
    if done.code and (form.what == LIFT or not shown):
        # Whoever is killed says nothing of what was done by then.
        unknown = done.code > _STOPPED and _NOT_STARTED not in done.err
        return refused(form, done, _UNKNOWN if unknown else "Nothing was done at once.")
    if form.what == LIFT:
        runner.summarise(f"**Done at once.** {_TAKEN_BACK}\n")
        return 0
    headline = "Not all of it was done at once." if done.code else "Banned at once."
    again = "Start this job again with *Re-run failed jobs*.\n\n" if done.code else ""
    if done.code:
        runner.annotate("error", f"{headline} The page of the run says what was, and what to do.")
    holds = f" {_holds(until, done)}" if users else ""
    listed = runner.fenced("\n".join(shown)[: calling.SHOWN])
    runner.summarise(f"**{headline}**{holds}\n\n{listed}\n{again}{done.said}")
    return done.code


def _holds(until: str | None, done: calling.Ended) -> str:
    """Until when that holds. What was only a kick, the command has said."""
    if until is not None:
        return f"That holds until **{until}**. For longer, the pull request has to be merged."
    return "" if _ONLY_A_KICK in done.err else "That holds until the ban's own end."
