"""A repository's commits, folders and files, read from git without running anything that the repository names."""

import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import Thread, Timer
from time import monotonic
from types import MappingProxyType
from typing import IO, Final, NamedTuple

from reconciler.git import answered, started

_MOST_COMMITS: Final = 100_000
_FIELDS: Final = ("%H", "%P", "%an", "%aI", "%s")
_ENVIRONMENT: Final = MappingProxyType({"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"})
# Showing a signature would run the program that the configuration names for it.
_SETTINGS: Final = ("--no-pager", "-c", "log.showSignature=false", "-c", "core.fsmonitor=false")
_FILE: Final = "blob"
_FOLDER: Final = "40000"
_LINK: Final = "120000"
_RENAMED: Final = re.compile(rb"R[0-9]+")


class GitUnavailable(Exception):
    """Git cannot tell; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Version:
    """A commit that changed the files that are looked at.

    Attributes:
        id: its hash.
        parents: the commits before it that changed them too.
        author: who wrote it, as they say.
        date: when, aware.
        subject: the first line of its message.
        path: where the first of the files is there, from the root of the repository.
    """

    id: str
    parents: tuple[str, ...]
    author: str
    date: datetime
    subject: str
    path: str


class File(NamedTuple):
    """A file of a repository: the hash of its object, and its size in bytes."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What a folder of a repository has under a name.

    Attributes:
        id: the object's hash.
        is_folder: whether it is a folder; else it is a file.
    """

    id: str
    is_folder: bool


class Repository:
    """The repository that a folder is in.

    Args:
        folder: a folder of its working copy.
        timeout: seconds for everything that is asked of it.

    Attributes:
        prefix: the path of the folder from the root of the repository; ends with a slash unless it is empty.
        is_shallow: whether its history is cut off.

    Raises:
        GitUnavailable: there is none, or git cannot be asked.
    """

    def __init__(self, folder: str, timeout: float) -> None:
        self._folder = folder or os.curdir
        self._end = monotonic() + timeout
        self._timeout = timeout
        said = self._run("rev-parse", "--is-shallow-repository", "--show-prefix")
        shallow, _, prefix = said.partition(b"\n")
        self.is_shallow = shallow == b"true"
        self.prefix = os.fsdecode(prefix.removesuffix(b"\n"))

    @property
    def seconds_left(self) -> float:
        """How long it may still be asked."""
        return max(0.0, self._end - monotonic())

    def versions(self, path: str, others: Sequence[str] = ()) -> list[Version]:
        """The commits that changed a file, or others, the latest first and each before its parents.

        Args:
            path: the file, from the root of the repository. Where it was renamed, its history goes on.
            others: patterns of more files, as git writes them.

        Raises:
            GitUnavailable: git cannot tell, as where there is no commit.
        """
        found = self._log("HEAD", path, others)
        renamed: str | None = path
        while found and len(found) < _MOST_COMMITS and not found[-1].parents:
            renamed = self._name_before(found[-1])
            if renamed is None:
                break
            earlier = self._log(f"{found[-1].id}^", renamed, others)
            if not earlier:
                break
            found[-1] = replace(found[-1], parents=(earlier[0].id,))
            found += earlier
        return found

    def _log(self, start: str, path: str, others: Sequence[str]) -> list[Version]:
        shape = f"--format={'%x00'.join(_FIELDS)}"
        order = ("--topo-order", "--parents", f"--max-count={_MOST_COMMITS}", "--encoding=UTF-8", "-z")
        where = (f":(top,literal){path}", *(f":(top,glob){other}" for other in others))
        fields = self._run("log", *order, shape, start, "--", *where).removesuffix(b"\0").split(b"\0")
        if len(fields) < len(_FIELDS):
            return []
        rows = zip(*(fields[number :: len(_FIELDS)] for number in range(len(_FIELDS))), strict=True)
        return [
            Version(
                commit.decode(),
                tuple(parents.decode().split()),
                author.decode(errors="replace"),
                _time_of(date.decode()),
                subject.decode(errors="replace"),
                path,
            )
            for commit, parents, author, date, subject in rows
        ]

    def _name_before(self, version: Version) -> str | None:
        """The name that the first file had before a commit renamed it; None if it did not."""
        options = ("-r", "-M", "-z", "--name-status", "--no-commit-id", "--no-ext-diff", "--no-textconv")
        fields = self._run("diff-tree", *options, version.id).split(b"\0")
        for at, status in enumerate(fields[:-2]):
            if _RENAMED.fullmatch(status) and os.fsdecode(fields[at + 2]) == version.path:
                return os.fsdecode(fields[at + 1])
        return None

    @contextmanager
    def objects(self) -> "Iterator[Objects]":
        """What reads folders and files. In it, GitUnavailable is raised when the time is over."""
        objects = Objects(partial(self._started, "cat-file", "--batch"), self._too_slow)
        timer = Timer(self.seconds_left, objects.stop)
        timer.daemon = True
        timer.start()
        try:
            yield objects
        finally:
            timer.cancel()
            objects.close()

    def files(self, versions: Sequence[Version]) -> dict[str, File]:
        """The first file in each version that has it, by the version's commit; some may be left out."""
        asked = [version for version in versions if "\n" not in version.path]
        given = b"".join(os.fsencode(f"{version.id}:{version.path}\n") for version in asked)
        shape = "--batch-check=%(objectname) %(objectsize) %(objecttype)"
        lines = self._run("cat-file", shape, given=given).decode(errors="replace").split("\n")
        found = {version.id: line.split(" ") for version, line in zip(asked, lines, strict=False)}
        return {commit: File(line[0], int(line[1])) for commit, line in found.items() if line[2:] == [_FILE]}

    @property
    def _too_slow(self) -> str:
        return f"git took longer than {self._timeout:g} s"

    def _started(self, *arguments: str, stderr: int = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
        environment = os.environ | _ENVIRONMENT
        return started(self._folder, *_SETTINGS, *arguments, environment=environment, stderr=stderr)

    def _run(self, *arguments: str, given: bytes = b"") -> bytes:
        try:
            process = self._started(*arguments, stderr=subprocess.PIPE)
            failed, out, err = answered(process, given, self.seconds_left)
        except subprocess.TimeoutExpired as error:
            raise GitUnavailable(self._too_slow) from error
        except (OSError, ValueError) as error:
            raise GitUnavailable(_NO_GIT) from error
        if failed:
            raise GitUnavailable(_why(err.decode(errors="replace")))
        return out


class Objects:
    """Reads objects of a repository through processes of git, until it is stopped.

    Args:
        start: starts a process that gives objects by their names.
        too_slow: why there are no more, once it is stopped.
    """

    def __init__(self, start: "Callable[[], subprocess.Popen[bytes]]", too_slow: str) -> None:
        self._start = start
        self._too_slow = too_slow
        self._folders: dict[str, dict[str, Inside]] = {}
        self._stopped = False
        self._threads: list[Thread] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._one_by_one: subprocess.Popen[bytes] | None = None
        self._all_in_order: subprocess.Popen[bytes] | None = None
        self._expected: deque[str] = deque()
        self._is_expected: set[str] = set()

    def stop(self) -> None:
        """End the processes. Whoever reads gets GitUnavailable."""
        self._stopped = True
        for process in self._processes:
            process.kill()

    def close(self) -> None:
        """End the processes, and let go of them."""
        self.stop()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError, ValueError):
                    _pipe(pipe).close()

    def expect(self, names: Iterable[str]) -> None:
        """Have git read objects ahead that will be asked for, more or less in this order."""
        self._expected = deque(dict.fromkeys(names))
        self._is_expected = set(self._expected)
        process = self._all_in_order = self._started()
        given = "".join(f"{name}\n" for name in self._expected).encode()

        def ask() -> None:
            with suppress(OSError, ValueError):  # stopped before all of them were needed
                _pipe(process.stdin).write(given)
                _pipe(process.stdin).flush()

        self._threads.append(Thread(target=ask, daemon=True))
        self._threads[-1].start()

    def find(self, commit: str, path: str) -> Inside | None:
        """The file or folder at a path in a commit; an empty path is the root."""
        found: Inside | None = Inside(f"{commit}^{{tree}}", is_folder=True)
        for name in filter(None, path.split("/")):
            if found is None or not found.is_folder:
                return None
            found = self.folder(found.id).get(name)
        return found

    def folder(self, name: str) -> dict[str, Inside]:
        """What is in a folder, without links."""
        if name not in self._folders:
            content = self.read(name)
            digits = 32 if len(name.partition("^")[0]) > _SHA1 else 20
            self._folders[name] = dict(_inside(content, digits))
        return self._folders[name]

    def read(self, name: str) -> bytes:
        """The content of an object; empty where there is none. Raises GitUnavailable."""
        if self._all_in_order is not None and name in self._is_expected:
            while True:
                content = self._next(self._all_in_order)
                first = self._expected.popleft()
                self._is_expected.discard(first)
                if first == name:
                    return content
        if self._one_by_one is None:
            self._one_by_one = self._started()
        try:
            _pipe(self._one_by_one.stdin).write(name.encode() + b"\n")
            _pipe(self._one_by_one.stdin).flush()
        except (OSError, ValueError) as error:
            raise self._ended from error
        return self._next(self._one_by_one)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._stopped:
            raise self._ended
        try:
            process = self._start()
        except OSError as error:
            raise GitUnavailable(_NO_GIT) from error
        self._processes.append(process)
        return process

    def _next(self, process: "subprocess.Popen[bytes]") -> bytes:
        """The next object that a process gives."""
        answered = _pipe(process.stdout)
        try:
            header = answered.readline().split()
            if header[-1:] == [b"missing"]:
                return b""
            size = int(header[2])
            content, end = answered.read(size), answered.read(1)
        except (OSError, ValueError, LookupError) as error:
            raise self._ended from error
        if not end:
            raise self._ended
        return content

    @property
    def _ended(self) -> GitUnavailable:
        return GitUnavailable(self._too_slow if self._stopped else "git ended before it had told everything")


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


_SHA1: Final = 40  # hexadecimal digits
_NO_GIT: Final = "git is not installed"


def _inside(content: bytes, digits: int) -> Iterator[tuple[str, Inside]]:
    """The entries of a folder: each is `MODE NAME`, a zero byte, and a hash of so many bytes."""
    at = 0
    while at < len(content):
        zero = content.index(b"\0", at)
        mode, _, name = content[at:zero].partition(b" ")
        at = zero + 1 + digits
        if mode.decode() != _LINK:
            yield os.fsdecode(name), Inside(content[zero + 1 : at].hex(), mode.decode() == _FOLDER)


def _time_of(text: str) -> datetime:
    """A time as git writes it; that of a damaged commit is long ago."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)


def _why(said: str) -> str:
    if "not a git repository" in said:
        return "the list is not in a git repository"
    if "unknown revision" in said or "bad revision" in said or "does not have any commits" in said:
        return "the git repository has no commit yet"
    first = next((line for line in said.splitlines() if line.strip()), "git failed without a message")
    return f"git says: {first.removeprefix('fatal: ')}"
