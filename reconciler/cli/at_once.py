"""What `--now` does: bans that nobody has reviewed yet, published for a while, with the kicks that make them hold."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import click

from reconciler import escape, guardrails
from reconciler.banlist.durations import EXAMPLES, parse_duration
from reconciler.banlist.value import DenylistSettings
from reconciler.bans import EVERYWHERE, Ban, BanKey, account_region_of, address
from reconciler.cli import console
from reconciler.cli.options import Misuse, approve_option, gathered, option
from reconciler.cli.service import Calling, Holding, Service
from reconciler.cli.stopping import stopping
from reconciler.cli.workspace import Workspace
from reconciler.editing import only_one
from reconciler.errors import DenylistUnreadable, PlanRefused, StateError
from reconciler.plan.change import Because, Change
from reconciler.plan.drifting import place_of
from reconciler.plan.outcome import Outcome
from reconciler.provisional import Memory, ProvisionalDenylist
from reconciler.state.value import State
from reconciler.views import wording
from reconciler.views.wording import count

_SHOWN: Final = 20
_ONLY_A_KICK: Final = (
    "The bans were not published in a denylist, so this is only a kick: whoever gets a new chat token comes back until"
    " token services refuse them."
)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Whether to act at once, and how.

    Attributes:
        now: act at once.
        auto_approve: do not ask.
        without_denylist: leave the denylist alone.
    """

    now: bool
    auto_approve: bool
    without_denylist: bool

    def require_terminal(self) -> None:
        """End with a usage error if somebody has to be asked and nobody is there."""
        if self.now and not self.auto_approve:
            console.require_terminal("--auto-approve")

    def approved(self, question: str, lock: ExitStack, workspace: Workspace) -> bool:
        """Ask, unless that is not wanted. The list is not locked meanwhile: nobody waits for somebody to answer."""
        if self.auto_approve:
            return True
        lock.close()
        if not console.approved(question):
            console.out("Cancelled. Nothing was done.\n")
            return False
        lock.enter_context(only_one(workspace.file))
        return True


with_now: Final = gathered(
    "at_once",
    AtOnce,
    click.option("--now", is_flag=True, help="Act at once, before the change is reviewed."),
    approve_option,
    option("--without-denylist", is_flag=True, help="With --now: leave the denylist alone, as a rehearsal has to."),
)
provisional_option: Final = option(
    "--provisional",
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="With --now: how long the ban holds if the change is not applied by then.",
)
no_wait_option: Final = option(
    "--no-wait", is_flag=True, help="With --now: do not wait for the ban to settle; says when to repeat the command."
)


def lasting(text: str) -> timedelta:
    """How long provisional bans hold. Raises Misuse."""
    try:
        return parse_duration(text)
    except (ValueError, OverflowError):
        raise Misuse(f"--provisional: write a duration in minutes, hours, days or weeks, such as {EXAMPLES}") from None


class BanningNow:
    """Bans users at once.

    Args:
        workspace: the list, and settings of AWS.
        calling: how DisconnectUser is called.
        bans: whom, where and how.
        lasts: how long, at most, unless an apply takes over.
        publishes: in the denylist, if there is one.
        no_wait: do not wait for the bans to settle.

    Raises:
        ReconcilerError: it cannot be done.
    """

    def __init__(
        self,
        workspace: Workspace,
        calling: Calling,
        bans: Mapping[BanKey, Ban],
        lasts: timedelta,
        *,
        publishes: bool,
        no_wait: bool,
    ) -> None:
        self._workspace = workspace
        self._changes = [Change(key, None, ban, Because.NEW) for key, ban in bans.items()]
        self._service = Service(calling, _holding(without_denylist=not publishes, no_wait=no_wait), workspace)
        self._lasts = lasts
        self._denylist = self._opened(lasts)
        self._refuse_too_many()
        self._endpoint = self._connected()

    def question(self) -> str:
        """What to ask before it is done."""
        where = "" if self._endpoint is None else f" at {escape.terminal(self._endpoint)}, which is not AWS"
        users = len({change.key.user_id for change in self._changes})
        return f"Write this, and disconnect {count(users, 'user')}{where} now?"

    def carry_out(self) -> int:
        """Publish, disconnect and settle. Returns the exit code."""
        service, report = self._service, self._workspace.report("text")
        outcomes: list[Outcome] = []
        began = _now()
        with stopping(service.stop) as stop, closing(service):
            run = service.enforcement(Memory(), report, self._denylist).carry_out(self._changes)
            with closing(run):
                for outcome in run:
                    report.waiting(service.headway.troubles())
                    if outcome is not None:
                        outcomes.append(outcome)
            self._tell(outcomes, began)
        if stop.signal is not None:
            return 128 + stop.signal
        return 0 if len(outcomes) >= len(self._changes) and all(outcome.error is None for outcome in outcomes) else 1

    def _opened(self, lasts: timedelta) -> ProvisionalDenylist | None:
        settings = self._workspace.ban_list.denylist
        if settings is None or self._service.holding.without_denylist:
            return None
        return ProvisionalDenylist(
            self._workspace.publisher(place_of(settings), self._service.stop.event.wait), lasts, _now
        )

    def _refuse_too_many(self) -> None:
        everywhere = sum(change.key.room_arn == EVERYWHERE for change in self._changes)
        refusals = guardrails.check(
            self._workspace.ban_list.guardrails, bans=len(self._changes), everywhere=everywhere, lifts=0, recorded=0
        )
        if refusals:
            why = "; ".join(refusal.message for refusal in refusals)
            raise PlanRefused(f"Refused: {why}. Nothing was done. Ban fewer users at once, or leave out --now.")

    def _connected(self) -> str | None:
        """Get ready to call. Returns what is called in place of AWS."""
        names = self._workspace.ban_list.room_names
        rooms = {change.key.room_arn for change in self._changes}
        rooms = {room for room in rooms if room != EVERYWHERE} | (set(names) if EVERYWHERE in rooms else set())
        places = {account_region_of(room) for room in rooms}
        endpoint = self._service.chat.endpoint(places) if places else self._workspace.endpoint
        self._service.refuse_to_mix(endpoint, State())
        settings = self._workspace.ban_list.denylist
        if settings is not None and self._denylist is not None:
            _refuse_foreign(self._workspace, settings, self._service)
        self._service.connect(places)
        return endpoint

    def _tell(self, outcomes: Sequence[Outcome], began: datetime) -> None:
        redact, names = self._workspace.redact, self._workspace.ban_list.room_names
        first = [outcome for outcome in outcomes if outcome.change.because is Because.NEW]
        done = [outcome for outcome in first if outcome.error is None]
        failed = [redact.outcome(outcome) for outcome in outcomes if outcome.error is not None]
        for outcome in map(redact.outcome, done[:_SHOWN]):
            user = escape.terminal(address(outcome.change.key, names))
            console.say(f"{user} was disconnected at {wording.disconnected(outcome.record)}.\n")
        if (more := len(done) - _SHOWN) > 0:
            console.say(f"… and {count(more, 'more ban')}\n")
        for outcome in failed[:_SHOWN]:
            console.diagnostic(f"{address(outcome.change.key, names)}: {outcome.error}")
        if (more := len(failed) - _SHOWN) > 0:
            console.diagnostic(f"… and {more:,} more failed")
        if missing := len(self._changes) - len(first):
            console.diagnostic(f"{count(missing, 'ban')} not started. Run the same command again.")
        elif failed:
            console.diagnostic(
                f"{count(len(failed), 'call')} failed, so these users may still be in their rooms. Run the same command"
                " again; with --without-denylist, it is a kick that needs no denylist."
            )
        settings = self._workspace.ban_list.denylist
        if settings is None or self._denylist is None:
            console.diagnostic(_ONLY_A_KICK)
            return
        held = self._denylist.held
        if only_held := held.keys() - {outcome.change.key for outcome in done}:
            latest = wording.time(max(held[key] for key in only_held).replace(microsecond=0))
            console.say(
                f"The denylist has {count(len(only_held), 'ban')} all the same, until {latest} at the latest: whoever"
                " leaves cannot come back.\n"
            )
        until = began.replace(microsecond=0) + self._lasts
        if any(each.change.after is not None and each.change.after.in_force(until) for each in done):
            console.say(f"That holds until {wording.time(until)}. For longer, have the change reviewed and applied.\n")
        if done and not any(outcome.change.because is Because.UNSETTLED for outcome in outcomes):
            at = (_now() + timedelta(seconds=settings.settle_after)).strftime("%H:%M:%S")
            console.diagnostic(
                f"Tokens from before {began:%H:%M:%S} UTC may still let users in. Run the same command once more after"
                f" {at} UTC."
            )


def take_back(workspace: Workspace, settings: DenylistSettings, keys: Sequence[BanKey]) -> None:
    """Take provisional bans out of the denylist. Raises DenylistError."""
    service = Service(Calling(None, 1, None), _holding(without_denylist=False, no_wait=True), workspace)
    service.refuse_to_mix(workspace.endpoint, State())
    _refuse_foreign(workspace, settings, service)
    publisher = workspace.publisher(place_of(settings), service.stop.event.wait)
    failed = publisher.take_provisional(keys)
    for error in dict.fromkeys(map(str, failed.values())):
        console.error(error)
    if failed:
        raise next(iter(failed.values()))
    console.say(
        "The denylist holds no provisional ban of them any more. A ban that an apply has recorded holds until the"
        " change is merged and applied.\n"
    )


def _refuse_foreign(workspace: Workspace, settings: DenylistSettings, service: Service) -> None:
    """Raise DenylistForeign if the denylist is known to be of another state.

    A state on S3 is not read for that: whoever acts at once need not have access to it. What cannot be read now is no
    reason not to act.
    """
    if "://" in workspace.store.location:
        return
    with suppress(StateError, DenylistUnreadable):
        lineage = workspace.read().lineage
        if lineage is not None:
            publisher = workspace.publisher(place_of(settings), service.stop.event.wait)
            publisher.check_owner(publisher.read_head(), lineage)


def _holding(*, without_denylist: bool, no_wait: bool) -> Holding:
    return Holding(
        without_denylist=without_denylist, adopt_denylist=False, retire_denylist=False, refresh=False, no_wait=no_wait
    )


def _now() -> datetime:
    return datetime.now(UTC)
