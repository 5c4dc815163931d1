"""What is odd about a plan comes first, and only what is odd."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler import BanList, State, diff
from reconciler.banlist.value import DenylistSettings
from reconciler.state.value import Place, Published
from reconciler.views.notices import Setting, everything
from tests.builders import NOW, SANDBOX, YESTERDAY, ban, ban_list, many, recorded

NO_STATE = (
    "There is no state at bans.state.json yet, so every ban in the list counts as new. If there should be one, find it"
    " first: this may be another checkout or a wrong --state, or CI has lost the file."
)
HERE = Setting("bans.state.json")
EXPIRED = [ban("a", until=YESTERDAY), ban("b", until=NOW)]


def odd(desired: BanList, state: State, setting: Setting = HERE) -> list[str]:
    return everything(diff(desired, state, NOW), setting)


@pytest.mark.parametrize(
    ("desired", "state", "said"),
    [
        (ban_list(), State(), []),
        (ban_list(ban("a")), State(), [NO_STATE]),
        (ban_list(ban("a")), recorded(serial=3), []),
        (ban_list(ban("a")), recorded(ban("a")), []),
        (ban_list(*EXPIRED), State(), ["All 2 bans in bans.yaml have expired, so nobody is banned."]),
        (ban_list(*EXPIRED), recorded(*EXPIRED), ["All 2 bans in bans.yaml have expired, so nobody is banned."]),
        (ban_list(EXPIRED[0]), recorded(), ["The only ban in bans.yaml has expired, so nobody is banned."]),
        (ban_list(*EXPIRED, ban("c")), recorded(ban("c")), []),
        (ban_list(), recorded(*many(3)), ["bans.yaml bans nobody, so everybody is lifted: 3 bans."]),
        (ban_list(), recorded(), []),
        (ban_list(ban("c")), recorded(*many(3), ban("c")), []),
        (ban_list(ban("b")), recorded(ban("a")), []),  # one for another is everyday work
        (
            ban_list(ban("c")),
            recorded(*many(3)),
            [
                "None of the 3 bans that bans.state.json records is in bans.yaml. Make sure that the two belong"
                " together."
            ],
        ),
    ],
)
def test_what_is_odd_about_a_list_and_its_state_is_said(desired: BanList, state: State, said: list[str]) -> None:
    assert odd(desired, state) == said


def test_a_target_says_nothing_about_the_rest() -> None:
    targets = [ban("user0")[0]]
    plan = diff(ban_list(), recorded(*many(3)), NOW, targets=targets)
    assert everything(plan, HERE) == []


def test_a_state_that_is_missing_where_the_list_does_not_have_it_is_said_with_both_places() -> None:
    [said] = odd(ban_list(ban("a")), State(), Setting("trial.json", "bans.state.json"))
    assert "There is no state at trial.json yet" in said
    assert "bans.yaml says that it is kept at bans.state.json." in said


def test_an_endpoint_that_is_not_aws_is_named_where_calls_go_to_it() -> None:
    rehearsing = Setting("bans.state.json", endpoint=SANDBOX)
    goes = f"The calls go to {SANDBOX}, which is not AWS."
    state = recorded(ban("a"), endpoint="http://127.0.0.1:1")
    assert odd(ban_list(ban("a"), ban("b")), state, rehearsing) == [goes]
    assert odd(ban_list(ban("a")), state, rehearsing) == []
    assert odd(ban_list(ban("a")), State(), rehearsing) == [NO_STATE, goes]
    published = replace(ban_list(ban("a")), denylist=DenylistSettings("denylist.json"))
    assert odd(published, state, rehearsing) == [goes]  # the second call, after the ban was published


def test_a_plan_says_when_applying_it_would_be_refused() -> None:
    on_aws = recorded(ban("a"))
    [said] = odd(ban_list(ban("a")), on_aws, Setting("bans.state.json", endpoint=SANDBOX))
    assert said.startswith(
        f"An apply is refused. bans.state.json records what was done on AWS, and this run calls {SANDBOX}. Rehearse"
        " with another state, such as --state rehearsal.state.json."
    )
    [said] = odd(ban_list(ban("a")), recorded(ban("a"), endpoint=SANDBOX))
    assert said == (
        f"bans.state.json records a rehearsal against {SANDBOX}, not on AWS. It does not tell who has been disconnected"
        " on AWS. An apply on AWS is refused: name the state of AWS with --state."
    )


def test_what_has_expired_since_is_judged_by_the_time_of_the_plan() -> None:
    desired, state = ban_list(ban("a", until=NOW)), recorded(serial=2)
    assert everything(diff(desired, state, NOW - timedelta(seconds=1)), HERE) == []
    assert everything(diff(desired, state, NOW), HERE) != []


@pytest.mark.parametrize("seconds", [0, 74, 75, 90])
def test_a_ban_that_settles_before_older_tokens_are_used_up_may_not_hold(seconds: int) -> None:
    desired = replace(ban_list(ban("a")), denylist=DenylistSettings("denylist.json", settle_after=seconds))
    state = replace(recorded(ban("a")), published=Published(Place("denylist.json", "bans"), 1))
    short = (
        f"With a settle_after of {seconds} s, bans may not hold: a token from before a ban can connect for a minute,"
        " and some seconds pass until token services know of the ban. Set it to 75 or more."
    )
    assert odd(desired, state) == ([short] if seconds < 75 else [])
