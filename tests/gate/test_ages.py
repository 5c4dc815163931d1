"""How old a copy may be, who renews it, and what serves while it cannot be renewed."""

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler import gate as gate_module
from reconciler.gate import DenylistUnavailable, Gate

from . import node
from .builders import Clock, admitted, checked, eventually, old, publish


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that have been parsed."""
    parsed: list[str] = []
    parse = gate_module._parsed

    def counting(text: str, *more: Any) -> Any:
        parsed.append(text)
        return parse(text, *more)

    monkeypatch.setattr(gate_module, "_parsed", counting)
    return parsed


def test_a_young_copy_answers_without_a_look_at_the_file(tmp_path: Path, clock: Clock) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), max_age=10, timeout=20)
    assert checked(gate, "zed") == "free"
    publish(tmp_path / "bans.json", "zed")
    clock.turn(4.9)
    assert checked(gate, "zed") == "free"
    time.sleep(0.2)
    assert checked(gate, "zed") == "free"


def test_from_half_of_its_age_on_a_copy_is_renewed_while_it_still_answers(tmp_path: Path, clock: Clock) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), max_age=10, timeout=20)
    assert checked(gate, "zed") == "free"
    publish(tmp_path / "bans.json", "zed")
    clock.turn(5.1)
    assert checked(gate, "zed") == "free"
    eventually(lambda: checked(gate, "zed") == "banned")


@pytest.mark.parametrize("word", [checked, admitted])
def test_an_old_copy_answers_nobody_who_can_wait_for_a_new_one(tmp_path: Path, clock: Clock, word: Any) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), max_age=10, timeout=20)
    assert word(gate, "zed") == "free"
    publish(tmp_path / "bans.json", "zed")
    clock.turn(10.1)
    assert word(gate, "zed") == "banned"


@pytest.mark.parametrize("hand", ["clock", "wall"])
def test_a_copy_is_as_old_as_either_clock_says(tmp_path: Path, clock: Clock, hand: str) -> None:
    """The machine slept, or was stopped from outside: one of the clocks may have missed that."""
    gate = Gate(publish(tmp_path / "bans.json"), timeout=20)
    assert checked(gate, "zed") == "free"
    publish(tmp_path / "bans.json", "zed")
    setattr(clock, hand, getattr(clock, hand) + 60)
    assert checked(gate, "zed") == "banned"


def test_setting_the_time_of_day_back_makes_no_copy_younger(tmp_path: Path, clock: Clock) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), timeout=20)
    assert checked(gate, "zed") == "free"
    publish(tmp_path / "bans.json", "zed")
    clock.turn(60)
    clock.wall -= 3600
    assert checked(gate, "zed") == "banned"


def test_the_real_clock_goes_on_while_the_machine_sleeps() -> None:
    number, clock, wall = gate_module._now()
    assert abs(clock - time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))) < 60
    assert abs(wall - time.time()) < 60
    assert gate_module._now()[0] > number


def test_the_age_counts_from_before_the_reading_began(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = gate_module._parsed
    gate = Gate(publish(tmp_path / "bans.json"), max_age=10, timeout=20)
    assert checked(gate, "zed") == "free"
    clock.turn(10.1)

    def slowly(*arguments: Any) -> Any:
        clock.turn(8)
        return parse(*arguments)

    monkeypatch.setattr(gate_module, "_parsed", slowly)
    assert checked(gate, "zed") == "free"
    monkeypatch.setattr(gate_module, "_parsed", parse)
    publish(tmp_path / "bans.json", "zed")
    clock.turn(2.1)
    assert checked(gate, "zed") == "banned"


def test_with_no_age_at_all_each_call_reads(tmp_path: Path, clock: Clock) -> None:
    gate = Gate(publish(tmp_path / "bans.json"), max_age=0, timeout=20)
    assert [checked(gate, "zed"), admitted(gate, "zed")] == ["free", "free"]
    publish(tmp_path / "bans.json", "zed")
    assert [checked(gate, "zed"), admitted(gate, "zed")] == ["banned", "banned"]
    publish(tmp_path / "bans.json")
    assert [checked(gate, "zed"), admitted(gate, "zed")] == ["free", "free"]


def test_a_file_that_has_not_changed_is_not_read_again(tmp_path: Path, clock: Clock, reads: list[str]) -> None:
    file = old(publish(tmp_path / "bans.json"))
    real = time.time()
    gate = Gate(file, timeout=20)
    # Times of change cannot be set back, so we wait until this one is some seconds ago.
    eventually(lambda: time.time() - real > 2.1)
    assert checked(gate, "zed") == "free"
    for _ in range(3):
        clock.turn(60)
        assert checked(gate, "zed") == "free"
    assert len(reads) == 2  # the second because the file was new when it was read first
    clock.turn(60)
    publish(file, "zed")
    assert checked(gate, "zed") == "banned"


def test_a_file_that_has_just_changed_is_read_again(tmp_path: Path, clock: Clock, reads: list[str]) -> None:
    """Two publications within a tick of the file system's clock may look the same."""
    gate = Gate(publish(tmp_path / "bans.json"), timeout=20)
    assert checked(gate, "zed") == "free"
    clock.turn(60)
    assert checked(gate, "zed") == "free"
    assert len(reads) == 2


def test_the_last_copy_serves_checks_until_it_is_stale_and_no_admission(tmp_path: Path, clock: Clock) -> None:
    file = publish(tmp_path / "bans.json", "zed")
    gate = Gate(file, max_age=10, max_stale=3600, timeout=20)
    assert [checked(gate, "zed"), checked(gate, "bob"), admitted(gate, "bob")] == ["banned", "free", "free"]
    file.unlink()
    clock.turn(10.1)
    assert [checked(gate, "zed"), checked(gate, "bob")] == ["banned", "free"]
    assert [admitted(gate, "zed"), admitted(gate, "bob")] == ["unavailable", "unavailable"]
    clock.turn(3589)
    assert checked(gate, "zed") == "banned"
    clock.turn(1)
    assert [checked(gate, "zed"), checked(gate, "bob")] == ["unavailable", "unavailable"]
    publish(file, "bob")
    clock.turn(1.1)
    assert [checked(gate, "zed"), admitted(gate, "bob")] == ["free", "banned"]


def test_a_copy_without_the_file_still_answers_until_it_is_old(tmp_path: Path, clock: Clock) -> None:
    file = publish(tmp_path / "bans.json")
    gate = Gate(file, max_age=10, timeout=20)
    assert admitted(gate, "zed") == "free"
    file.unlink()
    clock.turn(9.9)
    assert admitted(gate, "zed") == "free"
    time.sleep(0.2)  # the renewal that this began has failed by now
    assert [admitted(gate, "zed"), checked(gate, "zed")] == ["free", "free"]


@pytest.mark.parametrize("damage", ["", "{", '{"format_version": 2}', "\xff", "[" * 100_000])
def test_a_damaged_document_leaves_the_last_good_copy(tmp_path: Path, clock: Clock, damage: str) -> None:
    file = publish(tmp_path / "bans.json", "zed")
    gate = Gate(file, timeout=20)
    assert checked(gate, "zed") == "banned"
    file.write_text(damage, encoding="latin-1")
    clock.turn(11)
    assert [checked(gate, "zed"), checked(gate, "bob"), admitted(gate, "zed")] == ["banned", "free", "unavailable"]
    publish(file, "bob")
    clock.turn(11)
    assert [checked(gate, "zed"), checked(gate, "bob")] == ["free", "banned"]


def test_what_fails_is_not_asked_again_at_once(tmp_path: Path, clock: Clock, reads: list[str]) -> None:
    file = tmp_path / "bans.json"
    file.write_text("{}")
    gate = Gate(file, max_age=10, timeout=20)
    assert {checked(gate, "zed") for _ in range(20)} | {admitted(gate, "zed") for _ in range(20)} == {"unavailable"}
    assert len(reads) == 1
    publish(file, "zed")
    clock.turn(1.1)
    assert checked(gate, "zed") == "banned"


def test_several_locations_ban_together_and_are_unavailable_one_by_one(tmp_path: Path, clock: Clock) -> None:
    ours, theirs = publish(tmp_path / "ours.json", "zed"), publish(tmp_path / "theirs.json", "bob")
    gate = Gate(ours, theirs, timeout=20)
    assert [checked(gate, user) for user in ("zed", "bob", "eve")] == ["banned", "banned", "free"]
    ours.unlink()
    clock.turn(4000)
    assert [checked(gate, user) for user in ("zed", "bob", "eve")] == ["unavailable", "banned", "unavailable"]
    assert [admitted(gate, user) for user in ("zed", "bob", "eve")] == ["unavailable", "banned", "unavailable"]


def test_of_several_locations_the_end_that_comes_last_counts(tmp_path: Path) -> None:
    ours = publish(tmp_path / "a.json", provisional={"zed": {"*": "2099-01-01T00:00:00Z"}})
    theirs = publish(tmp_path / "b.json", provisional={"zed": {"*": "2098-01-01T00:00:00Z"}})
    assert (
        checked(Gate(ours, theirs, timeout=20), "zed")
        == checked(Gate(theirs, ours, timeout=20), "zed")
        == "banned until 2099-01-01T00:00:00Z"
    )


def test_an_unavailable_denylist_says_what_is_wrong_and_names_nobody(tmp_path: Path) -> None:
    place = tmp_path / "bans.json"
    with pytest.raises(DenylistUnavailable) as unavailable:
        Gate(place, timeout=20).check("zed", "arn:aws:ivschat:us-west-2:1:room/a")
    assert str(unavailable.value) == f"{place}: No such file or directory"


def test_the_operator_hears_of_failures_once_a_minute(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file = publish(tmp_path / "bans.json")
    gate = Gate(file, timeout=20)
    assert checked(gate, "zed") == "free"
    file.write_text("{}")
    for _ in range(11):
        clock.turn(11)
        assert checked(gate, "zed") == "free"

    def ours() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage() == f"{file}: it is no denylist"]

    eventually(lambda: len(ours()) == 2)
    assert {(record.name, record.levelno) for record in ours()} == {("reconciler.gate", logging.WARNING)}


@pytest.mark.parametrize(("max_age", "settle_after", "warned"), [(10, 90, 0), (10, 89, 1), (11, 90, 1), (30, 120, 0)])
def test_a_gate_that_is_too_slow_for_the_settling_says_so_once(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, max_age: int, settle_after: int, warned: int
) -> None:
    file = publish(tmp_path / "bans.json", settle_after=settle_after)
    gate = Gate(file, max_age=max_age, timeout=20)
    for _ in range(3):
        assert checked(gate, "zed") == "free"
        clock.turn(max_age + 1)
    text = (
        f"{file}: bans settle after {settle_after} s, but a gate with max_age={max_age} needs {80 + max_age} s:"
        " raise settle_after in the list, or lower max_age"
    )
    assert [message for message in caplog.messages if "settle" in message] == [text] * warned


def frozen(conversation: node.Conversation, file: Path) -> None:
    """Ban somebody while a process is frozen, as a Lambda is between its calls, and ask it when it goes on."""
    for word in ("check", "admit"):
        publish(file)
        time.sleep(1.2)
        assert conversation.says(word, "zed", ROOM) == "free"
        conversation.process.send_signal(signal.SIGSTOP)
        publish(file, "zed")
        time.sleep(1.2)
        conversation.send(word, "zed", ROOM)
        conversation.process.send_signal(signal.SIGCONT)
        assert conversation.receive()["said"] == "banned"


ROOM = "arn:aws:ivschat:us-west-2:123456789012:room/lobby0000000"


def test_a_python_process_that_was_frozen_refuses_at_once(tmp_path: Path) -> None:
    file = publish(tmp_path / "bans.json")
    options = '{"max_age": 1, "timeout": 30}'
    with node.talking(sys.executable, "-m", "tests.gate.ask", file, options) as conversation:
        frozen(conversation, file)


@node.needs_node
def test_a_node_process_that_was_frozen_refuses_at_once(tmp_path: Path) -> None:
    file = publish(tmp_path / "bans.json")
    gate = node.laid_out(tmp_path / "lambda")
    assert node.NODE is not None
    with node.talking(node.NODE, node.ASK, gate, file, '{"maxAge": 1, "timeout": 30}') as conversation:
        frozen(conversation, file)


@node.needs_node
def test_the_last_copy_of_node_serves_checks_until_it_is_stale_and_no_admission(tmp_path: Path) -> None:
    file = publish(tmp_path / "bans.json", "zed")
    gate = node.laid_out(tmp_path / "lambda")
    assert node.NODE is not None
    options = '{"maxAge": 0.5, "maxStale": 10, "timeout": 30}'
    with node.talking(node.NODE, node.ASK, gate, file, options) as conversation:
        assert conversation.says("check", "zed", ROOM) == "banned"
        file.write_text("{")
        time.sleep(0.6)
        assert conversation.says("admit", "bob", ROOM) == "unavailable"
        assert conversation.says("check", "bob", ROOM) == "free"
        eventually(lambda: conversation.says("check", "bob", ROOM) == "unavailable")
        publish(file, "bob")
        eventually(lambda: conversation.says("check", "bob", ROOM) == "banned")
        assert conversation.says("admit", "zed", ROOM) == "free"
