"""Show the plan: as the one comment of its pull request, or on the page of the run where that cannot be."""

import runner
from comments import CannotComment, Comments

MARKER = "<!-- reconciler-plan"


def main() -> int:
    """Show the plan of this run.

    Returns:
        0: a comment that cannot be made fails nothing, since the page of the run then has the plan.
    """
    body = runner.scratch("plan.md").read_text(encoding="utf-8")
    if not body.strip():
        body = "**There is no plan.** The log of this run says why.\n"
        marker = ""
    else:
        marker = body.split("\n", 1)[0].strip()
    number = runner.pull_request()
    if number is None or runner.setting("INPUT_COMMENT") != "true" or not marker.startswith(MARKER):
        runner.summarise(body)
        return 0
    comments = Comments(
        api=runner.setting("GITHUB_API_URL"),
        repository=runner.setting("GITHUB_REPOSITORY"),
        token=runner.setting("GITHUB_TOKEN"),
    )
    try:
        runner.output(comment_url=comments.put(number, body, marker=marker))
    except CannotComment as refusal:
        runner.annotate("notice", f"The plan is on the page of this run, since it cannot be a comment: {refusal}.")
        runner.summarise(body)
    return 0
