r"""A plan as the body of a comment in a pull request, for GitHub and GitLab.

Whatever a list's author controls stands in a code span: nothing in it is Markdown, HTML, a link, a mention or a
reference. (A numeric character reference outside of one is no shelter: GitHub looks for e-mail addresses and mentions
in the text that has come out.) Inside a table a `|` is written `\|`, as GFM wants it in code spans too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import PurePath
from typing import Final

from reconciler import escape, guardrails
from reconciler.bans import room_name
from reconciler.errors import Problem
from reconciler.plan.change import DRIFT, Action, Change, Plan
from reconciler.views import notices, overview, wording
from reconciler.views.marker import NO_PLAN, marker
from reconciler.views.notices import Setting
from reconciler.views.wording import count

LIMIT: Final = 65_000  # UTF-16 units: GitHub takes 65,536 characters
_OPEN: Final = 20  # a table of at most so many rows is not folded; a plan of more changes has an overview
_REST: Final = 200  # units that the end of a table takes at most, with what is said of rows that are left out
_MAX_SHOWN: Final = 150  # characters of a name that has no limit of its own
_MAX_MESSAGE: Final = 500
_ORDER: Final = (Action.BAN, Action.REPEAT, Action.UPDATE, Action.LIFT)
_WHAT: Final = {
    Action.BAN: "disconnects the user, then records it",
    Action.REPEAT: "disconnects the user again, then records it",
    Action.UPDATE: "changes the record, and calls nobody",
    Action.LIFT: "forgets the record, and calls nobody",
}
_WHAT_MENDS: Final = {
    Action.UPDATE: "changes the record, or publishes the ban again and disconnects the user once more",
    Action.LIFT: "forgets the record, or takes out of the denylist whom nobody knows, and calls nobody",
}
_HEADS: Final = {
    Action.BAN: ("Room", "User", "Reason, which the room sees", "Until"),
    Action.REPEAT: ("Room", "User", "Reason, which the room sees", "Disconnected before"),
    Action.UPDATE: ("Room", "User", "What changes"),
    Action.LIFT: ("Room", "User", "Why", "Was banned for"),
}
_PROBLEM_HEAD: Final = ("Line", "Where", "What is wrong, and what to write instead")
_THE_WHOLE: Final = "the saved plan, the log of the job, or `reconciler plan --all`"


def plan(plan: Plan, setting: Setting | None = None, *, rate: float | None = None, limit: int = LIMIT) -> str:
    """A plan as a comment; ends with a line break.

    A plan of many changes has an overview of who is banned where and why, in numbers. Each action has a table of as
    many of its changes as fit, and the count of the others.

    Args:
        plan: what to show.
        setting: of the plan, for what is odd about it.
        rate: as in `text.plan`.
        limit: UTF-16 units that the comment may have.
    """
    name = _code(_cut(PurePath(plan.ban_list).name))
    actions = overview.by_action(plan)
    odd = "" if setting is None else _notices(plan, setting)
    before = [marker(plan.ban_list) + odd + _verdict(plan, name, rate), *_refusals(plan, name), *_warnings(plan)]
    if len(plan.changes) > _OPEN:
        before += _overview(plan, actions)
    if plan.owed:
        before.append(wording.owed(len(plan.owed)) + "\n")
    if plan.expired:
        expired = [f"{_name(plan, key.room_arn)}/{escape.clear(key.user_id)}" for key in plan.expired]
        before.append(wording.hint(list(map(_code, expired)), name) + "\n")
    after = [] if plan.commit is None else [wording.made(plan, _code(plan.commit[:7])) + "\n"]
    limit -= sum(_units(part) + 1 for part in (*before, *after))
    return "\n".join([*before, *_tables(plan, name.replace("|", r"\|"), actions, limit), *after])


def problems(problems: Sequence[Problem], ban_list: str, *, limit: int = LIMIT) -> str:
    """What is wrong with a ban list, as the comment that would hold its plan; ends with a line break.

    Args:
        problems: at least one.
        ban_list: the list that was to be planned; some of the problems may be in files that it includes.
        limit: UTF-16 units that the comment may have.
    """
    found = wording.found(problems)
    parts = [marker(ban_list) + f"**The ban list has {found}.** Nothing can be planned until this is corrected.\n"]
    limit -= _units(parts[0]) + _REST
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    total, shown = sum(wording.errors_and_warnings(problems)), 0
    for file, some in by_file.items():
        head = f"{_code(_cut(file))}\n\n{_row(*_PROBLEM_HEAD)}{_row('---:', '---', '---')}"
        rows = list(_within(limit - _units(head), map(_problem_row, some)))
        if not rows:
            break
        parts.append(head + "".join(rows))
        limit -= _units(parts[-1]) + 1
        shown += sum(wording.errors_and_warnings(some[: len(rows)]))
    if more := total - shown:
        parts.append(f"{count(more, 'more problem')} not shown here; `reconciler validate` shows more.\n")
    return "\n".join(parts)


def failed(error: str, ban_list: str) -> str:
    """Why there is no plan at all, as the comment that would hold it; ends with a line break.

    Args:
        error: why.
        ban_list: the list that was to be planned.
    """
    return marker(ban_list) + f"{NO_PLAN} {_code(_cut(error, 2 * _MAX_MESSAGE))}\n"


def _problem_row(problem: Problem) -> str:
    where = _cell(_cut(problem.path)) if problem.path else ""
    what = _cell(_cut(problem.detail, _MAX_MESSAGE))
    return _row(f"{problem.line}:{problem.column}", where, f"Warning: {what}" if problem.is_warning else what)


def _notices(plan: Plan, setting: Setting) -> str:
    """What is odd about a plan, before all else; empty if nothing is."""

    def shown(name: str) -> str:
        return _code(_cut(name))

    lines = [f"> {sentence}\n" for sentence in notices.everything(plan, setting, shown)]
    return "> [!WARNING]\n" + ">\n".join(lines) + "\n" if lines else ""


def _verdict(plan: Plan, name: str, rate: float | None) -> str:
    headline, rest = wording.verdict(plan, name, rate)
    left_out = wording.left_out(plan, "`--target`") if plan.left_out else ""
    return " ".join(filter(None, [f"**{headline}**", rest, left_out])) + "\n"


def _refusals(plan: Plan, name: str) -> list[str]:
    if not plan.refusals:
        return []
    few = plan.refusals[:5]  # there are two guardrails; a file may claim more
    said = [f"**Refused:** {_code(_cut(refusal.message, _MAX_MESSAGE))}." for refusal in few]
    advice = wording.exception(few, name, lambda text: _code(_cut(text)))
    yaml = [_cut(escape.terminal(line)) for line in guardrails.lines(few)]
    lines = "\n\n".join([*said, f"{advice} {wording.THE_LINES}", "\n".join(["```yaml", *yaml, "```"])]).split("\n")
    return ["> [!CAUTION]\n" + "".join(f"> {line}".rstrip() + "\n" for line in lines)]


def _warnings(plan: Plan) -> list[str]:
    """What a reviewer should look at before anything else."""
    if not plan.warnings:
        return []
    few = plan.warnings[: wording.WARNINGS]
    head = f"> [!WARNING]\n> **{count(wording.errors_and_warnings(plan.warnings)[1], 'warning')}:**\n"
    rows = [f"> - {_code(_cut(_where(warning)))}: {_code(_cut(warning.detail, _MAX_MESSAGE))}\n" for warning in few]
    if rest := plan.warnings[wording.WARNINGS :]:
        rows.append(f"> - {wording.more_warnings(wording.errors_and_warnings(rest)[1])}\n")
    return [head + "".join(rows)]


def _where(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}:{problem.column} {problem.path}"


def _overview(plan: Plan, actions: dict[Action, list[Change]]) -> Iterator[str]:
    """What a reviewer has to know of a plan that is too long to be read."""
    if bans := actions.get(Action.BAN):
        where, reasons = wording.banned(bans, lambda reason: _code(_cut(escape.clear(reason))))
        yield f"**{where}** {reasons}\n"
    columns = [action for action in _ORDER if action in actions or action is not Action.REPEAT]
    rows = [_row("Room", *(f"To {action}" for action in columns)), _row("---", *["---:"] * len(columns))]
    by_room = overview.by_room(plan)
    shown = [(_cell(_cut(escape.terminal(room))), counts) for room, counts in by_room[: overview.ROOMS]]
    if rest := by_room[overview.ROOMS :]:
        shown.append((f"and {count(len(rest), 'more room')}", sum((counts for _, counts in rest), Counter())))
    rows += [_row(room, *(f"{counts[action]:,}" for action in columns)) for room, counts in shown]
    yield "".join(rows)


def _tables(plan: Plan, name: str, actions: dict[Action, list[Change]], limit: int) -> Iterator[str]:
    """A fold for each action. Each may take as much as each of those after it, and what it leaves is for them."""
    order = [action for action in _ORDER if action in actions]
    for index, action in enumerate(order):
        table = _table(plan, name, action, actions[action], limit // (len(order) - index))
        limit -= _units(table) + 1
        yield table


def _table(plan: Plan, name: str, action: Action, changes: Sequence[Change], limit: int) -> str:
    # Beside many bans, a few updates and lifts are not what a reviewer should see first.
    weighed = len(changes) if action in (Action.BAN, Action.REPEAT) else len(plan.changes)
    opened = " open" if weighed <= _OPEN else ""
    head = _HEADS[action]
    mends = any(change.because in DRIFT for change in changes)
    what = _WHAT_MENDS[action] if mends else _WHAT[action]
    table = f"<details{opened}><summary><b>{len(changes):,} to {action}</b>: {what}</summary>\n\n"
    table += _row(*head) + _row(*["---"] * len(head))
    rows = list(_within(limit - _units(table) - _REST, (_change_row(plan, name, change) for change in changes)))
    table += "".join(rows)
    if more := len(changes) - len(rows):
        table += f"\n**{more:,} more to {action} are not shown here.** They are in {_THE_WHOLE}.\n"
    return f"{table}\n</details>\n"


def _change_row(plan: Plan, name: str, change: Change) -> str:
    before, after = change.before, change.after
    cells = [_cell(_name(plan, change.key.room_arn)), _cell(escape.clear(change.key.user_id))]
    if after is None:
        cells += [wording.why_lifted(plan, change, name), _reason(before.ban.reason if before is not None else None)]
    elif change.action is Action.UPDATE:
        cells.append(", ".join(wording.updated(change, _reason)))
    elif change.action is Action.REPEAT:
        cells += [_reason(after.reason), wording.disconnected(before)]
    else:
        again = wording.banned_again(plan, change)
        cells += [_reason(after.reason), _until(after.expires_at) + (f", {again}" if again else "")]
    return _row(*cells)


def _until(expires_at: datetime | None) -> str:
    return "for good" if expires_at is None else wording.time(expires_at)


def _reason(reason: str | None) -> str:
    return "none" if reason is None else _cell(escape.clear(reason))


def _name(plan: Plan, room_arn: str) -> str:
    return _cut(room_name(room_arn, plan.room_names))


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
