"""What the sandbox remembers of a request, and its line in the log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One request and what became of it.

    - `time`: when it arrived, in UTC.
    - `operation`: the operation's name; for a request that is none, its method and path.
    - `region`: that of the credential scope; empty for a request that is not signed.
    - `params`: the JSON object of the body exactly as sent; empty when there was none.
    - `status`: HTTP status of the answer; None: no answer (`cut`, `cut-after`, `timeout`).
    - `error`: code of the error that was answered, or the kind of fault that took the answer away; None: success.
    - `request_id`: the answer's `x-amzn-RequestId`.

    A client controls `operation` (of what is none) and `params`: escape them before they reach a terminal.
    """

    time: datetime
    operation: str
    region: str
    params: Mapping[str, object]
    status: int | None
    error: str | None
    request_id: str

    @property
    def carried_out(self) -> bool:
        """Whether the service did what was asked, although the answer may have been lost."""
        return self.error is None or self.error == "cut-after"


def timestamp(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def log_line(request: Request) -> str:
    """The request as one line of JSON with a newline at its end.

    In ASCII: text of any kind comes back exact from a JSON reader, and the file is safe to show on a terminal.
    """
    record = {
        "time": request.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "operation": request.operation,
        "region": request.region,
        "params": request.params,
        "status": request.status,
        "error": request.error,
        "request_id": request.request_id,
    }
    return json.dumps(record) + "\n"
