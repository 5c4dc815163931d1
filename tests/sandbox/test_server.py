import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from reconciler.sandbox import Request, Sandbox, SandboxOptions, running

from .builders import ABSENT, FINALS, LOBBY, NOON, connect, kick, signed

JSON = {"Content-Type": "application/json"}


def ask(
    url: str, path: str = "/DisconnectUser", params: object = None, *, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer to one signed request."""
    with contextlib.closing(connect(url)) as connection:
        sent = json.dumps(kick() if params is None else params).encode() if body is None else body
        connection.request("POST", path, sent, JSON | {"Authorization": signed()})
        response = connection.getresponse()
        return response.status, response.read()


def exchange(url: str, sent: bytes) -> bytes:
    """All that comes back for some bytes on a connection of their own."""
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            return b"".join(iter(lambda: connection.recv(65536), b""))
        return b""


def test_it_listens_on_loopback_at_a_port_of_its_own(sandbox: Sandbox) -> None:
    with running() as other:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert other.url != sandbox.url


def test_anyone_may_ask_whether_it_is_there(sandbox: Sandbox) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        connection.request("GET", "/health")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"reconciler sandbox\n")
    assert sandbox.requests == ()


def test_a_call_is_answered_and_seen(sandbox: Sandbox) -> None:
    assert ask(sandbox.url, params=kick("😀")) == (200, b"{}")
    (request,) = sandbox.requests
    assert (request.operation, request.params, request.status) == ("DisconnectUser", kick("😀"), 200)
    assert sandbox.disconnected == ((LOBBY, "😀"),)


def test_requests_are_seen_in_order_of_arrival_over_one_connection(sandbox: Sandbox) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        for number in range(20):
            body = json.dumps(kick(f"u{number}")).encode()
            connection.request("POST", "/DisconnectUser", body, {"Authorization": signed()})
            assert connection.getresponse().read() == b"{}"
    assert [request.params["userId"] for request in sandbox.requests] == [f"u{number}" for number in range(20)]


def test_many_threads_at_once_lose_nothing(sandbox: Sandbox) -> None:
    def work(name: int) -> None:
        for number in range(25):
            assert ask(sandbox.url, params=kick(f"{name}-{number}"))[0] == 200

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {user for _, user in sandbox.disconnected} == {f"{n}-{i}" for n in range(8) for i in range(25)}
    assert len({request.request_id for request in sandbox.requests}) == 200


def test_over_the_quota_by_the_given_clock() -> None:
    with running(SandboxOptions(rooms=(LOBBY,), quota=3), clock=lambda: NOON) as sandbox:
        assert [ask(sandbox.url)[0] for _ in range(4)] == [200, 200, 200, 429]
        sandbox.quota = 0
        assert (ask(sandbox.url)[0], sandbox.quota) == (200, 0)


def test_a_body_of_64_kib_is_read_and_a_longer_one_refused(sandbox: Sandbox) -> None:
    params = kick(padding="x" * (65536 - len(json.dumps(kick(padding="")))))
    assert len(json.dumps(params)) == 65536
    assert ask(sandbox.url, params=params) == (200, b"{}")
    status, body = ask(sandbox.url, body=b"{" + b" " * 65536)
    assert (status, json.loads(body)) == (400, {"message": "The body is longer than 65536 bytes"})


def test_a_compressed_body_is_not_json_as_the_sdks_send_none(sandbox: Sandbox) -> None:
    with contextlib.closing(connect(sandbox.url)) as connection:
        body = gzip.compress(json.dumps(kick()).encode())
        connection.request("POST", "/DisconnectUser", body, {"Authorization": signed(), "Content-Encoding": "gzip"})
        response = connection.getresponse()
        assert (response.status, response.headers["x-amzn-ErrorType"]) == (400, "SerializationException")


def test_a_body_that_breaks_off_is_no_request(sandbox: Sandbox) -> None:
    head = (
        f"POST /DisconnectUser HTTP/1.1\r\nHost: localhost\r\nAuthorization: {signed()}\r\nContent-Length: 500\r\n\r\n"
    )
    assert exchange(sandbox.url, head.encode() + json.dumps(kick()).encode()) == b""
    assert ask(sandbox.url)[0] == 200
    assert len(sandbox.requests) == 1


def test_the_account_is_that_of_new_rooms_and_of_the_caller() -> None:
    with running(SandboxOptions(account="210987654321")) as sandbox:
        _, made = ask(sandbox.url, "/CreateRoom", {})
        assert json.loads(made)["arn"].startswith("arn:aws:ivschat:us-west-2:210987654321:room/")
        assert sandbox.rooms == (json.loads(made)["arn"],)


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"POST /DisconnectUser HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{}",
        b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /ListRooms HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    ],
)
def test_nothing_that_is_sent_brings_a_traceback(
    sandbox: Sandbox, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert b"Traceback" not in exchange(sandbox.url, sent)
    assert ask(sandbox.url)[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("kind", "carried_out"), [("cut", 0), ("cut-after", 1)])
def test_a_cut_connection_ends_without_a_word(sandbox: Sandbox, kind: str, carried_out: int) -> None:
    sandbox.fault_next(kind)  # type: ignore[arg-type]
    with pytest.raises(http.client.RemoteDisconnected):
        ask(sandbox.url)
    assert len(sandbox.disconnected) == carried_out
    assert ask(sandbox.url)[0] == 200


def test_a_timeout_never_answers_and_does_not_keep_the_sandbox_from_ending() -> None:
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        sandbox.fault_next("timeout", "timeout")
        with contextlib.closing(connect(sandbox.url, timeout=0.2)) as connection:
            connection.request("POST", "/DisconnectUser", json.dumps(kick()), {"Authorization": signed()})
            while not sandbox.requests:  # who hangs up before is not heard
                time.sleep(0.001)
            with pytest.raises(TimeoutError):
                connection.getresponse()
        waiting = connect(sandbox.url)
        waiting.request("POST", "/DisconnectUser", json.dumps(kick()), {"Authorization": signed()})
        while len(sandbox.requests) < 2:
            time.sleep(0.001)
    with contextlib.closing(waiting), pytest.raises(ConnectionError):
        waiting.getresponse()
    assert [request.error for request in sandbox.requests] == ["timeout", "timeout"]
    assert sandbox.disconnected == ()


def test_an_answer_waits_for_the_latency(sandbox: Sandbox) -> None:
    sandbox.latency = 0.05
    started = time.monotonic()
    assert ask(sandbox.url)[0] == 200
    assert time.monotonic() - started > 0.04


def test_what_may_change_meanwhile_changes(sandbox: Sandbox) -> None:
    assert ask(sandbox.url, params=kick(room=ABSENT))[0] == 404
    sandbox.add_room(ABSENT)
    assert sandbox.rooms == (LOBBY, FINALS, ABSENT)
    assert ask(sandbox.url, params=kick(room=ABSENT))[0] == 200
    sandbox.deny(ABSENT)
    assert ask(sandbox.url, params=kick(room=ABSENT))[0] == 403
    sandbox.allow(ABSENT)
    sandbox.fault("503")
    assert ask(sandbox.url, params=kick(room=ABSENT))[0] == 503
    sandbox.fault()
    assert ask(sandbox.url, params=kick(room=ABSENT))[0] == 200


def test_what_can_not_be_is_refused_meanwhile_too(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="must be an ARN"):
        sandbox.add_room("lobby")
    with pytest.raises(ValueError, match="must be an ARN"):
        sandbox.deny("lobby")
    with pytest.raises(ValueError, match="must be one of"):
        sandbox.fault("404")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be a percentage"):
        sandbox.fault("500", rate=200)
    with pytest.raises(ValueError, match="must be one of"):
        sandbox.fault_next("x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be 0 to 3600 seconds"):
        sandbox.latency = -1
    with pytest.raises(ValueError, match="must be 0"):
        sandbox.quota = -1


def test_options_deny_and_fault_from_the_start() -> None:
    with running(SandboxOptions(rooms=(LOBBY,), deny=(LOBBY,))) as sandbox:
        assert ask(sandbox.url)[0] == 403
    with running(SandboxOptions(rooms=(LOBBY,), fault_rate=100, faults=("500",))) as sandbox:
        assert ask(sandbox.url)[0] == 500


def test_each_request_is_a_line_in_the_log_before_it_is_answered(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_text("{}\n")
    with running(SandboxOptions(rooms=(LOBBY,), log=log)) as sandbox:
        ask(sandbox.url, params=kick("😀"))
        assert len(log.read_text().splitlines()) == 2
        ask(sandbox.url, params=kick(room=ABSENT))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["params"]["userId"], line["status"], line["error"]) for line in lines[1:]] == [
        ("😀", 200, None),
        ("zed", 404, "ResourceNotFoundException"),
    ]


def test_each_request_is_told_to_the_callback() -> None:
    seen: list[Request] = []
    with running(SandboxOptions(rooms=(LOBBY,)), on_request=seen.append) as sandbox:
        ask(sandbox.url)
        assert seen == list(sandbox.requests)


def test_a_callback_that_fails_costs_a_500_and_is_heard_of_at_the_end() -> None:
    def fail(request: Request) -> None:
        raise RuntimeError(request.operation)

    def use() -> int:
        with running(SandboxOptions(rooms=(LOBBY,)), on_request=fail) as sandbox:
            return ask(sandbox.url)[0]

    with pytest.raises(RuntimeError, match="DisconnectUser"):
        use()


def test_the_blocks_own_exception_is_the_one_that_is_heard() -> None:
    with pytest.raises(KeyError), running():
        raise KeyError


def test_a_port_that_is_taken_is_an_oserror(sandbox: Sandbox) -> None:
    port = urllib.parse.urlsplit(sandbox.url).port
    assert port is not None
    with pytest.raises(OSError, match="in use"), running(SandboxOptions(port=port)):
        pass


def test_a_log_that_can_not_be_written_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), running(SandboxOptions(log=tmp_path / "no" / "log")):
        pass


def test_when_the_block_ends_nothing_listens_any_more() -> None:
    before = threading.active_count()
    with running(SandboxOptions(rooms=(LOBBY,))) as sandbox:
        kept_alive = connect(sandbox.url)
        kept_alive.request("GET", "/")
        kept_alive.getresponse().read()
    assert threading.active_count() == before
    with contextlib.closing(kept_alive), pytest.raises(ConnectionRefusedError):
        ask(sandbox.url)


def test_it_listens_on_ipv6_too() -> None:
    try:
        with running(SandboxOptions(host="::1", rooms=(LOBBY,))) as sandbox:
            assert sandbox.url.startswith("http://[::1]:")
            assert ask(sandbox.url)[0] == 200
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")
