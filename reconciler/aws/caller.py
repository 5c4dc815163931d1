"""Whose the AWS credentials are, as AWS STS says it. GetCallerIdentity needs no permission (AWS STS API reference)."""

import re
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from botocore import exceptions as boto

from reconciler.aws import answers
from reconciler.aws.clients import config
from reconciler.aws.in_time import in_time
from reconciler.aws.sessions import Sessions
from reconciler.errors import ServiceFailed

SECONDS: Final = 15.0  # a login or a program may have to give the credentials first
_ARN_MAX: Final = 2048


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credentials they are.

    Attributes:
        account: the AWS account number.
        arn: of the user or the role.
    """

    account: str
    arn: str


def caller(region: str, sessions: Sessions, account: str | None, seconds: float) -> Caller:
    """Ask AWS STS.

    Args:
        region: where to ask.
        sessions: who calls in which account.
        account: whose credentials are meant; None for the usual ones.
        seconds: how long it may take.

    Raises:
        ChatError: it is not known; with CredentialsRejected, there are no credentials that AWS takes.
    """
    sessions.ready(account, seconds=seconds)
    session = sessions.of(account)

    def ask() -> tuple[object, object]:
        with closing(session.client("sts", region_name=region, config=config(attempts=2))) as sts:
            answer = sts.get_caller_identity()
        return answer.get("Account"), answer.get("Arn")

    try:
        number, arn = in_time(ask, seconds).result()
    except TimeoutError as error:
        raise ServiceFailed(f"AWS STS has not said within {seconds:.0f} s whose the credentials are.") from error
    except boto.ClientError as error:
        raise answers.of_caller(error) from error
    except boto.BotoCoreError as error:
        raise answers.without_answer(error) from error
    except Exception as error:  # something else answered, and botocore's parsers failed on it; or it is no URL
        raise _not_sts() from error
    if not isinstance(number, str) or not re.fullmatch("[0-9]{1,20}", number):
        raise _not_sts()
    return Caller(number, str(arn)[:_ARN_MAX])


def _not_sts() -> ServiceFailed:
    return ServiceFailed("The answer did not come from AWS STS. Check AWS_ENDPOINT_URL_STS and any proxy.")
