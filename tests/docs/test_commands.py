"""docs/commands.md: made from the commands, whole, the same on every machine, and shown as it is meant."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cmarkgfm
import pytest

from reconciler.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/commands.md").read_text(encoding="utf-8")


def made(environment: dict[str, str]) -> str:
    script = [sys.executable, str(ROOT / "docs/reference.py")]
    return subprocess.run(script, env=environment, capture_output=True, check=True, timeout=60).stdout.decode()


def sections() -> dict[str, str]:
    """The section of each command."""
    found = re.split(r"^###? reconciler (.*)\n", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"COLUMNS": "20", "LC_ALL": "C", "NO_COLOR": "1", "TERM": "dumb", "HOME": "/nonexistent"},
        {"COLUMNS": "500", "PYTHONUTF8": "1", "RECONCILER_FILE": "other.yaml", "RECONCILER_RATE": "7"},
    ],
    ids=["bare", "narrow", "wide"],
)
def test_the_page_is_what_the_program_says_whatever_the_terminal(environment: dict[str, str]) -> None:
    needed = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    assert made(needed | environment) == PAGE, "run `make docs`"


def named_by(section: str) -> dict[str, str]:
    """The entry of each option and argument of a section."""
    entries = re.findall(r"^- ((?:`[^`]+`, )?`(--[a-z-]+|[A-Z_]+)\b.*\n  .*)$", section, re.MULTILINE)
    assert len(entries) == section.count("\n- ")
    return {name: entry for entry, name in entries}


def every_command() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", each) for inner, each in command.commands.items())


def test_each_option_and_argument_of_each_command_is_there() -> None:
    shared = named_by(re.findall(r"^## Options .*?(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[0])
    for name, command in every_command():
        assert f"| [`{name}`](#reconciler-{name.replace(' ', '-')}) |" in PAGE
        section = sections()[name]
        pointed_at = re.findall(r"`(--[a-z-]+)`", "".join(re.findall(r"^It has (.*) too:", section, re.MULTILINE)))
        entries = named_by(section) | {name: shared[name] for name in pointed_at}
        named = set()
        for parameter in command.params:
            word = parameter.opts[-1]
            if isinstance(parameter, click.Argument):
                word = re.findall("[A-Z_]+", parameter.metavar or word.upper())[0]
            named.add(word)
            assert (parameter.envvar is not None) == entries[word].endswith(f" Variable: `{parameter.envvar}`.")
            assert all(choice in entries[word] for choice in getattr(parameter.type, "choices", ()))
        assert entries.keys() == named
    assert [name for name, _ in every_command()] == list(sections())


def test_it_is_shown_as_the_help_has_it() -> None:
    """Rendered as GitHub renders it: nothing in a help is taken for markup, and no entry of a list falls apart."""
    html = cmarkgfm.github_flavored_markdown_to_html(PAGE)
    assert not re.search(r"<(?:em|strong|del|ol|blockquote|img|input)\b", html)
    assert html.count("<li>") == html.count("<br />") == PAGE.count("\n- ")
    text = " ".join(re.sub(r"<[^>]+>", "", html).split())
    assert "- reads standard input and prints" in text
    assert "# yaml-language-server: $schema=bans.schema.json" in text
