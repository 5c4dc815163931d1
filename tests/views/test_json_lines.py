"""An apply as JSON lines: what is said while it waits."""

import json

from reconciler.bans import AccountRegion
from reconciler.plan.outcome import Cause, Trouble
from reconciler.views.json_lines import JsonLinesFormat
from reconciler.views.report import Output

WEST, EAST = AccountRegion("1", "us-west-2"), AccountRegion("1", "us-east-1")


def said(*looks: list[Trouble]) -> list[dict[str, object]]:
    """The objects that come of looking so often."""
    lines: list[str | bytes] = []
    format = JsonLinesFormat(Output(write=lines.append, ban_list="bans.yaml"))
    for troubles in looks:
        format.waiting(troubles)
    return [json.loads(line) for line in lines]


def trouble(seconds: float, where: AccountRegion = WEST) -> Trouble:
    return Trouble(where, Cause.NO_ANSWER, seconds, 2, 8)


def test_waiting_is_an_object_when_it_begins_and_then_every_ten_seconds() -> None:
    objects = said(*([trouble(tenths / 10)] for tenths in range(310)))
    assert objects[0] == {
        "format_version": 1,
        "type": "waiting",
        "account": "1",
        "region": "us-west-2",
        "because": "no_answer",
        "seconds": 5,
        "attempt": 2,
        "attempts": 8,
    }
    assert [line["seconds"] for line in objects] == [5, 15, 25]


def test_each_account_and_region_is_told_by_itself() -> None:
    objects = said([trouble(6)], [trouble(7), trouble(5, EAST)], [trouble(8), trouble(6, EAST)])
    assert [(line["region"], line["seconds"]) for line in objects] == [("us-west-2", 6), ("us-east-1", 5)]


def test_waiting_that_begins_again_is_told_again() -> None:
    assert [line["seconds"] for line in said([trouble(6)], [], [trouble(7)])] == [6, 7]


def test_calls_that_are_only_slowed_down_are_not_waiting() -> None:
    assert said([Trouble(WEST, Cause.THROTTLED, 1, 2, 8)]) == []
