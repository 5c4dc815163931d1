"""Say it where people hear of it if a list is not applied: in an issue, which the next apply that works closes."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Timer

from reconciler.ci import planning, runner, telling
from reconciler.ci.api import ApiFailed
from reconciler.ci.applying import APPLIED
from reconciler.ci.issues import Issues
from reconciler.ci.telling import Failure, Run
from reconciler.views.marker import NO_PLAN, marker

WHOLE = 240  # seconds for all of it; GitHub gives what runs after a job was cancelled five minutes
PLAN_TIMEOUT = 90  # seconds
MENTIONS = 20

_ENDED = "ended"
_REPORTED = "reported"
_NOT_ALLOWED = {401, 403, 404}
_GONE = 410  # what GitHub answers where issues are turned off
# Changes of the list. A ban that has expired is what a schedule is for, and so is what the denylist lacks: that follows
# from no change that was merged.
_UNAPPLIED = {"new", "lapsed", "changed", "removed"}


def report() -> int:
    """Open an issue if the list of this run is not applied, or comment on the open one; close it if it is.

    It may be called twice in a job: after an apply, and at the end for what failed before. The first call that gets
    through speaks for both.

    Returns:
        0. What cannot be said in an issue fails nothing: a job that has failed stays red, and another one does not get
        so.

    Raises:
        StepFailed: nobody has said how the job ended.
    """
    platform = runner.platform()
    issues, reported = platform.issues(), runner.scratch(_REPORTED)
    if issues is None or reported.exists():
        return 0
    ended = _ended()
    run = Run(runner.ban_list(), platform.run_url, platform.run_name, _mentions())
    try:
        with _at_most(WHOLE):
            if ended == "success":
                _works(issues, run)
            elif ended == "failure" or (ended == "cancelled" and _applied() is not None):
                _failed(issues, run)
    except ApiFailed as failure:
        _not_told(ended, _why(failure))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        _not_told(ended, f"the API answers nonsense ({type(error).__name__})")
    else:
        reported.touch()
    return 0


def _ended() -> str:
    """How it ended, as the first call in the job was told: a later one hears how the whole job ended.

    Raises:
        StepFailed: neither was told.
    """
    path = runner.scratch(_ENDED)
    if path.exists():
        return path.read_text(encoding="utf-8")
    ended = runner.platform().ended
    if ended not in {"success", "failure", "cancelled"}:
        raise runner.StepFailed("How the job has ended is not known: it is success, failure or cancelled.")
    path.write_text(ended, encoding="utf-8")
    return ended


def _failed(issues: Issues, run: Run) -> None:
    """Open the issue, or comment on the one that is open. Raises ApiFailed."""
    first_line = marker(run.ban_list, "apply")
    run = _with_found(run)
    text = telling.failed(run, _failure())
    open_ones = issues.found(first_line.rstrip("\n"))
    if not open_ones:
        made = issues.open(telling.title(run.ban_list), first_line + text)
        runner.output(issue_url=made.page)
        return
    newest = open_ones[0]
    runner.output(issue_url=newest.page)
    if run.marker not in newest.body:  # else this run has opened it, and heard no answer
        issues.comment(newest, text)


def _works(issues: Issues, run: Run) -> None:
    """Close the issue, if there is one. Say it in one if a schedule had to apply what was merged. Raises ApiFailed."""
    applied = _applied()
    if applied is None or applied[0] != 0:  # a job may let an apply fail, and end well all the same
        return
    first_line = marker(run.ban_list, "apply")
    open_ones = issues.found(first_line.rstrip("\n"))
    # The comment first: an issue that is still open is found again by the next apply.
    for issue in open_ones:
        issues.comment(issue, telling.works(run))
        issues.close(issue)
    run = _with_found(run)
    if run.found and not open_ones:
        plan = _without_marker(_planned()) if _redacts_as_planned() else ""
        made = issues.open(telling.title(run.ban_list), first_line + telling.found(run, plan))
        runner.output(issue_url=made.page)
        issues.close(made)


def _with_found(run: Run) -> Run:
    """The run, with how many changes its schedule has found that were merged and never applied."""
    if not runner.platform().scheduled:
        return run
    try:
        changes = planning.saved()["changes"]
    except runner.StepFailed:
        return run
    found = sum(change["because"] in _UNAPPLIED for change in changes)
    return replace(run, found=found)


def _failure() -> Failure:
    applied = _applied()
    failures = runner.scratch(runner.FAILURES)
    why = list(dict.fromkeys(failures.read_text(encoding="utf-8").splitlines() if failures.exists() else []))
    left, refused = _left()
    if applied is None:
        return Failure(begun=False, why=why, left=left, refused=refused)
    code, output = applied
    if runner.setting("RECONCILER_REDACT") and not _redacts_as_planned():
        output = ""  # it may name users whom this step is told to hide
    if runner.setting("RECONCILER_REDACT") or _told_to_redact():
        # A traceback may quote anything.
        output = output.partition("Traceback (most recent call last)")[0]
    return Failure(begun=True, code=code, why=why, output=output, left=left, refused=refused)


def _applied() -> tuple[int | None, str] | None:
    """The exit code of the apply and the end of its output; None if it did not begin."""
    try:
        content = json.loads(runner.scratch(APPLIED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:  # written half
        return None, ""
    return content["code"], content["output"]


def _left() -> tuple[str, bool]:
    """The plan as of now, in Markdown, and whether it is refused; no text if there is none, or it may not be shown.

    Without a plan of this run there is none now: the list may be one that is not to be read. If that plan was redacted
    otherwise than this step would, the user IDs in this one might be for nobody's eyes.
    """
    if not _planned() or not _redacts_as_planned():
        return "", False
    try:
        with runner.plain_output():
            done = subprocess.run(
                ["reconciler", "plan", "--format", "markdown"],
                env=runner.options(without="RECONCILER_DETAILED_EXITCODE"),
                stdout=subprocess.PIPE, timeout=PLAN_TIMEOUT, check=False,
            )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "", False
    text = _without_marker(done.stdout.decode(errors="replace"))
    return text, done.returncode == 1 and not text.startswith(NO_PLAN)


def _told_to_redact() -> str:
    """What the step that planned was told of redaction; empty if nothing."""
    try:
        return runner.scratch(planning.REDACTED).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _redacts_as_planned() -> bool:
    """Whether this step is told of redaction what the step that planned was told, and with it the one that applied."""
    return _told_to_redact() == runner.setting("RECONCILER_REDACT")


def _planned() -> str:
    """What the plan of this run left to show; empty if there was none."""
    try:
        return runner.scratch(planning.BODY).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _without_marker(plan: str) -> str:
    return plan.partition("\n")[2] if plan.startswith("<!--") else plan


def _mentions() -> str:
    """Whom to mention. What is no name is told in the log, by where it stands, and is in no issue."""
    platform = runner.platform()
    names = [name for name in re.split(r"[\s,]+", platform.notify) if name]
    found = []
    for number, name in enumerate(names[:MENTIONS], 1):
        if platform.mentioned.fullmatch(name.removeprefix("@")):
            found.append(f"@{name.removeprefix('@')}")
        else:
            words = platform.words
            runner.annotate("error", f"Name {number} in {words.notify} is not {words.names}, so nobody is told by it.")
    if len(names) > MENTIONS:
        runner.annotate("error", f"{platform.words.notify} has {len(names)} names. Only the first {MENTIONS} are told.")
    return " ".join(dict.fromkeys(found))


def _not_told(ended: str, why: str) -> None:
    if ended == "success":
        runner.annotate("notice", f"If an issue says that the list is not applied, it could not be closed: {why}.")
    else:
        runner.annotate("warning", f"No issue tells of this run: {why}.")


def _why(failure: ApiFailed) -> str:
    words = runner.platform().words
    if failure.status == _GONE and words.issues_are_off:
        return words.issues_are_off
    return words.no_issue.format(status=failure.status) if failure.status in _NOT_ALLOWED else str(failure)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """End the step if it is not done in time: an API may answer each call, and slowly."""

    def give_up() -> None:
        runner.annotate("warning", f"No issue tells of this run: that was not done within {seconds:g} s.")
        os._exit(0)

    timer = Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
