"""Which lines of a YAML list with dashes belong to an entry, with its comments and the blank lines around it.

The comments right above an entry go with it if it stands alone below them: where another entry follows at once, they
are about several. Comments that are indented deeper than the dash belong to the entry above. (`fmt --sort` moves them
by the same rule.)
"""

from dataclasses import dataclass

from reconciler.banlist.spans import line_start


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text whose list has its dashes in one column, counted from 0."""

    text: str
    column: int

    def dash(self, begin: int) -> int:
        """Where the line begins on which the dash of an entry is.

        Args:
            begin: where its first key, or its brace, is.
        """
        text, opening = self.text, " " * self.column + "-"
        line = line_start(text, begin)
        while line > 0 and not text.startswith(opening, line):
            line = line_start(text, line - 1)
        return line

    def end(self, content: int) -> int:
        """Where the lines of an entry end, with the comments below that belong to it.

        Args:
            content: where its last value ends.
        """
        end = line = self.after(content)
        while line < len(self.text):
            indent = self._comment(line)
            if indent is None and not self._is_blank(line):
                break
            line = self.after(line)
            if indent is not None and indent > self.column:
                end = line
        return end

    def lead(self, dash: int, floor: int) -> int:
        """Where the comments right above an entry begin; `floor` is where what is above it ends."""
        lead = dash
        while lead > floor:
            line = line_start(self.text, lead - 1)
            indent = self._comment(line)
            if line < floor or indent is None or indent > self.column:
                break
            lead = line
        return lead

    def blank_above(self, index: int, floor: int) -> int:
        """Where the blank lines above a line begin."""
        while index > floor:
            line = line_start(self.text, index - 1)
            if line < floor or not self._is_blank(line):
                break
            index = line
        return index

    def blank_below(self, index: int) -> int:
        """Where the blank lines from a line on end."""
        while index < len(self.text) and self._is_blank(index):
            index = self.after(index)
        return index

    def is_entry(self, index: int) -> bool:
        """Whether a line begins another entry."""
        return self.text.startswith(" " * self.column + "-", index)

    def after(self, index: int) -> int:
        """Where the next line begins."""
        end = self.text.find("\n", index)
        return len(self.text) if end < 0 else end + 1

    def _is_blank(self, line: int) -> bool:
        return line < len(self.text) and not self.text[line : self.after(line)].strip(" \t\r\n")

    def _comment(self, line: int) -> int | None:
        """The indentation of the comment on a line; None if there is none."""
        at = line
        while self.text[at : at + 1] in (" ", "\t"):
            at += 1
        return at - line if self.text[at : at + 1] == "#" else None
