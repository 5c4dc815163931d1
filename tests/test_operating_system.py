"""What is done otherwise on Windows, on any system; tests/platforms runs the whole program like that."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler import operating_system
from reconciler.bans import BanKey
from reconciler.operating_system import command_line, may_open_many_files, program, replace, with_slashes
from reconciler.sources import _is_inside
from reconciler.state.value import State
from reconciler.stores.journal import Journal
from tests.builders import LINEAGE, LOBBY
from tests.conftest import needed_of_posix


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating_system, "WINDOWS", True)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"teams\eu\bans.yaml", "teams/eu/bans.yaml"),
        (r"C:\lists\bans.yaml", "C:/lists/bans.yaml"),
        (r"\\server\share\bans.yaml", "//server/share/bans.yaml"),
        (r"\\?\C:\lists\bans.yaml", r"\\?\C:\lists\bans.yaml"),
        ("s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_paths_have_slashes(windows: None, typed: str, meant: str) -> None:
    assert with_slashes(typed) == meant


def test_elsewhere_a_backslash_is_a_part_of_a_name() -> None:
    if os.sep == "/":
        assert with_slashes(r"a\b") == r"a\b"


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        (r"C:\lists\bans.yaml", r"C:\lists\bans.yaml"),
        (r"C:\my lists\it's.yaml", r"'C:\my lists\it''s.yaml'"),
        ("lobby/$(calc)", "'lobby/$(calc)'"),
        ("lobby/a;calc", "'lobby/a;calc'"),
        ("lobby/\u2019; calc; \u2018", "'lobby/\u2019\u2019; calc; \u2018\u2018'"),  # PowerShell takes these for quotes
        ("", "''"),
    ],
)
def test_advice_is_quoted_for_powershell(windows: None, word: str, quoted: str) -> None:
    assert command_line(["reconciler", word]) == f"reconciler {quoted}"


@pytest.mark.skipif(sys.platform == "win32", reason="there, it is found by its ending")
def test_a_program_in_the_current_folder_is_not_the_one_that_is_meant(
    windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("git.exe").touch()
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin"]))
    with pytest.raises(FileNotFoundError):
        program("git")
    there = tmp_path / "real"
    there.mkdir()
    (there / "git.exe").touch()
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(there)]))
    assert program("git") == str(there / "git.exe")


def refusing(times: int) -> Callable[[Path, Path], Path]:
    real, left = Path.replace, [times]

    def refuse(self: Path, target: Path) -> Path:
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "The process cannot access the file because it is being used by another process")
        return real(self, target)

    return refuse


def test_a_file_that_somebody_reads_is_replaced_once_they_let_go(
    windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_bytes(b"new")
    monkeypatch.setattr(Path, "replace", refusing(3))
    replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_bytes() == b"new"


@pytest.mark.parametrize("patience", [0.1, None])
def test_a_file_that_may_not_be_replaced_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float | None
) -> None:
    """On Windows after a while, and elsewhere at once."""
    monkeypatch.setattr(operating_system, "WINDOWS", patience is not None)
    monkeypatch.setattr(operating_system, "_PATIENCE", patience or 3600.0)
    monkeypatch.setattr(Path, "replace", refusing(1_000_000))
    with pytest.raises(PermissionError):
        replace(tmp_path / "new", tmp_path / "old")


def test_a_journal_goes_on_after_it_got_its_name(windows: None, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    state = State(LINEAGE, 1)
    for user in ("ann", "bob", "cho"):
        journal.append(state, {}, [(BanKey(LOBBY, user), None)])
    journal.close()
    lines = (tmp_path / "journal").read_bytes().splitlines()
    assert [json.loads(line).get("user_id") for line in lines] == [None, "ann", "bob", "cho"]
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


@pytest.mark.parametrize(("most_taken", "limit"), [(2**40, 2**40), (10_240, 10_240)])
def test_as_many_files_may_be_open_as_the_system_takes(
    monkeypatch: pytest.MonkeyPatch, most_taken: int, limit: int
) -> None:
    """macOS says that there is no limit, and takes no more than 10,240."""
    taken = []

    def setrlimit(_what: int, limits: tuple[int, int]) -> None:
        if limits[0] > most_taken:
            raise ValueError("current limit exceeds maximum limit")
        taken.append(limits)

    resource = SimpleNamespace(RLIMIT_NOFILE=7, getrlimit=lambda _: (256, 2**40), setrlimit=setrlimit)
    monkeypatch.setitem(sys.modules, "resource", resource)
    may_open_many_files()
    assert taken == [(limit, 2**40)]


@pytest.mark.parametrize(
    ("place", "is_inside"),
    [
        ("/lists/bans.d/a.yaml", True),
        ("/lists/.git/a.yaml", False),
        ("/lists/sub/.GIT/a.yaml", False),  # the same folder on Windows and macOS
        ("/listsofothers/a.yaml", False),
        ("/etc/passwd", False),
    ],
)
def test_what_is_included_is_in_the_folder_of_the_list(place: str, is_inside: bool) -> None:
    assert _is_inside(os.path.normpath(place), os.path.normpath("/lists")) is is_inside


def test_another_drive_is_not_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    import ntpath

    monkeypatch.setattr("reconciler.sources.os", SimpleNamespace(path=ntpath, sep="\\"))
    assert _is_inside(r"C:\lists\bans.d\a.yaml", r"C:\lists")
    assert not _is_inside(r"D:\lists\a.yaml", r"C:\lists")
    assert not _is_inside(r"C:\lists\.Git\a.yaml", r"C:\lists")


def test_tests_that_need_more_than_windows_has_are_known() -> None:
    def makes_a_pipe(path: Path) -> None:
        os.mkfifo(path)

    def makes_a_file(path: Path) -> None:
        path.touch()

    assert needed_of_posix(makes_a_pipe) == ["mkfifo"]
    assert needed_of_posix(makes_a_file) == []


def test_only_one_module_asks_which_system_this_is() -> None:
    """Besides `gate`, which stands alone."""
    package = Path(operating_system.__file__).parent
    asks = re.compile(r"os\.name\b|sys\.platform|import (fcntl|resource|msvcrt|termios)\b|os\.(O_[A-Z]+|fork|fchmod)\b")
    found = {str(path.relative_to(package)) for path in package.rglob("*.py") if asks.search(path.read_text("utf-8"))}
    assert found == {"operating_system.py", "gate.py", os.path.join("cli", "main.py")}  # main opens os.devnull
