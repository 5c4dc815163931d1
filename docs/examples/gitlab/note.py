"""Show a plan as the one note of its merge request: `python3 note.py plan.md`. It needs no more than Python."""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

API = os.environ["CI_API_V4_URL"]
NOTES = f"projects/{os.environ['CI_PROJECT_ID']}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
# GitLab takes 1,000,000 characters.
LIMIT = 900_000
PAGE = 100


def call(method: str, path: str, **content: str) -> Any:  # noqa: ANN401 - as the API answers
    """Ask GitLab."""
    headers = {"PRIVATE-TOKEN": os.environ["RECONCILER_NOTE_TOKEN"], "Content-Type": "application/json"}
    body = json.dumps(content).encode() if content else None
    request = Request(f"{API}/{path}", method=method, headers=headers, data=body)  # noqa: S310 - the address is GitLab's
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def find(marker: str) -> int | None:
    """The note that was made before: our own, since anybody can write the marker."""
    ours = call("GET", "user")["id"]
    page = 1
    while True:
        notes = call("GET", f"{NOTES}?{urlencode({'per_page': PAGE, 'page': page, 'sort': 'asc'})}")
        for note in notes:
            if note["author"]["id"] == ours and note["body"].startswith(marker):
                return int(note["id"])
        if len(notes) < PAGE:
            return None
        page += 1


def main() -> None:
    """Make the note, or bring it up to date."""
    body = Path(sys.argv[1]).read_text(encoding="utf-8")
    marker = body.split("\n", 1)[0]
    if not marker.startswith("<!-- reconciler-plan"):
        sys.exit("There is no plan to show.")
    if len(body) > LIMIT:
        body = body[:LIMIT].rsplit("\n", 1)[0] + "\n\nThis note ends here, as it is too long.\n"
    note = find(marker)
    if note is None:
        call("POST", NOTES, body=body)
    else:
        call("PUT", f"{NOTES}/{note}", body=body)


if __name__ == "__main__":
    try:
        main()
    except URLError as error:
        sys.exit(f"GitLab does not take the note: {error}")
