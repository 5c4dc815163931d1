"""The line by which the comment of a plan, or the issue of an apply that failed, is found again."""

from hashlib import sha256
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

NO_PLAN: Final = "**There is no plan.**"
"""How a comment begins, below that line, that has no plan to show and no problems of a list either."""

_MAX_PATH: Final = 1000  # characters


def marker(ban_list: str, what: str = "plan") -> str:
    """The first line of a comment: invisible, and the same for every plan of a list, to find the comment again.

    Args:
        ban_list: the path of the list.
        what: a word of ours for what it marks.
    """
    path = quote(PurePath(ban_list).as_posix(), errors="backslashreplace").replace("--", "-%2D")
    if len(path) > _MAX_PATH:
        path = f"sha256-{sha256(path.encode()).hexdigest()}"
    return f"<!-- reconciler-{what}: {path} -->\n"
