"""The commit that a saved plan was made from."""

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.git import commit_of

ELSEWHERE = "a" * 40


def git(*arguments: str, folder: Path) -> str:
    settings = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture(autouse=True)
def _only_our_repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture(params=["sha1", "sha256"])
def repository(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A repository with a list in a folder, committed."""
    folder = tmp_path / "repository"
    (folder / "moderation").mkdir(parents=True)
    git("init", f"--object-format={request.param}", folder=folder)
    (folder / "moderation" / "bans.yaml").write_text("bans: []\n")
    git("add", ".", folder=folder)
    git("commit", "-m", "x", folder=folder)
    return folder


def test_it_is_the_one_that_is_checked_out(repository: Path) -> None:
    commit = commit_of(str(repository / "moderation" / "bans.yaml"), {"GITHUB_SHA": ELSEWHERE})
    assert commit == git("rev-parse", "HEAD", folder=repository)


def test_it_is_found_from_the_folder_of_the_list(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository / "moderation")
    assert commit_of("bans.yaml", {}) == git("rev-parse", "HEAD", folder=repository)


def test_a_list_with_changes_is_of_no_commit(repository: Path) -> None:
    path = repository / "moderation" / "bans.yaml"
    path.write_text("bans: [] # changed\n")
    assert commit_of(str(path), {"GITHUB_SHA": ELSEWHERE}) is None


def test_line_breaks_that_git_makes_for_windows_are_no_change(repository: Path) -> None:
    path = repository / "moderation" / "bans.yaml"
    path.write_bytes(b"bans: []\r\n")
    assert commit_of(str(path), {}) == git("rev-parse", "HEAD", folder=repository)
    path.write_bytes(b"bans: []\r")
    assert commit_of(str(path), {}) is None


def test_a_list_that_was_never_committed_is_of_no_commit(repository: Path) -> None:
    path = repository / "new.yaml"
    path.write_text("bans: []\n")
    assert commit_of(str(path), {}) is None


def test_a_list_from_a_pipe_is_of_no_commit(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    assert commit_of(str(repository / "pipe"), {}) is None


def test_the_files_that_it_includes_belong_to_the_list(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    included = ["moderation/bans.d/a.yaml", "moderation/bans.d/ü b.yaml"]
    (repository / "moderation/bans.d").mkdir()
    for path in included:
        (repository / path).write_text("bans: []\n")
    assert commit_of("moderation/bans.yaml", {}) is not None
    assert commit_of("moderation/bans.yaml", {}, included) is None
    git("add", ".", folder=repository)
    git("commit", "-m", "y", folder=repository)
    assert commit_of("moderation/bans.yaml", {}, included) == git("rev-parse", "HEAD", folder=repository)
    (repository / included[1]).write_text("bans: [] # changed\n")
    assert commit_of("moderation/bans.yaml", {}, included) is None


def test_a_change_elsewhere_does_not_matter(repository: Path) -> None:
    (repository / "other.txt").write_text("x")
    assert commit_of(str(repository / "moderation" / "bans.yaml"), {}) is not None


@pytest.mark.parametrize("variable", ["GITHUB_SHA", "CI_COMMIT_SHA"])
def test_without_a_repository_it_is_what_the_ci_system_says(tmp_path: Path, variable: str) -> None:
    assert commit_of(str(tmp_path / "bans.yaml"), {variable: ELSEWHERE.upper()}) == ELSEWHERE


def test_without_git_it_is_what_the_ci_system_says(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    path = str(repository / "moderation" / "bans.yaml")
    assert commit_of(path, {"GITHUB_SHA": ELSEWHERE}) == ELSEWHERE
    assert commit_of(path, {}) is None


@pytest.mark.parametrize("nonsense", ["", "main", "a" * 39, "a" * 40 + "\n::error::x"])
def test_what_is_no_commit_is_none(tmp_path: Path, nonsense: str) -> None:
    assert commit_of(str(tmp_path / "bans.yaml"), {"GITHUB_SHA": nonsense}) is None


@pytest.mark.parametrize("name", ["bans.yaml", "-x", "a\0b", "x\ny", "nowhere/bans.yaml", ":/x", "é\udcff"])
def test_no_path_is_an_error(tmp_path: Path, name: str) -> None:
    assert commit_of(f"{tmp_path}/{name}", {}) is None


def test_git_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("reconciler.git.TIMEOUT", 0.1)
    assert commit_of(str(tmp_path / "bans.yaml"), {"GITHUB_SHA": ELSEWHERE}) == ELSEWHERE
