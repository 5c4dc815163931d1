"""What would be done, and why: the difference between the ban list and the state.

`diff` is pure. Two properties hold: applying a whole plan and diffing again gives an empty plan, and stopping after any
number of its changes and diffing again gives exactly the rest.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final

from reconciler import guardrails
from reconciler.banlist.value import BanList
from reconciler.bans import EVERYWHERE, BanKey, Record, format_time, room_and_user
from reconciler.denylist.value import Drift
from reconciler.errors import AddressUnknown, PlanStale
from reconciler.guardrails import Refusal
from reconciler.plan.change import DRIFT, Action, Because, Change, Plan
from reconciler.plan.drifting import drifted, published
from reconciler.state.value import State

CLOCK_SKEW: Final = timedelta(minutes=5)  # between the machine that plans and the one that applies


def diff(
    desired: BanList,
    state: State,
    now: datetime,
    *,
    targets: Collection[BanKey] | None = None,
    replace: Collection[BanKey] = (),
    drift: Drift | None = None,
) -> Plan:
    """The plan that makes `state`, and the denylist if there is one, match `desired` at `now`.

    Args:
        desired: the ban list.
        state: what is recorded.
        now: aware; a ban whose `expires_at` is not later has expired.
        targets: plan changes to these bans only.
        replace: disconnect these users once more though they are banned already.
        drift: how the denylist differs from the state; None if nobody has looked. Then it is taken to match, or to be
            empty where the state knows that nothing was published there.

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

    everything, expired = _changes(desired, state.records, now, frozenset(replace))
    changes = everything if targets is None else [change for change in everything if change.key in targets]
    changes = [*changes, *drifted(desired, state, changes, drift, whole=targets is None)]
    plan = Plan(
        created_at=now,
        ban_list=desired.path,
        ban_list_sha256=desired.sha256,
        lineage=state.lineage,
        serial=state.serial,
        changes=tuple(changes),
        room_names=room_names,
        expired=tuple(expired),
        refusals=_refusals(desired, state, changes, now),
        left_out=sum(change.key not in targets for change in everything) if targets is not None else 0,
        rate=desired.rate,
        endpoint=state.endpoint,
        listed=len(desired.bans),
        recorded=len(state.records),
    )
    return published(plan, desired, state)


def _refusals(desired: BanList, state: State, changes: Sequence[Change], now: datetime) -> tuple[Refusal, ...]:
    bans = [change for change in changes if change.action is Action.BAN]
    # A ban that ran out by itself and is still in the list is no mistake of the list, and what nobody knew is no lift.
    lifts = [
        change
        for change in changes
        if change.because is Because.REMOVED or (change.because is Because.EXPIRED and _holds(change.before, now))
    ]
    return guardrails.check(
        desired.guardrails,
        bans=len(bans),
        everywhere=sum(change.key.room_arn == EVERYWHERE for change in bans),
        lifts=len(lifts),
        recorded=len(state.records),
    )


def _of_the_list(plan: Plan) -> list[Change]:
    return [change for change in plan.changes if change.because not in DRIFT]


def still_valid(plan: Plan, ban_list: BanList, state: State, now: datetime, drift: Drift | None = None) -> Plan:
    """The saved plan, if it is still what the list and the state mean, with what the denylist needs now.

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
            targets=[change.key for change in _of_the_list(plan)] if plan.left_out else None,
            replace=[change.key for change in plan.changes if change.because is Because.REQUESTED],
            drift=drift,
        )
    except AddressUnknown:
        planned = None
    if planned is None or _of_the_list(planned) != _of_the_list(plan) or planned.room_names != plan.room_names:
        raise PlanStale(f"The saved plan is not what the list and the state mean; its file was changed. {again}")
    return planned


def _changes(
    desired: BanList, records: Mapping[BanKey, Record], now: datetime, replace: frozenset[BanKey]
) -> tuple[list[Change], list[BanKey]]:
    """The changes of the list, and the bans that have expired without a record."""
    settle_after = timedelta(seconds=desired.denylist.settle_after if desired.denylist is not None else 0)
    changes: list[Change] = []
    expired: list[BanKey] = []
    still_listed = 0
    for key, ban in desired.bans.items():
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
            # Who reads a copy of the denylist may let the user in between the old end and the news of the new one.
            gap = not record.ban.in_force(now + settle_after)
            changes.append(Change(key, record, ban, Because.LAPSED if gap else Because.CHANGED))
    if still_listed < len(records):
        removed = sorted(key for key in records if key not in desired.bans)
        changes += [Change(key, records[key], None, Because.REMOVED) for key in removed]
    return changes, expired


def _holds(record: Record | None, now: datetime) -> bool:
    return record is not None and record.ban.in_force(now)
