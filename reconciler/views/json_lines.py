"""A report of an apply as JSON, one object a line, for programs that watch it."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from functools import partial
from typing import Final

from typing_extensions import override  # in typing since Python 3.12

from reconciler import escape
from reconciler.bans import AccountRegion, address
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Outcome
from reconciler.state.value import to_plain
from reconciler.views.report import Ending, Format

FORMAT_VERSION: Final = 1


class JsonLinesFormat(Format):
    """Objects with a `type`: what is about to happen, what became of each change, and how it ended."""

    tells_refusals = False

    @override
    def plan(self, plan: Plan, state_location: str, rate: float | None) -> None:
        """`warning` for each warning of the list, and `refused` if a guardrail refuses the plan."""
        for warning in plan.warnings:
            place = {"file": warning.file, "line": warning.line, "column": warning.column, "path": warning.path}
            self._line("warning", **place, message=warning.detail)
        if plan.refusals:
            self._line("refused", refusals=[asdict(refusal) for refusal in plan.refusals])

    @override
    def applying(self, plan: Plan, skipped: Iterable[Change]) -> AbstractContextManager[Callable[[Outcome], object]]:
        """`apply_start`, then `ban_skipped`, `update_skipped` or `repeat_skipped` for each change that is left out."""
        counts = plan.counts
        summary = {action.value: counts[action] for action in Action} | {"disconnect_calls": plan.calls.total()}
        self._line("apply_start", summary=summary)
        for change in skipped:
            self._line(f"{change.action}_skipped", **_ban(change, plan.room_names), because=Because.EXPIRED)
        return nullcontext(partial(self._ended, plan.room_names))

    def _ended(self, room_names: Mapping[str, str], outcome: Outcome) -> None:
        """`ban_complete`, `update_complete`, `lift_complete`, `repeat_complete`, or the same with `_failed`."""
        change = outcome.change
        if outcome.error is not None:
            error = {"code": type(outcome.error).__name__, "message": str(outcome.error)}
            self._line(f"{change.action}_failed", **_ban(change, room_names), error=error)
        else:
            record = None if outcome.record is None else to_plain(outcome.record)
            self._line(f"{change.action}_complete", **_ban(change, room_names), record=record)

    @override
    def throttled(self, where: AccountRegion) -> None:
        """`throttled`."""
        self._line("throttled", account=where.account, region=where.region)

    @override
    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        """`summary`."""
        self._line("summary", **asdict(ending.tally), complete=ending.tally.complete)

    def _line(self, kind: str, **content: object) -> None:
        self.output.write(escape.to_json({"format_version": FORMAT_VERSION, "type": kind, **content}) + "\n")


def _ban(change: Change, room_names: Mapping[str, str]) -> dict[str, object]:
    return {"address": address(change.key, room_names), "room_arn": change.key.room_arn, "user_id": change.key.user_id}
