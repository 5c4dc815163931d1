"""The program as a whole: usage, exit codes, streams and signals, whatever the command."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from reconciler import __version__, load_state
from reconciler.sandbox import Sandbox
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from tests.command_line import AWS_EXAMPLE, Reconciler, banning, in_a_process

# Help and usage


def test_version_and_help(reconciler: Reconciler) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    assert reconciler("--version").out == f"reconciler {__version__} (ivschat-reconciler, Python {python})\n"
    for command in ("validate", "plan", "apply", "show", "sandbox"):
        assert f"\n  {command} " in reconciler("--help").out
        assert reconciler(command, "--help").code == 0


def test_no_command_shows_the_help(reconciler: Reconciler) -> None:
    result = reconciler()
    assert result.code == 1
    assert "Usage: reconciler [OPTIONS] COMMAND" in result.err


def test_the_help_that_no_command_brings_has_lines(reconciler: Reconciler) -> None:
    for arguments in ([], ["state"]):
        assert len(reconciler(*arguments).err.splitlines()) > 10


def test_every_option_reads_an_environment_variable(reconciler: Reconciler) -> None:
    for command in ("validate", "plan", "apply", "show", "sandbox"):
        text = " ".join(reconciler(command, "--help").out.split())
        options = [word for word in text.split() if word.startswith("--") and word.strip("-,").isascii()]
        for option in {option.strip(",") for option in options} - {"--help", "--"}:
            if f" {option} " in text.split("Options:")[1]:
                assert f"RECONCILER_{option.removeprefix('--').replace('-', '_').upper()}" in text, option


@pytest.mark.parametrize("command", [["schema"], ["state"], ["state", "push"], ["fmt"], ["show"], ["sandbox"]])
def test_the_help_of_a_command_imports_little(command: list[str]) -> None:
    code = (
        "import sys\nfrom reconciler.cli.main import main\ntry: main()\n"
        "except SystemExit: print({'pydantic_core', 'ruamel.yaml', 'rich.console', 'boto3', 'socket', 'getpass'}"
        " & set(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, check=True)
    assert ran.stderr == "set()\n"


def test_completion_is_offered_for_shells(folder: Path) -> None:
    environment = os.environ | {"_RECONCILER_COMPLETE": "bash_source"}
    assert "_RECONCILER_COMPLETE=bash_complete" in in_a_process(env=environment).stdout


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--target", "lobby/nobody", "neither in the list nor in the state"),
        ("--target", "lobbi/ABC123def456", 'there is no room "lobbi"'),
        ("--target", "ABC123def456", "an address is ROOM/USER_ID"),
        ("--replace", "lobby/nobody", "not a ban that the list has in force"),
        ("--rate", "-1", "--rate"),
        ("--parallelism", "0", "--parallelism"),
        ("--state", "s3://bucket", "a state on S3 is s3://BUCKET/KEY"),
        ("--no-such-option", "x", "No such option"),
    ],
)
def test_wrong_usage_exits_with_1_and_does_nothing(
    reconciler: Reconciler, sandbox: Sandbox, option: str, value: str, why: str
) -> None:
    result = reconciler("apply", "--auto-approve", option, value)
    assert result.code == 1
    assert why in result.err
    assert sandbox.requests == ()


@pytest.mark.parametrize("value", ["nan", "inf", "1e-300", "-1"])
@pytest.mark.parametrize("option", ["--rate", "--lock-timeout"])
def test_numbers_must_be_numbers_to_count_by(reconciler: Reconciler, option: str, value: str) -> None:
    result = reconciler("apply", "--auto-approve", option, value)
    assert result.code == 1
    assert option in result.err


# What stops every command


def test_every_problem_of_the_list_is_reported_and_nothing_is_done(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(AWS_EXAMPLE + "  - user_id: \n    rooms: [loby]\n")
    for command in (["validate"], ["plan"], ["apply", "--auto-approve"]):
        result = reconciler(*command)
        assert result.code == 1
        assert result.out == ""
        first, second, last = result.err.splitlines()
        assert first.startswith("bans.yaml:8:5: bans[1].user_id: has no value")
        assert second.startswith("bans.yaml:9:13: bans[1].rooms[0]: there is no room")
        assert last == "Error: bans.yaml has 2 problems. Nothing was done."
    assert sandbox.requests == ()


def test_a_missing_list_is_said_so(reconciler: Reconciler) -> None:
    result = reconciler("plan", "-f", "no\x1b[31m.yaml")
    assert result.code == 1
    assert r"Error: no\x1b[31m.yaml: there is no such file" in result.err


def test_a_damaged_state_stops_everything(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.state.json").write_text("{")
    for command in (["plan"], ["apply", "--auto-approve"], ["show"]):
        result = reconciler(*command)
        assert result.code == 1
        assert "bans.state.json is not a state file" in result.err
    assert sandbox.requests == ()
    assert Path("bans.state.json").read_text() == "{"


# Streams


def test_output_that_nobody_reads_any_more_is_no_traceback(folder: Path) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number:06}" for number in range(5000))))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "plan"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_closed_or_full_streams_are_no_traceback(folder: Path, closed: str) -> None:
    command = f"{sys.executable} -m reconciler plan {closed}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr
    assert result.returncode == (1 if "full" in closed else 0)


def test_a_terminal_without_utf_8_shows_escapes(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("王"))
    result = in_a_process("plan", env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert result.returncode == 0, result.stderr
    assert "\n  + lobby/\\u738b   disconnect\n" in result.stdout


def test_an_error_on_a_narrow_terminal_is_broken_at_words_and_elsewhere_not_at_all(folder: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "plan", "-f", "missing/folder/of/a/list.yaml", "--no-color"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    subprocess.run(command, stderr=theirs, check=False)
    shown = os.read(ours, 10_000).decode().replace("\r\n", "\n")
    os.close(ours)
    os.close(theirs)
    whole = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False).stderr
    assert whole.count("\n") == 1
    first, *others = shown.splitlines()
    assert others
    assert first.startswith("Error: missing/folder/of/a/list.yaml")
    assert all(line.startswith("  ") and len(line) <= 40 for line in others)
    assert " ".join(shown.split()) == " ".join(whole.split())


# Signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_lets_the_calls_in_flight_end_and_records_them(
    folder: Path, sandbox: Sandbox, number: signal.Signals, code: int
) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number}" for number in range(1000))))
    command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--rate", "20", "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "ban_complete":
                process.send_signal(number)
                break
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == code
    summary = rest[-1]
    assert summary["banned"] + summary["not_started"] == 1000
    assert summary["banned"] == len(sandbox.disconnected) == len(load_state("bans.state.json").records)
    assert not Path("bans.state.json.journal").exists()


SAYING_THAT_IT_WAITS = """
import filelock
acquire = filelock.FileLock.acquire
def told(*arguments, **options):
    print("waits", flush=True)
    return acquire(*arguments, **options)
filelock.FileLock.acquire = told
from reconciler.__main__ import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_the_lock(folder: Path, sandbox: Sandbox, number: signal.Signals, code: int) -> None:
    who = Holder("apply", "alice", "here", 1, datetime.now(UTC))
    with open_store("bans.state.json").locked(who, 0, str(uuid4())):
        command = [sys.executable, "-c", SAYING_THAT_IT_WAITS, "apply", "--auto-approve", "--lock-timeout", "600"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while "waits" not in (line := process.stdout.readline()):
                assert line
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Nothing was done." in err
    assert sandbox.requests == ()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_the_prompt_does_nothing(folder: Path, sandbox: Sandbox, number: signal.Signals, code: int) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "apply"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        while "goes ahead: " not in shown:
            shown += process.stdout.read(1)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code
    assert "Nothing was done." in err
    assert sandbox.requests == ()
    assert not Path("bans.state.json").exists()


@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_a_signal_while_modules_are_imported_is_no_traceback(
    folder: Path, number: signal.Signals, code: int, said: str
) -> None:
    # In short steps: a signal just before a long one would have to wait for its end.
    slow = "import time\nprint('importing', flush=True)\nfor _ in range(6000):\n    time.sleep(0.01)\n"
    Path("click.py").write_text(slow)
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "plan"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, f"{said}. Nothing was done.\n")


def test_a_command_that_is_interrupted_can_clean_up(reconciler: Reconciler) -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)  # as it is during the imports
    try:
        reconciler("--version")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_console_script_begins_where_the_module_does() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"reconciler": "reconciler.__main__:main"}
