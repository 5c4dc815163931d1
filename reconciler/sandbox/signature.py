"""Signature Version 4's `Authorization` header: who signs for which region and service.

The signature itself is not verified: any credentials will do, so no secret is needed to try the real job. What counts
is that the request is signed at all, for the right service, and for which region.

Source: AWS IAM user guide, page "Elements of an AWS API request signature".
"""

import re
from dataclasses import dataclass

from reconciler.sandbox import errors

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+"
    r"Credential=(?P<key>[^\s,/]+)/[0-9]{8}/(?P<region>[a-z0-9-]{1,32})/(?P<service>[a-z0-9-]{1,32})/aws4_request,\s*"
    r"SignedHeaders=[^\s,=]+,\s*"
    r"Signature=[0-9a-f]+\s*"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose access key a request is signed with, and for which region and service (by its signing name)."""

    key: str
    region: str
    service: str


def scope_of(authorization: str | None) -> Scope:
    """The scope in an `Authorization` header; None stands for no header.

    Raises:
        ServiceError: MissingAuthenticationTokenException for no header, IncompleteSignatureException for one that is
            not Signature Version 4.
    """
    if not authorization:
        raise errors.missing_token()
    match = _HEADER.fullmatch(authorization)
    if match is None:
        raise errors.incomplete_signature()
    return Scope(match["key"], match["region"], match["service"])
