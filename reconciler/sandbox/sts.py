"""The one call of AWS STS that tools make before all others: GetCallerIdentity.

Source: AWS STS API reference, page "GetCallerIdentity", for the request (a form, POST to `/`) and the XML answer.
"""

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from reconciler.sandbox.errors import ServiceError

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def action_of(body: bytes) -> str:
    """The action that a form asks for; empty for a body that names none."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=100)
    except ValueError:
        return ""
    return fields.get("Action", [""])[0]


def unknown_action(action: str) -> ServiceError:
    """An action other than GetCallerIdentity ("Common Errors", InvalidAction)."""
    return ServiceError(
        "InvalidAction", 400, f"Of STS, the sandbox does GetCallerIdentity only, not {action or 'this'}"
    )


def caller_identity(account: str, arn: str, request_id: str) -> bytes:
    """The answer to GetCallerIdentity, as XML."""
    return (
        f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
        f"<Arn>{arn}</Arn><UserId>AIDASANDBOXSANDBOX00</UserId><Account>{account}</Account>"
        f"</GetCallerIdentityResult>{_metadata(request_id)}</GetCallerIdentityResponse>"
    ).encode()


def error_document(error: ServiceError, request_id: str) -> bytes:
    """An error in the query protocol, as XML."""
    # XML 1.0 has no way to write a control character.
    message = "".join(char if char.isprintable() else "�" for char in error.message)
    return (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{error.code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _metadata(request_id: str) -> str:
    return f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
