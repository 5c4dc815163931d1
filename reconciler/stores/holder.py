"""Who holds a lock, as the lock says it and the error that another run gets."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, for the person whose run has to wait for it.

    Attributes:
        operation: what it is doing, such as `apply`.
        user: the login name.
        host: the machine.
        pid: the process.
        since: aware, in UTC.
        lock_id: identifies this one lock on S3; empty for a lock that dies with its process.
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
    try:
        plain = json.loads(content)
        return Holder(**(plain | {"since": datetime.fromisoformat(plain["since"])}))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError("not a lock") from error
