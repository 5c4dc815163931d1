"""The program without what Windows lacks does what it does with it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler import load_state
from reconciler.sandbox import Sandbox
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from tests.command_line import AWS_ARN, AWS_EXAMPLE, PROGRAM, Result
from tests.repositories import SETTINGS, commit, repository

ROOT = Path(__file__).parents[2]
LIKE_WINDOWS = (sys.executable, "-m", "tests.platforms.like_windows")
DENYLIST = "denylist: {location: denylist.json, settle_after: 75}\n"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows is imitated on Linux alone")

Run = Callable[..., Result]


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git.exe").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, program: tuple[str, ...] = LIKE_WINDOWS, given: bytes = b"") -> Result:
        ran = subprocess.run([*program, *arguments], capture_output=True, input=given, timeout=60, check=False)
        return Result(ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    return run


def masked(text: str) -> str:
    """Without what is different on each run: times, hashes, how long it took."""
    text = re.sub(r"\b[0-9a-f]{7,64}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?", "HASH", text)
    text = re.sub(r"(ban|lift)-\$\(date \+%Y-%m-%d-%H%M\)|(ban|lift)-\d{4}-\d\d-\d\d-\d{4}", "BRANCH", text)
    return re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?|\d+(\.\d+)? (m?s|minutes?)\b", "TIME", text)


STORY: list[tuple[str, ...]] = [
    ("validate",),
    ("validate", "--format", "json"),
    ("plan", "--out", "plan.json"),
    ("show", "plan.json"),
    ("apply", "plan.json"),
    ("state", "list"),
    ("state", "show", "lobby/ABC123def456"),
    ("show",),
    ("ban", "zed", "--room", "lobby", "--reason", "Spam", "--to", r"bans.d/new.yaml"),
    ("plan", "--detailed-exitcode"),
    ("apply", "--auto-approve", "--no-wait"),
    ("why", "zed"),
    ("why", "zed", "--history"),
    ("lift", "zed"),
    ("apply", "--auto-approve"),
    ("fmt",),
    ("fmt", "-"),
    ("state", "pull"),
    ("import", "--auto-approve"),
    ("schema",),
    ("rooms",),
    ("doctor",),
    ("state", "rm", "lobby/ABC123def456"),
    ("force-unlock", "any"),
    ("plan", "-f", "none.yaml"),
    ("validate", "-f", "bans.d"),
    ("plan", "--state", "bans.d"),
]


def test_every_command_does_and_says_the_same(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    for program in (PROGRAM, LIKE_WINDOWS):
        place = folder / program[-1] / "work"
        (place / "bans.d").mkdir(parents=True)
        monkeypatch.chdir(place)
        Path("bans.yaml").write_text("include: ['bans.d/*.yaml']\n" + AWS_EXAMPLE)
        Path("bans.d", "old.yaml").write_bytes(b"bans:\r\n  - user_id: old\r\n    rooms: [lobby]\r\n")
        repository()
        commit("Begin")
        said = []
        for arguments in STORY:
            result = run(*arguments, program=program, given=b"bans:   []\r\n" if arguments[-1] == "-" else b"")
            said.append((arguments, result.code, masked(result.out), masked(result.err)))
        files = {
            str(path.relative_to(place)): masked(path.read_bytes().decode())
            for path in sorted(place.rglob("*"))
            if path.is_file() and ".git" not in path.parts and path.suffix != ".lock"
        }
        told[program] = (said, files)
    (said, files), (expected, expected_files) = told[LIKE_WINDOWS], told[PROGRAM]
    for one, other in zip(said, expected, strict=True):
        assert one == other
    assert files == expected_files
    codes = {arguments: code for arguments, code, _, _ in said}
    assert [arguments for arguments, code in codes.items() if code] == [
        ("plan", "--detailed-exitcode"),
        *([("doctor",)] if codes["doctor",] else []),
        ("force-unlock", "any"),
        ("plan", "-f", "none.yaml"),
        ("validate", "-f", "bans.d"),
        ("plan", "--state", "bans.d"),
    ]


def test_backslashes_become_slashes(run: Run, folder: Path) -> None:
    Path("eu").mkdir()
    Path("eu/bans.yaml").write_text(AWS_EXAMPLE)
    assert run("plan", "-f", r"eu\bans.yaml", "--out", r"eu\plan.json").code == 0
    assert '"eu/bans.yaml"' in Path("eu/plan.json").read_text()
    Path("eu/bans.yaml").write_text("version: 2\nbans: []\n")
    assert run("validate", "-f", r"eu\bans.yaml").err.startswith("eu/bans.yaml:1:10: ")


def test_of_bans_at_once_none_is_lost_and_no_lock_is_left(run: Run, folder: Path) -> None:
    repository()
    Path("it's my list.yaml").write_text(AWS_EXAMPLE)
    bans = ["ban", "--room", "lobby", "-f", "it's my list.yaml"]
    processes = [subprocess.Popen([*LIKE_WINDOWS, *bans, f"u{number}"], stdout=subprocess.PIPE) for number in range(4)]
    said = [process.communicate(timeout=60)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert "  git add 'it''s my list.yaml'\n" in said[0]  # as PowerShell quotes
    text = Path("it's my list.yaml").read_text()
    assert [f"u{number}" in text for number in range(4)] == [True] * 4
    assert [path.name for path in folder.iterdir() if path.suffix == ".lock"] == []


def test_a_lock_says_who_holds_it_from_its_second_byte(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows lets nobody read the first, which filelock locks."""
    monkeypatch.setattr("reconciler.operating_system.WINDOWS", True)
    who = Holder("apply", "kim", "laptop", 7, datetime(2026, 11, 2, tzinfo=UTC))
    store = open_store("bans.state.json", print)
    with store.locked(who, 0, "lineage"):
        content = Path("bans.state.json.lock").read_bytes()
        assert content[1:2] == b"{"
        with (
            pytest.raises(Exception, match=r"is locked by `apply` of kim on laptop"),
            open_store("bans.state.json", print).locked(who, 0, "lineage"),
        ):
            pytest.fail("held twice")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGUSR1, 130), (signal.SIGTERM, 143)])
def test_ctrl_break_stops_an_apply_like_ctrl_c(run: Run, folder: Path, number: int, code: int) -> None:
    Path("bans.yaml").write_text(DENYLIST + AWS_EXAMPLE)
    command = [*LIKE_WINDOWS, "apply", "--auto-approve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Waiting "):
                break
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Stopping" in said
    assert load_state("bans.state.json").records


GATE = f"""\
from tests.platforms.like_windows import pretend
pretend()
from reconciler.gate import Banned, DenylistUnavailable, Gate
gate = Gate("denylist.json", max_age=0, timeout=20)
assert gate.check("ABC123def456", "{AWS_ARN}").banned
assert not gate.check("somebody", "{AWS_ARN}").banned
try:
    gate.admit("ABC123def456", "{AWS_ARN}")
except Banned:
    print("banned")
try:
    Gate("bans.d", max_age=0, timeout=20).check("somebody", "{AWS_ARN}")
except DenylistUnavailable as error:
    print(error)
"""


def test_the_gate_answers(run: Run, folder: Path) -> None:
    Path("bans.yaml").write_text(DENYLIST + AWS_EXAMPLE)
    Path("bans.d").mkdir()
    assert run("apply", "--auto-approve", "--no-wait").code == 0
    result = run("-c", GATE, program=(sys.executable,))
    assert (result.code, result.out) == (0, "banned\nbans.d: Permission denied\n"), result.err


def test_ci_steps_say_where_they_run(run: Run) -> None:
    result = run("ci", "plan")
    assert result.code == 1
    assert "run on Linux and macOS" in result.err
