"""The code blocks of the README and of docs/: where each is, and what it holds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        page: its path in the repository.
        line: the line on which it begins.
        language: of its fence; empty for one that is indented, or whose fence names none.
        text: what is in it, without the indentation of the block.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def lines(self) -> list[str]:
        """Its lines, those that a `\\` continues with the next."""
        return [line for line in re.sub(r" *\\\n *", " ", self.text).split("\n") if line.strip()]


def blocks_of(page: Path) -> Iterator[Block]:
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        if token.type in {"fence", "code_block"}:
            assert token.map is not None
            yield Block(page.relative_to(ROOT).as_posix(), token.map[0] + 1, token.info.strip(), token.content)


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def the_block(page: str, begins: str) -> Block:
    """The one block of a page that begins with this."""
    (block,) = [each for each in BLOCKS if each.page == page and each.text.startswith(begins)]
    return block
