"""Which files a ban list is made of, told from its text alone: no parser of YAML has to be installed to ask.

It knows the form in which people and `reconciler fmt` write the head of a list. Of any other text it says that it does
not know. What it does know is never too little: all that `reconciler` would read is among it.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from glob import escape
from posixpath import dirname, join, normpath, splitext
from typing import Final

_STATE: Final = "bans.state.json"  # where there is no key `state`
_OTHER: Final = {".yaml": ".yml", ".yml": ".yaml"}  # a file that is left out for its ending makes the list invalid

# What YAML takes for the end of a line, or for nothing at the start of a file, and a pattern for lines would not.
_ODD: Final = re.compile("[\x85\u2028\u2029\ufeff]|\r(?!\n)")
_KEY: Final = re.compile(r"([a-z_]+):(?: +(.*))?")
_COMMENT: Final = re.compile(r"(?:^| +)#.*$")
_ITEM: Final = re.compile(r"""([\w.*?/:-]+)|'([\w.*?/: -]+)'|"([\w.*?/: -]+)\"""")
_ENTRY: Final = re.compile(r" *- +(.*)")


def files_of(ban_list: str, text: str) -> Sequence[str] | None:
    """Patterns of the files that make up a list, its state included.

    Args:
        ban_list: its path from the root of the repository.
        text: what it says.

    Returns:
        Paths from the root of the repository, in which `*` and `?` stand for other characters, though not for `/`; None
        if the text does not tell.
    """
    said = _said(text)
    included = None if said is None else _items(said.get("include", []))
    states = None if said is None else _items(said.get("state", []), single=True)
    if included is None or states is None:
        return None
    folder = escape(dirname(ban_list))
    others = [root + _OTHER[end] for root, end in map(splitext, included) if end in _OTHER]
    kept = [state for state in states or [_STATE] if "://" not in state]
    # Beside the state there may be its journal, which adds to it.
    beside = [f"{escape(normpath(state))}*" for state in kept]
    return (escape(ban_list), *(normpath(join(folder, path)) for path in (*included, *others, *beside)))


def leads_to(path: str, pattern: str) -> bool:
    """Whether a path matches a pattern, or is a folder on the way to what does.

    A folder matters where it is a symbolic link or a repository in the repository: what is in it is elsewhere.
    """
    steps, wanted = path.split("/"), pattern.split("/")
    return len(steps) <= len(wanted) and all(map(fnmatchcase, steps, wanted))


def _said(text: str) -> dict[str, list[str]] | None:
    """The lines that belong to each key of a list; None if it may have keys that are not at the start of a line.

    A mapping in block style that begins at the start of a line has all of its keys at the start of a line. What looks
    like one and is none, in a text of several lines, adds to what is said.
    """
    if _ODD.search(text):
        return None
    said: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in (line.removesuffix("\r") for line in text.split("\n")):
        if not line.strip(" ") or line.startswith("#") or (line == "---" and lines is None):
            continue
        if line.startswith((" ", "- ", "]", "}")) or line == "-":
            if lines is None:
                return None
            lines.append(line)
            continue
        key = _KEY.fullmatch(line)
        if key is None:
            return None
        lines = said.setdefault(key[1], [])
        lines.append(key[2] or "")
    return said


def _items(lines: Sequence[str], *, single: bool = False) -> list[str] | None:
    """The texts in a value that is written as a list, or as one text; None if it is written in another way."""
    plain = [bare for line in lines if (bare := _COMMENT.sub("", line).rstrip(" "))]
    if not plain and not lines:
        return []
    values = plain if single else list(_listed(plain))
    matches = [_ITEM.fullmatch(value.strip(" ")) for value in values]
    found = [match[match.lastindex or 0] for match in matches if match is not None]
    return found if found and len(found) == len(values) else None


def _listed(lines: Sequence[str]) -> Iterator[str]:
    """What stands between the commas or behind the dashes of a list; anything else as it is, which is no item."""
    whole = " ".join(lines).strip(" ")
    if whole.startswith("[") and whole.endswith("]"):
        yield from whole[1:-1].removesuffix(",").split(",")
        return
    for line in lines:
        entry = _ENTRY.fullmatch(line)
        yield entry[1] if entry else "[]"
