"""The errors that the sandbox answers, with their HTTP status and the members of their bodies.

Codes, statuses and members of the modelled errors are those of the service model `ivschat` 2020-07-14 as shipped
by botocore. The others are AWS's common errors ("Common Errors" in the AWS API references), which every service
answers before a request reaches an operation. AWS documents codes and statuses, not the wording of messages.
"""

from collections.abc import Sequence

from reconciler.sandbox.model import FieldProblem, service_model


class ServiceError(Exception):
    """An error as the service answers it.

    Attributes:
        code: what the header `x-amzn-ErrorType` says.
        status: the HTTP status.
        message: the message for people.
        body: the JSON object of the answer: `message` and the other members of the error's shape.
    """

    def __init__(self, code: str, status: int, message: str, **members: object) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.body: dict[str, object] = {"message": message, **members}


def access_denied(operation: str, *, caller_arn: str, resource: str, policy: str = "identity-based") -> ServiceError:
    """The caller may not do this to this resource.

    Which kind of policy IAM names is that of IAM User Guide, page "Troubleshoot access denied error messages": for a
    resource of another account, the resource-based one.
    """
    action = f"ivschat:{operation}"
    return ServiceError(
        "AccessDeniedException",
        403,
        f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no {policy} policy allows the {action} action",
    )


def pending_verification() -> ServiceError:
    """AWS has yet to verify the account."""
    return ServiceError("PendingVerification", 403, "Your account is pending verification.")


def room_not_found(arn: str, region: str) -> ServiceError:
    """The region has no such room; `resourceId` is the last part of the ARN."""
    return ServiceError(
        "ResourceNotFoundException",
        404,
        f"Room {arn} does not exist in {region}",
        resourceId=room_id(arn),
        resourceType="ROOM",
    )


def throttled(operation: str, *, arn: str | None, limit: int) -> ServiceError:
    """The region's rate of `limit` calls a second is exceeded.

    The model declares ThrottlingException, with its members, for the messaging operations alone. The room
    operations answer the common error of the same code: status 400, and no member but the message.
    """
    message = f"Rate exceeded: {operation}, {limit} calls a second"
    declared = {shape.name for shape in service_model().operation_model(operation).error_shapes}
    if arn is None or "ThrottlingException" not in declared:
        return ServiceError("ThrottlingException", 400, message)
    return ServiceError("ThrottlingException", 429, message, resourceId=room_id(arn), resourceType="ROOM", limit=limit)


def invalid(problems: Sequence[FieldProblem]) -> ServiceError:
    """Members of the request break the service model."""
    noun = "error" if len(problems) == 1 else "errors"
    return ServiceError(
        "ValidationException",
        400,
        f"{len(problems)} validation {noun} detected. " + "; ".join(problem.message for problem in problems),
        reason="FIELD_VALIDATION_FAILED",
        fieldList=[{"name": problem.name, "message": problem.message} for problem in problems],
    )


def not_in_the_sandbox(operation: str, supported: Sequence[str]) -> ServiceError:
    """An operation that IVS Chat has and the sandbox has not."""
    message = f"The sandbox does not do {operation}. It does {', '.join(supported)}."
    return ServiceError("ValidationException", 400, message, reason="UNKNOWN_OPERATION")


def unknown_operation(method: str, path: str) -> ServiceError:
    """No operation of the service has this method and path."""
    return ServiceError("UnknownOperationException", 404, f"{method} {path} is not an operation of IVS Chat")


def unreadable_body(why: str) -> ServiceError:
    """The body is not the JSON object that the protocol asks for."""
    return ServiceError("SerializationException", 400, why)


def missing_token() -> ServiceError:
    """The request is not signed at all."""
    return ServiceError("MissingAuthenticationTokenException", 403, "Missing Authentication Token")


def incomplete_signature() -> ServiceError:
    """The `Authorization` header is not one of Signature Version 4."""
    return ServiceError(
        "IncompleteSignatureException",
        403,
        "The Authorization header must read: AWS4-HMAC-SHA256 "
        "Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=..., Signature=...",
    )


def wrong_scope(service: str) -> ServiceError:
    """The request is signed for another service."""
    return ServiceError(
        "InvalidSignatureException", 403, f"Credential should be scoped to correct service: '{service}'."
    )


def expired_token() -> ServiceError:
    """The session token of temporary credentials has run out."""
    return ServiceError("ExpiredTokenException", 403, "The security token included in the request is expired")


def unrecognized_client() -> ServiceError:
    """AWS knows no such access key."""
    return ServiceError("UnrecognizedClientException", 403, "The security token included in the request is invalid.")


def internal_failure() -> ServiceError:
    """Something went wrong inside the service; the call may be repeated."""
    return ServiceError("InternalServerException", 500, "Internal server error")


def unavailable() -> ServiceError:
    """The service is out for the moment; the call may be repeated."""
    return ServiceError("ServiceUnavailable", 503, "Service unavailable")


def room_id(arn: str) -> str:
    """The room's ID: the part of its ARN after the last slash."""
    return arn.rpartition("/")[2]
