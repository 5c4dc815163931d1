"""What an issue says of a list that is not applied: its title, its text, and what is said once it is applied.

What a list's author controls comes escaped, from the plan or in a fence. The rest is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from reconciler import escape
from reconciler.ci.runner import fenced

LIMIT: Final = 64_000  # UTF-16 units: GitHub takes 65,536 characters, and a marker of up to 1,028 comes before it

_OUTPUT: Final = 12_000  # units of the output of the apply: its end says what went wrong, and what to do about it
_FAILURES: Final = 10  # sentences of the steps that failed
_MAX_PATH: Final = 100  # characters
_INTERRUPTED: Final = {130, 143}
_CLOSES: Final = "The next apply that works closes this issue."


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has something to tell.

    Attributes:
        ban_list: the path of its list.
        url: the page of the run.
        name: what tells the run from all others.
        mentions: whom to mention, such as `@alice @org/team`; empty for nobody.
        found: how many changes a schedule has found that were merged and never applied.
    """

    ban_list: str
    url: str
    name: str
    mentions: str = ""
    found: int = 0

    @property
    def marker(self) -> str:
        """A line that shows nothing, and tells that this run has told it."""
        return f"<!-- run: {self.name} -->"


@dataclass(frozen=True, slots=True)
class Failure:
    """How a run has failed.

    Attributes:
        begun: whether the apply began.
        code: the exit code of the apply; None if it did not get to its end.
        why: why steps have failed, in their own words.
        output: the end of what the apply printed.
        left: the plan as of now, in Markdown; empty if there is none.
        refused: whether no apply carries that plan out: the list is wrong, or a guardrail refuses it.
    """

    begun: bool
    code: int | None = None
    why: Sequence[str] = ()
    output: str = ""
    left: str = ""
    refused: bool = False


def title(ban_list: str) -> str:
    """The title of the issue of a list."""
    return f"Not applied: {_shown(ban_list)}"


def failed(run: Run, failure: Failure) -> str:
    """What a run that has failed has to say, within what an issue or a comment may have."""
    parts = [run.marker, _opening(run, _headline(run, failure))]
    if run.found:
        parts.append(f"The schedule found {_changes(run.found)} that had been merged but never applied.")
    parts += [f"- {why}" for why in failure.why[:_FAILURES]]
    parts.append(f"**What to do:** {_advice(failure)} {_CLOSES}")
    if failure.output.strip():
        parts.append(f"The end of the output:\n\n{fenced(_end(failure.output, _OUTPUT)).rstrip()}")
    if not failure.left:
        return "\n\n".join([*parts, "This run could not find out what is left. `reconciler plan` shows it.\n"])
    heading = "**What is wrong:**" if _stopped_by_list(failure) else "**What is left:**"
    return _with_plan([*parts, heading], failure.left)


def found(run: Run, plan: str) -> str:
    """What a schedule has to say that found changes which were merged and never applied, and has applied them.

    Args:
        run: the run.
        plan: what it found, in Markdown.
    """
    name = _code(run.ban_list)
    headline = f"The schedule found {_changes(run.found)} in {name} that had been merged but never applied."
    parts = [
        run.marker,
        _opening(run, headline, "applied what it found, so nothing is left to do"),
        "**What to do:** Find out why the run of the merge did not apply it. It may have failed, been cancelled, or"
        " never started.",
        "**What was found:**",
    ]
    return _with_plan(parts, plan or "The log of the run has it.\n")


def works(run: Run) -> str:
    """What is said before the issue is closed."""
    return f"{run.marker}\n\n**{_code(run.ban_list)} is applied.** [This run]({run.url}) did what was left.\n"


def _headline(run: Run, failure: Failure) -> str:
    name = _code(run.ban_list)
    if not failure.begun:
        return f"Nothing new in {name} was applied."
    if failure.code is None:
        return f"The apply of {name} was stopped half-way."
    if failure.code in _INTERRUPTED:
        return f"The apply of {name} was interrupted."
    if failure.code == 0:
        return f"{name} was applied, but that could not be recorded."
    return f"Not everything in {name} is applied."


def _advice(failure: Failure) -> str:
    if failure.begun and failure.code == 0:
        return "Do what is said above, before the next apply."
    if failure.begun and (failure.code is None or failure.code in _INTERRUPTED):
        return "Run the job again. It goes on where this run stopped."
    if _stopped_by_list(failure):
        return "Correct the list as it says below. The merge of that change applies it."
    if failure.begun and failure.output.strip():
        where = "The end of the output, below, says"
    else:
        where = "Above it says" if failure.why else "The log of the run says"
    return (
        f"{where} what went wrong. Put that right, and run the job again. That is always safe: what is done is"
        " recorded, and is not done twice."
    )


def _opening(run: Run, headline: str, did: str = "failed") -> str:
    return f"**{headline}** [This run]({run.url}) {did}. {run.mentions}".rstrip()


def _stopped_by_list(failure: Failure) -> bool:
    """Whether the list itself is what has to change, and not what is around it."""
    return failure.refused and not failure.begun and bool(failure.left)


def _changes(number: int) -> str:
    return "1 change" if number == 1 else f"{number:,} changes"


def _with_plan(parts: Sequence[str], plan: str) -> str:
    """The parts, and below them as much of a plan as there is room for."""
    before = "\n\n".join([*parts, ""])
    return before + _beginning(plan, LIMIT - _units(before))


def _beginning(plan: str, limit: int) -> str:
    """The lines of a plan that fit, with what they opened closed, and what is said of the others."""
    if _units(plan) <= limit:
        return plan
    more = "More is left than there is room for here. The log of the run has all of it, and so has `plan --all`.\n"
    limit -= _units(more) + 50
    kept: list[str] = []
    for line in plan.splitlines():
        limit -= _units(line) + 1
        if limit < 0:
            break
        kept.append(line)
    if sum(line.startswith("```") for line in kept) % 2:
        kept.append("```")
    folded = sum(line.startswith("<details") - line.startswith("</details") for line in kept)
    return "\n".join([*kept, *["\n</details>"] * folded, "", more])


def _end(text: str, limit: int) -> str:
    """The last lines of a text that fit."""
    kept: list[str] = []
    for line in reversed(text.splitlines()):
        limit -= _units(line) + 1
        if limit < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _code(path: str) -> str:
    return f"`{_shown(path)}`"


def _shown(path: str) -> str:
    """A path in which nothing is Markdown, a mention or a reference, also in a title."""
    shown = "".join(
        character
        if character in "._-/ " or (character.isalnum() and escape.is_visible(character))
        else quote(character, errors="backslashreplace")
        for character in path
    )
    return shown if len(shown) <= _MAX_PATH else f"…{shown[1 - _MAX_PATH :]}"
