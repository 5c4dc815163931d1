"""Pipes and devices where a file is expected: what can be read is read, and nothing hangs."""

import os
import shlex
import subprocess
from pathlib import Path
from threading import Thread

import pytest

from reconciler import reading
from tests.command_line import AWS_EXAMPLE, PROGRAM, Reconciler, in_a_process

RECONCILER = shlex.join(PROGRAM)


@pytest.fixture
def pipe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that nobody has opened."""
    monkeypatch.setattr(reading, "_WRITER", 0.05)
    os.mkfifo("pipe")
    return folder / "pipe"


def shell(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)


NOBODY_WRITES = "it is a pipe, and nobody writes to it"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate", "-f", "pipe"], f"pipe: the ban list cannot be read: {NOBODY_WRITES}"),
        (["plan", "-f", "pipe", "--state", "x.json"], f"pipe: the ban list cannot be read: {NOBODY_WRITES}"),
        (["show", "pipe"], f"pipe: the plan cannot be read: {NOBODY_WRITES}"),
        (["apply", "pipe"], f"pipe: the plan cannot be read: {NOBODY_WRITES}"),
        (["state", "push", "pipe"], f"pipe cannot be read: {NOBODY_WRITES}"),
        (["fmt", "pipe"], f"pipe: the ban list cannot be read: {NOBODY_WRITES}"),
    ],
)
def test_a_pipe_that_nobody_writes_to_is_an_error(
    reconciler: Reconciler, pipe: Path, arguments: list[str], message: str
) -> None:
    result = reconciler(*arguments)
    assert (result.code, result.out, result.err) == (1, "", f"Error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "--state", "pipe"], "pipe: the state cannot be read: it is not a file"),
        (["apply", "--auto-approve", "--state", "pipe"], "pipe: the state cannot be read: it is not a file"),
        (["plan", "--state", "journalled"], "journalled.journal: the journal cannot be read: it is not a file"),
        (["plan", "-f", "including.yaml"], "include[0]: pipe cannot be read: it is not a file"),
        (["plan", "--out", "pipe"], "pipe: the plan cannot be saved: No such device or address"),
    ],
)
def test_a_pipe_is_no_state_and_no_included_file(pipe: Path, arguments: list[str], message: str) -> None:
    Path("including.yaml").write_text(AWS_EXAMPLE + "include: [pipe]\n")
    os.mkfifo("journalled.journal")
    result = in_a_process(*arguments)
    assert result.returncode == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "-f", "/dev/zero"],
        ["plan", "--state", "/dev/zero"],
        ["show", "/dev/zero"],
        ["apply", "/dev/zero"],
        ["state", "push", "/dev/zero"],
        ["fmt", "/dev/zero"],
    ],
)
def test_what_has_no_end_is_not_read(folder: Path, arguments: list[str]) -> None:
    result = in_a_process(*arguments)
    assert result.returncode == 1
    assert "cannot be read: it is not a file" in result.stderr


@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_a_list_may_come_through_a_pipe(folder: Path, format: str) -> None:
    for script in (
        f"cat bans.yaml | {RECONCILER} validate --format {format} -f /dev/stdin",
        f"{RECONCILER} validate --format {format} -f <(sleep 0.2; cat bans.yaml)",
        f"{RECONCILER} validate --format {format} -f /dev/stdin < bans.yaml",
        f"{RECONCILER} plan -f <(cat bans.yaml) --state here.json --out plan.json",
    ):
        result = shell(script)
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_what_is_wrong_with_a_list_from_a_pipe_is_told(folder: Path, format: str) -> None:
    Path("bans.yaml").write_text(AWS_EXAMPLE.replace("user_id", "userid"))
    result = shell(f"cat bans.yaml | {RECONCILER} validate --format {format} -f /dev/stdin")
    assert result.returncode == 1
    assert "there is no such key; did you mean `user_id`?" in result.stdout + result.stderr


def test_a_plan_may_go_through_pipes(folder: Path) -> None:
    assert shell(f"{RECONCILER} plan --out plan.json").returncode == 0
    shown = shell(f"{RECONCILER} show <(cat plan.json)")
    assert (shown.returncode, "lobby/ABC123def456" in shown.stdout) == (0, True)
    saved = shell(f"{{ {RECONCILER} plan --out /dev/fd/4 > /dev/null; }} 4>&1 | cat")
    assert '"user_id":"ABC123def456"' in saved.stdout
    whole = shell(f"{RECONCILER} plan --out /dev/stdout | cat")
    assert '"user_id":"ABC123def456"' in whole.stdout


def test_a_pushed_state_may_come_through_a_pipe(folder: Path) -> None:
    Path("later.json").write_text('{"format_version": 1, "lineage": "x", "serial": 4, "bans": {}}')
    pushed = shell(f"cat later.json | {RECONCILER} state push /dev/stdin")
    assert (pushed.returncode, pushed.stdout) == (0, "Pushed serial 4 with 0 bans.\n")


def test_a_pipe_without_end_is_left_at_the_limit(
    reconciler: Reconciler, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_WRITER", 10)
    monkeypatch.setattr("reconciler.sources.MAX_SIZE", reading.MEBIBYTE)

    def write() -> None:
        try:
            with pipe.open("wb", buffering=0) as file:
                while True:
                    file.write(b"# more\n" * 1000)
        except BrokenPipeError:
            pass

    thread = Thread(target=write)
    thread.start()
    result = reconciler("validate", "-f", "pipe")
    thread.join()
    assert result.err == "Error: pipe: the ban list cannot be read: it is larger than 1 MiB\n"
