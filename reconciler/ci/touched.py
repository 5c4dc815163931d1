"""Which ban lists a change touches: the others need no plan, and nothing that has to be installed first."""

import json
import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.ci import runner
from reconciler.ci.api import ApiFailed
from reconciler.ci.github import Github
from reconciler.ci.reads import files_of, leads_to
from reconciler.ci.repository import Repository
from reconciler.views.marker import marker

MAX_LISTS: Final = 256  # jobs of one matrix (GitHub, "Usage limits")
TIMEOUT: Final = 60  # seconds for git to compare two commits

_COMMIT: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_NONE: Final = re.compile("0+")  # where a branch was before it was made
_FILES: Final = {"100644", "100755"}  # modes in git of what is neither a link nor another repository


class _Unknown(Exception):
    """What the change does to the lists cannot be told, so each counts as touched. The message says why."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What a run is about.

    Attributes:
        before: the commit before the change.
        after: the commit with it.
        paths: what differs, with the old and the new name of what was renamed.
        elsewhere: links and other repositories in either commit, behind which files may be.
    """

    before: str
    after: str
    paths: Sequence[str]
    elsewhere: Sequence[str]


def touched() -> int:
    """Set the output `lists`: those of the lists in the input `file`, one a line, that have to be planned or applied.

    Raises:
        StepFailed: there are more than one workflow can plan.
    """
    lists = [line.strip() for line in runner.setting("INPUT_FILE").splitlines() if line.strip()]
    lists = list(dict.fromkeys(lists)) or [runner.ban_list()]
    if len(lists) > MAX_LISTS:
        raise runner.StepFailed(f"There are {len(lists)} lists, and one workflow can plan {MAX_LISTS}. Make two of it.")
    try:
        change = _change()
        found = [ban_list for ban_list in lists if _is_touched(ban_list, change)]
        said = "What this change touches"
    except _Unknown as unknown:
        found, said = lists, f"All lists, since {unknown}"
    found = sorted({*found, *_commented([ban_list for ban_list in lists if ban_list not in found])}, key=lists.index)
    with runner.plain_output():
        sys.stdout.write(f"{said}: {json.dumps(found) if found else 'no list'}\n")
    runner.output(lists=json.dumps(found))
    return 0


def _is_touched(ban_list: str, change: _Change) -> bool:
    """Whether the plan of a list may be another one after the change. In doubt, it may be."""
    place = posixpath.normpath(posixpath.join(_git("rev-parse", "--show-prefix").decode().rstrip("\n"), ban_list))
    if place.startswith(("../", "/")):
        return True
    # What it says after the change is enough: if it said something else before, it is touched itself.
    text = _text(change.after, place)
    files = None if text is None else files_of(place, text)  # of a list that is not there, the plan says so
    if files is None:
        return True
    patterns = list(files)
    if (state := runner.options().get("RECONCILER_STATE", "")) and "://" not in state:
        patterns.append(f"{posixpath.normpath(state)}*")
    return any(
        path.startswith(".github/") or posixpath.basename(path) == ".gitattributes" or _matter([path], patterns)
        for path in change.paths
    ) or (bool(change.paths) and _matter(change.elsewhere, patterns))


def _matter(paths: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(leads_to(path, pattern) for path in paths for pattern in patterns)


def _commented(lists: Sequence[str]) -> Sequence[str]:
    """Those with a plan in a comment of this pull request: an older push has touched them, and it would be believed."""
    number, comments = Github().change, Github().comments()
    if number is None or comments is None or not lists:
        return []
    markers = {marker(ban_list).rstrip("\n"): ban_list for ban_list in lists}
    try:
        return [markers[found] for found in comments.made(number, markers)]
    except ApiFailed as failure:
        runner.annotate("notice", f"Whether older plans are shown could not be seen: {failure}.")
        return []


def _change() -> _Change:
    """What this run is about. Raises _Unknown."""
    before, after = _commits()
    repository, remote = Repository(Github()), Github().server.remote
    if not _is_there(before) and not repository.fetched(remote, before, "--depth=1"):
        raise _Unknown("the commit before it cannot be fetched")
    compared = _git("diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after)
    listed = [
        line.partition("\t")
        for commit in (before, after)
        for line in _names(_git("ls-tree", "-r", "-z", "--full-tree", commit))
    ]
    elsewhere = {name for about, _, name in listed if about.partition(" ")[0] not in _FILES}
    return _Change(before, after, _names(compared), sorted(elsewhere))


def _commits() -> tuple[str, str]:
    """The commits before and with the change, as far as the checkout is the one that the event is about.

    On `pull_request` that is the merge of head and base, whose first parent is the base as it was merged. (GitHub,
    "Events that trigger workflows".)
    """
    after = _git("rev-parse", "HEAD").decode().strip()
    # Not what `rev-list` says: a shallow checkout hides the parents, which its commit names all the same.
    parents = re.findall(r"^parent (\w+)$", _git("cat-file", "commit", "HEAD").decode(errors="replace"), re.MULTILINE)
    name, event = runner.setting("GITHUB_EVENT_NAME"), Github().event
    try:
        if name == "pull_request":
            (before, head), expected = parents, after
            if head != event["pull_request"]["head"]["sha"]:
                raise _Unknown("the checkout is not the merge of this pull request")
        elif name == "merge_group":
            before, expected = event["merge_group"]["base_sha"], event["merge_group"]["head_sha"]
        elif name == "push":
            before, expected = event["before"], event["after"]
        else:
            raise _Unknown("no change has started this run")
        told = after == expected and _COMMIT.fullmatch(before) and not _NONE.fullmatch(before)
    except (KeyError, TypeError, ValueError):
        told = None
    if not told:
        raise _Unknown("the checkout does not tell what has changed")
    return before, after


def _is_there(commit: str) -> bool:
    return _run("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _text(commit: str, path: str) -> str | None:
    """A file in a commit; None if it is not there. What is no text is none that anybody understands."""
    shown = _run("cat-file", "blob", f"{commit}:{path}")
    return None if shown.returncode else shown.stdout.decode(errors="replace").replace("\ufffd", "\x85")


def _names(listed: bytes) -> Sequence[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _git(*arguments: str) -> bytes:
    """What git prints. Raises _Unknown."""
    done = _run(*arguments)
    if done.returncode:
        raise _Unknown("git cannot tell what has changed")
    return done.stdout


def _run(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    # In a container the checkout may belong to another user, and git would refuse to look at it.
    command = ["git", "-c", "safe.directory=*", *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)
    except (OSError, subprocess.SubprocessError) as error:
        raise _Unknown("git cannot be asked what has changed") from error
