"""A report as one JSON document."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING

from typing_extensions import override  # in typing since Python 3.12

from reconciler.audit.value import Audit
from reconciler.banlist.value import BanList
from reconciler.errors import BanListError, BanListInvalid, Problem, ReconcilerError, RoomsUnknown, StateError
from reconciler.plan import file as planfile
from reconciler.plan.change import Plan
from reconciler.rooms import ComparedRoom
from reconciler.state import file as statefile
from reconciler.state.value import State
from reconciler.verdicts import Check
from reconciler.views import audited, diagnostics, notices
from reconciler.views import checks as views_checks
from reconciler.views import rooms as views_rooms
from reconciler.views.notices import Setting
from reconciler.views.report import Format

if TYPE_CHECKING:
    from reconciler.plan.why import Answer


class JsonFormat(Format):
    """JSON for programs."""

    tells_problems = True

    @override
    def valid(self, ban_list: BanList) -> None:
        self.output.write(self._as_json(ban_list.warnings))

    @override
    def plan(self, plan: Plan, setting: Setting, rate: float | None) -> None:
        odd = notices.everything(plan, setting)
        location = setting.state_location
        self.output.write(planfile.dumps(plan, location, redacted=self.output.redacted, notices=odd))

    @override
    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        self.output.write(statefile.dumps(state, redacted=self.output.redacted))

    @override
    def audited(self, audit: Audit, ban_list: BanList) -> None:
        if aside := list(audited.left_aside(audit.watched)):
            self.output.diagnostic(*aside)
        self.output.write(audited.json(audit, ban_list))

    @override
    def checks(self, checks: Sequence[Check]) -> None:
        self.output.write(views_checks.as_json(checks))

    @override
    def rooms(self, rooms: Sequence[ComparedRoom], regions: Sequence[str]) -> None:
        self.output.write(views_rooms.as_json(rooms, regions))

    @override
    def why(self, answer: "Answer") -> None:
        shown = import_module("reconciler.views.why_json").why
        self.output.write(shown(answer, redacted=self.output.redacted))

    @override
    def failed(self, error: ReconcilerError) -> None:
        if isinstance(error, BanListInvalid):
            self.output.write(self._as_json(error.problems))
        else:
            self.output.write(diagnostics.as_json([], {}, error=str(error), summary=_summary(error)))

    def _as_json(self, problems: Sequence[Problem]) -> str:
        contents = self.output.contents(problem.file for problem in problems)
        return diagnostics.as_json(problems, contents, snippets=not self.output.redacted)


def _summary(error: ReconcilerError) -> str:
    if isinstance(error, BanListError):
        return "The ban list cannot be read"
    if isinstance(error, RoomsUnknown):
        return "The rooms are not known"
    return "The state cannot be used" if isinstance(error, StateError) else "There is no plan"
