"""The terminal: text for people to stdout, diagnostics to stderr, each line safe to show."""

import os
import sys
from typing import TextIO

import click

from reconciler import escape


def out(text: str) -> None:
    """Print finished text of a view, which has escaped what it shows."""
    click.echo(text, nl=False, color=True)  # colour or not is decided where the text is made


def diagnostic(*messages: str, style: str | None = None) -> None:
    """Print messages to stderr, a line each: what a message holds of others cannot begin a line of its own."""
    lines = "\n".join(escape.line(message) for message in messages)
    if style is not None and wants_colour(sys.stderr):
        lines = click.style(lines, fg=style)
    click.echo(lines, err=True, color=True)


def error(message: str) -> None:
    """Print why a command ends here."""
    label = click.style("Error:", fg="red", bold=True) if wants_colour(sys.stderr) else "Error:"
    click.echo(f"{label} ", err=True, nl=False, color=True)
    diagnostic(message)


def approved(question: str) -> bool:
    """Ask on the terminal; only `yes` is a yes."""
    click.echo(f"\n{question} Only `yes` goes ahead: ", nl=False)
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):  # Ctrl-D leaves the cursor behind the question
        click.echo()
    return answer.strip() == "yes"


def require_terminal(instead: str) -> None:
    """End with a usage error where there is nobody to ask; `instead` is what to give."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"there is no terminal to ask on; give {instead}")


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour: only on a terminal, and neither --no-color nor NO_COLOR (https://no-color.org) is given."""
    return not os.environ.get("NO_COLOR") and stream.isatty()
