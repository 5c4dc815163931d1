r"""A plan as the body of a comment in a pull request, for GitHub and GitLab.

Whatever a list's author controls stands in a code span: nothing in it is Markdown, HTML, a link, a mention or a
reference. (A numeric character reference outside of one is no shelter: GitHub looks for e-mail addresses and mentions
in the text that has come out.) Inside a table a `|` is written `\|`, as GFM wants it in code spans too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from reconciler import escape
from reconciler.bans import BanKey
from reconciler.errors import Problem
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.views import text

LIMIT: Final = 65_000  # UTF-16 units: GitHub takes 65,536 characters
_OPEN: Final = 20  # a table of at most so many rows is not folded; a plan of more changes has an overview
_ROOMS: Final = 10  # that the overview names
_REASONS: Final = 3
_FRAME: Final = 400  # units that the fold of an action takes at most, with what is said of the rest
_MIN_TABLE: Final = 400  # units that a table gets at least, so that it has a few rows
_REST: Final = 60  # units that what is said of the rest of a table takes at most
_MAX_PATH: Final = 1000
_MAX_SHOWN: Final = 150  # characters of a name that has no limit of its own
_MAX_MESSAGE: Final = 500
_ORDER: Final = (Action.BAN, Action.REPEAT, Action.UPDATE, Action.LIFT)
_TITLES: Final = {Action.BAN: "to ban", Action.REPEAT: "to repeat", Action.UPDATE: "to update", Action.LIFT: "to lift"}
_WHAT: Final = {
    Action.BAN: "disconnects the user, then records it",
    Action.REPEAT: "disconnects the user again, then records it",
    Action.UPDATE: "changes the record, and calls nobody",
    Action.LIFT: "forgets the record, and calls nobody",
}
_HEADS: Final = {
    Action.BAN: ("User", "Reason, which the room sees", "Until"),
    Action.REPEAT: ("User", "Reason, which the room sees", "Disconnected before"),
    Action.UPDATE: ("User", "What changes"),
    Action.LIFT: ("User", "Why", "Was banned for"),
}
_PROBLEM_HEAD: Final = ("Line", "Where", "What is wrong, and what to write instead")
_THE_WHOLE: Final = "the saved plan, the log of the job, or `reconciler plan --all`"


def marker(ban_list: str) -> str:
    """The first line of a comment: invisible, and the same for every plan of a list, to find the comment again."""
    path = quote(PurePath(ban_list).as_posix(), errors="backslashreplace").replace("--", "-%2D")
    if len(path) > _MAX_PATH:
        path = f"sha256-{sha256(path.encode()).hexdigest()}"
    return f"<!-- reconciler-plan: {path} -->\n"


def plan(plan: Plan, *, rate: float | None = None, limit: int = LIMIT) -> str:
    """A plan as a comment; ends with a line break.

    A plan of many changes has an overview of who is banned where and why, in numbers. Where not everything has room,
    each action and each room gets a share, and the counts of what is left out are given.

    Args:
        plan: what to show.
        rate: as in `text.plan`.
        limit: UTF-16 units that the comment may have.
    """
    name = _code(_cut(PurePath(plan.ban_list).name))
    groups = _grouped(plan.changes, most=limit // len("| `` |  |\n"))
    before = [marker(plan.ban_list) + _verdict(plan, name, rate)]
    before += _refusals(plan, name) + _overview(plan, groups) + _hints(plan, name)
    after = []
    if plan.commit is not None:
        after.append(f"Made {text.time(plan.created_at)} at commit {_code(plan.commit[:7])}.\n")
    used = sum(map(_units, before)) + sum(map(_units, after)) + len(before) + len(after)
    return "\n".join([*before, *_tables(plan, groups, name.replace("|", r"\|"), limit - used), *after])


def problems(problems: Sequence[Problem], ban_list: str, *, limit: int = LIMIT) -> str:
    """What is wrong with a ban list, as the comment that would hold its plan; ends with a line break.

    Args:
        problems: at least one.
        ban_list: the list that was to be planned; some of the problems may be in others.
        limit: UTF-16 units that the comment may have.
    """
    count = len(problems)
    has = "1 problem" if count == 1 else f"{count:,} problems"
    parts = [marker(ban_list) + f"**The ban list has {has}.** Nothing can be planned until this is corrected.\n"]
    room = limit - _units(parts[0]) - _FRAME
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    shown = 0
    for file, some in by_file.items():
        head = f"{_code(_cut(file))}\n\n{_row(*_PROBLEM_HEAD)}{_row('---:', '---', '---')}"
        rows = list(_within(room - _units(head), map(_problem_row, some)))
        if not rows:
            break
        parts.append(head + "".join(rows))
        room -= _units(parts[-1]) + 1
        shown += len(rows)
    if count > shown:
        parts.append(f"{_more(count - shown, 'problem')} not shown here; `reconciler validate` lists them all.\n")
    return "\n".join(parts)


def failed(error: str, ban_list: str) -> str:
    """Why there is no plan at all, as the comment that would hold it; ends with a line break.

    Args:
        error: why.
        ban_list: the list that was to be planned.
    """
    return marker(ban_list) + f"**There is no plan.** {_code(_cut(error, 2 * _MAX_MESSAGE))}\n"


def _problem_row(problem: Problem) -> str:
    where = _cell(_cut(problem.path)) if problem.path else ""
    return _row(f"{problem.line}:{problem.column}", where, _cell(_cut(problem.message, _MAX_MESSAGE)))


def _verdict(plan: Plan, name: str, rate: float | None) -> str:
    if plan.changes:
        summary = text.summary(plan)
        sentence = f"**{summary}** {text.calls(plan, plan.rate if rate is None else rate)}"
    elif plan.left_out:
        sentence = "**No changes to the targets.**"
    else:
        sentence = f"**No changes.** The state matches {name}."
    if plan.left_out:
        sentence += f" {_more(plan.left_out, 'change')} left out by `--target`."
    return sentence + "\n"


def _refusals(plan: Plan, name: str) -> list[str]:
    if not plan.refusals:
        return []
    few = plan.refusals[:5]  # there are two guardrails; a file may claim more
    said = [f"> **Refused:** {_code(_cut(refusal.message, _MAX_MESSAGE))}.\n" for refusal in few]
    keys = " and ".join(_code(_cut(refusal.key)) for refusal in few)
    advice = f"> If this is meant, change {keys} in {name}, so that the exception is reviewed too.\n"
    return [">\n".join([f"> [!CAUTION]\n{said[0]}", *said[1:], advice])]


def _hints(plan: Plan, name: str) -> list[str]:
    if not plan.expired:
        return []
    named = ", ".join(_code(_address(plan, key)) for key in plan.expired[:3])
    if (more := len(plan.expired) - 3) > 0:
        named += f" and {more:,} more"
    whose = "its ban has" if len(plan.expired) == 1 else "their bans have"
    return [f"Hint: nothing is done about {named}: {whose} expired, and can be taken out of {name}.\n"]


@dataclass(slots=True)
class _Group:
    """The changes of one action in one room."""

    room_arn: str
    count: int = 0
    first: list[Change] = field(default_factory=list)  # as many as could be shown at all
    rows: list[str] = field(default_factory=list)


_Groups = Mapping[Action, Mapping[str, _Group]]  # the second by room ARN


def _overview(plan: Plan, groups: _Groups) -> list[str]:
    """What a reviewer has to know of a plan that is too long to be read."""
    if len(plan.changes) <= _OPEN:
        return []
    bans = [change for change in plan.changes if change.action is Action.BAN]
    if not bans:
        return [_rooms(plan, groups)]
    users = len({change.key.user_id for change in bans})
    where = _counted(len(groups[Action.BAN]), "room")
    who = f"**{_counted(len(bans), 'ban')} of {_counted(users, 'user')} in {where}.**"
    return [f"{who} {_reasons(bans)}\n", _rooms(plan, groups)]


def _reasons(bans: Iterable[Change]) -> str:
    counts = Counter(change.after.reason for change in bans if change.after is not None)
    named = [
        f"{'none' if reason is None else _code(_cut(escape.clear(reason)))} ({count:,})"
        for reason, count in counts.most_common(_REASONS)
    ]
    if more := len(counts) - len(named):
        named.append(f"and {more:,} {'other' if more == 1 else 'others'}")
    return f"Reason{'' if len(counts) == 1 else 's'}: {', '.join(named)}."


def _rooms(plan: Plan, groups: _Groups) -> str:
    """How many changes of each kind each room has, those with the most bans first."""
    actions = [action for action in _ORDER if action in groups or action is not Action.REPEAT]
    rooms: dict[str, list[int]] = {}
    for column, action in enumerate(actions):
        for room_arn, group in groups.get(action, {}).items():
            rooms.setdefault(room_arn, [0] * len(actions))[column] = group.count
    largest = sorted(rooms.items(), key=lambda room: (room[1][0], sum(room[1])), reverse=True)
    rows = [_row("Room", *(_TITLES[action].capitalize() for action in actions)), _row("---", *["---:"] * len(actions))]
    for room_arn, counts in largest[:_ROOMS]:
        rows.append(_row(_cell(_cut(plan.room_names.get(room_arn, room_arn))), *(f"{count:,}" for count in counts)))
    if rest := largest[_ROOMS:]:
        sums = map(sum, zip(*(counts for _, counts in rest), strict=True))
        rows.append(_row(f"and {_more(len(rest), 'room')}", *(f"{count:,}" for count in sums)))
    return "".join(rows)


def _tables(plan: Plan, groups: _Groups, name: str, limit: int) -> Iterator[str]:
    actions = [action for action in _ORDER if action in groups]
    # The least first: what it leaves over is for those that need more.
    for index, action in enumerate(sorted(actions, key=lambda action: _count(groups[action]))):
        share = limit // (len(actions) - index)
        limit -= _fill(plan, name, action, groups[action], share)
    for action in actions:
        yield _section(plan, action, groups[action])


def _grouped(changes: Iterable[Change], most: int) -> _Groups:
    groups: dict[Action, dict[str, _Group]] = {}
    for change in changes:
        room_arn = change.key.room_arn
        by_room = groups.setdefault(change.action, {})
        group = by_room.get(room_arn)
        if group is None:
            group = by_room[room_arn] = _Group(room_arn)
        group.count += 1
        if group.count <= most:
            group.first.append(change)
    return groups


def _count(by_room: Mapping[str, _Group]) -> int:
    return sum(group.count for group in by_room.values())


def _fill(plan: Plan, name: str, action: Action, by_room: Mapping[str, _Group], limit: int) -> int:
    """Make the rows of an action that there is room for, and return how many units its section takes at most."""
    most = max(1, (limit - _FRAME) // _MIN_TABLE)
    shown = sorted(islice(by_room.values(), most), key=lambda group: group.count)
    used = _FRAME
    for index, group in enumerate(shown):
        share = (limit - used) // (len(shown) - index)
        head = _units(_table_head(plan, action, group)) + _REST
        group.rows = list(_within(share - head, (_change_row(plan, name, change) for change in group.first)))
        if group.rows:
            used += head + sum(map(_units, group.rows))
    return used


def _section(plan: Plan, action: Action, by_room: Mapping[str, _Group]) -> str:
    count = _count(by_room)
    shown = [group for group in by_room.values() if group.rows]
    # Beside many bans, a few updates and lifts are not what a reviewer should see first.
    weighed = count if action in (Action.BAN, Action.REPEAT) else len(plan.changes)
    opened = " open" if weighed <= _OPEN else ""
    parts = [f"<details{opened}><summary><b>{count:,} {_TITLES[action]}</b>: {_WHAT[action]}</summary>\n"]
    for group in shown:
        table = _table_head(plan, action, group) + "".join(group.rows)
        if (more := group.count - len(group.rows)) > 0 and len(by_room) > 1:
            table += f"\n{_more(more)} here not shown.\n"
        parts.append(table)
    rooms = len(by_room) - len(shown)
    if rooms:
        rest = count - sum(group.count for group in shown)
        parts.append(f"{_more(rest)} in {rooms:,} {'room' if rooms == 1 else 'rooms'} not shown.\n")
    if (missing := count - sum(len(group.rows) for group in shown)) > 0:
        parts.append(f"**{missing:,} of {count:,} {_TITLES[action]} are not shown.** They are in {_THE_WHOLE}.\n")
    parts.append("</details>\n")
    return "\n".join(parts)


def _table_head(plan: Plan, action: Action, group: _Group) -> str:
    head = _HEADS[action]
    room = _code(_cut(plan.room_names.get(group.room_arn, group.room_arn)))
    return f"{room}: {group.count:,}\n\n{_row(*head)}{_row(*['---'] * len(head))}"


def _change_row(plan: Plan, name: str, change: Change) -> str:
    before, after = change.before, change.after
    cells = [_cell(escape.clear(change.key.user_id))]
    match change.action:
        case Action.BAN if after is not None:
            until = _until(after.expires_at)
            if change.because is Because.LAPSED and before is not None and before.ban.expires_at is not None:
                until += f", again; the last ban ended {text.time(before.ban.expires_at)}"
            cells += [_reason(after.reason), until]
        case Action.REPEAT if after is not None:
            last = before.disconnected_at if before is not None else None
            cells += [_reason(after.reason), text.time(last) if last is not None else "never by this tool"]
        case Action.UPDATE if after is not None and before is not None:
            parts = []
            if before.ban.reason != after.reason:
                parts.append(f"reason {_reason(before.ban.reason)} → {_reason(after.reason)}")
            if before.ban.expires_at != after.expires_at:
                parts.append(f"until {_until(before.ban.expires_at)} → {_until(after.expires_at)}")
            cells.append(", ".join(parts))
        case _:
            ended = before.ban.expires_at if before is not None else None
            if change.because is Because.REMOVED:
                why = f"removed from {name}"
            elif ended is not None and ended <= plan.created_at:
                why = f"expired {text.time(ended)}"
            else:
                why = f"expired according to {name}"
            cells += [why, _reason(before.ban.reason if before is not None else None)]
    return _row(*cells)


def _until(expires_at: datetime | None) -> str:
    return "for good" if expires_at is None else text.time(expires_at)


def _reason(reason: str | None) -> str:
    return "none" if reason is None else _cell(escape.clear(reason))


def _address(plan: Plan, key: BanKey) -> str:
    return f"{_cut(plan.room_names.get(key.room_arn, key.room_arn))}/{escape.clear(key.user_id)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(shown: str) -> str:
    return _code(shown).replace("|", r"\|")


def _code(shown: str) -> str:
    """A code span for text in which nothing is invisible."""
    shown = escape.terminal(shown) or " "
    runs = {len(run) for run in _BACKTICKS.findall(shown)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    # One space at each end is taken off, unless there is nothing else.
    pad = " " if (shown[0] in "` " or shown[-1] in "` ") and shown.strip(" ") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _cut(shown: str, most: int = _MAX_SHOWN) -> str:
    return shown if len(shown) <= most else shown[:most] + "…"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _more(count: int, noun: str = "") -> str:
    noun = f" {noun}{'' if count == 1 else 's'}" if noun else ""
    return f"{count:,} more{noun}"


def _within(limit: int, rows: Iterable[str]) -> Iterator[str]:
    """Rows, as long as they fit into so many UTF-16 units."""
    for row in rows:
        limit -= _units(row)
        if limit < 0:
            return
        yield row


def _units(shown: str) -> int:
    return len(shown) if shown.isascii() else len(shown.encode("utf-16-le")) // 2


_BACKTICKS: Final = re.compile("`+")
