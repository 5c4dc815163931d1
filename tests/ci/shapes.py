"""The shapes in which GitLab and GitHub speak: JSON Schemas in `shapes.json`, each with where it is known from.

The shapes of GitLab's answers are those in which gitlab.com has been recorded from 2019 to 2026 by the tests of ogr, a
client for it (github.com/packit/ogr at 9e83524, `tests/integration/gitlab/test_data`): what every answer of a kind has
is required, and none has anything else than what one of them, or the newest source of GitLab, has. When this was
written, all of those recordings fitted: 309 notes on 21 pages, 6 that were made or changed, 192 answers to `GET /user`,
40 about issues, and 32 refusals. They are not here, since they are other people's words.

Of GitHub, the shapes have what our steps and workflows read, as GitHub's own descriptions have it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

SHAPES: Final[dict[str, Any]] = json.loads((Path(__file__).parent / "shapes.json").read_text(encoding="utf-8"))

_NOTES: Final = r"/api/v4/projects/\d+/merge_requests/\d+/notes"
_ISSUES: Final = r"/api/v4/projects/\d+/issues"

# What is called of GitLab's API, and the shape of the answer if it is not refused. Whoever calls more of it adds a row.
GITLAB: Final = [
    ("GET", r"/api/v4/user", 200, "gitlab-me"),
    ("GET", _NOTES, 200, "gitlab-notes"),
    ("POST", _NOTES, 201, "gitlab-note"),
    ("PUT", rf"{_NOTES}/\d+", 200, "gitlab-note"),
    ("GET", _ISSUES, 200, "gitlab-issues"),
    ("POST", _ISSUES, 201, "gitlab-issue"),
    ("PUT", rf"{_ISSUES}/\d+", 200, "gitlab-issue"),
    ("POST", rf"{_ISSUES}/\d+/notes", 201, "gitlab-note-of-issue"),
]


@dataclass(frozen=True)
class Exchange:
    """A request to an API, and the answer.

    Attributes:
        method: of the request.
        path: of the request, with its query.
        asked: its headers.
        content: the JSON that it sends; None without.
        status: of the answer.
        headers: of the answer.
        body: the JSON of the answer.
    """

    method: str
    path: str
    asked: Mapping[str, str]
    content: object
    status: int
    headers: Mapping[str, str]
    body: object


def problems(shape: str, value: object) -> list[str]:
    """What of a value does not fit a shape, each with its place."""
    schema = {"$ref": f"#/$defs/{shape}", "$defs": SHAPES["$defs"]}
    return [f"{shape}: {error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


def problems_of_gitlab(exchange: Exchange) -> list[str]:
    """What GitLab would not have been asked like that, or would not have answered like that."""
    path = exchange.path.partition("?")[0]
    calls = (call for call in GITLAB if call[0] == exchange.method and re.fullmatch(call[1], path))
    method, _, status, shape = next(calls, (None, None, None, None))
    if method is None or shape is None:
        return [f"{exchange.method} {path} is not in tests/ci/shapes.py"]
    if exchange.status >= 400:
        return problems("gitlab-refusal", exchange.body)
    found = [] if exchange.status == status else [f"{method} {path} answers {exchange.status}"]
    if shape == "gitlab-notes":  # the stand-in has issues on one page only
        found += problems("gitlab-page", {name.lower(): value for name, value in exchange.headers.items()})
        following = 'rel="next"' in exchange.headers.get("Link", "")
        if following != bool(exchange.headers.get("X-Next-Page")):
            found.append(f"{method} {path}: Link and X-Next-Page differ")
    return found + problems(shape, exchange.body)
