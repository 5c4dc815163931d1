"""Who may call the API: programs, and pages of the sandbox itself.

Any web page that a developer has open can make a browser send requests to a server on loopback. Three things give such
a page away: its `Origin`; where a browser leaves that out, as for pictures, scripts and frames, `Sec-Fetch-Site`, which
says how the page is related to this address; and, if its own name has been pointed here (DNS rebinding), its `Host`.
"""

import ipaddress
from collections.abc import Collection

from reconciler.sandbox.errors import ServiceError

_NOT_FOREIGN = {None, "none", "same-origin"}  # "none" is the user: an address typed in, a bookmark
_FOREIGN = "The sandbox's API takes no requests of web pages from elsewhere. Call your server."


def check_caller(host: str | None, origin: str | None, allowed: Collection[str], site: str | None = None) -> None:
    """Make sure that a request comes from no foreign page.

    Args:
        host: the header of that name; None if there is none.
        origin: the same.
        allowed: names for this machine besides those of loopback, in lower case.
        site: the header `Sec-Fetch-Site`; None if there is none. Browsers send it to loopback and over TLS.

    Raises:
        ServiceError: it may.
    """
    name = name_in(host or "")
    if name not in allowed and not _is_loopback(name):
        raise ServiceError(
            "MisdirectedRequest",
            421,
            "The sandbox does not answer to this Host. If it is the sandbox's name, start it with --allow-host NAME.",
        )
    if origin is not None and origin.lower() != f"http://{host}".lower():
        raise ServiceError("ForbiddenOrigin", 403, _FOREIGN)
    if site not in _NOT_FOREIGN:
        raise ServiceError("ForbiddenOrigin", 403, _FOREIGN)


def name_in(host: str) -> str:
    """The name or address in a `Host` header, without the port, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
