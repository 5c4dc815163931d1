"""Who calls in which AWS account: a session for each, whose credentials are good when a call is made.

A role is assumed with the usual credentials: once for each account, and again before what that gave expires. The
credentials are botocore's own for that (`DeferredRefreshableCredentials`; it assumes the roles of profiles the same
way): they are renewed from 15 minutes before they expire, and have to be for the last 10. They last an hour, which is
the most that a role gives by itself, and when one role assumes another (AWS STS API reference, "AssumeRole").
"""

import os
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime
from functools import partial
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import exceptions as boto
from botocore import session as botocore_session
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
    RefreshableCredentials,
    create_assume_role_refresher,
)

from reconciler.aws import answers, clients, wire
from reconciler.aws.endpoint import elsewhere, is_host_of_aws
from reconciler.aws.in_time import in_time
from reconciler.aws.rejections import rejected
from reconciler.banlist.value import Access, BanList
from reconciler.bans import account_region_of
from reconciler.errors import ChatError, CredentialsRejected, ReconcilerError, RunError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

SESSION_NAME: Final = "reconciler"  # by which CloudTrail tells the calls of this program
SECONDS: Final = 60.0  # for credentials to come, from a program or a service
CALLER_SECONDS: Final = 6.0  # for an answer that only improves a message
_ATTEMPTS: Final = 3  # of an AssumeRole, the first included
_RENEWAL_SECONDS: Final = 15.0  # for all of them together, without the pauses between
_AGAIN: Final = 1.0  # seconds between an AssumeRole that failed and the next: thousands of calls may want it meanwhile
_REGION: Final = "us-east-1"  # where AWS STS is asked if nothing names a region

USUAL: Final = ""
"""Stands for the accounts that the list does not name, in which the usual credentials call."""

# A client that calls nothing has this as its key. Without one, the SDK looks for credentials, however long that takes.
NOBODY: Final = "nobody"


class Sessions:
    """The sessions of a run. Its methods may be called from several threads.

    Args:
        ban_list: names the accounts, and the roles or profiles that call there; None names none.
        now: the time, aware, which says when the credentials of roles are to be renewed; None leaves it to botocore.
        profile: the profile of the AWS configuration that the usual credentials come from.
        endpoint_url: what to call in place of Amazon IVS Chat.
        clock: seconds, monotonic.

    Raises:
        CredentialsRejected: there is no such profile.
    """

    def __init__(
        self,
        ban_list: BanList | None = None,
        *,
        now: Callable[[], datetime] | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        ban_list = ban_list or BanList()
        self.accounts: Mapping[str, Access] = ban_list.accounts
        regions = [*map(_region, ban_list.rooms.values()), *(found.region for found in ban_list.discover)]
        self._near = next(iter(regions), _REGION)
        self._now = now
        self._profile = profile
        self._endpoint_url = endpoint_url
        self._clock = clock
        self._lock = Lock()
        self._making_sts = Lock()
        self._sessions = {USUAL: _session(profile)}
        self._sts: STSClient | None = None
        self._credentials: dict[str, Credentials] = {}
        self._callers: dict[str, str | None] = {}

    def named(self, account: str | None) -> str:
        """The account, if the list says who calls there; else USUAL."""
        return account if account is not None and account in self.accounts else USUAL

    def of(self, account: str | None = None) -> boto3.Session:
        """The session for calls in an account; None is for what belongs to no account of the list.

        Nothing is called, and no credentials are looked for. A session is not to be used in several threads at once,
        and its clients may be (boto3 guide, "Multithreading").

        Raises:
            CredentialsRejected: there is no profile of the name that the list gives.
        """
        named = self.named(account)
        with self._lock:
            if named not in self._sessions:
                access = self.accounts[named]
                self._sessions[named] = (
                    _session(access.profile, named) if access.role_arn is None else self._of_role(named, access)
                )
            return self._sessions[named]

    def ready(
        self, account: str | None = None, *, seconds: float = SECONDS, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """See that the credentials for calls in an account are good now. That is quick unless they are to be renewed.

        Args:
            account: the account.
            seconds: how long it may take.
            stopped: whether the run is to stop.

        Raises:
            ChatError: there are none, they do not come, or the role may not be assumed. The message says what to do;
                the cause is botocore's error, if there was one.
            CallAbandoned: the run was stopped meanwhile.
        """
        named = self.named(account)
        known = self._credentials.get(named)
        if known is not None and not (isinstance(known, RefreshableCredentials) and known.refresh_needed()):
            return
        try:
            in_time(lambda: self._ask(named), seconds, stopped=stopped).result()
        except TimeoutError as error:
            raise self._at(
                named,
                CredentialsRejected(
                    f"AWS credentials have not come within {seconds:g} s. Check what gives them: a program"
                    " (credential_process), a login (SSO), a role, or the metadata service of the machine."
                ),
            ) from error
        except ReconcilerError:
            raise
        except Exception as error:
            raise self._at(named, rejected(error, self.accounts.get(named))) from error

    def _ask(self, named: str) -> None:
        """Get credentials. Raises whatever botocore does, and CredentialsRejected."""
        access = self.accounts.get(named)
        if access is not None and access.role_arn is not None:
            self._ask(USUAL)  # with which the role is assumed
        credentials = self.of(named).get_credentials()
        got = None if credentials is None else credentials.get_frozen_credentials()
        if credentials is None or got is None:
            whose = f" in the profile `{access.profile}`" if access is not None else ""
            advice = CredentialsRejected(f"There are no AWS credentials{whose}. {answers.HOW_TO_GET_CREDENTIALS}")
            raise self._at(named, advice)
        if any(part and not part.isprintable() for part in got):
            raise self._at(
                named,
                CredentialsRejected(
                    "The AWS credentials contain a line break or another control character. Set the variable or the"
                    " secret again without it."
                ),
            )
        self._credentials[named] = credentials

    def _at(self, named: str, error: ChatError) -> ChatError:
        """An error that says first in which account, if the list names it."""
        return error if named == USUAL else answers.at(f"account {named}", error)

    def _of_role(self, account: str, access: Access) -> boto3.Session:
        """A session with the settings of the usual one, and the credentials of a role. Called with the lock held."""
        request = {"RoleArn": access.role_arn, "RoleSessionName": SESSION_NAME}
        if access.external_id is not None:
            request["ExternalId"] = access.external_id
        role = _Role(
            self._usual_sts, request, lambda error: self._at(account, rejected(error, access)), clock=self._clock
        )
        clock = {} if self._now is None else {"time_fetcher": self._now}
        credentials = DeferredRefreshableCredentials(role.renew, _Given.METHOD, **clock)
        session = botocore_session.Session(profile=self._profile)
        session.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
        return boto3.Session(botocore_session=session)

    def _usual_sts(self) -> "STSClient":
        """A client of AWS STS that calls with the usual credentials. It looks for them, however long that takes.

        What stands in for Amazon IVS Chat does so for STS too, unless a setting says where that is.

        Raises:
            BotoCoreError: the AWS configuration cannot be used.
            ValueError: what is to be called has no URL.
        """
        with self._making_sts:
            self._sts = self._sts or self._new_sts(self._sessions[USUAL])
            return self._sts

    def _new_sts(self, session: boto3.Session) -> "STSClient":
        region = session.region_name or self._near
        make = partial(session.client, "sts", region_name=region, config=clients.config(attempts=_ATTEMPTS))
        sts: STSClient = make()
        if is_host_of_aws(sts.meta.endpoint_url) and not os.environ.get("AWS_ENDPOINT_URL_STS"):
            chat = session.client(
                "ivschat",
                region_name=region,
                endpoint_url=self._endpoint_url,
                aws_access_key_id=NOBODY,
                aws_secret_access_key=NOBODY,
            )
            chat.close()
            if elsewhere(chat.meta.endpoint_url) is not None:
                sts.close()
                sts = make(endpoint_url=chat.meta.endpoint_url)
        wire.bound(sts)
        return sts

    def close(self) -> None:
        """Close the connections. The sessions can be used on."""
        if self._sts is not None:
            self._sts.close()

    def other_account(self, account: str, region: str) -> str | None:
        """What to say when the credentials for calls in an account belong to another one; None if they do not.

        AWS STS is asked, once for each session (GetCallerIdentity needs no permission).
        """
        named = self.named(account)
        access = self.accounts.get(named)
        if access is not None and access.role_arn is not None:
            return None  # a list with a role of another account is not valid
        session = self.of(named)
        with self._lock:
            if named not in self._callers:
                self._callers[named] = None
                with suppress(TimeoutError, RunError):  # it only improves a message
                    asked = in_time(lambda: _caller_of(session, region), CALLER_SECONDS)
                    self._callers[named] = asked.result() if asked.exception() is None else None
            caller = self._callers[named]
        if caller is None or caller == account:
            return None
        if access is not None:
            return (
                f"The credentials of the profile `{access.profile}` belong to account {caller}, and the room to account"
                f" {account}. Correct the profile under `accounts`."
            )
        return (
            f"The AWS credentials belong to account {caller}, and the room to account {account}."
            " Use credentials of the room's account, or name a role of it under `accounts`."
        )


class _Role:
    """A role, to be assumed again and again. botocore lets one thread do so at a time.

    Args:
        sts: gives the client that asks for it, whose own credentials botocore renews.
        request: the parameters of AssumeRole.
        failure: our error for what was raised.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        sts: Callable[[], "STSClient"],
        request: Mapping[str, Any],
        failure: Callable[[Exception], ChatError],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._sts = sts
        self._request = request
        self._failure = failure
        self._clock = clock
        self._failed: tuple[float, ChatError, Exception] | None = None

    def renew(self) -> dict[str, Any]:
        """New credentials. Raises ChatError."""
        if self._failed is not None and self._clock() < self._failed[0]:
            _, failed, cause = self._failed
            raise type(failed)(failed.advice, failed.answer) from cause
        try:
            with wire.within(_RENEWAL_SECONDS):
                renewed: dict[str, Any] = create_assume_role_refresher(self._sts(), self._request)()
        except Exception as error:
            failure = self._failure(error)
            self._failed = self._clock() + _AGAIN, failure, error
            raise failure from error
        self._failed = None
        return renewed


class _Given(CredentialProvider):
    """Lets a session have certain credentials."""

    METHOD = "assume-role"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        """See `CredentialProvider.load`."""
        return self._credentials


def _session(profile: str | None, account: str = USUAL) -> boto3.Session:
    try:
        return boto3.Session(profile_name=profile)
    except boto.BotoCoreError as error:
        where = f"account {account}: " if account else ""
        advice = "Add it there, or correct `accounts`." if account else answers.HOW_TO_GET_CREDENTIALS
        raise CredentialsRejected(f"{where}The AWS configuration cannot be used: {error}. {advice}") from error


def _region(room_arn: str) -> str:
    return account_region_of(room_arn).region


def _caller_of(session: boto3.Session, region: str) -> str | None:
    """The account of a session's credentials."""
    config = clients.config(attempts=1, read_timeout=3.0)
    with closing(session.client("sts", region_name=region, config=config)) as sts:
        return sts.get_caller_identity().get("Account")
