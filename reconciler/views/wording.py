"""The words that views share: each sentence for people is written once.

What others wrote comes in as it is to be shown: escaped for a terminal, or as code in Markdown.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from reconciler.bans import Record
from reconciler.errors import Problem
from reconciler.plan.change import Action, Because, Change, Plan

WARNINGS: Final = 10  # as many are shown with a plan; `validate` shows more
_YEAR: Final = 365 * 24 * 3600  # seconds


def count(number: int, noun: str) -> str:
    """`1 ban`, `2 bans`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and 3 more`."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def time(time: datetime) -> str:
    """`2027-01-31 00:00 UTC`, with seconds if there are any."""
    utc = time.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M:%S UTC" if utc.second or utc.microsecond else "%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """`about 50 s`, `about 2 h 47 min`, rounded up."""
    if seconds > _YEAR:  # infinite if the rate is close to zero
        return "more than a year"
    seconds = math.ceil(seconds)
    if seconds < 120:
        return f"about {seconds} s"
    minutes = math.ceil(seconds / 60)
    return f"about {minutes} min" if minutes < 120 else f"about {minutes // 60} h {minutes % 60} min"


def errors_and_warnings(problems: Iterable[Problem]) -> tuple[int, int]:
    """How many of each there are, with those that only the last of their kind stands for."""
    counts = [0, 0]
    for problem in problems:
        counts[problem.is_warning] += 1 + problem.more
    return counts[0], counts[1]


def found(problems: Sequence[Problem]) -> str:
    """`6 problems`, `6 problems and 2 warnings`."""
    errors, warnings = errors_and_warnings(problems)
    return count(errors, "problem") + (f" and {count(warnings, 'warning')}" if warnings else "")


def problem_count(problems: Sequence[Problem]) -> str:
    """How many problems a list has, as a sentence."""
    files = list(dict.fromkeys(problem.file for problem in problems))
    what = found(problems)
    where = f"{files[0]} has {what}" if len(files) == 1 else f"There are {what} in {len(files):,} files"
    return f"{where}. Nothing was done."


def more_warnings(number: int) -> str:
    """That so many warnings of a plan are not shown."""
    return f"{count(number, 'more warning')}; `reconciler validate` shows them."


# A plan as a whole


def changes(counts: Mapping[Action, int]) -> str:
    """`3 to ban, 1 to lift`, without the actions that are not in `counts`."""
    return ", ".join(f"{counts[action]:,} to {action}" for action in Action if action in counts)


def verdict(plan: Plan, ban_list: str, rate: float | None = None) -> tuple[str, str]:
    """What a plan comes to: a headline, and the sentence that follows it, which may be empty.

    Args:
        plan: the plan.
        ban_list: the file name of the list.
        rate: DisconnectUser calls a second in each account and region, for the estimate; 0 means no limit,
            None the rate of the list.
    """
    if plan.changes:
        always = {Action.BAN: 0, Action.UPDATE: 0, Action.LIFT: 0}
        return f"Plan: {changes(always | plan.counts)}.", _calls(plan, plan.rate if rate is None else rate)
    if plan.left_out:
        return "No changes to the targets.", ""
    return "No changes.", f"The state matches {ban_list}."


def _calls(plan: Plan, rate: float) -> str:
    calls = plan.calls
    if not calls:
        return "No DisconnectUser calls."
    total = count(calls.total(), "DisconnectUser call")
    if not rate:
        return f"{total}."
    where = f" in each of {len(calls)} regions" if len(calls) > 1 else ""
    return f"{total}, {duration(max(calls.values()) / rate)} at {rate:g} calls/s{where}."


def left_out(plan: Plan, option: str) -> str:
    """How many changes `option`, which is `--target`, left out."""
    return f"{count(plan.left_out, 'more change')} left out by {option}."


def refused(plan: Plan, shown: Callable[[str], str] = str) -> list[str]:
    """What the guardrails say against a plan, a sentence each, and what to change if it is right all the same.

    Args:
        plan: the plan.
        shown: makes a text safe for where it is shown.
    """
    sentences = [f"Refused: {shown(refusal.message)}." for refusal in plan.refusals]
    return [
        *sentences,
        exception([shown(refusal.key) for refusal in plan.refusals], shown(PurePath(plan.ban_list).name)),
    ]


def exception(keys: Sequence[str], ban_list: str) -> str:
    """What to do if a plan is right although a guardrail refuses it."""
    return f"If this is meant, change {' and '.join(keys)} in {ban_list}, so that the exception is reviewed too."


def hint(expired: Sequence[str], ban_list: str) -> str:
    """That these entries, given by their addresses, can go."""
    bans, have = ("ban", "has") if len(expired) == 1 else ("bans", "have")
    return f"Hint: the {bans} of {some(expired, 3)} {have} expired, and can be taken out of {ban_list}."


def made(plan: Plan, commit: str) -> str:
    """When a plan was made, and at which commit."""
    return f"Made {time(plan.created_at)} at commit {commit}."


# One change, or one record


def updated(change: Change, quoted: Callable[[str], str]) -> list[str]:
    """What an update changes; `quoted` makes a reason safe to show."""
    if change.before is None or change.after is None:
        return []
    old, new = change.before.ban, change.after
    parts = []
    if old.reason != new.reason:
        shown = ("none" if reason is None else quoted(reason) for reason in (old.reason, new.reason))
        parts.append(f"reason {' → '.join(shown)}")
    if old.expires_at != new.expires_at:
        shown = ("never" if end is None else time(end) for end in (old.expires_at, new.expires_at))
        parts.append(f"expires {' → '.join(shown)}")
    return parts


def why_lifted(plan: Plan, change: Change, ban_list: str) -> str:
    """Why a plan lifts a ban."""
    if change.because is Because.REMOVED:
        return f"removed from {ban_list}"
    ended = change.before.ban.expires_at if change.before is not None else None
    if ended is not None and ended <= plan.created_at:
        return f"expired {time(ended)}"
    return f"expired according to {ban_list}"  # which now ends the ban earlier than the record does


def banned_again(change: Change) -> str:
    """That this user was banned before, and until when; empty if that is not known."""
    if change.because is not Because.LAPSED or change.before is None or change.before.ban.expires_at is None:
        return ""
    return f"again; the last ban ended {time(change.before.ban.expires_at)}"


def disconnected(record: Record | None) -> str:
    """When the user was last disconnected."""
    if record is None or record.disconnected_at is None:
        return "not by reconciler"
    return time(record.disconnected_at)
