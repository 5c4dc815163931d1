"""What a command says on standard output, in the format that was asked for.

Commands hand over values as they are. A report takes the user IDs out, so that no command can forget to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Final

from reconciler.banlist.value import BanList
from reconciler.bans import AccountRegion
from reconciler.errors import BanListError, BanListInvalid, ReconcilerError
from reconciler.plan.change import Change, Plan
from reconciler.plan.outcome import Outcome, Tally
from reconciler.redaction import Redaction
from reconciler.state.value import State
from reconciler.views import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a report goes, and how it is to look there.

    Attributes:
        write: takes finished text, or JSON in UTF-8.
        redact: takes the user IDs out.
        ban_list: path of the list that the command was given.
        colour: with ANSI colours.
        width: cells of a line on the terminal; None for no limit.
        everything: show every change, however many there are, and whole.
        contents: reads files, to show what stands in them; it leaves out those that cannot be read any more.
        list_exists: whether there is such a list.
        from_root: the path of a file from the root of the repository, as GitHub names it.
    """

    write: Callable[[str | bytes], object]
    redact: Redaction
    ban_list: str
    colour: bool = False
    width: int | None = None
    everything: bool = False
    contents: Callable[[Iterable[str]], Mapping[str, bytes]] = lambda _files: {}
    list_exists: bool = True
    from_root: Callable[[str], str] = lambda file: file


class Report:
    """A report that says nothing. Each format overrides what it has a form for.

    Attributes:
        tells_problems: whether `failed` tells every problem of a list, so that only their count is left to say.
        shows_progress: whether progress may be shown beside it.
    """

    tells_problems = False
    shows_progress = True

    def __init__(self, output: Output) -> None:
        self.output = output

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Report why there is nothing else to report, if that is so; the error goes on to whoever ends the command."""
        try:
            yield
        except ReconcilerError as error:
            shown = self.output.redact.error(error)
            self.failed(shown)
            if self.tells_problems and isinstance(shown, BanListInvalid):
                raise BanListError(wording.problem_count(shown.problems)) from error
            raise

    def failed(self, error: ReconcilerError) -> None:
        """Why there is no verdict, no plan or no state; the error names nobody who is to be hidden."""

    def valid(self, ban_list: BanList) -> None:
        """The list has no problems."""

    def plan(self, plan: Plan, state_location: str, *, rate: float | None = None) -> None:
        """A plan, with what guardrails say against it; `rate` as for `text.plan`."""

    def made(self, plan: Plan) -> None:
        """When and where a saved plan was made."""

    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        """Who is banned where."""

    def applying(self, plan: Plan, skipped: Sequence[Change]) -> None:
        """These changes are carried out now, without those whose ban has expired since the plan was made."""

    def ended(self, plan: Plan, outcome: Outcome) -> None:
        """One change has ended."""

    def throttled(self, where: AccountRegion) -> None:
        """The service has throttled a call, and the pace has been reduced."""

    def applied(self, plan: Plan, outcomes: Sequence[Outcome], tally: Tally, ending: "Ending") -> None:
        """The apply has ended."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an apply came to its end.

    Attributes:
        state_location: where what was done is recorded.
        saved_plan: whether it carried out a saved plan.
        interrupted: whether a signal ended it.
    """

    state_location: str
    saved_plan: bool
    interrupted: bool


_REPORTS: Final = {  # each imports what it needs; a plan as text is not to wait for the others
    "text": "text_report:TextReport",
    "markdown": "markdown_report:MarkdownReport",
    "json": "json_report:JsonReport",
    "json lines": "json_lines:JsonLinesReport",
    "github": "github_report:GithubReport",
}


def report(format: str, output: Output) -> Report:
    """A report as `text`, `markdown`, `json` (one document), `json lines` or `github` (annotations)."""
    module, _, name = _REPORTS[format].partition(":")
    made: Report = getattr(import_module(f"reconciler.views.{module}"), name)(output)
    return made
