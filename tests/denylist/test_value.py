"""How a denylist differs from what it should hold."""

from hypothesis import given

from reconciler.bans import BanKey
from reconciler.denylist.value import Bans, Drift, Provisional, drift, in_force
from tests.builders import FINALS, NEXT_WEEK, NOW, TOMORROW, YESTERDAY
from tests.denylist.builders import A_EVERYWHERE, BANS, PROVISIONAL, A, B, C

NONE = Drift({}, {}, {}, ())


def test_what_is_as_it_should_be_is_no_drift() -> None:
    assert drift({A: None, B: TOMORROW}, {B: TOMORROW, A: None}, NOW) == NONE
    assert not NONE


def test_what_is_not_there_is_missing() -> None:
    found = drift({B: TOMORROW, A: None}, {}, NOW)
    assert found == Drift({A: None, B: TOMORROW}, {}, {}, ())
    assert list(found.missing) == [A, B]  # by room and user, however it was given


def test_an_end_may_be_too_early_or_too_late_and_for_good_is_the_latest() -> None:
    wanted = {A: None, B: NEXT_WEEK, C: TOMORROW, A_EVERYWHERE: TOMORROW}
    there = {A: TOMORROW, B: TOMORROW, C: NEXT_WEEK, A_EVERYWHERE: None}
    assert drift(wanted, there, NOW) == Drift({}, {A: None, B: NEXT_WEEK}, {C: TOMORROW, A_EVERYWHERE: TOMORROW}, ())


def test_what_nobody_knows_is_unknown_in_that_room() -> None:
    in_finals = BanKey(FINALS, "a")
    assert drift({A: None}, {C: None, A: None, in_finals: None}, NOW).unknown == (in_finals, C)


def test_a_ban_that_is_over_is_not_missed_but_one_that_goes_on_after_it_is_cut_short() -> None:
    assert drift({A: YESTERDAY, B: NOW}, {B: YESTERDAY}, NOW) == NONE
    assert drift({A: YESTERDAY}, {A: None}, NOW) == Drift({}, {}, {A: YESTERDAY}, ())


def test_only_what_let_somebody_in_has_to_settle() -> None:
    found = drift({A: None, B: NEXT_WEEK, C: TOMORROW}, {B: TOMORROW, C: None}, NOW)
    assert found.unsettled == {A: None, B: NEXT_WEEK}
    assert found.to_publish == {A: None, B: NEXT_WEEK, C: TOMORROW}


def test_each_part_alone_is_drift() -> None:
    assert drift({A: None}, {}, NOW)
    assert drift({A: None}, {A: TOMORROW}, NOW)
    assert drift({A: TOMORROW}, {A: None}, NOW)
    assert drift({}, {A: None}, NOW)


@given(BANS, BANS)
def test_repairing_all_of_it_leaves_no_drift(wanted: Bans, there: Bans) -> None:
    found = drift(wanted, there, NOW)
    gone = set(found.unknown)
    repaired = {key: end for key, end in {**there, **found.to_publish}.items() if key not in gone}
    assert drift(wanted, repaired, NOW) == NONE
    for key, end in wanted.items():
        if end is None or end > NOW:
            assert repaired[key] == end


@given(PROVISIONAL)
def test_a_provisional_entry_is_in_force_until_its_end(entries: Provisional) -> None:
    for end in entries.values():
        assert set(in_force(entries, end)) == {key for key, other in entries.items() if other > end}
