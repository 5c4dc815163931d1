"""The workflows for GitHub of a repository that holds only lists: `bans.yml`, and the form, `ban.yml`.

They are beside this module, and `docs/examples/github/` has copies of them.
"""

import re
from importlib.resources import files
from typing import Final

NAMES: Final = ("bans.yml", "ban.yml")
FOLDER: Final = ".github/workflows"
"""Where they go, from the root of the repository."""

_USUAL: Final = "bans.yaml"
_LISTS: Final = "          file: | # your lists, one a line\n            "
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def workflows(ban_list: str = _USUAL) -> dict[str, str]:
    """The workflows for a list, by where they go.

    Args:
        ban_list: its path from the root of the repository.

    Raises:
        ValueError: GitHub would read something else in a path like this.
    """
    if not _PLAIN.fullmatch(ban_list):
        raise ValueError("a workflow can only name a path of letters, digits, `_`, `-`, `.` and `/`")
    texts = {name: files("reconciler.ci").joinpath(name).read_text(encoding="utf-8") for name in NAMES}
    return {
        f"{FOLDER}/{name}": text.replace(f"{_LISTS}{_USUAL}\n", f"{_LISTS}{ban_list}\n") for name, text in texts.items()
    }
