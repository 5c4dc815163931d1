"""The terminal: text for people to stdout, diagnostics to stderr, each line safe to show."""

import os
import shutil
import sys
from typing import TextIO

import click

from reconciler import escape
from reconciler.cli.options import Misuse
from reconciler.views.wrapping import wrapped


def out(text: str | bytes) -> None:
    """Print finished text, which is escaped already, or JSON in UTF-8."""
    click.echo(text, nl=False, color=True)  # whoever made the text decided on its colours


def diagnostic(*messages: str) -> None:
    """Print messages to stderr, each on one line: nothing that a message quotes can begin a line of its own.

    On a terminal, a message that is too long for its line is broken at words.
    """
    width = _width_of_stderr()
    click.echo("\n".join(wrapped(escape.line(message), width) for message in messages), err=True)


def error(message: str) -> None:
    """Print why a command ends here."""
    label = click.style("Error:", fg="red", bold=True) if wants_colour(sys.stderr) else "Error:"
    click.echo(f"{label} ", err=True, nl=False, color=True)
    click.echo(wrapped(escape.line(message), _width_of_stderr(), used=len("Error: ")), err=True)


def approved(question: str) -> bool:
    """Ask on the terminal; only `yes` is a yes."""
    click.echo(f"\n{question} Only `yes` goes ahead: ", nl=False)
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D leaves the cursor behind the question
        click.echo()
    return answer.strip() == "yes"


def require_terminal(instead: str) -> None:
    """End with a usage error if there is nobody to ask; `instead` is what to use."""
    if not sys.stdin.isatty():
        raise Misuse(f"there is no terminal to ask for confirmation; use {instead}")


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour: only on a terminal, and without --no-color and NO_COLOR (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and stream.isatty()


def _width_of_stderr() -> int | None:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or None if sys.stderr.isatty() else None
    except (OSError, ValueError):  # no descriptor, or one that has no size
        return None


def width() -> int | None:
    """How many cells a line on stdout has; None where that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
