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
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def workflow(ban_list: str = _USUAL) -> str:
    """The workflow for a list.

    Args:
        ban_list: its path from the root of the repository.

    Raises:
        ValueError: GitHub would read something else in a path like this.
    """
    if not _PLAIN.fullmatch(ban_list):
        raise ValueError("a workflow can only name a path of letters, digits, `_`, `-`, `.` and `/`")
    text = files("reconciler.ci").joinpath("bans.yml").read_text(encoding="utf-8")
    return text.replace(f"{_LISTS}{_USUAL}\n", f"{_LISTS}{ban_list}\n")
