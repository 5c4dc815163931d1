"""The README and docs/: what they name and link is what there is. `tests/docs/` has their code blocks."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from reconciler import Guardrails
from reconciler.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


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
        if not words or not re.fullmatch(r"[a-z][a-z-]*,?", words[0]):  # COMMAND
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


def test_every_page_is_on_the_start_page() -> None:
    """By a link of its own, so that a reader finds it by what it answers."""
    start = ROOT / "docs/README.md"
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", start.read_text())}
    assert {page.name for page in PAGES[1:]} - {"README.md"} == {name for name in linked if "/" not in name} - {""}
    assert "](docs/README.md)" in PAGES[0].read_text()


# Tables that are kept by hand


def rows(page: str, head: str) -> dict[str, list[str]]:
    """A table of a page, by the first cell of its head: the rest of each row, by each name in its first cell."""
    table = re.search(rf"^\| {head} \|.*\n\| ---.*\n((?:\|.*\n)+)", (ROOT / page).read_text(), re.MULTILINE)
    assert table is not None
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]
    return {name: rest for first, *rest in cells for name in re.findall(r"`([^`]+)`", first)}


@pytest.mark.parametrize("kind", ["input", "output"])
def test_the_inputs_and_outputs_of_the_action_are_those_that_are_listed(kind: str) -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())[f"{kind}s"]
    assert list(rows("docs/github.md", kind)) == list(action)


def test_the_defaults_of_the_actions_inputs_are_those_that_are_listed() -> None:
    """Where they are plain values; others are said in words."""
    action = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    for name, (default, _) in rows("docs/github.md", "input").items():
        plain = str(action[name].get("default", ""))
        assert default == (f"`{plain}`" if plain and "${{" not in plain else default)
        assert bool(default) or not plain
        assert not default or "default" in action[name]


def test_every_key_of_the_list_is_explained() -> None:
    """In the README's example or its table, or in the table of a page of its own."""
    schema = json.loads((ROOT / "docs/bans.schema.json").read_text())
    readme = PAGES[0].read_text()
    example = readme.partition("## `bans.yaml`")[2].partition("```yaml\n")[2].partition("```")[0]
    explained = set(re.findall(r"^(?:  - |    |)(\w+):", example, re.MULTILINE)) | set(rows("README.md", "key"))
    explained = {name.rpartition(".")[2] for name in explained}
    assert schema["properties"].keys() <= explained | {"guardrails"}
    assert schema["$defs"]["ban"]["properties"].keys() <= explained
    assert schema["$defs"]["guardrails"]["properties"].keys() <= explained
    assert list(schema["$defs"]["denylist"]["properties"]) == list(rows("docs/denylist.md", "key"))
    assert list(schema["$defs"]["accounts"]["properties"]) == list(rows("docs/accounts.md", "key"))
    for name in schema["$defs"]["discover"]["properties"]:
        assert name in rows("README.md", "key")["discover"][1]


def test_guardrails_have_the_defaults_that_are_listed() -> None:
    defaults = Guardrails()
    listed = {name: row[0] for name, row in rows("README.md", "key").items() if name.startswith("guardrails.")}
    assert set(listed) == {f"guardrails.{each.name}" for each in fields(defaults)}
    for name, shown in listed.items():
        value = getattr(defaults, name.removeprefix("guardrails."))
        assert shown.strip("`") == (str(value) if isinstance(value, int) else json.dumps(list(value)))
