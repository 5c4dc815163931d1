"""The journal: what it holds, and what is made of one that a killed run left behind."""

import json
import os
from pathlib import Path

import pytest

from reconciler import BanKey, State, load_state
from reconciler.errors import EndpointMixed, StateDamaged, StateTooNew
from reconciler.state import file as state
from tests.builders import LINEAGE, LOBBY, SANDBOX, ban, recorded
from tests.stores.builders import HOLDER, RECORD, A, B, C, beside, kill_after_recording, store, warned, write


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
        opened.keep([(A, RECORD)])
        monkeypatch.setattr(os, "fsync", note)
        opened.keep([(B, RECORD), (C, RECORD)])
        monkeypatch.undo()
    assert len(written) == 1
    assert written[0] == beside(path, ".journal").read_bytes()


def test_records_are_on_disk_before_record_returns_and_reading_sees_them(path: Path) -> None:
    write(path, recorded(ban("b"), serial=5))
    kill_after_recording(path, (A, RECORD), (B, None))
    assert load_state(str(path)) == State(LINEAGE, 5, {A: RECORD})
    assert state.loads(path.read_text()) == recorded(ban("b"), serial=5)  # reading writes nothing


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
        opened.keep([(B, RECORD)])
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


@pytest.mark.parametrize("time", ["2027-02-31T00:00:00Z", "0001-01-01T00:00:00+10:00"])
def test_a_journal_with_a_time_that_does_not_exist_is_damaged(path: Path, time: str) -> None:
    head = f'{{"format_version": 1, "lineage": "{LINEAGE}", "serial": 0}}'
    line = f'{{"room_arn": "{LOBBY}", "user_id": "a", "record": {{"expires_at": "{time}"}}}}'
    beside(path, ".journal").write_text(f"{head}\n{line}\n")
    with pytest.raises(StateDamaged, match="journal is damaged"):
        store(path).read()


def test_what_the_state_would_not_take_the_journal_does_not_either(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    journal = beside(path, ".journal")
    for bad in ('"user_id": ""', f'"user_id": "{"x" * 129}"'):
        journal.write_text(journal.read_text().replace('"user_id": "a"', bad))
        with pytest.raises(StateDamaged, match="journal is damaged"):
            load_state(str(path))


def test_a_rehearsal_that_is_killed_before_its_first_save_stays_a_rehearsal(path: Path) -> None:
    with store(path).locked(HOLDER, 0, LINEAGE) as opened:
        opened.against(SANDBOX)
        opened.keep([(A, RECORD)])
    head, _ = map(json.loads, beside(path, ".journal").read_text().splitlines())
    assert head == {"format_version": 2, "lineage": LINEAGE, "serial": 0, "endpoint": SANDBOX}
    assert load_state(str(path)) == State(LINEAGE, 0, {A: RECORD}, SANDBOX)
    with store(path).locked(HOLDER, 0, "not used") as opened, pytest.raises(EndpointMixed):
        opened.against(None)


def test_a_journal_of_the_other_endpoint_is_another_state_s(path: Path) -> None:
    write(path, recorded(serial=5, endpoint=SANDBOX))
    kill_after_recording(path, (A, RECORD))
    write(path, recorded(serial=5))
    assert store(path).read() == recorded(serial=5)
    assert "belong to another state" in warned[0]


def test_a_journal_of_a_later_version_is_refused(path: Path) -> None:
    kill_after_recording(path, (A, RECORD))
    journal = beside(path, ".journal")
    journal.write_text(journal.read_text().replace('"format_version": 1', '"format_version": 3'))
    with pytest.raises(StateTooNew, match="Upgrade reconciler"):
        store(path).read()
