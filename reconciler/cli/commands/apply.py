"""`reconciler apply`: make it so."""

from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.aws.pacing import Pace
from reconciler.bans import AccountRegion
from reconciler.cli import console
from reconciler.cli.options import (
    FilePath,
    Misuse,
    Number,
    all_option,
    approve_option,
    format_option,
    gathered,
    lock_timeout_option,
    option,
    together,
)
from reconciler.cli.stopping import Stopping, stopping
from reconciler.cli.workspace import Selection, Workspace, with_selection, with_workspace_on_aws
from reconciler.enforce import Disconnect, enforce
from reconciler.errors import ChatError
from reconciler.plan.change import Plan
from reconciler.plan.diff import still_valid
from reconciler.plan.outcome import Outcome, tally
from reconciler.views.report import Ending, Report

if TYPE_CHECKING:
    from reconciler.aws.chat import Chat
    from reconciler.stores.session import Session


@dataclass(frozen=True, slots=True)
class Calling:
    """How DisconnectUser is called.

    Attributes:
        rate: calls a second in each account and region; 0 means no limit, None the rate of the list.
        parallelism: how many calls may be in flight at once in each account and region.
        endpoint_url: what to call in place of AWS.
    """

    rate: float | None
    parallelism: int
    endpoint_url: str | None

    def chat(
        self, rate: float, profile: str | None, stop: Stopping, throttled: Callable[[AccountRegion], None]
    ) -> "Chat":
        """The service, called at `rate`; `throttled` is told when it throttles."""
        from reconciler.aws.chat import Chat  # noqa: PLC0415 - boto3 takes longer to import than all the rest

        pace = Pace(rate, sleep=stop.event.wait)

        def slow_down(where: AccountRegion) -> None:
            pace.throttled(where)
            throttled(where)

        return Chat(
            now=lambda: datetime.now(UTC),
            before_attempt=pace.wait,
            throttled=slow_down,
            parallelism=self.parallelism,
            endpoint_url=self.endpoint_url,
            profile=profile,
        )


with_calling: Final = gathered(
    "calling",
    Calling,
    option(
        "--rate",
        type=Number(min=0),
        metavar="N",
        help="DisconnectUser calls a second in each account and region; 0 means no limit. [default: `rate` of the list,"
        " else 100]",
    ),
    option(
        "--parallelism",
        type=click.IntRange(min=1, max=500),
        default=32,
        show_default=True,
        metavar="N",
        help="How many calls may be in flight at once in each account and region.",
    ),
    option("--endpoint-url", metavar="URL", help="Call this instead of AWS, such as a sandbox."),
)


@click.command("apply")
@click.argument("plan", required=False, type=FilePath(), metavar="[PLAN]")
@together(
    with_selection,
    approve_option,
    with_calling,
    format_option("text", "json", help="How to print what happens."),
    all_option,
    lock_timeout_option,
    with_workspace_on_aws,
)
def command(
    workspace: Workspace,
    plan: str | None,
    selection: Selection,
    auto_approve: bool,
    calling: Calling,
    format: str,
    everything: bool,
    lock_timeout: float,
) -> int:
    """Disconnect newly banned users, and record it.

    Shows the plan and asks; only `yes` goes ahead. With PLAN, a file that `reconciler plan --out PLAN` has saved, it
    carries out that plan without asking, unless the ban list or the state has changed since.

    Each DisconnectUser call is recorded as soon as it has succeeded. After a failure or an interruption, apply again,
    or make a new plan and apply that: it picks up where it stopped. AWS credentials and settings are those of the AWS
    CLI.
    """
    if plan is not None and selection != Selection():
        raise Misuse("a saved plan is applied as it is; --target and --replace go with `plan --out`")
    asks = plan is None and not auto_approve
    if asks and format == "json":
        raise Misuse("--format json cannot ask; give a PLAN or --auto-approve")
    if asks:
        console.require_terminal("a PLAN or --auto-approve")
    saved = None
    if plan is not None:
        saved = workspace.saved_plan(plan)
        workspace = workspace.of(saved, plan)
    report = workspace.report("json lines" if format == "json" else format, everything=everything)
    with workspace.locked("apply", lock_timeout) as session:
        if saved is None:
            todo = workspace.plan(session.state, selection)
        else:
            todo = still_valid(saved.plan, workspace.ban_list, session.state, datetime.now(UTC))
        report.plan(todo, workspace.store.location, rate=calling.rate)
        if todo.refusals:
            report.refused(todo)
            return 1
        if asks and todo.changes and not console.approved(_question(todo)):
            console.out("Apply cancelled. Nothing was done.\n")
            return 1
        return _carry_out(todo, session, calling, workspace, report, saved_plan=saved is not None)


def _carry_out(
    plan: Plan, session: "Session[Any]", calling: Calling, workspace: Workspace, report: Report, *, saved_plan: bool
) -> int:
    now = datetime.now(UTC)
    skipped = [change for change in plan.changes if change.after is not None and not change.after.in_force(now)]
    if skipped:
        plan = replace(plan, changes=tuple(c for c in plan.changes if c.after is None or c.after.in_force(now)))
    outcomes: list[Outcome] = []
    throttled: SimpleQueue[AccountRegion] = SimpleQueue()
    rate = plan.rate if calling.rate is None else calling.rate
    with stopping() as stop, ExitStack() as opened:

        def connect(places: Collection[AccountRegion]) -> Disconnect:
            chat = opened.enter_context(closing(calling.chat(rate, workspace.profile, stop, throttled.put)))
            chat.connect(places)
            return chat.disconnect

        run = enforce(
            plan.changes, connect=connect, keep=session.keep, parallelism=calling.parallelism, stop=stop.event
        )
        try:
            with closing(run), report.applying(plan, skipped) as ended:
                for outcome in run:
                    outcomes.append(outcome)
                    while not throttled.empty():
                        report.throttled(throttled.get())
                    ended(outcome)
        except ChatError as error:  # before the first call
            console.error(str(workspace.redact.error(error)))
        finally:
            # Also what an interrupted run has left in the journal, and what was done before an error.
            session.save()
        ending = Ending(tally(plan.changes, outcomes), workspace.store.location, saved_plan, stop.signal is not None)
        report.applied(plan, outcomes, ending)
    if stop.signal is not None:
        return 128 + stop.signal
    return 0 if ending.tally.complete else 1


def _question(plan: Plan) -> str:
    return "Disconnect these users, and record it?" if plan.calls else "Record these changes?"
