"""What the sandbox remembers of a request, and its line in the log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One request and what became of it.

    A client controls `operation`, where it is none, and `params`: escape them before they reach a terminal.

    Attributes:
        time: when it arrived, in UTC.
        operation: the operation's name; its method and path if it is none.
        region: the region of the credential scope; empty if it was not signed.
        params: the JSON object of the body exactly as sent; empty if there was none.
        status: the HTTP status of the answer; None if there was no answer (`cut`, `cut-after`, `timeout`).
        error: the code of the error that was answered, or the kind of fault that took it away; None for success.
        request_id: the answer's `x-amzn-RequestId`.
        caller: the ARN of whoever signed it; empty if nobody did.
    """

    time: datetime
    operation: str
    region: str
    params: Mapping[str, object]
    status: int | None
    error: str | None
    request_id: str
    caller: str = ""


def timestamp(seconds: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(time: datetime) -> str:
    """A time in UTC as the service writes it, such as `2027-01-15T08:00:00.000Z`."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def log_line(request: Request) -> str:
    """The request as one line of JSON with a newline at its end.

    It is ASCII: any text comes back exact from a JSON reader, and the file is safe to show on a terminal.
    """
    record = {
        "time": rfc3339(request.time),
        "operation": request.operation,
        "region": request.region,
        "params": request.params,
        "status": request.status,
        "error": request.error,
        "request_id": request.request_id,
        "caller": request.caller,
    }
    return json.dumps(record) + "\n"
