"""How the services of AWS that keep things are called, and what their errors mean. DisconnectUser is in `chat`."""

import re
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final, TypeVar

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from reconciler.aws.in_time import in_time

CONNECT_TIMEOUT: Final = 5.0  # seconds
READ_TIMEOUT: Final = 15.0  # seconds without a byte
ATTEMPTS: Final = 5  # of one call, the first included
CONNECTIONS: Final = 10  # botocore's own default
GRACE: Final = 3.0  # seconds that a call under way has to end after a stop

T = TypeVar("T")

ERRORS: Final = (boto.BotoCoreError, boto.ClientError)
"""What a call raises."""

# S3 says so of a name that nobody has; another region is PermanentRedirect, another account's bucket AccessDenied.
NO_SUCH_BUCKET: Final = "NoSuchBucket"
_DENIED: Final = {"AccessDenied", "AccessDeniedException", "403"}
# IAM's words: User: arn:… is not authorized to perform: s3:PutObject on resource: "arn:…" because no … policy allows it
_NOT_AUTHORIZED: Final = re.compile(
    r'not authorized to perform: (?P<action>[\w:]+) on resource: "?(?P<arn>arn:[^\s"]+)'
)

_RETRIES: Final = re.compile(r" \(reached max retries: \d+\)")  # botocore's own remark


def session(profile: str | None) -> boto3.Session:
    """Raises BotoCoreError if there is no such profile."""
    return boto3.Session(profile_name=profile)


def config(
    *,
    attempts: int = ATTEMPTS,
    read_timeout: float = READ_TIMEOUT,
    connections: int = CONNECTIONS,
    check_parameters: bool = True,
) -> Config:
    """Settings under which every call ends.

    Args:
        attempts: of each call, the first included.
        read_timeout: seconds without a byte.
        connections: how many may be open.
        check_parameters: let botocore look at the types of all arguments, which takes it longer than the rest.
    """
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=read_timeout,
        max_pool_connections=connections,
        parameter_validation=check_parameters,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )


def answered(call: Callable[[], T], *, seconds: float, stopped: Callable[[], bool]) -> T:
    """What a call gives. It ends however slowly an answer comes, and soon after a stop.

    Args:
        call: makes it. If that takes too long, its thread is left behind.
        seconds: how long it may take, with its retries.
        stopped: whether the run is to stop.

    Raises:
        TimeoutError: it took longer.
        CallAbandoned: the run was stopped meanwhile.
        Exception: whatever the call raises.
    """
    until = inf

    def over() -> bool:
        nonlocal until
        if stopped():
            until = min(until, monotonic() + GRACE)
        return monotonic() >= until

    return in_time(call, seconds, stopped=over).result()


def code_of(error: Exception) -> str:
    """What the service calls the error; empty for an error without an answer."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, boto.ClientError) else ""


def why(error: Exception, *, needed: str) -> str:
    """What went wrong, and what to do about it, such as which permissions to add; without a full stop.

    Args:
        error: one of `ERRORS`.
        needed: what to allow in all, where the service does not say what is missing.
    """
    message = _RETRIES.sub("", str(error))
    if code_of(error) == NO_SUCH_BUCKET:
        return f"{message}. Make it, or correct its name"
    if code_of(error) not in _DENIED:
        return message
    denied = _NOT_AUTHORIZED.search(message)
    return (
        f"{message}. Allow {denied['action']} on {denied['arn'].rstrip('.')}"
        if denied
        else f"{message}. Allow {needed}"
    )


def late(seconds: float) -> str:
    """That `answered` has waited so long for nothing; without a full stop."""
    return f"no whole answer came within {seconds:.0f} s. Check the network and the endpoint URL"
