"""Carry out a form: change the list on a branch of its own, and open a pull request for it."""

import re
from typing import Final
from urllib.parse import quote

from reconciler.ci import calling, runner
from reconciler.ci.api import ApiFailed
from reconciler.ci.form import BAN, LIFT, Form, filled_in
from reconciler.ci.github import Github
from reconciler.ci.platform import StepFailed, setting
from reconciler.ci.pulls import Opened, Pulls
from reconciler.ci.repository import Repository

# What GitHub takes as the description of a pull request, and what is left of that for a plan.
BODY_LIMIT: Final = 65_536
NOT_ALLOWED: Final = 403

_UPDATE: Final = " To change them, give --update."  # a form has another way

# What a command says of a file that it has written.
_CHANGED: Final = re.compile(r"^\+\+\+ .* \(changed\)$", re.MULTILINE)
# A login, that of a managed user (`login_company`) or of a bot. (GitHub, "Username considerations for external
# authentication".)
_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?")


def propose() -> int:
    """Change the list as the form says, push that as a branch, and open a pull request.

    A run that is started again makes the branch anew on the list as it is now, and leaves its pull request as it is.

    Returns:
        1 if the list cannot be changed like this, or the branch is there and nobody could be told of it.

    Raises:
        StepFailed: the form cannot be understood, git does not have the list, or the branch cannot be pushed.
    """
    github = Github()
    form, base = filled_in(github.event), default_branch(github)
    environment = environment_for(form)
    done = calling.call(form.command(), environment)
    if done.code:
        return refused(form, done, "Nothing was changed, and there is no pull request.")
    repository = Repository(github)
    if not repository.must("status", "--porcelain", "--untracked-files=no"):
        if _CHANGED.search(done.out):
            raise StepFailed(
                "The change is in a file that git does not have, so there is no pull request. Put the file itself into"
                " the repository: a symbolic link leads out of it, or .gitignore names it."
            )
        runner.summarise(f"**Nothing to change.** There is no pull request.\n\n{_first_lines(done.out)}")
        return 0
    message = f"{form.title}\n\n{github.run_url}"
    repository.must("add", "--update", "--", ".")
    repository.must("commit", "--quiet", "--no-verify", "--message", message)
    branch = _branch()
    _push(repository, github, branch, message, now=form.now)
    runner.output(branch=branch)
    code = _open(form, branch, base, description(github, form, _plan(environment)))
    if done.warnings:
        runner.summarise(done.warnings)
    return code


def default_branch(github: Github) -> str:
    """The branch that the list is changed for, which the run has to be for.

    Raises:
        StepFailed: it is for another one.
    """
    base = str(github.event.get("repository", {}).get("default_branch", ""))
    if not base or github.branch != base:
        raise StepFailed("The form works on the default branch alone. Choose it under *Use workflow from*.")
    return base


def environment_for(form: Form) -> dict[str, str]:
    """The variables for `reconciler`: the list that is meant, and no token."""
    return runner.options(without="GITHUB_TOKEN") | {"RECONCILER_FILE": form.ban_list}


def refused(form: Form, done: calling.Ended, headline: str) -> int:
    """Say why a command did not do what the form asks for.

    Returns:
        1.
    """
    said, hint = done.said, ""
    if form.what == BAN and _UPDATE in said:
        said = said.replace(_UPDATE, "")
        hint = "\nTo give the ban another reason or end, choose *change a ban* in the form.\n"
    runner.summarise(f"**{headline}**\n\n{said}{hint}")
    runner.annotate("error", f"{headline} The page of the run says why.")
    return 1


def _first_lines(text: str) -> str:
    """What a command says first, up to the plan."""
    return runner.fenced(text.partition("\n\n")[0][: calling.SHOWN])


def _branch() -> str:
    """The branch of this run: our own words, and the number that no other run has.

    Raises:
        StepFailed: the run has no number.
    """
    number = setting("GITHUB_RUN_ID")
    if not re.fullmatch("[0-9]{1,20}", number):
        raise StepFailed("GITHUB_RUN_ID is not set. This step runs in a job of GitHub Actions.")
    return f"reconciler-form-{number}"


def _again() -> bool:
    """Whether somebody has started the run again."""
    return setting("GITHUB_RUN_ATTEMPT") not in ("", "1")


def _push(repository: Repository, github: Github, branch: str, message: str, *, now: bool) -> None:
    """Push the commit as the branch, in place of the one that this run has pushed before.

    Raises:
        StepFailed: the branch does not take it, or is no longer what the run has pushed.
    """
    server, before = github.server, None
    if _again() and repository.fetched(server.remote, f"refs/heads/{branch}", "--depth=2"):
        before = repository.must("rev-parse", "FETCH_HEAD")
        if repository.must("log", "-1", "--format=%B", before) != message:
            raise StepFailed(
                f"Somebody has changed the branch {branch} since, so it was left as it is. Fill in the form anew."
            )
        if (
            repository.git("rev-parse", "--quiet", "--verify", f"{before}^").stdout
            == repository.git("rev-parse", "HEAD^").stdout
        ):
            return  # made on the list as it is
    if not repository.push(branch, replacing=before):
        at_once = " Below *At once*, this page says whether anything was done at once; that ends by itself." * now
        raise StepFailed(
            f"The branch {branch} could not be pushed, so there is no pull request. {github.words.let_push}, and run"
            f" this again.{at_once}"
        )


def _plan(environment: dict[str, str]) -> str:
    """The plan with the change, as Markdown; empty if there is none, as where the state is on S3."""
    kept = runner.scratch("form.json")
    kept.unlink(missing_ok=True)
    done = calling.call(["reconciler", "plan", "--format", "markdown", "--out", str(kept)], environment)
    # The first line is the marker of a comment, which this is not.
    return done.out.partition("\n")[2] if kept.exists() else ""


def description(github: Github, form: Form, plan: str) -> str:
    """The description of the pull request: our own words, and the plan, which escapes what it shows.

    Args:
        github: the run.
        form: what was asked for.
        plan: what the change would do, as Markdown; it is left out if there is no room for it.
    """
    login = setting("GITHUB_TRIGGERING_ACTOR") or setting("GITHUB_ACTOR")
    who = f"`{login}`" if _LOGIN.fullmatch(login) else "Somebody"
    intro = f"{who} asked for this with the form, in [this run]({github.run_url}). Let somebody else approve it.\n\n"
    if form.now:
        intro += (
            "It was also asked for **at once**: the page of that run says what was done. What was done at once ends by"
            " itself, after a day at most; the merge makes it last.\n\n"
            if form.what != LIFT
            else "It was also asked for **at once**: the page of that run says what was done.\n\n"
        )
    outro = "If the checks do not start, press *Approve workflows to run* below.\n"
    body = f"{intro}{plan}\n{outro}"
    # GitHub counts as JavaScript does.
    return body if plan and len(body.encode("utf-16-le")) // 2 <= BODY_LIMIT else f"{intro}{outro}"


def _open(form: Form, branch: str, base: str, body: str) -> int:
    """Open the pull request, or say how one tap opens it.

    Returns:
        0, also where the owner of the repository lets no run open one; 1 if GitHub fails.
    """
    pulls = Pulls(setting("GITHUB_API_URL"), setting("GITHUB_REPOSITORY"), setting("GITHUB_TOKEN"))
    try:
        opened = (pulls.find(branch) if _again() else None) or pulls.open(branch, base, form.title, body)
    except ApiFailed as failure:
        link = f"{_page()}/compare/{quote(base)}...{branch}?expand=1"
        runner.summarise(
            f"**Not done yet: [open the pull request]({link})** ({form.title}).\n\n"
            f"The change is on the branch `{branch}`. {_not_yet(form)}\n"
        )
        if failure.status == NOT_ALLOWED:
            runner.annotate("warning", "There is no pull request yet: the page of the run has a link that opens it.")
            return 0
        runner.annotate("error", f"There is no pull request: {failure}. The page of the run has a link that opens it.")
        return 1
    link = f"{_page()}/pull/{opened.number}"
    runner.output(pull_request=link)
    runner.summarise(f"**[Pull request {opened.number}]({link}): {form.title}**\n\n{_next(form, opened)}\n")
    return 0


def _page() -> str:
    return f"{setting('GITHUB_SERVER_URL')}/{setting('GITHUB_REPOSITORY')}"


def _next(form: Form, opened: Opened) -> str:
    press = "Open it, and press *Approve workflows to run*: its checks wait for that. " if opened.by_run else ""
    return f"{press}Let somebody else approve it. {_not_yet(form)}"


def _not_yet(form: Form) -> str:
    """What holds until the merge."""
    if form.now:
        return "Below *At once*, this page says whether it was done at once."
    return "The bans hold until it is merged." if form.what == LIFT else "Nobody is banned before it is merged."
