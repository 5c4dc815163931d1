"""A report as text, for a terminal or a log."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.banlist.value import BanList
from reconciler.plan.change import Change, Plan
from reconciler.plan.outcome import Outcome
from reconciler.state.value import State
from reconciler.views import text, wording
from reconciler.views.report import Ending, Format
from reconciler.views.wording import count


class TextFormat(Format):
    """Text for people."""

    @override
    def valid(self, ban_list: BanList) -> None:
        if ban_list.warnings:
            self.output.diagnostic(*map(str, ban_list.warnings))
        self.output.write(verdict(ban_list))

    @override
    def plan(self, plan: Plan, state_location: str, rate: float | None) -> None:
        out = self.output
        out.write(text.plan(plan, rate=rate, colour=out.colour, everything=out.everything, width=out.width))

    @override
    def made(self, plan: Plan) -> None:
        if plan.commit is not None:
            self.output.write("\n" + text.made(plan))

    @override
    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        self.output.write(text.state(state, room_names, location, now, everything=self.output.everything))

    @override
    def applying(self, plan: Plan, skipped: Iterable[Change]) -> AbstractContextManager[Callable[[Outcome], object]]:
        if bans := len(list(skipped)):
            self.output.write(f"Skipped: {count(bans, 'ban')} that expired since the plan was made.\n")
        return self.output.progress(len(plan.changes))

    @override
    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        if plan.changes:
            self.output.write(text.applied(plan, outcomes, ending))


def verdict(ban_list: BanList) -> str:
    """That a list is valid, and what it holds, in figures; ends with a line break."""
    files = escape.line(ban_list.path)
    if more := len(ban_list.included):
        files += f" and {count(more, 'file')} that it includes are"
    else:
        files += " is"
    _, warnings = wording.errors_and_warnings(ban_list.warnings)
    with_warnings = f", with {count(warnings, 'warning')}" if warnings else ""
    users, rooms = ({key[part] for key in ban_list.bans} for part in (1, 0))
    bans = f"{count(len(ban_list.bans), 'ban')}, of {count(len(users), 'user')} in {count(len(rooms), 'room')}"
    return f"{files} valid{with_warnings}: {bans}.\n"
