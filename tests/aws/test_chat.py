"""DisconnectUser over the wire, against the sandbox: what is sent, and what every failure turns into."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.aws.chat import Chat
from reconciler.aws.sessions import Sessions
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
from reconciler.sandbox import FaultKind, Sandbox, SandboxOptions, running
from tests.builders import FINALS, LOBBY, NOW

ZED = BanKey(LOBBY, "zed")


@pytest.fixture
def sandbox(credentials: None) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0)) as sandbox:
        yield sandbox


def chat(url: str | None = None, **more: Any) -> Chat:
    """A service that is called without any pause, and whose run goes on."""
    defaults: dict[str, Any] = {
        "sessions": Sessions(),
        "now": lambda: NOW,
        "before_attempt": lambda _where: None,
        "parallelism": 2,
        "endpoint_url": url,
        "sleep": lambda _seconds: False,
    }
    return Chat(**{**defaults, **more})


def connected(sandbox: Sandbox, attempts: list[AccountRegion] | None = None) -> Chat:
    log = attempts if attempts is not None else []
    connected = chat(sandbox.url, before_attempt=log.append)
    connected.connect([account_region_of(LOBBY), account_region_of(FINALS)])
    return connected


def failure(sandbox: Sandbox, key: BanKey = ZED) -> ChatError:
    with pytest.raises(ChatError) as caught:
        connected(sandbox).disconnect(key, None)
    return caught.value


def test_the_call_has_exactly_the_three_parameters_and_goes_to_the_region_of_the_room(sandbox: Sandbox) -> None:
    receipt = connected(sandbox).disconnect(BanKey(FINALS, "ABC123def456"), "Violated terms of service")
    [request] = sandbox.requests
    assert (request.operation, request.region) == ("DisconnectUser", "eu-west-1")
    assert request.params == {"roomIdentifier": FINALS, "userId": "ABC123def456", "reason": "Violated terms of service"}
    assert (receipt.disconnected_at, receipt.request_id) == (NOW, request.request_id)


def test_without_a_reason_none_is_sent(sandbox: Sandbox) -> None:
    connected(sandbox).disconnect(ZED, None)
    assert sandbox.requests[0].params == {"roomIdentifier": LOBBY, "userId": "zed"}


@pytest.mark.parametrize(
    "user_id", ["00123", "1e5", "0x1F", "no", "2026-01-01", "~", "😀" * 128, "a 'b' \"c\" /d\\e\n"]
)
def test_any_user_id_arrives_as_it_is(sandbox: Sandbox, user_id: str) -> None:
    connected(sandbox).disconnect(BanKey(LOBBY, user_id), user_id)
    assert sandbox.disconnected == ((LOBBY, user_id),)


@pytest.mark.parametrize(
    ("fault", "error", "advice"),
    [
        ("denied", AccessDenied, f"{LOBBY}: The AWS credentials may not disconnect users from this room."),
        ("pending", VerificationPending, "us-west-2: AWS has not finished verifying account 123456789012"),
        ("expired", CredentialsRejected, "The AWS credentials have expired."),
        ("bad-credentials", CredentialsRejected, "The AWS credentials are not known to AWS."),
        ("429", Throttled, "lower --rate"),
        ("500", ServiceFailed, "The service failed"),
        ("503", ServiceFailed, "The service failed"),
        ("cut", ServiceFailed, "us-west-2: No answer from the service"),
    ],
)
def test_each_failure_has_its_own_error_that_says_what_to_do(
    sandbox: Sandbox, fault: FaultKind, error: type[ChatError], advice: str
) -> None:
    sandbox.fault(fault)
    caught = failure(sandbox)
    assert type(caught) is error
    assert advice in caught.advice
    if fault != "cut":
        assert f"request ID {sandbox.requests[-1].request_id}" in caught.answer


def test_a_room_that_is_not_there_is_named(sandbox: Sandbox) -> None:
    gone = LOBBY.replace("lobby", "gone")
    caught = failure(sandbox, BanKey(gone, "zed"))
    assert isinstance(caught, RoomNotFound)
    assert caught.advice.startswith(f"{gone}: There is no such room.")


def test_what_the_service_does_not_accept_is_reported_field_by_field(sandbox: Sandbox) -> None:
    caught = failure(sandbox, BanKey(LOBBY, "x" * 129))
    assert isinstance(caught, RequestInvalid)
    assert "userId" in caught.answer


@pytest.mark.parametrize("fault", ["denied", "pending", "expired", "bad-credentials"])
def test_what_will_not_change_is_tried_once(sandbox: Sandbox, fault: FaultKind) -> None:
    sandbox.fault(fault)
    failure(sandbox)
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize("fault", ["500", "503", "429", "cut"])
def test_what_may_pass_is_tried_again_and_every_attempt_is_paced(sandbox: Sandbox, fault: FaultKind) -> None:
    sandbox.fault_next(fault, fault)
    attempts: list[AccountRegion] = []
    connected(sandbox, attempts).disconnect(ZED, None)
    assert len(sandbox.requests) == 3
    assert attempts == [account_region_of(LOBBY)] * 3
    assert sandbox.disconnected == ((LOBBY, "zed"),)


def test_every_throttled_attempt_is_told(sandbox: Sandbox) -> None:
    sandbox.fault_next("429", "500", "429")
    told: list[AccountRegion] = []
    service = chat(sandbox.url, throttled=told.append)
    service.connect([account_region_of(LOBBY)])
    service.disconnect(ZED, None)
    assert told == [account_region_of(LOBBY)] * 2


def test_a_run_that_is_to_stop_abandons_the_call_before_it_leaves(sandbox: Sandbox) -> None:
    def stop(_endpoint: AccountRegion) -> None:
        raise CallAbandoned("stopped")

    service = chat(sandbox.url, before_attempt=stop)
    service.connect([account_region_of(LOBBY)])
    with pytest.raises(CallAbandoned):
        service.disconnect(ZED, None)
    assert sandbox.requests == ()


def test_without_credentials_nothing_is_called() -> None:
    service = chat("http://127.0.0.1:9")
    with pytest.raises(CredentialsRejected, match="There are no AWS credentials"):
        service.connect([account_region_of(LOBBY)])


def test_half_credentials_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    service = chat("http://127.0.0.1:9")
    with pytest.raises(CredentialsRejected, match="AWS_SECRET_ACCESS_KEY"):
        service.connect([account_region_of(LOBBY)])


def test_an_unknown_profile_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsRejected, match="moderation"):
        Sessions(profile="moderation")


@pytest.mark.usefixtures("credentials")
def test_an_endpoint_that_cannot_be_reached_is_reported_before_the_first_call() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        service = chat(url)
        with pytest.raises(EndpointUnreachable, match=f"No connection to {url}: Connection refused"):
            service.connect([account_region_of(LOBBY)])


@pytest.mark.usefixtures("credentials")
def test_what_is_no_url_is_said() -> None:
    service = chat("no url")
    with pytest.raises(EndpointUnreachable, match="Check --endpoint-url"):
        service.connect([account_region_of(LOBBY)])


@pytest.mark.parametrize("options", [{"rooms": (LOBBY,), "deny": (LOBBY,)}, {}])
@pytest.mark.usefixtures("credentials")
def test_credentials_of_another_account_are_recognised(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, tuple[str, ...]]
) -> None:
    with running(SandboxOptions(account="999999999999", **options)) as sandbox:  # type: ignore[arg-type]
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sandbox.url)
        caught = failure(sandbox)
    assert isinstance(caught, AccessDenied if options else RoomNotFound)
    assert caught.advice.startswith(
        "us-west-2: The AWS credentials belong to account 999999999999, and the room to account 123456789012."
    )


def test_the_endpoint_url_of_the_environment_works(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
    service = chat()
    service.connect([account_region_of(LOBBY)])
    service.disconnect(ZED, None)
    assert len(sandbox.disconnected) == 1


class _Stranger(BaseHTTPRequestHandler):
    """Answers every call with what the test says: a proxy, a page to log in, a service gone mad."""

    status, kind, body = 200, "text/html", b"<html>"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<html>Please log in</html>"),
        (204, "application/json", b""),
        (400, "application/json", b"[1, 2]"),
        (400, "application/json", b"null"),
        (400, "application/json", b'"x"'),
        (400, "application/json", b"\xff\xfe"),
        (400, "application/json", b"[" * 200_000),
        (400, "application/json", b'{"__type": ["x"]}'),
        (400, "application/json", b'{"__type": "ValidationException", "fieldList": "x"}'),
        (400, "application/json", b'{"__type": "ValidationException", "fieldList": ["x"]}'),
        (403, "text/plain", b"x" * 1_000_000),
    ],
)
@pytest.mark.usefixtures("credentials")
def test_an_answer_that_is_none_of_the_service_s_is_one_failed_ban(status: int, kind: str, body: bytes) -> None:
    stranger = type("Stranger", (_Stranger,), {"status": status, "kind": kind, "body": body})
    with HTTPServer(("127.0.0.1", 0), stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        service = chat(url)
        service.connect([account_region_of(LOBBY)])
        with pytest.raises(ChatError) as caught:
            service.disconnect(ZED, None)
        service.close()
        server.shutdown()
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_credentials_with_a_line_break_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, credentials: None, variable: str
) -> None:
    monkeypatch.setenv(variable, "SECRET\n")
    service = chat("http://127.0.0.1:9")
    with pytest.raises(CredentialsRejected, match="contain a line break") as caught:
        service.connect([account_region_of(LOBBY)])
    assert "SECRET" not in str(caught.value)


@pytest.mark.usefixtures("credentials")
def test_an_identity_service_that_talks_nonsense_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = type("Stranger", (_Stranger,), {"status": 200, "kind": "application/json", "body": b"{}"})
    with (
        running(SandboxOptions(rooms=(LOBBY,), deny=(LOBBY,))) as sandbox,
        HTTPServer(("127.0.0.1", 0), stranger) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
        caught = failure(sandbox)
        server.shutdown()
    assert isinstance(caught, AccessDenied)
    assert "Allow ivschat:DisconnectUser" in caught.advice
