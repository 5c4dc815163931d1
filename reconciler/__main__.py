"""`python -m reconciler`, and the console script: what comes before the imports, which take a while."""

import os
import signal
from importlib import import_module
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and exit. A signal during the imports ends the process without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ended)
    import_module("reconciler.cli.main").main()
    raise AssertionError("main exits")


def _ended(number: int, _frame: FrameType | None) -> None:
    what = b"Interrupted" if number == signal.SIGINT else b"Terminated"
    os.write(2, what + b". Nothing was done.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
