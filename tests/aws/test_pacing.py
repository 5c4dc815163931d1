"""Pace, with a clock of its own."""

import pytest

from reconciler.aws.pacing import Pace
from reconciler.bans import AccountRegion
from reconciler.errors import CallAbandoned

WEST, EAST = AccountRegion("1", "us-west-2"), AccountRegion("1", "us-east-1")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.stopped = False

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.now += seconds
        return self.stopped


def pace(rate: float, clock: Clock) -> Pace:
    return Pace(rate, sleep=clock.sleep, clock=clock)


def test_calls_leave_evenly_spaced_and_the_first_at_once() -> None:
    clock = Clock()
    paced = pace(100, clock)
    for _ in range(1001):
        paced.wait(WEST)
    assert clock.now == pytest.approx(1010)
    assert clock.slept[0] == pytest.approx(0.01)


def test_time_that_passed_by_itself_is_not_waited_again() -> None:
    clock = Clock()
    paced = pace(10, clock)
    paced.wait(WEST)
    clock.now += 0.06
    paced.wait(WEST)
    assert clock.slept == [pytest.approx(0.04)]


def test_idle_time_is_not_made_up_for_by_a_burst() -> None:
    clock = Clock()
    paced = pace(10, clock)
    paced.wait(WEST)
    clock.now += 60
    paced.wait(WEST)
    paced.wait(WEST)
    assert clock.slept == [pytest.approx(0.1)]


def test_each_account_and_region_has_its_own_pace() -> None:
    clock = Clock()
    paced = pace(1, clock)
    for endpoint in (WEST, EAST, AccountRegion("2", "us-west-2")):
        paced.wait(endpoint)
    assert clock.slept == []


def test_a_rate_of_zero_does_not_wait() -> None:
    clock = Clock()
    paced = pace(0, clock)
    for _ in range(100):
        paced.wait(WEST)
    assert clock.slept == []


def test_a_wait_that_is_cut_short_lets_no_call_leave() -> None:
    clock = Clock()
    paced = pace(1, clock)
    paced.wait(WEST)
    clock.stopped = True
    with pytest.raises(CallAbandoned):
        paced.wait(WEST)


def taken(paced: Pace, clock: Clock, calls: int) -> float:
    """Seconds that so many calls take from now."""
    start = clock.now
    for _ in range(calls):
        paced.wait(WEST)
    return clock.now - start


def test_the_pace_gives_way_when_the_service_throttles_all_the_same() -> None:
    clock = Clock()
    paced = pace(100, clock)
    assert taken(paced, clock, 100) == pytest.approx(0.99)
    paced.throttled(WEST)
    assert taken(paced, clock, 50) > 0.65  # 70 % of the rate, growing again


def test_calls_that_are_throttled_together_slow_the_pace_once() -> None:
    once, together = Clock(), Clock()
    paced_once, paced_together = pace(100, once), pace(100, together)
    paced_once.throttled(WEST)
    for _ in range(32):
        paced_together.throttled(WEST)
    assert taken(paced_together, together, 50) == taken(paced_once, once, 50)


def test_throttling_that_goes_on_slows_the_pace_further_but_never_to_a_stop() -> None:
    clock = Clock()
    paced = pace(100, clock)
    for _ in range(100):
        paced.throttled(WEST)
        paced.wait(WEST)
        clock.now += 1
        paced.throttled(WEST)
    assert 0.1 < taken(paced, clock, 2) < 2


def test_the_pace_recovers_to_the_full_rate_and_not_beyond() -> None:
    clock = Clock()
    paced = pace(100, clock)
    paced.throttled(WEST)
    clock.now += 10
    paced.wait(WEST)
    assert taken(paced, clock, 100) == pytest.approx(1)


def test_a_throttled_region_does_not_slow_another() -> None:
    clock = Clock()
    paced = pace(100, clock)
    paced.throttled(EAST)
    assert taken(paced, clock, 101) == pytest.approx(1)
