"""What botocore's errors and the service's answers mean to us. Every error of a call becomes one of ours here."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from botocore import exceptions as boto

from reconciler.aws.wire import AnswerTooLong
from reconciler.banlist.value import Access
from reconciler.bans import BanKey, account_region_of
from reconciler.errors import (
    AccessDenied,
    ChatError,
    CredentialsRejected,
    EndpointUnreachable,
    RequestInvalid,
    RoomNotFound,
    ServiceFailed,
    Throttled,
    VerificationPending,
)
from reconciler.plan.outcome import Cause

_NO_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.InvalidConfigError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.LoginError,
)
# What AWS answers to credentials that it does not take, before it looks at the request (AWS General Reference,
# "Common errors"; with temporary credentials, ExpiredTokenException).
BAD_CREDENTIALS: Final = {
    "ExpiredToken": "have expired",
    "ExpiredTokenException": "have expired",
    "RequestExpired": "are refused, since this machine's clock is wrong",
    "InvalidSignatureException": "have a wrong secret key, or this machine's clock is wrong",
    "SignatureDoesNotMatch": "have a wrong secret key",
    "UnrecognizedClientException": "are not known to AWS",
    "InvalidClientTokenId": "are not known to AWS",
    "IncompleteSignature": "are not complete",
    "MissingAuthenticationToken": "are missing from the request",
    "MissingAuthenticationTokenException": "are missing from the request",
    "OptInRequired": "are of an account that is not signed up for the service",
}
_THROTTLED: Final = {"ThrottlingException", "TooManyRequestsException"}
_MAY_PASS: Final = {
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
HOW_TO_GET_CREDENTIALS: Final = (
    "Give AWS credentials as for the AWS CLI: environment variables, --profile, or the role of the CI job."
)

_NOT_THE_SERVICE: Final = "The answer did not come from Amazon IVS Chat. Check the endpoint URL and any proxy."
_ANSWER_MAX: Final = 1000  # characters of an answer that are shown

OF_ONE_CALL: Final = (AccessDenied, VerificationPending, RoomNotFound, RequestInvalid)
"""What the service says of one call, while others may succeed."""


def cause_of(error: BaseException | None) -> Cause | None:
    """Why an attempt failed that may succeed when it is made again; None if it would fail again.

    As botocore's own `standard` retry mode has it.
    """
    if isinstance(error, boto.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if status == HTTPStatus.TOO_MANY_REQUESTS or code_of(error) in _THROTTLED:
            return Cause.THROTTLED
        return Cause.SERVICE_FAILS if status in _MAY_PASS else None
    if isinstance(error, boto.ConnectionError):
        return Cause.UNREACHABLE
    return Cause.NO_ANSWER if isinstance(error, boto.HTTPClientError) and not _is_too_long(error) else None


def failure(
    error: Exception, key: BanKey, other_account: Callable[[], str | None], access: Access | None = None
) -> ChatError:
    """Our error for a call that failed. It names the room first, or else the region.

    Args:
        error: what botocore raised.
        key: whom the call was to disconnect, and where.
        other_account: what to say when the credentials belong to another account than the room; it may ask AWS.
        access: whose credentials those are, if the list names a role or a profile.
    """
    region = account_region_of(key.room_arn).region
    if isinstance(error, boto.ClientError):
        failed, about_the_room = _answered(error, key, other_account, access)
        return at(key.room_arn if about_the_room else region, failed)
    if _is_too_long(error):
        return at(region, not_the_service("It is too long."))
    if isinstance(error, boto.BotoCoreError):
        return at(region, without_answer(error))
    # Something else than the service answered, and botocore's parsers failed on it.
    return at(region, not_the_service(type(error).__name__))


def of_caller(error: boto.ClientError) -> ChatError:
    """Our error for an error that AWS STS answered when it was asked whose the credentials are."""
    code = code_of(error)
    if code in BAD_CREDENTIALS:
        return CredentialsRejected(f"The AWS credentials {BAD_CREDENTIALS[code]}. Renew them.", answer(error))
    return ServiceFailed("AWS STS does not say whose the credentials are.", answer(error))


def at(place: str, error: ChatError) -> ChatError:
    """An error that says first what it is about."""
    return type(error)(f"{place}: {error.advice}", error.answer)


def not_the_service(answer: str) -> ServiceFailed:
    """The answer came from something else, such as a proxy or a login portal."""
    return ServiceFailed(_NOT_THE_SERVICE, answer)


def _is_too_long(error: BaseException | None) -> bool:
    return error is not None and isinstance(error.__context__, AnswerTooLong)  # which botocore wraps


def code_of(error: boto.ClientError) -> str:
    """What the service calls the error."""
    return error.response.get("Error", {}).get("Code", "Unknown")


def _answered(
    error: boto.ClientError, key: BanKey, other_account: Callable[[], str | None], access: Access | None
) -> tuple[ChatError, bool]:
    """Our error for an error that the service answered, and whether it is about this room alone."""
    code = code_of(error)
    account, region = account_region_of(key.room_arn)
    said = answer(error)
    if code in BAD_CREDENTIALS:
        advice = f"The AWS credentials {BAD_CREDENTIALS[code]}. Renew them, and apply again."
        return CredentialsRejected(advice, said), False
    if cause_of(error) is Cause.THROTTLED:
        advice = (
            "Still over the quota after several attempts. Apply again with a lower --rate, and find out what else uses"
            f" the quota of account {account} in {region}."
        )
        return Throttled(advice, said), False
    match code:
        case "AccessDeniedException" | "AccessDenied":
            elsewhere = other_account()
            advice = elsewhere or _denied(account, access)
            return AccessDenied(advice, said), elsewhere is None
        case "PendingVerification":
            advice = (
                f"AWS has not finished verifying account {account}. Wait for AWS's mail, or open a case with AWS"
                " Support; then apply again."
            )
            return VerificationPending(advice, said), False
        case "ResourceNotFoundException":
            elsewhere = other_account()
            advice = elsewhere or (
                "There is no such room. Correct its ARN under `rooms`, or take it out of the list if it was deleted."
            )
            return RoomNotFound(advice, said), elsewhere is None
        case "ValidationException":
            advice = "The service does not accept this ban. Correct its entry in the list."
            return RequestInvalid(advice, said), False
    return ServiceFailed("The service failed. Apply again later.", said), False


def _denied(account: str, access: Access | None) -> str:
    if access is not None and access.role_arn is not None:
        return (
            f"The role {access.role_arn} may not disconnect users from this room. Allow ivschat:DisconnectUser on it in"
            " the role's policy."
        )
    whose = f" of the profile `{access.profile}`" if access is not None else ""
    return (
        f"The AWS credentials{whose} may not disconnect users from this room. Allow ivschat:DisconnectUser on it in"
        f" their policy, and check that they belong to account {account}."
    )


def answer(error: boto.ClientError) -> str:
    """What the service answered, with what AWS Support will ask for."""
    meta = error.response.get("ResponseMetadata", {})
    field_list: Any = error.response.get("fieldList")  # of ValidationException
    fields = [field for field in field_list if isinstance(field, dict)] if isinstance(field_list, list) else []
    parts = [
        f"{code_of(error)}: {error.response.get('Error', {}).get('Message') or 'no message'}",
        *(f"{field.get('name')}: {field.get('message')}" for field in fields),
        f"(HTTP {meta.get('HTTPStatusCode')}, request ID {meta.get('RequestId')})",
    ]
    said = " ".join(parts)
    return said if len(said) <= _ANSWER_MAX else said[:_ANSWER_MAX] + "…"


def without_answer(error: boto.BotoCoreError) -> ChatError:
    """Our error for a call that got no answer, or could not even be made."""
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsRejected(f"The AWS credentials cannot be used: {error}. {HOW_TO_GET_CREDENTIALS}")
    if isinstance(error, boto.ParamValidationError):
        return RequestInvalid(f"The service would not accept this ban: {error}. Correct its entry in the list.")
    if isinstance(error, boto.ConnectionError):
        return EndpointUnreachable(f"{error}. Check the network, the region in the room's ARN, and the endpoint URL.")
    # Its text may contain what was sent, including headers and credentials.
    return ServiceFailed("No answer from the service. Apply again later.", type(error).__name__)
