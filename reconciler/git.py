"""The git repository and the commit that a ban list belongs to."""

import hashlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.operating_system import program, with_slashes
from reconciler.reading import read_regular_file

TIMEOUT: Final = 5  # seconds
_VARIABLES: Final = ("GITHUB_SHA", "CI_COMMIT_SHA")  # of GitHub Actions and GitLab CI
_GITHUB: Final = re.compile(
    r"(?:https://(?:[^/@]*@)?github\.com/|git@github\.com:|ssh://git@github\.com/)([\w.-]+/[\w.-]+?)(?:\.git)?/?",
    re.ASCII,
)
_COMMIT: Final = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


def commit_of(ban_list: str, environment: Mapping[str, str], included: Sequence[str] = ()) -> str | None:
    """The commit that is checked out, if it has the list as it is in the folder.

    If git cannot tell, because there is no git or no repository, it is the commit that the CI system names.

    Args:
        ban_list: path of the list.
        environment: the environment variables.
        included: paths of the files that the list includes, in its folder or below it.

    Returns:
        40 or 64 hexadecimal digits; None where there is no commit, or the list has changes that are not committed.
    """
    folder = os.path.dirname(ban_list) or os.curdir
    head = (_git(folder, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
    if not _COMMIT.fullmatch(head):
        named = (environment.get(variable, "").lower() for variable in _VARIABLES)
        return next((commit for commit in named if _COMMIT.fullmatch(commit)), None)
    # Compared by hash and not by `git status`, which may run what the repository's configuration names.
    files = [ban_list, *included]
    try:
        names = "".join(f"HEAD:./{with_slashes(os.path.relpath(file, folder))}\n" for file in files)
        committed = (_git(folder, "cat-file", "--batch-check=%(objectname)", given=names) or "").splitlines()
        present = [_blobs(read_regular_file(file), len(head)) for file in files]
    except (OSError, ValueError):
        return None
    same = len(committed) == len(present) and all(blob in ours for blob, ours in zip(committed, present, strict=True))
    return head if same else None


def root_of(folder: str) -> str | None:
    """The folder in which the repository of a folder begins; None where there is no repository, or no git."""
    return (_git(folder, "rev-parse", "--show-toplevel") or "").removesuffix("\n") or None


def github_repository(folder: str) -> str | None:
    """`OWNER/REPOSITORY` of the remote `origin`; None where that is not a repository on github.com."""
    address = (_git(folder, "remote", "get-url", "origin") or "").strip()
    found = _GITHUB.fullmatch(address)
    return found[1] if found else None


def _git(folder: str, *arguments: str, given: str = "") -> str | None:
    """What git prints; None where it fails."""
    try:
        failed, said, _ = answered(started(folder, *arguments), os.fsencode(given), TIMEOUT)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return None if failed else said.decode(errors="replace")


def started(
    folder: str, *arguments: str, environment: Mapping[str, str] | None = None, stderr: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    """A process of git, with pipes to it.

    Args:
        folder: where it runs.
        arguments: the command, with its arguments.
        environment: its variables; None for those of this process.
        stderr: where what it says of errors goes.

    Raises:
        OSError: there is no git, or no such folder.
        ValueError: an argument has a NUL in it.
    """
    return subprocess.Popen(  # noqa: S603
        [program("git"), "-C", folder, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
    )


def answered(process: "subprocess.Popen[bytes]", given: bytes, timeout: float) -> tuple[int, bytes, bytes]:
    """What a process returns and says once it has been given this.

    Raises:
        TimeoutExpired: it has not ended after so many seconds, and was killed.
    """
    with process:
        try:
            out, err = process.communicate(given, timeout)
        except BaseException:
            process.kill()
            raise
    return process.returncode, out, err or b""


def _blobs(content: bytes, digits: int) -> set[str]:
    """What git may have made of a file's content: the same, or with line breaks of its own (`core.autocrlf`)."""
    return {_blob(content, digits), _blob(content.replace(b"\r\n", b"\n"), digits)}


def _blob(content: bytes, digits: int) -> str:
    """The object name of a file's content, in a repository whose object names have so many digits."""
    algorithm = "sha1" if digits == 40 else "sha256"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
