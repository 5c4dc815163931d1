"""Amazon IVS Chat as bans need it: DisconnectUser. No other module knows boto3's `ivschat`.

Facts about the service come from its model (`ivschat` 2020-07-14), as botocore ships it.
"""

import os
import socket
from collections.abc import Callable, Iterable
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.utils import get_environ_proxies

from reconciler.aws.endpoint import elsewhere
from reconciler.bans import AccountRegion, BanKey, account_region_of
from reconciler.errors import (
    AccessDenied,
    CallAbandoned,
    ChatError,
    CredentialsRejected,
    EndpointUnreachable,
    RequestInvalid,
    RoomNotFound,
    ServiceFailed,
    Throttled,
    VerificationPending,
)
from reconciler.plan.outcome import Receipt

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

CONNECT_TIMEOUT: Final = 5.0  # seconds
READ_TIMEOUT: Final = 15.0  # seconds
ATTEMPTS: Final = 8  # of one call, the first included; at one fault in five, one call in 400,000 fails

_NO_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.SSOError,
    boto.LoginError,
)
# What AWS answers to credentials that it does not take, before it looks at the request (AWS General Reference,
# "Common errors"; with temporary credentials, ExpiredTokenException).
_BAD_CREDENTIALS: Final = {
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
_HOW_TO_GET_CREDENTIALS: Final = (
    "Give AWS credentials as for the AWS CLI: environment variables, --profile, or the role of the CI job."
)


_NOT_THE_SERVICE: Final = "The answer did not come from Amazon IVS Chat. Check the endpoint URL and any proxy."
_ANSWER_MAX: Final = 1000  # characters of an answer that are shown


class Chat:
    """Calls DisconnectUser in the region of each room; its methods may be called from several threads.

    Args:
        now: the time, aware, in UTC.
        before_attempt: called before each attempt is sent, retries included; it may wait.
        throttled: called after each attempt that the service throttles.
        parallelism: how many calls run side by side in each account and region.
        endpoint_url: what to call in place of AWS.
        profile: the profile of the AWS configuration to use.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        before_attempt: Callable[[AccountRegion], object],
        throttled: Callable[[AccountRegion], object] = lambda _where: None,
        parallelism: int,
        endpoint_url: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._now = now
        self._before_attempt = before_attempt
        self._throttled = throttled
        self._endpoint_url = endpoint_url
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=parallelism,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        self._clients: dict[AccountRegion, IvschatClient] = {}
        self._caller: str | None = None
        self._caller_known = False
        self._caller_lock = Lock()
        try:
            self._session = boto3.Session(profile_name=profile)
        except boto.BotoCoreError as error:
            raise CredentialsRejected(
                f"The AWS configuration cannot be used: {error}. {_HOW_TO_GET_CREDENTIALS}"
            ) from error

    def endpoint(self, places: Iterable[AccountRegion]) -> str | None:
        """What calls to these accounts and regions will reach, if that is not AWS: its URL, to be shown and recorded.

        Nothing is called, and no credentials are needed.

        Raises:
            EndpointUnreachable: what is to be called has no URL.
            ChatError: the AWS configuration cannot be used.
        """
        try:
            self._clients |= {where: self._client(where) for where in places if where not in self._clients}
            urls = [client.meta.endpoint_url for client in self._clients.values()]
            return next(filter(None, map(elsewhere, urls)), None)
        except boto.BotoCoreError as error:
            raise _translated(error) from error
        except ValueError as error:  # botocore's and urllib's for what is no URL
            raise EndpointUnreachable(
                f"The endpoint URL cannot be used: {error}. Check --endpoint-url, AWS_ENDPOINT_URL and the AWS"
                " configuration."
            ) from error

    def connect(self, places: Iterable[AccountRegion]) -> None:
        """Get ready to call these accounts and regions.

        Raises:
            CredentialsRejected: there are no credentials.
            EndpointUnreachable: no connection to the service in one of the regions.
        """
        self.endpoint(places)
        try:
            credentials = self._session.get_credentials()
            if credentials is None:
                raise CredentialsRejected(f"There are no AWS credentials. {_HOW_TO_GET_CREDENTIALS}")
            if any(part and not part.isprintable() for part in credentials.get_frozen_credentials()):
                raise CredentialsRejected(
                    "The AWS credentials contain a line break or another control character. Set the variable or the"
                    " secret again without it."
                )
            reached: set[str] = set()
            for where, client in self._clients.items():
                if client.meta.endpoint_url not in reached:
                    _check_reachable(client.meta.endpoint_url, where.region)
                    reached.add(client.meta.endpoint_url)
        except boto.BotoCoreError as error:
            raise _translated(error) from error

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def disconnect(self, key: BanKey, reason: str | None) -> Receipt:
        """End all connections of a user in a room. Nothing happens to a user who is not connected.

        Args:
            key: the user and the room.
            reason: public: the room receives it in an `aws:DISCONNECT_USER` event. None sends none.

        Raises:
            ChatError: it was not done.
        """
        request = {"roomIdentifier": key.room_arn, "userId": key.user_id}
        if reason is not None:
            request["reason"] = reason
        try:
            response = self._clients[account_region_of(key.room_arn)].disconnect_user(**request)
        except boto.ClientError as error:
            raise self._failed(key, error) from error
        except boto.BotoCoreError as error:
            raise _translated(error) from error
        except CallAbandoned:
            raise
        except Exception as error:
            # Something else than the service answered, and botocore's parsers failed on it.
            raise ServiceFailed(_NOT_THE_SERVICE, type(error).__name__) from error
        meta = response["ResponseMetadata"]
        if meta["HTTPStatusCode"] != HTTPStatus.OK or "html" in meta["HTTPHeaders"].get("content-type", ""):
            # The service answers DisconnectUser with 200 and no page: a page comes from a proxy or a login portal.
            raise ServiceFailed(_NOT_THE_SERVICE, f"HTTP {meta['HTTPStatusCode']}")
        return Receipt(self._now(), meta.get("RequestId"))

    def _client(self, where: AccountRegion) -> "IvschatClient":
        client = self._session.client(
            "ivschat", region_name=where.region, endpoint_url=self._endpoint_url, config=self._config
        )

        def wait(**_event: object) -> None:
            self._before_attempt(where)

        def note(parsed_response: dict[str, Any] | None = None, **_event: object) -> None:
            if parsed_response and parsed_response.get("Error", {}).get("Code") in _THROTTLED:
                self._throttled(where)

        # botocore emits both for every attempt, just before it is sent and just after its answer.
        client.meta.events.register("before-send.ivschat.DisconnectUser", wait)
        client.meta.events.register("response-received.ivschat.DisconnectUser", note)
        return client

    def _failed(self, key: BanKey, error: boto.ClientError) -> ChatError:
        """Our error for an error that the service answered."""
        code = error.response.get("Error", {}).get("Code", "Unknown")
        account, region = where = account_region_of(key.room_arn)
        said = _answer(error, code)
        if code in _BAD_CREDENTIALS:
            return CredentialsRejected(
                f"The AWS credentials {_BAD_CREDENTIALS[code]}. Renew them, and apply again.", said
            )
        match code:
            case "AccessDeniedException" | "AccessDenied":
                return AccessDenied(
                    self._other_account(where)
                    or "The AWS credentials may not disconnect users from this room. Allow ivschat:DisconnectUser on"
                    f" {key.room_arn} in their policy, and check that they belong to account {account}.",
                    said,
                )
            case "PendingVerification":
                return VerificationPending(
                    f"AWS has not finished verifying account {account}. Wait for AWS's mail, or open a case with AWS"
                    " Support; then apply again.",
                    said,
                )
            case "ResourceNotFoundException":
                return RoomNotFound(
                    self._other_account(where)
                    or f"There is no room {key.room_arn}. Correct its ARN under `rooms`, or take it out of the list if"
                    " it was deleted.",
                    said,
                )
            case _ if code in _THROTTLED:
                return Throttled(
                    f"Still over the quota after {ATTEMPTS} attempts. Apply again with a lower --rate, and find out"
                    f" what else uses the quota of account {account} in {region}.",
                    said,
                )
            case "ValidationException":
                return RequestInvalid("The service does not accept this ban. Correct its entry in the list.", said)
        return ServiceFailed("The service failed. Apply again later.", said)

    def _other_account(self, where: AccountRegion) -> str | None:
        """What to say when the credentials belong to another account than the room."""
        caller = self._caller_account(where)
        if caller is None or caller == where.account:
            return None
        return (
            f"The AWS credentials belong to account {caller}, and the room to account {where.account}."
            " Use credentials of the room's account."
        )

    def _caller_account(self, where: AccountRegion) -> str | None:
        """The account of the credentials, if AWS STS says (GetCallerIdentity needs no permission); asked once."""
        with self._caller_lock:
            if not self._caller_known:
                self._caller_known = True
                # Where something stands in for the service, do not ask the real STS about it.
                if elsewhere(self._clients[where].meta.endpoint_url) is None or os.environ.get("AWS_ENDPOINT_URL_STS"):
                    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
                    try:
                        sts = self._session.client("sts", region_name=where.region, config=config)
                        self._caller = sts.get_caller_identity().get("Account")
                    except Exception:  # noqa: BLE001 - it only improves a message
                        self._caller = None
            return self._caller


def _answer(error: boto.ClientError, code: str) -> str:
    """What the service answered, with what AWS Support will ask for."""
    meta = error.response.get("ResponseMetadata", {})
    field_list: Any = error.response.get("fieldList")  # of ValidationException
    fields = [field for field in field_list if isinstance(field, dict)] if isinstance(field_list, list) else []
    parts = [
        f"{code}: {error.response.get('Error', {}).get('Message') or 'no message'}",
        *(f"{field.get('name')}: {field.get('message')}" for field in fields),
        f"(HTTP {meta.get('HTTPStatusCode')}, request ID {meta.get('RequestId')})",
    ]
    answer = " ".join(parts)
    return answer if len(answer) <= _ANSWER_MAX else answer[:_ANSWER_MAX] + "…"


def _translated(error: boto.BotoCoreError) -> ChatError:
    """Our error for a call that got no answer."""
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsRejected(f"The AWS credentials cannot be used: {error}. {_HOW_TO_GET_CREDENTIALS}")
    if isinstance(error, boto.ParamValidationError):
        return RequestInvalid(f"The service would not accept this ban: {error}. Correct its entry in the list.")
    if isinstance(error, boto.ConnectionError):
        return EndpointUnreachable(f"{error}. Check the network, the region in the room's ARN, and the endpoint URL.")
    # Its text may contain what was sent, including headers and credentials.
    return ServiceFailed("No answer from the service. Apply again later.", type(error).__name__)


def _check_reachable(url: str, region: str) -> None:
    """Fail within seconds and with one sentence, where retries would take half a minute to fail the same way."""
    parts = urlsplit(url)
    if not parts.hostname or get_environ_proxies(url):  # through a proxy, only the first call can tell
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname, port), timeout=CONNECT_TIMEOUT):
            pass
    except OSError as error:
        raise EndpointUnreachable(
            f"{region}: No connection to {parts.scheme}://{parts.hostname}:{port}: {error.strerror or error}."
            " Check the network, the region in the room's ARN, and the endpoint URL."
        ) from error
