"""What is odd about a plan, for people to know before they read it: a plan may be right and the wrong one."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from reconciler.plan.change import Action, Because, Plan
from reconciler.state.endpoints import NOT_OF_AWS, mixed, recorded
from reconciler.views.wording import count

SHORTEST: Final = 75
"""Seconds that `settle_after` has at least: a token's life, and some for the copy that a token service holds."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a plan was made, and where it would be applied.

    Attributes:
        state_location: where the state is kept.
        listed_location: where the list says that it is kept, if that is another place.
        endpoint: what apply would call here, as far as is known, if that is not AWS.
    """

    state_location: str
    listed_location: str | None = None
    endpoint: str | None = None


def everything(plan: Plan, setting: Setting, shown: Callable[[str], str] = str) -> list[str]:
    """The `notices` of a plan, and `where_calls_go`."""
    return list(filter(None, [*notices(plan, setting, shown), where_calls_go(plan, setting, shown)]))


def notices(plan: Plan, setting: Setting, shown: Callable[[str], str] = str) -> list[str]:
    """What is odd about a plan, a sentence or two each.

    Args:
        plan: the plan.
        setting: of the plan.
        shown: makes a name safe for where it is shown.
    """
    names = shown(PurePath(plan.ban_list).name), shown(setting.state_location)
    return [
        *_of_endpoint(plan, setting, shown),
        *_of_state(plan, setting, shown),
        *_of_list(plan, *names),
        *_of_denylists(plan, shown),
    ]


def where_calls_go(plan: Plan, setting: Setting, shown: Callable[[str], str] = str) -> str:
    """Where the calls of a plan go, if that is not AWS; else empty."""
    if setting.endpoint is None or plan.refusals or not (plan.calls or plan.settle_calls):
        return ""
    return f"The calls go to {shown(setting.endpoint)}, which is not AWS."


def _of_endpoint(plan: Plan, setting: Setting, shown: Callable[[str], str]) -> Iterator[str]:
    location = shown(setting.state_location)
    if _is_blank(plan):
        return
    if plan.endpoint is not None and setting.endpoint is None:
        again = "An apply on AWS is refused: name the state of AWS with --state."
        yield f"{location} {recorded(shown(plan.endpoint))}. {NOT_OF_AWS} {again}"
    if plan.endpoint is None and setting.endpoint is not None:
        yield f"An apply is refused. {mixed(location, None, shown(setting.endpoint))}"


def _of_state(plan: Plan, setting: Setting, shown: Callable[[str], str]) -> Iterator[str]:
    if not _is_blank(plan) or not plan.counts[Action.BAN]:
        return
    listed = setting.listed_location
    other = "" if listed is None else f" {shown(PurePath(plan.ban_list).name)} says that it is kept at {shown(listed)}."
    yield (
        f"There is no state at {shown(setting.state_location)} yet, so every ban in the list counts as new.{other} If"
        " there should be one, find it first: this may be another checkout or a wrong --state, or CI has lost the file."
    )


def _of_list(plan: Plan, ban_list: str, location: str) -> Iterator[str]:
    if plan.left_out:
        return
    reasons = Counter(change.because for change in plan.changes)
    if plan.listed and len(plan.expired) + reasons[Because.EXPIRED] == plan.listed:
        bans, have = (f"All {plan.listed:,} bans", "have") if plan.listed > 1 else ("The only ban", "has")
        yield f"{bans} in {ban_list} {have} expired, so nobody is banned."
    elif not plan.listed and reasons[Because.REMOVED]:
        yield f"{ban_list} bans nobody, so everybody is lifted: {count(reasons[Because.REMOVED], 'ban')}."
    elif plan.recorded > 1 and reasons[Because.REMOVED] == plan.recorded:
        yield (
            f"None of the {plan.recorded:,} bans that {location} records is in {ban_list}. Make sure that the two"
            " belong together."
        )


def _of_denylists(plan: Plan, shown: Callable[[str], str]) -> Iterator[str]:
    if plan.denylist is not None and plan.settle_after < SHORTEST:
        yield (
            f"With a settle_after of {plan.settle_after} s, bans may not hold: a token from before a ban can connect"
            f" for a minute, and some seconds pass until token services know of the ban. Set it to {SHORTEST} or more."
        )
    if plan.to_retire and plan.denylist is None:
        yield (
            "The list names no denylist any more, so new bans are kicks alone: whoever gets another token comes back."
        )
    for place in plan.to_retire:
        yield (
            f"{shown(place)} still holds bans of this list, which no longer names it. Once nobody reads it any more,"
            " empty it with `reconciler apply --retire-denylist`."
        )


def _is_blank(plan: Plan) -> bool:
    return not plan.serial and not plan.recorded
