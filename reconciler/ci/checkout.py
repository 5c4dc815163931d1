"""Check out what is to be planned or applied, where the CI system has checked out something else."""

from reconciler.ci import runner
from reconciler.ci.platform import Target
from reconciler.ci.repository import Repository

# What git takes for the whole history (git-fetch, "--depth"), also of a checkout that has it already.
_WHOLE = "--depth=2147483647"


def checkout() -> int:
    """Check out the result of the merge, for a proposed change; for a branch, the branch as it is now.

    A plan of a proposed change without the branch that it goes to would be a plan for an older state. The branch as it
    was when the run began may have an older state too.

    Raises:
        StepFailed: the server does not give it, or the two cannot be merged.
    """
    platform = runner.platform()
    repository = Repository(platform)
    if platform.target is not None:
        _merge(repository, platform.server.remote, platform.target)
    elif platform.branch is not None:
        repository.fetch(platform.branch)
        repository.must("checkout", "--quiet", "--force", "-B", platform.branch, "FETCH_HEAD")
    return 0


def _merge(repository: Repository, origin: str, target: Target) -> None:
    # Without the whole history, git would not find what the two have in common, or something older. A fork has to give
    # its own part of it.
    whole = target.remote == origin or repository.fetched(origin, "HEAD", _WHOLE)
    if not whole or not repository.fetched(target.remote, f"refs/heads/{target.branch}", _WHOLE):
        raise runner.StepFailed(
            "The target branch cannot be fetched, so there is no plan. In a fork, this job may only read the project"
            " of the merge request if that is public, or lets it."
        )
    # Without a commit: the plan then names the commit of the change, and not one that is nowhere else.
    if repository.git("merge", "--quiet", "--no-ff", "--no-commit", "FETCH_HEAD").returncode:
        repository.git("merge", "--abort")
        raise runner.StepFailed(
            "The change and its target branch cannot be merged, so there is no plan. Merge the target branch into the"
            " change, and resolve the conflicts."
        )
