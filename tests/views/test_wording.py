"""The sentences that views share."""

import pytest

from reconciler.bans import AccountRegion
from reconciler.plan.outcome import Cause, Trouble
from reconciler.views import wording

WEST = AccountRegion("123456789012", "us-west-2")


@pytest.mark.parametrize(
    ("cause", "seconds", "said"),
    [
        (Cause.NO_ANSWER, 12.3, "us-west-2: no answer for 12 s, attempt 2 of 8"),
        (Cause.UNREACHABLE, 5, "us-west-2: no connection for 5 s, attempt 2 of 8"),
        (Cause.SERVICE_FAILS, 50, "us-west-2: errors of AWS (5xx) for 50 s, attempt 2 of 8"),
        (Cause.THROTTLED, 12, "us-west-2: slowed down by AWS (429), no success for 12 s, attempt 2 of 8"),
        (Cause.THROTTLED, 1, "us-west-2: slowed down by AWS (429)"),
    ],
)
def test_what_holds_up_an_apply(cause: Cause, seconds: float, said: str) -> None:
    assert wording.troubles([Trouble(WEST, cause, seconds, 2, 8)]) == said


def test_trouble_in_many_regions_is_cut_short() -> None:
    troubles = [Trouble(AccountRegion("1", f"r{number}"), Cause.THROTTLED, 0, 1, 8) for number in range(5)]
    assert wording.troubles(troubles) == (
        "r0: slowed down by AWS (429), r1: slowed down by AWS (429), r2: slowed down by AWS (429) and 2 more"
    )
