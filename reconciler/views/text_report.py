"""Reports as text, for a terminal or a log."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.banlist.value import BanList
from reconciler.plan.change import Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.state.value import State
from reconciler.views import text
from reconciler.views.report import Ending, Report
from reconciler.views.wording import count


class TextReport(Report):
    """Text for people."""

    @override
    def valid(self, ban_list: BanList) -> None:
        self.output.write(_valid(ban_list))

    @override
    def plan(self, plan: Plan, state_location: str, *, rate: float | None = None) -> None:
        out = self.output
        plan = out.redact.plan(plan)
        out.write(text.plan(plan, rate=rate, colour=out.colour, everything=out.everything, width=out.width))

    @override
    def made(self, plan: Plan) -> None:
        if plan.commit is not None:
            self.output.write("\n" + text.made(plan))

    @override
    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        self.output.write(text.state(self.output.redact.state(state), room_names, location, now))

    @override
    def applying(self, plan: Plan, skipped: Sequence[Change]) -> None:
        if skipped:
            bans = count(len(skipped), "ban")
            self.output.write(f"Skipped: {bans} that expired since the plan was made.\n")

    @override
    def applied(self, plan: Plan, outcomes: Sequence[Outcome], tally: Tally, ending: Ending) -> None:
        if not plan.changes:
            return
        shown = text.applied(
            plan,
            map(self.output.redact.outcome, outcomes),
            tally,
            ending.state_location,
            saved_plan=ending.saved_plan,
            interrupted=ending.interrupted,
        )
        self.output.write(shown)


def _valid(ban_list: BanList) -> str:
    files = escape.line(ban_list.path)
    if more := len(ban_list.included):
        files += f" and {count(more, 'file')} that it includes are"
    else:
        files += " is"
    users, rooms = ({key[part] for key in ban_list.bans} for part in (1, 0))
    bans = f"{count(len(ban_list.bans), 'ban')}, of {count(len(users), 'user')} in {count(len(rooms), 'room')}"
    return f"{files} valid: {bans}.\n"
