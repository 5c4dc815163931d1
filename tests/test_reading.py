"""Files that are read whole, and what else may stand where a file should."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from reconciler import reading
from reconciler.reading import read_beginning, read_file_or_pipe, read_regular_file

READERS: list[Callable[[str | Path, int], bytes]] = [read_regular_file, read_file_or_pipe]


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe that nobody has opened, for readers with little patience."""
    monkeypatch.setattr(reading, "_WRITER", 0.01)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def writing(pipe: Path, *pieces: bytes) -> Thread:
    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    thread = Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("read", READERS)
def test_a_file_is_read_whole(read: Callable[[str | Path, int], bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"x", bytes(3_000_000)):
        path.write_bytes(content)
        assert read(path, 3_000_000) == content


@pytest.mark.parametrize("read", READERS)
def test_a_file_has_at_most_so_many_bytes(read: Callable[[str | Path, int], bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(11))
    with pytest.raises(OSError, match="larger than 0 MiB"):
        read(path, 10)
    with path.open("wb") as file:
        file.truncate(2**33)  # it is refused by its size, and not read
    with pytest.raises(OSError, match="larger than 2,048 MiB"):
        read(path, reading.MAX_OWN)


@pytest.mark.parametrize("read", READERS)
def test_a_file_whose_size_is_not_known_before_has_a_limit_too(read: Callable[[str | Path, int], bytes]) -> None:
    path = "/proc/self/maps"
    if not os.path.exists(path):
        pytest.skip("there is no /proc")
    assert os.stat(path).st_size == 0
    assert read(path, 10_000_000).count(b"\n") > 10
    with pytest.raises(OSError, match="larger than"):
        read(path, 100)


@pytest.mark.parametrize("read", [*READERS, read_beginning])
def test_what_is_neither_file_nor_pipe_is_refused(read: Callable[[str | Path, int], bytes], tmp_path: Path) -> None:
    for path in ("/dev/zero", "/dev/null"):
        with pytest.raises(OSError, match="it is not a file"):
            read(path, 10)
    with pytest.raises(IsADirectoryError):
        read(tmp_path, 10)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", 10)
    with pytest.raises(ValueError, match="null"):
        read("a\0b", 10)


@pytest.mark.parametrize("read", [read_regular_file, read_beginning])
def test_a_pipe_is_no_file_and_is_not_waited_for(read: Callable[[str | Path, int], bytes], pipe: Path) -> None:
    with pytest.raises(OSError, match="it is not a file"):
        read(pipe, 10)


def test_a_pipe_is_read_to_its_end(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WRITER", 10)
    for pieces in ([], [b"x"], [b"a", bytes(200_000), b"z"]):
        thread = writing(pipe, *pieces)
        assert read_file_or_pipe(pipe, 300_000) == b"".join(pieces)
        thread.join()


def test_a_pipe_that_was_written_before_it_is_opened_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"bans: []\n")
    os.close(writer)
    assert read_file_or_pipe(f"/dev/fd/{reader}", 100) == b"bans: []\n"
    assert read_file_or_pipe(f"/dev/fd/{reader}", 100) == b""
    os.close(reader)


def test_a_pipe_without_end_is_not_read_to_it(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_WRITER", 10)
    ended = []

    def write() -> None:
        try:
            with pipe.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(65_536))
        except BrokenPipeError:
            ended.append(True)

    thread = Thread(target=write)
    thread.start()
    with pytest.raises(OSError, match="larger than 1 MiB"):
        read_file_or_pipe(pipe, reading.MEBIBYTE)
    thread.join()
    assert ended


def test_a_pipe_that_nobody_writes_to_is_an_error_soon(pipe: Path) -> None:
    with pytest.raises(OSError, match="it is a pipe, and nobody writes to it"):
        read_file_or_pipe(pipe, 10)


def test_a_pipe_whose_writer_is_silent_is_an_error_later(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_SILENCE", 0.05)
    writer = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(OSError, match="nothing came out of the pipe for 0 s"):
            read_file_or_pipe(pipe, 10)
    finally:
        os.close(writer)


def test_the_beginning_of_a_file_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert read_beginning(tmp_path / "file", 2) == b"ab"
    assert read_beginning(tmp_path / "file", 20) == b"abc"
