"""Brakes against a mistake in the list: they refuse a plan, in the pull request where a reviewer sees it."""

import re
from dataclasses import dataclass
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIN_STATE_FOR_LIFTS = 10  # in a smaller state any change is a large share
_WILDCARD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The `guardrails` of a ban list.

    Attributes:
        max_bans: a plan with more `ban` changes than this is refused.
        max_lift_percent: lifting more than this share (0–100) of a state with 10 bans or more is refused.
        protected_users: globs as in `fnmatch`, matched with case; a ban of such a user is an error of the list.
        max_everywhere: a plan with more `ban` changes that mean every room there is than this is refused.
    """

    max_bans: int = 1000
    max_lift_percent: int = 30
    protected_users: tuple[str, ...] = ()
    max_everywhere: int = 10

    def protects(self) -> "Callable[[str], str | None]":
        """A function from a user ID to the first glob that protects it, or None."""
        if not self.protected_users:
            return lambda _user_id: None
        exact = {glob for glob in self.protected_users if not _WILDCARD.search(glob)}
        globs = [(glob, re.compile(translate(glob))) for glob in self.protected_users if glob not in exact]

        def protecting(user_id: str) -> str | None:
            if user_id in exact:
                return user_id
            return next((glob for glob, pattern in globs if pattern.match(user_id)), None)

        return protecting


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a plan may not be applied.

    Attributes:
        key: the key of the ban list to change for an exception, such as `guardrails.max_bans`.
        message: the figures, for people.
        needed: the least value of the key with which the plan may be applied.
    """

    key: str
    message: str
    needed: int


def check(guardrails: Guardrails, *, bans: int, everywhere: int, lifts: int, recorded: int) -> tuple[Refusal, ...]:
    """What these guardrails say to a plan.

    Args:
        guardrails: the limits.
        bans: how many `ban` changes the plan has.
        everywhere: how many of them mean every room there is.
        lifts: how many bans it lifts, without those that the list has and that ran out by themselves.
        recorded: how many bans the state holds.
    """
    refusals = []
    if bans > guardrails.max_bans:
        key = "guardrails.max_bans"
        new = f"{bans:,} new ban{'' if bans == 1 else 's'}"
        refusals.append(Refusal(key, f"it has {new}, and {key} is {guardrails.max_bans:,}", bans))
    if everywhere > guardrails.max_everywhere:
        key = "guardrails.max_everywhere"
        new = f"{everywhere:,} new ban{'' if everywhere == 1 else 's'} everywhere"
        refusals.append(Refusal(key, f"it has {new}, and {key} is {guardrails.max_everywhere:,}", everywhere))
    if recorded >= MIN_STATE_FOR_LIFTS and lifts * 100 > guardrails.max_lift_percent * recorded:
        key = "guardrails.max_lift_percent"
        share = f"{lifts:,} of the {recorded:,} bans in the state ({_percent(lifts, recorded)})"
        needed = -(-lifts * 100 // recorded)  # rounded up
        refusals.append(Refusal(key, f"it lifts {share}, and {key} is {guardrails.max_lift_percent}", needed))
    return tuple(refusals)


def lines(refusals: "Sequence[Refusal]") -> list[str]:
    """What a ban list has to say so that these refuse its plan no longer: lines of YAML, raw.

    They are a whole section, for a list without one; in a list with one, the keys are changed or added.
    """
    section = refusals[0].key.partition(".")[0]
    return [f"{section}:", *(f"  {refusal.key.partition('.')[2]}: {refusal.needed}" for refusal in refusals)]


def _percent(part: int, whole: int) -> str:
    return f"{part * 100 / whole:.3g} %"
