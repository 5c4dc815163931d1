"""`reconciler validate`: is the ban list sound?"""

import click

from reconciler.cli.options import examples, format_option, together
from reconciler.cli.workspace import Workspace, with_workspace


@click.command(
    "validate",
    epilog=examples("reconciler validate", "reconciler validate --strict", "reconciler validate -f other/bans.yaml"),
)
@together(
    format_option(
        "text", "github", "json", help="How to print problems: github is for annotations in a GitHub Actions job."
    ),
    with_workspace,
)
def command(workspace: Workspace, format: str) -> int:
    """Check the ban list.

    Reports every problem with its line and column, and what to write instead. Needs no state, no network and no
    credentials.
    """
    report = workspace.report(format)
    with report.telling():
        ban_list = workspace.ban_list
    report.valid(ban_list)
    return 0
