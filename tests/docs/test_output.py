"""docs/output.md, "For programs": every key of every JSON that is printed is on the page, under its command."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.audit.builders import lines, message

from .blocks import ROOT
from .scripts import a_usual_day
from .world import NOW, World

SECTION = (ROOT / "docs/output.md").read_text(encoding="utf-8").partition("## For programs\n")[2].partition("\n## ")[0]
IN_GENERAL = {"format_version"}
DATA = {"ABC123def456", "zed", "ann", "00123", "lobby", "finals"}
"""Users and rooms, which are keys in some places."""


def keys(value: Any) -> Iterator[str]:
    """The keys of JSON, however deep; not those that are data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in DATA and not key.startswith("arn:"):
                yield key
            if key != "snippet":  # as Terraform has it
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def about(*beginnings: str) -> str:
    """The points of the section that begin like this."""
    points = SECTION.split("\n- ")
    found = [point for point in points if point.removeprefix("**").startswith(beginnings)]
    assert len(found) == len(beginnings)
    return "\n".join(found)


PLAN = ("A plan**", "A plan of a list with a denylist")
COMMANDS = {
    "reconciler plan --format json --replace lobby/zed": ("A state", *PLAN),
    "reconciler show --format json": ("A state",),
    "reconciler rooms --format json": ("Rooms",),
    "reconciler doctor --format json": ("Checks",),
    "reconciler audit log --room lobby --format json": ("An audit",),
    "reconciler why zed --history --format json": ("What is known of a user", "A state", *PLAN),
    "reconciler apply --format json": ("An apply", "While an apply", "A state", *PLAN),
    "reconciler validate --format json -f wrong.yaml": ("Problems",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_is_on_the_page(command: str, world: World) -> None:
    a_usual_day(world)
    world.write("log", lines(message("zed", NOW)).decode())
    world.write("wrong.yaml", "version: 1\nbans: [{user_id: x}]\n")
    found = {key for line in said(world.run(f"{command} 2>/dev/null || test $? -lt 3").said) for key in keys(line)}
    assert found
    missing = {key for key in found - IN_GENERAL if f"`{key}`" not in about(*COMMANDS[command])}
    assert not missing, f"not in docs/output.md: {sorted(missing)}\n{sorted(found)}"


def said(text: str) -> list[Any]:
    """JSON, as a whole or a line each."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]
