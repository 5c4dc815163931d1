"""What a run could not save, merged into the state later: no record is lost, in whichever order."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import Ban, BanKey, Record, State
from reconciler.errors import StateDamaged
from reconciler.state import file as state_file
from reconciler.state.recovery import Recovery
from tests.builders import LINEAGE, LOBBY, NOW, TOMORROW

ZED = BanKey(LOBBY, "zed")
EARLY, LATE = Record(Ban("Spam"), NOW, "1"), Record(Ban("Spam"), NOW + timedelta(hours=1), "2")
UPDATED = replace(EARLY, ban=Ban("Spam", TOMORROW))
IMPORTED = Record(Ban("Spam"))

Records = Mapping[BanKey, Record | None]


def a_run(base: State, changes: Records) -> tuple[State, Recovery]:
    """What a run leaves that could not save: it found `base`."""
    found = {key: base.records.get(key) for key in changes}
    return base.after(changes.items()).generation(lineage=LINEAGE), Recovery(base.serial, "/bans.state.json", found)


def merged(state: State, *runs: tuple[State, Recovery]) -> State:
    for recovered, recovery in runs:
        assert recovery.belongs_to(state, recovered, "/bans.state.json")
        state = state.after(recovery.changes(state, recovered)).generation(lineage=LINEAGE)
    return state


@pytest.mark.parametrize(
    ("found", "there", "ours", "kept"),
    [
        (None, None, EARLY, EARLY),  # the state is as the run found it
        (EARLY, EARLY, None, None),
        (EARLY, EARLY, UPDATED, UPDATED),
        (None, EARLY, LATE, LATE),  # both runs disconnected the user
        (None, LATE, EARLY, LATE),
        (None, EARLY, IMPORTED, EARLY),
        (None, IMPORTED, EARLY, EARLY),
        (EARLY, UPDATED, EARLY, UPDATED),  # alike: what is there stays
        (EARLY, LATE, None, LATE),  # a record against a lift
        (EARLY, None, LATE, LATE),
        (EARLY, UPDATED, None, UPDATED),
        (EARLY, None, None, None),
    ],
)
def test_a_ban_is_merged_with_what_happened_meanwhile(
    found: Record | None, there: Record | None, ours: Record | None, kept: Record | None
) -> None:
    base = State(LINEAGE, 5).after([(ZED, found)])
    now = base.after([(ZED, there)]).generation(lineage=LINEAGE)
    assert merged(now, a_run(base, {ZED: ours})).records.get(ZED) == kept


WHAT = st.sampled_from([None, EARLY, LATE, UPDATED, IMPORTED])
SOME = st.dictionaries(st.sampled_from([BanKey(LOBBY, user) for user in "abcd"]), WHAT)


@given(SOME, SOME, SOME)
def test_two_runs_that_could_not_save_can_be_put_back_in_either_order(
    before: Records, one: Records, other: Records
) -> None:
    base = State(LINEAGE, 5).after(before.items())
    runs = a_run(base, one), a_run(base, other)
    this, that = merged(base, *runs), merged(base, *reversed(runs))
    assert set(this.records) == set(that.records)
    for key in {*one, *other}:
        done = [run[key] for run in (one, other) if key in run and run[key] != base.records.get(key)]
        assert (key in this.records) == (any(done) if done else key in base.records)
        assert {this.records.get(key), that.records.get(key)} <= {base.records.get(key), *done}
    assert merged(this, *runs).records == this.records  # once more changes nothing


def test_what_belongs_to_another_state_or_a_later_one_is_not_merged() -> None:
    recovered, recovery = a_run(State(LINEAGE, 5), {ZED: EARLY})
    here = recovery.location
    assert recovery.belongs_to(State(LINEAGE, 5), recovered, here)
    assert recovery.belongs_to(State(LINEAGE, 9), recovered, "/elsewhere.json")
    assert not recovery.belongs_to(State(LINEAGE, 4), recovered, here)
    assert not recovery.belongs_to(State("another", 5), recovered, here)


def test_two_first_runs_that_could_not_save_made_up_a_lineage_each() -> None:
    recovered, recovery = a_run(State(), {ZED: EARLY})
    of_the_other = State("another", 1, {BanKey(LOBBY, "a"): EARLY})
    assert recovery.belongs_to(of_the_other, recovered, recovery.location)
    assert not recovery.belongs_to(of_the_other, recovered, "/elsewhere.json")
    assert not recovery.belongs_to(State(), recovered, recovery.location)  # to be put there as it is


def test_a_recovery_is_a_state_file_with_a_mark() -> None:
    recovered, recovery = a_run(State(LINEAGE, 5).after([(ZED, EARLY)]), {ZED: None, BanKey(LOBBY, 'a"\n'): LATE})
    content = state_file.dumps(recovered, recovery=recovery)
    assert content.startswith(b'{\n  "format_version": 2,\n')
    assert state_file.loads_recovery(content) == (recovered, recovery)
    assert state_file.loads(content) == recovered
    assert state_file.loads_recovery(state_file.dumps(recovered)) == (recovered, None)


@pytest.mark.parametrize("time", ["2027-02-31T00:00:00Z", "yesterday"])
def test_a_recovery_with_a_time_that_does_not_exist_is_damaged(time: str) -> None:
    recovered, recovery = a_run(State(LINEAGE, 5).after([(ZED, EARLY)]), {ZED: None})
    content = state_file.dumps(recovered, recovery=recovery).replace(b"2026-11-22T16:00:00Z", time.encode())
    with pytest.raises(StateDamaged, match="recovered"):
        state_file.loads(content)
