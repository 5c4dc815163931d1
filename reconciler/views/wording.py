"""The words that views share: each sentence for people is written once.

What others wrote comes in as it is to be shown: escaped for a terminal, or as code in Markdown.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from reconciler.bans import EVERYWHERE, AccountRegion, Record
from reconciler.errors import Problem
from reconciler.guardrails import Refusal
from reconciler.plan.change import Action, Because, Change, Plan
from reconciler.plan.outcome import Cause, Tally, Trouble

NOTHING_DONE: Final = "Nothing was done."

A_DATE: Final = "A date without a time means 00:00 UTC."

WARNINGS: Final = 10  # as many are shown with a plan; `validate` shows more
_YEAR: Final = 365 * 24 * 3600  # seconds
_REASONS: Final = 3


def count(number: int, noun: str) -> str:
    """`1 ban`, `2 bans`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(texts: Sequence[str], most: int) -> str:
    """`a, b and 3 more`."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def listed(texts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last


def time(time: datetime) -> str:
    """`2027-01-31 00:00 UTC`, with seconds if there are any."""
    utc = time.astimezone(UTC)
    return utc.strftime("%Y-%m-%d %H:%M:%S UTC" if utc.second or utc.microsecond else "%Y-%m-%d %H:%M UTC")


def short_time(when: datetime) -> str:
    """The same, but midnight is `2027-01-31` alone; say `A_DATE` once then."""
    shown = time(when)
    return shown.removesuffix(" 00:00 UTC")


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
    if files == [""]:  # a command line
        where = what.capitalize()
    else:
        where = f"{files[0]} has {what}" if len(files) == 1 else f"There are {what} in {len(files):,} files"
    return f"{where}. {NOTHING_DONE}"


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
    first, second = plan.calls, settling_calls(plan, rate)
    places = first | second
    unknown = ""
    if plan.rooms_found_at_apply and any(c.disconnects and c.key.room_arn == EVERYWHERE for c in plan.changes):
        unknown = f" {'More' if places else 'Calls'} for bans everywhere: apply finds out in which rooms the users are."
    if not places:
        return unknown.lstrip() or "No DisconnectUser calls."
    total = count(first.total(), "DisconnectUser call")
    if second:
        more = f"{second.total():,} more" if first else count(second.total(), "DisconnectUser call")
        settling = f"{more} after {plan.settle_after} s, to settle"
        total = f"{total}, {settling}" if first else settling
    if not rate:
        return f"{total}.{unknown}"
    where = f" in each of {len(places)} regions" if len(places) > 1 else ""
    wait = plan.settle_after if second else 0
    seconds = max(max(first[place] / rate, wait if second[place] else 0) + second[place] / rate for place in places)
    return f"{total}, {duration(seconds)} at {rate:g} calls/s{where}.{unknown}"


def settling_calls(plan: Plan, rate: float) -> Counter[AccountRegion]:
    """How many second calls a plan takes: those that are owed, and those for first calls that come early.

    Args:
        plan: the plan.
        rate: DisconnectUser calls a second in each account and region; 0 means no limit.
    """
    early = plan.settle_after * rate if rate else math.inf
    new = {place: min(calls, math.ceil(early)) if rate else calls for place, calls in plan.calls.items()}
    return plan.settle_calls + Counter(new if plan.denylist is not None else {})


def banned(bans: Collection[Change], shown: Callable[[str], str]) -> tuple[str, str]:
    """How many users new bans are of and in how many rooms, and the most frequent reasons: two sentences.

    Args:
        bans: changes with the action `ban`.
        shown: makes a reason safe for where it is shown.
    """
    rooms, users = ({change.key[part] for change in bans} for part in (0, 1))
    where = f"{count(len(bans), 'ban')} of {count(len(users), 'user')} in {count(len(rooms), 'room')}."
    counts = Counter(change.after.reason for change in bans if change.after is not None)
    named = [
        f"{'none' if reason is None else shown(reason)} ({number:,})" for reason, number in counts.most_common(_REASONS)
    ]
    if more := len(counts) - len(named):
        named.append(f"and {more:,} {'other' if more == 1 else 'others'}")
    return where, f"Reason{'' if len(counts) == 1 else 's'}: {', '.join(named)}."


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
    return [*sentences, exception(plan.refusals, shown(PurePath(plan.ban_list).name), shown)]


def exception(refusals: Sequence[Refusal], ban_list: str, shown: Callable[[str], str] = str) -> str:
    """What to do if a plan is right although guardrails refuse it."""
    settings = " and ".join(f"{shown(refusal.key)} to {shown(str(refusal.needed))}" for refusal in refusals)
    return f"If this is meant, set {settings} in {ban_list}, so that the exception is reviewed too."


THE_LINES: Final = "The lines to add there, or to change:"
"""What comes before `guardrails.lines`."""


def hint(expired: Sequence[str], ban_list: str) -> str:
    """That these entries, given by their addresses, can go."""
    bans, have = ("ban", "has") if len(expired) == 1 else ("bans", "have")
    return f"Hint: the {bans} of {some(expired, 3)} {have} expired, and can be taken out of {ban_list}."


def made(plan: Plan, commit: str) -> str:
    """When a plan was made, and at which commit."""
    return f"Made {time(plan.created_at)} at commit {commit}."


def done(tally: Tally, *, recorded: bool, saved_plan: bool) -> str:
    """What an apply that could not go on has done, and what is left.

    Args:
        tally: of its changes.
        recorded: whether the state has it; else somebody has said where it is.
        saved_plan: whether it carried out a saved plan.
    """
    counts = {"banned": tally.banned, "updated": tally.updated, "lifted": tally.lifted, "repeated": tally.repeated}
    parts = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    if not parts:
        return f"{NOTHING_DONE} {'Make a new plan' if saved_plan else 'Apply again'} once that is mended."
    left = tally.failed + tally.not_started
    return (
        f"Done{' and recorded' if recorded else ''}: {parts}; {left:,} left."
        f" {'Make a new plan' if saved_plan else 'Apply again'} to go on from here."
    )


def question(plan: Plan, shown: Callable[[str], str], emptied: Sequence[str] = ()) -> str:
    """What to ask before a plan is carried out.

    Args:
        plan: the plan.
        shown: makes a URL or a location safe for where it is shown.
        emptied: denylists that are emptied too.
    """
    where = "" if plan.endpoint is None else f" at {shown(plan.endpoint)}, which is not AWS"
    places = " and ".join(map(shown, emptied))
    if not plan.changes and emptied:
        return f"Empty {places}?"
    also = f", and empty {places}" if emptied else ""
    if plan.calls or any(change.disconnects for change in plan.changes):
        return f"Disconnect these users{where}, and record it{also}?"
    if plan.settle_calls:
        return f"Publish these bans, and disconnect their users once more{where}{also}?"
    return f"Record these changes as made{where}{also}?" if where else f"Record these changes{also}?"


def settling(bans: int, seconds: float) -> str:
    """Why nothing happens at the moment."""
    users = "its user is" if bans == 1 else "their users are"
    return (
        f"Waiting {math.ceil(seconds)} s for {count(bans, 'ban')} to settle: {users} disconnected once more, as tokens"
        " from before the ban may have let them in."
    )


def owed(bans: int) -> str:
    """That bans have yet to settle, and what does it."""
    users = "its user" if bans == 1 else "their users"
    have = "has" if bans == 1 else "have"
    return f"{count(bans, 'ban')} {have} yet to settle: the next apply disconnects {users} once more."


def retired(place: str) -> str:
    """That a denylist was emptied."""
    return f"{place} holds no bans of this list any more."


def gone(place: str) -> str:
    """Why an old denylist need not be emptied."""
    return f"{place} is not there any more for the credentials of this run, so there was nothing to empty."


def not_retired(places: str) -> str:
    """Why old denylists stay as they are for now."""
    return (
        f"{places} stays as it is: not everybody who is banned is in the new denylist yet. Apply again with"
        " --retire-denylist once an apply is complete."
    )


# What holds up an apply


def troubles(troubles: Sequence[Trouble]) -> str:
    """`us-west-2: no answer for 12 s, attempt 2 of 8`; empty if there is none."""
    return some([_trouble(trouble) for trouble in troubles], 3)


def _trouble(trouble: Trouble) -> str:
    lasting = f" for {trouble.seconds:.0f} s"
    what = {
        Cause.NO_ANSWER: f"no answer{lasting}",
        Cause.UNREACHABLE: f"no connection{lasting}",
        Cause.THROTTLED: "slowed down by AWS (429)",
        Cause.SERVICE_FAILS: f"errors of AWS (5xx){lasting}",
    }[trouble.cause]
    if not trouble.stalled:
        return f"{trouble.where.region}: {what}"
    if trouble.cause is Cause.THROTTLED:
        what += f", no success{lasting}"
    return f"{trouble.where.region}: {what}, attempt {trouble.attempt} of {trouble.attempts}"


# One change, or one record


def updated(change: Change, quoted: Callable[[str], str], at: Callable[[datetime], str] = time) -> list[str]:
    """What an update changes; `quoted` makes a reason safe to show, `at` is `time` or `short_time`."""
    if change.before is None or change.after is None:
        return []
    if change.because is Because.UNPUBLISHED:
        return ["not in the denylist as it is recorded"]
    old, new = change.before.ban, change.after
    parts = []
    if old.reason != new.reason:
        shown = ("none" if reason is None else quoted(reason) for reason in (old.reason, new.reason))
        parts.append(f"reason {' → '.join(shown)}")
    if old.expires_at != new.expires_at:
        shown = ("never" if end is None else at(end) for end in (old.expires_at, new.expires_at))
        parts.append(f"expires {' → '.join(shown)}")
    return parts


def why_lifted(plan: Plan, change: Change, ban_list: str, at: Callable[[datetime], str] = time) -> str:
    """Why a plan lifts a ban; `at` is `time` or `short_time`."""
    if change.because is Because.REMOVED:
        return f"removed from {ban_list}"
    if change.because is Because.UNKNOWN:
        return "only in the denylist: neither recorded nor in the list"
    ended = change.before.ban.expires_at if change.before is not None else None
    if ended is not None and ended <= plan.created_at:
        return f"expired {at(ended)}"
    return f"expired according to {ban_list}"  # which now ends the ban earlier than the record does


def banned_again(plan: Plan, change: Change, at: Callable[[datetime], str] = time) -> str:
    """That this user was banned before, and until when; empty if that is not known. `at` is `time` or `short_time`."""
    if change.because is not Because.LAPSED or change.before is None or change.before.ban.expires_at is None:
        return ""
    ends = change.before.ban.expires_at
    return f"again; the last ban {'ended' if ends <= plan.created_at else 'ends'} {at(ends)}"


def disconnected(record: Record | None, at: Callable[[datetime], str] = time) -> str:
    """When the user was last disconnected; `at` is `time` or `short_time`."""
    if record is None or record.disconnected_at is None:
        return "not by reconciler"
    return at(record.disconnected_at)
