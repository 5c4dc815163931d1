"""The README and docs/: what they show is what there is."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reconciler.banlist import read as banlist
from reconciler.cli.main import COMMANDS, cli
from tests.command_line import Reconciler

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HEAD = "version: 1\nrooms:\n  lobby: arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6\nbans: []\n"

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a language; those in lists without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives its headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


@pages
def test_code_blocks_can_be_read(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(block)
    for block in blocks(page, "json"):
        json.loads(block)
    for block in blocks(page, "sh"):
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("block", blocks(ROOT / "docs/denylist.md", "yaml"))
def test_keys_of_the_denylist_can_be_put_into_a_list(block: str) -> None:
    assert banlist.parse((HEAD + block).encode()).denylist is not None


def commands(page: Path) -> Iterator[list[str]]:
    """The commands of ours that a page names, as code or in a line of an example, without `sandbox --` before them."""
    text = page.read_text()
    inline = re.findall(r"`([^`\n]*\breconciler [^`\n]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = re.findall(r"^ *(?:\$ )?(reconciler .*)$", text, re.MULTILINE)
    for line in [*inline, *lines]:
        for command in re.split(r"[|>;&]|#.*| -- ", line):
            words = command.replace("(", " ").split()
            if "reconciler" in words:
                yield words[words.index("reconciler") + 1 :]


@pages
def test_commands_and_options_exist(page: Path) -> None:
    context = click.Context(cli)
    for words in commands(page):
        if not words or not re.fullmatch(r"[a-z-]+,?", words[0]):  # COMMAND
            continue
        command = cli.get_command(context, words[0])
        assert command is not None, words
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        named = {word.partition("=")[0].rstrip(",;:") for word in words if word.startswith("--")}
        if isinstance(command, click.Group):
            continue
        assert named <= known, words


def test_the_readme_has_a_row_for_each_command() -> None:
    rows = set(re.findall(r"^\| `reconciler ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert rows == set(COMMANDS)


def test_moderators_need_not_know_how_it_is_built_or_run() -> None:
    assert not re.search(r"\b(Python|CI|CLI|API|JSON)\b", (ROOT / "docs/moderators.md").read_text())


def test_the_plan_of_a_list_that_gets_a_denylist_is_as_in_the_readme(reconciler: Reconciler) -> None:
    text = (ROOT / "README.md").read_text()
    shown = re.search(r"\$ reconciler plan\n((?:    .*publish.*\n)+(?:    .*\n|\n)+)", text)
    assert shown is not None
    rooms = "version: 1\nrooms:\n" + "".join(
        dict.fromkeys(re.findall(r"^  (?:lobby|finals): arn:.*\n", text, re.MULTILINE))
    )
    bans = "bans:\n  - {user_id: ABC123def456, rooms: [lobby]}\n  - {user_id: zed, rooms: all}\n"
    Path("bans.yaml").write_text(rooms + bans)
    assert reconciler("import", "--auto-approve").code == 0
    Path("bans.yaml").write_text(rooms + "denylist: dynamodb://us-west-2/denylist\n" + bans)
    assert reconciler("plan").out == re.sub(r"^    ", "", shown[1].rstrip("\n") + "\n", flags=re.MULTILINE)


def test_the_script_of_the_readme_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (script,) = blocks(ROOT / "README.md", "python")
    exec(compile(script, "README.md", "exec"), {})
    assert capsys.readouterr().out == "ban lobby/ABC123def456 new\n"


def test_the_first_example_of_the_readme_bans_somebody(tmp_path: Path) -> None:
    example = blocks(ROOT / "README.md", "sh")[0]
    ours = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-eu"], input=example, cwd=tmp_path, env=ours, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "\nPlan: 1 to ban, 0 to update, 0 to lift.\n" in done.stdout
    assert "\nApply complete: 1 banned, 0 updated, 0 lifted.\n" in done.stdout
