"""Where a state is kept: in a file or on S3."""

import os
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from reconciler.errors import StateUnreadable
from reconciler.state.value import State
from reconciler.stores.store import Store

BESIDE: Final = (".backup", ".journal", ".lock")
"""How the names of the files that belong to a state end."""

_STORES: Final = {"s3": "s3:S3Store", "": "local:LocalStore"}  # by scheme; S3 needs boto3, which takes long to import


def open_store(
    location: str, warn: Callable[[str], object] = warnings.warn, *, profile: str | None = None
) -> Store[Any]:
    """The store at a location.

    Args:
        location: a path, or `s3://BUCKET/KEY`.
        warn: told what people should know though it is no error.
        profile: of the AWS configuration, for S3.

    Raises:
        StateUnreadable: there can be no state at this location.
    """
    scheme, separator, _ = location.partition("://")
    if not separator or not scheme.isalnum():
        scheme = ""
    if scheme not in _STORES:
        raise StateUnreadable(
            f"{location}: {scheme}:// is not a place for the state; use a path or s3://BUCKET/KEY",
            private=[location, f"{scheme}://"],
        )
    module, _, name = _STORES[scheme].partition(":")
    store: Callable[..., Store[Any]] = getattr(import_module(f"{__name__}.{module}"), name)
    return store(location, warn, profile)


def load_state(location: str | os.PathLike[str]) -> State:
    """The state at a location, ready for `diff`.

    Args:
        location: a path, or `s3://BUCKET/KEY`; where there is none yet, the state is empty.

    Raises:
        StateError: it cannot be read, or is not a state.
    """
    return open_store(os.fspath(location)).read()
