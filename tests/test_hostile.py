"""Every text of `tests.hostile` in every place, through every view: nothing is hidden, and nothing obeyed."""

import functools
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

from reconciler import Action, BanKey, Because, Change, Plan, Record, State, escape
from reconciler.banlist.about import Entry
from reconciler.bans import Ban
from reconciler.errors import Problem, RequestInvalid
from reconciler.guardrails import Refusal
from reconciler.plan import file as planfile
from reconciler.plan.change import DRIFT
from reconciler.plan.outcome import Outcome, tally
from reconciler.plan.why import Answer, Commit, Lifted, Ruling, Standing
from reconciler.redaction import Redaction
from reconciler.state import file as state_file
from reconciler.views import diagnostics, markdown, text, why_json, why_text
from reconciler.views.notices import Setting
from reconciler.views.report import Ending, Output, report
from reconciler.views.unified_diff import unified
from tests import hostile
from tests.builders import FINALS, LOBBY, NOW, TOMORROW, YESTERDAY
from tests.logs import assert_harmless_in_a_log, runner_reads

HARMLESS = "harmless"
SOMEBODY = "somebody"


def every_text(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on every hostile text, and name the text on which it fails.

    All of them are one item for pytest, whose work on thousands of items took longer than the tests.
    """

    @functools.wraps(test)
    def on_every_text(**arguments: object) -> None:
        for said in hostile.TEXTS:
            try:
                test(said, **arguments)
            except Exception as error:
                error.add_note(f"The text is {said!a}.")
                raise

    said, *others = inspect.signature(test).parameters.values()
    assert said.name == "said"
    on_every_text.__signature__ = inspect.Signature(others)  # type: ignore[attr-defined]
    return on_every_text


def a_plan(said: str, *, user_id: bool = False, reason: bool = False, names: bool = False) -> Plan:
    """One change of each kind, a hint and a refusal, with the text where it is asked for."""
    user = said if user_id else SOMEBODY
    why = said if reason else HARMLESS
    name = said if names else HARMLESS
    key, there = BanKey(LOBBY, user), BanKey(FINALS, user)
    before = Record(Ban(why, YESTERDAY), YESTERDAY, why)
    now, then = Ban(why, TOMORROW), Record(Ban("before"), YESTERDAY, None)
    return Plan(
        created_at=NOW,
        ban_list=f"folder/{name}",
        ban_list_sha256="0" * 64,
        lineage=None,
        serial=0,
        changes=(
            Change(key, None, now, Because.NEW),
            Change(there, None, now, Because.NEW),
            Change(key, before, now, Because.LAPSED),
            Change(key, then, now, Because.CHANGED),
            Change(key, Record(now), now, Because.REQUESTED),
            Change(key, before, None, Because.REMOVED),
            Change(there, before, None, Because.EXPIRED),
            Change(key, then, then.ban, Because.UNPUBLISHED),
            Change(there, None, None, Because.UNKNOWN),
        ),
        room_names={LOBBY: name},
        expired=(key, there),
        refusals=(Refusal(name, name, 1),),
    )


def everywhere(said: str) -> Plan:
    return a_plan(said, user_id=True, reason=True, names=True)


def a_state(said: str) -> State:
    key, record = BanKey(LOBBY, said), Record(Ban(said, TOMORROW), YESTERDAY, said)
    return State("lineage", 1, {key: record, BanKey(FINALS, said): record})


def some_problems(said: str) -> list[Problem]:
    return [Problem(said, 1, 2, said, said), Problem("bans.yaml", 3, 4, f"bans[0].{said}", f"there is no {said}")]


# Text and JSON


def applied(plan: Plan) -> tuple[list[Outcome], str]:
    said = plan.changes[0].key.user_id
    failed = [Outcome(change, error=RequestInvalid(said, said)) for change in plan.changes]
    done = Outcome(plan.changes[3], plan.changes[3].recorded())
    outcomes = [*failed, done]
    ending = Ending(tally([*plan.changes, *plan.changes], outcomes), said, saved_plan=False, interrupted=False)
    return outcomes, text.applied(plan, outcomes, ending)


def in_its_setting(said: str) -> str:
    """A plan for a state that is not there yet, and not where the list says: both places are the text."""
    lines: list[str] = []
    shown = report("text", Output(write=lambda line: lines.append(str(line)), ban_list="x"), Redaction())
    shown.plan(everywhere(said), Setting(said, said))
    return "".join(lines)


def an_answer(said: str) -> Answer:
    """What is known of a user, with a ban of each kind, and a lifted one."""
    commit = Commit(said, said, YESTERDAY, said)
    terms = Ban(said, TOMORROW)
    entry = Entry(said, 1, said.replace("\n", " ").replace("\r", " "))
    rulings = [
        Ruling(BanKey(f"{LOBBY}{number}", said), because, True, TOMORROW, said, terms, entry, commit, True, record, due)
        for number, (because, record, due) in enumerate(
            [
                (Standing.LISTED, None, Because.NEW),
                (Standing.LISTED, Record(terms, YESTERDAY, said), Because.CHANGED),
                (Standing.RECORDED, Record(terms, YESTERDAY, said), Because.REMOVED),
            ]
        )
    ]
    return Answer(
        user_id=said,
        now=NOW,
        rulings=tuple(rulings),
        room_names={f"{LOBBY}0": said, LOBBY: said},
        ban_list=f"folder/{HARMLESS}{said}".replace("/", "-"),
        room=LOBBY,
        protected_by=said,
        denylist=said,
        unread=said,
        lifted=(Lifted(BanKey(LOBBY, said), terms, commit, commit),),
        untold=said,
        suggestions=(said, said),
    )


def a_large_plan(plan: Plan) -> Plan:
    return replace(plan, changes=plan.changes * 20)


TEXT_VIEWS: dict[str, Callable[[str], str]] = {
    "a plan": lambda said: text.plan(everywhere(said)),
    "a plan in its setting": in_its_setting,
    "a large plan": lambda said: text.plan(a_large_plan(everywhere(said))),
    "an apply": lambda said: applied(everywhere(said))[1],
    "a state": lambda said: text.state(a_state(said), {LOBBY: f"room-{said}"}, said, NOW),
    "a record": lambda said: text.record(
        BanKey(LOBBY, said), a_state(said).records[BanKey(LOBBY, said)], {LOBBY: said}, NOW
    ),
    "an answer": lambda said: why_text.why(an_answer(said)),
    "an answer of nobody": lambda said: why_text.why(replace(an_answer(said), rulings=(), lifted=None)),
    "addresses": lambda said: text.addresses(everywhere(said), [BanKey(LOBBY, said)]),
    "a line of a message": lambda said: escape.line(f"{said}: what is wrong"),
    "problems": lambda said: "\n".join(escape.line(str(problem)) for problem in some_problems(said)),
}


@every_text
@pytest.mark.parametrize("view", TEXT_VIEWS)
def test_on_a_terminal_and_in_a_log_it_is_only_seen(said: str, view: str) -> None:
    shown, harmless = TEXT_VIEWS[view](said), TEXT_VIEWS[view](HARMLESS)
    assert_harmless_in_a_log(shown)
    assert shown.count("\n") == harmless.count("\n")


@every_text
def test_in_a_diff_it_is_only_seen(said: str) -> None:
    for before, after in ((f"{said}\nold", f"{said}\nnew"), (said, HARMLESS), (HARMLESS, f"{HARMLESS}\n{said}\n")):
        for stays in ("", f"     {said}\n"):
            shown = unified(stays + before, stays + after, said)
            assert_harmless_in_a_log(shown)
            assert all(line.startswith((" ", "-", "+", "@@ -", "\\ No newline")) for line in shown.splitlines())


def apply_as_json(plan: Plan) -> list[str]:
    lines: list[str] = []
    shown = report("json lines", Output(write=lambda line: lines.append(str(line)), ban_list="x"), Redaction())
    shown.plan(plan, Setting("x"))
    with shown.applying(plan, plan.changes[:1]) as ended:
        for outcome in applied(plan)[0]:
            ended(outcome)
    return lines


@every_text
def test_json_means_the_text_and_is_harmless_in_a_log(said: str) -> None:
    exact = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace") == said
    plan = everywhere(said)
    if exact:  # neither a list nor a state can contain half a character
        saved = planfile.dumps(plan, said)
        assert_harmless_in_a_log(saved.decode())
        assert planfile.loads(saved).plan == plan
    answer = why_json.why(an_answer(said), redacted=False)
    assert_harmless_in_a_log(answer)
    if exact:
        assert json.loads(answer)["lifted"][0]["added"]["author"] == said
    for line in apply_as_json(plan):
        assert_harmless_in_a_log(line)
        assert line.count("\n") == 1
    failed = json.loads(apply_as_json(plan)[3])
    assert failed["user_id"] == said
    assert failed["error"]["message"] == f"{said} {said}".rstrip()
    assert_harmless_in_a_log(state_file.dumps(a_state(said)).decode())
    assert state_file.loads(state_file.dumps(a_state(said))) == a_state(said)


@every_text
def test_diagnostics_mean_the_text_and_are_harmless_in_a_log(said: str) -> None:
    problems = some_problems(said)
    printed = diagnostics.as_json(problems, {said: said.encode(errors="replace"), "bans.yaml": b"\n\n    x"})
    assert_harmless_in_a_log(printed)
    first, second = json.loads(printed)["diagnostics"]
    assert first["range"]["filename"] == first["detail"] == said
    assert second["snippet"]["code"] == "    x"


@every_text
def test_an_annotation_is_one_error_with_the_text_in_its_place(said: str) -> None:
    problems = some_problems(said)
    lines = diagnostics.github(problems).splitlines()
    assert len(lines) == len(problems)
    for problem, line in zip(problems, lines, strict=True):
        command, properties, message = runner_reads(line)
        assert command == "error"
        assert properties == {
            "file": escape.terminal(problem.file),
            "line": str(problem.line),
            "col": str(problem.column),
            "title": escape.terminal(problem.path),
        }
        assert message == escape.terminal(str(problem))
        assert_harmless_in_a_log(line.replace("::error", "error", 1))


@every_text
@pytest.mark.parametrize("in_a_file", [True, False])
def test_an_annotation_of_an_error_is_one_error(said: str, in_a_file: bool) -> None:
    [line] = diagnostics.github_failed(said, said if in_a_file else None).splitlines()
    where = {"file": escape.terminal(said)} if in_a_file else {}
    assert runner_reads(line) == ("error", {**where, "title": "Ban list"}, escape.terminal(said))


# Markdown


@dataclass
class Rendered(HTMLParser):
    """What a Markdown parser made of a comment: its structure, the code in it, and all other text."""

    structure: list[object] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.structure.append((tag, attrs))
        if tag == "code":
            self._in_code = True
            self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        self.structure.append(f"/{tag}")
        if tag == "code":
            self._in_code = False

    def handle_data(self, data: str) -> None:
        if self._in_code:
            self.code[-1] += data
        else:
            self.prose.append(data)

    def handle_comment(self, data: str) -> None:
        self.structure.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.structure.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.structure.append("instruction")

    def unknown_decl(self, data: str) -> None:
        self.structure.append("declaration")


_EXTENSIONS = ["table", "autolink", "strikethrough", "tagfilter", "tasklist"]
_LINKIFYING = MarkdownIt("gfm-like", {"linkify": True, "html": True})


def github_renders(comment: str) -> str:
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES | Options.CMARK_OPT_HARDBREAKS
    html: str = cmarkgfm.markdown_to_html_with_extensions(comment, options=options, extensions=_EXTENSIONS)
    return html


def others_render(comment: str) -> str:
    html: str = _LINKIFYING.render(comment)
    return html


PARSERS = {"cmark-gfm": github_renders, "markdown-it": others_render}


def rendered(html: str) -> Rendered:
    parser = Rendered()
    parser.feed(html)
    parser.close()
    return parser


@functools.cache
def rendered_once(parser: str, harmless_comment: str) -> Rendered:
    return rendered(PARSERS[parser](harmless_comment))


def assert_only_code_differs(parser: str, hostile_comment: str, harmless_comment: str) -> tuple[Rendered, Rendered]:
    """Links, mentions and the like would be structure, or prose; text of others may be in code alone."""
    one, other = rendered(PARSERS[parser](hostile_comment)), rendered_once(parser, harmless_comment)
    assert one.structure == other.structure
    assert one.prose == other.prose
    assert len(one.code) == len(other.code)
    return one, other


def means(shown: str, said: str) -> bool:
    """Whether a text that is shown can mean only what was said."""
    return shown == said if not shown.startswith('"') else bool(json.loads(shown) == said)


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_as_a_user_id_it_is_text_in_a_cell(said: str, parser: str) -> None:
    one, other = assert_only_code_differs(
        parser, markdown.plan(a_plan(said, user_id=True)), markdown.plan(a_plan(HARMLESS))
    )
    shown = escape.clear(said)
    assert means(shown, said)
    assert one.code == [code.replace(SOMEBODY, shown) for code in other.code]
    assert one.code.count(shown) >= len(a_plan(said).changes)


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_as_a_reason_it_is_text_in_a_cell(said: str, parser: str) -> None:
    one, _ = assert_only_code_differs(parser, markdown.plan(a_plan(said, reason=True)), markdown.plan(a_plan(HARMLESS)))
    with_reasons = [change for change in a_plan(said).changes if change.because not in DRIFT]
    assert one.code.count(escape.clear(said)) >= len(with_reasons)


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_as_the_name_of_a_room_or_a_file_or_a_guardrail_it_is_code(said: str, parser: str) -> None:
    comment = markdown.plan(a_plan(said, names=True), Setting(said, said))
    one, _ = assert_only_code_differs(parser, comment, markdown.plan(a_plan(HARMLESS), Setting(HARMLESS, HARMLESS)))
    assert escape.terminal(said) in one.code
    assert comment.splitlines()[0].count("--") == 2


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_in_the_overview_of_a_large_plan_it_is_code(said: str, parser: str) -> None:
    def comment(plan: Plan) -> str:
        return markdown.plan(a_large_plan(plan)).partition("\n<details")[0]

    harmless = comment(a_plan(HARMLESS))
    assert harmless.count(HARMLESS) >= 4
    reason, _ = assert_only_code_differs(parser, comment(a_plan(said, reason=True)), harmless)
    assert escape.clear(said)[:150] in [code[:150] for code in reason.code]
    room, _ = assert_only_code_differs(parser, comment(a_plan(said, names=True)), harmless)
    assert escape.terminal(said) in room.code
    assert SOMEBODY not in harmless.partition("Hint")[0]


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_in_a_problem_it_is_text_in_a_cell(said: str, parser: str) -> None:
    one, _ = assert_only_code_differs(
        parser, markdown.problems(some_problems(said), said), markdown.problems(some_problems(HARMLESS), HARMLESS)
    )
    assert escape.terminal(said) in one.code


@every_text
@pytest.mark.parametrize("parser", PARSERS)
def test_in_an_error_it_is_code(said: str, parser: str) -> None:
    one, _ = assert_only_code_differs(parser, markdown.failed(said, said), markdown.failed(HARMLESS, HARMLESS))
    assert one.code == [escape.terminal(said)]


@every_text
def test_a_comment_in_a_log_is_harmless(said: str) -> None:
    assert_harmless_in_a_log(markdown.failed(said, said))
    assert_harmless_in_a_log(markdown.plan(everywhere(said)))
    assert_harmless_in_a_log(markdown.plan(a_large_plan(everywhere(said))))
    assert_harmless_in_a_log(markdown.problems(some_problems(said), said))


@every_text
def test_a_comment_has_no_line_that_begins_with_the_text_of_others(said: str) -> None:
    """GitLab looks for quick actions, such as /close, at the start of lines."""
    plans = markdown.plan(everywhere(said)), markdown.plan(a_large_plan(everywhere(said)))
    for comment in (*plans, markdown.problems(some_problems(said), said), markdown.failed(said, said)):
        assert all(line.startswith(("<", "**", ">", "|", "`", "Hint: ")) for line in comment.splitlines() if line)


def test_every_two_texts_look_different() -> None:
    assert len({escape.clear(said) for said in hostile.TEXTS}) == len(hostile.TEXTS)
    assert len({escape.user_id(said) for said in hostile.TEXTS}) == len(hostile.TEXTS)


@pytest.mark.parametrize("parser", PARSERS)
def test_the_corpus_can_tell(parser: str) -> None:
    """What the tests above would find if texts were not put in code."""

    def structure(said: str) -> list[object]:
        return rendered(PARSERS[parser](f"| room | why |\n| --- | --- |\n| lobby | {said} |\n")).structure

    for texts in (hostile.MARKUP, hostile.LINKS):
        found = [said for said in texts if structure(said) != structure(HARMLESS)]
        assert len(found) >= len(texts) // 3


def test_every_kind_of_change_is_tried() -> None:
    assert {change.action for change in a_plan("x").changes} == set(Action)
    assert {change.because for change in a_plan("x").changes} == {*Because} - {Because.UNSETTLED}
    assert len(hostile.TEXTS) >= 80
