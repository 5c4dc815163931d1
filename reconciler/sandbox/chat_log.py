"""Chat logs, as IVS Chat's logging configurations write them to S3, in files of lines of JSON.

Source: IVS Chat user guide, page "Chat Logging", for the records and the names.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.sandbox.request import rfc3339, timestamp

_VERSION = "1.0"


class ChatLog:
    """The logs of all rooms, below a folder.

    Raises:
        OSError: the folder cannot be made; a record cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, room_arn: str, entity: Mapping[str, Any], now: float) -> None:
        """Append a message or an event that a room received to the room's file.

        The file is `AWSLogs/ACCOUNT/IVSChatLogs/1.0/REGION/room_ID.log`.
        """
        _, _, _, region, account, room = room_arn.split(":", 5)
        path = self._folder / "AWSLogs" / account / "IVSChatLogs" / _VERSION / region / f"{room.replace('/', '_')}.log"
        record = {
            "event_timestamp": rfc3339(timestamp(now)),
            "type": entity["Type"],
            "version": _VERSION,
            "payload": entity,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
