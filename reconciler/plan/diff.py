"""What would be done, and why: the difference between the ban list and the state.

`diff` is pure. Two properties hold: applying a whole plan and diffing again gives an empty plan, and stopping after any
number of its changes and diffing again gives exactly the rest.
"""

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final

from reconciler import guardrails
from reconciler.banlist.value import BanList
from reconciler.bans import Ban, BanKey, Record, format_time, room_and_user
from reconciler.errors import AddressUnknown, PlanStale
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.state.value import State

CLOCK_SKEW: Final = timedelta(minutes=5)  # between the machine that plans and the one that applies


def diff(
    desired: BanList,
    state: State,
    now: datetime,
    *,
    targets: Collection[BanKey] | None = None,
    replace: Collection[BanKey] = (),
) -> Plan:
    """The plan that makes `state` match `desired` at `now`.

    Args:
        desired: the ban list.
        state: what is recorded.
        now: aware; a ban whose `expires_at` is not later has expired.
        targets: plan changes to these bans only.
        replace: disconnect these users once more though they are banned already.

    Raises:
        AddressUnknown: a target is neither in the list nor in the state, or the list has no ban in force to repeat.
        ValueError: `now` has no time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must be an aware datetime")
    room_names = desired.room_names
    for key in targets or ():
        if key not in desired.bans and key not in state.records:
            raise AddressUnknown("{} is neither in the list nor in the state", [room_and_user(key, room_names)])
    for key in replace:
        if key not in desired.bans or not desired.bans[key].in_force(now):
            raise AddressUnknown("{} is not a ban that the list has in force", [room_and_user(key, room_names)])

    everything, expired = _changes(desired.bans, state.records, now, frozenset(replace))
    changes = everything if targets is None else [change for change in everything if change.key in targets]
    plan = Plan(
        created_at=now,
        ban_list=desired.path,
        ban_list_sha256=desired.sha256,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        room_names=room_names,
        expired=tuple(expired),
        left_out=len(everything) - len(changes),
        rate=desired.rate,
        warnings=desired.warnings,
    )
    counts = plan.counts
    # A ban that ran out by itself and is still in the list is no mistake of the list.
    over = sum(change.because is Because.EXPIRED and not _holds(change.before, now) for change in changes)
    refusals = guardrails.check(
        desired.guardrails, bans=counts[Action.BAN], lifts=counts[Action.LIFT] - over, recorded=len(state.records)
    )
    return dataclasses.replace(plan, refusals=refusals)


def still_valid(plan: Plan, ban_list: BanList, state: State, now: datetime) -> Plan:
    """The saved plan, if it is still what the list and the state mean.

    What has expired since it was made stays in it: leave that out when it is applied.

    Raises:
        PlanStale: it is not, or the file was changed.
    """
    again = "Make a new plan, have it reviewed, and apply that."
    if plan.created_at > now + CLOCK_SKEW:
        raise PlanStale(f"The saved plan was made in the future, at {format_time(plan.created_at)}. {again}")
    if plan.ban_list_sha256 != ban_list.sha256:
        name = PurePath(ban_list.path).name
        raise PlanStale(f"The saved plan is stale: {name} has changed since it was made. {again}")
    if plan.lineage is not None and plan.lineage != state.lineage:
        raise PlanStale(f"The saved plan was made for another state, not for this one. {again}")
    if plan.serial != state.serial or plan.lineage != state.lineage:
        raise PlanStale(
            f"The saved plan is stale: the state has changed since it was made (serial {plan.serial} then,"
            f" {state.serial} now), by another apply or by this one. {again}"
        )
    try:
        planned = diff(
            ban_list,
            state,
            plan.created_at,
            targets=[change.key for change in plan.changes],
            replace=[change.key for change in plan.changes if change.because is Because.REQUESTED],
        )
    except AddressUnknown:
        planned = None
    if planned is None or planned.changes != plan.changes or planned.room_names != plan.room_names:
        raise PlanStale(f"The saved plan is not what the list and the state mean; its file was changed. {again}")
    return planned


def _changes(
    desired: Mapping[BanKey, Ban], records: Mapping[BanKey, Record], now: datetime, replace: frozenset[BanKey]
) -> tuple[list[Change], list[BanKey]]:
    """The changes, and the bans that have expired without a record."""
    changes: list[Change] = []
    expired: list[BanKey] = []
    still_listed = 0
    for key, ban in desired.items():
        in_force = ban.in_force(now)
        if key not in records:
            if in_force:
                changes.append(Change(key, None, ban, Because.NEW))
            else:
                expired.append(key)
            continue
        still_listed += 1
        record = records[key]
        if not in_force:
            changes.append(Change(key, record, None, Because.EXPIRED))
        elif not record.ban.in_force(now):
            changes.append(Change(key, record, ban, Because.LAPSED))
        elif key in replace:
            changes.append(Change(key, record, ban, Because.REQUESTED))
        elif record.ban != ban:
            changes.append(Change(key, record, ban, Because.CHANGED))
    if still_listed < len(records):
        removed = sorted(key for key in records if key not in desired)
        changes += [Change(key, records[key], None, Because.REMOVED) for key in removed]
    return changes, expired


def _holds(record: Record | None, now: datetime) -> bool:
    return record is not None and record.ban.in_force(now)
