"""`reconciler ci`: one step of a CI job. The GitHub action and the example for GitLab call it; no help lists it."""

import signal

import click

from reconciler.ci import applying, keeping, notes, planning, runner, showing

_STEPS = {
    "plan": planning.plan,
    "show": showing.show,
    "finish": planning.finish,
    "check": keeping.check,
    "apply": applying.apply,
    "keep": keeping.keep,
    "note": notes.note,
}


@click.command("ci")
@click.argument("step", type=click.Choice(list(_STEPS)), metavar="STEP")
def command(step: str) -> int:
    """Run one step of a CI job. GitHub: plan, show, finish, check, apply, keep. GitLab: note.

    Everything that a step needs comes from the variables that the CI system sets.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # a step that is interrupted may have done something, and says nothing
    try:
        return _STEPS[step]()
    except runner.StepFailed as failure:
        runner.annotate("error", str(failure))
        runner.summarise(f"**{failure}**\n")
        return 1
