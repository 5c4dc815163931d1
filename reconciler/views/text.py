"""Plans and states as text for a terminal or a log. Everything that a list's author controls is escaped."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import Final, Protocol

from reconciler import escape
from reconciler.bans import REASON_MAX, BanKey, Record
from reconciler.plan.change import Action, Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.state.value import State
from reconciler.views import overview, wording
from reconciler.views.report import Ending
from reconciler.views.wording import count

_SIGNS: Final = {Action.BAN: "+", Action.UPDATE: "~", Action.LIFT: "-", Action.REPEAT: "±"}
_COLOURS: Final = {Action.BAN: 31, Action.UPDATE: 33, Action.LIFT: 32, Action.REPEAT: 35}
_WORDS: Final = {Action.BAN: "disconnect", Action.UPDATE: "update", Action.LIFT: "lift", Action.REPEAT: "repeat"}
_WIDEST_ADDRESS: Final = 60  # terminal cells; a longer address shifts the columns of its own line
_SHOWN: Final = 100  # changes of a longer plan
_FAILURES: Final = 20  # reasons for failed bans that are told, each with ten of them
_LEAST_REASON: Final = 20  # characters of a reason that are shown, however narrow the terminal


class Named(Protocol):
    """Something that names rooms: a plan, a ban list."""

    @property
    def room_names(self) -> Mapping[str, str]:
        """ARN → name."""


def plan(
    plan: Plan, *, rate: float | None = None, colour: bool = False, everything: bool = False, width: int | None = None
) -> str:
    """A plan, change by change, with its summary, hints and refusals; ends with a line break.

    A plan of more than a hundred changes is shown as the counts of each room and the first changes of each action.

    Args:
        plan: what to show.
        rate: DisconnectUser calls a second in each account and region, for the estimate; 0 means no limit,
            None the rate of the list.
        colour: with ANSI colours.
        everything: show every change in full.
        width: cells of a line on the terminal; reasons are cut to 20 characters at least to fit. None cuts nothing.
    """
    ban_list = escape.terminal(PurePath(plan.ban_list).name)
    rows = partial(_rows, plan, ban_list, colour=colour, width=None if everything else width)
    headline, rest = wording.verdict(plan, ban_list, rate)
    if not plan.changes:
        lines = [f"{headline} {rest}".rstrip()]
    elif everything or len(plan.changes) <= _SHOWN:
        lines = [*rows(plan.changes), "", headline, rest]
    else:
        lines = [*_counts(plan), ""]
        shown = 0
        actions = overview.by_action(plan)
        shares = _shares({action: len(changes) for action, changes in actions.items()})
        for action, changes in actions.items():
            first = changes[: shares[action]]
            shown += len(first)
            lines += rows(first)
            if more := len(changes) - len(first):
                lines.append(f"  … and {more:,} more to {action}")
        lines += ["", f"{shown:,} of {len(plan.changes):,} changes are shown; --all shows every one."]
        lines += ["", headline, rest]
    if plan.left_out:
        lines.append(wording.left_out(plan, "--target"))
    if plan.expired:
        lines += ["", wording.hint([address(plan, key) for key in plan.expired], ban_list)]
    if plan.refusals:
        lines += ["", *wording.refused(plan, escape.terminal)]
    if plan.warnings:
        lines += ["", *_warnings(plan, len(plan.warnings) if everything else wording.WARNINGS)]
    return "\n".join(lines) + "\n"


def _warnings(plan: Plan, most: int) -> Iterator[str]:
    yield from (escape.line(str(warning)) for warning in plan.warnings[:most])
    if rest := plan.warnings[most:]:
        yield wording.more_warnings(wording.errors_and_warnings(rest)[1])


def _shares(counts: Mapping[Action, int]) -> dict[Action, int]:
    """How many changes of each action to show: alike, and what the rarer ones leave goes to the others."""
    shares: dict[Action, int] = {}
    for action in sorted(counts, key=counts.__getitem__):
        shares[action] = min(counts[action], (_SHOWN - sum(shares.values())) // (len(counts) - len(shares)))
    return shares


def _counts(plan: Plan) -> Iterator[str]:
    """How many changes of each action the rooms of a plan have, a room a line."""
    rooms = overview.by_room(plan)
    for name, counts in rooms[: overview.ROOMS]:
        yield f"{escape.line(name)}: {wording.changes(counts)}"
    if rest := rooms[overview.ROOMS :]:
        yield f"{count(len(rest), 'more room')}: {wording.changes(sum((counts for _, counts in rest), Counter()))}"


def _rows(plan: Plan, ban_list: str, changes: Sequence[Change], *, colour: bool, width: int | None) -> Iterator[str]:
    addresses = [address(plan, change.key) for change in changes]
    column = _column(addresses)
    for change, shown in zip(changes, addresses, strict=True):
        sign = _SIGNS[change.action]
        if colour:
            sign = f"\x1b[{_COLOURS[change.action]}m{sign}\x1b[0m"
        what = f"{_padded(shown, column)}   {_WORDS[change.action]:10}   "
        details = _details(plan, ban_list, change, REASON_MAX)
        if width is not None and (over := 4 + _cells(what) + _cells(details) - width) > 0:
            # Leaving out a character saves a cell or more, and the ellipsis takes one.
            bans = (change.after, change.before and change.before.ban)
            longest = max(len(ban.reason or "") if ban else 0 for ban in bans)
            details = _details(plan, ban_list, change, max(_LEAST_REASON, longest - over - 1))
        yield f"  {sign} {what}{details}".rstrip()


def _details(plan: Plan, ban_list: str, change: Change, most: int) -> str:
    """What there is to say of a change, with at most so many characters of each reason."""

    def quoted(reason: str) -> str:
        return escape.quoted(reason if len(reason) <= most else f"{reason[:most]}…")

    after = change.after
    if after is None:
        return wording.why_lifted(plan, change, ban_list)
    if change.action is Action.UPDATE:
        return "   ".join(wording.updated(change, quoted))
    parts = [
        "" if after.reason is None else quoted(after.reason),
        "" if after.expires_at is None else f"until {wording.time(after.expires_at)}",
        wording.banned_again(change),
    ]
    if change.action is Action.REPEAT and change.before is not None and change.before.disconnected_at is not None:
        parts.append(f"disconnected before, {wording.disconnected(change.before)}")
    return "   ".join(filter(None, parts))


def applied(plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> str:
    """How an apply ended: what failed and why, grouped by the reason, then the totals; ends with a line break."""
    tally = ending.tally
    lines: list[str] = []
    failures: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            failures.setdefault(outcome.error.advice, []).append(outcome)
    for advice, failed in islice(failures.items(), _FAILURES):
        addresses = [address(plan, outcome.change.key) for outcome in failed]
        lines += ["", f"Failed: {wording.some(addresses, 10)}", f"  {escape.line(advice)}"]
        if (error := failed[0].error) is not None and error.answer:
            lines.append(f"  {escape.line(error.answer)}")
    if rest := list(islice(failures.values(), _FAILURES, None)):
        others = sum(map(len, rest))
        lines += ["", f"Failed: {count(others, 'more ban')}, for {count(len(rest), 'other reason')}"]
    lines += ["", _totals(tally)]
    if tally.not_started and failures and not ending.interrupted:
        lines.append("The rest was not tried, since calls to its account and region could not succeed.")
    if not tally.complete:
        done = tally.banned + tally.updated + tally.lifted + tally.repeated
        kept = (
            f"What is done is recorded in {escape.terminal(ending.state_location)}." if done else "Nothing is recorded."
        )
        lines.append(f"{kept} {'Make a new plan' if ending.saved_plan else 'Apply again'} to go on from here.")
    return "\n".join(lines) + "\n"


def _totals(tally: Tally) -> str:
    counts = {
        "banned": tally.banned,
        "updated": tally.updated,
        "lifted": tally.lifted,
        "repeated": tally.repeated,
        "failed": tally.failed,
        "not started": tally.not_started,
    }
    always = ("banned", "updated", "lifted") if tally.complete else ("banned", "failed", "not started")
    parts = [f"{number:,} {what}" for what, number in counts.items() if number or what in always]
    return f"Apply {'complete' if tally.complete else 'incomplete'}: {', '.join(parts)}."


def state(state: State, room_names: Mapping[str, str], location: str, now: datetime, *, everything: bool = True) -> str:
    """Who is banned where, one ban a line, and the totals; ends with a line break.

    Args:
        state: what is recorded.
        room_names: ARN → name.
        location: where the state is kept.
        now: bans that have ended by then are said to be expired.
        everything: show every ban, and not only the first hundred.
    """
    recorded = sorted(state.records.items())
    shown = recorded if everything else recorded[:_SHOWN]
    rows = [(_address(key, room_names), _record_details(record, now)) for key, record in shown]
    width = _column(address for address, _ in rows)
    lines = [f"  {_padded(address, width)}   {details}" for address, details in rows]
    if more := len(recorded) - len(shown):
        lines.append(f"  … and {more:,} more; --all shows every one.")
    lapsed = sum(not record.ban.in_force(now) for _, record in recorded)
    total = f"{count(len(recorded), 'ban')} in {escape.terminal(location)}, serial {state.serial}"
    total += f"; {lapsed:,} of them expired, to be lifted by the next apply." if lapsed else "."
    return "\n".join([*lines, "", total] if lines else [total]) + "\n"


def _record_details(record: Record, now: datetime) -> str:
    ban = record.ban
    since = f"disconnected {wording.time(record.disconnected_at)}" if record.disconnected_at is not None else "imported"
    parts = [f"{since:33}"]
    if ban.expires_at is not None:
        parts.append(f"{'until' if ban.in_force(now) else 'expired'} {wording.time(ban.expires_at)}")
    if ban.reason is not None:
        parts.append(escape.quoted(ban.reason))
    return "   ".join(parts).rstrip()


def record(key: BanKey, record: Record, room_names: Mapping[str, str], now: datetime) -> str:
    """Everything that the state knows of one ban, one line each; ends with a line break."""
    ban = record.ban
    ends = "never" if ban.expires_at is None else wording.time(ban.expires_at)
    rows = {
        "user": escape.user_id(key.user_id),
        "room": escape.terminal(room_names.get(key.room_arn, key.room_arn)),
        "room ARN": escape.terminal(key.room_arn),
        "reason": "none" if ban.reason is None else escape.quoted(ban.reason),
        "ends": ends if ban.in_force(now) else f"{ends} (it has)",
        "disconnected": wording.disconnected(record),
        "request ID": escape.terminal(record.request_id or "none"),
    }
    return "".join(f"{name:14}{value}\n" for name, value in rows.items())


def addresses(names: Named, keys: Iterable[BanKey], indent: str = "  ") -> str:
    """One address a line."""
    return "".join(f"{indent}{escape.line(_address(key, names.room_names))}\n" for key in keys)


def address(plan: Plan, key: BanKey) -> str:
    """`ROOM/USER_ID`, escaped; a user ID with spaces, quotes or invisible characters is in quotes."""
    return _address(key, plan.room_names)


def _address(key: BanKey, room_names: Mapping[str, str]) -> str:
    return f"{escape.terminal(room_names.get(key.room_arn, key.room_arn))}/{escape.user_id(key.user_id)}"


def made(plan: Plan) -> str:
    """When and at which commit a saved plan was made, if a commit is known; ends with a line break."""
    return "" if plan.commit is None else f"{wording.made(plan, plan.commit[:7])}\n"


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
