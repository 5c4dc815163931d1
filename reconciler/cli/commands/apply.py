"""`reconciler apply`: make it so."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from reconciler import escape
from reconciler.cli import console
from reconciler.cli.options import (
    FilePath,
    Misuse,
    all_option,
    approve_option,
    examples,
    format_option,
    lock_timeout_option,
    together,
)
from reconciler.cli.progress import busy
from reconciler.cli.service import Calling, Holding, Service, with_calling, with_holding
from reconciler.cli.stopping import stopping
from reconciler.cli.workspace import Selection, Workspace, with_selection, with_workspace_on_aws
from reconciler.errors import (
    BanListInvalid,
    ChatError,
    DenylistError,
    DenylistGone,
    PlanRefused,
    ReconcilerError,
    StateError,
)
from reconciler.plan.change import Plan
from reconciler.plan.diff import still_valid
from reconciler.plan.drifting import is_whole, without_denylist
from reconciler.plan.outcome import Outcome, tally, tally_of
from reconciler.views import wording
from reconciler.views.report import Ending, Report

if TYPE_CHECKING:
    from reconciler.plan.file import SavedPlan
    from reconciler.stores.session import Session


@click.command(
    "apply",
    epilog=examples("reconciler apply", "reconciler apply plan.json", "reconciler apply --replace lobby/ABC123def456"),
)
@click.argument("plan", required=False, type=FilePath(), metavar="[PLAN]")
@together(
    with_selection,
    approve_option,
    with_calling,
    with_holding,
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
    holding: Holding,
    format: str,
    everything: bool,
    lock_timeout: float,
) -> int:
    """Disconnect newly banned users, and record it.

    Shows the plan and asks; only `yes` goes ahead. With PLAN, which `reconciler plan --out PLAN` has saved, it carries
    that out without asking, unless the ban list or the state has changed since.

    If the list has a `denylist`, a ban is published first, and its user is disconnected once more when it settles.

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
    if holding.retire_denylist and holding.without_denylist:
        raise Misuse(
            "--retire-denylist empties the old denylist once the new one holds everybody; leave out --without-denylist"
        )
    report = workspace.report("json lines" if format == "json" else format, everything=everything)
    with report.telling(), _saying_what_was_done(), ExitStack() as opened:
        saved = None
        if plan is not None:
            saved = workspace.saved_plan(plan)
            workspace = workspace.of(saved, plan)
        session = opened.enter_context(workspace.locked("apply", lock_timeout))
        service = Service(calling, holding, workspace)
        todo, whole = _planned(service, workspace, session, selection, saved)
        endpoint = workspace.endpoint
        if (todo.changes or todo.denylist or todo.owed or holding.retire_denylist) and not todo.refusals:
            opened.callback(service.close)
            endpoint = service.endpoint(todo, session.state)
            session.against(endpoint)
            todo = replace(todo, endpoint=endpoint)
        report.plan(todo, workspace.setting(endpoint), rate=calling.rate)
        if todo.refusals:
            report.refused(todo)
            return 1
        emptied = todo.to_retire if holding.retire_denylist else ()
        if asks and (todo.changes or emptied):
            service.connect(todo.calls or todo.settle_calls)  # what fails is to be known before anybody is asked
            if not console.approved(wording.question(todo, escape.terminal, emptied)):
                console.out("Apply cancelled. Nothing was done.\n")
                return 1
        return _carry_out(todo, session, service, workspace, report, saved_plan=saved is not None, whole=whole)


def _planned(
    service: Service, workspace: Workspace, session: "Session[Any]", selection: Selection, saved: "SavedPlan | None"
) -> tuple[Plan, bool]:
    """What there is to do, and whether that leaves the denylist without a difference. Raises ReconcilerError."""
    state, drift = session.state, None
    service.refuse_to_mix(workspace.endpoint, state)  # before anything is read of a denylist that is not ours to write
    if service.publishing is not None:
        with busy("Reading the denylist"):
            drift = service.publishing.look(
                state, session.lineage, datetime.now(UTC), resumed=session.resumed, refresh=service.holding.refresh
            )
    if saved is None:
        todo = workspace.plan(state, selection, drift)
    else:
        todo = still_valid(saved.plan, workspace.ban_list, state, datetime.now(UTC), drift)
    if service.holding.without_denylist:
        return without_denylist(todo), True
    return todo, is_whole(todo, drift)


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
    plan: Plan,
    session: "Session[Any]",
    service: Service,
    workspace: Workspace,
    report: Report,
    *,
    saved_plan: bool,
    whole: bool,
) -> int:
    now = datetime.now(UTC)
    skipped = [change for change in plan.changes if change.after is not None and not change.after.in_force(now)]
    if skipped:
        plan = replace(plan, changes=tuple(c for c in plan.changes if c.after is None or c.after.in_force(now)))
    outcomes: list[Outcome] = []
    retired: list[str] = []
    stuck = False
    with stopping(service.stop) as stop:
        run = service.enforcement(session, report, service.publishing).carry_out(plan.changes, whole=whole)
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
            except ChatError as error:  # before the first call, or the first that settles
                stuck = True
                console.error(str(report.failed(error)))
            if service.holding.retire_denylist and not stop.event.is_set():
                retired += _retire(session, service)
        except (StateError, DenylistError) as error:
            done = tally_of(plan.changes, session.state.records, outcomes)
            report.stopped(done)
            error.add_note(wording.done(done, recorded=session.is_saved, saved_plan=saved_plan))
            if stop.signal is None or isinstance(error, StateError):
                raise
            console.error(report.failed(error).whole())
            return 128 + stop.signal
        owed = sum(1 for _ in session.state.unsettled) if workspace.ban_list.denylist is not None else 0
        counted = tally(plan.changes, outcomes)
        if stuck and counted.complete:
            counted = replace(counted, failed=owed)
        ending = Ending(
            counted, workspace.store.location, saved_plan, stop.signal is not None, owed=owed, retired=tuple(retired)
        )
        report.applied(plan, outcomes, ending)
    if stop.signal is not None:
        return 128 + stop.signal
    left = service.retiring(session.state) if service.holding.retire_denylist else ()
    return 0 if ending.tally.complete and not left else 1


def _retire(session: "Session[Any]", service: Service) -> Iterator[str]:
    """Empty the denylists that the list no longer names, and forget them; yields where they were.

    What is gone holds nobody, and is forgotten too. Nothing is emptied before the denylist that the list names holds
    everybody who is banned.

    Raises:
        DenylistError: one of them cannot be emptied, or is not ours.
        StateError: that cannot be recorded.
    """
    retiring = service.retiring(session.state)
    if retiring and not service.stands(session.state):
        console.diagnostic(wording.not_retired(", ".join(place.location for place, _ in retiring)))
        return
    for place, publisher in retiring:
        try:
            publisher.retire(session.lineage)
        except DenylistGone:
            console.diagnostic(wording.gone(place.location))
        session.save(session.state.published.without(place))
        yield place.location
