"""The denylist during an apply: when it is compared, and what the state is to remember of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler import BanKey, State
from reconciler.publishers import open_publisher
from reconciler.publishing import Publishing
from reconciler.state.value import Place, Published
from tests.builders import LINEAGE, LOBBY, NOW, TOMORROW, YESTERDAY, ban, recorded

HERE = Place("denylist.json", "bans")
BEFORE = Published(HERE, serial=1)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def publishing() -> Publishing:
    return Publishing(open_publisher(HERE.location, now=lambda: NOW, sleep=lambda _seconds: False), HERE, 90)


def publish(state: State) -> State:
    """What a whole apply leaves."""
    run = publishing()
    run.look(state, LINEAGE, NOW)
    run.begin(LINEAGE, [])
    run.publish({key: record.ban.expires_at for key, record in state.records.items()})
    state = replace(state, published=run.standing(state, complete=True))
    run.end(state, complete=True)
    return state


def test_whom_readers_may_have_let_in_is_known_after_a_look() -> None:
    state = publish(recorded(ban("there"), ban("longer", until=NOW)))
    wanted = recorded(ban("there"), ban("longer"), ban("missing"), ban("over", until=YESTERDAY))
    run = publishing()
    assert list(run.lacked) == []
    run.look(replace(wanted, published=state.published), LINEAGE, NOW)
    assert set(run.lacked) == {BanKey(LOBBY, "missing"), BanKey(LOBBY, "longer")}


def test_what_readers_have_for_too_long_lets_nobody_in() -> None:
    state = publish(recorded(ban("a")))
    run = publishing()
    found = run.look(replace(recorded(ban("a", until=TOMORROW)), published=state.published), LINEAGE, NOW)
    assert found is not None
    assert (list(found.late), list(run.lacked)) == ([BanKey(LOBBY, "a")], [])


def test_a_run_that_is_stopped_before_it_publishes_what_an_interrupted_one_left_has_the_next_compare() -> None:
    state = publish(recorded(ban("a")))
    run = publishing()
    run.look(state, LINEAGE, NOW, resumed=True)
    assert run.standing(state, complete=False) == Published(HERE, serial=0)


def test_a_run_that_has_nothing_to_publish_leaves_what_the_state_remembers() -> None:
    state = publish(recorded(ban("a")))
    run = publishing()
    run.look(state, LINEAGE, NOW)
    run.begin(LINEAGE, [])
    assert run.standing(state, complete=True) == state.published == BEFORE
