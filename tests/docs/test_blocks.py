"""Each code block of the README and of docs/ is run, or held against what there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import SandboxOptions, running

from . import code, data, elsewhere, scripts, shown, with_others  # noqa: F401 - they have the rules
from .blocks import BLOCKS, Block
from .rules import RULES, Rule
from .world import FINALS, LOBBY, World


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    options = SandboxOptions(rooms=(LOBBY, FINALS), room_names={LOBBY: "Main-stage"}, quota=0, room_quota=0)
    with running(options) as sandbox:
        yield World(tmp_path, sandbox, lambda: str(request.getfixturevalue("s3_server")))


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_right(block: Block, world: World) -> None:
    check = next((rule.check for rule in RULES if rule.of(block)), None)
    assert check, f"nothing runs this block, or holds it against anything: tests/docs/ needs a rule\n{block.text}"
    check(block, world)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_is_about_a_block(rule: Rule) -> None:
    about = [block for block in BLOCKS if rule.of(block)]
    assert len(about) == 1 if rule.page else about
