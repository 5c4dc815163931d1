"""`reconciler apply`: make it so."""

import gc
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Event

import click

from reconciler import enforce as apply
from reconciler.bans import AccountRegion, account_region_of
from reconciler.cli import console
from reconciler.cli.commands.plan import terminal_width
from reconciler.cli.commands.show import load_plan
from reconciler.cli.locking import lock_timeout_option, locked
from reconciler.cli.options import (
    Number,
    all_option,
    file_option,
    no_color_option,
    option,
    planned,
    redact_option,
    replace_option,
    state_option,
    store_for,
    target_option,
    together,
)
from reconciler.cli.progress import busy, progress
from reconciler.cli.run import Run
from reconciler.cli.stopping import stopping
from reconciler.errors import ChatError, PlanRefused
from reconciler.plan import file as planfile
from reconciler.plan.change import Change, Plan
from reconciler.plan.outcome import Outcome, Receipt, tally
from reconciler.redaction import Redaction
from reconciler.sources import load_ban_list
from reconciler.stores import Session
from reconciler.views import json_lines, text


@click.command("apply")
@click.argument("plan", required=False, metavar="[PLAN]")
@together(file_option, state_option, target_option, replace_option)
@option("--auto-approve", is_flag=True, help="Do not ask.")
@option(
    "--rate",
    type=Number(min=0),
    metavar="N",
    help="DisconnectUser calls a second in each account and region; 0 is without a limit."
    " [default: `rate` of the list, else 100]",
)
@option(
    "--parallelism",
    type=click.IntRange(min=1, max=500),
    default=32,
    show_default=True,
    metavar="N",
    help="Calls in flight in each account and region.",
)
@option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to report.")
@option("--endpoint-url", metavar="URL", help="Call this instead of AWS, such as a sandbox.")
@option("--profile", metavar="NAME", help="A profile of the AWS configuration.")
@together(all_option, lock_timeout_option, redact_option, no_color_option)
def command(
    plan: str | None,
    file: str,
    state: str | None,
    target: tuple[str, ...],
    replace: tuple[str, ...],
    auto_approve: bool,
    rate: float | None,
    parallelism: int,
    format: str,
    endpoint_url: str | None,
    profile: str | None,
    everything: bool,
    lock_timeout: float,
    redact: Redaction,
) -> int:
    """Disconnect the users that are newly banned, and record it.

    Shows the plan and asks; only `yes` goes ahead. With PLAN, a file that `reconciler plan --out PLAN` has saved, it
    does what that plan shows without asking, unless the ban list or the state has changed since.

    Each DisconnectUser call is recorded as soon as it has succeeded. After a failure or an interruption, apply again,
    or make a new plan and apply that: it goes on from there. AWS credentials and settings are those of the AWS CLI.
    """
    if plan is not None and (target or replace):
        raise click.UsageError("a saved plan is applied as it is; --target and --replace go with `plan --out`")
    asks = plan is None and not auto_approve
    if asks and format == "json":
        raise click.UsageError("--format json cannot ask; give a PLAN or --auto-approve")
    if asks:
        console.require_terminal("a PLAN or --auto-approve")

    saved = None if plan is None else load_plan(plan)
    if saved is not None:
        base = _planned_in(saved.plan.ban_list, _given("file", file), plan)
        file = _given("file", file) or os.path.join(base, saved.plan.ban_list)
        if state is None:
            state = saved.state_location
            if "://" not in state:
                state = os.path.join(base, state)
    with busy(f"Reading {file}"):
        ban_list = load_ban_list(file)
    store = store_for(ban_list, state, profile=profile)
    with locked(store, "apply", lock_timeout) as session:
        recorded = session.state
        if saved is not None:
            todo = planfile.still_valid(saved.plan, ban_list, recorded, datetime.now(UTC))
        else:
            todo = planned(ban_list, recorded, target=target, replace=replace, redact=redact, now=datetime.now(UTC))
        if format == "text":
            shown = text.plan(
                redact.plan(todo),
                rate=rate,
                colour=console.wants_colour(sys.stdout),
                everything=everything,
                width=terminal_width(),
            )
            console.out(shown)
        if todo.refusals:
            if format == "text":  # the plan has ended with it
                return 1
            console.out(json_lines.refused(todo))
            raise PlanRefused(" ".join(text.refusals(todo)[1:]))
        if asks and todo.changes and not console.approved(_question(todo)):
            console.out("Apply cancelled. Nothing was done.\n")
            return 1
        calling = _Calling(todo.rate if rate is None else rate, parallelism, endpoint_url, profile)
        return _carry_out(
            todo,
            session,
            calling,
            state_location=store.location,
            as_json=format == "json",
            saved=saved is not None,
            redact=redact,
        )


@dataclass(frozen=True, slots=True)
class _Calling:
    """How DisconnectUser is called."""

    rate: float
    parallelism: int
    endpoint_url: str | None
    profile: str | None


def _carry_out(
    plan: Plan,
    session: Session,
    calling: _Calling,
    *,
    state_location: str,
    as_json: bool,
    saved: bool,
    redact: Redaction,
) -> int:
    gc.enable()  # see `reconciler.cli.main`
    now = datetime.now(UTC)
    skipped = [change for change in plan.changes if change.after is not None and not change.after.in_force(now)]
    if skipped:
        plan = replaced(plan, changes=tuple(c for c in plan.changes if c.after is None or c.after.in_force(now)))
    changes = plan.changes
    if as_json:
        console.out(json_lines.apply_start(plan))
        console.out("".join(json_lines.skipped(plan, redact.change(change)) for change in skipped))
    elif skipped:
        bans = "ban" if len(skipped) == 1 else "bans"
        console.out(f"Skipped: {len(skipped):,} {bans} that expired since the plan was made.\n")
    outcomes: list[Outcome] = []
    throttled: SimpleQueue[AccountRegion] = SimpleQueue()
    with stopping() as stop:
        try:
            with (
                closing(_outcomes(changes, session, calling, stop.event, throttled)) as run,
                progress(len(changes), shown=not as_json) as advance,
            ):
                for outcome in run:
                    outcomes.append(outcome)
                    advance(outcome)
                    if as_json:
                        while not throttled.empty():
                            console.out(json_lines.throttled(throttled.get()))
                        console.out(json_lines.outcome(plan, redact.outcome(outcome)))
        except ChatError as error:  # before the first call
            console.error(click.get_current_context().ensure_object(Run).text(str(error)))
        finally:
            # Also what an interrupted run has left in the journal, and what was done before an error.
            session.save()
        ended = tally(changes, outcomes)
        if as_json:
            console.out(json_lines.summary(ended))
        elif changes:
            interrupted = stop.signal is not None
            reported = [redact.outcome(outcome) for outcome in outcomes]
            shown = text.applied(plan, reported, ended, state_location, saved_plan=saved, interrupted=interrupted)
            console.out(shown)
    if stop.signal is not None:
        return 128 + stop.signal
    return 0 if ended.complete else 1


def _outcomes(
    changes: Sequence[Change], session: Session, calling: _Calling, stop: Event, throttled: "SimpleQueue[AccountRegion]"
) -> Generator[Outcome]:
    still = [change for change in changes if not change.disconnects]
    yield from apply.run(still, disconnect=_never, record=session.record, parallelism=1, stop=stop)
    calls = [change for change in changes if change.disconnects]
    if not calls:
        return
    from reconciler.aws.chat import Chat  # noqa: PLC0415 - boto3 takes longer to import than everything else together
    from reconciler.aws.pacing import Pace  # noqa: PLC0415

    pace = Pace(calling.rate, sleep=stop.wait)

    def give_way(endpoint: AccountRegion) -> None:
        pace.throttled(endpoint)
        throttled.put(endpoint)

    chat = Chat(
        now=lambda: datetime.now(UTC),
        before_attempt=pace.wait,
        throttled=give_way,
        parallelism=calling.parallelism,
        endpoint_url=calling.endpoint_url,
        profile=calling.profile,
    )
    with closing(chat):
        chat.connect({account_region_of(change.room_arn) for change in calls})
        yield from apply.run(
            calls, disconnect=chat.disconnect, record=session.record, parallelism=calling.parallelism, stop=stop
        )


def _never(*_args: object) -> Receipt:
    raise AssertionError("no change of this plan disconnects anybody")


def _planned_in(ban_list: str, given: str | None, plan: str | None) -> str:
    """The folder that the paths in a saved plan start from; empty for this one.

    Args:
        ban_list: the list, as the plan names it.
        given: the list, as this run was given it.
        plan: the file of the plan.
    """
    if given is not None:
        whole = os.path.abspath(given)
        tail = os.path.join(os.sep, os.path.normpath(ban_list))
        same_folder = os.path.abspath(ban_list) == whole
        return "" if same_folder or not whole.endswith(tail) else whole.removesuffix(tail) + os.sep
    beside = os.path.dirname(plan or "")
    return beside if not os.path.exists(ban_list) and os.path.exists(os.path.join(beside, ban_list)) else ""


def _given(name: str, value: str) -> str | None:
    """The value of an option, if somebody gave it."""
    source = click.get_current_context().get_parameter_source(name)
    return None if source is click.core.ParameterSource.DEFAULT else value


def _question(plan: Plan) -> str:
    return "Disconnect these users, and record it?" if plan.calls else "Record these changes?"
