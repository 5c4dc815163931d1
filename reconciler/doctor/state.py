"""Whether the state can be read, who holds it, and what it says is left to do."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from reconciler.banlist.value import BanList
from reconciler.operating_system import command_line
from reconciler.plan.drifting import to_retire
from reconciler.state.endpoints import mixed
from reconciler.state.value import State
from reconciler.stores.holder import Holder
from reconciler.verdicts import Check, failed, ok, warning
from reconciler.views.wording import count, time

NAME = "state"
_LONG: Final = timedelta(hours=1)  # an apply of 100,000 bans in one region takes 17 minutes
_SKEW: Final = timedelta(seconds=60)  # as in `enforce`: clocks of two machines may differ


def judged(state: State, location: str, ban_list: BanList, endpoint: str | None, now: datetime) -> Iterator[Check]:
    """The verdicts on a state that could be read.

    Args:
        state: what it records.
        location: where it is.
        ban_list: whose state it is.
        endpoint: what is called in place of AWS.
        now: aware.
    """
    if not state.goes_with(endpoint):
        advice = "Name another state with --state, or call what this one was made at."
        yield failed(NAME, location, f"An apply is refused. {mixed(location, state.endpoint, endpoint)}", advice)
    elif state.is_blank and ban_list.bans:
        yield warning(
            NAME,
            location,
            "There is none yet, so every ban in the list counts as new.",
            "If there should be one, find it first: this may be another checkout, or CI has lost the file.",
        )
    elif state.is_blank:
        yield ok(NAME, location, "There is none yet. The first apply makes it.")
    else:
        yield ok(NAME, location, f"It records {count(len(state.records), 'ban')}, at serial {state.serial}.")
    yield from _settling(state, ban_list, now)
    for place in to_retire(ban_list, state):
        yield warning(
            "old denylist",
            place.location,
            "It still holds bans of this list, which no longer names it.",
            "Once nobody reads it any more, empty it with `reconciler apply --retire-denylist`.",
        )


def _settling(state: State, ban_list: BanList, now: datetime) -> Iterator[Check]:
    denylist = ban_list.denylist
    if denylist is None:
        return
    times = [published for key in state.unsettled if (published := state.records[key].published_at) is not None]
    wait = timedelta(seconds=denylist.settle_after) + _SKEW
    overdue = [published + wait for published in times if published + wait < now]
    subject = denylist.location
    if overdue:
        has = "has" if len(overdue) == 1 else "have"
        yield warning(
            "settling",
            subject,
            f"{count(len(overdue), 'ban')} {has} been due to settle since {time(min(overdue))}: somebody may have come"
            " back with a token from before the ban.",
            "Run `reconciler apply`, which disconnects them once more; in CI, at least once a day.",
        )
    elif times:
        yield ok("settling", subject, f"{count(len(times), 'ban')} will settle with the next apply.")
    else:
        yield ok("settling", subject, "Every ban has settled.")


def lock(holder: Holder | None, location: str, now: datetime) -> Sequence[Check]:
    """The verdict on a lock that outlives its process."""
    if holder is None:
        return [ok("lock", location, "Nobody holds it.")]
    if now - holder.since < _LONG:
        return [ok("lock", location, f"It is locked by {holder}.")]
    command = command_line(["reconciler", "force-unlock", holder.lock_id, "--state", location])
    return [
        warning(
            "lock",
            location,
            f"It has been locked for long, by {holder}: no apply can begin.",
            f"If that run is dead for certain, remove its lock with `{command}`.",
        )
    ]
