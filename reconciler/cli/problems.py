"""The problems of a ban list, in the format that was asked for."""

import os
from dataclasses import replace

from reconciler.cli import console
from reconciler.errors import BanListError, BanListInvalid
from reconciler.redaction import Redaction
from reconciler.sources import contents


def report(error: BanListError, format: str, file: str, redact: Redaction) -> int:
    """Print what is wrong with a ban list: for programs to stdout, and a sentence to stderr.

    Args:
        error: why the list cannot be used.
        format: `json`, `github` or `markdown`; with `text`, and where a format cannot say it, the error is raised.
        file: the list, as it was named to us.
        redact: what to show in place of user IDs.

    Returns:
        The exit code.
    """
    from reconciler.views import diagnostics, markdown  # noqa: PLC0415 - a sound list needs neither

    if isinstance(error, BanListInvalid) and format != "text":
        problems = redact.problems(error.problems)
        if format == "json":
            files = contents(problem.file for problem in problems)
            console.out(diagnostics.as_json(problems, files, snippets=not redact))
        elif format == "github":
            console.out(diagnostics.github([replace(problem, file=from_root(problem.file)) for problem in problems]))
        else:
            console.out(markdown.problems(problems, file))
        console.error(counted(error))
        return 1
    if format == "json":
        console.out(diagnostics.as_json([], {}, error=str(error)))
    raise error


def counted(error: BanListInvalid) -> str:
    """How many problems there are, as a sentence."""
    count, files = len(error.problems), dict.fromkeys(problem.file for problem in error.problems)
    what = f"{count:,} problem{'' if count == 1 else 's'}"
    where = f"{next(iter(files))} has {what}" if len(files) == 1 else f"There are {what} in {len(files):,} files"
    return f"{where}. Nothing was done."


def from_root(file: str) -> str:
    """A file as GitHub names it: from the root of the repository, if it is in the one that is checked out there."""
    root = os.environ.get("GITHUB_WORKSPACE")
    if not root:
        return file
    root = os.path.realpath(root)
    path = os.path.join(os.path.realpath(os.path.dirname(file) or "."), os.path.basename(file))
    return os.path.relpath(path, root) if path.startswith(os.path.join(root, "")) else file
