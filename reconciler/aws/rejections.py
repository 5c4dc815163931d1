"""Why there are no credentials for calls in an account, and what a role needs that may not be assumed."""

import re
from typing import Final

from botocore import exceptions as boto

from reconciler import escape
from reconciler.aws import answers
from reconciler.banlist.value import Access
from reconciler.errors import ChatError, CredentialsRejected, ServiceFailed

# What IAM says of who may not do what (IAM User Guide, "Troubleshoot access denied error messages").
_NOT_AUTHORIZED: Final = re.compile(
    r"User: (?P<caller>arn:[a-z-]+:(?:iam|sts)::[0-9]{12}:[\w+=,.@/-]{1,600}) is not authorized to perform:"
    r" sts:AssumeRole on resource: (?P<role>arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]{1,600})",
    re.ASCII,
)
# The ARN of who calls with a role has the role's name, and not its path (IAM User Guide, "IAM identifiers").
_ASSUMED: Final = re.compile(r"arn:(?P<partition>[a-z-]+):sts::(?P<account>[0-9]{12}):assumed-role/(?P<name>[^/]+)/.*")


def rejected(error: Exception, access: Access | None) -> ChatError:
    """Our error for what was raised instead of credentials.

    Args:
        error: what botocore raised.
        access: the role or the profile, if the list names one.
    """
    role_arn = None if access is None else access.role_arn
    what = f"The role {role_arn} cannot be assumed: " if role_arn else ""
    if isinstance(error, boto.ClientError):
        return _answered(error, what, access)
    if isinstance(error, boto.BotoCoreError):
        failed = answers.without_answer(error)
        return type(failed)(f"{what}{failed.advice}", failed.answer)
    if isinstance(error, RuntimeError):  # botocore's, for credentials that are new and yet too old
        return CredentialsRejected(f"{what}New credentials have expired already. Set the clock of this machine.")
    return CredentialsRejected(
        f"{what}The answer did not come from AWS STS. Check the endpoint URL and any proxy.", type(error).__name__
    )


def _answered(error: boto.ClientError, what: str, access: Access | None) -> ChatError:
    """Our error for an error that the service answered which gives the credentials."""
    code, said = answers.code_of(error), answers.answer(error)
    if code in ("AccessDenied", "AccessDeniedException"):
        return CredentialsRejected(_what_is_needed(str(error), access), said)
    if code in answers.BAD_CREDENTIALS:
        why = f"The AWS credentials {answers.BAD_CREDENTIALS[code]}. Renew them, and apply again."
        return CredentialsRejected(f"{what}{why}", said)
    if answers.cause_of(error) is not None:
        return ServiceFailed(f"{what}AWS STS failed. Apply again later.", said)
    return CredentialsRejected(f"{what}AWS STS refuses it.", said)


def _what_is_needed(message: str, access: Access | None) -> str:
    """What to allow so that a role may be assumed: AWS says the same whichever of the two policies does not."""
    denied = _NOT_AUTHORIZED.search(message)
    role_arn = access.role_arn if access is not None and access.role_arn is not None else denied and denied["role"]
    if not role_arn:
        return "The AWS credentials may not get those of a role. Check the trust policy of the role."
    caller = denied["caller"] if denied else "the AWS credentials"
    principal, path = denied["caller"] if denied else "ARN OF WHO CALLS", ""
    if assumed := _ASSUMED.fullmatch(principal):
        principal = f"arn:{assumed['partition']}:iam::{assumed['account']}:role/{assumed['name']}"
        path = " (with the path before the name, if that role has one)"
    trust: dict[str, object] = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    if access is not None and access.external_id is not None:
        trust["Condition"] = {"StringEquals": {"sts:ExternalId": access.external_id}}
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn}
    return (
        f"The role {role_arn} may not be assumed by {caller}. That takes two statements, and AWS does not say which is"
        f" missing. In the trust policy of the role{path}: {escape.to_json(trust)} In a policy of the caller:"
        f" {escape.to_json(allow)}"
    )
