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
# Lines that are only for a state on S3 are comments, below a comment that says so.
_ON_S3: Final = re.compile(r"(?<=\n)(( +)# For a state on S3, .*:\n)((?:\2# .*\n)+)")
_KEPT_IN_GIT: Final = re.compile(r"contents: write # the commit of the state\b.*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


def workflows(ban_list: str = _USUAL, *, state_on_s3: bool = False) -> dict[str, str]:
    """The workflows for a list, by where they go.

    Args:
        ban_list: its path from the root of the repository.
        state_on_s3: whether its state is there: then plans need credentials, and nothing is pushed.

    Raises:
        ValueError: GitHub would read something else in a path like this.
    """
    if not _PLAIN.fullmatch(ban_list):
        raise ValueError("a workflow can only name a path of letters, digits, `_`, `-`, `.` and `/`")
    texts = {name: files("reconciler.ci").joinpath(name).read_text(encoding="utf-8") for name in NAMES}
    for name, text in texts.items():
        named = text.replace(f"{_LISTS}{_USUAL}\n", f"{_LISTS}{ban_list}\n")
        texts[name] = _with_state_on_s3(named) if state_on_s3 else named
    return {f"{FOLDER}/{name}": text for name, text in texts.items()}


def _with_state_on_s3(text: str) -> str:
    for_s3 = _ON_S3.sub(lambda found: found[1] + found[3].replace(f"{found[2]}# ", found[2]), text)
    return _KEPT_IN_GIT.sub("contents: read", for_s3)
