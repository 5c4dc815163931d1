"""What reads from AWS which rooms `everywhere` means: how long it may take, and what it says when it fails."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from multiprocessing import TimeoutError as NoneYet
from multiprocessing.pool import ThreadPool
from threading import Event
from time import monotonic
from typing import Final, TypeVar

from botocore import exceptions as boto
from botocore.session import Session

from reconciler.errors import CallAbandoned, RoomsUnknown

T = TypeVar("T")
R = TypeVar("R")

_LOOK_AROUND: Final = 0.1  # seconds between looks at whether to stop
_ANSWER_MAX: Final = 1000  # characters of an answer that are shown
_NO_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.SSOError,
    boto.LoginError,
)
# Codes such as ExpiredTokenException, InvalidSignatureException and UnrecognizedClientException: AWS does not take the
# credentials (AWS General Reference, "Common errors").
_BAD_CREDENTIALS: Final = re.compile("Token|Signature|UnrecognizedClient|RequestExpired|OptInRequired")


def side_by_side(
    read: Callable[[T], R], of: Iterable[T], *, threads: int, seconds: float, stop: Event, what: str
) -> list[R]:
    """What `read` gives for each of these, in any order, read in so many threads.

    A server that sends a byte now and then outlasts every timeout of a call. The threads that wait for it are left
    behind; they do not keep the process from ending.

    Args:
        read: called in threads.
        of: its arguments.
        threads: how many at most.
        seconds: how long to wait for all.
        stop: once it is set, nothing is waited for.
        what: names what is read, for the error.

    Raises:
        CallAbandoned: `stop` was set.
        RoomsUnknown: not all was read in time.
        Exception: the first that `read` raised.
    """
    todo = list(of)
    if not todo:
        return []
    deadline = monotonic() + seconds
    results: list[R] = []
    with ThreadPool(min(threads, len(todo))) as pool:
        ended = pool.imap_unordered(read, todo)
        while len(results) < len(todo):
            try:
                results.append(ended.next(timeout=_LOOK_AROUND))
            except NoneYet:
                if stop.is_set():
                    raise CallAbandoned("The run was stopped before it knew all rooms.") from None
                if monotonic() > deadline:
                    raise RoomsUnknown(f"{what}: not all was read within {seconds:,.0f} s. Try again later.") from None
    return results


def unknown(error: Exception, what: str, advice: str | None = None) -> RoomsUnknown:
    """Our error for one of boto3's, or for what its parsers raise when something else than the service answers.

    Args:
        error: what was raised.
        what: names what was read, as the beginning of a sentence.
        advice: what to say of an error that the service answered, if more is known of it than its code.
    """
    if isinstance(error, boto.ClientError):
        said = _answer(error)
        if advice is None and _BAD_CREDENTIALS.search(code_of(error)):
            advice = "AWS does not take the credentials. Renew them, and try again."
        return RoomsUnknown(f"{what}: {advice or 'the service failed. Try again later.'}", said)
    if isinstance(error, _NO_CREDENTIALS):
        return RoomsUnknown(f"{what}: the AWS credentials cannot be used: {error}.")
    if isinstance(error, boto.ConnectionError):
        return RoomsUnknown(f"{what}: {error}. Check the network, and that the region exists.")
    if isinstance(error, boto.BotoCoreError):
        # Its text may contain what was sent, including headers and credentials.
        return RoomsUnknown(f"{what}: no answer. Try again later.", type(error).__name__)
    return RoomsUnknown(
        f"{what}: the answer did not come from AWS. Check the endpoint URL and any proxy.", type(error).__name__
    )


def code_of(error: boto.ClientError) -> str:
    """The code of an error that the service answered, such as `AccessDeniedException`."""
    return str(error.response.get("Error", {}).get("Code", "Unknown"))


@cache
def aws_regions() -> frozenset[str]:
    """The regions of AWS. Each version of the SDK ships those of its day."""
    return frozenset(Session().get_available_regions("ec2"))


def _answer(error: boto.ClientError) -> str:
    """What the service answered, with what AWS Support will ask for."""
    meta = error.response.get("ResponseMetadata", {})
    message = error.response.get("Error", {}).get("Message") or "no message"
    answer = f"{code_of(error)}: {message} (HTTP {meta.get('HTTPStatusCode')}, request ID {meta.get('RequestId')})"
    return answer if len(answer) <= _ANSWER_MAX else answer[:_ANSWER_MAX] + "…"
