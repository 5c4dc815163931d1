"""`reconciler apply`: make it so."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler import escape
from reconciler.aws.headway import Headway
from reconciler.aws.pacing import Pace
from reconciler.bans import AccountRegion, account_region_of
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
from reconciler.errors import BanListInvalid, ChatError, PlanRefused, ReconcilerError, StateError
from reconciler.plan.change import Plan
from reconciler.plan.diff import still_valid
from reconciler.plan.outcome import Outcome, tally, tally_of
from reconciler.views import wording
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


class _Service:
    """The chat service, as one apply calls it.

    Args:
        calling: how.
        plan: what is to be carried out.
        profile: of the AWS configuration.
    """

    def __init__(self, calling: Calling, plan: Plan, profile: str | None) -> None:
        self.calling = calling
        self.stop = Stopping()
        self.headway = Headway()
        self._plan = plan
        self._profile = profile

    @cached_property
    def chat(self) -> "Chat":
        """Made when first asked for. Raises ChatError."""
        from reconciler.aws.chat import Chat  # noqa: PLC0415 - boto3 takes longer to import than all the rest

        wait = self.stop.event.wait
        pace = Pace(self._plan.rate if self.calling.rate is None else self.calling.rate, sleep=wait)
        return Chat(
            now=lambda: datetime.now(UTC),
            before_attempt=pace.wait,
            throttled=pace.throttled,
            parallelism=self.calling.parallelism,
            endpoint_url=self.calling.endpoint_url,
            profile=self._profile,
            sleep=wait,
            headway=self.headway,
        )

    def endpoint(self) -> str | None:
        """What carrying out the plan calls, if that is not AWS. Raises ChatError."""
        places = self._plan.calls or [account_region_of(change.key.room_arn) for change in self._plan.changes[:1]]
        return self.chat.endpoint(places)

    def connect(self, places: Collection[AccountRegion]) -> Disconnect:
        """Get ready to call. Raises ChatError."""
        if places:
            self.chat.connect(places)
        return self.chat.disconnect


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
    report = workspace.report("json lines" if format == "json" else format, everything=everything)
    with report.telling(), _saying_what_was_done(), ExitStack() as opened:
        saved = None
        if plan is not None:
            saved = workspace.saved_plan(plan)
            workspace = workspace.of(saved, plan)
        session = opened.enter_context(workspace.locked("apply", lock_timeout))
        if saved is None:
            todo = workspace.plan(session.state, selection)
        else:
            todo = still_valid(saved.plan, workspace.ban_list, session.state, datetime.now(UTC))
        service = _Service(calling, todo, workspace.profile)
        endpoint = workspace.endpoint
        if todo.changes and not todo.refusals:
            opened.enter_context(closing(service.chat))
            endpoint = service.endpoint()
            session.against(endpoint)
            todo = replace(todo, endpoint=endpoint)
        report.plan(todo, workspace.setting(endpoint), rate=calling.rate)
        if todo.refusals:
            report.refused(todo)
            return 1
        if asks and todo.changes:
            service.connect(todo.calls)  # what can be known to fail is to be known before anybody is asked
            if not console.approved(_question(todo)):
                console.out("Apply cancelled. Nothing was done.\n")
                return 1
        return _carry_out(todo, session, service, workspace, report, saved_plan=saved is not None)


@contextmanager
def _saying_what_was_done() -> Iterator[None]:
    """Have errors say that nothing was done, unless they say what was done."""
    try:
        yield
    except (BanListInvalid, PlanRefused):
        raise
    except ReconcilerError as error:
        if not hasattr(error, "__notes__"):
            error.add_note(wording.NOTHING_DONE)
        raise


def _carry_out(
    plan: Plan, session: "Session[Any]", service: _Service, workspace: Workspace, report: Report, *, saved_plan: bool
) -> int:
    now = datetime.now(UTC)
    skipped = [change for change in plan.changes if change.after is not None and not change.after.in_force(now)]
    if skipped:
        plan = replace(plan, changes=tuple(c for c in plan.changes if c.after is None or c.after.in_force(now)))
    outcomes: list[Outcome] = []
    parallelism = service.calling.parallelism
    with stopping(service.stop) as stop:
        run = enforce(
            plan.changes, connect=service.connect, keep=session.keep, parallelism=parallelism, stop=stop.event
        )
        try:
            try:
                with closing(run), report.applying(plan, skipped, service.headway.troubles) as ended:
                    for outcome in run:
                        for where in service.headway.newly_throttled():
                            report.throttled(where)
                        report.waiting(service.headway.troubles())
                        if outcome is not None:
                            outcomes.append(outcome)
                            ended(outcome)
            except ChatError as error:  # before the first call
                console.error(str(report.failed(error)))
            finally:
                # Also what an interrupted run has left in the journal, and what was done before an error.
                session.save()
        except StateError as error:
            done = tally_of(plan.changes, session.state.records, outcomes)
            report.stopped(done)
            error.add_note(wording.done(done, recorded=session.is_saved, saved_plan=saved_plan))
            raise
        ending = Ending(tally(plan.changes, outcomes), workspace.store.location, saved_plan, stop.signal is not None)
        report.applied(plan, outcomes, ending)
    if stop.signal is not None:
        return 128 + stop.signal
    return 0 if ending.tally.complete else 1


def _question(plan: Plan) -> str:
    where = "" if plan.endpoint is None else f" at {escape.terminal(plan.endpoint)}, which is not AWS"
    if plan.calls:
        return f"Disconnect these users{where}, and record it?"
    return f"Record these changes as made{where}?" if where else "Record these changes?"
