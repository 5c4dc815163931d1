"""`python -m reconciler`, and the console script: what comes before the imports, which take a while."""

import os
import signal
from importlib import import_module
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and exit. A signal during the imports ends the process without a traceback."""
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        getattr(signal, "SIGBREAK", signal.SIGTERM),
    ):  # Ctrl-Break, on Windows
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _ended)
    import_module("reconciler.cli.main").main()
    raise AssertionError("main exits")


def _ended(number: int, _frame: FrameType | None) -> None:
    is_terminated = number == signal.SIGTERM
    os.write(2, (b"Terminated" if is_terminated else b"Interrupted") + b". Nothing was done.\n")
    os._exit(128 + (signal.SIGTERM if is_terminated else signal.SIGINT))


if __name__ == "__main__":
    main()
