"""Plans and states as text for a terminal or a log. Everything that a list's author controls is escaped."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from types import MappingProxyType
from typing import Final, Protocol

from reconciler import escape
from reconciler.bans import Ban, BanKey, Record
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.state.value import State

_SIGNS: Final = {Action.BAN: "+", Action.UPDATE: "~", Action.LIFT: "-", Action.REPEAT: "±"}
_COLOURS: Final = {Action.BAN: 31, Action.UPDATE: 33, Action.LIFT: 32, Action.REPEAT: 35}
_WORDS: Final = {Action.BAN: "disconnect", Action.UPDATE: "update", Action.LIFT: "lift", Action.REPEAT: "repeat"}
_WIDEST_ADDRESS: Final = 60  # terminal cells; longer ones push their own line's columns aside
_SHOWN: Final = 100  # changes, of a plan that has more
_ROOMS_SHOWN: Final = 25
_LEAST_REASON: Final = 20  # characters of a reason that are shown, however narrow the terminal
_YEAR: Final = 365 * 24 * 3600


class Named(Protocol):
    """Something that names rooms: a plan, a ban list."""

    @property
    def room_names(self) -> Mapping[str, str]:
        """ARN → name."""


def plan(
    plan: Plan, *, rate: float | None = None, colour: bool = False, everything: bool = False, width: int | None = None
) -> str:
    """A plan, change by change, with its summary, hints and refusals; ends with a line break.

    Of a plan with more than a hundred changes a hundred are shown, some of each kind in each room, with the counts.

    Args:
        plan: what to show.
        rate: DisconnectUser calls a second in each account and region, for the estimate; 0 is without a limit,
            None as the list has it.
        colour: with ANSI colours.
        everything: every change, however many there are, and whole.
        width: cells of the terminal; reasons are cut so that changes fit, as far as they can. None cuts nothing.
    """
    if everything:
        width = None
    ban_list = escape.terminal(PurePath(plan.ban_list).name)
    lines: list[str] = []
    if plan.changes:
        if everything or len(plan.changes) <= _SHOWN:
            lines += _changes(plan, plan.changes, ban_list, colour=colour, width=width)
        else:
            lines += _by_room(plan, ban_list, colour=colour, width=width)
        lines += ["", summary(plan), calls(plan, plan.rate if rate is None else rate)]
    elif plan.left_out:
        lines.append("No changes to the targets.")
    else:
        lines.append(f"No changes. The state matches {ban_list}.")
    if plan.left_out:
        lines.append(f"{_count(plan.left_out, 'more change')} left out by --target.")
    lines += _hints(plan, ban_list)
    lines += refusals(plan)
    return "\n".join(lines) + "\n"


def summary(plan: Plan) -> str:
    """What the plan would do, in one sentence."""
    usual = {Action.BAN: 0, Action.UPDATE: 0, Action.LIFT: 0}
    return f"Plan: {_counted(usual | plan.counts)}."


def refusals(plan: Plan) -> list[str]:
    """What the guardrails say against the plan, one line each with the key to change, below an empty line."""
    if not plan.refusals:
        return []
    ban_list = escape.terminal(PurePath(plan.ban_list).name)
    lines = [f"Refused: {escape.terminal(refusal.message)}." for refusal in plan.refusals]
    keys = " and ".join(escape.terminal(refusal.key) for refusal in plan.refusals)
    return ["", *lines, f"If this is meant, change {keys} in {ban_list}, so that the exception is reviewed too."]


def applied(
    plan: Plan,
    outcomes: Iterable[Outcome],
    tally: Tally,
    state_location: str,
    *,
    saved_plan: bool = False,
    interrupted: bool = False,
) -> str:
    """How an apply ended: what failed and why, grouped by the reason, then the totals; ends with a line break."""
    go_on = "Make a new plan to go on from here." if saved_plan else "Apply again to go on from here."
    lines: list[str] = []
    failures: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            failures.setdefault(outcome.error.advice, []).append(outcome)
    for advice, failed in failures.items():
        lines += ["", f"Failed: {_named([address(plan, outcome.change.key) for outcome in failed], 10)}"]
        lines.append(f"  {escape.line(advice)}")
        if (error := failed[0].error) is not None and error.answer:
            lines.append(f"  {escape.line(error.answer)}")
    lines += ["", _totals(tally)]
    if tally.not_started and failures and not interrupted:
        lines.append("The rest was not tried, since calls to its account and region could not succeed.")
    if not tally.complete:
        done = tally.banned + tally.updated + tally.lifted + tally.repeated
        kept = f"What is done is recorded in {escape.terminal(state_location)}." if done else "Nothing is recorded."
        lines.append(f"{kept} {go_on}")
    return "\n".join(lines) + "\n"


def _totals(tally: Tally) -> str:
    repeated = [f"{tally.repeated:,} repeated"] if tally.repeated else []
    if tally.complete:
        parts = [f"{tally.banned:,} banned", f"{tally.updated:,} updated", f"{tally.lifted:,} lifted", *repeated]
        return f"Apply complete: {', '.join(parts)}."
    parts = [f"{tally.banned:,} banned"]
    parts += [f"{tally.updated:,} updated"] if tally.updated else []
    parts += [f"{tally.lifted:,} lifted"] if tally.lifted else []
    parts += [*repeated, f"{tally.failed:,} failed", f"{tally.not_started:,} not started"]
    return f"Apply incomplete: {', '.join(parts)}."


def state(state: State, room_names: Mapping[str, str], location: str, now: datetime) -> str:
    """Who is banned where, one ban a line, and the totals; ends with a line break."""
    rows = [(_address(key, room_names), _record_details(record, now)) for key, record in sorted(state.records.items())]
    width = _column(address for address, _ in rows)
    lines = [f"  {_padded(address, width)}   {details}".rstrip() for address, details in rows]
    lapsed = sum(not record.ban.in_force(now) for record in state.records.values())
    total = f"{_count(len(rows), 'ban')} in {escape.terminal(location)}, serial {state.serial}"
    total += f"; {lapsed:,} of them expired, to be lifted by the next apply." if lapsed else "."
    return "\n".join([*lines, "", total] if lines else [total]) + "\n"


def record(key: BanKey, record: Record, room_names: Mapping[str, str], now: datetime) -> str:
    """Everything that the state knows of one ban, one line each; ends with a line break."""
    ban = record.ban
    rows = [
        ("user", escape.user_id(key.user_id)),
        ("room", escape.terminal(room_names.get(key.room_arn, key.room_arn))),
        ("room ARN", escape.terminal(key.room_arn)),
        ("reason", _reason(ban.reason)),
        ("ends", _until(ban.expires_at) + ("" if ban.in_force(now) else " (it has)")),
        ("disconnected", time(record.disconnected_at) if record.disconnected_at else "never by this tool"),
        ("request ID", escape.terminal(record.request_id or "none")),
    ]
    return "".join(f"{name:14}{value}\n" for name, value in rows)


def addresses(names: Named, keys: Iterable[BanKey], indent: str = "  ") -> str:
    """One address a line."""
    return "".join(f"{indent}{escape.line(_address(key, names.room_names))}\n" for key in keys)


def made(plan: Plan) -> str:
    """When a saved plan was made, and at which commit if that is known; ends with a line break."""
    commit = f" at commit {plan.commit[:7]}" if plan.commit is not None else ""
    return f"Made {time(plan.created_at)}{commit}.\n"


def time(time: datetime) -> str:
    """`2027-01-31 00:00 UTC`, with seconds where there are any."""
    utc = time.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M:%S UTC" if utc.second or utc.microsecond else "%Y-%m-%d %H:%M UTC")


def address(plan: Plan, key: BanKey) -> str:
    """`ROOM/USER_ID`, escaped; a user ID with spaces, quotes or invisible characters stands in quotes."""
    return _address(key, plan.room_names)


def _address(key: BanKey, room_names: Mapping[str, str]) -> str:
    return f"{escape.terminal(room_names.get(key.room_arn, key.room_arn))}/{escape.user_id(key.user_id)}"


def _counted(counts: Mapping[Action, int]) -> str:
    return ", ".join(f"{counts[action]:,} to {action}" for action in Action if action in counts)


def _by_room(plan: Plan, ban_list: str, *, colour: bool, width: int | None) -> Iterator[str]:
    """The counts of each room, and below them some changes of each kind."""
    rooms: dict[str, dict[Action, list[Change]]] = {}
    for change in plan.changes:
        rooms.setdefault(change.key.room_arn, {}).setdefault(change.action, []).append(change)
    sizes = {room_arn: sum(map(len, of_room.values())) for room_arn, of_room in rooms.items()}
    largest = set(sorted(rooms, key=lambda room_arn: -sizes[room_arn])[:_ROOMS_SHOWN])
    shown = [room_arn for room_arn in rooms if room_arn in largest]
    groups = [(room_arn, action) for room_arn in shown for action in Action if action in rooms[room_arn]]
    shares = _shares([len(rooms[room_arn][action]) for room_arn, action in groups], _SHOWN)
    share_of = dict(zip(groups, shares, strict=True))
    for room_arn in shown:
        of_room = rooms[room_arn]
        name = escape.line(plan.room_names.get(room_arn, room_arn))
        yield f"{name}: {_counted({action: len(changes) for action, changes in of_room.items()})}"
        some = [
            change for action in Action for change in of_room.get(action, ())[: share_of.get((room_arn, action), 0)]
        ]
        yield from _changes(plan, some, ban_list, colour=colour, width=width)
        more = {
            action: len(changes) - share_of[room_arn, action]
            for action, changes in of_room.items()
            if len(changes) > share_of[room_arn, action]
        }
        if more:
            yield f"  … and {_counted(more)}"
        yield ""
    if len(rooms) > len(shown):
        rest: Counter[Action] = Counter()
        for room_arn in rooms.keys() - largest:
            rest.update({action: len(changes) for action, changes in rooms[room_arn].items()})
        yield f"{_count(len(rooms) - len(shown), 'more room')}: {_counted(rest)}"
        yield ""
    yield f"{sum(shares):,} of {len(plan.changes):,} changes are shown; --all shows every one."


def _shares(sizes: Sequence[int], total: int) -> list[int]:
    """How many of each group to show: as many of each, as far as they have so many."""
    shares = [0] * len(sizes)
    smallest_first = sorted(range(len(sizes)), key=sizes.__getitem__)
    for number, index in enumerate(smallest_first):
        shares[index] = min(sizes[index], max(1, total // (len(sizes) - number)))
        total -= shares[index]
    return shares


def _changes(plan: Plan, changes: Sequence[Change], ban_list: str, *, colour: bool, width: int | None) -> Iterator[str]:
    addresses = [address(plan, change.key) for change in changes]
    column = _column(addresses)
    for change, shown in zip(changes, addresses, strict=True):
        action = change.action
        sign = _SIGNS[action]
        if colour:
            sign = f"\x1b[{_COLOURS[action]}m{sign}\x1b[0m"
        what = f"{_padded(shown, column)}   {_WORDS[action]:10}   "
        details = _fitting(change, plan, ban_list, None if width is None else width - _cells(what) - 4)
        yield f"  {sign} {what}{details}".rstrip()


def _fitting(change: Change, plan: Plan, ban_list: str, room: int | None) -> str:
    """The details of a change in so many cells, if cutting its reasons is enough for that."""
    whole = "   ".join(_details(change, plan, ban_list))
    reasons = {terms.reason for terms in _quoted_terms(change) if terms.reason is not None}
    if room is None or _cells(whole) <= room or not reasons:
        return whole
    sizes = {reason: _cells(escape.quoted(reason)) for reason in reasons}
    room -= _cells(whole) - sum(sizes.values())
    cut = {}
    for index, reason in enumerate(sorted(reasons, key=lambda reason: (sizes[reason], reason))):
        cut[reason] = _cut(reason, room // (len(reasons) - index))
        room -= _cells(cut[reason])
    return "   ".join(_details(change, plan, ban_list, cut))


def _quoted_terms(change: Change) -> Iterator[Ban]:
    """The terms whose reasons the details of a change quote."""
    before, after = change.before, change.after
    if after is None:
        return
    if change.because is not Because.CHANGED or before is None:
        yield after
    elif before.ban.reason != after.reason:
        yield from (before.ban, after)


def _cut(reason: str, cells: int) -> str:
    """A quoted reason in so many cells, but with no fewer than 20 characters of it."""
    whole = _beginning(reason, len(reason))
    if _cells(whole) <= cells:
        return whole
    least, most = min(_LEAST_REASON, len(reason)), len(reason)
    while least < most:  # the longest beginning that fits
        middle = (least + most + 1) // 2
        least, most = (middle, most) if _cells(_beginning(reason, middle)) <= cells else (least, middle - 1)
    return _beginning(reason, least)


def _beginning(reason: str, length: int) -> str:
    return escape.quoted(reason if length == len(reason) else f"{reason[:length]}…")


def _details(change: Change, plan: Plan, ban_list: str, cut: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """What is said of a change; `cut` has what to show in place of a reason."""
    before, after = change.before, change.after
    if after is None:
        lapsed = before is not None and not before.ban.in_force(plan.created_at)
        if change.because is Because.REMOVED:
            yield f"removed from {ban_list}"
        else:  # the list may have moved the end of a ban whose record still runs
            yield _expired(before.ban) if before is not None and lapsed else f"expired according to {ban_list}"
    elif change.because is Because.CHANGED and before is not None:
        if before.ban.reason != after.reason:
            yield f"reason {_reason(before.ban.reason, cut)} → {_reason(after.reason, cut)}"
        if before.ban.expires_at != after.expires_at:
            yield f"expires {_until(before.ban.expires_at)} → {_until(after.expires_at)}"
    else:
        if after.reason is not None:
            yield _reason(after.reason, cut)
        if after.expires_at is not None:
            yield f"until {time(after.expires_at)}"
        if change.because is Because.LAPSED and before is not None and before.ban.expires_at is not None:
            yield f"again; the last ban ended {time(before.ban.expires_at)}"
        if change.because is Because.REQUESTED and before is not None and before.disconnected_at is not None:
            yield f"disconnected before, {time(before.disconnected_at)}"


def _record_details(record: Record, now: datetime) -> str:
    ban = record.ban
    since = f"disconnected {time(record.disconnected_at)}" if record.disconnected_at is not None else "imported"
    parts = [f"{since:33}"]
    if not ban.in_force(now):
        parts.append(_expired(ban))
    elif ban.expires_at is not None:
        parts.append(f"until {time(ban.expires_at)}")
    if ban.reason is not None:
        parts.append(escape.quoted(ban.reason))
    return "   ".join(parts).rstrip()


def _expired(ban: Ban) -> str:
    return f"expired {time(ban.expires_at)}" if ban.expires_at is not None else "expired"


def _reason(reason: str | None, cut: Mapping[str, str] = MappingProxyType({})) -> str:
    return "none" if reason is None else cut.get(reason) or escape.quoted(reason)


def _until(expires_at: datetime | None) -> str:
    return "never" if expires_at is None else time(expires_at)


def calls(plan: Plan, rate: float) -> str:
    """How many calls the plan makes, and how long they take at `rate` calls a second; 0 is without a limit."""
    calls = plan.calls
    if not calls:
        return "No DisconnectUser calls."
    total = _count(calls.total(), "DisconnectUser call")
    if not rate:
        return f"{total}."
    seconds = max(calls.values()) / rate
    where = f" in each of {len(calls)} regions" if len(calls) > 1 else ""
    return f"{total}, {'' if seconds > _YEAR else 'about '}{_duration(seconds)} at {rate:g} calls/s{where}."


def _duration(seconds: float) -> str:
    if seconds > _YEAR:  # infinite, where the rate is next to nothing
        return "more than a year"
    seconds = math.ceil(seconds)
    if seconds < 120:
        return f"{seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _hints(plan: Plan, ban_list: str) -> list[str]:
    if not plan.expired:
        return []
    expired = [address(plan, key) for key in plan.expired]
    whose = "its ban has" if len(expired) == 1 else "their bans have"
    return [
        "",
        f"Hint: nothing is done about {_named(expired, 3)}: {whose} expired, and can be taken out of {ban_list}.",
    ]


def _named(texts: Sequence[str], most: int) -> str:
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _column(texts: Iterable[str]) -> int:
    return min(max(map(_cells, texts), default=0), _WIDEST_ADDRESS)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _cells(text: str) -> int:
    """The width of an escaped text on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only lists in other scripts need it

    return cell_len(text)
