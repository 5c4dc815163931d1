"""However badly the network, the service or the credentials behave, a call ends, and takes little memory."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from reconciler.aws.chat import Chat, Limits
from reconciler.aws.headway import ATTEMPTS
from reconciler.aws.sessions import Sessions
from reconciler.bans import AccountRegion, BanKey, account_region_of
from reconciler.errors import (
    CallAbandoned,
    ChatError,
    CredentialsRejected,
    EndpointUnreachable,
    RoomNotFound,
    ServiceFailed,
    Stalled,
    Throttled,
)
from reconciler.sandbox import FaultKind, Sandbox, SandboxOptions, running
from tests.aws.servers import (
    MEGABYTE,
    Behaviour,
    answering,
    behaving,
    dripping,
    endless,
    over_tls,
    reset,
    self_signed,
    silent,
    tunnel_to,
)
from tests.builders import FINALS, LOBBY, NOW

ZED = BanKey(LOBBY, "zed")
SHORT = Limits(attempt=0.3, call=0.8, fruitless=60, credentials=0.3)
LONG = 20.0  # seconds that even a busy machine does not take for what `SHORT` allows


def chat(url: str | None, **more: Any) -> Chat:
    defaults: dict[str, Any] = {
        "sessions": Sessions(),
        "now": lambda: NOW,
        "before_attempt": lambda _where: None,
        "parallelism": 1,
        "sleep": lambda _seconds: False,
        "limits": SHORT,
    }
    return Chat(endpoint_url=url, **{**defaults, **more})


@contextmanager
def soon() -> Iterator[None]:
    start = monotonic()
    yield
    assert monotonic() - start < LONG


def failure(url: str, **more: Any) -> ChatError:
    service = chat(url, **more)
    service.connect([account_region_of(LOBBY)])
    with soon(), pytest.raises(ChatError) as caught:
        service.disconnect(ZED, None)
    service.close()
    return caught.value


# What answers


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        reset,
        dripping(b""),
        dripping(b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: "),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"),
        dripping(b"HTTP/1.1 500 Oh\r\n\r\n"),
    ],
    ids=["silent", "reset", "status line", "headers", "body", "chunked body", "body to the end of the connection"],
)
@pytest.mark.usefixtures("credentials")
def test_an_answer_that_does_not_come_to_an_end_is_none(behaviour: Behaviour) -> None:
    with behaving(behaviour) as port:
        caught = failure(f"http://127.0.0.1:{port}")
    assert type(caught) is ServiceFailed
    assert caught.advice == "us-west-2: No answer from the service. Apply again later."


@pytest.mark.usefixtures("credentials")
def test_a_tls_handshake_that_drips_ends() -> None:
    record = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03"  # the beginning of a long ServerHello
    with behaving(dripping(record)) as port:
        caught = failure(f"https://127.0.0.1:{port}")
    assert isinstance(caught, EndpointUnreachable | ServiceFailed)


@pytest.mark.usefixtures("credentials")
def test_a_proxy_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with behaving(dripping(b"HTTP/1.1 200 Connection established\r\nVia: ")) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        caught = failure("https://chat.invalid")
    assert isinstance(caught, EndpointUnreachable | ServiceFailed)


@pytest.mark.usefixtures("credentials")
def test_all_addresses_of_a_host_together_take_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with behaving(silent) as port:
        service = chat(f"http://127.0.0.1:{port}")
        service.connect([account_region_of(LOBBY)])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 1000
        monkeypatch.setattr("socket.getaddrinfo", lambda *_arguments, **_options: found)

        def nobody(_address: object, timeout: float, **_options: object) -> socket.socket:
            threading.Event().wait(min(timeout / 2, 0.05))
            raise TimeoutError

        monkeypatch.setattr("reconciler.aws.wire.create_connection", nobody)
        with soon(), pytest.raises(EndpointUnreachable):
            service.disconnect(ZED, None)


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * MEGABYTE),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 100000000000\r\n\r\n", b"x" * MEGABYTE),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
    ids=["body", "body of a known length", "chunks"],
)
@pytest.mark.usefixtures("credentials")
def test_what_is_longer_than_an_answer_can_be_is_not_read(beginning: bytes, more: bytes) -> None:
    sent: list[int] = []
    with behaving(endless(beginning, more, sent)) as port:
        caught = failure(f"http://127.0.0.1:{port}", limits=Limits())
    assert type(caught) is ServiceFailed
    assert "did not come from Amazon IVS Chat" in str(caught)
    assert len(sent) == 1  # not tried again
    assert sent[0] < 64 * MEGABYTE  # what the buffers of two sockets take


@pytest.mark.parametrize(
    ("beginning", "more"),
    [(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 1000), (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)],
    ids=["headers", "100 Continue"],
)
@pytest.mark.usefixtures("credentials")
def test_what_never_gets_to_its_body_is_no_answer(beginning: bytes, more: bytes) -> None:
    """Python has enough after a hundred headers, and in newer versions of `100 Continue`; before those we have."""
    sent: list[int] = []
    with behaving(endless(beginning, more, sent)) as port:
        caught = failure(f"http://127.0.0.1:{port}", limits=Limits())
    assert isinstance(caught, ServiceFailed)
    assert max(sent) < 64 * MEGABYTE


@pytest.mark.usefixtures("credentials")
def test_tls_through_a_proxy_works_as_ever_and_its_answers_are_bounded_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path, "chat.invalid")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    with behaving(over_tls(answering, certificate)) as good, behaving(over_tls(drip, certificate)) as bad:
        with behaving(tunnel_to(good)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
            service = chat("https://chat.invalid", limits=Limits())
            service.connect([account_region_of(LOBBY)])
            receipts = [service.disconnect(ZED, None) for _ in range(3)]
            service.close()
        assert [receipt.request_id for receipt in receipts] == ["r1"] * 3
        with behaving(tunnel_to(bad)) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
            caught = failure("https://chat.invalid", limits=Limits(attempt=1, call=1))
    assert caught.advice == "us-west-2: No answer from the service. Apply again later."


# How long it goes on


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.stopped = False

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.now += seconds
        return self.stopped


@pytest.fixture
def sandbox(credentials: None) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0)) as sandbox:
        yield sandbox


def timed(sandbox: Sandbox, clock: Clock, **more: Any) -> Chat:
    """A service with a clock of its own, whose pauses are the longest possible."""
    service = chat(
        sandbox.url, **{"limits": Limits(), "sleep": clock.sleep, "clock": clock, "chance": lambda: 1.0, **more}
    )
    service.connect([account_region_of(LOBBY), account_region_of(FINALS)])
    clock.slept.clear()
    return service


def test_pauses_grow_and_a_minute_without_success_is_the_end(sandbox: Sandbox) -> None:
    sandbox.fault("429")
    clock = Clock()
    service = timed(sandbox, clock)
    with pytest.raises(Stalled) as caught:
        service.disconnect(ZED, None)
    assert clock.slept == [1, 2, 4, 8, 16, 20, 9]
    assert caught.value.hopeless
    assert caught.value.advice == (
        "No call to account 123456789012 in us-west-2 has succeeded for 60 s, so the rest there was left alone. Still"
        " over the quota after several attempts. Apply again with a lower --rate, and find out what else uses the quota"
        " of account 123456789012 in us-west-2."
    )
    sandbox.fault()
    service.disconnect(BanKey(FINALS, "zed"), None)  # another region has its own minute


def test_the_minute_begins_anew_with_each_success(sandbox: Sandbox) -> None:
    clock = Clock()
    service = timed(sandbox, clock)
    for _ in range(5):
        sandbox.fault_next("429", "429", "429", "429", "429")  # 31 s of pauses
        service.disconnect(ZED, None)
    assert clock.now == 5 * 31


def test_a_failed_call_does_not_begin_the_minute_anew(sandbox: Sandbox) -> None:
    sandbox.fault("500")
    clock = Clock()
    service = timed(sandbox, clock)
    errors = []
    for _ in range(11):
        with pytest.raises(ChatError) as caught:
            service.disconnect(ZED, None)
        errors.append(type(caught.value))
    assert errors == [ServiceFailed] * 9 + [Stalled] * 2  # 6.35 s of pauses each


def test_what_the_service_says_of_single_bans_is_no_reason_to_give_up(sandbox: Sandbox) -> None:
    clock = Clock()
    service = timed(sandbox, clock)
    for _ in range(10):
        with pytest.raises(RoomNotFound):
            service.disconnect(BanKey(LOBBY + "x", "zed"), None)
        clock.now += 30


@pytest.mark.usefixtures("credentials")
def test_a_page_in_place_of_each_answer_is_a_reason_to_give_up() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
    clock = Clock()

    def portal(connection: socket.socket) -> None:
        connection.recv(MEGABYTE)
        connection.sendall(page)

    with behaving(portal) as port:
        service = chat(f"http://127.0.0.1:{port}", clock=clock)
        service.connect([account_region_of(LOBBY)])
        errors = []
        for _ in range(3):
            with pytest.raises(ChatError) as caught:
                service.disconnect(ZED, None)
            errors.append(type(caught.value))
            clock.now += 30
    assert errors == [ServiceFailed, ServiceFailed, Stalled]


def test_the_attempts_of_a_call_end_with_its_time(sandbox: Sandbox) -> None:
    sandbox.fault("429")
    clock = Clock()
    with pytest.raises(Throttled):
        timed(sandbox, clock, limits=Limits(call=5)).disconnect(ZED, None)
    assert clock.slept == [1, 2, 2]
    assert len(sandbox.requests) == 3 + 1


def test_waiting_for_the_pace_is_not_the_call_s_time(sandbox: Sandbox) -> None:
    sandbox.fault_next("500", "500", "500")
    clock = Clock()

    def wait(_where: AccountRegion) -> None:
        clock.now += 100

    service = timed(sandbox, clock, before_attempt=wait, limits=Limits(fruitless=1000))
    service.disconnect(ZED, None)
    assert len(sandbox.requests) == 4


@pytest.mark.parametrize("fault", ["429", "500", "cut"])
def test_once_the_run_is_stopped_no_call_is_made_again(sandbox: Sandbox, fault: FaultKind) -> None:
    sandbox.fault(fault)
    clock = Clock()
    service = timed(sandbox, clock)
    clock.stopped = True
    with pytest.raises(CallAbandoned):
        service.disconnect(ZED, None)
    assert len(sandbox.requests) == 1


def test_no_call_is_made_more_often_than_said(sandbox: Sandbox) -> None:
    sandbox.fault("500")
    with pytest.raises(ServiceFailed):
        timed(sandbox, Clock()).disconnect(ZED, None)
    assert len(sandbox.requests) == ATTEMPTS


# Credentials


def provider(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a program give the credentials."""
    (folder / "credentials").write_text(f"cd {folder}\n{script}")
    (folder / "config").write_text(f"[default]\ncredential_process = sh {folder}/credentials\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))


NOT_COME = (
    "AWS credentials have not come within 0.3 s. Check what gives them: a program (credential_process), a login (SSO),"
    " a role, or the metadata service of the machine."
)


def test_credentials_that_do_not_come_are_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider(tmp_path, monkeypatch, "exec sleep 5")
    with behaving(silent) as port, soon(), pytest.raises(CredentialsRejected) as caught:
        chat(f"http://127.0.0.1:{port}").connect([account_region_of(LOBBY)])
    assert caught.value.advice == NOT_COME


def test_a_run_that_is_stopped_does_not_wait_for_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider(tmp_path, monkeypatch, "exec sleep 5")
    service = chat("http://127.0.0.1:9", sleep=lambda _seconds: True, limits=Limits())
    with soon(), pytest.raises(CallAbandoned):
        service.connect([account_region_of(LOBBY)])


def test_credentials_that_are_not_renewed_end_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expiry = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    once = (
        f'{{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "{expiry}"}}'
    )
    provider(tmp_path, monkeypatch, f"mkdir one 2>/dev/null || mkdir two 2>/dev/null || exec sleep 5\necho '{once}'")
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        service = chat(sandbox.url, limits=Limits(credentials=3))
        service.connect([account_region_of(LOBBY)])
        with soon(), pytest.raises(CredentialsRejected, match="have not come within 3 s"):
            service.disconnect(ZED, None)
    assert sandbox.requests == ()
