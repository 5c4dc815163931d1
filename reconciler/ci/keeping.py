"""Keep a state that is a file: commit it to the branch that was applied."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from secrets import SystemRandom

from reconciler.ci import planning, runner
from reconciler.ci.repository import Repository

# Of several lists that are applied at once, one gets ahead of all others each time: the last of fifty is in time.
ATTEMPTS = 50
REFUSALS = 3  # in a row while nobody was faster: the branch does not take it
PAUSE = 0.3, 2.0  # seconds, by chance, so that two that met do not meet each time
_CHANCE = SystemRandom()


def check() -> int:
    """Make sure, before anybody is disconnected, that the state is the newest and can be kept.

    Raises:
        StepFailed: it is not, or cannot.
    """
    state = planning.state_file()
    if state is None:
        return 0
    platform = runner.platform()
    repository, branch = Repository(platform), _branch()
    if repository.git("check-ignore", "--quiet", "--", state).returncode == 0:
        raise runner.StepFailed("git ignores the state file, so it cannot be committed. Nothing was applied.")
    repository.fetch(branch)
    if repository.differs(state, "HEAD", "FETCH_HEAD"):
        raise runner.StepFailed(
            "The state on the branch is not the one in this checkout, so nothing was applied."
            f" {platform.words.check_out}"
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
    platform = runner.platform()
    repository = Repository(platform)
    if state is None or not repository.must("status", "--porcelain", "--", state):
        return 0
    branch = _branch()
    repository.must("add", "--", state)
    message = f"Record what was applied\n\n{runner.run_url()}"
    repository.must("commit", "--quiet", "--no-verify", "--message", message, "--", state)
    if _pushed(repository, state, branch):
        runner.output(state_commit=repository.must("rev-parse", "HEAD"))
        return 0
    aside = f"reconciler-state-{platform.run_name}-{runner.list_id()}"
    if repository.push(aside):
        raise runner.StepFailed(
            f"The state could not be pushed to its branch. It is on the branch {aside}: merge that before the next"
            f" apply, or users who are already banned are disconnected again. {platform.words.let_push}, or keep the"
            " state on S3."
        )
    raise runner.StepFailed(
        "The state could not be pushed, so the next apply disconnects the same users again."
        f" {platform.words.let_push}, or keep the state on S3."
    )


def _pushed(repository: Repository, state: str, branch: str) -> bool:
    """Whether the branch has taken the commit, after others or at once."""
    base = tip = repository.must("rev-parse", "HEAD^")
    unmoved = 0
    for _ in range(ATTEMPTS):
        if repository.push(branch):
            return True
        time.sleep(_CHANCE.uniform(*PAUSE))
        before = tip
        with suppress(runner.StepFailed):  # the server may be back in a moment; if not, the state is put aside
            repository.fetch(branch)
            tip = repository.must("rev-parse", "FETCH_HEAD")
        unmoved = unmoved + 1 if tip == before else 0
        if unmoved == REFUSALS:
            break
        if repository.differs(state, base, tip):
            break  # somebody else has changed the state, and only people can tell which one is right
        if repository.git("rebase", "--quiet", "--autostash", tip).returncode:
            repository.git("rebase", "--abort")
            break
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
    branch = runner.platform().branch
    if branch is None:
        raise runner.StepFailed("Only a branch can keep the state, and this run is not for one. Nothing was applied.")
    return branch
