"""A report of an apply as JSON, one object a line, for programs that watch it."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from math import ceil, inf
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.bans import AccountRegion, address, room_name
from reconciler.errors import BanListInvalid, PlanRefused, Problem, ReconcilerError
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Outcome, Tally, Trouble
from reconciler.state.value import to_plain
from reconciler.views import wording
from reconciler.views.notices import Setting
from reconciler.views.report import Ending, Format, Output, Troubles

FORMAT_VERSION: Final = 1
SECONDS_BETWEEN_NEWS: Final = 10


class JsonLinesFormat(Format):
    """Objects with a `type`: what is about to happen, what became of each change, and how it ended."""

    tells_refusals = False

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._told: dict[AccountRegion, float] = {}

    @override
    def failed(self, error: ReconcilerError) -> None:
        """`error`; nothing for a plan that is refused, as `plan` has said so."""
        if isinstance(error, PlanRefused):
            return
        problems = error.problems if isinstance(error, BanListInvalid) else None
        said = error.whole() if problems is None else wording.problem_count(problems)
        listed = {} if problems is None else {"problems": [_problem(problem) for problem in problems]}
        self._line("error", error={"code": type(error).__name__, "message": said, **listed})

    @override
    def plan(self, plan: Plan, setting: Setting, rate: float | None) -> None:
        """`warning` for each warning of the list, and `refused` if a guardrail refuses the plan."""
        for warning in plan.warnings:
            self._line("warning", **_problem(warning))
        if plan.refusals:
            self._line("refused", refusals=[asdict(refusal) for refusal in plan.refusals])

    @override
    def applying(
        self, plan: Plan, skipped: Iterable[Change], troubles: Troubles
    ) -> AbstractContextManager[Callable[[Outcome], object]]:
        """`apply_start`, then `ban_skipped`, `update_skipped` or `repeat_skipped` for each change that is left out."""
        counts = plan.counts
        summary = {action.value: counts[action] for action in Action} | {"disconnect_calls": plan.calls.total()}
        self._line("apply_start", endpoint=plan.endpoint, summary=summary)
        for change in skipped:
            self._line(f"{change.action}_skipped", **_ban(change, plan.room_names), because=Because.EXPIRED)
        return nullcontext(partial(self._ended, plan.room_names))

    def _ended(self, room_names: Mapping[str, str], outcome: Outcome) -> None:
        """`ban_complete`, `update_complete`, `lift_complete`, `repeat_complete`, `settle_complete`, or `_failed`."""
        change = outcome.change
        what = "settle" if change.because is Because.UNSETTLED else change.action
        if outcome.error is not None:
            error = {"code": type(outcome.error).__name__, "message": str(outcome.error)}
            self._line(f"{what}_failed", **_ban(change, room_names), error=error)
        else:
            record = None if outcome.record is None else to_plain(outcome.record)
            self._line(f"{what}_complete", **_ban(change, room_names), record=record)

    @override
    def settling(self, bans: int, seconds: float) -> None:
        """`settling`."""
        self._line("settling", bans=bans, seconds=ceil(seconds))

    @override
    def throttled(self, where: AccountRegion) -> None:
        """`throttled`."""
        self._line("throttled", account=where.account, region=where.region)

    @override
    def waiting(self, troubles: Iterable[Trouble]) -> None:
        """`waiting`, for each account and region where no call succeeds, at first and then every ten seconds."""
        stalled = [trouble for trouble in troubles if trouble.stalled]
        self._told = {trouble.where: self._told.get(trouble.where, -inf) for trouble in stalled}
        for trouble in stalled:
            if not self._told[trouble.where] <= trouble.seconds < self._told[trouble.where] + SECONDS_BETWEEN_NEWS:
                self._told[trouble.where] = trouble.seconds
                self._line(
                    "waiting",
                    account=trouble.where.account,
                    region=trouble.where.region,
                    because=trouble.cause,
                    seconds=int(trouble.seconds),
                    attempt=trouble.attempt,
                    attempts=trouble.attempts,
                )

    @override
    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        """`summary`; with how many bans have settled, and have yet to, if any have."""
        self._summary(ending.tally, ending.owed)

    @override
    def stopped(self, tally: Tally) -> None:
        """`summary`."""
        self._summary(tally)

    def _summary(self, tally: Tally, owed: int = 0) -> None:
        counts = {name: number for name, number in asdict(tally).items() if number or name != "settled"}
        self._line("summary", **counts, **({"owed": owed} if owed else {}), complete=tally.complete)

    def _line(self, kind: str, **content: object) -> None:
        self.output.write(escape.to_json({"format_version": FORMAT_VERSION, "type": kind, **content}) + "\n")


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "path": problem.path,
        "message": problem.message,
    }


def _ban(change: Change, room_names: Mapping[str, str]) -> dict[str, object]:
    room_arn, user_id = change.key
    room = room_name(room_arn, room_names)
    return {"address": address(change.key, room_names), "room": room, "room_arn": room_arn, "user_id": user_id}
