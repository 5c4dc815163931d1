"""All pictures that are drawn of what the program prints: no browser is needed for them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.pictures import comment, terminal
from tests.pictures.story import changed_list

FOLDER: Final = Path(__file__).parents[2] / "docs/pictures"


def drawings() -> Mapping[str, str]:
    """The SVGs, by the names of their files, each from a run of the program."""
    with changed_list() as folder:
        return {
            "plan.svg": terminal.picture(
                "plan", "A terminal in which reconciler plan shows three changes", folder, "reconciler", "plan"
            ),
            "comment.svg": comment.picture("The comment on a pull request, which shows the same plan", folder),
            "apply.svg": terminal.picture(
                "apply",
                "A terminal in which reconciler apply carries out the plan in the sandbox",
                folder,
                *("reconciler", "sandbox", "--", "reconciler", "apply"),
                answer="yes",
            ),
        }
