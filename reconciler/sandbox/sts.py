"""The calls of AWS STS that tools make before all others: GetCallerIdentity and AssumeRole.

Source: AWS STS API reference, pages of that name, for the request (a form, POST to `/`) and the XML answer.
"""

from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.identities import Caller, Credentials
from reconciler.sandbox.request import rfc3339, timestamp

_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a form, each as it comes first; none for what is no form."""
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def unknown_action(action: str) -> ServiceError:
    """An action other than those two ("Common Errors", InvalidAction)."""
    return ServiceError(
        "InvalidAction", 400, f"Of STS, the sandbox does GetCallerIdentity and AssumeRole only, not {action or 'this'}"
    )


def caller_identity(caller: Caller, request_id: str) -> bytes:
    """The answer to GetCallerIdentity, as XML."""
    return (
        f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
        f"<Arn>{caller.arn}</Arn><UserId>{caller.user_id}</UserId><Account>{caller.account}</Account>"
        f"</GetCallerIdentityResult>{_metadata(request_id)}</GetCallerIdentityResponse>"
    ).encode()


def assumed_role(credentials: Credentials, request_id: str) -> bytes:
    """The answer to AssumeRole, as XML."""
    caller = credentials.caller
    return (
        f'<AssumeRoleResponse xmlns="{_NAMESPACE}"><AssumeRoleResult><Credentials>'
        f"<AccessKeyId>{credentials.key}</AccessKeyId><SecretAccessKey>sandbox</SecretAccessKey>"
        f"<SessionToken>sandbox</SessionToken><Expiration>{rfc3339(timestamp(credentials.expires))}</Expiration>"
        f"</Credentials><AssumedRoleUser><AssumedRoleId>{caller.user_id}</AssumedRoleId><Arn>{caller.arn}</Arn>"
        f"</AssumedRoleUser></AssumeRoleResult>{_metadata(request_id)}</AssumeRoleResponse>"
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
