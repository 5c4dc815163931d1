"""Who calls: the one IAM user that made-up credentials stand for, and the roles that were assumed.

Source: AWS STS API reference, page "AssumeRole", for parameters, limits and the ARN of an assumed role.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.sandbox import errors
from reconciler.sandbox.errors import ServiceError
from reconciler.sandbox.ids import new_id

KEPT: Final = 10_000
"""How many sessions of roles are remembered; the oldest are forgotten first, and count as expired."""

_ROLE: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):iam::(?P<account>[0-9]{12}):role/(?:[!-~]+/)?(?P<name>[\w+=,.@-]{1,64})", re.ASCII
)
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
# No key of AWS is that long, so nobody's own is taken for one of these.
_KEY: Final = re.compile(r"ASIA[0-9]{12}SANDBOX[a-zA-Z0-9]{12}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signs a request.

    Attributes:
        arn: the ARN that GetCallerIdentity answers.
        account: the AWS account.
        user_id: what GetCallerIdentity answers as `UserId`.
        is_role: whether it is an assumed role, which may call in its own account alone.
    """

    arn: str
    account: str
    user_id: str
    is_role: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What AssumeRole answers.

    Attributes:
        key: the access key ID, which names the account.
        expires: when they are no longer good, in seconds since 1970.
        caller: who calls with them.
    """

    key: str
    expires: float
    caller: Caller


class Identities:
    """Everybody who can call.

    Args:
        account: that of the IAM user.
        seed: decides the access keys.
    """

    def __init__(self, account: str, seed: int) -> None:
        self.user = Caller(f"arn:aws:iam::{account}:user/sandbox", account, "AIDASANDBOXSANDBOX00")
        self._random = random.Random(seed)  # noqa: S311 - access keys are no secret
        self._assumed: dict[str, Credentials] = {}

    def of(self, key: str, now: float) -> Caller:
        """Who calls with an access key.

        Raises:
            ServiceError: ExpiredTokenException.
        """
        if not _KEY.fullmatch(key):
            return self.user
        credentials = self._assumed.get(key)
        if credentials is None or credentials.expires <= now:
            raise errors.expired_token()
        return credentials.caller

    def assume(self, params: Mapping[str, str], caller: Caller, *, denied: bool, now: float) -> Credentials:
        """AssumeRole. Every role exists, and trusts everybody.

        Args:
            params: of the request.
            caller: who asks.
            denied: the role may not be assumed.
            now: in seconds since 1970.

        Raises:
            ServiceError: ValidationError or AccessDenied.
        """
        role_arn, name = params.get("RoleArn", ""), params.get("RoleSessionName", "")
        role, seconds = _ROLE.fullmatch(role_arn), params.get("DurationSeconds", "3600")
        if role is None:
            raise _invalid("roleArn")
        if not _SESSION_NAME.fullmatch(name):
            raise _invalid("roleSessionName")
        if not re.fullmatch("[0-9]{3,5}", seconds, re.ASCII) or not 900 <= int(seconds) <= 43_200:
            raise _invalid("durationSeconds")
        if denied:
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise ServiceError("AccessDenied", 403, message)
        unique = new_id(self._random)
        arn = f"arn:{role['partition']}:sts::{role['account']}:assumed-role/{role['name']}/{name}"
        credentials = Credentials(
            f"ASIA{role['account']}SANDBOX{unique}",
            now + int(seconds),
            Caller(arn, role["account"], f"AROASANDBOXSANDBOX00:{name}", is_role=True),
        )
        self._assumed[credentials.key] = credentials
        if len(self._assumed) > KEPT:
            del self._assumed[next(iter(self._assumed))]
        return credentials


def _invalid(member: str) -> ServiceError:
    message = f"1 validation error detected: Value at '{member}' failed to satisfy constraint"
    return ServiceError("ValidationError", 400, message)
