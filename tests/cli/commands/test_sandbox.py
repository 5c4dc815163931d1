"""`reconciler sandbox`: a service to try on, alone or around a command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import load_state
from tests.command_line import AWS_EXAMPLE, Reconciler, banning, in_a_process


def test_the_sandbox_runs_a_command_and_shows_what_it_asked(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    result = in_a_process("sandbox", "--", *here, "apply", "--auto-approve")
    assert result.returncode == 0, result.stderr
    assert "Apply complete: 1 banned" in result.stdout
    assert result.stdout.endswith(
        "The sandbox received 1 request:\n"
        '  DisconnectUser in us-west-2   lobby/ABC123def456   reason="Violated terms of service"   → 200\n'
    )


def test_what_happens_in_the_sandbox_is_not_recorded_as_done(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    result = in_a_process("sandbox", "--", *here, "apply", "--auto-approve")
    assert "The command used a copy of the state; bans.state.json is unchanged." in result.stderr
    assert not Path("bans.state.json").exists()
    assert in_a_process("import", "--auto-approve").returncode == 0
    before = Path("bans.state.json").read_bytes()
    assert "No changes." in in_a_process("sandbox", "--", *here, "plan").stdout  # the copy begins as the state is
    Path("bans.yaml").write_text(banning("a"))
    assert (
        "Apply complete: 1 banned, 0 updated, 1 lifted."
        in in_a_process("sandbox", "--", *here, "apply", "--auto-approve").stdout
    )
    assert Path("bans.state.json").read_bytes() == before


def test_a_command_with_a_copy_of_the_state_leaves_the_denylist_alone(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("a") + "denylist: {location: denylist.json, settle_after: 1}\n")
    command = ["sandbox", "--", sys.executable, "-m", "reconciler", "apply", "--auto-approve"]
    assert "Apply complete: 1 banned" in in_a_process(*command).stdout
    assert not Path("denylist.json").exists()
    environment = os.environ | {"RECONCILER_STATE": "tried.json"}
    assert "Apply complete: 1 banned" in in_a_process(*command, env=environment).stdout
    assert Path("denylist.json").exists()


def test_a_state_that_is_named_is_used_in_the_sandbox_too(folder: Path) -> None:
    here = [sys.executable, "-m", "reconciler"]
    environment = os.environ | {"RECONCILER_STATE": "tried.json"}
    result = in_a_process("sandbox", "--", *here, "apply", "--auto-approve", env=environment)
    assert "copy of the state" not in result.stderr
    assert len(load_state("tried.json").records) == 1


def test_a_list_with_its_state_on_s3_can_be_tried_in_the_sandbox(folder: Path) -> None:
    Path("bans.yaml").write_text("state: s3://bucket/key\n" + AWS_EXAMPLE)
    result = in_a_process("sandbox", "--", sys.executable, "-m", "reconciler", "apply", "--auto-approve")
    assert "Apply complete: 1 banned" in result.stdout


def test_the_sandbox_ends_with_the_status_of_its_command(folder: Path) -> None:
    assert in_a_process("sandbox", "--", "sh", "-c", "exit 7").returncode == 7
    assert in_a_process("sandbox", "--", "sh", "-c", "kill -9 $$").returncode == 137
    missing = in_a_process("sandbox", "--", "no-such-command")
    assert (missing.returncode, missing.stderr) == (1, "Error: no-such-command: No such file or directory\n")


def test_a_command_in_the_sandbox_sees_no_real_credentials(folder: Path) -> None:
    environment = os.environ | {"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "secret"}
    printed = in_a_process("sandbox", "--", "env", env=environment).stdout
    assert "AWS_ACCESS_KEY_ID=sandbox\n" in printed
    assert "production" not in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--fault", "nonsense"], "nonsense"), (["--account", "12"], "12 digits"), (["--room", "x"], "ARN")],
)
def test_wrong_options_of_the_sandbox_are_explained(reconciler: Reconciler, arguments: list[str], why: str) -> None:
    result = reconciler("sandbox", *arguments)
    assert result.code == 1
    assert why in result.err


def test_the_sandbox_serves_until_it_is_stopped(folder: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("A local IVS Chat with 1 room listens on http://127.0.0.1:")
        url = first.split()[-1]
        assert f" AWS_ENDPOINT_URL_IVSCHAT={url} " in process.stdout.readline()
        assert process.stdout.readline() == (
            f"Chat clients join at {url.replace('http', 'ws')} with a token from CreateChatToken.\n"
        )
        assert process.stdout.readline() == (
            f"Open {url} in a browser to see who is connected, and to join as any user.\n"
        )
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        applied = in_a_process("apply", "--auto-approve", "--endpoint-url", url, env=environment)
        assert applied.returncode == 0, applied.stderr
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert line == 'DisconnectUser in us-west-2   lobby/ABC123def456   reason="Violated terms of service"   → 200\n'
    assert process.returncode == 130


def test_the_sandbox_says_that_its_page_is_not_redacted(folder: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "sandbox", "--port", "0", "--redact"]
    environment = os.environ | {"RECONCILER_REDACT_KEY": "k" * 32}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert lines[3].endswith("and to join as any user; it shows user IDs as they are.\n")


SENDING = """
import boto3
chat = boto3.client("ivschat", region_name="us-west-2")
room = "arn:aws:ivschat:us-west-2:12345689012:room/g1H2I3j4k5L6"
chat.send_event(roomIdentifier=room, eventName="left", attributes={"who": "zed"})
chat.delete_message(roomIdentifier=room, id="AbCdEf123456", reason="zed is rude")
"""


def test_free_text_that_may_be_about_anybody_is_not_shown_when_redacting(folder: Path) -> None:
    environment = os.environ | {"RECONCILER_REDACT_KEY": "k" * 32}
    shown = in_a_process("sandbox", "--redact", "--", sys.executable, "-c", SENDING, env=environment)
    assert shown.returncode == 0, shown.stderr
    assert 'eventName="left"   attributes=…   → 200' in shown.stdout
    assert 'id="AbCdEf123456"   reason=…   → 200' in shown.stdout
    assert "zed" not in shown.stdout
