"""An apply as JSON, one object a line, for programs that watch it."""

import json
from dataclasses import asdict
from typing import Final

from reconciler.bans import AccountRegion
from reconciler.escape import json_safe
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.state.value import record_to_plain

FORMAT_VERSION: Final = 1


def apply_start(plan: Plan) -> str:
    """What is about to be done: `apply_start`. What is skipped is not in the plan any more."""
    counts = plan.counts
    summary = {action.value: counts[action] for action in Action} | {"disconnect_calls": plan.calls.total()}
    return _line("apply_start", {"summary": summary})


def refused(plan: Plan) -> str:
    """A guardrail refuses the plan, and nothing is done: `refused`."""
    return _line(
        "refused", {"refusals": [{"key": refusal.key, "message": refusal.message} for refusal in plan.refusals]}
    )


def skipped(plan: Plan, change: Change) -> str:
    """A change whose ban expired since the plan was made: `ban_skipped`, `update_skipped` or `repeat_skipped`."""
    return _line(f"{change.action}_skipped", {**_ban(plan, change), "because": Because.EXPIRED})


def outcome(plan: Plan, outcome: Outcome) -> str:
    """One change: `ban_complete`, `update_complete`, `lift_complete`, `repeat_complete`, or the same with `_failed`."""
    change = outcome.change
    ban = _ban(plan, change)
    if outcome.error is not None:
        error = {"code": type(outcome.error).__name__, "message": str(outcome.error)}
        return _line(f"{change.action}_failed", {**ban, "error": error})
    record = None if outcome.record is None else record_to_plain(outcome.record)
    return _line(f"{change.action}_complete", {**ban, "record": record})


def throttled(endpoint: AccountRegion) -> str:
    """The service refused a call as one too many, and the pace has given way: `throttled`."""
    return _line("throttled", {"account": endpoint.account, "region": endpoint.region})


def summary(tally: Tally) -> str:
    """How it ended: `summary`."""
    return _line("summary", asdict(tally) | {"complete": tally.complete})


def _ban(plan: Plan, change: Change) -> dict[str, object]:
    return {"address": plan.address(change.key), "room_arn": change.key.room_arn, "user_id": change.key.user_id}


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def _line(kind: str, content: dict[str, object]) -> str:
    return json_safe(_ENCODER.encode({"format_version": FORMAT_VERSION, "type": kind, **content})) + "\n"
