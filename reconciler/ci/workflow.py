"""The workflow for GitHub of a repository that holds only lists: `bans.yml` beside this module.

`docs/examples/github/bans.yml` is a copy of it.
"""

import re
from importlib.resources import files
from typing import Final

PLACE: Final = ".github/workflows/bans.yml"
"""Where it goes, from the root of the repository."""

_USUAL: Final = "bans.yaml"
_LISTS: Final = "          file: | # your lists, one a line\n            "
# Lines that are only for a state on S3 are comments, below a comment that says so.
_ON_S3: Final = re.compile(r"(?<=\n)(( +)# For a state on S3, .*:\n)((?:\2# .*\n)+)")
_KEPT_IN_GIT: Final = re.compile(r"contents: write # the commit of the state\b.*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def workflow(ban_list: str = _USUAL, *, state_on_s3: bool = False) -> str:
    """The workflow for a list.

    Args:
        ban_list: its path from the root of the repository.
        state_on_s3: whether its state is there: then plans need credentials, and nothing is pushed.

    Raises:
        ValueError: GitHub would read something else in a path like this.
    """
    if not _PLAIN.fullmatch(ban_list):
        raise ValueError("a workflow can only name a path of letters, digits, `_`, `-`, `.` and `/`")
    text = files("reconciler.ci").joinpath("bans.yml").read_text(encoding="utf-8")
    text = text.replace(f"{_LISTS}{_USUAL}\n", f"{_LISTS}{ban_list}\n")
    return _with_state_on_s3(text) if state_on_s3 else text


def _with_state_on_s3(text: str) -> str:
    for_s3 = _ON_S3.sub(lambda found: found[1] + found[3].replace(f"{found[2]}# ", found[2]), text)
    return _KEPT_IN_GIT.sub("contents: read", for_s3)
