"""`reconciler ci`: one step of a CI job. The GitHub action and the example for GitLab call it; no help lists it."""

import click

from reconciler import operating_system
from reconciler.ci.steps import STEPS, run
from reconciler.errors import ReconcilerError


@click.command("ci")
@click.argument("step", type=click.Choice(list(STEPS)), metavar="STEP")
def command(step: str) -> int:
    """Run one step of a CI job: checkout, touched, plan, show, finish, check, apply, keep, report, propose or at-once.

    Everything that a step needs comes from the variables that GitHub Actions or GitLab CI/CD sets.
    """
    if operating_system.WINDOWS:
        raise ReconcilerError("The steps of a CI job run on Linux and macOS. Let the job run on `ubuntu-latest`.")
    return run(step)
