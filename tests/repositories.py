"""Repositories of git for tests: commits at a known time, and histories of any length."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

SETTINGS = {
    "GIT_AUTHOR_NAME": "Kim Lee",
    "GIT_AUTHOR_EMAIL": "kim@example.com",
    "GIT_AUTHOR_DATE": "2026-11-02T10:00:00+01:00",
    "GIT_COMMITTER_NAME": "Kim Lee",
    "GIT_COMMITTER_EMAIL": "kim@example.com",
    "GIT_COMMITTER_DATE": "2026-11-02T10:00:00+01:00",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(*arguments: str, folder: Path | str = ".", given: bytes = b"", settings: Mapping[str, str] = SETTINGS) -> str:
    """Run git; what it prints, without white space around it."""
    environment = os.environ | SETTINGS | dict(settings)
    ran = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, input=given, env=environment)
    return ran.stdout.decode().strip()


def commit(subject: str, folder: Path | str = ".", author: str = "Kim Lee", day: int = 2) -> str:
    """Commit everything there is; the hash."""
    git("add", "-A", folder=folder)
    when = f"2026-11-{day:02}T09:00:00+00:00"
    dated = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_NAME": author}
    git("commit", "--allow-empty", "-m", subject, folder=folder, settings=dated)
    return git("rev-parse", "HEAD", folder=folder)


def repository(folder: Path | str = ".") -> None:
    git("init", "-q", "-b", "main", folder=folder)


def imported(versions: Iterable[str], folder: Path | str = ".", path: str = "bans.yaml") -> None:
    """A history of a file with a commit for each content, made at once."""
    parts = []
    for number, text in enumerate(versions):
        content, subject = text.encode(), f"version {number}".encode()
        who = b"Kim Lee <kim@example.com> %d +0000" % (1_700_000_000 + number * 60)
        parts.append(b"commit refs/heads/main\nauthor %b\ncommitter %b\n" % (who, who))
        parts.append(b"data %d\n%b\n" % (len(subject), subject))
        parts.append(b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content))
    git("fast-import", "--quiet", folder=folder, given=b"".join(parts))
    git("checkout", "-q", "-f", "main", folder=folder)
