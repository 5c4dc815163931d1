"""Headway, with a clock of its own: what is in trouble, since when, and how often that is said."""

from contextlib import ExitStack

from reconciler.aws.headway import Headway
from reconciler.bans import AccountRegion
from reconciler.plan.outcome import Cause, Trouble

WEST, EAST = AccountRegion("1", "us-west-2"), AccountRegion("1", "us-east-1")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_calls_that_succeed_are_no_trouble() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    for _ in range(100):
        with headway.call(WEST) as call:
            call.attempt(1)
            clock.now += 4
            assert headway.troubles() == []
            call.answered()
    assert headway.troubles() == []


def test_a_call_without_an_answer_is_trouble_before_its_first_attempt_ends() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    with headway.call(WEST) as call:
        call.attempt(1)
        clock.now += 4.9
        assert headway.troubles() == []
        clock.now += 2.1
        assert headway.troubles() == [Trouble(WEST, Cause.NO_ANSWER, 7, 1, 8)]


def test_the_seconds_are_those_of_all_calls_and_the_attempt_is_the_highest() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    with headway.call(WEST) as call:
        call.attempt(1)
        call.failed(Cause.SERVICE_FAILS)
    clock.now += 6
    with ExitStack() as calls:
        one, other = calls.enter_context(headway.call(WEST)), calls.enter_context(headway.call(WEST))
        one.attempt(3)
        other.attempt(1)
        assert headway.troubles() == [Trouble(WEST, Cause.SERVICE_FAILS, 6, 3, 8)]
        assert one.failed(Cause.UNREACHABLE) == 6
        assert headway.troubles() == [Trouble(WEST, Cause.UNREACHABLE, 6, 3, 8)]
    assert headway.troubles() == []  # nobody waits for anything


def test_a_success_ends_the_trouble_of_its_account_and_region_alone() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    with ExitStack() as calls:
        west, slow, east = (calls.enter_context(headway.call(where)) for where in (WEST, WEST, EAST))
        for call in (west, slow, east):
            call.attempt(1)
        clock.now += 10
        west.answered()
        assert headway.troubles() == [Trouble(EAST, Cause.NO_ANSWER, 10, 1, 8)]
        clock.now += 6
        assert headway.troubles() == [Trouble(WEST, Cause.NO_ANSWER, 6, 1, 8), Trouble(EAST, Cause.NO_ANSWER, 16, 1, 8)]


def test_throttled_calls_are_trouble_for_a_while_although_others_succeed() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    with ExitStack() as calls:
        one, other = calls.enter_context(headway.call(WEST)), calls.enter_context(headway.call(WEST))
        one.attempt(1)
        other.attempt(2)
        one.failed(Cause.THROTTLED)
        other.answered()
        assert headway.troubles() == [Trouble(WEST, Cause.THROTTLED, 0, 1, 8)]
        clock.now += 11
        other.answered()
        assert headway.troubles() == []


def test_ten_thousand_throttles_are_news_now_and_then() -> None:
    clock = Clock()
    headway = Headway(clock=clock)
    news: list[AccountRegion] = []
    for _ in range(10_000):
        with headway.call(WEST) as call:
            call.attempt(1)
            call.failed(Cause.THROTTLED)
        news += headway.newly_throttled()
        clock.now += 0.004
    assert news == [WEST] * 4  # in 40 s
    clock.now += 100
    assert headway.newly_throttled() == [WEST]  # since it was told last
    clock.now += 100
    assert headway.newly_throttled() == []
