"""Amazon IVS Chat as bans need it: DisconnectUser. No other module knows boto3's `ivschat`.

Facts about the service come from its model (`ivschat` 2020-07-14), as botocore ships it.
"""

import os
import random
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.utils import get_environ_proxies

from reconciler.aws import answers, wire
from reconciler.aws.endpoint import elsewhere
from reconciler.aws.headway import ATTEMPTS, Call, Headway
from reconciler.aws.in_time import in_time
from reconciler.bans import AccountRegion, BanKey, account_region_of
from reconciler.errors import CallAbandoned, ChatError, CredentialsRejected, EndpointUnreachable, RunError, Stalled
from reconciler.plan.outcome import Cause, Receipt

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

# Before an attempt is made again, as in botocore's `standard` retry mode: up to so many seconds, doubled each time.
BACK_OFF: Final = {Cause.THROTTLED: 1.0}
BACK_OFF_ELSE: Final = 0.05
BACK_OFF_MAX: Final = 20.0
LAST_ATTEMPT: Final = 1.0  # seconds that an attempt has even if the call has less
# The key of a client that calls nothing. Without one, the SDK looks for credentials, however long that takes.
_NOBODY: Final = "nobody"
STS_TIMEOUT: Final = 6.0  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds.

    Attributes:
        attempt: one attempt, from connecting to the last byte of the answer.
        call: all attempts of a call, and the pauses between them, without the waits for the pace.
        fruitless: to go on in an account and region where no call succeeds.
        credentials: for AWS credentials to come, from a program or a service.
    """

    attempt: float = 15.0
    call: float = 60.0
    fruitless: float = 60.0
    credentials: float = 60.0


LIMITS: Final = Limits()


class Chat:
    """Calls DisconnectUser in the region of each room; its methods may be called from several threads.

    Args:
        now: the time, aware, in UTC.
        before_attempt: called before each attempt is made, the first included; it may wait.
        throttled: called after each attempt that the service throttles.
        parallelism: how many calls run side by side in each account and region.
        endpoint_url: what to call in place of AWS.
        profile: the profile of the AWS configuration to use.
        sleep: waits that many seconds; returns True if the run is to stop, without waiting any longer.
        headway: is told what becomes of each attempt.
        clock: seconds, monotonic.
        chance: a number from 0 to 1, another one each time.
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
        sleep: Callable[[float], bool],
        headway: Headway | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._now = now
        self._before_attempt = before_attempt
        self._throttled = throttled
        self._endpoint_url = endpoint_url
        self._sleep = sleep
        self._headway = headway or Headway(clock=clock)
        self._limits = limits
        self._clock = clock
        self._chance = chance
        self._config = Config(
            connect_timeout=wire.CONNECT_TIMEOUT,
            read_timeout=limits.attempt,
            max_pool_connections=parallelism,
            retries={"mode": "standard", "total_max_attempts": 1},  # its pauses between attempts cannot be interrupted
        )
        self._clients: dict[AccountRegion, IvschatClient] = {}
        self._credentials: Credentials | None = None
        self._caller: str | None = None
        self._caller_known = False
        self._caller_lock = Lock()
        try:
            self._session = boto3.Session(profile_name=profile)
        except boto.BotoCoreError as error:
            raise CredentialsRejected(
                f"The AWS configuration cannot be used: {error}. {answers.HOW_TO_GET_CREDENTIALS}"
            ) from error

    def endpoint(self, places: Iterable[AccountRegion]) -> str | None:
        """What calls to these accounts and regions will reach, if that is not AWS: its URL, to be shown and recorded.

        Nothing is called, and no credentials are looked for. No setting of the AWS SDK names an endpoint for one region
        alone, so the first place speaks for all.

        Raises:
            EndpointUnreachable: what is to be called has no URL.
            ChatError: the AWS configuration cannot be used.
        """
        for where in places:
            with self._translating():
                client = self._client(where, key=_NOBODY)
                client.close()
                return elsewhere(client.meta.endpoint_url)
        return None

    def connect(self, places: Iterable[AccountRegion]) -> None:
        """Get ready to call these accounts and regions.

        Raises:
            CredentialsRejected: there are no credentials.
            EndpointUnreachable: no connection to the service in one of the regions.
            CallAbandoned: the run was stopped meanwhile.
        """
        with self._translating():
            self._get_credentials()
            self._clients |= {where: self._client(where) for where in places if where not in self._clients}
            reached: set[str] = set()
            for where, client in self._clients.items():
                if client.meta.endpoint_url not in reached:
                    self._check_reachable(client.meta.endpoint_url, where.region)
                    reached.add(client.meta.endpoint_url)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Raise our errors for those of botocore while nothing is called yet."""
        try:
            yield
        except boto.BotoCoreError as error:
            raise answers.without_answer(error) from error
        except ValueError as error:  # botocore's and urllib's for what is no URL
            raise EndpointUnreachable(
                f"The endpoint URL cannot be used: {error}. Check --endpoint-url, AWS_ENDPOINT_URL and the AWS"
                " configuration."
            ) from error

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def disconnect(self, key: BanKey, reason: str | None) -> Receipt:
        """End all connections of a user in a room. Nothing happens to a user who is not connected.

        It is tried several times, with pauses, if it may succeed. However slowly answers come, it ends: see `Limits`.

        Args:
            key: the user and the room.
            reason: public: the room receives it in an `aws:DISCONNECT_USER` event. None sends none.

        Raises:
            CallAbandoned: the run was stopped before an attempt.
            ChatError: it was not done.
        """
        where = account_region_of(key.room_arn)
        request = {"roomIdentifier": key.room_arn, "userId": key.user_id}
        if reason is not None:
            request["reason"] = reason
        left, attempt = self._limits.call, 0
        with self._headway.call(where) as call:
            while True:
                self._before_attempt(where)
                call.attempt(attempt := attempt + 1)
                start = self._clock()
                try:
                    receipt = self._attempt(key, request, min(max(left, LAST_ATTEMPT), self._limits.attempt))
                except CallAbandoned:
                    raise
                except ChatError as error:
                    pause = self._pause(call, error, where, attempt, left - (self._clock() - start))
                    if pause is None:
                        raise
                    if self._sleep(pause):
                        raise CallAbandoned("The run was stopped before this call was made again.") from error
                    left -= self._clock() - start
                else:
                    call.answered()
                    return receipt

    def _attempt(self, key: BanKey, request: dict[str, str], seconds: float) -> Receipt:
        """One attempt. Raises ChatError, whose `__cause__` is botocore's error."""
        where = account_region_of(key.room_arn)
        if isinstance(self._credentials, RefreshableCredentials) and self._credentials.refresh_needed():
            self._get_credentials()
        try:
            with wire.within(seconds):
                response = self._clients[where].disconnect_user(**request)
        except Exception as error:
            raise answers.failure(error, key, lambda: self._other_account(where)) from error
        meta = response["ResponseMetadata"]
        if meta["HTTPStatusCode"] != HTTPStatus.OK or "html" in meta["HTTPHeaders"].get("content-type", ""):
            # The service answers DisconnectUser with 200 and no page: a page comes from a proxy or a login portal.
            raise answers.at(where.region, answers.not_the_service(f"HTTP {meta['HTTPStatusCode']}"))
        return Receipt(self._now(), meta.get("RequestId"))

    def _pause(self, call: Call, error: ChatError, where: AccountRegion, attempt: int, left: float) -> float | None:
        """How many seconds to wait after a failed attempt before the next; None if there is to be none.

        Raises:
            Stalled: none will succeed.
        """
        if isinstance(error, answers.OF_ONE_CALL):
            call.answered()
            return None
        cause = answers.cause_of(error.__cause__)
        fruitless = call.failed(cause)
        if cause is Cause.THROTTLED:
            self._throttled(where)
        if error.hopeless and cause is None:  # credentials
            return None
        if fruitless >= self._limits.fruitless:
            raise Stalled(
                f"No call to account {where.account} in {where.region} has succeeded for {self._limits.fruitless:g} s,"
                f" so the rest there was left alone. {error.advice.removeprefix(f'{where.region}: ')}",
                error.answer,
            ) from error
        if cause is None or attempt == ATTEMPTS or left <= 0:
            return None
        longest = min(BACK_OFF.get(cause, BACK_OFF_ELSE) * 2.0 ** (attempt - 1), BACK_OFF_MAX)
        return min(self._chance() * longest, left, self._limits.fruitless - fruitless)

    def _client(self, where: AccountRegion, *, key: str | None = None) -> "IvschatClient":
        client = self._session.client(
            "ivschat",
            region_name=where.region,
            endpoint_url=self._endpoint_url,
            config=self._config,
            aws_access_key_id=key,
            aws_secret_access_key=key,
        )
        wire.bound(client)
        return client

    def _get_credentials(self) -> None:
        """Get credentials that are good now.

        Raises:
            CredentialsRejected: there are none, or they do not come.
        """
        try:
            got = in_time(self._ask_for_credentials, self._limits.credentials, stopped=self._stopped).result()
        except TimeoutError as error:
            raise CredentialsRejected(
                f"AWS credentials have not come within {self._limits.credentials:g} s. Check what gives them: a program"
                " (credential_process), a login (SSO), a role, or the metadata service of the machine."
            ) from error
        if got is None:
            raise CredentialsRejected(f"There are no AWS credentials. {answers.HOW_TO_GET_CREDENTIALS}")
        if any(part and not part.isprintable() for part in got):
            raise CredentialsRejected(
                "The AWS credentials contain a line break or another control character. Set the variable or the"
                " secret again without it."
            )

    def _ask_for_credentials(self) -> "Iterable[str | None] | None":
        self._credentials = self._session.get_credentials()
        return None if self._credentials is None else self._credentials.get_frozen_credentials()

    def _check_reachable(self, url: str, region: str) -> None:
        """Fail within seconds and with one sentence, where retries would take half a minute to fail the same way."""
        parts = urlsplit(url)
        if not parts.hostname or get_environ_proxies(url):  # through a proxy, only the first call can tell
            return
        address = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        try:
            in_time(lambda: _try(address), self._limits.attempt, stopped=self._stopped).result()
        except OSError as error:
            reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or error
            raise EndpointUnreachable(
                f"{region}: No connection to {parts.scheme}://{address[0]}:{address[1]}: {reason}."
                " Check the network, the region in the room's ARN, and the endpoint URL."
            ) from error

    def _stopped(self) -> bool:
        return self._sleep(0)

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
                    with suppress(TimeoutError, RunError):  # it only improves a message
                        asked = in_time(lambda: self._ask_for_the_caller(where), STS_TIMEOUT)
                        self._caller = asked.result() if asked.exception() is None else None
            return self._caller

    def _ask_for_the_caller(self, where: AccountRegion) -> str | None:
        config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
        sts = self._session.client("sts", region_name=where.region, config=config)
        return sts.get_caller_identity().get("Account")


def _try(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=wire.CONNECT_TIMEOUT):
        pass
