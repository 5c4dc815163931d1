"""A denylist in a file: what is refused, what stays as it was, and that it is never half a document."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from reconciler import Ban, BanKey, Record, State
from reconciler.denylist import document
from reconciler.denylist.value import Contents
from reconciler.errors import (
    DenylistChanged,
    DenylistDamaged,
    DenylistError,
    DenylistTooNew,
    DenylistUnreadable,
    DenylistUnwritable,
    NotADenylist,
)
from reconciler.publishers import file
from reconciler.publishers.document import PAUSES
from reconciler.state import file as state
from tests.builders import LINEAGE, LOBBY, NOW, TOMORROW
from tests.denylist.builders import A, B, C, contents
from tests.effort import examples
from tests.publishers.places import Place, are_jittered

THOUSANDS = {BanKey(LOBBY, f"user{number}"): None for number in range(3000)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "denylist.json"


@pytest.fixture
def place(path: Path) -> Place:
    def none() -> Place:
        raise NotImplementedError

    return Place(str(path), another=none)


def identity(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mtime_ns


def publish(place: Place, entries: dict[BanKey, None]) -> None:
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    assert publisher.publish(entries) == {}
    publisher.end(len(entries))


def test_only_the_document_and_its_lock_are_written(place: Place, path: Path) -> None:
    publish(place, {A: None})
    assert path.read_bytes() == document.dumps(contents({A: None}))
    assert {file.name for file in path.parent.iterdir()} <= {"denylist.json", "denylist.json.lock"}


def test_a_document_is_written_once_in_a_publication_of_one_step(place: Place, path: Path) -> None:
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    publisher.publish({A: None})
    written = identity(path)
    publisher.publish({A: None})
    publisher.end(1)
    assert identity(path) == written


def test_provisional_entries_that_change_nothing_write_nothing(place: Place, path: Path) -> None:
    publish(place, {A: None})
    place.publisher().put_provisional({A: TOMORROW})
    written = identity(path)
    place.publisher().put_provisional({A: TOMORROW, B: NOW})
    place.publisher().take_provisional([C])
    assert identity(path) == written


def test_provisional_entries_that_have_ended_go_with_the_next_change(place: Place) -> None:
    publish(place, {A: None})
    place.publisher().put_provisional({A: TOMORROW})
    place.now = TOMORROW
    assert place.read().provisional == {A: TOMORROW}
    publish(place, {B: None})
    assert place.read().provisional == {}


@pytest.mark.parametrize(
    ("content", "error", "why"),
    [
        (b"version: 1\nbans: []\n", NotADenylist, "is not a denylist: it is not JSON. It is left as it is"),
        (state.dumps(State(LINEAGE, 1, {A: Record(Ban("x"), NOW, "id")})), NotADenylist, "it is a state file"),
        (b"", NotADenylist, "it is empty"),
        (document.dumps(contents({A: None}))[:-40], DenylistDamaged, "is damaged: it is not whole: .* no provisional"),
        (
            document.dumps(contents({})).replace(b'"format_version": 1', b'"format_version": 2'),
            DenylistTooNew,
            "Upgrade reconciler",
        ),
    ],
)
def test_what_is_no_denylist_of_ours_is_never_written_over(
    place: Place, path: Path, content: bytes, error: type[DenylistError], why: str
) -> None:
    path.write_bytes(content)
    publisher = place.publisher()
    for step in (
        publisher.read,
        lambda: publisher.begin(LINEAGE, 90),
        lambda: publisher.begin(LINEAGE, 90, adopt=True),
        lambda: publisher.retire(LINEAGE),
    ):
        with pytest.raises(error, match=why):
            step()
    assert {type(failure) for failure in publisher.put_provisional({A: TOMORROW}).values()} == {error}
    assert {type(failure) for failure in publisher.take_provisional([A]).values()} == {error}
    assert path.read_bytes() == content


def test_a_device_a_pipe_and_a_folder_are_no_denylist(place: Place, path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "pipe")
    for location, why in (("/dev/zero", "is not a file"), (path, "Is a directory"), (path / "pipe", "is not a file")):
        place.location = str(location)
        with pytest.raises(DenylistUnreadable, match=why):
            place.publisher().begin(LINEAGE, 90)


def test_no_more_is_read_than_a_denylist_can_be(place: Place, path: Path) -> None:
    with path.open("wb") as vast:
        vast.truncate(2**40)
    with pytest.raises(DenylistUnreadable, match="cannot be read: it is larger than 256 MiB"):
        place.publisher().begin(LINEAGE, 90)
    assert path.stat().st_size == 2**40


@pytest.mark.parametrize("location", ["/", "a\0b", "x" * 300 + "/denylist.json"])
def test_what_is_no_place_is_said_so(place: Place, location: str) -> None:
    place.location = location
    with pytest.raises(DenylistError):
        publish(place, {A: None})


def test_where_the_folder_is_gone_there_is_nothing_to_retire(place: Place, path: Path) -> None:
    place.location = str(path.parent / "missing" / "denylist.json")
    place.publisher().retire(LINEAGE)
    assert not (path.parent / "missing").exists()


def test_a_missing_folder_is_not_made(place: Place, path: Path) -> None:
    place.location = str(path.parent / "missing" / "denylist.json")
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    failed = publisher.publish({A: None})
    assert str(failed[A]) == (f"{place.location} cannot be written: there is no folder {path.parent / 'missing'}.")
    assert not (path.parent / "missing").exists()


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOSPC, "cannot be written: No space left on device."),
        (errno.EACCES, "cannot be written: Permission denied. Let the user who runs this write in "),
    ],
)
def test_what_cannot_be_written_fails_all_together_and_stays_as_it_was(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    publish(place, {A: None})
    before = path.read_bytes()

    def refuse(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file, "replace_file", refuse)
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    failed = publisher.publish({B: None}, remove=[A])
    assert failed.keys() == {A, B}
    assert isinstance(failed[B], DenylistUnwritable)
    assert why in str(failed[B])
    assert path.read_bytes() == before


def test_behind_a_link_the_file_itself_is_replaced_and_keeps_its_mode(place: Place, path: Path) -> None:
    real = path.with_name("real.json")
    path.symlink_to(real)
    publish(place, {A: None})
    real.chmod(0o640)
    publish(place, {B: None})
    assert path.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert document.loads(real.read_bytes()).bans == {A: None, B: None}


def test_a_lock_that_stays_held_is_waited_for_and_then_named(place: Place, path: Path) -> None:
    publish(place, {A: None})
    with FileLock(f"{path}.lock"):
        failed = place.publisher().put_provisional({A: TOMORROW})
    assert str(failed[A]) == (f"{path} cannot be written: another process has held {path}.lock for 30 s.")
    assert sum(place.pauses) == pytest.approx(30)


def test_waiting_for_the_lock_ends_when_the_run_is_to_stop(place: Place, path: Path) -> None:
    publish(place, {A: None})
    place.stopped = True
    with FileLock(f"{path}.lock"):
        failed = place.publisher().put_provisional({A: TOMORROW})
    assert str(failed[A]) == f"The run was stopped before {path} could be written."
    assert len(place.pauses) == 1


def test_a_denylist_that_somebody_edits_at_the_same_time_is_read_again(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, {A: None})
    dumps = document.dumps
    edited_by_hand = dumps(contents({A: None, C: None})).replace(b'"count": 2', b'"count": 1')
    edits = iter([edited_by_hand])

    def edit_meanwhile(written: Contents) -> bytes:
        for edited in edits:
            path.write_bytes(edited)
        return dumps(written)

    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    monkeypatch.setattr(document, "dumps", edit_meanwhile)
    assert publisher.publish({B: None}) == {}
    assert place.read().bans == {A: None, B: None, C: None}


def test_a_denylist_that_is_always_edited_meanwhile_is_given_up(
    place: Place, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(place, {A: None})
    dumps = document.dumps

    def edit_meanwhile(written: Contents) -> bytes:
        path.write_bytes(dumps(contents({A: None})))
        return dumps(written)

    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    monkeypatch.setattr(document, "dumps", edit_meanwhile)
    failed = publisher.publish({B: None})
    assert str(failed[B]) == (
        f"{path} cannot be written: 8 times somebody else replaced it in the same moment. Find out what writes there,"
        " and apply again."
    )
    assert are_jittered(place.pauses, PAUSES)


def test_a_denylist_that_is_gone_in_the_middle_of_a_run_is_not_begun_anew_with_less(place: Place, path: Path) -> None:
    publish(place, {A: None, C: None})
    publisher = place.publisher()
    publisher.begin(LINEAGE, 90)
    path.unlink()
    assert isinstance(publisher.publish({B: None})[B], DenylistChanged)
    assert not path.exists()


@pytest.fixture
def writers() -> Iterator[list[subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


def test_a_killed_run_leaves_the_old_document_or_the_new_one(
    place: Place, path: Path, writers: list[subprocess.Popen[bytes]]
) -> None:
    publish(place, {A: None})
    code = (
        "import sys; from tests.publishers.test_file import *\n"
        "place = Place(sys.argv[1], another=lambda: place)\n"
        "while True:\n    publish(place, {A: None})\n    publish(place, THOUSANDS)\n    print('x', flush=True)\n"
    )
    here = str(Path(__file__).parents[2])
    for kill in range(examples(5, 40)):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": here}
        )
        writers.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.003 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert set(place.read().bans) in ({A}, {A, *THOUSANDS})
        publish(place, {B: None})
        assert B in place.read().bans
        place.publisher().retire(LINEAGE)
        publish(place, {A: None})


def test_publishing_in_a_file_does_not_import_boto3(path: Path) -> None:
    code = (
        "import sys; from reconciler.publishers import open_publisher\n"
        f"print(open_publisher({str(path)!r}, now=None, sleep=None).read())\n"
        "sys.exit('boto3' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
