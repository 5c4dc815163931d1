"""What tests of the command line share: lists to run it on, and what a run gives."""

from collections.abc import Callable
from dataclasses import dataclass

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


def banning(*users: str, extra: str = "") -> str:
    entries = "".join(f"  - user_id: {user}\n    rooms: [lobby]\n" for user in users)
    return f"version: 1\nrooms:\n  lobby: {AWS_ARN}\n  finals: {FINALS}\n{extra}bans:\n{entries}"


@dataclass
class Result:
    code: int
    out: str
    err: str


Reconciler = Callable[..., Result]
