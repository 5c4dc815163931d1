"""Files that are replaced as a whole, whatever lies beside them."""

import os
from pathlib import Path

import pytest

from reconciler.atomic import TEMPORARY, replace_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "file"


def test_a_file_is_made_and_replaced_and_nothing_is_left_beside_it(path: Path) -> None:
    replace_file(path, b"one")
    replace_file(path, b"two" * 100_000)
    assert path.read_bytes() == b"two" * 100_000
    assert list(path.parent.iterdir()) == [path]


def test_a_file_keeps_its_mode(path: Path) -> None:
    path.write_bytes(b"one")
    path.chmod(0o640)
    replace_file(path, b"two")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_that_somebody_left_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"of somebody else")
    victim.chmod(0o600)
    path.with_name(path.name + TEMPORARY).symlink_to(victim)
    replace_file(path, b"ours")
    assert victim.read_bytes() == b"of somebody else"
    assert victim.stat().st_mode & 0o777 == 0o600
    assert not path.is_symlink()
    assert path.read_bytes() == b"ours"


def test_a_pipe_that_somebody_left_does_not_hang(path: Path) -> None:
    os.mkfifo(path.with_name(path.name + TEMPORARY))
    replace_file(path, b"ours")
    assert path.read_bytes() == b"ours"


def test_what_cannot_be_written_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(path, b"one")

    def full(_descriptor: int, _content: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]
