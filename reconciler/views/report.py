"""What a command says on standard output, in the format that was asked for.

Commands hand over values as they are. A report takes the user IDs out before the format gets them, so that neither a
command nor a format can forget to.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Final

from reconciler.audit.value import Audit
from reconciler.banlist.value import BanList
from reconciler.bans import AccountRegion
from reconciler.errors import BanListError, BanListInvalid, PlanRefused, ReconcilerError
from reconciler.plan.change import Change, Plan
from reconciler.plan.outcome import Outcome, Tally, Trouble
from reconciler.redaction import Redaction
from reconciler.rooms import ComparedRoom
from reconciler.state.value import State
from reconciler.verdicts import Check
from reconciler.views import wording
from reconciler.views.notices import Setting

if TYPE_CHECKING:
    from reconciler.plan.why import Answer

Troubles = Callable[[], Sequence[Trouble]]
"""What holds up the calls of an apply at the moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a report goes, and how it is to look there.

    Attributes:
        write: takes finished text, or JSON in UTF-8.
        diagnostic: takes messages for standard error, as they are.
        ban_list: path of the list that the command was given.
        redacted: whether hashes stand in place of user IDs.
        colour: with ANSI colours.
        width: cells of a line on the terminal; None for no limit.
        everything: show every change, however many there are, and whole.
        progress: shows how many of so many changes have ended and what holds up the rest, and yields what outcomes
            go to.
        contents: reads files, to show what stands in them; it leaves out those that cannot be read any more.
        list_exists: whether there is such a list.
        from_root: the path of a file from the root of the repository, as GitHub names it.
    """

    write: Callable[[str | bytes], object]
    ban_list: str
    diagnostic: Callable[..., object] = lambda *_messages: None
    redacted: bool = False
    colour: bool = False
    width: int | None = None
    everything: bool = False
    progress: Callable[[int, Troubles], AbstractContextManager[Callable[[Outcome], object]]] = (
        lambda _total, _troubles: nullcontext(lambda _outcome: None)
    )
    contents: Callable[[Iterable[str]], Mapping[str, bytes]] = lambda _files: {}
    list_exists: bool = True
    from_root: Callable[[str], str] = lambda file: file


@dataclass(frozen=True, slots=True)
class Ending:
    """How an apply came to its end.

    Attributes:
        tally: what became of the changes, in numbers.
        state_location: where what was done is recorded.
        saved_plan: whether it carried out a saved plan.
        interrupted: whether a signal ended it.
        owed: how many bans have yet to settle.
        retired: denylists that were emptied, since the list no longer names them.
    """

    tally: Tally
    state_location: str
    saved_plan: bool
    interrupted: bool
    owed: int = 0
    retired: tuple[str, ...] = ()


class Format:
    """How a report looks. This one says nothing: each format overrides what it has a form for.

    Every value that it gets is redacted already.

    Attributes:
        tells_problems: whether `failed` tells every problem of a list, so that only their count is left to say.
        tells_refusals: whether `plan` says in words what guardrails have against a plan.
    """

    tells_problems = False
    tells_refusals = True

    def __init__(self, output: Output) -> None:
        self.output = output

    def failed(self, error: ReconcilerError) -> None:
        """Why there is no verdict, no plan or no state."""

    def valid(self, ban_list: BanList) -> None:
        """The list has no problems. It may have warnings."""

    def plan(self, plan: Plan, setting: Setting, rate: float | None) -> None:
        """A plan, with what is odd about it and what guardrails say against it; `rate` as for `text.plan`."""

    def made(self, plan: Plan) -> None:
        """When and where a saved plan was made."""

    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        """Who is banned where."""

    def audited(self, audit: Audit, ban_list: BanList) -> None:
        """What chat logs say; the list tells the names of rooms, and whether bans are to hold."""

    def checks(self, checks: Sequence[Check]) -> None:
        """What was looked at, and what to do about it; at least one check."""

    def rooms(self, rooms: Sequence[ComparedRoom], regions: Sequence[str]) -> None:
        """The rooms of an account in some regions, beside those of the list."""

    def why(self, answer: "Answer") -> None:
        """What is known of one user."""

    def applying(
        self, plan: Plan, skipped: Iterable[Change], troubles: Troubles
    ) -> AbstractContextManager[Callable[[Outcome], object]]:
        """A plan is carried out now, without the changes whose ban has expired since; it yields what outcomes go to."""
        raise NotImplementedError("an apply has no such format")

    def throttled(self, where: AccountRegion) -> None:
        """The service has throttled a call, and the pace has been reduced."""

    def waiting(self, troubles: Iterable[Trouble]) -> None:
        """What holds up calls now, if anything does; told again and again."""

    def settling(self, bans: int, seconds: float) -> None:
        """Nothing happens for so many seconds, until bans can settle."""

    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        """The apply has ended."""

    def stopped(self, tally: Tally) -> None:
        """The apply could not go on. An error says why, and what was done."""


class Report:
    """What a command says. It takes values as they are, and hands them to the format without user IDs.

    Args:
        format: how it looks.
        redact: takes the user IDs out.
    """

    def __init__(self, format: Format, redact: Redaction) -> None:
        self._format = format
        self._redact = redact

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Report why there is nothing else to report, if that is so; the error goes on to whoever ends the command."""
        try:
            yield
        except ReconcilerError as error:
            shown = self.failed(error)
            if self._format.tells_problems and isinstance(shown, BanListInvalid):
                raise BanListError(wording.problem_count(shown.problems)) from error
            raise

    def failed(self, error: ReconcilerError) -> ReconcilerError:
        """See `Format.failed`.

        Returns:
            The error as it was reported.
        """
        shown = self._redact.error(error)
        self._format.failed(shown)
        return shown

    def valid(self, ban_list: BanList) -> None:
        """See `Format.valid`, which counts bans and names nobody."""
        self._format.valid(replace(ban_list, warnings=self._redact.problems(ban_list.warnings)))

    def plan(self, plan: Plan, setting: Setting, *, rate: float | None = None) -> None:
        """See `Format.plan`."""
        self._format.plan(self._redact.plan(plan), setting, rate)

    def refused(self, plan: Plan) -> None:
        """The plan that was reported cannot be applied.

        Raises:
            PlanRefused: the format has not said in words why.
        """
        if not self._format.tells_refusals:
            raise PlanRefused(" ".join(wording.refused(plan)))

    def made(self, plan: Plan) -> None:
        """See `Format.made`."""
        self._format.made(self._redact.plan(plan))

    def state(self, state: State, room_names: Mapping[str, str], location: str, now: datetime) -> None:
        """See `Format.state`."""
        self._format.state(self._redact.state(state), room_names, location, now)

    def audited(self, audit: Audit, ban_list: BanList) -> None:
        """See `Format.audited`."""
        self._format.audited(self._redact.audit(audit), ban_list)

    def checks(self, checks: Sequence[Check]) -> None:
        """See `Format.checks`."""
        self._format.checks(list(map(self._redact.check, checks)))

    def rooms(self, rooms: Sequence[ComparedRoom], regions: Sequence[str]) -> None:
        """See `Format.rooms`, which names nobody."""
        self._format.rooms(rooms, regions)

    def why(self, answer: "Answer") -> None:
        """See `Format.why`."""
        self._format.why(self._redact.answer(answer))

    @contextmanager
    def applying(
        self, plan: Plan, skipped: Iterable[Change], troubles: Troubles = list
    ) -> Iterator[Callable[[Outcome], object]]:
        """See `Format.applying`."""
        with self._format.applying(self._redact.plan(plan), map(self._redact.change, skipped), troubles) as ended:
            yield lambda outcome: ended(self._redact.outcome(outcome))

    def throttled(self, where: AccountRegion) -> None:
        """See `Format.throttled`."""
        self._format.throttled(where)

    def waiting(self, troubles: Iterable[Trouble]) -> None:
        """See `Format.waiting`."""
        self._format.waiting(troubles)

    def settling(self, bans: int, seconds: float) -> None:
        """See `Format.settling`."""
        self._format.settling(bans, seconds)

    def applied(self, plan: Plan, outcomes: Iterable[Outcome], ending: Ending) -> None:
        """See `Format.applied`."""
        self._format.applied(self._redact.plan(plan), map(self._redact.outcome, outcomes), ending)

    def stopped(self, tally: Tally) -> None:
        """See `Format.stopped`."""
        self._format.stopped(tally)


FORMATS: Final = {  # each imports what it needs: a plan as text is not to wait for the others
    "text": "text_format:TextFormat",
    "markdown": "markdown_format:MarkdownFormat",
    "json": "json_format:JsonFormat",
    "json lines": "json_lines:JsonLinesFormat",
    "csv": "csv_format:CsvFormat",
    "github": "github_format:GithubFormat",
}


def report(format: str, output: Output, redact: Redaction) -> Report:
    """A report as `text`, `markdown`, `json` (one document), `json lines`, `csv` or `github` (annotations)."""
    module, _, name = FORMATS[format].partition(":")
    made: type[Format] = getattr(import_module(f"reconciler.views.{module}"), name)
    return Report(made(replace(output, redacted=bool(redact))), redact)
