"""Show the plan: as the one comment of the proposed change, or on the page of the run where that cannot be."""

from reconciler.ci import planning, runner
from reconciler.ci.api import ApiFailed
from reconciler.views.marker import marker

NOT_ALLOWED = {401, 403, 404}


def show() -> int:
    """Show the plan of this run, or say that there is none: an older one in the comment would be believed.

    Returns:
        0. A comment that cannot be made fails nothing, since the page of the run then has the plan.
    """
    platform = runner.platform()
    first_line = marker(runner.ban_list())
    body = _body() or f"{first_line}**There is no plan.** [The log of this run]({runner.run_url()}) says why.\n"
    number, comments = platform.change, platform.comments()
    if number is None or comments is None:
        runner.summarise(body)
        return 0
    try:
        runner.output(comment_url=comments.put(number, body, marker=first_line.rstrip("\n")))
    except ApiFailed as failure:
        words = platform.words
        why = words.not_allowed.format(status=failure.status) if failure.status in NOT_ALLOWED else str(failure)
        runner.annotate("notice", f"The plan is {words.page} because it cannot be {words.comment}: {why}.")
        runner.summarise(body)
    return 0


def _body() -> str:
    """What the plan of this run left to show; empty if there is none, or the step before failed."""
    if not runner.platform().planned:
        return ""
    try:
        return runner.scratch(planning.BODY).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
