"""Who looks at which code block. A block that no rule is about fails the tests, and so does a rule about no block."""

from collections.abc import Callable
from dataclasses import dataclass

from .blocks import Block
from .world import World

Check = Callable[[Block, World], None]
"""Fails if the block is wrong. The world is new for each."""


@dataclass(frozen=True)
class Rule:
    """Blocks and how they are checked.

    Attributes:
        of: which blocks it is about.
        check: how each is checked.
        page: if it is about a single page.
        begins: how the text of the block begins, if it is about a single block.
    """

    of: Callable[[Block], bool]
    check: Check
    page: str | None = None
    begins: str = ""

    def __str__(self) -> str:
        return f"{self.page}, {self.begins!r}" if self.page else self.check.__name__


RULES: list[Rule] = []
"""Those of one block come first; of the others, the first that is about a block counts."""


def block(page: str, begins: str) -> Callable[[Check], Check]:
    """A check of one block: the one of this page that begins like this."""

    def add(check: Check) -> Check:
        RULES.insert(0, Rule(lambda each: (each.page, each.text[: len(begins)]) == (page, begins), check, page, begins))
        return check

    return add


def every(of: Callable[[Block], bool]) -> Callable[[Check], Check]:
    """A check of all blocks of a kind."""

    def add(check: Check) -> Check:
        RULES.append(Rule(of, check))
        return check

    return add
