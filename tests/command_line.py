"""What tests of the command line share: lists to run it on, ways to run it, and what a run gives."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler import State
from reconciler.redaction import Redaction
from reconciler.state import file as state_file
from tests.builders import LINEAGE

AWS_ARN = "arn:aws:ivschat:us-west-2:12345689012:room/g1H2I3j4k5L6"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/finals000000"

AWS_EXAMPLE = f"""\
version: 1
rooms:
  lobby: {AWS_ARN}
bans:
  - user_id: ABC123def456
    rooms: [lobby]
    reason: Violated terms of service
"""

NOBODY = f"version: 1\nrooms:\n  lobby: {AWS_ARN}\nbans: []\n"

# Six problems, in most of which alice or bob stands where a user ID does not belong.
WRONG = f"""\
version: 1
rooms:
  lobby: {AWS_ARN}
guardrails:
  protected_users: [alice]
bans:
  - user_id: alice
    rooms: [lobby]
  - user_id: alice
    rooms: [lobby]
    alice: x
  - user_id: bob
    rooms: [alice]
  - alice
"""

KEY = "0123456789abcdef0123456789abcdef"
REDACT = Redaction(KEY)


def banning(*users: str, extra: str = "") -> str:
    """A list that bans these users in the lobby. What is added to it at the end belongs to the last of them."""
    entries = "".join(f"  - user_id: {user}\n    rooms: [lobby]\n" for user in users)
    return f"version: 1\nrooms:\n  lobby: {AWS_ARN}\n  finals: {FINALS}\n{extra}bans:\n{entries}"


def banning_many(count: int, extra: str = "") -> str:
    return banning(*(f"u{number}" for number in range(count)), extra=extra)


def with_reasons(*users: str, extra: str = "") -> str:
    """A list that bans these users, or nobody, for reasons that name them."""
    entries = "".join(
        f"  - user_id: {json.dumps(user)}\n    rooms: [lobby]\n    reason: {json.dumps(user + ' was rude')}\n"
        for user in users
    )
    return f"version: 1\nrooms:\n  lobby: {AWS_ARN}\n{extra}bans:{(entries and chr(10) + entries) or ' []' + chr(10)}"


def changes_in(shown: str) -> int:
    """How many changes a plan shows."""
    return len(re.findall(r"^  [+~±-] ", shown, re.MULTILINE))


@dataclass
class Result:
    code: int
    out: str
    err: str


Reconciler = Callable[..., Result]


def write_a_state(endpoint: str | None = None) -> None:
    """A state that has been written, in which nobody is banned: made on AWS, or at an endpoint."""
    Path("bans.state.json").write_bytes(state_file.dumps(State(LINEAGE, 1, endpoint=endpoint)))


PROGRAM = (sys.executable, "-m", "reconciler")


def in_a_process(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [*PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]
