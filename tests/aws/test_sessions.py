"""Who calls in which account, against the sandbox: each with its own role or profile, renewed in time."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from reconciler.aws.chat import Chat, Limits
from reconciler.aws.pacing import Pace
from reconciler.aws.rooms import Means, discover
from reconciler.aws.sessions import Sessions
from reconciler.banlist.value import Access, BanList, Discovery
from reconciler.bans import BanKey, account_region_of
from reconciler.errors import ChatError, CredentialsRejected, EndpointUnreachable, RoomsUnknown, ServiceFailed
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.aws.servers import behaving, silent
from tests.aws.wire import answering, dripping
from tests.builders import NOW

pytestmark = pytest.mark.usefixtures("credentials")

ONE = "arn:aws:ivschat:us-west-2:111111111111:room/one000000000"
ONE_ABROAD = "arn:aws:ivschat:eu-west-1:111111111111:room/one000000001"
TWO = "arn:aws:ivschat:us-west-2:222222222222:room/two000000000"
THREE = "arn:aws:ivschat:us-west-2:333333333333:room/three0000000"
ROOMS = (ONE, ONE_ABROAD, TWO, THREE)

ROLES = {
    "111111111111": Access("arn:aws:iam::111111111111:role/bans"),
    "222222222222": Access("arn:aws:iam::222222222222:role/chat/moderation", external_id="esports"),
}
DENIED = "arn:aws:iam::222222222222:role/chat/moderation"
USER = "arn:aws:iam::123456789012:user/sandbox"
BY_ROLE = {
    ONE: "arn:aws:sts::111111111111:assumed-role/bans/reconciler",
    ONE_ABROAD: "arn:aws:sts::111111111111:assumed-role/bans/reconciler",
    TWO: "arn:aws:sts::222222222222:assumed-role/moderation/reconciler",
    THREE: USER,  # the list names nobody for that account
}
BEGIN = datetime(2027, 1, 15, 8, tzinfo=UTC)


class Time:
    """The time of day, for the sandbox and for credentials, and the monotonic clock."""

    def __init__(self) -> None:
        self.seconds = BEGIN.timestamp()
        self.monotonic = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def pass_(self, *, minutes: float) -> None:
        self.seconds += 60 * minutes
        self.monotonic += 60 * minutes


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def sandbox(time: Time) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=ROOMS, quota=0), clock=lambda: time.seconds) as sandbox:
        yield sandbox


def listing(
    access: Mapping[str, Access] = ROLES, *, rooms: Sequence[str] = ROOMS, discover: Sequence[Discovery] = ()
) -> BanList:
    names = {f"room{number}": arn for number, arn in enumerate(rooms)}
    return BanList(rooms=names, accounts=access, discover=tuple(discover))


@contextmanager
def calling(
    url: str | None, time: Time | None = None, access: Mapping[str, Access] = ROLES, **more: Any
) -> Iterator[Chat]:
    """A service that is called without any pause."""
    time = time or Time()
    sessions: Sessions = more.pop("sessions", None) or Sessions(
        listing(access), now=time.now, endpoint_url=url, clock=lambda: time.monotonic
    )
    options: dict[str, Any] = {"sleep": lambda _seconds: False, "limits": Limits(credentials=20), **more}
    chat = Chat(
        now=lambda: NOW, before_attempt=lambda _: None, parallelism=8, sessions=sessions, endpoint_url=url, **options
    )
    try:
        yield chat
    finally:
        chat.close()
        sessions.close()


def connect(chat: Chat, *rooms: str, all_accounts: bool = True) -> None:
    chat.connect([account_region_of(room) for room in rooms or ROOMS], all_accounts=all_accounts)


def kick(chat: Chat, *rooms: str) -> None:
    for room in rooms:
        chat.disconnect(BanKey(room, "zed"), None)


def kicks(sandbox: Sandbox) -> list[tuple[object, str]]:
    """Room and caller of each DisconnectUser."""
    return [
        (request.params["roomIdentifier"], request.caller)
        for request in sandbox.requests
        if request.operation == "DisconnectUser"
    ]


def assumed(sandbox: Sandbox) -> list[object]:
    """The roles that were asked for, in order."""
    return [request.params["RoleArn"] for request in sandbox.requests if request.operation == "AssumeRole"]


def refusal(url: str | None, *rooms: str, access: Mapping[str, Access] = ROLES, **more: Any) -> ChatError:
    with calling(url, access=access, **more) as chat, pytest.raises(ChatError) as caught:
        connect(chat, *rooms)
    return caught.value


# Roles


def test_every_call_is_signed_by_the_role_of_its_account(sandbox: Sandbox) -> None:
    with calling(sandbox.url) as chat:
        connect(chat)
        kick(chat, *ROOMS, *reversed(ROOMS))
    assert kicks(sandbox) == [(room, BY_ROLE[room]) for room in (*ROOMS, *reversed(ROOMS))]


def test_a_role_is_asked_for_as_the_list_says(sandbox: Sandbox) -> None:
    with calling(sandbox.url) as chat:
        connect(chat)
    assert [(request.operation, request.caller, request.params) for request in sandbox.requests] == [
        ("AssumeRole", USER, {"RoleArn": ROLES["111111111111"].role_arn, "RoleSessionName": "reconciler"}),
        ("AssumeRole", USER, {"RoleArn": DENIED, "RoleSessionName": "reconciler", "ExternalId": "esports"}),
    ]


def test_nothing_is_assumed_for_accounts_in_which_nothing_is_called(sandbox: Sandbox) -> None:
    with calling(sandbox.url) as chat:
        connect(chat, TWO, THREE)
        assert chat.endpoint([account_region_of(ONE)]) == sandbox.url
    assert assumed(sandbox) == [DENIED]


def test_a_role_is_assumed_once_however_many_calls_and_regions_there_are(sandbox: Sandbox) -> None:
    with calling(sandbox.url) as chat:
        connect(chat)
        connect(chat)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda room: kick(chat, room), ROOMS * 10))
    assert len(assumed(sandbox)) == 2
    assert len(sandbox.disconnected) == 40


def test_one_account_without_roles_is_called_as_ever(sandbox: Sandbox) -> None:
    with calling(sandbox.url, access={}) as chat:
        connect(chat)
        kick(chat, *ROOMS)
    assert [caller for _, caller in kicks(sandbox)] == [USER] * 4
    assert assumed(sandbox) == []


def test_sts_is_called_where_the_environment_says(
    sandbox: Sandbox, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(SandboxOptions(account="999999999999"), clock=lambda: time.seconds) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
        with calling(sandbox.url) as chat:
            connect(chat)
            with pytest.raises(CredentialsRejected, match=r"^us-west-2: The AWS credentials have expired"):
                kick(chat, ONE)  # with a key that this sandbox never gave
    assert assumed(sandbox) == []
    assert len(assumed(sts)) == 2


@pytest.mark.parametrize(("variable", "region"), [(None, "us-west-2"), ("ap-south-1", "ap-south-1")])
def test_sts_is_asked_in_the_region_of_the_configuration_or_of_the_rooms(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, variable: str | None, region: str
) -> None:
    if variable is not None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", variable)
    with calling(sandbox.url) as chat:
        connect(chat, ONE_ABROAD)
    assert [request.region for request in sandbox.requests] == [region]


# Renewal


def test_credentials_are_renewed_before_they_expire(sandbox: Sandbox, time: Time) -> None:
    with calling(sandbox.url, time) as chat:
        connect(chat, ONE, TWO)
        for minutes in (0, 40, 10, 50, 70, 1):  # they last an hour, and are renewed for the last quarter of it
            time.pass_(minutes=minutes)
            kick(chat, ONE, TWO)
    assert [caller for _, caller in kicks(sandbox)] == [BY_ROLE[ONE], BY_ROLE[TWO]] * 6
    assert assumed(sandbox) == [ROLES["111111111111"].role_arn, DENIED] * 4


def test_a_renewal_that_fails_early_changes_nothing_yet(sandbox: Sandbox, time: Time) -> None:
    with calling(sandbox.url, time) as chat:
        connect(chat, TWO)
        sandbox.deny(DENIED)
        time.pass_(minutes=46)
        kick(chat, TWO, TWO, TWO)
        assert len(assumed(sandbox)) == 2  # not once for each call
        time.pass_(minutes=1)
        sandbox.allow(DENIED)
        kick(chat, TWO)
    assert [caller for _, caller in kicks(sandbox)] == [BY_ROLE[TWO]] * 4
    assert len(assumed(sandbox)) == 3


def test_a_role_that_is_taken_away_fails_its_own_calls_and_no_others(sandbox: Sandbox, time: Time) -> None:
    with calling(sandbox.url, time) as chat:
        connect(chat, ONE, TWO)
        sandbox.deny(DENIED)
        time.pass_(minutes=55)
        for _ in range(2):
            with pytest.raises(
                CredentialsRejected, match=f"^account 222222222222: The role {DENIED} may not be assumed"
            ):
                kick(chat, TWO)
        kick(chat, ONE)
    assert kicks(sandbox) == [(ONE, BY_ROLE[ONE])]
    assert assumed(sandbox).count(DENIED) == 2


def test_a_clock_that_is_wrong_is_said(time: Time, sandbox: Sandbox) -> None:
    ahead = Time()
    ahead.pass_(minutes=120)
    with calling(sandbox.url, ahead) as chat, pytest.raises(CredentialsRejected, match="Set the clock of this machine"):
        connect(chat, ONE)


# Refusals


def test_a_denied_role_says_which_and_what_it_needs(sandbox: Sandbox) -> None:
    sandbox.deny(DENIED)
    caught = refusal(sandbox.url)
    assert caught.advice == (
        f"account 222222222222: The role {DENIED} may not be assumed by {USER}. That takes two statements, and AWS does"
        " not say which is missing. In the trust policy of the role:"
        f' {{"Effect": "Allow", "Principal": {{"AWS": "{USER}"}}, "Action": "sts:AssumeRole",'
        ' "Condition": {"StringEquals": {"sts:ExternalId": "esports"}}}'
        f' In a policy of the caller: {{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "{DENIED}"}}'
    )
    assert caught.answer.startswith(
        f"AccessDenied: User: {USER} is not authorized to perform: sts:AssumeRole on resource"
    )
    assert kicks(sandbox) == []


def test_a_caller_that_is_a_role_is_named_as_a_policy_names_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sts = boto3.client("sts", region_name="us-west-2", endpoint_url=sandbox.url)
    made = sts.assume_role(RoleArn="arn:aws:iam::444444444444:role/github/ci", RoleSessionName="run-7")["Credentials"]
    sts.close()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    sandbox.deny("arn:aws:iam::111111111111:role/bans")
    advice = refusal(sandbox.url, ONE).advice
    assert "may not be assumed by arn:aws:sts::444444444444:assumed-role/ci/run-7." in advice
    assert "In the trust policy of the role (with the path before the name, if that role has one): " in advice
    assert '"Principal": {"AWS": "arn:aws:iam::444444444444:role/ci"}, "Action": "sts:AssumeRole"}' in advice


def test_all_accounts_that_cannot_be_called_are_named_at_once(sandbox: Sandbox) -> None:
    sandbox.deny(DENIED)
    sandbox.deny("arn:aws:iam::111111111111:role/bans")
    said = str(refusal(sandbox.url))
    assert "account 111111111111: The role " in said
    assert "account 222222222222: The role " in said


def test_one_account_that_cannot_be_called_need_not_keep_others_from_it(sandbox: Sandbox) -> None:
    sandbox.deny(DENIED)
    with calling(sandbox.url) as chat:
        connect(chat, all_accounts=False)
        with pytest.raises(CredentialsRejected, match="may not be assumed"):
            kick(chat, TWO)
        kick(chat, ONE, ONE_ABROAD, THREE)
        with pytest.raises(CredentialsRejected, match="may not be assumed"):
            connect(chat, TWO, all_accounts=False)
    assert kicks(sandbox) == [(room, BY_ROLE[room]) for room in (ONE, ONE_ABROAD, THREE)]


def error_of_sts(code: str) -> bytes:
    return (
        f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>'
        "<Message>No.</Message></Error><RequestId>r1</RequestId></ErrorResponse>"
    ).encode()


WHAT = "account 111111111111: The role arn:aws:iam::111111111111:role/bans cannot be assumed: "


@pytest.mark.parametrize(
    ("status", "body", "error", "advice"),
    [
        (
            400,
            error_of_sts("ExpiredToken"),
            CredentialsRejected,
            f"{WHAT}The AWS credentials have expired. Renew them, and apply again.",
        ),
        (
            403,
            error_of_sts("InvalidClientTokenId"),
            CredentialsRejected,
            f"{WHAT}The AWS credentials are not known to AWS. Renew them, and apply again.",
        ),
        (403, error_of_sts("RegionDisabledException"), CredentialsRejected, f"{WHAT}AWS STS refuses it."),
        (503, error_of_sts("ServiceUnavailable"), ServiceFailed, f"{WHAT}AWS STS failed. Apply again later."),
        (
            403,
            error_of_sts("AccessDenied"),
            CredentialsRejected,
            "account 111111111111: The role arn:aws:iam::111111111111:role/bans may not be assumed by the AWS"
            " credentials.",
        ),
        (
            200,
            b"<html><body>Log in</body></html>",
            CredentialsRejected,
            f"{WHAT}The answer did not come from AWS STS. Check the endpoint URL and any proxy.",
        ),
        (200, b"nonsense", CredentialsRejected, f"{WHAT}The answer did not come from AWS STS."),
    ],
)
def test_whatever_sts_answers_is_told_in_our_words(
    status: int, body: bytes, error: type[ChatError], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with answering(status, "text/xml", body) as url:
        caught = refusal(url, ONE)
    assert type(caught) is error
    assert caught.advice.startswith(advice)


def test_an_sts_that_says_nothing_is_not_waited_for() -> None:
    with behaving(silent) as port:
        caught = refusal(f"http://127.0.0.1:{port}", ONE, limits=Limits(credentials=0.3))
    assert caught.advice.startswith("account 111111111111: AWS credentials have not come within 0.3 s.")


def test_an_sts_whose_answer_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.aws.sessions._RENEWAL_SECONDS", 0.3)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with dripping() as url:
        assert refusal(url, ONE).advice == f"{WHAT}No answer from the service. Apply again later."


def test_a_role_that_is_refused_as_a_call_is_signed_is_told_the_same(sandbox: Sandbox) -> None:
    class Unready(Sessions):
        def ready(self, account: str | None = None, **options: Any) -> None:
            """As if the credentials were good until a moment ago."""

    sandbox.deny(DENIED)
    with (
        calling(sandbox.url, sessions=Unready(listing(), endpoint_url=sandbox.url)) as chat,
        pytest.raises(CredentialsRejected, match=f"^account 222222222222: The role {DENIED} may not be assumed"),
    ):
        kick(chat, TWO)


def test_a_renewal_that_fails_for_a_moment_is_tried_again(sandbox: Sandbox) -> None:
    class Hiccup(Sessions):
        failures = 2

        def ready(self, account: str | None = None, **options: Any) -> None:
            if account == "222222222222" and self.failures:
                self.failures -= 1
                metadata: Any = {"HTTPStatusCode": 503}
                raise ServiceFailed("AWS STS failed.") from ClientError({"ResponseMetadata": metadata}, "AssumeRole")
            super().ready(account, **options)

    with calling(sandbox.url, sessions=Hiccup(listing(), endpoint_url=sandbox.url)) as chat:
        kick(chat, TWO)
    assert kicks(sandbox) == [(TWO, BY_ROLE[TWO])]


def test_without_credentials_no_role_is_asked_for(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refusal(sandbox.url, ONE).advice.startswith("There are no AWS credentials. Give AWS credentials as")
    assert sandbox.requests == ()


def test_a_role_without_the_permission_is_named(sandbox: Sandbox) -> None:
    sandbox.deny(TWO)
    with calling(sandbox.url) as chat:
        connect(chat, TWO)
        with pytest.raises(ChatError) as caught:
            kick(chat, TWO)
    assert caught.value.advice == (
        f"{TWO}: The role {DENIED} may not disconnect users from this room. Allow ivschat:DisconnectUser on it in the"
        " role's policy."
    )


# Profiles


@pytest.fixture
def profiles(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(
        "[profile keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = s\n"
        "[profile own]\nrole_arn = arn:aws:iam::222222222222:role/own\nsource_profile = keys\nregion = us-west-2\n"
        "[profile circle]\nrole_arn = arn:aws:iam::222222222222:role/x\nsource_profile = gone\n"
        "[profile empty]\nregion = us-west-2\n"
        "[profile elsewhere]\naws_access_key_id = a\naws_secret_access_key = s\nendpoint_url = http://127.0.0.1:9\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sandbox.url)


def with_profile(name: str) -> Mapping[str, Access]:
    return {"222222222222": Access(profile=name)}


@pytest.mark.usefixtures("profiles")
def test_a_profile_calls_in_its_account_and_in_no_other(sandbox: Sandbox) -> None:
    with calling(sandbox.url, access=with_profile("own")) as chat:
        connect(chat)
        kick(chat, ONE, TWO)
    assert kicks(sandbox) == [(ONE, USER), (TWO, "arn:aws:sts::222222222222:assumed-role/own/" + _session_of(sandbox))]


def _session_of(sandbox: Sandbox) -> str:
    (name,) = (request.params["RoleSessionName"] for request in sandbox.requests if request.operation == "AssumeRole")
    return str(name)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("profile", "advice"),
    [
        (
            "gone",
            "account 222222222222: The AWS configuration cannot be used: The config profile (gone) could not be found."
            " Add it there, or correct `accounts`.",
        ),
        ("circle", "account 222222222222: The AWS credentials cannot be used: The source_profile"),
        ("empty", "account 222222222222: There are no AWS credentials in the profile `empty`. Give"),
    ],
)
def test_a_profile_that_cannot_be_used_is_named(sandbox: Sandbox, profile: str, advice: str) -> None:
    said = refusal(sandbox.url, access=with_profile(profile)).advice
    assert said.startswith(advice), said
    assert sandbox.requests == ()


@pytest.mark.usefixtures("profiles")
def test_a_profile_whose_role_is_denied_says_what_that_needs(sandbox: Sandbox) -> None:
    sandbox.deny("arn:aws:iam::222222222222:role/own")
    said = refusal(sandbox.url, access=with_profile("own")).advice
    assert said.startswith(
        f"account 222222222222: The role arn:aws:iam::222222222222:role/own may not be assumed by {USER}."
    )


@pytest.mark.usefixtures("profiles")
def test_a_profile_of_another_account_is_recognised(sandbox: Sandbox) -> None:
    sandbox.deny(TWO)
    with calling(sandbox.url, access=with_profile("keys")) as chat:
        connect(chat, TWO)
        with pytest.raises(ChatError) as caught:
            kick(chat, TWO)
    assert caught.value.advice == (
        "us-west-2: The credentials of the profile `keys` belong to account 123456789012, and the room to account"
        " 222222222222. Correct the profile under `accounts`."
    )


@pytest.mark.usefixtures("profiles")
def test_profiles_that_lead_to_different_endpoints_are_refused() -> None:
    with calling(None, access=with_profile("elsewhere")) as chat:
        assert chat.endpoint([account_region_of(TWO)]) == "http://127.0.0.1:9"
        assert chat.endpoint([account_region_of(ONE)]) is None
        with pytest.raises(EndpointUnreachable) as caught:
            chat.endpoint(map(account_region_of, ROOMS))
    assert caught.value.advice == (
        "The profiles of `accounts` lead to different endpoints: AWS (account 333333333333), http://127.0.0.1:9"
        " (account 222222222222). One run calls one: give --endpoint-url, or correct the endpoint_url of the profiles."
    )


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(CredentialsRejected, match=r"The config profile \(moderation\) could not be found"):
        Sessions(profile="moderation")


# ListRooms


def find(url: str, *discoveries: Discovery) -> tuple[set[str], list[str]]:
    """The rooms that are found, and the warnings."""
    warned: list[str] = []
    stop = threading.Event()
    sessions = Sessions(listing(), endpoint_url=url)
    try:
        found = discover(discoveries, Means(Pace(0, sleep=stop.wait), stop, warned.append, sessions, url))
    finally:
        sessions.close()
    return set(found), warned


def test_the_rooms_of_each_account_are_found_by_its_own_role(sandbox: Sandbox) -> None:
    accounts = [Discovery("us-west-2", account) for account in ("111111111111", "222222222222")]
    assert find(sandbox.url, *accounts, Discovery("eu-west-1", "111111111111")) == ({ONE, TWO, ONE_ABROAD}, [])
    listed = {(request.region, request.caller) for request in sandbox.requests if request.operation == "ListRooms"}
    assert listed == {("us-west-2", BY_ROLE[ONE]), ("us-west-2", BY_ROLE[TWO]), ("eu-west-1", BY_ROLE[ONE])}


def test_an_account_that_is_not_named_is_read_with_the_usual_credentials(sandbox: Sandbox) -> None:
    assert find(sandbox.url, Discovery("us-west-2", "333333333333")) == ({THREE}, [])
    assert {request.caller for request in sandbox.requests} == {USER}


def test_rooms_that_a_role_cannot_be_assumed_for_are_not_known(sandbox: Sandbox) -> None:
    sandbox.deny(DENIED)
    with pytest.raises(RoomsUnknown, match=f"^ListRooms in us-west-2: account 222222222222: The role {DENIED} may not"):
        find(sandbox.url, Discovery("us-west-2", "222222222222"))
