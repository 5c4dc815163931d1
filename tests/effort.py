"""How much a run of the tests tries: little by default, so that they are run often, and more in CI."""

import os
from typing import Final

IN_CI: Final = os.environ.get("CI", "").lower() not in {"", "0", "false"}


def examples(short: int, long: int) -> int:
    """How many examples to try, texts to damage or processes to kill: here, and in CI."""
    return long if IN_CI else short
