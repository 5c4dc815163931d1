"""Each code block of the README and of docs/ is run, or held against what there is."""

import pytest

from . import code, data, elsewhere, scripts, shown, with_others  # noqa: F401 - they have the rules
from .blocks import BLOCKS, Block
from .rules import RULES, Rule
from .world import World


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_right(block: Block, world: World) -> None:
    check = next((rule.check for rule in RULES if rule.of(block)), None)
    assert check, f"nothing runs this block, or holds it against anything: tests/docs/ needs a rule\n{block.text}"
    check(block, world)


def test_each_row_of_what_commands_say_is_used() -> None:
    lines = {scripts.command_of(line) for block in BLOCKS if scripts.is_ours(block) for line in block.lines}
    assert scripts.SAYS.keys() <= lines


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_is_about_a_block(rule: Rule) -> None:
    about = [block for block in BLOCKS if rule.of(block)]
    assert len(about) == 1 if rule.page else about
