"""Why a ban list is not valid, or has no plan, in the format that was asked for."""

import os
from dataclasses import replace
from typing import Final, NoReturn

import click

from reconciler.cli import console
from reconciler.cli.run import Run
from reconciler.errors import BanListError, BanListInvalid, ReconcilerError, StateError
from reconciler.redaction import Redaction
from reconciler.sources import contents

_YAML: Final = (".yaml", ".yml")


def report(error: BanListError, format: str, file: str, redact: Redaction) -> int:
    """Print what is wrong with a ban list: for programs to stdout, and a sentence to stderr.

    Args:
        error: why the list cannot be used.
        format: `json`, `github` or `markdown`; with `text`, and without single problems, the error is raised.
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
    return fail(error, format, file)


def fail(error: ReconcilerError, format: str, file: str) -> NoReturn:
    """Print on stdout why there is no verdict or no plan, and raise the error, which goes to stderr.

    Args:
        error: why.
        format: `json`, `github` or `markdown`; with `text` nothing is printed here.
        file: the list, as it was named to us.
    """
    from reconciler.views import diagnostics, markdown  # noqa: PLC0415 - most lists and states are sound

    run = click.get_current_context().ensure_object(Run)
    why = run.text(str(run.shown(error)))
    if format == "json":
        console.out(diagnostics.as_json([], {}, error=why, summary=_summary(error)))
    elif format == "github":
        console.out(diagnostics.github_failed(why, from_root(file) if os.path.isfile(file) else None))
    elif format == "markdown":
        # The marker has to be that of the comment that is there already; a file of YAML is no user.
        console.out(markdown.failed(why, file if file.endswith(_YAML) else run.text(file)))
    raise error


def _summary(error: ReconcilerError) -> str:
    if isinstance(error, BanListError):
        return "The ban list cannot be read"
    return "The state cannot be used" if isinstance(error, StateError) else "There is no plan"


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
