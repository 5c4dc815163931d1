import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox

from .builders import ABSENT, LOBBY

AWS = shutil.which("aws") or shutil.which("aws", path=str(Path(sys.executable).parent))

pytestmark = pytest.mark.skipif(AWS is None, reason="the AWS CLI is not installed: no `aws` on PATH or beside python")


def aws(*arguments: str) -> "subprocess.CompletedProcess[str]":
    assert AWS is not None
    settings = os.environ | {"AWS_DEFAULT_REGION": "us-west-2", "AWS_DEFAULT_OUTPUT": "json", "AWS_PAGER": ""}
    return subprocess.run(
        [AWS, *arguments], env=settings, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False
    )


def test_the_cli_disconnects_a_user(sandbox: Sandbox) -> None:
    done = aws(
        "ivschat", "disconnect-user", "--endpoint-url", sandbox.url, "--room-identifier", LOBBY, "--user-id", "😀 zed"
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
    assert sandbox.disconnected == ((LOBBY, "😀 zed"),)


def test_the_cli_shows_the_sandboxs_error(sandbox: Sandbox) -> None:
    done = aws(
        "ivschat", "disconnect-user", "--endpoint-url", sandbox.url, "--room-identifier", ABSENT, "--user-id", "zed"
    )
    assert done.returncode not in {0, 2}
    assert "(ResourceNotFoundException) when calling the DisconnectUser operation" in done.stderr


def test_the_cli_finds_rooms_and_caller_through_the_environment(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", sandbox.url)
    rooms = json.loads(aws("ivschat", "list-rooms").stdout)
    assert [room["arn"] for room in rooms["rooms"]] == [LOBBY]
    assert json.loads(aws("sts", "get-caller-identity").stdout)["Account"] == "123456789012"
