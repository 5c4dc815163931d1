"""How an apply ended, in numbers."""

from dataclasses import replace

from reconciler import Ban, BanKey, Because, Change, Record
from reconciler.errors import RoomNotFound
from reconciler.plan.outcome import Outcome, Tally, tally, tally_of
from tests.builders import LOBBY, NOW

A, EVE = BanKey(LOBBY, "a"), BanKey(LOBBY, "eve")
NEW = Change(A, None, Ban(), Because.NEW)
UNKNOWN = Change(EVE, None, None, Because.UNKNOWN)
OWED = Record(Ban(), NOW, "id", published_at=NOW)
SETTLING = Change(A, OWED, Ban(), Because.UNSETTLED)
DONE = [Outcome(UNKNOWN), Outcome(NEW, OWED)]
ALL = Tally(banned=1, updated=0, lifted=1, repeated=0, failed=0, not_started=0)


def test_calls_that_settle_are_counted_besides_the_changes() -> None:
    assert tally([NEW, UNKNOWN], [*DONE, Outcome(SETTLING, Record(Ban(), NOW, "id"))]) == replace(ALL, settled=1)
    assert tally([NEW, UNKNOWN], [*DONE, Outcome(SETTLING, error=RoomNotFound("gone"))]) == replace(ALL, failed=1)


def test_where_recording_failed_a_call_that_settles_takes_nothing_from_what_was_not_started() -> None:
    failed = [*DONE, Outcome(SETTLING, error=RoomNotFound("gone"))]
    assert tally_of([NEW, UNKNOWN], {A: OWED}, failed) == replace(ALL, failed=1)


def test_where_recording_failed_what_only_the_denylist_had_is_known_from_its_outcome() -> None:
    assert tally_of([UNKNOWN, NEW], {}, [Outcome(UNKNOWN)]) == replace(ALL, banned=0, not_started=1)
