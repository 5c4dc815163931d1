"""A signal ends an apply within seconds, whatever the service or the credentials do."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler import load_state
from reconciler.views.report import Report
from tests.aws.servers import Behaviour, answering, behaving, dripping, silent
from tests.command_line import Reconciler, banning_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.plan.outcome import Trouble

SECONDS_TO_STOP = 5 + 30  # what is promised, and what a busy machine adds


@contextmanager
def applying(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process


def stopped(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """What the process has written once a signal has ended it in time."""
    start = time.monotonic()
    process.send_signal(number)
    written = process.communicate(timeout=120)
    assert time.monotonic() - start < SECONDS_TO_STOP
    return written


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    "behaviour",
    [silent, dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"), dripping(b"HTTP/1.1 200 OK\r\nX: ")],
    ids=["silent", "body", "headers"],
)
@pytest.mark.usefixtures("credentials")
def test_calls_without_an_answer_do_not_hold_up_a_stop(
    folder: Path, behaviour: Behaviour, number: signal.Signals, code: int
) -> None:
    Path("bans.yaml").write_text(banning_many(100))
    called = threading.Event()

    def behave(connection: socket.socket) -> None:
        called.set()
        behaviour(connection)

    with behaving(behave) as port, applying("--endpoint-url", f"http://127.0.0.1:{port}") as process:
        assert called.wait(60)
        out, err = stopped(process, number)
    assert process.returncode == code
    assert "\nApply incomplete: 0 banned, 0 failed, 100 not started.\nNothing is recorded. Apply again" in out
    assert "Traceback" not in err
    assert not load_state("bans.state.json").records


@pytest.mark.usefixtures("credentials")
def test_what_is_answered_is_recorded_although_other_calls_hang_and_the_rest_is_made_by_the_next_apply(
    folder: Path,
) -> None:
    Path("bans.yaml").write_text(banning_many(40))
    lock, connections, hanging = threading.Lock(), 0, threading.Event()

    def behave(connection: socket.socket) -> None:
        nonlocal connections
        with lock:
            connections += 1
            answers = connections <= 2
        if answers:
            answering(connection)
        else:
            hanging.set()
            silent(connection)

    with behaving(behave) as port:
        url = f"http://127.0.0.1:{port}"
        with applying("--endpoint-url", url, "--format", "json", "--parallelism", "4", "--rate", "0") as process:
            assert hanging.wait(60)
            out, _ = stopped(process, signal.SIGTERM)
        *lines, summary = map(json.loads, out.splitlines())
        banned = {line["user_id"] for line in lines if line["type"] == "ban_complete"}
        assert {key.user_id for key in load_state("bans.state.json").records} == banned
        assert (summary["banned"], summary["failed"], summary["not_started"]) == (len(banned), 0, 40 - len(banned))
    with behaving(answering) as port, applying("--endpoint-url", f"http://127.0.0.1:{port}") as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert len(load_state("bans.state.json").records) == 40


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_credentials_that_do_not_come_do_not_hold_up_a_stop(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    Path("provider.sh").write_text("touch asked; exec sleep 60\n")
    Path("config").write_text(f"[default]\ncredential_process = sh {folder}/provider.sh\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    with behaving(silent) as port, applying("--endpoint-url", f"http://127.0.0.1:{port}") as process:
        while not Path("asked").exists():
            time.sleep(0.05)
            assert process.poll() is None
        _, err = stopped(process, number)
    assert process.returncode == code
    assert "Traceback" not in err


def test_what_holds_up_the_calls_is_said_to_programs(
    reconciler: Reconciler, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.plan.outcome.SECONDS_TO_STALL", 0.0)

    told, waiting = threading.Event(), Report.waiting

    def tell(report: Report, troubles: "Iterable[Trouble]") -> None:
        waiting(report, troubles)
        if any(trouble.stalled for trouble in troubles):
            told.set()

    def late(connection: socket.socket) -> None:
        told.wait(60)
        answering(connection)

    monkeypatch.setattr(Report, "waiting", tell)
    with behaving(late) as port:
        result = reconciler("apply", "--auto-approve", "--format", "json", "--endpoint-url", f"http://127.0.0.1:{port}")
    assert result.code == 0
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [line["type"] for line in lines] == ["apply_start", "waiting", "ban_complete", "summary"]
    assert {key: lines[1][key] for key in ("account", "region", "because", "attempt", "attempts")} == {
        "account": "12345689012",
        "region": "us-west-2",
        "because": "no_answer",
        "attempt": 1,
        "attempts": 8,
    }
