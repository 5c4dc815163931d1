"""How a call to the sandbox may fail, or what a chat client does."""

from typing import Literal, TypeAlias, get_args

FaultKind: TypeAlias = Literal[
    "500",  # InternalServerException
    "503",  # ServiceUnavailable
    "429",  # ThrottlingException, as if over the quota
    "cut",  # the connection is closed, and the call not carried out
    "cut-after",  # the call is carried out, then the connection is closed without an answer
    "timeout",  # the call is not carried out, and never answered
    "denied",  # AccessDeniedException
    "pending",  # PendingVerification
    "expired",  # ExpiredTokenException
    "bad-credentials",  # UnrecognizedClientException
]
"""How a call may fail."""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
FAULTS_OF_CLIENTS: tuple[FaultKind, ...] = ("500", "503", "429", "cut", "cut-after", "timeout")
"""Those that chat clients meet too, when they join and when they ask for something; the others are about who calls."""
DEFAULT_FAULTS: tuple[FaultKind, ...] = ("500", "503", "429", "cut")
"""Those after which a client may call again."""
