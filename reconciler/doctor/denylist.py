"""Whether the denylist can be read, is ours, and holds what the state records."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from reconciler.banlist.value import DenylistSettings
from reconciler.denylist.value import Contents, Head, drift
from reconciler.plan.drifting import place_of
from reconciler.publishers.publisher import Publisher
from reconciler.state.value import State
from reconciler.verdicts import Check, failed, ok, warning
from reconciler.views.notices import SHORTEST
from reconciler.views.wording import count, time

NAME = "denylist"
TTL = "TTL"
ADVICE: Final = "docs/denylist.md, `When something is wrong`, goes through all cases."
_SOON: Final = timedelta(hours=6)
_APPLY: Final = "Run `reconciler apply`: it compares the denylist with the state, and mends it."


def examined(settings: DenylistSettings, publisher: Publisher, state: State | None, now: datetime) -> Iterator[Check]:
    """The verdicts on a denylist. What is one document is compared as a whole; of a table, only the head is read.

    Args:
        settings: what the list says of it.
        publisher: reads it.
        state: that it follows; None if that could not be read.
        now: aware.

    Raises:
        DenylistError: it cannot be read, or is not ours.
    """
    if settings.settle_after < SHORTEST:
        yield warning(
            "settle_after",
            f"{settings.settle_after} s",
            "That is too short: a token from before a ban can connect for a minute, and some seconds pass until token"
            " services know of the ban.",
            f"Set it to {SHORTEST} or more; docs/denylist.md, `When a ban holds`, has the formula.",
        )
    contents = publisher.read() if publisher.always_compare else Contents(publisher.read_head())
    if contents.head is None:
        yield _missing(settings, state)
    elif state is None:
        head = contents.head
        detail = f"It can be read: {_described(head)}. Whether it is ours is not known without the state."
        yield warning(NAME, settings.location, detail, "See to the state first.")
    else:
        publisher.check_owner(contents.head, state.lineage or "")
        yield from _compared(settings, contents, state, now, whole=publisher.always_compare)
    if publisher.always_compare:
        yield from _provisional(settings, contents, now)


def ttl(location: str, problem: str | None) -> Iterable[Check]:
    """The verdict on how a table removes rows."""
    if problem is None:
        return [ok(TTL, location, "It is switched on, for the attribute ttl.")]
    region, _, table = location.removeprefix("dynamodb://").partition("/")
    command = (
        f"aws dynamodb update-time-to-live --region {region} --table-name {table}"
        " --time-to-live-specification Enabled=true,AttributeName=ttl"
    )
    return [warning(TTL, location, problem, f"Switch it on: `{command}`")]


def _missing(settings: DenylistSettings, state: State | None) -> Check:
    published = state.published if state is not None else None
    if published is not None and published.place == place_of(settings) and published.serial:
        return failed(
            NAME,
            settings.location,
            f"There is nothing, though the state remembers to have published serial {published.serial}: token services"
            " do not know whom to refuse.",
            "Find out who removed it, and run `reconciler apply`: it publishes everybody again.",
        )
    return warning(
        NAME,
        settings.location,
        "Nothing has been published yet, so token services that ask it find it unavailable.",
        "Run `reconciler apply`: it publishes everybody who is banned.",
    )


def _compared(
    settings: DenylistSettings, contents: Contents, state: State, now: datetime, *, whole: bool
) -> Iterator[Check]:
    head, subject = contents.head, settings.location
    if head is None:
        return
    wanted = {key: record.ban.expires_at for key, record in state.records.items()} if whole else {}
    found = drift(wanted, contents.bans if whole else {}, now)
    if found.unsettled:
        lacks = f"It lacks {count(len(found.unsettled), 'recorded ban')}, or lets them end too early"
        yield failed(NAME, subject, f"{lacks}: token services let these users in.", _APPLY)
    elif head.open:
        advice = "If no apply is under way, run `reconciler apply`: it compares everything, and closes it."
        yield warning(NAME, subject, f"An apply has begun to publish, and has not ended: {_described(head)}.", advice)
    elif (state.published.place, state.published.serial) != (place_of(settings), head.serial):
        remembered = f"serial {state.published.serial}" if state.published.serial else "none that is whole"
        detail = f"It is another publication than the state remembers: serial {head.serial}, and {remembered}."
        yield warning(NAME, subject, detail, f"{_APPLY} If this comes back, two states publish in one place.")
    elif found:
        more = count(len(found.unknown) + len(found.late), "ban")
        yield warning(NAME, subject, f"It holds {more} for longer than the state has them.", _APPLY)
    elif head.settle_after != settings.settle_after:
        detail = (
            f"Its readers go by a settle_after of {head.settle_after} s, and the list says {settings.settle_after}."
        )
        yield warning(NAME, subject, detail, "Run `reconciler apply`: it tells them.")
    else:
        rest = "" if whole else " Its rows were not read: `reconciler plan --refresh` compares them."
        yield ok(NAME, subject, f"It is ours: {_described(head)}.{rest}")


def _provisional(settings: DenylistSettings, contents: Contents, now: datetime) -> Iterator[Check]:
    ends = sorted(end for end in contents.provisional.values() if end > now)
    if not ends:
        return
    soon = [end for end in ends if end - now <= _SOON]
    subject = settings.location
    if soon:
        detail = f"{count(len(soon), 'provisional ban')} will end within {_SOON // timedelta(hours=1)} hours, from"
        advice = "Merge the pull request that bans these users, or let the bans end."
        yield warning("provisional bans", subject, f"{detail} {time(soon[0])} on.", advice)
    else:
        detail = f"{count(len(ends), 'provisional ban')}; the first to end does so at {time(ends[0])}."
        yield ok("provisional bans", subject, detail)


def _described(head: Head) -> str:
    bans = count(head.count, "ban")
    return f"lineage {head.lineage}, serial {head.serial}, {bans}, published at {time(head.published_at)}"
