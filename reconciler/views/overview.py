"""What views show of a plan that is too long to read: counts by room, and changes by action."""

from collections import Counter
from typing import Final

from reconciler.bans import room_name
from reconciler.plan.change import Action, Because, Change, Plan

ROOMS: Final = 50  # as many are named, each with its counts; the others are counted together


def by_room(plan: Plan) -> list[tuple[str, Counter[Action]]]:
    """Each room, by its name if it has one, and its counts. Rooms with the most bans come first."""
    rooms: dict[str, Counter[Action]] = {}
    for (room_arn, why), count in Counter((change.key.room_arn, change.because) for change in plan.changes).items():
        rooms.setdefault(room_arn, Counter())[why.action] += count
    largest = sorted(rooms.items(), key=lambda room: (room[1][Action.BAN], room[1].total()), reverse=True)
    return [(room_name(room_arn, plan.room_names), counts) for room_arn, counts in largest]


def by_action(plan: Plan) -> dict[Action, list[Change]]:
    """The changes of each action that the plan has, in the order of the plan, bans first."""
    actions: dict[Action, list[Change]] = {action: [] for action in Action}
    of_cause = {because: actions[because.action] for because in Because}
    for change in plan.changes:
        of_cause[change.because].append(change)
    return {action: changes for action, changes in actions.items() if changes}
