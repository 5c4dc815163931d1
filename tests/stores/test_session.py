"""A run with its state: nothing that was recorded is lost, whatever happens to the process or to the disk."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from reconciler import State, load_state
from reconciler.errors import StateChanged, StateUnwritable
from reconciler.state import file as state
from reconciler.stores.journal import Journal
from reconciler.stores.session import Session
from tests.builders import LINEAGE, ban, recorded
from tests.stores.builders import HOLDER, RECORD, A, B, C, beside, full_disk, kill_after_recording, store, write


def test_each_save_is_one_generation_and_keeps_the_one_before(path: Path) -> None:
    write(path, recorded(ban("b"), serial=5))
    with store(path).locked(HOLDER, 0, "not used") as opened:
        opened.keep([(A, RECORD)])
        opened.keep([(B, None)])
        opened.save()
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 6, {A: RECORD})
    assert state.loads(beside(path, ".backup").read_text()) == recorded(ban("b"), serial=5)


def test_saving_nothing_writes_nothing(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([])
        opened.save()
    assert not path.exists()
    assert not beside(path, ".journal").exists()


def test_the_next_run_takes_over_what_a_killed_one_recorded(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    with store(path).locked(HOLDER, 0, "another lineage") as opened:
        assert opened.state.records == {A: RECORD}
        opened.keep([(B, RECORD)])
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD, B: RECORD})
    assert not beside(path, ".journal").exists()


def test_a_run_that_is_killed_again_keeps_what_both_recorded(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    kill_after_recording(path, (B, RECORD), lineage="another lineage")
    assert load_state(str(path)) == State(LINEAGE, 0, {A: RECORD, B: RECORD})


def test_a_failed_write_leaves_the_old_state_and_the_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    write(path, recorded(serial=5))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(StateUnwritable, match=r"No space left .* Nothing is lost: .* next apply takes it in"):
            opened.save()
        monkeypatch.undo()
    assert state.loads(path.read_text()) == recorded(serial=5)
    assert load_state(str(path)) == State(LINEAGE, 5, {A: RECORD})
    assert not [file for file in path.parent.iterdir() if ".tmp" in file.name]


def test_what_the_journal_cannot_take_is_saved_at_the_end_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full_disk)
            with pytest.raises(StateUnwritable, match="No space left on device"):
                opened.keep([(B, RECORD)])
        opened.save()
    assert load_state(str(path)).records == {A: RECORD, B: RECORD}


def test_a_journal_that_failed_once_is_begun_anew_and_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half_written = os.write

    def half(descriptor: int, content: memoryview) -> int:
        half_written(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", half)
            with pytest.raises(StateUnwritable):
                opened.keep([(B, RECORD)])
        opened.keep([(C, RECORD)])
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
            opened.keep([(A, RECORD)])
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
        opened.keep([(A, RECORD)])
        write(path, recorded(ban("b"), serial=6))
        with pytest.raises(StateChanged, match="changed by somebody else"):
            opened.save()
    assert state.loads(path.read_text()) == recorded(ban("b"), serial=6)
    [recovered] = path.parent.glob("bans.state.recovered-*.json")
    assert state.loads(recovered.read_text()).records == {A: RECORD}


def test_a_run_that_saves_now_and_then_waits_as_long_as_it_is_told(path: Path) -> None:
    now = 1000.0
    journal = Journal(beside(path, ".journal"))
    with Session(
        store(path), journal, LINEAGE, journal_stays=False, recovery_folders=[], save_every=20, clock=lambda: now
    ) as session:
        for seconds, user, saved in ((19, A, set()), (1, B, {A, B}), (19, C, {A, B})):
            now += seconds
            session.keep([(user, RECORD)])
            assert (set(state.loads(path.read_bytes()).records) if path.exists() else set()) == saved
        session.save()
    assert load_state(str(path)) == State(LINEAGE, 2, {A: RECORD, B: RECORD, C: RECORD})
