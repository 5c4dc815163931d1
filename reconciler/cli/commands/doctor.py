"""`reconciler doctor`: will bans work?"""

from importlib import import_module
from typing import TYPE_CHECKING

import click

from reconciler.cli.account import Account
from reconciler.cli.options import endpoint_option, examples, format_option, option, together
from reconciler.cli.progress import busy
from reconciler.cli.workspace import Workspace, with_workspace_on_aws
from reconciler.verdicts import Verdict

if TYPE_CHECKING:
    from reconciler.verdicts import Check


@click.command(
    "doctor",
    epilog=examples("reconciler doctor", "reconciler doctor --profile moderation", "reconciler doctor --format json"),
)
@together(
    format_option("text", "json", help="How to print what is found."),
    option("--all", "everything", is_flag=True, help="Show every check, even if there are hundreds."),
    endpoint_option,
    with_workspace_on_aws,
)
def command(workspace: Workspace, endpoint_url: str | None, format: str, everything: bool) -> int:
    """Check whether bans will work, and say what to do where they will not.

    Looks at the list, the state, the AWS credentials, each room, the denylist and the token records, and changes
    nothing. Each check is ok, a warning, or failed; if one has failed, the exit code is 1. Whether the credentials may
    call DisconnectUser cannot be found out without disconnecting somebody.
    """
    report = workspace.report(format, everything=everything)
    diagnosis = import_module("reconciler.cli.diagnosis").diagnosis
    with busy("Checking"):
        checks: list[Check] = list(diagnosis(workspace, Account(workspace.profile, endpoint_url)))
    report.checks(checks)
    return 1 if any(check.verdict is Verdict.FAILED for check in checks) else 0
