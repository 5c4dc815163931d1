"""Whether the list can be used."""

from collections.abc import Iterable

from reconciler.banlist.value import BanList
from reconciler.errors import BanListError, BanListInvalid
from reconciler.verdicts import Check, Verdict, failed, ok, warning
from reconciler.views.wording import count, errors_and_warnings, found

NAME = "list"
_SHOWN = "`reconciler validate` shows each with its place, and what to write instead."


def unusable(path: str, error: BanListError) -> Check:
    """The verdict on a list that cannot be used. A path that cannot be read may be anything that was typed."""
    if isinstance(error, BanListInvalid):
        return failed(NAME, path, f"It has {found(error.problems)}.", _SHOWN)
    begin = "Name the list with -f, or begin one with `reconciler init`."
    return Check(NAME, "the list", Verdict.FAILED, error.whole(), begin, error.private)


def judged(ban_list: BanList) -> Iterable[Check]:
    """The verdict on a list that can be used."""
    bans, rooms = count(len(ban_list.bans), "ban"), count(len(ban_list.rooms), "room")
    detail = f"It is valid: {bans}; {rooms} by name."
    _, warnings = errors_and_warnings(ban_list.warnings)
    if warnings:
        return [warning(NAME, ban_list.path, f"{detail[:-1]}, and {count(warnings, 'warning')}.", _SHOWN)]
    return [ok(NAME, ban_list.path, detail)]
