import inspect
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from hypothesis import settings

from reconciler.cli import service
from reconciler.cli.main import main
from reconciler.sandbox import Sandbox, SandboxOptions, running
from reconciler.views.report import Report
from tests.command_line import AWS_ARN, AWS_EXAMPLE, FINALS, Reconciler, Result
from tests.effort import examples
from tests.moto_server import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

# The same examples on every run and every machine, and no test depends on time.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=examples(30, 200))
settings.load_profile("repeatable")

# A shell starts what it runs in the background with SIGINT ignored, and whatever that starts inherits it.
signal.signal(signal.SIGINT, signal.default_int_handler)


# What Windows does not have, or does otherwise: tests that name it are not run there. Each is imported, or called.
POSIX_MODULES = re.compile(r"^ *(?:import|from) (?:fcntl|pty|resource|termios)\b", re.MULTILINE)
POSIX_NAMES = frozenset(
    {"chmod", "fork", "get_context", "killpg", "mkfifo", "openpty", "pipe", "send_signal", "setrlimit", "symlink_to"}
)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    is_posix = collection_path.suffix == ".py" and POSIX_MODULES.search(collection_path.read_text(encoding="utf-8"))
    return True if sys.platform == "win32" and is_posix else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items if sys.platform == "win32" else ():
        if isinstance(item, pytest.Function) and (needed := needed_of_posix(item.function)):
            item.add_marker(pytest.mark.skip(reason=f"Windows has no {', '.join(needed)} as it is meant here"))


def needed_of_posix(test: Callable[..., object]) -> list[str]:
    """What a test needs that Windows lacks, by the names in it."""
    return sorted(POSIX_NAMES.intersection(inspect.unwrap(test).__code__.co_names))


@pytest.fixture(autouse=True)
def _no_settings_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's AWS account, proxy, option or CI job comes into a test."""
    for name in list(os.environ):
        if (
            name.startswith(("AWS_", "RECONCILER_", "GITHUB_", "CI_"))
            or name.lower().endswith("_proxy")
            or name == "NO_COLOR"
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-aws-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 on loopback."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    """A client of the S3 on loopback, to which everybody now turns, with a bucket."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with closing(boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))) as client:
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def dynamodb(s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    """A client of a DynamoDB in us-west-2, to which everybody now turns: moto's server is many services in one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", s3_server)
    with closing(boto3.client("dynamodb", region_name="us-west-2")) as client:
        yield client


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that any sandbox takes."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any will do")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with AWS's own example as its ban list."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    Path("bans.yaml").write_text(AWS_EXAMPLE)
    return folder


def time_passes_only_while_bans_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the clock that says whether a ban has settled. However slow the machine, the first call comes too early."""
    passed = 0.0
    waiting = Report.settling

    def settling(report: Report, bans: int, seconds: float) -> None:
        nonlocal passed
        waiting(report, bans, seconds)
        passed += seconds

    monkeypatch.setattr(Report, "settling", settling)
    monkeypatch.setattr(service, "monotonic", lambda: passed)


@pytest.fixture
def reconciler(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Reconciler]:
    """Runs the command line in this process."""
    time_passes_only_while_bans_settle(monkeypatch)

    def run(*arguments: str, typed: str | None = None) -> Result:
        stdin = io.StringIO(typed or "")
        monkeypatch.setattr(stdin, "isatty", lambda: typed is not None)
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("sys.argv", ["reconciler", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Result(exit_.value.code, out, err)

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(AWS_ARN, FINALS), quota=0)) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        monkeypatch.setenv("RECONCILER_RATE", "0")
        yield sandbox
