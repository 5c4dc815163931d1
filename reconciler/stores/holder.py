"""Who holds a lock, as it stands in the lock and in the error that another run gets."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, for the person whose run it keeps waiting.

    Attributes:
        operation: what it is doing, such as `apply`.
        user: the login name.
        host: the machine.
        pid: the process.
        since: aware, in UTC.
        lock_id: names this very lock; the process and its start do that for a lock that dies with its process.
    """

    operation: str
    user: str
    host: str
    pid: int
    since: datetime
    lock_id: str = ""

    def __str__(self) -> str:
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"`{self.operation}` of {self.user} on {self.host} (process {self.pid}, since {since})"


def dumps(holder: Holder) -> str:
    """The content of a lock."""
    return json.dumps(asdict(holder) | {"since": holder.since.isoformat()}) + "\n"


def loads(content: bytes) -> Holder:
    """Read the content of a lock.

    Raises:
        ValueError: it is not the content of one.
    """
    return _HOLDER.validate_json(content)


_HOLDER = TypeAdapter(Holder)
