"""The story that the pictures of the plan, the comment and the apply tell, each by a real run of the program.

Nothing in it depends on the day: its bans end long after this is read.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

LOBBY: Final = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
FINALS: Final = "arn:aws:ivschat:eu-west-1:123456789012:room/aB3dE5fG7hJ9"
NAMES: Final = {LOBBY: "lobby", FINALS: "finals"}

_HEAD: Final = "version: 1\nrooms:\n" + "".join(f"  {name}: {arn}\n" for arn, name in NAMES.items()) + "bans:\n"
_BEFORE: Final = f"""\
{_HEAD}\
  - {{user_id: zed, rooms: [lobby], reason: Harassment, expires_at: 2036-12-01T00:00:00Z}}
  - {{user_id: old, rooms: [finals], reason: Spam}}
"""
_CHANGED: Final = f"""\
{_HEAD}\
  - {{user_id: ABC123def456, rooms: [lobby], reason: Spam, expires_at: 2037-01-31T00:00:00Z}}
  - {{user_id: zed, rooms: [lobby], reason: Harassment}}
"""
_PATIENCE: Final = 60
"""Seconds that a command may take."""


def settings(folder: Path) -> Mapping[str, str]:
    """An environment in which nobody's account, options, language or repository comes into a picture."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}",
        "HOME": str(folder),
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "TERM": "xterm-256color",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def changed_list() -> Iterator[Path]:
    """A folder with a state of two bans, and a list that adds one, extends one, and leaves one out."""
    with TemporaryDirectory(prefix="reconciler-pictures-") as name:
        folder = Path(name)
        (folder / "bans.yaml").write_text(_BEFORE, encoding="utf-8")
        run(folder, "reconciler", "import", "--auto-approve")
        (folder / "bans.yaml").write_text(_CHANGED, encoding="utf-8")
        yield folder


def run(folder: Path, *command: str, **more: str) -> str:
    """What a command prints that has to succeed."""
    environment = {**settings(folder), **more}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE,
        encoding="utf-8",
    )  # fmt: skip
    return done.stdout
