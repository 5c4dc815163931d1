"""The state in a file: what is read, what is damaged, what stays as it was, and who holds the lock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import State, load_state
from reconciler.errors import StateDamaged, StateError, StateLocked, StateTooNew, StateUnreadable, StateUnwritable
from reconciler.state import file as state
from reconciler.stores import open_store
from reconciler.stores.local import LocalStore
from tests.builders import LINEAGE, recorded
from tests.stores.builders import HOLDER, RECORD, A, beside, kill_after_recording, store, warned, write


def test_no_file_is_an_empty_state(path: Path) -> None:
    assert load_state(str(path)) == State()
    assert list(path.parent.iterdir()) == []


def test_what_is_saved_is_read(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    assert load_state(str(path)) == State(LINEAGE, 1, {A: RECORD})


def test_only_the_state_the_backup_and_the_lock_remain(path: Path) -> None:
    write(path, recorded())
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "bans.state.json",
        "bans.state.json.backup",
        "bans.state.json.lock",
    ]


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


def test_a_folder_in_place_of_the_state_is_unreadable(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateUnreadable, match="directory"):
        load_state(str(path))


def test_other_schemes_are_refused() -> None:
    with pytest.raises(StateUnreadable, match="ftp:// is not a place for the state"):
        open_store("ftp://host/state.json")


def test_a_state_that_is_gone_while_its_backup_is_there_is_not_an_empty_one(path: Path) -> None:
    write(path, recorded(serial=5))
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    path.unlink()
    with pytest.raises(StateDamaged, match=r"bans\.state\.json\.backup, so there was one. Copy that back"):
        load_state(str(path))
    beside(path, ".backup").unlink()
    assert load_state(str(path)) == State()


def test_a_missing_folder_is_an_error_before_anything_is_done(tmp_path: Path) -> None:
    with (
        pytest.raises(StateUnwritable, match="there is no folder"),
        store(tmp_path / "missing" / "state.json").locked(HOLDER, 0, LINEAGE),
    ):
        pytest.fail("locked")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_an_error_before_anything_is_done(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with (
        pytest.raises(StateUnwritable, match="Permission denied"),
        store(tmp_path / "state.json").locked(HOLDER, 0, LINEAGE),
    ):
        pytest.fail("locked")


@pytest.mark.parametrize("location", ["/", "a\0b", "x" * 300 + "/state.json", "."])
def test_what_is_no_place_is_said_so(location: str) -> None:
    with pytest.raises(StateError), open_store(location, warned.append).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])


def test_the_mode_of_the_state_stays(path: Path) -> None:
    write(path, recorded())
    path.chmod(0o640)
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    assert path.stat().st_mode & 0o777 == 0o640


def test_behind_a_link_the_file_itself_is_replaced(path: Path) -> None:
    real = path.with_name("real.json")
    write(real, recorded())
    path.symlink_to(real)
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.keep([(A, RECORD)])
        opened.save()
    assert path.is_symlink()
    assert A in state.loads(real.read_text()).records


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


@pytest.mark.parametrize("suffix", ["", ".journal"])
def test_a_state_and_its_journal_have_a_limit(path: Path, suffix: str) -> None:
    write(path, recorded())
    with beside(path, suffix).open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(StateUnreadable, match="larger than 2,048 MiB"):
        load_state(str(path))
