"""A folder in which the commands of a page run as a reader would run them: a list, a state, git, a chat and a clock."""

import difflib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from reconciler import Ban, BanKey, Record, State
from reconciler.bans import parse_time
from reconciler.sandbox import Sandbox
from reconciler.state import file as state_file
from reconciler.state.value import Published
from tests import repositories
from tests.builders import LINEAGE

from .blocks import the_block

LOBBY = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/aB3dE5fG7hJ9"
README_LIST = the_block("README.md", "version: 1\nrooms:                            #").text
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

# `reconciler` with another time of day, so that a page which names a date is as right after that date as before; and
# what it sends to AWS goes to a stand-in, so that it prints what it prints on AWS.
_PROGRAM = """\
#!{python}
import datetime, os, socket, sys, time
from urllib.parse import urlsplit

real, shift, stand_in = datetime.datetime, float(os.environ["SHIFTED_BY"]), os.environ["IN_PLACE_OF_AWS"]

class Kind(type):
    def __instancecheck__(cls, value):
        return isinstance(value, real)

class Shifted(real, metaclass=Kind):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time() + shift, tz)

datetime.datetime = Shifted
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
send = URLLib3Session.send

def redirected(session, request):
    to = urlsplit(request.url)
    if to.hostname.endswith(".amazonaws.com"):
        assert to.hostname.startswith(("ivschat.", "sts.")), to.hostname
        request.url = stand_in + to._replace(scheme="", netloc="").geturl()
    return send(session, request)

URLLib3Session.send = redirected
request_of = Endpoint.make_request

def noted(endpoint, operation, request):
    with open(os.environ["CALLED"], "a") as called:
        print(f"{{operation.service_model.service_name}}:{{operation.name}}", file=called)
    return request_of(endpoint, operation, request)

Endpoint.make_request = noted
connect = socket.create_connection

def connected(address, *args, **options):  # what is reached before an apply asks
    to = urlsplit(stand_in)
    return connect((to.hostname, to.port) if address[0].endswith(".amazonaws.com") else address, *args, **options)

socket.create_connection = connected
sys.argv[0] = "reconciler"
from reconciler.cli.main import main
main()
"""


@dataclass(frozen=True)
class Ran:
    """What a script did: its exit code, and all that it printed."""

    code: int
    said: str


class World:
    """See above.

    Attributes:
        folder: where the commands run.
        sandbox: the chat and the STS that they call in place of those of AWS.
        variables: more variables of the environment.
        now: what the clock says when a script begins.
    """

    def __init__(self, folder: Path, sandbox: Sandbox, other_services: Callable[[], str]) -> None:
        self.folder, self.sandbox, self.now = folder / "work", sandbox, NOW
        self.variables: dict[str, str] = {}
        self._other_services, self._called = other_services, folder / "called"
        self._programs = folder / "bin"
        for each in (self.folder, self._programs):
            each.mkdir()
        self.program("reconciler", _PROGRAM.format(python=sys.executable))

    def program(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        (self._programs / name).write_text(text, encoding="utf-8")
        (self._programs / name).chmod(0o755)

    def another(self, name: str) -> "World":
        """A new folder with the same chat, services and clock."""
        folder = self.folder.parent / name
        folder.mkdir()
        world = World(folder, self.sandbox, self._other_services)
        world.now, world.variables = self.now, dict(self.variables)
        return world

    def with_s3_and_dynamodb(self) -> str:
        """Let there be an S3 and a DynamoDB, and give their URL."""
        url = self._other_services()
        self.variables |= {
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_DEFAULT_REGION": "us-west-2",
        }
        return url

    def called(self) -> set[str]:
        """What commands have called in AWS since this was asked last, such as `s3:GetObject`."""
        if not self._called.exists():
            return set()
        called = set(self._called.read_text(encoding="utf-8").split())
        self._called.unlink()
        return called

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        return (self.folder / path).read_text(encoding="utf-8")

    def write_state(self, records: Mapping[BanKey, Record], published: Published | None = None) -> None:
        state = State(LINEAGE, 7, records, published=published or Published())
        (self.folder / "bans.state.json").write_bytes(state_file.dumps(state))

    def commit(self, subject: str) -> None:
        """Commit all there is, as Kim Lee on 2 November."""
        if not (self.folder / ".git").exists():
            repositories.repository(self.folder)
        repositories.commit(subject, self.folder)

    def run(self, script: str, until: str = "") -> Ran:
        """Run a shell script in the folder.

        Args:
            script: what to run.
            until: for what runs until Ctrl-C: what it says when that is to be pressed.
        """
        path = [str(self._programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        environment = os.environ | repositories.SETTINGS | {
            "PATH": os.pathsep.join(path),
            "HOME": str(self._programs),
            "GIT_CEILING_DIRECTORIES": str(self.folder.parent),
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "any will do",
            "CALLED": str(self._called),
            "IN_PLACE_OF_AWS": self.sandbox.url,
            "SHIFTED_BY": str((self.now - datetime.now(UTC)).total_seconds()),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **self.variables,
        }  # fmt: skip
        with subprocess.Popen(
            ["sh", "-euc", f"exec {script}" if until else script],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as process:
            giving_up = threading.Timer(120, process.kill)
            giving_up.start()
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if until and until in line:
                    process.send_signal(signal.SIGINT)
                    until = ""
            giving_up.cancel()
        return Ran(process.returncode, said)


def record(
    user: str,
    room: str = LOBBY,
    *,
    reason: str | None = None,
    until: str | None = None,
    since: str = "2026-11-02T09:05:13Z",
) -> dict[BanKey, Record]:
    """A record of a state."""
    end = None if until is None else parse_time(until)
    return {BanKey(room, user): Record(Ban(reason, end), parse_time(since), "8f0c2a")}


def client(service: str, url: str) -> Any:
    """A client of a service of AWS that is at this URL."""
    make: Any = boto3.client
    secret = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return make(service, region_name="us-west-2", endpoint_url=url, **secret)


def assert_shown(shown: str, said: str, *elided: str) -> None:
    """Hold what a page shows against what was said.

    Args:
        shown: from the page. `…` stands for anything on its line, and a line of `…` alone for any lines.
        said: what was printed.
        elided: patterns of what is another each time, such as a hash.
    """
    for pattern in elided:
        shown, said = (re.sub(pattern, "(elided)", text) for text in (shown, said))
    lines = [re.escape(line).replace("…", ".*") for line in shown.strip("\n").split("\n")]
    pattern = "".join("(?:.*\n)*?" if line == ".*" else f"{line}\n" for line in lines)
    said = said.strip("\n")
    if not re.fullmatch(pattern, f"{said}\n"):
        differ = difflib.unified_diff(shown.strip("\n").split("\n"), said.split("\n"), "shown", "said", lineterm="")
        raise AssertionError("\n".join(differ))
