"""Keep a state that is a file: commit it to the branch that was applied."""

import base64
import os
import subprocess
import time
from pathlib import Path

from reconciler.ci import planning, runner

ATTEMPTS = 5
NAME = "github-actions[bot]"
EMAIL = "41898282+github-actions[bot]@users.noreply.github.com"


def check() -> int:
    """Make sure, before anybody is disconnected, that the state is the newest and can be kept.

    Raises:
        StepFailed: it is not, or cannot.
    """
    state = planning.state_file()
    if state is None:
        return 0
    branch = _branch()
    if _git("check-ignore", "--quiet", "--", state).returncode == 0:
        raise runner.StepFailed("git ignores the state file, so it cannot be committed. Nothing was applied.")
    _fetch(branch)
    if _differs(state, "HEAD", "FETCH_HEAD"):
        raise runner.StepFailed(
            "The state on the branch is not the one in this checkout, so nothing was applied. Check out the branch"
            " itself: actions/checkout with `ref: ${{ github.ref }}`."
        )
    return 0


def keep() -> int:
    """Commit the state if it has changed, and push it on top of whatever was pushed meanwhile.

    Raises:
        StepFailed: the branch does not take it. It is then on a branch of its own.
    """
    state = planning.state_file()
    if state is not None:
        _take_in_journal(state)
    if state is None or not _must("status", "--porcelain", "--", state):
        return 0
    branch = _branch()
    _must("add", "--", state)
    message = f"Record what was applied\n\n{runner.run_url()}"
    _must("commit", "--quiet", "--no-verify", "--message", message, "--", state)
    if _pushed(state, branch):
        runner.output(state_commit=_must("rev-parse", "HEAD"))
        return 0
    aside = f"reconciler-state-{runner.setting('GITHUB_RUN_ID')}-{runner.setting('GITHUB_RUN_ATTEMPT') or 1}"
    if _push(aside):
        raise runner.StepFailed(
            f"The state could not be pushed to its branch. It is on the branch {aside}: merge that before the next"
            " apply, or users who are already banned are disconnected again. Then let the workflow push, or keep the"
            " state on S3."
        )
    raise runner.StepFailed(
        "The state could not be pushed, so the next apply disconnects the same users again. Let the workflow push"
        " (`contents: write`), or keep the state on S3."
    )


def _pushed(state: str, branch: str) -> bool:
    """Whether the branch has taken the commit, after others or at once."""
    base = tip = _must("rev-parse", "HEAD^")
    for attempt in range(1, ATTEMPTS + 1):
        if _push(branch):
            return True
        _fetch(branch)
        before, tip = tip, _must("rev-parse", "FETCH_HEAD")
        if attempt > 1 and tip == before:
            break  # nobody was faster, so the branch does not take it
        if _differs(state, base, tip):
            break  # somebody else has changed the state, and only people can tell which one is right
        if _git("rebase", "--quiet", "--autostash", tip).returncode:
            _git("rebase", "--abort")
            break
        if attempt < ATTEMPTS:
            time.sleep(attempt)
    return False


def _take_in_journal(state: str) -> None:
    """Put into the state what an apply recorded before it was killed: a later job does not have its journal."""
    if not Path(f"{state}.journal").exists():
        return
    # The state itself goes into the file, so `state pull` does not redact, and refuses if asked to.
    environment = runner.options(without="RECONCILER_REDACT")
    pulled = subprocess.run(["reconciler", "state", "pull"], env=environment, stdout=subprocess.PIPE, check=False)
    if pulled.returncode == 0:
        Path(state).write_bytes(pulled.stdout)
    else:
        runner.annotate("warning", "What the apply did before it was killed could not be recorded. The log says why.")


def _branch() -> str:
    ref = runner.setting("GITHUB_REF")
    if not ref.startswith("refs/heads/"):
        raise runner.StepFailed("Only a branch can keep the state, and this run is not for one. Nothing was applied.")
    return ref.removeprefix("refs/heads/")


def _fetch(branch: str) -> None:
    if _git("fetch", "--quiet", "--no-tags", "origin", f"refs/heads/{branch}", signed_in=True).returncode:
        raise runner.StepFailed("The branch cannot be fetched: its checkout needs a remote `origin` and a token.")


def _push(branch: str) -> bool:
    return _git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", signed_in=True).returncode == 0


def _differs(path: str, before: str, after: str) -> bool:
    return _git("diff", "--quiet", before, after, "--", path).returncode != 0


def _must(*arguments: str) -> str:
    """What git prints.

    Raises:
        StepFailed: git failed.
    """
    done = _git(*arguments)
    if done.returncode:
        raise runner.StepFailed(f"git {arguments[0]} failed. The log says why.")
    return done.stdout.strip()


def _git(*arguments: str, signed_in: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {
        "GIT_AUTHOR_NAME": NAME,
        "GIT_AUTHOR_EMAIL": EMAIL,
        "GIT_COMMITTER_NAME": NAME,
        "GIT_COMMITTER_EMAIL": EMAIL,
        "GIT_TERMINAL_PROMPT": "0",
    } | os.environ
    if signed_in:
        environment |= _sign_in()
    return subprocess.run(["git", *arguments], stdout=subprocess.PIPE, check=False, encoding="utf-8", env=environment)


def _sign_in() -> dict[str, str]:
    """The token, for one command and never on disk; nothing where the checkout has left a token of its own."""
    name = f"http.{runner.setting('GITHUB_SERVER_URL')}/.extraheader"
    token = runner.setting("GITHUB_TOKEN")
    if not token or _git("config", "--get-all", name).returncode == 0:
        return {}
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": name, "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {basic}"}
