"""The lock of the state, in the name of the command that takes it."""

import getpass
import os
import socket
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from uuid import uuid4

from reconciler.cli.options import Number, option
from reconciler.stores import Session, Store
from reconciler.stores.holder import Holder

lock_timeout_option = option(
    "--lock-timeout",
    type=Number(min=0),
    default=0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long for another run to let go of the state.",
)


def locked(store: Store, operation: str, timeout: float) -> AbstractContextManager[Session]:
    """Hold the state, as `Store.locked`; `operation` is the command, for others to see."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    who = Holder(operation, user, socket.gethostname(), os.getpid(), datetime.now(UTC))
    return store.locked(who, timeout, lineage=str(uuid4()))
