"""The examples at the end of each command's help: they are there, and the command line understands them."""

import re
import shlex
from collections.abc import Iterator, Sequence

import click
import pytest

from reconciler.cli.main import COMMANDS, cli
from tests.command_line import Reconciler

WIDTH = 80  # of a narrow terminal, which does not wrap them
PLACEHOLDER = "COMMAND"  # for the name of a command, as in the usage


def command_lines() -> Iterator[tuple[str, ...]]:
    """The name of each command that the help lists, those in groups behind the name of the group."""
    context = click.Context(cli)
    yield ()
    for name in COMMANDS:
        yield (name,)
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, inner) for inner in command.commands)


def examples_of(help: str) -> Sequence[str]:
    """The lines of the last paragraph of a help, which is to be the examples."""
    paragraph = help.rstrip("\n").rpartition("\n\n")[2]
    head, *lines = paragraph.split("\n")
    assert head == "  Examples:"
    assert all(line.startswith("    ") for line in lines)
    return [line.removeprefix("    ") for line in lines]


def understood(words: Sequence[str]) -> tuple[str, ...]:
    """The names of the commands on a command line, which is parsed as if it ran. Raises click.UsageError."""
    command, names, rest = cli.get_command(click.Context(cli), words[0]), words[:1], words[1:]
    if isinstance(command, click.Group):
        command, names, rest = command.commands[rest[0]], words[:2], rest[1:]
    assert command is not None
    context = command.make_context(command.name, list(rest))
    if command.name == "sandbox" and context.params["command"]:
        program, *inner = context.params["command"]
        assert program == "reconciler"
        understood(inner)
    return tuple(names)


@pytest.mark.parametrize("names", [*command_lines()], ids=" ".join)
def test_the_help_of_a_command_ends_with_examples_that_are_right(
    names: tuple[str, ...], reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    examples = examples_of(reconciler(*names, "--help").out)
    assert 2 <= len(examples) <= 3
    for example in examples:
        assert len(example) + 4 <= WIDTH
        (ours,) = [part for part in re.split(r" [|>] ", example) if part.startswith("reconciler ")]
        words = shlex.split(ours)[1:]
        if PLACEHOLDER not in words:
            assert understood(words)[: len(names)] == names
