"""Variables of the environment in place of options."""

from collections.abc import Iterator

import click

from reconciler.cli.main import cli


def options(command: click.Command, context: click.Context) -> Iterator[click.Option]:
    """Of a command and of those below it."""
    yield from (parameter for parameter in command.params if isinstance(parameter, click.Option))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from options(below, click.Context(below, context, name))


def test_a_variable_means_the_same_to_all_commands() -> None:
    found: dict[object, set[object]] = {}
    for option in options(cli, click.Context(cli)):
        if option.envvar is not None:
            meaning = type(option.type), option.multiple, option.is_flag, option.metavar
            found.setdefault(option.envvar, set()).add(meaning)
    assert "RECONCILER_FILE" in found
    assert [variable for variable, meanings in found.items() if len(meanings) > 1] == []
