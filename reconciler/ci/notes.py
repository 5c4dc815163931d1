"""The note of a merge request on GitLab that is made once and kept up to date."""

import os
import sys

from reconciler.ci.api import Api, ApiFailed

LIMIT = 900_000  # characters; GitLab takes 1,000,000


def note() -> int:
    """Show the plan that comes on standard input, as `reconciler plan --format markdown` prints it.

    Returns:
        1 if there is no plan, or GitLab does not take the note.
    """
    body = sys.stdin.read()
    marker = body.split("\n", 1)[0]
    if not marker.startswith("<!-- reconciler-plan"):
        return _failed("There is no plan to show.")
    if len(body) > LIMIT:
        body = body[:LIMIT].rsplit("\n", 1)[0] + "\n\nThis note ends here because it is too long.\n"
    request = f"merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}"
    notes = f"projects/{os.environ['CI_PROJECT_ID']}/{request}/notes"
    api = Api("GitLab", os.environ["CI_API_V4_URL"], {"PRIVATE-TOKEN": os.environ["RECONCILER_NOTE_TOKEN"]})
    try:
        ours = _find(api, notes, marker)
        if ours is None:
            api.call("POST", notes, {"body": body})
        else:
            api.call("PUT", f"{notes}/{ours}", {"body": body})
    except ApiFailed as failure:
        return _failed(f"The note cannot be written: {failure}.")
    return 0


def _find(api: Api, notes: str, marker: str) -> int | None:
    """The note that was made before: our own, since anybody can write the marker."""
    ours = api.call("GET", "user")["id"]
    for note in api.listed(notes):
        if note["author"]["id"] == ours and note["body"].startswith(marker):
            return int(note["id"])
    return None


def _failed(why: str) -> int:
    sys.stderr.write(why + "\n")
    return 1
