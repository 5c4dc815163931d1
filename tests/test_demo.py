"""`make demo`: what it tells is what happens, and it leaves nothing behind."""

import os
import re
import select
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.effort import examples

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "docs" / "demo.py"
STORY = """\
A local IVS Chat runs at URL. Two users are in its lobby:

  amy: Hello! Who else is new here?
  zed: Nobody wants you here, amy.

zed gets more tokens, and keeps them unused. A moderator bans zed:

$ reconciler ban zed --room lobby --reason Harassment
--- bans.yaml
+++ bans.yaml (changed)
@@ -2,4 +2,7 @@
 rooms:
   lobby: arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6
 denylist: {location: denylist.json, settle_after: 4}   # 90 outside a demo
-bans: []
+bans:
+  - user_id: zed
+    rooms: [lobby]
+    reason: Harassment

  + lobby/zed   disconnect   "Harassment"

Plan: 1 to ban, 0 to update, 0 to lift.
1 DisconnectUser call, 1 more after 4 s, to settle, about 5 s at 100 calls/s.
The calls go to URL, which is not AWS.

Nobody was disconnected yet: `reconciler apply` does that.

The change is reviewed and merged, and CI applies it:

$ reconciler apply --auto-approve
  zed is disconnected:        aws:DISCONNECT_USER, "Harassment"
  zed tries the used token:   401, the chat token has been used
  zed tries an unused one:    welcome
  zed: Back again!
  zed asks for a new token:   the gate says: banned for good
  4 s after it was published, the ban settles:
  zed is disconnected:        aws:DISCONNECT_USER, "Harassment"

Apply complete: 1 banned, 0 updated, 0 lifted, 1 settled.

Nothing that zed still has, or can get, opens the room:

  zed tries an unused one:    401, the chat token has expired
  zed asks for a new token:   the gate says: banned for good
  amy: Hello again!

$ reconciler plan --detailed-exitcode
No changes. The state matches bans.yaml.
"""
UNTIL_KICKED = STORY[: STORY.index("  zed tries the used token")]
URL = re.compile(r"http://127\.0\.0\.1:\d+")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary folders, which has to be empty at the end."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    yield scratch
    assert list(scratch.iterdir()) == []


@contextmanager
def demo(*arguments: str, script: Path = DEMO, stdout: int = PIPE) -> Iterator[Popen[str]]:
    command = [sys.executable, str(script), *arguments]
    with Popen(command, stdout=stdout, stderr=PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: Popen[str], until: str) -> str:
    """What it says up to a line that begins so, with URL in place of the address."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += URL.sub("URL", line)
        if line.startswith(until):
            break
    return said


@pytest.mark.usefixtures("scratch")
def test_two_demos_at_once_tell_the_story(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECONCILER_STATE", "RECONCILER_DETAILED_EXITCODE", "AWS_PROFILE", "AWS_ENDPOINT_URL", "HTTP_PROXY"):
        monkeypatch.setenv(name, "nonsense")  # of the reader's own, which is to change nothing
    with ExitStack() as stack:
        for process in [stack.enter_context(demo()) for _ in range(2)]:
            said, complaints = process.communicate(timeout=120)
            assert (URL.sub("URL", said), complaints, process.returncode) == (STORY, "", 0)


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("what", "instead", "complaint"),
    [
        ("SETTLE_AFTER: Final = 4", "SETTLE_AFTER: Final = 0", "zed waited in vain for aws:DISCONNECT_USER"),
        ("TOKEN_LIFETIME: Final = 3", "TOKEN_LIFETIME: Final = 60", "zed was answered 101 in place of 401"),
        ("        self._gate.admit(user_id, LOBBY)\n", "", "zed got a new token in spite of the ban"),
        (
            'async with demo.command("apply", "--auto-approve") as',
            'async with demo.command("apply", "x") as',
            "`reconciler apply` ended with 1:",
        ),
        ('"--room", "lobby"', '"--room", "lounge"', "`reconciler ban` ended with 1:"),
    ],
    ids=["no settling", "tokens that outlive it", "no gate", "no apply", "no such room"],
)
def test_a_demo_whose_story_does_not_come_true_fails(tmp_path: Path, what: str, instead: str, complaint: str) -> None:
    script = tmp_path / "demo.py"
    text = DEMO.read_text(encoding="utf-8")
    if "in vain" in complaint:  # that takes all of its patience
        text = text.replace("PATIENCE: Final = 15", "PATIENCE: Final = 7")
    assert text.count(what) == 1
    script.write_text(text.replace(what, instead), encoding="utf-8")
    with demo(script=script) as process:
        _, complaints = process.communicate(timeout=120)
    assert complaints.startswith(f"\nThe demo failed: {complaint}")
    assert process.returncode == 1


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_whoever_ends_the_demo_finds_nothing_left_of_it(number: signal.Signals, code: int) -> None:
    with demo() as process:
        assert read(process, "  zed is disconnected:").startswith(UNTIL_KICKED)
        os.killpg(process.pid, number)
        _, complaints = process.communicate(timeout=60)
    assert (complaints, process.returncode) == ("", code)


@pytest.mark.usefixtures("scratch")
def test_a_reader_who_leaves_ends_the_demo() -> None:
    with demo() as process:
        assert process.stdout is not None
        read(process, "A local IVS Chat")
        process.stdout.close()
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)][: examples(1, 2)])
def test_with_a_page_the_sandbox_stays_until_it_is_ended(scratch: Path, number: signal.Signals, code: int) -> None:
    with demo("--page") as process:
        assert process.stdout is not None
        read(process, "No changes.")
        invitation = [next(process.stdout).rstrip("\n") for _ in range(8)]
        (folder,) = scratch.iterdir()
        url = invitation[1].rpartition(" ")[2]
        with urllib.request.urlopen(f"{url}_sandbox/health", timeout=30) as answer:
            assert answer.status == 200
        bans = folder / "bans.yaml"
        bans.write_text(bans.read_text().replace("zed", "bob"))
        ran = subprocess.run(
            ["sh", "-c", "\n".join(invitation[4:]) + " --auto-approve --no-wait"], stdout=PIPE, text=True, check=True
        )
        assert "\nApply complete: 1 banned, 0 updated, 1 lifted.\n" in ran.stdout
        os.killpg(process.pid, number)
        assert process.wait(60) == code


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_there_are_colours_where_a_terminal_shows_them(
    settings: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    screen, terminal = os.openpty()
    said = b""
    with demo(stdout=terminal) as process:
        os.close(terminal)
        while b"merged" not in said and select.select([screen], [], [], 60)[0]:
            said += os.read(screen, 4096)
        process.terminate()
        assert process.wait(60) == 143
    os.close(screen)
    assert (b"\x1b[1m$ reconciler ban" in said) is coloured
    assert (re.search(rb"\x1b\[\d+m\+\x1b\[0m lobby/zed", said) is not None) is coloured  # the plan's own
    assert (b"\x1b" in said) is coloured
