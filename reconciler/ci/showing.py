"""Show the plan: as the one comment of its pull request, or on the page of the run where that cannot be."""

from reconciler.ci import planning, runner
from reconciler.ci.api import ApiFailed
from reconciler.ci.comments import Comments
from reconciler.views.marker import marker

NOT_ALLOWED = {401, 403, 404}


def show() -> int:
    """Show the plan of this run, or say that there is none: an older one in the comment would be believed.

    Returns:
        0. A comment that cannot be made fails nothing, since the page of the run then has the plan.
    """
    first_line = marker(runner.ban_list())
    body = _body() or f"{first_line}**There is no plan.** [The log of this run]({runner.run_url()}) says why.\n"
    number = runner.pull_request()
    if number is None or runner.setting("INPUT_COMMENT") != "true":
        runner.summarise(body)
        return 0
    comments = Comments(
        runner.setting("GITHUB_API_URL"), runner.setting("GITHUB_REPOSITORY"), runner.setting("GITHUB_TOKEN")
    )
    try:
        runner.output(comment_url=comments.put(number, body, marker=first_line.rstrip("\n")))
    except ApiFailed as failure:
        why = str(failure)
        if failure.status in NOT_ALLOWED:
            why = f"the token may not comment ({failure.status}), as on a pull request from a fork"
        runner.annotate("notice", f"The plan is on the page of this run because it cannot be a comment: {why}.")
        runner.summarise(body)
    return 0


def _body() -> str:
    """What the plan of this run left to show; empty if there is none, or the step before failed."""
    if runner.setting("PLANNED") != "success":
        return ""
    try:
        return runner.scratch(planning.BODY).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
