"""The history of a list in git: who wrote an entry in which commit, and which bans of a user were lifted.

Every version of the list is read as the list itself is: its head, and the entries of that user. So an entry that is
moved to another file keeps its commit, and one that is commented out is lifted.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Final

from reconciler.banlist.about import Entry, excerpt, may_mention, parse_about
from reconciler.banlist.value import NotIncluded
from reconciler.bans import Ban, BanKey
from reconciler.errors import BanListInvalid
from reconciler.git_objects import File, GitUnavailable, Objects, Repository, Version
from reconciler.plan.why import MOST_LIFTED, Commit, Lifted

TIMEOUT: Final = 10.0  # seconds for all that is asked of git
MOST_READ: Final = 2**30  # bytes of all versions of a list; reading so much takes some two seconds
_NOBODY: Final = b"bans: []\n"
_INCLUDED: Final = ("**/*.yaml", "**/*.yml")


@dataclass(slots=True)
class History:
    """What git tells of a user's entries.

    Attributes:
        commits: which commit wrote an entry.
        uncommitted: the entries that no commit has as they are.
        lifted: bans that the list had once, the latest first.
        more_lifted: how many others there are.
        untold: why this is not all, as part of a sentence; None if it is.
    """

    commits: dict[Entry, Commit] = field(default_factory=dict)
    uncommitted: set[Entry] = field(default_factory=set)
    lifted: list[Lifted] = field(default_factory=list)
    more_lifted: int = 0
    untold: str | None = None


@dataclass(frozen=True, slots=True)
class _Past:
    """What a version of the list says of the user.

    Attributes:
        texts: how the user's entries are written.
        bans: what they mean; None if that version cannot be used.
    """

    texts: frozenset[str] = frozenset()
    bans: Mapping[BanKey, Ban] | None = field(default_factory=dict)


def history(
    ban_list: str,
    user_id: str,
    entries: Collection[Entry],
    *,
    has_included: bool = False,
    lifted: bool = False,
    timeout: float = TIMEOUT,
) -> History:
    """What git tells of a user's entries in a list.

    Args:
        ban_list: path of the list.
        user_id: the user.
        entries: those of which to find the commits.
        has_included: whether the list includes files; those of the history are YAML files below its folder.
        lifted: also find the bans that are not in the list any more.
        timeout: seconds; what is not found by then is left out.
    """
    told = History()
    path = os.path.realpath(ban_list)
    try:
        repository = Repository(os.path.dirname(path), timeout)
        others = [repository.prefix + pattern for pattern in _INCLUDED] if has_included else []
        versions = repository.versions(repository.prefix + os.path.basename(path), others)
        with repository.objects() as objects:
            files = repository.files(versions)
            past = _Pasts(objects, versions, files, user_id)
            is_long = sum({file.id: file.size for file in files.values()}.values()) > MOST_READ
            if lifted or not is_long:
                objects.expect(file.id for file in files.values())
            _trace(told, versions, past, entries, leap=is_long)
            if lifted:
                _find_lifted(told, versions, past)
    except GitUnavailable as error:
        told.untold = str(error)
        return told
    last = {version.id for version in versions if not version.parents}
    if repository.is_shallow:
        cut_off = [entry for entry, commit in told.commits.items() if commit.id in last]
        for entry in cut_off:
            del told.commits[entry]
        told.lifted = [
            replace(each, added=None) if each.added is not None and each.added.id in last else each
            for each in told.lifted
        ]
        if cut_off or lifted:
            told.untold = (
                "this copy of the repository has only a part of its history; get the rest with"
                " `git fetch --unshallow`, or in CI with `fetch-depth: 0`"
            )
    return told


class _Pasts:
    """What each version of a list says of a user, read when it is asked for.

    Args:
        objects: reads the repository.
        versions: of the list.
        files: the list itself, by commit.
        user_id: the user.
    """

    def __init__(self, objects: Objects, versions: Sequence[Version], files: Mapping[str, File], user_id: str) -> None:
        self._objects = objects
        self._files = files
        self._user_id = user_id
        self._version_of = {version.id: version for version in versions}
        self._of_commit: dict[str, _Past] = {}
        self._of_contents: dict[object, _Past] = {}
        self._excerpts: dict[str, tuple[bytes, frozenset[str]]] = {}

    def __getitem__(self, commit: str) -> _Past:
        past = self._of_commit.get(commit)
        if past is None:
            past = self._of_commit[commit] = self._read(self._version_of[commit])
        return past

    def bans(self, commit: str) -> Mapping[BanKey, Ban]:
        """The bans of a version; those of the one before it, if it cannot be used."""
        seen: set[str] = set()
        while commit not in seen:
            seen.add(commit)
            bans = self[commit].bans
            if bans is not None:
                return bans
            parents = self._version_of[commit].parents
            if not parents:
                break
            commit = parents[0]
        return {}

    def _read(self, version: Version) -> _Past:
        folder, _, _ = version.path.rpartition("/")
        main = self._files[version.id].id if version.id in self._files else None
        if main is None and "\n" in version.path:  # git was not asked for all of these at once
            there = self._objects.find(version.id, version.path)
            main = there.id if there is not None and not there.is_folder else None
        if main is None:
            return _Past()
        content, texts = self._excerpt(main)
        if content == _NOBODY:
            return _Past()
        used: dict[str, str] = {}

        def find(patterns: Sequence[str]) -> Sequence[Sequence[tuple[str, bytes]] | NotIncluded]:
            found: list[Sequence[tuple[str, bytes]] | NotIncluded] = []
            root = self._objects.find(version.id, folder)
            for pattern in patterns:
                names = dict(self._matching(pattern.split("/"), root.id)) if root is not None else {}
                new = {name: blob for name, blob in names.items() if name not in used and blob != main}
                used.update(new)
                found.append([(name, self._excerpt(blob)[0]) for name, blob in sorted(new.items())])
            return found

        same = content if b"include" not in content else (content, version.id)
        if same not in self._of_contents:
            try:
                bans: dict[BanKey, Ban] | None = {
                    key: ban
                    for key, ban in parse_about(content, version.path, [self._user_id], find).ban_list.bans.items()
                    if key.user_id == self._user_id
                }
            except BanListInvalid:
                bans = None
            included = (self._excerpt(blob)[1] for blob in used.values())
            self._of_contents[same] = _Past(texts.union(*included), bans)
        return self._of_contents[same]

    def _excerpt(self, blob: str) -> tuple[bytes, frozenset[str]]:
        """A file without the entries of others, and how those that are left are written."""
        if blob not in self._excerpts:
            content = self._objects.read(blob)
            if b"include" not in content and not may_mention(content, self._user_id):
                self._excerpts[blob] = _NOBODY, frozenset()
                return self._excerpts[blob]
            part = excerpt(content.replace(b"\r\n", b"\n") if b"\r" in content else content, [self._user_id])
            self._excerpts[blob] = part.content, frozenset(text for _, text in part.texts())
        return self._excerpts[blob]

    def _matching(self, steps: Sequence[str], folder: str, path: str = "") -> Iterator[tuple[str, str]]:
        """The files in a folder that a pattern means, with their objects."""
        step, *others = steps
        for name, inside in self._objects.folder(folder).items():
            if not fnmatchcase(name, step) or (name.startswith(".") and not step.startswith(".")):
                continue
            if others and inside.is_folder:
                yield from self._matching(others, inside.id, f"{path}{name}/")
            elif not others and not inside.is_folder:
                yield path + name, inside.id


def _trace(told: History, versions: Sequence[Version], past: _Pasts, entries: Collection[Entry], *, leap: bool) -> None:
    """Find the commit of each entry: the one that has it as it is, and whose parents do not.

    Args:
        told: where to put them.
        versions: of the list.
        past: what they say of the user.
        entries: the entries.
        leap: leave versions out, since reading all of them would take too long.
    """
    if not versions:
        told.uncommitted.update(entries)
        return
    written = {entry: entry.text.replace("\r", "") for entry in entries}
    there = past[versions[0].id].texts if entries else frozenset()
    told.uncommitted.update(entry for entry in entries if written[entry] not in there)
    looked_for = {entry for entry in entries if written[entry] in there}
    at: dict[str, set[Entry]] = {}
    for entry in looked_for:
        start = _leap(versions, past, written[entry]) if leap else versions[0].id
        at.setdefault(start, set()).add(entry)
    for version in versions:
        for entry in at.pop(version.id, ()):
            parent = next((parent for parent in version.parents if written[entry] in past[parent].texts), None)
            if parent is None:
                told.commits[entry] = commit_of(version)
                looked_for.discard(entry)
            else:
                at.setdefault(parent, set()).add(entry)
        if not looked_for:
            return


def _leap(versions: Sequence[Version], past: _Pasts, text: str) -> str:
    """A commit that has an entry while the one before it has not, found in ever longer steps and then by halving.

    If the same entry was lifted and written again, this may be the earlier of the commits that wrote it.
    """
    parent_of = {version.id: version.parents[:1] for version in versions}
    line = [versions[0].id]
    while parents := parent_of[line[-1]]:
        line += parents
    step = there = 1
    while there < len(line) and text in past[line[there]].texts:
        step *= 2
        there += step
    first, end = max(there - step, 0), min(there, len(line))  # the entry is at `first`, and no more at `end`
    while end - first > 1:
        middle = (first + end) // 2
        first, end = (middle, end) if text in past[line[middle]].texts else (first, middle)
    return line[first]


def _find_lifted(told: History, versions: Sequence[Version], past: _Pasts) -> None:
    """Find the commits after which a ban was gone, and for each the one that had brought it."""
    found: list[tuple[BanKey, Ban, Commit]] = []
    waiting: dict[BanKey, list[int]] = {}
    added: dict[int, Commit] = {}
    try:
        for version in versions:
            now, before = past.bans(version.id), [past.bans(parent) for parent in version.parents]
            new = [key for key in now if not any(key in bans for bans in before)]
            for key in new:
                added.update(dict.fromkeys(waiting.pop(key, ()), commit_of(version)))
            for key in before[0] if before else ():
                if key not in now and all(key in bans for bans in before):
                    waiting.setdefault(key, []).append(len(found))
                    found.append((key, before[0][key], commit_of(version)))
    finally:  # also when the time is over
        told.lifted = [
            Lifted(key, ban, added.get(number), removed)
            for number, (key, ban, removed) in enumerate(found[:MOST_LIFTED])
        ]
        told.more_lifted = len(found) - len(told.lifted)


def commit_of(version: Version) -> Commit:
    """What is told of a commit."""
    return Commit(version.id, version.author, version.date, version.subject)
