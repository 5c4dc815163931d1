"""`reconciler ci`: one step of a CI job. The GitHub action and the example for GitLab call it; no help lists it."""

import click

from reconciler.ci.steps import STEPS, run


@click.command("ci")
@click.argument("step", type=click.Choice(list(STEPS)), metavar="STEP")
def command(step: str) -> int:
    """Run one step of a CI job: checkout, touched, plan, show, finish, check, apply or keep.

    Everything that a step needs comes from the variables that GitHub Actions or GitLab CI/CD sets.
    """
    return run(step)
