"""Amazon IVS Chat as bans need it: DisconnectUser. No other module knows boto3's `ivschat`.

Facts about the service come from its model (`ivschat` 2020-07-14), as botocore ships it.
"""

import os
import random
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.config import Config
from botocore.utils import get_environ_proxies

from reconciler.aws import answers, wire
from reconciler.aws.endpoint import elsewhere
from reconciler.aws.headway import ATTEMPTS, Call, Headway
from reconciler.aws.in_time import in_time
from reconciler.aws.sessions import NOBODY, SECONDS, Sessions
from reconciler.bans import AccountRegion, BanKey, account_region_of
from reconciler.errors import (
    CallAbandoned,
    ChatError,
    CredentialsRejected,
    EndpointUnreachable,
    ReconcilerError,
    Stalled,
)
from reconciler.plan.outcome import Cause, Receipt

if TYPE_CHECKING:
    from mypy_boto3_ivschat import IvschatClient

# Before an attempt is made again, as in botocore's `standard` retry mode: up to so many seconds, doubled each time.
BACK_OFF: Final = {Cause.THROTTLED: 1.0}
BACK_OFF_ELSE: Final = 0.05
BACK_OFF_MAX: Final = 20.0
LAST_ATTEMPT: Final = 1.0  # seconds that an attempt has even if the call has less


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
    credentials: float = SECONDS


LIMITS: Final = Limits()


class Chat:
    """Calls DisconnectUser in the region of each room; its methods may be called from several threads.

    Args:
        now: the time, aware, in UTC.
        before_attempt: called before each attempt is made, the first included; it may wait.
        throttled: called after each attempt that the service throttles.
        parallelism: how many calls run side by side in each account and region.
        sessions: who calls in which account.
        endpoint_url: what to call in place of AWS.
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
        sessions: Sessions,
        endpoint_url: str | None = None,
        sleep: Callable[[float], bool],
        headway: Headway | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._now = now
        self._before_attempt = before_attempt
        self._throttled = throttled
        self._sessions = sessions
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
        self._making_clients = Lock()

    def endpoint(self, places: Iterable[AccountRegion]) -> str | None:
        """What calls to these accounts and regions will reach, if that is not AWS: its URL, to be shown and recorded.

        Nothing is called, and no credentials are looked for. No setting of the AWS SDK names an endpoint for one region
        alone, so one place speaks for all that are called in the same way.

        Raises:
            EndpointUnreachable: what is to be called has no URL, or profiles of `accounts` name different endpoints.
            ChatError: the AWS configuration cannot be used.
        """
        found: dict[str | None, str] = {}
        for where in {self._sessions.named(where.account): where for where in places}.values():
            with self._translating():
                client = self._client(where, key=NOBODY)
                client.close()
                found.setdefault(elsewhere(client.meta.endpoint_url), where.account)
        if len(found) > 1:
            each = ", ".join(f"{endpoint or 'AWS'} (account {account})" for endpoint, account in found.items())
            raise EndpointUnreachable(
                f"The profiles of `accounts` lead to different endpoints: {each}. One run calls one: give"
                " --endpoint-url, or correct the endpoint_url of the profiles."
            )
        return next(iter(found), None)

    def connect(self, places: Iterable[AccountRegion], *, all_accounts: bool = True) -> None:
        """Get ready to call these accounts and regions.

        Args:
            places: the accounts and regions.
            all_accounts: there are to be credentials for all of the accounts; else for one of them at least, and calls
                to the others will fail.

        Raises:
            CredentialsRejected: there are no credentials. The message says so of every account.
            EndpointUnreachable: no connection to the service in one of the regions.
            CallAbandoned: the run was stopped meanwhile.
        """
        places = list(places)
        rejected: dict[str, ChatError] = {}
        accounts = {self._sessions.named(where.account) for where in places}
        for account in sorted(accounts):
            try:
                self._make_ready(account)
            except CallAbandoned:
                raise
            except ChatError as error:
                rejected[account] = error
        if rejected and (all_accounts or len(rejected) == len(accounts)):
            raise _together(list(rejected.values()))
        with self._translating():
            reached: set[str] = set()
            for where in places:
                if self._sessions.named(where.account) not in rejected:
                    url = self._client_for(where).meta.endpoint_url
                    if url not in reached:
                        self._check_reachable(url, where.region)
                        reached.add(url)

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
        self._make_ready(where.account)
        client = self._client_for(where)
        try:
            with wire.within(seconds):
                response = client.disconnect_user(**request)
        except ReconcilerError:  # the credentials were to be renewed that very moment
            raise
        except Exception as error:
            access = self._sessions.accounts.get(where.account)
            raise answers.failure(error, key, lambda: self._other_account(where), access) from error
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
        client = self._sessions.of(where.account).client(
            "ivschat",
            region_name=where.region,
            endpoint_url=self._endpoint_url,
            config=self._config,
            aws_access_key_id=key,
            aws_secret_access_key=key,
        )
        wire.bound(client)
        return client

    def _client_for(self, where: AccountRegion) -> "IvschatClient":
        """The client of an account and region, made when it is first asked for."""
        client = self._clients.get(where)
        if client is None:
            with self._making_clients:  # a session is not to be used in several threads at once
                client = self._clients.get(where) or self._client(where)
                self._clients[where] = client
        return client

    def _make_ready(self, account: str) -> None:
        """See to it that the credentials for calls in an account are good now. Raises ChatError."""
        self._sessions.ready(account, seconds=self._limits.credentials, stopped=self._stopped)

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
        # Where something stands in for the service, do not ask the real STS about it.
        if elsewhere(self._client_for(where).meta.endpoint_url) and not os.environ.get("AWS_ENDPOINT_URL_STS"):
            return None
        return self._sessions.other_account(*where)


def _together(errors: Sequence[ChatError]) -> ChatError:
    """One error that says what several do."""
    advices = dict.fromkeys(error.advice for error in errors)
    if len(advices) == 1:
        return errors[0]
    return CredentialsRejected(" ".join(dict.fromkeys(map(str, errors))))


def _try(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=wire.CONNECT_TIMEOUT):
        pass
