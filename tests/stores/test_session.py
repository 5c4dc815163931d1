"""A run with its state: nothing that was recorded is lost, whatever happens to the process or to the disk."""

import errno
import os
import re
import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler import BanKey, Record, State, load_state
from reconciler.errors import EndpointMixed, PushRefused, StateChanged, StateUnwritable
from reconciler.state import file as state
from reconciler.state.value import Place, Published
from reconciler.stores.journal import Journal
from reconciler.stores.local import LocalStore
from reconciler.stores.session import Session
from tests.builders import LINEAGE, SANDBOX, ban, recorded
from tests.stores.builders import HOLDER, RECORD, A, B, C, beside, full_disk, kill_after_recording, store, warned, write


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


def test_what_is_saved_while_a_run_is_under_way_has_to_be_compared_with_the_denylist(path: Path) -> None:
    published = Published(Place("denylist.json", "bans"), serial=7)
    write(path, replace(recorded(ban("b")), published=published))
    with Session(
        store(path), Journal(beside(path, ".journal")), LINEAGE, journal_stays=False, recovery_folders=[], save_every=0
    ) as session:
        session.keep([(A, RECORD)])
        after_a_kill = load_state(str(path))
        session.save(published)
    assert (A in after_a_kill.records, after_a_kill.published) == (True, replace(published, serial=0))
    assert load_state(str(path)).published == published


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


# AWS, and what is not AWS


def test_the_first_run_decides_whom_a_state_tells_of(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.against(None)
        opened.against(SANDBOX)  # nothing has been recorded yet
        opened.keep([(A, RECORD)])
        with pytest.raises(
            EndpointMixed, match=f"records a rehearsal against {SANDBOX}, not on AWS, and this run calls"
        ):
            opened.against(None)
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD}, SANDBOX)


def test_a_state_that_was_written_keeps_to_whom_it_tells_of_also_when_it_is_empty(path: Path) -> None:
    write(path, recorded())
    with store(path).locked(HOLDER, 0, LINEAGE) as opened, pytest.raises(EndpointMixed, match="done on AWS, and"):
        opened.against(SANDBOX)


def test_all_endpoints_that_are_not_aws_are_alike_and_the_last_is_kept(path: Path) -> None:
    write(path, recorded(ban("b"), serial=5, endpoint="http://127.0.0.1:1"))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.against(SANDBOX)
        opened.keep([(B, None)])
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 6, {}, SANDBOX)
    assert state.loads(beside(path, ".backup").read_bytes()).endpoint == "http://127.0.0.1:1"


# What could not be saved


def fail_to_save(
    path: Path, monkeypatch: pytest.MonkeyPatch, *changes: tuple[BanKey, Record | None], lineage: str = LINEAGE
) -> Path:
    """A run whose disk is full, but for one file: what it says to do, and the file."""
    before = set(path.parent.glob("bans.state.recovered-*.json"))
    with store(path).locked(HOLDER, 0, lineage) as opened:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full_disk)
            with pytest.raises(StateUnwritable):
                opened.keep(changes)
            with pytest.raises(StateUnwritable) as caught:
                opened.save()
        beside(path, ".journal").unlink(missing_ok=True)  # another machine does not have it
    [recovered] = set(path.parent.glob("bans.state.recovered-*.json")) - before
    assert shlex.join(["reconciler", "state", "push", str(recovered), "--state", str(path)]) in str(caught.value)
    return recovered


def push(path: Path, recovered: Path) -> int | None:
    with store(path).locked(HOLDER, 0, "not used") as opened:
        return opened.push(*state.loads_recovery(recovered.read_bytes()))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("there", [None, recorded(ban("c"), serial=5)])
def test_two_runs_that_could_not_save_are_both_put_back_in_either_order(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: State | None, order: int
) -> None:
    if there is not None:
        write(path, there)
    one = fail_to_save(path, monkeypatch, (A, RECORD))
    other = fail_to_save(path, monkeypatch, (B, RECORD), lineage="another lineage")
    for recovered in (one, other)[::order]:
        push(path, recovered)
    merged = load_state(str(path))
    assert set(merged.records) == {A, B, *(() if there is None else there.records)}
    assert merged.serial == (2 if there is None else 7)
    assert push(path, one) == 0
    assert load_state(str(path)) == merged


def test_a_lift_that_could_not_be_saved_is_merged_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, recorded(ban("c"), serial=5))
    recovered = fail_to_save(path, monkeypatch, (C, None))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    assert push(path, recovered) == 1
    assert load_state(str(path)) == State(LINEAGE, 7, {A: RECORD})


def test_what_is_merged_does_not_forget_what_a_killed_run_recorded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, recorded(serial=5))
    recovered = fail_to_save(path, monkeypatch, (A, RECORD))
    kill_after_recording(path, (B, RECORD))
    assert push(path, recovered) == 1
    assert load_state(str(path)) == State(LINEAGE, 6, {A: RECORD, B: RECORD})


def test_a_recovery_of_a_rehearsal_does_not_get_into_the_state_of_aws(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, recorded(serial=5, endpoint=SANDBOX))
    recovered = fail_to_save(path, monkeypatch, (A, RECORD))
    assert state.loads(recovered.read_bytes()).endpoint == SANDBOX
    write(path, recorded(serial=5))
    with pytest.raises(PushRefused, match="do not go into one state"):
        push(path, recovered)
    assert load_state(str(path)) == recorded(serial=5)


def test_a_command_that_is_offered_can_be_run_anywhere_by_a_shell(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    relative = LocalStore("bans.state.json", warned.append)
    with relative.locked(HOLDER, 0, LINEAGE) as opened, monkeypatch.context() as patched:
        patched.setattr(os, "write", full_disk)
        with pytest.raises(StateUnwritable):
            opened.keep([(A, RECORD)])
        with pytest.raises(StateUnwritable) as caught:
            opened.save()
    [command] = re.findall(r"`(reconciler .*)`\.", str(caught.value))
    [recovered] = folder.glob("bans.state.recovered-*.json")
    assert shlex.split(command)[3:] == [str(recovered), "--state", str(folder / "bans.state.json")]
