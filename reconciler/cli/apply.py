"""`reconciler apply`: make it so."""

import getpass
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import PurePath
from threading import Event
from types import FrameType
from uuid import uuid4

import click

from reconciler import apply
from reconciler.banlist import BanList
from reconciler.bans import endpoint_of
from reconciler.cli import console
from reconciler.cli.options import (
    file_option,
    keys,
    no_color_option,
    option,
    replace_option,
    state_option,
    store_for,
    target_option,
    together,
)
from reconciler.cli.progress import progress
from reconciler.cli.show import load_plan
from reconciler.errors import AddressUnknown, PlanRefused, PlanStale
from reconciler.outcome import Outcome, Receipt, tally
from reconciler.plan import DEFAULT_RATE, Because, Change, Plan, diff
from reconciler.sources import load_ban_list
from reconciler.state import State
from reconciler.stores import Holder, Session
from reconciler.views import json_lines, text


@click.command("apply")
@click.argument("plan", required=False, metavar="[PLAN]")
@together(file_option, state_option, target_option, replace_option)
@option("--auto-approve", is_flag=True, help="Do not ask.")
@option(
    "--rate",
    type=click.FloatRange(min=0),
    default=DEFAULT_RATE,
    show_default=True,
    metavar="N",
    help="DisconnectUser calls a second in each account and region; 0 is without a limit.",
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
@option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for another run to let go of the state.",
)
@no_color_option
def command(
    plan: str | None,
    file: str,
    state: str | None,
    target: tuple[str, ...],
    replace: tuple[str, ...],
    auto_approve: bool,
    rate: float,
    parallelism: int,
    format: str,
    endpoint_url: str | None,
    profile: str | None,
    lock_timeout: float,
    no_color: bool,
) -> int:
    """Disconnect the users that are newly banned, and record it.

    Shows the plan and asks; only `yes` goes ahead. With PLAN, a file that `reconciler plan --out PLAN` has saved, it
    does what that plan shows without asking, unless the ban list or the state has changed since.

    Each DisconnectUser call is recorded as soon as it has succeeded: after a failure or an interruption, apply again
    goes on from there. AWS credentials and settings are those of the AWS CLI.
    """
    if plan is not None and (target or replace):
        raise click.UsageError("a saved plan is applied as it is; --target and --replace go with `plan --out`")
    asks = plan is None and not auto_approve
    if asks and format == "json":
        raise click.UsageError("--format json cannot ask; give a PLAN or --auto-approve")
    if asks and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; give a PLAN or --auto-approve")

    saved = None if plan is None else load_plan(plan)
    if saved is not None:
        file = _given("file", file) or saved.plan.ban_list
        state = state or saved.state_location
    ban_list = load_ban_list(file)
    store = store_for(ban_list, state)
    with store.locked(_ourselves(), lock_timeout, str(uuid4())) as session:
        recorded = session.state
        if saved is not None:
            todo = _still_valid(saved.plan, ban_list, recorded)
        else:
            todo = diff(
                ban_list,
                recorded,
                now=datetime.now(UTC),
                targets=keys(target, "--target", ban_list, recorded) if target else None,
                replace=keys(replace, "--replace", ban_list, recorded),
            )
        if format == "text":
            console.out(text.plan(todo, rate=rate, colour=console.wants_colour(sys.stdout, no_color=no_color)))
        if todo.refusals:
            if format == "text":  # the plan has ended with it
                return 1
            raise PlanRefused("\n".join(text.refusals(todo)[1:]))
        if asks and todo.changes and not _approved(todo):
            console.out("Apply cancelled. Nothing was done.\n")
            return 1
        return _carry_out(
            todo,
            session,
            state_location=store.location,
            rate=rate,
            parallelism=parallelism,
            endpoint_url=endpoint_url,
            profile=profile,
            as_json=format == "json",
        )


def _carry_out(
    plan: Plan,
    session: Session,
    *,
    state_location: str,
    rate: float,
    parallelism: int,
    endpoint_url: str | None,
    profile: str | None,
    as_json: bool,
) -> int:
    now = datetime.now(UTC)
    changes = [change for change in plan.changes if change.after is None or change.after.in_force(now)]
    if not as_json and len(changes) < len(plan.changes):
        console.out(f"{len(plan.changes) - len(changes):,} expired since the plan was made, and are skipped.\n")
    if as_json:
        console.out(json_lines.apply_start(plan))
    outcomes: list[Outcome] = []
    with _stopping() as stopping:
        try:
            runs = _outcomes(changes, session, stopping.event, rate, parallelism, endpoint_url, profile)
            with progress(len(changes), shown=not as_json) as advance:
                for outcome in runs:
                    outcomes.append(outcome)
                    advance(outcome)
                    if as_json:
                        console.out(json_lines.outcome(plan, outcome))
        finally:
            # Also what an interrupted run has left in the journal, and what was done before an error.
            session.save()
    ended = tally(changes, outcomes)
    if as_json:
        console.out(json_lines.summary(ended))
    elif changes:
        console.out(text.applied(plan, outcomes, ended, state_location))
    if stopping.signal is not None:
        return 128 + stopping.signal
    return 0 if ended.complete else 1


def _outcomes(
    changes: Sequence[Change],
    session: Session,
    stop: Event,
    rate: float,
    parallelism: int,
    endpoint_url: str | None,
    profile: str | None,
) -> Iterator[Outcome]:
    if not any(change.disconnects for change in changes):
        yield from apply.run(changes, disconnect=_never, record=session.record, parallelism=1, stop=stop)
        return
    from reconciler.chat import Chat  # noqa: PLC0415 - boto3 takes longer to import than everything else together
    from reconciler.pacing import Pace  # noqa: PLC0415

    chat = Chat(
        now=lambda: datetime.now(UTC),
        before_attempt=Pace(rate, sleep=stop.wait).wait,
        parallelism=parallelism,
        endpoint_url=endpoint_url,
        profile=profile,
    )
    with closing(chat):
        chat.connect({endpoint_of(change.key.room_arn) for change in changes if change.disconnects})
        yield from apply.run(
            changes, disconnect=chat.disconnect, record=session.record, parallelism=parallelism, stop=stop
        )


def _never(*_args: object) -> Receipt:
    raise AssertionError("no change of this plan disconnects anybody")


def _still_valid(plan: Plan, ban_list: BanList, state: State) -> Plan:
    """The saved plan, if it is still what the list and the state mean.

    Raises:
        PlanStale: it is not, or the file was changed.
    """
    again = "Make a new plan, have it reviewed, and apply that."
    if plan.ban_list_sha256 != ban_list.sha256:
        name = PurePath(ban_list.path).name
        raise PlanStale(f"The saved plan is stale: {name} has changed since it was made. {again}")
    if plan.lineage != state.lineage:
        raise PlanStale(f"The saved plan was made for another state, not for this one. {again}")
    if plan.serial != state.serial:
        raise PlanStale(
            f"The saved plan is stale: the state has changed since it was made (serial {plan.serial} then,"
            f" {state.serial} now), by another apply or by this one. {again}"
        )
    try:
        planned = diff(
            ban_list,
            state,
            plan.created_at,
            targets=[change.key for change in plan.changes],
            replace=[change.key for change in plan.changes if change.because is Because.REQUESTED],
        )
    except AddressUnknown:
        planned = None
    if planned is None or planned.changes != plan.changes:
        raise PlanStale(f"The saved plan is not what the list and the state mean; its file was changed. {again}")
    return planned


def _given(name: str, value: str) -> str | None:
    """The value of an option, if somebody gave it."""
    source = click.get_current_context().get_parameter_source(name)
    return None if source is click.core.ParameterSource.DEFAULT else value


def _approved(plan: Plan) -> bool:
    question = "Disconnect these users, and record it?" if plan.calls else "Record these changes?"
    click.echo(f"\n{question} Only `yes` goes ahead: ", nl=False)
    sys.stdout.flush()
    return sys.stdin.readline().strip() == "yes"


def _ourselves() -> Holder:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return Holder("apply", user, socket.gethostname(), os.getpid(), datetime.now(UTC))


class _Stopping:
    def __init__(self) -> None:
        self.event = Event()
        self.signal: int | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            # What has been recorded is on disk, and the lock dies with us.
            os.write(2, b"\nStopped at once. What was done until now is recorded.\n")
            os._exit(128 + number)
        self.signal = number
        self.event.set()
        os.write(2, b"\nStopping: finishing the calls in flight. Once more stops at once.\n")


@contextmanager
def _stopping() -> Iterator[_Stopping]:
    """While this is open, the first SIGINT or SIGTERM asks to stop, and the second stops at once."""
    stopping = _Stopping()
    before = {number: signal.signal(number, stopping) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
