"""The state on disk: nothing that was recorded is lost, whatever happens to the process or to the files."""

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reconciler import Ban, BanKey, Record, State, load_state
from reconciler.errors import (
    StateChanged,
    StateDamaged,
    StateError,
    StateLocked,
    StateTooNew,
    StateUnreadable,
    StateUnwritable,
)
from reconciler.state import file as state
from reconciler.stores import open_store
from reconciler.stores.holder import Holder
from reconciler.stores.journal import Journal
from reconciler.stores.local import LocalStore
from reconciler.stores.session import JournaledSession
from tests.builders import LINEAGE, LOBBY, NOW, ban, recorded

warned: list[str] = []
HOLDER = Holder("apply", "alice", "build-7", 4242, NOW)
A, B, C = BanKey(LOBBY, "a"), BanKey(LOBBY, "b"), BanKey(LOBBY, "c")
RECORD = Record(Ban("Spam"), NOW, "id")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    warned.clear()
    return tmp_path / "bans.state.json"


def store(path: Path) -> LocalStore:
    return LocalStore(str(path), warn=warned.append)


def kill_after_recording(path: Path, *changes: tuple[BanKey, Record | None], lineage: str = LINEAGE) -> None:
    """What a process leaves behind that records this and is killed before it saves."""
    journal = Journal(beside(path, ".journal"))
    with JournaledSession(
        store(path), journal, lineage, warn=warned.append, journal_stays=True, recovery_folders=[]
    ) as session:
        session.record(changes)


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def write(path: Path, content: State) -> None:
    path.write_bytes(state.dumps(content))


def test_no_file_is_an_empty_state(path: Path) -> None:
    assert load_state(str(path)) == State()
    assert list(path.parent.iterdir()) == []


def test_what_is_saved_is_read(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD})


def test_each_save_is_one_generation_and_keeps_the_one_before(path: Path) -> None:
    write(path, recorded(ban("b"), serial=5))
    with store(path).locked(HOLDER, 0, "not used") as opened:
        opened.record([(A, RECORD)])
        opened.record([(B, None)])
        opened.save()
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 6, {A: RECORD})
    assert state.loads(beside(path, ".backup").read_text()) == recorded(ban("b"), serial=5)


def test_saving_nothing_writes_nothing(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([])
        opened.save()
    assert not path.exists()
    assert not beside(path, ".journal").exists()


def test_only_the_state_the_backup_and_the_lock_remain(path: Path) -> None:
    write(path, recorded())
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        opened.save()
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "bans.state.json",
        "bans.state.json.backup",
        "bans.state.json.lock",
    ]


def test_records_are_on_disk_before_record_returns_and_reading_sees_them(path: Path) -> None:
    write(path, recorded(ban("b"), serial=5))
    kill_after_recording(path, (A, RECORD), (B, None))
    assert load_state(str(path)) == State(LINEAGE, 5, {A: RECORD})
    assert state.loads(path.read_text()) == recorded(ban("b"), serial=5)  # reading writes nothing


def test_the_next_run_takes_over_what_a_killed_one_recorded(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    with store(path).locked(HOLDER, 0, "another lineage") as opened:
        assert opened.state.records == {A: RECORD}
        opened.record([(B, RECORD)])
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD, B: RECORD})
    assert not beside(path, ".journal").exists()


def test_a_run_that_is_killed_again_keeps_what_both_recorded(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    kill_after_recording(path, (B, RECORD), lineage="another lineage")
    assert load_state(str(path)) == State(LINEAGE, 0, {A: RECORD, B: RECORD})


def test_a_line_that_was_cut_off_by_the_kill_is_ignored(path: Path) -> None:
    kill_after_recording(path, (A, RECORD), (B, RECORD))
    journal = beside(path, ".journal")
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) - len(lines[-1]), len(whole)):
        journal.write_bytes(whole[:length])
        assert load_state(str(path)).records == {A: RECORD}
    for length in range(len(lines[0])):
        journal.write_bytes(whole[:length])
        assert load_state(str(path)) == State()


def test_a_cut_off_line_is_gone_once_the_next_run_records(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    with beside(path, ".journal").open("ab") as journal:
        journal.write(b'{"room_arn": "arn:aws')
    kill_after_recording(path, (B, RECORD))
    assert load_state(str(path)).records == {A: RECORD, B: RECORD}


def test_a_journal_that_is_folded_already_is_ignored(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    journal = beside(path, ".journal").read_bytes()
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.save()
    beside(path, ".journal").write_bytes(journal)  # killed after the state was written
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD})


@pytest.mark.parametrize(
    ("other", "belongs"),
    [
        (recorded(serial=9), "generation 5 of the state, and this is generation 9"),
        (recorded(serial=4), "generation 5 of the state, and this is generation 4"),
        (recorded(serial=5, lineage="0" * 8 + LINEAGE[8:]), "another state"),
    ],
)
def test_a_journal_of_another_state_is_left_aside_and_said_so(path: Path, other: State, belongs: str) -> None:
    write(path, recorded(serial=5))
    kill_after_recording(path, (A, RECORD))
    journal = beside(path, ".journal").read_bytes()
    write(path, other)
    assert store(path).read() == other
    assert len(warned) == 1
    assert belongs in warned[0]
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(B, RECORD)])
        opened.save()
    assert load_state(str(path)).records == {B: RECORD}
    assert beside(path, ".journal.aside").read_bytes() == journal


def test_a_damaged_journal_is_an_error(path: Path) -> None:
    kill_after_recording(path, (A, RECORD), (B, RECORD))
    journal = beside(path, ".journal")
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(StateDamaged, match=r"journal is damaged"):
        load_state(str(path))


def test_a_damaged_state_is_an_error_that_names_the_backup(path: Path) -> None:
    path.write_text("{")
    beside(path, ".backup").write_bytes(state.dumps(recorded()))
    with pytest.raises(StateDamaged) as caught:
        load_state(str(path))
    assert f"{path} is not a state file" in str(caught.value)
    assert f"copy the good one to {path}" in str(caught.value)
    assert "bans.state.json.backup" in str(caught.value)


def test_a_damaged_state_without_a_backup_sends_to_git(path: Path) -> None:
    path.write_text("{}")
    with pytest.raises(StateDamaged, match=r"There is no bans\.state\.json\.backup .* git"):
        load_state(str(path))


def test_a_newer_state_is_refused_with_the_way_out(path: Path) -> None:
    path.write_text('{"format_version": 9}')
    with pytest.raises(StateTooNew, match=r"format 9.*Upgrade reconciler"):
        load_state(str(path))


def test_a_device_in_place_of_the_state_is_not_read_without_an_end() -> None:
    with pytest.raises(StateUnreadable, match="it is not a file"):
        store(Path("/dev/zero")).read()


@pytest.mark.parametrize("time", ["2027-02-31T00:00:00Z", "0001-01-01T00:00:00+10:00"])
def test_a_journal_with_a_time_that_does_not_exist_is_damaged(path: Path, time: str) -> None:
    head = f'{{"format_version": 1, "lineage": "{LINEAGE}", "serial": 0}}'
    line = f'{{"room_arn": "{LOBBY}", "user_id": "a", "record": {{"expires_at": "{time}"}}}}'
    beside(path, ".journal").write_text(f"{head}\n{line}\n")
    with pytest.raises(StateDamaged, match="journal is damaged"):
        store(path).read()


def test_a_folder_in_place_of_the_state_is_unreadable(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateUnreadable, match="directory"):
        load_state(str(path))


def test_other_schemes_are_refused() -> None:
    with pytest.raises(StateUnreadable, match="ftp:// is not a place for the state"):
        open_store("ftp://host/state.json")


def test_a_failed_write_leaves_the_old_state_and_the_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    write(path, recorded(serial=5))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(StateUnwritable, match=r"No space left .* Nothing is lost: .* next apply takes it in"):
            opened.save()
        monkeypatch.undo()
    assert state.loads(path.read_text()) == recorded(serial=5)
    assert load_state(str(path)) == State(LINEAGE, 5, {A: RECORD})
    assert not [file for file in path.parent.iterdir() if ".tmp" in file.name]


def full_disk(*_arguments: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_the_journal_cannot_take_is_saved_at_the_end_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full_disk)
            with pytest.raises(StateUnwritable, match="No space left on device"):
                opened.record([(B, RECORD)])
        opened.save()
    assert load_state(str(path)).records == {A: RECORD, B: RECORD}


def test_a_journal_that_failed_once_is_begun_anew_and_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_written = os.write

    def half(descriptor: int, content: memoryview) -> int:
        half_written(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            with pytest.raises(StateUnwritable):
                opened.record([(B, RECORD)])
        opened.record([(C, RECORD)])
        assert load_state(str(path)).records == {A: RECORD, B: RECORD, C: RECORD}


def test_when_nothing_can_be_written_beside_the_state_it_goes_to_the_temporary_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(path.parent.parent))
    mkstemp = tempfile.mkstemp

    def full_here(prefix: str, suffix: str, dir: Path) -> tuple[int, str]:
        if dir == path.parent:
            full_disk()
        return mkstemp(prefix=prefix, suffix=suffix, dir=dir)

    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        monkeypatch.setattr(os, "write", full_disk)
        with pytest.raises(StateUnwritable):
            opened.record([(A, RECORD)])
        monkeypatch.setattr(Path, "replace", full_disk)
        monkeypatch.setattr(tempfile, "mkstemp", full_here)
        with pytest.raises(StateUnwritable) as caught:
            opened.save()
        monkeypatch.undo()
    [recovered] = path.parent.parent.glob("bans.state.recovered-*.json")
    assert f"reconciler state push {recovered} --state {path}" in str(caught.value)
    assert load_state(str(recovered)).records == {A: RECORD}


def test_a_state_that_somebody_else_changed_meanwhile_is_not_written_over(path: Path) -> None:
    write(path, recorded(serial=5))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        write(path, recorded(ban("b"), serial=6))
        with pytest.raises(StateChanged, match="changed by somebody else"):
            opened.save()
    assert state.loads(path.read_text()) == recorded(ban("b"), serial=6)
    [recovered] = path.parent.glob("bans.state.recovered-*.json")
    assert state.loads(recovered.read_text()).records == {A: RECORD}


def test_a_state_that_is_gone_while_its_backup_is_there_is_not_an_empty_one(path: Path) -> None:
    write(path, recorded(serial=5))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        opened.save()
    path.unlink()
    with pytest.raises(StateDamaged, match=r"bans\.state\.json\.backup, so there was one: copy that back"):
        load_state(str(path))
    beside(path, ".backup").unlink()
    assert load_state(str(path)) == State()


def test_a_missing_folder_is_an_error_before_anything_is_done(tmp_path: Path) -> None:
    with (
        pytest.raises(StateUnwritable, match="there is no folder"),
        store(tmp_path / "missing" / "state.json").locked(HOLDER, 0, LINEAGE),
    ):
        pytest.fail("locked")


def test_the_mode_of_the_state_stays(path: Path) -> None:
    write(path, recorded())
    path.chmod(0o640)
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        opened.save()
    assert path.stat().st_mode & 0o777 == 0o640


def test_behind_a_link_the_file_itself_is_replaced(path: Path) -> None:
    real = path.with_name("real.json")
    write(real, recorded())
    path.symlink_to(real)
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        opened.save()
    assert path.is_symlink()
    assert A in state.loads(real.read_text()).records


def test_a_held_lock_says_who_holds_it(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE):
        with pytest.raises(StateLocked) as caught, store(path).locked(HOLDER, 0, LINEAGE):
            pytest.fail("locked twice")
        assert load_state(str(path)) == State()  # reading needs no lock
    assert str(caught.value) == (
        f"{path} is locked by `apply` of alice on build-7 (process 4242, since 2026-11-22 16:00:00 UTC)."
        " Wait for it to end, or give --lock-timeout to wait here."
    )


def test_a_lock_is_free_again_after_an_error(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), store(path).locked(HOLDER, 0, LINEAGE):
        raise ZeroDivisionError
    with store(path).locked(HOLDER, 0, LINEAGE):
        pass


def test_a_lock_dies_with_its_process(path: Path) -> None:
    hold = (
        "import sys; from datetime import UTC, datetime\n"
        "from reconciler.stores import open_store; from reconciler.stores.holder import Holder\n"
        f"with open_store({str(path)!r}).locked(Holder('apply', 'u', 'h', 1, datetime.now(UTC)), 0, {LINEAGE!r}):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdin is not None
    with process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(StateLocked), store(path).locked(HOLDER, 0, LINEAGE):
            pytest.fail("locked twice")
        process.kill()
        process.wait()
        with store(path).locked(HOLDER, 5, LINEAGE):
            pass


def test_the_journal_is_readable_json_lines(path: Path) -> None:
    kill_after_recording(path, (BanKey(LOBBY, "a\nb"), RECORD), (B, None))
    head, first, second = map(json.loads, beside(path, ".journal").read_text().splitlines())
    assert head == {"format_version": 1, "lineage": LINEAGE, "serial": 0}
    assert first == {
        "room_arn": LOBBY,
        "user_id": "a\nb",
        "record": {"reason": "Spam", "expires_at": None, "disconnected_at": "2026-11-22T16:00:00Z", "request_id": "id"},
    }
    assert second["record"] is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_an_error_before_anything_is_done(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with (
        pytest.raises(StateUnwritable, match="Permission denied"),
        store(tmp_path / "state.json").locked(HOLDER, 0, LINEAGE),
    ):
        pytest.fail("locked")


def test_what_the_state_would_not_take_the_journal_does_not_either(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    journal = beside(path, ".journal")
    for bad in ('"user_id": ""', f'"user_id": "{"x" * 129}"'):
        journal.write_text(journal.read_text().replace('"user_id": "a"', bad))
        with pytest.raises(StateDamaged, match="journal is damaged"):
            load_state(str(path))


@pytest.mark.parametrize("location", ["/", "a\0b", "x" * 300 + "/state.json", "."])
def test_what_is_no_place_is_said_so(location: str) -> None:
    with pytest.raises(StateError), open_store(location, warned.append).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])


def test_reading_while_an_apply_saves_sees_one_of_the_two(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_after_recording(path, (A, RECORD))
    reader = store(path)
    load = LocalStore.load

    def save_meanwhile(self: LocalStore) -> object:
        before = load(self)
        if self is reader and not path.exists():
            with store(path).locked(HOLDER, 0, LINEAGE) as opened:
                opened.save()
        return before

    monkeypatch.setattr(LocalStore, "load", save_meanwhile)
    assert reader.read().records == {A: RECORD}
    assert warned == []


def test_each_group_of_records_is_forced_to_the_disk_once_before_record_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        journal = beside(path, ".journal")
        written.append(journal.read_bytes() if journal.exists() else b"")

    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.record([(A, RECORD)])
        monkeypatch.setattr(os, "fsync", note)
        opened.record([(B, RECORD), (C, RECORD)])
        monkeypatch.undo()
    assert len(written) == 1
    assert written[0] == beside(path, ".journal").read_bytes()
