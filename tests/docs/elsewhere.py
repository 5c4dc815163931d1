"""Blocks that no test runs: each with the reason why not, and with what is checked all the same."""

import re

from ruamel.yaml import YAML

from reconciler import __version__
from tests.ci.test_anywhere import APPLY_JOB, PLAN_JOB
from tests.ci.test_subject import STEP

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


@block("docs/ci.md", "set -eu\nexport GIT_COMMITTER_NAME")
def the_job_of_a_proposed_change(block: Block, world: World) -> None:
    """It needs a checkout as a CI system makes it: `tests/ci/test_anywhere.py` runs it there."""
    assert block.text == PLAN_JOB


@block("docs/ci.md", "set -eu\nexport GIT_AUTHOR_NAME")
def the_job_of_the_default_branch(block: Block, world: World) -> None:
    """As above."""
    assert block.text == APPLY_JOB


@block("docs/github.md", "- if: failure()")
def the_subject_of_a_run(block: Block, world: World) -> None:
    """It needs an issuer of tokens: `tests/ci/test_subject.py` runs it against one."""
    assert YAML(typ="safe").load(block.text) == [STEP]
