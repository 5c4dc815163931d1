"""A report as text, for a terminal or a log."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.audit.value import Audit
from reconciler.banlist.value import BanList
from reconciler.plan.change import Because, Change, Plan
from reconciler.plan.outcome import Outcome
from reconciler.rooms import ComparedRoom
from reconciler.state.endpoints import recorded
from reconciler.state.value import State
from reconciler.verdicts import Check
from reconciler.views import audited, text, wording
from reconciler.views import checks as views_checks
from reconciler.views import rooms as views_rooms
from reconciler.views.layout import wrapped
from reconciler.views.notices import Setting, notices, where_calls_go
from reconciler.views.report import Ending, Format, Output, Troubles
from reconciler.views.wording import count

if TYPE_CHECKING:
    from reconciler.plan.why import Answer


class TextFormat(Format):
    """Text for people."""

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._moving = ExitStack()  # what shows the progress

    def _say(self, said: str) -> None:
        self.output.write(wrapped(said, self.output.width))

    @override
    def valid(self, ban_list: BanList) -> None:
        if ban_list.warnings:
            self.output.diagnostic(*map(str, ban_list.warnings))
        self._say(verdict(ban_list))

    @override
    def plan(self, plan: Plan, setting: Setting, rate: float | None) -> None:
        out = self.output
        if odd := notices(plan, setting):
            out.write("".join(map(self._sentence, odd)) + "\n")
        out.write(text.plan(plan, rate=rate, colour=out.colour, everything=out.everything, width=out.width))
        if where := where_calls_go(plan, setting):
            out.write(self._sentence(where))

    def _sentence(self, raw: str) -> str:
        return wrapped(escape.line(raw), self.output.width) + "\n"

    @override
    def made(self, plan: Plan) -> None:
        if plan.commit is not None:
            self._say("\n" + text.made(plan))

    @override
    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        if state.endpoint is not None:
            self.output.write(self._sentence(f"{location} {recorded(state.endpoint)}.") + "\n")
        out = self.output
        out.write(text.state(state, room_names, location, now, everything=out.everything, width=out.width))

    @override
    def audited(self, audit: Audit, ban_list: BanList) -> None:
        self._say(audited.text(audit, ban_list, everything=self.output.everything))

    @override
    def checks(self, checks: Sequence[Check]) -> None:
        out = self.output
        out.write(views_checks.text(checks, colour=out.colour, everything=out.everything, width=out.width))

    @override
    def rooms(self, rooms: Sequence[ComparedRoom], regions: Sequence[str]) -> None:
        out = self.output
        out.write(views_rooms.text(rooms, regions, out.ban_list, everything=out.everything, width=out.width))

    @override
    def why(self, answer: "Answer") -> None:
        shown = import_module("reconciler.views.why_text").why
        self.output.write(shown(answer, everything=self.output.everything, width=self.output.width))

    @override
    def applying(
        self, plan: Plan, skipped: Iterable[Change], troubles: Troubles
    ) -> AbstractContextManager[Callable[[Outcome], object]]:
        if bans := len(list(skipped)):
            self._say(f"Skipped: {count(bans, 'ban')} that expired since the plan was made.\n")
        return self._progress(len(plan.changes), troubles)

    @contextmanager
    def _progress(self, changes: int, troubles: Troubles) -> Iterator[Callable[[Outcome], object]]:
        with self._moving as moving:
            ended = moving.enter_context(self.output.progress(changes, troubles))
            yield lambda outcome: ended(outcome) if outcome.change.because is not Because.UNSETTLED else None

    @override
    def settling(self, bans: int, seconds: float) -> None:
        self._moving.close()  # all changes have ended
        self.output.diagnostic(wording.settling(bans, seconds))

    @override
    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        ended = list(outcomes)
        if plan.changes or ended or ending.owed or ending.retired:
            self._say(text.applied(plan, ended, ending))


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
