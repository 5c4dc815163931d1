"""Where a denylist is published: in a file, on S3, or in a DynamoDB table."""

import re
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import Final

from reconciler.errors import DenylistUnreadable
from reconciler.publishers.publisher import Means, Publisher

DEFAULT_NAME: Final = "bans"
NAME_PATTERN: Final = r"^[A-Za-z0-9_.-]{1,64}$"

_NAME: Final = re.compile(NAME_PATTERN.removeprefix("^").removesuffix("$"))
# By scheme; those on AWS need boto3, which takes long to import.
_PUBLISHERS: Final = {"s3": "s3:S3Publisher", "dynamodb": "dynamodb:DynamoDBPublisher", "": "file:FilePublisher"}


def open_publisher(
    location: str,
    name: str = DEFAULT_NAME,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], bool],
    profile: str | None = None,
) -> Publisher:
    """What publishes at a location. Nothing is read or written yet.

    Args:
        location: a path, `s3://BUCKET/KEY` or `dynamodb://REGION/TABLE`.
        name: of the list among those that share a table.
        now: the time, aware, in UTC.
        sleep: waits that many seconds; returns True if the run is to stop, without waiting any longer.
        profile: of the AWS configuration.

    Raises:
        DenylistUnreadable: there can be no denylist at this location, or none of this name.
    """
    scheme, separator, _ = location.partition("://")
    if not separator or not scheme.isalnum():
        scheme = ""
    if scheme not in _PUBLISHERS:
        raise DenylistUnreadable(
            f"{location}: {scheme}:// is not a place for a denylist; use a path, s3://BUCKET/KEY or"
            " dynamodb://REGION/TABLE",
            private=[location, f"{scheme}://"],
        )
    if not _NAME.fullmatch(name):
        raise DenylistUnreadable(
            f'"{name}" cannot be the name of a denylist: use 1 to 64 of the characters A-Z, a-z, 0-9, "_", "." and "-"'
        )
    module, _, kind = _PUBLISHERS[scheme].partition(":")
    publisher: Callable[..., Publisher] = getattr(import_module(f"{__name__}.{module}"), kind)
    return publisher(location, name, Means(now, sleep, profile))
