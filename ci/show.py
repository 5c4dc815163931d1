"""Show the plan: as the one comment of its pull request, or on the page of the run where that cannot be."""

from hashlib import sha256
from pathlib import PurePath
from urllib.parse import quote

import plan
import runner
from comments import CannotComment, Comments

MAX_PATH = 1000


def main() -> int:
    """Show the plan of this run.

    Returns:
        0: a comment that cannot be made fails nothing, since the page of the run then has the plan.
    """
    first_line = marker(runner.ban_list())
    body = _body() or f"{first_line}\n**There is no plan.** [The log of this run]({runner.run_url()}) says why.\n"
    number = runner.pull_request()
    if number is None or runner.setting("INPUT_COMMENT") != "true":
        runner.summarise(body)
        return 0
    comments = Comments(
        api=runner.setting("GITHUB_API_URL"),
        repository=runner.setting("GITHUB_REPOSITORY"),
        token=runner.setting("GITHUB_TOKEN"),
    )
    try:
        runner.output(comment_url=comments.put(number, body, marker=first_line))
    except CannotComment as refusal:
        runner.annotate("notice", f"The plan is on the page of this run, since it cannot be a comment: {refusal}.")
        runner.summarise(body)
    return 0


def marker(ban_list: str) -> str:
    """The first line of the comment for a list: that of `reconciler plan --format markdown`, also where there is none.

    A plan that cannot be made has to take the place of the one that is shown.
    """
    path = quote(PurePath(ban_list).as_posix(), errors="backslashreplace").replace("--", "-%2D")
    if len(path) > MAX_PATH:
        path = f"sha256-{sha256(path.encode()).hexdigest()}"
    return f"<!-- reconciler-plan: {path} -->"


def _body() -> str:
    """What the plan of this run left to show; empty if there is none, or the step before it failed."""
    if runner.setting("PLANNED") != "success":
        return ""
    try:
        return runner.scratch(plan.BODY).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
