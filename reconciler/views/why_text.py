"""What is known of one user, as text: the verdict first, then what there is to say of each room."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from textwrap import dedent
from typing import Final

from reconciler import escape
from reconciler.banlist.about import Entry
from reconciler.bans import room_name
from reconciler.denylist.value import End
from reconciler.plan.change import Because
from reconciler.plan.why import Answer, Commit, Lifted, Ruling, Standing
from reconciler.views import wording
from reconciler.views.layout import broken, folded, wrapped

_BLOCKS: Final = 5  # rooms, or groups of rooms, that are shown
_ROOMS: Final = 5  # names of rooms in a sentence
_LINES: Final = 20  # of an entry
_SUBJECT: Final = 72  # characters
_LABEL: Final = 14  # cells


def why(answer: Answer, *, everything: bool = False, width: int | None = None) -> str:
    """The verdict on a user, and where it comes from; ends with a line break.

    Args:
        answer: what is known.
        everything: show every room, and whole entries.
        width: cells of a line on the terminal; None for no limit.
    """
    parts = [wrapped(verdict(answer), width)]
    groups = list(_groups(answer.rulings))
    shown = groups if everything else groups[:_BLOCKS]
    for group in shown:
        name = ", ".join(_room(answer, ruling) for ruling in group) if everything else _rooms(answer, group)
        parts.append("\n".join([escape.line(name), *_laid_out(_rows(answer, group, everything=everything), width)]))
    if more := sum(map(len, groups)) - sum(map(len, shown)):
        parts.append(wrapped(f"… and {wording.count(more, 'more ban')}; --all shows every one.", width))
    if answer.lifted is not None:
        parts.append("\n".join(_lifted(answer, answer.lifted, width)))
    foot = [wrapped(escape.line(line), width) for line in _foot(answer)]
    return "\n\n".join([*parts, *(["\n".join(foot)] if foot else [])]) + "\n"


def verdict(answer: Answer) -> str:
    """Whether the user is banned, where, and until when: one sentence or two."""
    user = escape.line(escape.user_id(answer.user_id))
    banned = [ruling for ruling in answer.rulings if ruling.banned]
    asked = "" if answer.room is None else f" in {escape.terminal(room_name(answer.room, answer.room_names))}"
    if banned:
        ends = {ruling.until for ruling in banned}
        if len(ends) == 1:
            return f"{user} is banned {_where(answer, banned)} {_until(*ends)}."
        if len(banned) <= _ROOMS:
            each = [f"{_where(answer, [ruling])} {_until(ruling.until)}" for ruling in banned]
            return f"{user} is banned {'; '.join(each)}."
        last = None if None in ends else max(end for end in ends if end is not None)
        return f"{user} is banned {_where(answer, banned)}, {_until(last)} at the longest."
    coming = [ruling for ruling in answer.rulings if ruling.due in (Because.NEW, Because.LAPSED)]
    if coming:
        return f"{user} is not banned yet{asked}: the next apply bans the user {_where(answer, coming)}."
    return f"{user} is not banned{asked}."


def _where(answer: Answer, rulings: Sequence[Ruling]) -> str:
    if any(ruling.key.room_arn == "*" for ruling in rulings):
        return "everywhere"
    return f"in {_rooms(answer, rulings)}"


def _rooms(answer: Answer, rulings: Sequence[Ruling]) -> str:
    names = [_room(answer, ruling) for ruling in rulings]
    return wording.some(names, _ROOMS) + (" rooms" if len(names) > _ROOMS + 1 else "")


def _room(answer: Answer, ruling: Ruling | Lifted) -> str:
    return escape.terminal(room_name(ruling.key.room_arn, answer.room_names))


def _until(end: End) -> str:
    return "for good" if end is None else f"until {wording.time(end)}"


def _groups(rulings: Iterable[Ruling]) -> Iterator[list[Ruling]]:
    """Bans that differ only in their room, and in when the user was disconnected there."""
    groups: dict[object, list[Ruling]] = {}
    for ruling in rulings:
        alike = (ruling.because, ruling.banned, ruling.until, ruling.reason, ruling.listed, ruling.entry, ruling.due)
        groups.setdefault((*alike, ruling.word, ruling.is_owed, ruling.record is None), []).append(ruling)
    yield from groups.values()


def _laid_out(rows: Iterable[tuple[str, str]], width: int | None) -> Iterator[str]:
    indent = " " * (_LABEL + 2)
    for label, value in rows:
        line = f"  {label:{_LABEL}}{value}"
        yield from [line] if width is None else broken(folded(line, width), width, indent)


def _rows(answer: Answer, group: Sequence[Ruling], *, everything: bool) -> Iterator[tuple[str, str]]:
    ruling = group[0]
    ban_list = escape.terminal(PurePath(answer.ban_list).name)
    ended = ruling.until is not None and ruling.until <= answer.now
    if ruling.banned:
        yield "banned", _until(ruling.until)
    elif ended and ruling.until is not None:
        yield "not banned", f"the ban has expired, {wording.time(ruling.until)}"
    else:
        yield "not banned", f"not yet; the ban is to hold {_until(ruling.until)}"
    if ruling.because in (Standing.LISTED, Standing.RECORDED):
        yield "reason", "none" if ruling.reason is None else escape.quoted(ruling.reason)
    if ruling.entry is not None:
        yield "listed", escape.terminal(f"{ruling.entry.path}:{ruling.entry.line}")
        yield from (("", line) for line in _entry(ruling.entry, everything=everything))
    if ruling.commit is not None:
        yield "written", _commit(ruling.commit)
    elif ruling.is_committed is False:
        yield "written", "not committed yet"
    if ruling.record is not None:
        yield "disconnected", _disconnected(group)
        if len(group) == 1 and ruling.record.request_id is not None:
            yield "request ID", escape.terminal(ruling.record.request_id)
    elif ruling.because is Standing.LISTED:
        yield "recorded", "no: no apply has enforced it"
    if ruling.word is not None:
        yield from _denylist(ruling)
    if said := _next(ruling, ban_list, has_denylist=answer.denylist is not None):
        yield "next apply", said


def _entry(entry: Entry, *, everything: bool) -> Iterator[str]:
    lines = dedent(entry.text).split("\n") if entry.text else []
    shown = lines if everything else lines[:_LINES]
    yield from (f"  {escape.line(line.rstrip())}" for line in shown)
    if more := len(lines) - len(shown):
        yield f"  … {wording.count(more, 'more line')}"


def _commit(commit: Commit) -> str:
    subject = ""
    if commit.subject is not None:
        cut = commit.subject if len(commit.subject) <= _SUBJECT else f"{commit.subject[:_SUBJECT]}…"
        subject = f": {escape.quoted(cut)}"
    author = escape.terminal(commit.author)
    return f"{wording.time(commit.date)} by {author}, commit {escape.terminal(commit.id[:7])}{subject}"


def _disconnected(group: Sequence[Ruling]) -> str:
    times = sorted(
        ruling.record.disconnected_at
        for ruling in group
        if ruling.record is not None and ruling.record.disconnected_at is not None
    )
    if len(times) > 1 and times[0] != times[-1]:
        return f"{wording.time(times[0])} to {wording.time(times[-1])}"
    return wording.disconnected(group[0].record)


def _denylist(ruling: Ruling) -> Iterator[tuple[str, str]]:
    word = ruling.word
    if word is None:
        return
    if word.is_published:
        record = ruling.record
        differs = record is not None and record.ban.expires_at != word.until
        yield "denylist", f"{_until(word.until)}{'; the state has another end' if differs else ''}"
    elif ruling.banned and ruling.record is not None and word.provisional_until is None:
        yield "denylist", "not there, though the state records the ban: `reconciler plan --refresh` shows what is wrong"
    elif ruling.because is not Standing.PROVISIONAL:
        yield "denylist", "not there"
    if word.provisional_until is not None:
        until = wording.time(word.provisional_until)
        yield "provisional", f"until {until}; the ban lasts longer only if it is merged into the list, and applied"


def _next(ruling: Ruling, ban_list: str, *, has_denylist: bool) -> str:
    """What the next apply does about a ban; empty if it leaves it as it is."""
    publishes = "publishes the ban, and " if has_denylist else ""
    said = (
        {
            Because.NEW: f"{publishes}disconnects the user",
            Because.LAPSED: f"{publishes}disconnects the user again, as the last ban has run out or is about to",
            Because.CHANGED: f"records what {ban_list} has now: {_terms(ruling)}",
            Because.REMOVED: f"lifts the ban: {ban_list} does not have it any more",
            Because.EXPIRED: "lifts the ban: it has expired",
        }.get(ruling.due)
        if ruling.due is not None
        else None
    )
    if ruling.due is Because.EXPIRED and ruling.banned:
        said = f"lifts the ban: it has expired according to {ban_list}"
    if said is None and ruling.because is Standing.PUBLISHED:
        said = "takes the ban out of the denylist: neither the list nor the state has it"
    if said is None and ruling.is_owed:
        said = "disconnects the user once more, so that the ban settles"
    if said is None and ruling.because is Standing.LISTED and ruling.record is None:
        said = f"nothing: the entry can be taken out of {ban_list}"
    return said or ""


def _terms(ruling: Ruling) -> str:
    if ruling.listed is None:
        return ""
    reason = "no reason" if ruling.listed.reason is None else escape.quoted(ruling.listed.reason)
    return f"{reason}, {_until(ruling.listed.expires_at)}"


def _lifted(answer: Answer, lifted: Sequence[Lifted], width: int | None) -> Iterator[str]:
    if not lifted:
        yield "No ban of this user was lifted, as far as git tells."
        return
    yield "Lifted bans, the latest first:"
    for each in lifted:
        reason = "" if each.ban.reason is None else f"   {escape.quoted(each.ban.reason)}"
        yield wrapped(f"  {escape.line(_room(answer, each))}{reason}", width)
        rows = [("banned", _commit(each.added))] if each.added is not None else []
        for line in _laid_out([*rows, ("lifted", _commit(each.removed))], width):
            yield f"  {line}" if width is None else line
    if answer.more_lifted:
        yield f"  … and {answer.more_lifted:,} more"


def _foot(answer: Answer) -> Iterator[str]:
    ban_list = PurePath(answer.ban_list).name
    if answer.protected_by is not None:
        yield f"{ban_list} protects this user from bans: {answer.protected_by} is under `protected_users`."
    if answer.unread is not None:
        yield answer.unread
    if answer.untold is not None:
        yield f"Git cannot tell more: {answer.untold}."
    if answer.suggestions:
        *others, last = map(escape.user_id, answer.suggestions)
        meant = f"{', '.join(others)} or {last}" if others else last
        yield f"Nothing is known of this user. Did you mean {meant}?"
    elif not answer.rulings and not answer.lifted:
        if answer.only_state:
            yield f"The state knows of no ban; what {ban_list} says is not known."
        else:
            yield f"Neither {ban_list} nor the state knows of a ban."
    if not answer.rulings and answer.lifted is None:
        yield "`--history` looks for bans that were lifted."
