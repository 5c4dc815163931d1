"""Which messages are findings: the state decides, to the instant."""

from dataclasses import replace
from datetime import datetime

import pytest

from reconciler import Ban, BanKey, Record, State
from reconciler.audit import value
from reconciler.audit.value import Audit, Finding, Findings, watched
from reconciler.bans import EVERYWHERE
from tests.audit.builders import later
from tests.builders import FINALS, LOBBY, NOW, TOMORROW, YESTERDAY, ban, recorded


def state(**records: Record) -> State:
    return State("x", 1, {BanKey(LOBBY, user): record for user, record in records.items()})


def found(
    recorded: State, *said: tuple[str, str, datetime], since: datetime | None = None
) -> list[tuple[str, str, int]]:
    """Who was found where, and how often."""
    findings = Findings(watched(recorded, since))
    for room, user, time in said:
        findings.said(room, user, time, None)
    return [(finding.key.room_arn, finding.key.user_id, finding.messages) for finding in findings.all()]


def test_only_what_is_said_after_the_last_disconnection_counts() -> None:
    zed = state(zed=Record(Ban(), NOW))
    assert found(zed, (LOBBY, "zed", later(-1)), (LOBBY, "zed", NOW)) == []
    assert found(zed, (LOBBY, "zed", later(1e-6))) == [(LOBBY, "zed", 1)]


def test_what_is_said_once_the_ban_has_ended_does_not_count() -> None:
    zed = state(zed=Record(Ban(None, later(10)), NOW))
    assert found(zed, *((LOBBY, "zed", later(at)) for at in (9.9, 10, 11))) == [(LOBBY, "zed", 1)]


def test_a_ban_that_has_yet_to_settle_is_not_looked_for_but_counted() -> None:
    some = watched(state(zed=Record(Ban(), NOW, None, NOW), amy=Record(Ban(), NOW)))
    assert (some.bans, some.unsettled, some.undated) == (1, 1, 0)
    assert list(some.rooms[LOBBY]) == ["amy"]


def test_a_ban_without_a_time_is_looked_for_from_since_on() -> None:
    imported = state(zed=Record(Ban()))
    assert (watched(imported).bans, watched(imported).undated) == (0, 1)
    assert (watched(imported, NOW).bans, watched(imported, NOW).undated) == (1, 0)
    assert found(imported, (LOBBY, "zed", NOW), (LOBBY, "zed", later(1)), since=NOW) == [(LOBBY, "zed", 1)]


def test_since_leaves_out_what_was_said_before_and_never_reaches_back() -> None:
    zed = state(zed=Record(Ban(), NOW))
    said = [(LOBBY, "zed", later(at)) for at in (-5, 5, 15)]
    assert found(zed, *said, since=later(10)) == [(LOBBY, "zed", 1)]
    assert found(zed, *said, since=YESTERDAY) == [(LOBBY, "zed", 2)]


def test_a_ban_counts_in_its_room_and_a_ban_everywhere_in_every_room() -> None:
    both = State("x", 1, {BanKey(LOBBY, "zed"): Record(Ban(), NOW), BanKey(EVERYWHERE, "eve"): Record(Ban(), NOW)})
    said = [(room, user, TOMORROW) for room in (LOBBY, FINALS, "gone", EVERYWHERE) for user in ("zed", "eve")]
    assert found(both, *said) == sorted(
        [(LOBBY, "zed", 1), *((room, "eve", 1) for room in (LOBBY, FINALS, "gone", EVERYWHERE))]
    )


def test_of_two_bans_either_counts_and_the_earlier_is_told() -> None:
    zed = State(
        "x",
        1,
        {BanKey(LOBBY, "zed"): Record(Ban(None, later(10)), NOW), BanKey(EVERYWHERE, "zed"): Record(Ban(), later(5))},
    )
    findings = Findings(watched(zed))
    for at in (1, 7, 20):
        findings.said(LOBBY, "zed", later(at), None)
    assert findings.all() == (Finding(BanKey(LOBBY, "zed"), NOW, later(1), later(20), 3),)


def test_first_and_last_do_not_depend_on_the_order_of_the_logs() -> None:
    findings = Findings(watched(recorded(ban("zed"))))
    for at in (7, 1, 5):
        findings.said(LOBBY, "zed", later(at), f"m{at}")
    (finding,) = findings.all()
    assert (finding.banned_at, finding.first, finding.last) == (YESTERDAY, later(1), later(7))


def test_a_record_that_is_in_two_logs_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value, "_MOST_SEEN", 3)
    findings = Findings(watched(recorded(ban("zed"), ban("amy"))))
    for _ in range(2):
        for number in range(5):
            findings.said(LOBBY, "zed", later(number), f"m{number}")
    findings.said(LOBBY, "amy", later(0), "m0")
    counts = {finding.key.user_id: finding.messages for finding in findings.all()}
    assert counts == {"zed": 3 + 2 * 2, "amy": 1}  # among the first three messages that were found


def test_those_who_spoke_most_come_first() -> None:
    keys = [BanKey(LOBBY, user) for user in ("a", "b", "c")]
    a, b, c = (Finding(key, NOW, later(1), later(2), number) for key, number in zip(keys, (1, 3, 1), strict=True))
    audit = Audit(0, 0, 1, watched(State()), ())
    assert audit.of([a, c, b]).findings == (b, a, c)
    assert audit.of([a, replace(c, first=NOW), b]).findings == (b, replace(c, first=NOW), a)
    assert audit.of([a, b, replace(b, key=BanKey(FINALS, "b"))]).users() == 2
