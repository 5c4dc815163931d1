"""Prints docs/commands.md, made from the commands themselves. `make docs` runs it, and a test compares.

It reads the commands and not what `--help` prints: neither a terminal, nor a locale, nor a variable changes a byte.
"""

import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import click

from reconciler.cli.main import COMMANDS, cli

HEAD: Final = """\
<!-- Made by `make docs` from the program itself. Change the help of a command instead. -->

# Commands

Every command with all of its options, as `reconciler COMMAND --help` shows them too. An option with a variable can also
be set by that environment variable; what is typed has the last word. `--help`, or `-h`, explains any command, and
`reconciler --version` says which version is installed. The README has the [exit codes](../README.md#commands).
"""
SHARED: Final = "Options that most commands have"

# What becomes code, besides what is code: options, variables, keys and files. The rest is escaped.
_CODE: Final = re.compile(r"`[^`]+`|(?<!\S)(?:--[a-z][a-z-]*|-f)\b|\bs3://[\w/]+|[^\s(]*\.(?:yaml|json)\b|\b\w+_\w+\b")
_SPECIAL: Final = re.compile(r"[\\*_<>\[\]|~#]")
_DEFAULT: Final = re.compile(r" \[default: (.*)\]$")

Command = tuple[str, click.Command]


def page() -> str:
    """The page, which is the same wherever and whenever it is made."""
    commands = [*_commands()]
    shared = _shared(command for _, command in commands)
    parts = [HEAD, _index(commands), f"## {SHARED}\n", _entries(shared)]
    for name, command in commands:
        parts += _section(name, command, shared)
    return "\n".join(parts)


def _commands() -> Iterator[Command]:
    """Each command that the help lists, those of a group behind it."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", each) for inner, each in command.commands.items())


def _options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option) and not each.hidden]


def _shared(commands: Iterator[click.Command]) -> dict[str, click.Option]:
    """The options that most commands have, with the same words: entry → option."""
    every = [command for command in commands if not isinstance(command, click.Group)]
    found = {_entry(option): option for command in every for option in _options(command)}
    counts = Counter(entry for command in every for entry in {*map(_entry, _options(command))})
    return {entry: option for entry, option in found.items() if counts[entry] > len(every) / 2}


def _index(commands: Sequence[Command]) -> str:
    rows = (f"| [`{name}`](#{_anchor(name)}) | {_summary(command)} |" for name, command in commands)
    return "| command | what it does |\n| --- | --- |\n" + "".join(f"{row}\n" for row in rows)


def _anchor(name: str) -> str:
    return f"reconciler-{name.replace(' ', '-')}"


def _summary(command: click.Command) -> str:
    return _paragraphs(command)[0]


def _paragraphs(command: click.Command) -> list[str]:
    return [_inline(" ".join(part.split())) for part in inspect.cleandoc(command.help or "").split("\n\n")]


def _section(name: str, command: click.Command, shared: dict[str, click.Option]) -> Iterator[str]:
    usage = " ".join(["reconciler", name, *command.collect_usage_pieces(click.Context(command))])
    level = "##" if " " not in name else "###"
    yield f"{level} reconciler {name}\n"
    yield from (f"{text}\n" for text in _paragraphs(command))
    yield f"```text\n{usage}\n```\n"
    arguments = [_argument(each) for each in command.params if isinstance(each, click.Argument)]
    own = [entry for entry in map(_entry, _options(command)) if entry not in shared]
    if arguments or own:
        yield _entries([*arguments, *own])
    also = [shared[entry] for entry in shared if entry in map(_entry, _options(command))]
    if also:
        yield f"It has {_names(also)} too: [options that most commands have](#{SHARED.lower().replace(' ', '-')}).\n"
    yield f"For example:\n\n```sh\n{_examples(command)}\n```\n"


def _examples(command: click.Command) -> str:
    """What stands at the end of the help, without its head."""
    head, _, lines = inspect.cleandoc(command.epilog or "").partition("Examples:\n")
    assert head == "\b\n", command.name
    return inspect.cleandoc(lines)


def _names(options: Sequence[click.Option]) -> str:
    *others, last = (f"`{option.opts[-1]}`" for option in options)
    return f"{', '.join(others)} and {last}" if others else last


def _entries(entries: Iterable[str]) -> str:
    """A list, and not a table: columns of options and variables would be narrower than a name, and break within it."""
    return "".join(f"- {entry}\n" for entry in entries)


def _argument(argument: click.Argument) -> str:
    name = re.sub(r"^\[?(?:-- )?|\]?(?:\.\.\.)?\]?$", "", argument.metavar or (argument.name or "").upper())
    match argument.required, argument.nargs == -1:
        case True, True:
            count = "One or more."
        case True, False:
            count = "Has to be given."
        case False, True:
            count = "Any number, or none."
        case _:
            count = "May be left out."
    return f"`{name}` \\\n  {count}"


def _entry(option: click.Option) -> str:
    *short, long = option.opts
    value = "" if option.is_flag else f" {option.metavar or (option.name or '').upper()}"
    names = ", ".join([*(f"`{name}`" for name in short), f"`{long}{value}`"])
    help, default = _help_and_default(option)
    said = [_inline(help)]
    if isinstance(option.type, click.Choice) and not all(str(choice) in help for choice in option.type.choices):
        said.append(f"One of {', '.join(f'`{choice}`' for choice in option.type.choices)}.")
    if default:
        said.append(f"Default: {default}.")
    if option.envvar:
        said.append(f"Variable: `{option.envvar}`.")
    return f"{names} \\\n  {' '.join(said)}"


def _help_and_default(option: click.Option) -> tuple[str, str]:
    """What the help says, and what the option is if nobody sets it; empty if that is nothing."""
    help = option.help or ""
    told = _DEFAULT.search(help)
    if told:
        return help[: told.start()], _inline(told[1])
    default = option.to_info_dict()["default"]
    return help, "" if option.is_flag or option.multiple or default is None else f"`{default}`"


def _inline(text: str) -> str:
    """A sentence of a help as Markdown that shows the same."""
    found, end = [], 0
    for code in _CODE.finditer(text):
        found += [_SPECIAL.sub(r"\\\g<0>", text[end : code.start()]), f"`{code[0].strip('`')}`"]
        end = code.end()
    return "".join([*found, _SPECIAL.sub(r"\\\g<0>", text[end:])])


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
