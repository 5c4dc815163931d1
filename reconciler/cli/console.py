"""The terminal: text for people to stdout, diagnostics to stderr, each line safe to show."""

import os
import shutil
import sys
from importlib import import_module
from typing import Any, TextIO

import click

from reconciler import escape
from reconciler.cli.options import Misuse
from reconciler.views.layout import broken, wrapped


def out(text: str | bytes) -> None:
    """Print finished text, which is escaped already, or JSON in UTF-8."""
    click.echo(text, nl=False, color=True)  # whoever made the text decided on its colours


def say(text: str) -> None:
    """Print a text for people, escaped already, whose lines end between words on a terminal."""
    out(wrapped(text, width()))


def diagnostic(*messages: str) -> None:
    """Print messages to stderr, each on one line: nothing that a message quotes can begin a line of its own.

    On a terminal, a message that is too long for its line is broken at words.
    """
    click.echo("\n".join(map(_on_stderr, messages)), err=True)


def error(message: str) -> None:
    """Print why a command ends here."""
    label = "Error:"
    shown = _on_stderr(f"{label} {message}")
    if wants_colour(sys.stderr):
        shown = click.style(label, fg="red", bold=True) + shown.removeprefix(label)
    click.echo(shown, err=True, color=True)


def _on_stderr(message: str) -> str:
    line, width = escape.line(message), _width_of_stderr()
    return line if width is None else "\n".join(broken(line, width, "  "))


def approved(question: str) -> bool:
    """Ask on the terminal; only `yes` is a yes."""
    click.echo(wrapped(f"\n{question} Only `yes` goes ahead:", width()) + " ", nl=False)
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
    """Whether to colour: only where the cursor moves, and without --no-color and NO_COLOR (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and moves_cursor(stream)


def moves_cursor(stream: TextIO) -> bool:
    """Whether what stands on a stream can be drawn over: only on a terminal, and not on one that is like paper."""
    return stream.isatty() and not _is_paper(os.environ.get("TERM", ""))


def _is_paper(kind: str) -> bool:
    """Whether a kind of terminal can only write on, by its name or by what terminfo says of it."""
    if kind.lower() in ("", "dumb", "unknown"):
        return True
    try:
        curses: Any = import_module("curses")
    except ImportError:  # some Pythons are built without it
        return False
    try:
        curses.setupterm(kind, 2)
    except curses.error:  # terminfo does not know it: it is newer than that
        return False
    return curses.tigetstr("cuu1") is None


def _width_of_stderr() -> int | None:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or None if sys.stderr.isatty() else None
    except (OSError, ValueError):  # no descriptor, or one that has no size
        return None


def width() -> int | None:
    """How many cells a line on stdout has; None where that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
