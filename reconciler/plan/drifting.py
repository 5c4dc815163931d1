"""What a plan does for the denylist: what it has to publish again, what it takes out, and what is owed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from reconciler.banlist.value import BanList, DenylistSettings
from reconciler.bans import BanKey
from reconciler.denylist.value import Drift
from reconciler.plan.change import DRIFT, Because, Change, Plan
from reconciler.state.value import Place, State


def drifted(
    desired: BanList, state: State, changes: Sequence[Change], drift: Drift | None, now: datetime, *, whole: bool
) -> Iterator[Change]:
    """What makes the denylist match the state, apart from what the changes do already.

    Args:
        desired: the ban list.
        state: what is recorded.
        changes: of the list; only those to the targets, if there are any.
        drift: what is known of the denylist.
        now: aware.
        whole: the plan has no targets; else nothing is taken out of the denylist that is none.
    """
    if desired.denylist is None:
        return
    due = {change.key for change in changes}
    for key in sorted(key for key in _missing(desired.denylist, state, drift, now) if key not in due):
        record = state.records[key]
        yield Change(key, record, record.ban, Because.UNPUBLISHED)
    if drift is not None and whole:
        for key in sorted(key for key in drift.unknown if key not in due):
            yield Change(key, None, None, Because.UNKNOWN)


def is_whole(plan: Plan, drift: Drift | None) -> bool:
    """Whether a plan leaves the denylist without a difference; with targets, what nobody knows stays there."""
    return drift is None or {*drift.to_publish, *drift.unknown} <= {change.key for change in plan.changes}


def _missing(denylist: DenylistSettings, state: State, drift: Drift | None, now: datetime) -> Iterable[BanKey]:
    """The recorded bans that the denylist lacks, or has with another end."""
    if drift is not None:
        return (key for key in drift.to_publish if key in state.records)
    if state.published.place == place_of(denylist):
        return ()
    return (key for key, record in state.records.items() if record.ban.in_force(now))


def place_of(denylist: DenylistSettings) -> Place:
    """Where a list says that its denylist is."""
    return Place(denylist.location, denylist.name)


def to_retire(desired: BanList, state: State) -> Sequence[Place]:
    """Where bans of this list may still be, though it no longer names the place."""
    listed = place_of(desired.denylist) if desired.denylist is not None else None
    published = state.published
    places = [*published.to_retire, *([published.place] if published.place is not None else [])]
    return [place for place in places if place != listed]


def without_denylist(plan: Plan) -> Plan:
    """A plan for an apply that publishes nothing."""
    return replace(plan, changes=tuple(c for c in plan.changes if c.because not in DRIFT), denylist=None)


def published(plan: Plan, desired: BanList, state: State) -> Plan:
    """A plan with what it says of the denylist besides its changes."""
    if desired.denylist is None and not state.published.to_retire and state.published.place is None:
        return replace(plan, rooms_found_at_apply=bool(desired.discover)) if desired.discover else plan
    denylist = desired.denylist
    covered = {
        change.key
        for change in plan.changes
        if change.after is None or change.disconnects or change.because is Because.UNPUBLISHED
    }
    return replace(
        plan,
        denylist=denylist.location if denylist is not None else None,
        settle_after=denylist.settle_after if denylist is not None else 0,
        owed=tuple(sorted(key for key in state.unsettled if key not in covered)) if denylist is not None else (),
        to_retire=tuple(place.location for place in to_retire(desired, state)),
        rooms_found_at_apply=bool(desired.discover or (denylist is not None and denylist.token_records)),
    )
