"""Blocks that no test runs: each with the reason why not, and with what is checked all the same."""

import re

from reconciler import __version__

from .blocks import ROOT, Block
from .rules import block
from .world import World


@block("README.md", "pipx install")
def an_installation(block: Block, world: World) -> None:
    """It needs an index that has the package. `make build` installs the wheel itself, with and without its extra."""
    assert_installs_us(block)


@block("README.md", "pip uninstall")
def another_installation(block: Block, world: World) -> None:
    """As above."""
    assert_installs_us(block)


def assert_installs_us(block: Block) -> None:
    named = re.findall(r"ivschat-reconciler(?:==(\S+)|\[(\w+)\])?", block.text)
    assert named
    for version, extra in named:
        assert version in {"", __version__}
        assert extra in {"", "sandbox"}
        assert not extra or f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@block("README.md", "make demo")
def the_demo(block: Block, world: World) -> None:
    """It would run the tests within the tests. `tests/test_demo.py` runs what `make demo` runs."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in block.lines:
        target, *variables = line.partition("#")[0].split()[1:]
        assert f"\n{target}: " in makefile
        for name in variables:
            assert f"$(if $({name.partition('=')[0]})," in makefile
