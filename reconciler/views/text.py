"""Plans and states as text for a terminal or a log. Everything that a list's author controls is escaped."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import Final, Protocol

from reconciler import escape, guardrails
from reconciler.bans import BanKey, Record, room_name
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.state.value import State
from reconciler.views import overview, wording
from reconciler.views.layout import broken, folded, wrapped
from reconciler.views.report import Ending
from reconciler.views.rows import Row, column, laid_out
from reconciler.views.wording import count

_SIGNS: Final = {Action.BAN: "+", Action.UPDATE: "~", Action.LIFT: "-", Action.REPEAT: "±"}
_COLOURS: Final = {Action.BAN: 31, Action.UPDATE: 33, Action.LIFT: 32, Action.REPEAT: 35}
_WORDS: Final = {Action.BAN: "disconnect", Action.UPDATE: "update", Action.LIFT: "lift", Action.REPEAT: "repeat"}
_SHOWN: Final = 100  # changes of a longer plan
_MOST_IN_OVERVIEW: Final = 60  # characters of a reason
_FAILURES: Final = 20  # reasons for failed bans that are told, each with ten of them


class Named(Protocol):
    """Something that names rooms: a plan, a ban list."""

    @property
    def room_names(self) -> Mapping[str, str]:
        """ARN → name."""


def plan(
    plan: Plan, *, rate: float | None = None, colour: bool = False, everything: bool = False, width: int | None = None
) -> str:
    """A plan, change by change, with its summary, hints and refusals; ends with a line break.

    A plan of more than a hundred changes is shown as who is banned where and why, in numbers, the counts of each room
    and the first changes of each action.

    Args:
        plan: what to show.
        rate: DisconnectUser calls a second in each account and region, for the estimate; 0 means no limit,
            None the rate of the list.
        colour: with ANSI colours.
        everything: show every change in full.
        width: cells of a line on the terminal; None for no limit.
    """
    ban_list = escape.terminal(PurePath(plan.ban_list).name)
    headline, rest = wording.verdict(plan, ban_list, rate)
    lines: list[str] = []
    foot = [f"{headline} {rest}".rstrip()]
    if plan.changes:
        lines, dated = _changes(plan, ban_list, colour=colour, everything=everything, width=width)
        foot = ["", headline, rest, *([wording.A_DATE] if dated else [])]
    if plan.left_out:
        foot.append(wording.left_out(plan, "--target"))
    if plan.owed:
        foot.append(wording.owed(len(plan.owed)))
    if plan.expired:
        foot += ["", wording.hint([address(key, plan.room_names) for key in plan.expired], ban_list)]
    lines += [wrapped(line, width) for line in foot]
    if plan.refusals:
        refused = "\n".join([*wording.refused(plan, escape.terminal), wording.THE_LINES])
        lines += ["", wrapped(refused, width), "", *map(escape.line, guardrails.lines(plan.refusals))]
    if plan.warnings:
        warned = _warnings(plan, len(plan.warnings) if everything else wording.WARNINGS)
        lines += ["", *(wrapped(line, width) for line in warned)]
    return "\n".join(lines) + "\n"


def _warnings(plan: Plan, most: int) -> Iterator[str]:
    yield from (escape.line(str(warning)) for warning in plan.warnings[:most])
    if rest := plan.warnings[most:]:
        yield wording.more_warnings(wording.errors_and_warnings(rest)[1])


def _changes(plan: Plan, ban_list: str, *, colour: bool, everything: bool, width: int | None) -> tuple[list[str], bool]:
    """The lines that show the changes, and whether one has a date without its time."""
    rows = partial(_rows, plan, ban_list, colour=colour, cut=not everything, width=width)
    if everything or len(plan.changes) <= _SHOWN:
        return rows(plan.changes)
    actions = overview.by_action(plan)
    about = _overview(plan, actions.get(Action.BAN, ()))
    lines = [wrapped(line if width is None else folded(line, width), width) for line in about]
    shares = _shares({action: len(changes) for action, changes in actions.items()})
    any_dated = False
    for action, changes in actions.items():
        shown, dated = rows(changes[: shares[action]])
        lines += shown
        any_dated |= dated
        if more := len(changes) - shares[action]:
            lines.append(wrapped(f"  … and {more:,} more to {action}", width))
    are_shown = f"{sum(shares.values()):,} of {len(plan.changes):,} changes are shown; --all shows every one."
    return [*lines, "", wrapped(are_shown, width)], any_dated


def _shares(counts: Mapping[Action, int]) -> dict[Action, int]:
    """How many changes of each action to show: alike, and what the rarer ones leave goes to the others."""
    shares: dict[Action, int] = {}
    for action in sorted(counts, key=counts.__getitem__):
        shares[action] = min(counts[action], (_SHOWN - sum(shares.values())) // (len(counts) - len(shares)))
    return shares


def _overview(plan: Plan, bans: Sequence[Change]) -> Iterator[str]:
    """What a reviewer has to know of a plan that is too long to be read."""
    if bans:
        yield " ".join(wording.banned(bans, lambda reason: escape.quoted(_cut(reason, _MOST_IN_OVERVIEW))))
        yield ""
    rooms = overview.by_room(plan)
    for name, counts in rooms[: overview.ROOMS]:
        yield f"{escape.line(name)}: {wording.changes(counts)}"
    if rest := rooms[overview.ROOMS :]:
        yield f"{count(len(rest), 'more room')}: {wording.changes(sum((counts for _, counts in rest), Counter()))}"
    yield ""


def _rows(
    plan: Plan, ban_list: str, changes: Sequence[Change], *, colour: bool, cut: bool, width: int | None
) -> tuple[list[str], bool]:
    """A row for each change, and whether one has a date without its time."""
    addresses = [address(change.key, plan.room_names) for change in changes]
    rows = (
        Row(
            f"  {_SIGNS[change.action]} ",
            shown,
            f"{'publish' if change.because is Because.UNPUBLISHED else _WORDS[change.action]:10}",
            partial(_details, plan, ban_list, change),
        )
        for change, shown in zip(changes, addresses, strict=True)
    )
    laid = laid_out(rows, column(addresses, width), width=width, cut=cut)
    lines, any_dated = [], False
    for change, (line, dated) in zip(changes, laid, strict=True):
        lines.append(f"  \x1b[{_COLOURS[change.action]}m{line[2]}\x1b[0m{line[3:]}" if colour else line)
        any_dated |= dated
    return lines, any_dated


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _details(plan: Plan, ban_list: str, change: Change, most: int, at: Callable[[datetime], str]) -> str:
    """What there is to say of a change; see `Row.details`."""

    def quoted(reason: str) -> str:
        return escape.quoted(_cut(reason, most))

    after = change.after
    if after is None:
        return wording.why_lifted(plan, change, ban_list, at)
    if change.action is Action.UPDATE:
        return "   ".join(wording.updated(change, quoted, at))
    parts = [
        "" if after.reason is None else quoted(after.reason),
        "" if after.expires_at is None else f"until {at(after.expires_at)}",
        wording.banned_again(plan, change, at),
    ]
    if change.action is Action.REPEAT and change.before is not None and change.before.disconnected_at is not None:
        parts.append(f"disconnected before, {wording.disconnected(change.before, at)}")
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
        addresses = [address(outcome.change.key, plan.room_names) for outcome in failed]
        lines += ["", f"Failed: {wording.some(addresses, 10)}", f"  {escape.line(advice)}"]
        if (error := failed[0].error) is not None and error.answer:
            lines.append(f"  {escape.line(error.answer)}")
    if rest := list(islice(failures.values(), _FAILURES, None)):
        others = sum(map(len, rest))
        lines += ["", f"Failed: {count(others, 'more ban')}, for {count(len(rest), 'other reason')}"]
    lines += ["", *(wording.retired(escape.terminal(place)) for place in ending.retired), _totals(tally)]
    if tally.not_started and failures and not ending.interrupted:
        lines.append("The rest was not tried, since calls to its account and region could not succeed.")
    if not tally.complete:
        done = tally.banned + tally.updated + tally.lifted + tally.repeated
        kept = (
            f"What is done is recorded in {escape.terminal(ending.state_location)}." if done else "Nothing is recorded."
        )
        lines.append(f"{kept} {'Make a new plan' if ending.saved_plan else 'Apply again'} to go on from here.")
    if ending.owed:
        lines.append(wording.owed(ending.owed))
    return "\n".join(lines) + "\n"


def _totals(tally: Tally) -> str:
    counts = {
        "banned": tally.banned,
        "updated": tally.updated,
        "lifted": tally.lifted,
        "repeated": tally.repeated,
        "settled": tally.settled,
        "failed": tally.failed,
        "not started": tally.not_started,
    }
    always = ("banned", "updated", "lifted") if tally.complete else ("banned", "failed", "not started")
    parts = [f"{number:,} {what}" for what, number in counts.items() if number or what in always]
    return f"Apply {'complete' if tally.complete else 'incomplete'}: {', '.join(parts)}."


def state(
    state: State,
    room_names: Mapping[str, str],
    location: str,
    now: datetime,
    *,
    everything: bool = True,
    width: int | None = None,
) -> str:
    """Who is banned where, one ban a line, and the totals; ends with a line break.

    Args:
        state: what is recorded.
        room_names: ARN → name.
        location: where the state is kept.
        now: bans that have ended by then are said to be expired.
        everything: show every ban, and not only the first hundred.
        width: cells of a line on the terminal; None for no limit.
    """
    recorded = sorted(state.records.items())
    some = recorded if everything else recorded[:_SHOWN]
    addresses = [address(key, room_names) for key, _ in some]
    rows = (
        Row("  ", shown, "", partial(_record_details, record, now))
        for shown, (_, record) in zip(addresses, some, strict=True)
    )
    shown = list(laid_out(rows, column(addresses, width), width=width, cut=False))
    if more := len(recorded) - len(some):
        shown.append((f"  … and {more:,} more; --all shows every one.", False))
    lapsed = sum(not record.ban.in_force(now) for _, record in recorded)
    total = f"{count(len(recorded), 'ban')} in {escape.terminal(location)}, serial {state.serial}"
    total += f"; {lapsed:,} of them expired, to be lifted by the next apply." if lapsed else "."
    owed = sum(state.records[key].ban.in_force(now) for key in state.unsettled)
    foot = [total, *([wording.owed(owed)] if owed else [])]
    foot += [wording.A_DATE] if any(dated for _, dated in shown) else []
    lines = [line for line, _ in shown]
    return "\n".join([*lines, *([""] if lines else []), *(wrapped(line, width) for line in foot)]) + "\n"


def _record_details(record: Record, now: datetime, most: int, at: Callable[[datetime], str]) -> str:
    ban = record.ban
    since = f"disconnected {at(record.disconnected_at)}" if record.disconnected_at is not None else "imported"
    parts = [f"{since:33}"]
    if ban.expires_at is not None:
        parts.append(f"{'until' if ban.in_force(now) else 'expired'} {at(ban.expires_at)}")
    if ban.reason is not None:
        parts.append(escape.quoted(_cut(ban.reason, most)))
    return "   ".join(parts).rstrip()


def record(
    key: BanKey, record: Record, room_names: Mapping[str, str], now: datetime, *, width: int | None = None
) -> str:
    """Everything that the state knows of one ban, one line each; ends with a line break."""
    ban = record.ban
    ends = "never" if ban.expires_at is None else wording.time(ban.expires_at)
    rows = {
        "user": escape.user_id(key.user_id),
        "room": escape.terminal(room_name(key.room_arn, room_names)),
        "room ARN": escape.terminal(key.room_arn),
        "reason": "none" if ban.reason is None else escape.quoted(ban.reason),
        "ends": ends if ban.in_force(now) else f"{ends} (it has)",
        "disconnected": wording.disconnected(record),
        "request ID": escape.terminal(record.request_id or "none"),
    }
    if record.published_at is not None and ban.in_force(now):
        rows["settled"] = "not yet: the next apply disconnects the user once more"
    lines = [f"{name:14}{value}" for name, value in rows.items()]
    if width is not None:
        lines = [part for line in lines for part in broken(line, width, " " * 14)]
    return "\n".join(lines) + "\n"


def addresses(names: Named, keys: Iterable[BanKey], indent: str = "  ") -> str:
    """One address a line."""
    return "".join(f"{indent}{escape.line(address(key, names.room_names))}\n" for key in keys)


def address(key: BanKey, room_names: Mapping[str, str]) -> str:
    """`ROOM/USER_ID`, escaped; a user ID with spaces, quotes or invisible characters is in quotes."""
    return f"{escape.terminal(room_name(key.room_arn, room_names))}/{escape.user_id(key.user_id)}"


def made(plan: Plan) -> str:
    """When and at which commit a saved plan was made, if a commit is known; ends with a line break."""
    return "" if plan.commit is None else f"{wording.made(plan, plan.commit[:7])}\n"
