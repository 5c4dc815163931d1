"""Pace, with a clock of its own."""

import pytest

from reconciler.bans import Endpoint
from reconciler.errors import CallAbandoned
from reconciler.pacing import Pace

WEST, EAST = Endpoint("1", "us-west-2"), Endpoint("1", "us-east-1")


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
    for endpoint in (WEST, EAST, Endpoint("2", "us-west-2")):
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
