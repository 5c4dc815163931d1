"""Which room a chat log is of. Its records do not say.

Source: IVS Chat user guide, page "Chat Logging". On S3 a log is in the folder
`AWSLogs/ACCOUNT/IVSChatLogs/1.0/REGION/room_ID/YEAR/MONTH/DAY/HOUR/`, and called
`ACCOUNT_IVSChatLogs_1.0_REGION_room_ID_TIME_HASH.log.gz`. In CloudWatch its stream is `aws/IVSChatLogs/1.0/room_ID`; an
export to S3 writes `-` for each `/`. What Firehose delivers is called after its stream, and names no room.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.bans import EVERYWHERE, is_room_arn

_ID: Final = r"room_(?P<id>[a-zA-Z0-9-]+)(?=[/._]|$)"
_REGION: Final = r"(?P<region>[a-z0-9-]+)"
# In the order in which they count: the name of a file says more than the folders that it was put into.
_NAMES: Final = (
    re.compile(rf"(?P<account>[0-9]+)_IVSChatLogs_[0-9.]+_{_REGION}_{_ID}[^/]*$"),
    re.compile(rf"AWSLogs/(?P<account>[0-9]+)/IVSChatLogs/[0-9.]+/{_REGION}/{_ID}"),
    re.compile(rf"IVSChatLogs[/-][0-9.]+[/-]{_ID}"),
    re.compile(rf"(?:^|/){_ID}[^/]*$"),
)


def by_id(room_arns: Iterable[str]) -> dict[str, str]:
    """Rooms by what is left of their ARN where a name tells neither account nor region; ambiguous ones are left out."""
    found: dict[str, set[str]] = {}
    for arn in room_arns:
        if arn != EVERYWHERE:
            found.setdefault(arn.rpartition("/")[2], set()).add(arn)
    return {room_id: arns.pop() for room_id, arns in found.items() if len(arns) == 1}


def room_of(name: str, known: Mapping[str, str]) -> str | None:
    """The room of a log, as in `Finding.key`.

    Args:
        name: key or path of the log.
        known: ID → ARN, for names that tell neither account nor region.

    Returns:
        Its ARN; its bare ID if nobody knows a room with it; None if the name tells nothing.
    """
    for pattern in _NAMES:
        found = list(pattern.finditer(name))
        if not found:
            continue
        parts = found[-1].groupdict()
        if "account" not in parts:
            return known.get(parts["id"], parts["id"])
        arn = f"arn:aws:ivschat:{parts['region']}:{parts['account']}:room/{parts['id']}"
        if is_room_arn(arn):
            return arn
    return None
