"""What never answers, never ends, or is a million long: no call takes longer than it may, and nothing piles up."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler import gate as gate_module
from reconciler.gate import DenylistUnavailable, Gate

from . import node
from .builders import LOBBY, Clock, admitted, checked, eventually, publish, within

Serve = Callable[[socket.socket], None]


def is_silent(connection: socket.socket) -> None:
    """Take everything, and say nothing."""
    while connection.recv(65536):
        pass


def drips(connection: socket.socket) -> None:
    """A byte at a time, for ever, each before anybody gives up."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nx-amz-drip: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.05)


def drips_content(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: a\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


def never_ends(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: a\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n%b\r\n" % (b" " * 65536))


def is_vast(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\nETag: a\r\n\r\n")
    while True:
        connection.sendall(b" " * 65536)


def is_cut_short(connection: socket.socket) -> None:
    """A whole document, of which there should have been more."""
    connection.recv(65536)
    document = b'{"format_version": 1, "count": 0, "bans": {}, "provisional": {}}'
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: a\r\n\r\n" + document)
    connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def served(serve: Serve) -> Iterator[str]:
    """The URL of a server on loopback that treats every connection like that."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                threading.Thread(target=one, args=[connection], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            server.shutdown(socket.SHUT_RDWR)


def turn_to(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")


S3, DYNAMODB = "s3://bucket/bans.json", "dynamodb://us-west-2/bans"
# The SDK for Python reads whatever DynamoDB answers to its end; so there is no test of an endless answer.
BAD = [
    *((S3, serve) for serve in (is_silent, drips, drips_content, never_ends, is_vast, is_cut_short)),
    *((DYNAMODB, serve) for serve in (is_silent, drips, drips_content, is_cut_short)),
]


@pytest.mark.parametrize(("place", "serve"), BAD)
def test_no_call_takes_longer_than_it_may(
    serve: Serve, place: str, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    eventually(lambda: threads() == 0)
    with served(serve) as url:
        turn_to(monkeypatch, url)
        gate = Gate(place, timeout=0.5)
        for _ in range(3):
            with within(0.5):
                assert checked(gate, "zed") == "unavailable"
            with within(0.5):
                assert admitted(gate, "zed") == "unavailable"
        assert threads() <= 12


@pytest.mark.parametrize("serve", [is_silent, drips])
def test_a_token_record_that_cannot_be_written_lets_nobody_in(
    serve: Serve, tmp_path: Path, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(serve) as url:
        turn_to(monkeypatch, url)
        file = publish(tmp_path / "bans.json")
        gate = Gate(file, token_records="dynamodb://us-west-2/tokens", timeout=0.5)
        with within(0.5):
            assert admitted(gate, "zed") == "unavailable"
        eventually(lambda: checked(gate, "zed") == "free")


@node.needs_sdk
@pytest.mark.parametrize(("place", "serve"), BAD)
def test_no_call_takes_longer_than_it_may_in_node(
    serve: Serve, place: str, tmp_path: Path, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node.NODE is not None
    with served(serve) as url:
        turn_to(monkeypatch, url)
        with node.talking(node.NODE, node.ASK, gate, place, '{"timeout": 0.5}') as conversation:
            for word in ("check", "admit", "check", "admit"):
                conversation.send(word, "zed", LOBBY)
                answer = conversation.receive()
                assert answer["said"] == "unavailable"
                assert answer["seconds"] < 8


def threads() -> int:
    return sum(thread.name == "reconciler gate" for thread in threading.enumerate())


class Hanging:
    """Something to ask, which hangs until it is let go; and then says how often it had been asked by then."""

    def __init__(self) -> None:
        self.asked = 0
        self.hangs = True
        self.go = threading.Event()

    def __call__(self, _key: object, _last: object) -> int:
        self.asked += 1
        asked = self.asked
        if self.hangs:
            assert self.go.wait(60)
        return asked


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    eventually(lambda: threads() == 0)
    hanging = Hanging()
    yield hanging
    hanging.go.set()
    eventually(lambda: threads() == 0)


def answers(ask: Any, at_once: int = 1, kept: int = 1, max_age: float = 10) -> Any:
    return gate_module._Answers("there", ask, gate_module._Limits(max_age, 3600, 0.1, None), at_once, kept)  # type: ignore[arg-type]


def get(asked: Any, key: str = "", seconds: float = 0.05, allowed: float = 10, *, strict: bool = False) -> Any:
    return asked.get(key, gate_module._now(), allowed, time.monotonic() + seconds, strict=strict)


def test_what_hangs_blocks_nothing_for_ever_and_does_not_pile_up(clock: Clock, hanging: Hanging) -> None:
    asked = answers(hanging)
    for _ in range(24 * 60):
        with pytest.raises(DenylistUnavailable):
            get(asked, seconds=0.001)
        clock.turn(60)
    assert 5 <= hanging.asked == threads() <= 15
    hanging.hangs = False
    clock.turn(24 * 3600)
    assert get(asked, seconds=20) == hanging.asked == threads() + 1
    assert get(asked) == hanging.asked


def test_an_answer_that_comes_late_replaces_no_newer_one(clock: Clock, hanging: Hanging) -> None:
    asked = answers(hanging)
    with pytest.raises(DenylistUnavailable):
        get(asked)
    clock.turn(20)
    hanging.hangs = False
    assert get(asked, seconds=20) == 2
    hanging.go.set()
    eventually(lambda: threads() == 0)
    assert get(asked) == 2


def test_many_threads_that_need_a_copy_ask_for_one(clock: Clock, hanging: Hanging) -> None:
    asked = answers(hanging)
    said: list[int] = []
    callers = [threading.Thread(target=lambda: said.append(get(asked, seconds=30))) for _ in range(20)]
    for caller in callers:
        caller.start()
    eventually(lambda: hanging.asked)
    hanging.go.set()
    for caller in callers:
        caller.join()
    assert said == [1] * 20
    assert hanging.asked == 1


def test_no_more_calls_than_a_table_stands_are_made_at_once(clock: Clock, hanging: Hanging) -> None:
    asked = answers(hanging, at_once=4, kept=100)
    for number in range(20):
        with pytest.raises(DenylistUnavailable):
            get(asked, key=f"user{number}", seconds=0.001)
    assert hanging.asked == threads() == 4


def test_of_a_table_the_newest_verdicts_are_kept(clock: Clock) -> None:
    asked = answers(lambda key, _last: key, at_once=4, kept=100)
    assert [get(asked, key=str(number), seconds=20) for number in range(300)] == [str(number) for number in range(300)]
    assert list(asked._answers) == [str(number) for number in range(200, 300)]


def test_a_process_that_may_have_no_more_threads_knows_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    gate = Gate(publish(tmp_path / "bans.json", "zed"), timeout=20)
    assert checked(gate, "zed") == "banned"
    monkeypatch.setattr(threading.Thread, "start", refuse)
    clock.turn(11)
    with within(0):
        assert [checked(gate, "zed"), admitted(gate, "zed")] == ["banned", "unavailable"]


def places(folder: Path) -> list[Path]:
    """What stands where a document should be, and is none."""
    fifo, directory, vast, endless = (folder / name for name in ("fifo", "directory", "vast", "endless"))
    os.mkfifo(fifo)
    directory.mkdir()
    vast.touch()
    os.truncate(vast, 1 << 30)
    endless.symlink_to("/dev/zero")
    return [fifo, directory, vast, endless]


def test_what_is_no_file_or_a_vast_one_is_unavailable_at_once(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for place in places(tmp_path):
        with within(0), pytest.raises(DenylistUnavailable) as unavailable:
            Gate(place, timeout=20).check("zed", LOBBY)
        assert str(unavailable.value).removeprefix(f"{place}: ") in {"it is no file", "it is larger than 256 MB"}
    assert len(os.listdir("/dev/fd")) <= before


@node.needs_node
def test_what_is_no_file_or_a_vast_one_is_unavailable_at_once_in_node(tmp_path: Path) -> None:
    gate = node.laid_out(tmp_path / "lambda")
    assert node.NODE is not None
    for place in places(tmp_path):
        with within(3), node.talking(node.NODE, node.ASK, gate, place, '{"timeout": 20}') as conversation:
            conversation.send("check", "zed", LOBBY)
            answer = conversation.receive()
        assert answer["said"] == "unavailable"
        assert answer["why"].removeprefix(f"{place}: ") in {"it is no file", "it is larger than 256 MB"}


FORKED = """
import os, sys, threading, time
from reconciler import gate as gate_module
from reconciler.gate import Gate
from tests.gate.builders import checked, publish
from pathlib import Path

file = publish(Path(sys.argv[1]))
gate = Gate(file, max_age=1, timeout=30)
assert checked(gate, "zed") == "free"

# Fork while one thread reads and another holds the lock, which in the child nobody will ever let go.
read = gate_module._parsed
reading, go_on = threading.Event(), threading.Event()
def slowly(*arguments):
    reading.set()
    go_on.wait(60)
    return read(*arguments)
gate_module._parsed = slowly
time.sleep(1.1)
publish(file)
threading.Thread(target=checked, args=[gate, "zed"], daemon=True).start()
assert reading.wait(30)
answers = gate._sources[0]._answers
locked = threading.Event()
def hold():
    with answers._changed:
        locked.set()
        go_on.wait(60)
threading.Thread(target=hold, daemon=True).start()
assert locked.wait(30)
child = os.fork()
if child == 0:
    gate_module._parsed = read
    publish(file, "zed")
    os._exit(0 if checked(gate, "zed") == "banned" else 3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
go_on.set()
print("child", status)
"""


def test_a_forked_process_renews_its_copies_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, tmp_path / "bans.json"],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("child 0\n", 0), done.stderr


def test_a_forked_process_makes_its_own_connections(aws: str) -> None:
    gate_aws = gate_module._Aws(1.0)
    client = gate_aws.client("s3")
    assert gate_aws.client("s3") is client
    gate_module._start_afresh()
    assert gate_aws.client("s3") is not client
