"""Whose the AWS credentials are, as AWS STS says it. GetCallerIdentity needs no permission (AWS STS API reference)."""

import re
from dataclasses import dataclass
from typing import Final

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from reconciler.aws import answers
from reconciler.aws.in_time import in_time
from reconciler.errors import CredentialsRejected, ServiceFailed

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


def caller(region: str, profile: str | None, seconds: float) -> Caller:
    """Ask AWS STS.

    Args:
        region: where to ask.
        profile: of the AWS configuration.
        seconds: how long it may take.

    Raises:
        ChatError: it is not known; with CredentialsRejected, there are no credentials that AWS takes.
    """

    def ask() -> tuple[object, object]:
        config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
        sts = boto3.Session(profile_name=profile).client("sts", region_name=region, config=config)
        answer = sts.get_caller_identity()
        return answer.get("Account"), answer.get("Arn")

    try:
        account, arn = in_time(ask, seconds).result()
    except TimeoutError as error:
        raise ServiceFailed(f"AWS STS has not said within {seconds:.0f} s whose the credentials are.") from error
    except boto.ProfileNotFound as error:
        raise CredentialsRejected(f"{error}.") from error
    except boto.ClientError as error:
        raise answers.of_caller(error) from error
    except boto.BotoCoreError as error:
        raise answers.without_answer(error) from error
    except Exception as error:  # something else answered, and botocore's parsers failed on it; or it is no URL
        raise _not_sts() from error
    if not isinstance(account, str) or not re.fullmatch("[0-9]{1,20}", account):
        raise _not_sts()
    return Caller(account, str(arn)[:_ARN_MAX])


def _not_sts() -> ServiceFailed:
    return ServiceFailed("The answer did not come from AWS STS. Check AWS_ENDPOINT_URL_STS and any proxy.")
