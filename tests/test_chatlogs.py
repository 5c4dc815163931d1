"""Where logs are found: files and folders, and what else may stand there."""

import os
from pathlib import Path
from threading import Thread

import pytest

from reconciler import reading
from reconciler.chatlogs import logs_at
from reconciler.errors import LogUnreadable


def names(location: str | Path) -> list[str]:
    return [log.name for log in logs_at(str(location))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.log", "a/2.log", "a/1.log", "a/deep/er/x", ".hidden", ".git/config", "a/.DS_Store"):
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_text(name)
    return tmp_path / "logs"


def test_a_folder_is_walked_in_order_without_what_is_hidden(folder: Path) -> None:
    expected = [str(folder / name) for name in ("a/1.log", "a/2.log", "a/deep/er/x", "b.log")]
    assert names(folder) == expected
    assert [log.asked_for for log in logs_at(str(folder))] == [False] * 4
    assert [b"".join(log.pieces()) for log in logs_at(str(folder))] == [
        b"a/1.log",
        b"a/2.log",
        b"a/deep/er/x",
        b"b.log",
    ]


def test_links_to_files_are_followed_and_those_to_folders_are_not(folder: Path) -> None:
    (folder / "c.log").symlink_to(folder / "b.log")
    (folder / "loop").symlink_to(folder)
    (folder / "a" / "up").symlink_to("..")
    (folder / "dangling").symlink_to("nowhere")
    assert [os.path.relpath(name, folder) for name in names(folder)] == [
        "a/1.log",
        "a/2.log",
        "a/deep/er/x",
        "b.log",
        "c.log",
    ]
    (folder.parent / "link").symlink_to(folder)
    assert len(names(folder.parent / "link")) == 5


def test_pipes_and_devices_in_a_folder_are_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert len(names(folder)) == 4


def test_a_file_is_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (log,) = logs_at("a/1.log")
    assert (log.name, log.place, log.asked_for) == ("a/1.log", str(folder / "a/1.log"), True)


def test_a_pipe_may_be_named_and_is_read_until_its_writer_closes_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writing = Thread(target=(tmp_path / "pipe").write_bytes, args=(b"x" * 3_000_000,), daemon=True)
    writing.start()
    (log,) = logs_at(str(tmp_path / "pipe"))
    pieces = list(log.pieces())
    assert b"".join(pieces) == b"x" * 3_000_000
    assert max(map(len, pieces)) <= 2**20
    writing.join()


def test_a_pipe_that_nobody_writes_to_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WRITER", 0.01)
    os.mkfifo(tmp_path / "pipe")
    (log,) = logs_at(str(tmp_path / "pipe"))
    with pytest.raises(OSError, match="nobody writes to it"):
        list(log.pieces())


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full"])
def test_devices_are_errors(name: str) -> None:
    (log,) = logs_at(name)
    with pytest.raises((OSError, ValueError), match="not a file"):
        list(log.pieces())


@pytest.mark.parametrize("name", ["nowhere", "a\0b"])
def test_what_is_not_there_is_an_error_before_anybody_asks_for_its_room(name: str) -> None:
    with pytest.raises(LogUnreadable, match="No such file"):
        list(logs_at(name))


def test_a_folder_that_can_not_be_listed_is_an_error(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may list every folder")
    (folder / "a").chmod(0)
    try:
        with pytest.raises(LogUnreadable, match=r"/a cannot be read: Permission denied"):
            names(folder)
    finally:
        (folder / "a").chmod(0o755)


def test_a_folder_may_be_deeper_than_python_recurses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    depth = 0
    here = os.open(".", os.O_RDONLY)
    while depth < 1500:
        os.mkdir("d", dir_fd=here)
        here, last = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(last)
        depth += 1
    os.close(here)
    try:
        assert names("d") == []
    finally:
        os.system("rm -rf d")
