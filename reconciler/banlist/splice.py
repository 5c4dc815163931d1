"""Changes a text in places, and leaves every other character as it is."""

from collections.abc import Iterable
from typing import NamedTuple


class Edit(NamedTuple):
    """A piece of a text that another takes the place of.

    Attributes:
        start: where the old piece begins.
        end: where it ends; the same as `start` where something is only put in.
        text: the new piece; empty where something is only taken out.
    """

    start: int
    end: int
    text: str


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """A text with these edits. Pieces that are taken out may overlap; of two at one place, the first given is first."""
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        parts += text[done : edit.start], edit.text
        done = max(done, edit.end)
    return "".join(parts) + text[done:]
