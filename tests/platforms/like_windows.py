"""Takes from this Python, on Linux, what Python on Windows does not have, and adds what only that has.

`python -m tests.platforms.like_windows ARGUMENT...` is `reconciler` there, as far as that can be tried elsewhere:

- no `fcntl` and its like, no `os.fork`, no `O_NOFOLLOW`, no alarm, no `poll`, no `clock_gettime`;
- an open file keeps its name, and is not removed; a folder cannot be opened;
- a file that is opened without O_BINARY is text;
- SIGUSR1 is Ctrl-Break.
"""

import os
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

MODULES = ("curses", "fcntl", "grp", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty")
LACKING: dict[Any, tuple[str, ...]] = {
    os: (
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fchmod", "fchown", "fork"),
        *("forkpty", "getegid", "geteuid", "getgid", "getuid", "killpg", "lchown", "mkfifo", "openpty"),
        *("register_at_fork", "set_blocking", "setsid", "uname"),
    ),
    signal: ("ITIMER_REAL", "SIGALRM", "SIGHUP", "SIGPIPE", "SIGQUIT", "setitimer"),
    time: ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_REALTIME", "clock_gettime"),
    select: ("epoll", "poll"),
}
O_BINARY, O_NOINHERIT = 1 << 29, 1 << 28


def pretend() -> None:
    """From now on, this process is like one on Windows. Call it before anything of the package is imported."""
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # which makes importing it fail
    for module, names in LACKING.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    added: Any = (os, signal)
    added[0].O_BINARY, added[0].O_NOINHERIT = O_BINARY, O_NOINHERIT
    added[1].SIGBREAK = signal.SIGUSR1
    added[0].open = _opening(os.open)
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, _of_closed_files(getattr(os, name)))
    warnings.filterwarnings("ignore", "only soft file lock")
    from reconciler import operating_system

    added = operating_system
    added.WINDOWS = True


def _opening(real: Callable[..., int]) -> Callable[..., int]:
    def opened(path: str, flags: int, *arguments: Any, **options: Any) -> int:
        whose = sys._getframe(1).f_globals["__name__"]
        if whose.startswith("reconciler") and not flags & O_BINARY:
            raise AssertionError(f"{path} is opened as text")
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path, flags & ~(O_BINARY | O_NOINHERIT), *arguments, **options)

    return opened


def _of_closed_files(real: Callable[..., None]) -> Callable[..., None]:
    def called(path: str, *arguments: Any, **options: Any) -> None:
        ours = {_place(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")}
        for name in (path, *arguments):
            if os.path.realpath(name) in ours:
                raise PermissionError(13, "Permission denied", os.fspath(name))
        real(path, *arguments, **options)

    return called


def _place(descriptor: str) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:  # the one with which they were listed
        return ""


if __name__ == "__main__":
    pretend()
    from reconciler.__main__ import main

    main()
