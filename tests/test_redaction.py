"""Values in which no user ID stands."""

import hashlib
import hmac
import json
from dataclasses import replace

import pytest

from reconciler import Because, Plan, State, diff
from reconciler.audit.value import Audit, Finding, watched
from reconciler.errors import (
    AddressUnknown,
    BanListInvalid,
    PlanUnreadable,
    Problem,
    ReconcilerError,
    RequestInvalid,
    StateDamaged,
)
from reconciler.plan import file as planfile
from reconciler.plan.outcome import Outcome, tally
from reconciler.redaction import Redaction
from reconciler.state import file as state_file
from reconciler.views import diagnostics, markdown, text
from reconciler.views.notices import Setting
from reconciler.views.report import FORMATS, Ending, Output, report
from tests.builders import FINALS, NEXT_WEEK, NOW, ROOMS, TOMORROW, YESTERDAY, ban, ban_list, many, recorded

REDACT = Redaction("a key for the tests")
USERS = ["alice", "bob smith", "carol\u202e", "dave", "erin", "frank", "grace"]


def a_plan() -> tuple[Plan, State]:
    again = ban("erin")
    desired = ban_list(
        ban("alice", reason="alice insulted others; see alice's messages"),
        ban("bob smith", reason="Spam of bob smith", until=NEXT_WEEK),
        ban("carol\u202e", until=YESTERDAY),
        ban("dave", until=TOMORROW),
        again,
    )
    state = recorded(
        ban("bob smith", reason="bob smith"),
        ban("dave", until=YESTERDAY),
        again,
        ban("frank", reason="frank was rude"),
        ban("grace", room=FINALS),
    )
    state = replace(state, records={key: replace(record, request_id="r") for key, record in state.records.items()})
    return diff(desired, state, NOW, replace=[again[0]]), state


def assert_nobody(output: str | bytes) -> None:
    output = output.decode() if isinstance(output, bytes) else output
    for user_id in USERS:
        assert user_id not in output
        assert user_id.split()[0].rstrip("\u202e") not in output


def test_a_user_gets_the_same_short_name_with_the_same_key() -> None:
    keyed = hmac.new(b"a key for the tests", b"alice", "sha256").hexdigest()
    assert REDACT.user("alice") == f"user-{keyed[:12]}"


def test_the_name_depends_on_the_key_and_the_user() -> None:
    names = {
        REDACT.user("alice"),
        REDACT.user("Alice"),
        REDACT.user("bob"),
        Redaction("another key for them").user("alice"),
    }
    assert len(names) == 4


def test_the_name_is_no_plain_hash_of_the_user_id() -> None:
    name = REDACT.user("alice").removeprefix("user-")
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        assert name not in hashlib.new(algorithm, b"alice").hexdigest()


def test_the_key_is_not_shown_with_the_value() -> None:
    assert "key for" not in repr(REDACT)
    assert "key for" not in str(REDACT)


def test_any_user_id_can_be_redacted() -> None:
    assert REDACT.user("\ud800").startswith("user-")


def test_no_view_of_a_redacted_plan_names_anybody() -> None:
    plan = REDACT.plan(a_plan()[0])
    assert_nobody(text.plan(plan))
    assert_nobody(markdown.plan(plan))
    assert_nobody(planfile.dumps(plan, "bans.state.json", redacted=True))
    assert REDACT.user("alice") in markdown.plan(plan)


def test_a_redacted_plan_would_do_the_same_to_nobody() -> None:
    plan = a_plan()[0]
    redacted = REDACT.plan(plan)
    assert redacted.counts == plan.counts
    assert redacted.calls == plan.calls
    assert [change.because for change in redacted.changes] == [change.because for change in plan.changes]
    assert redacted.changes[0].after is not None
    name = REDACT.user("alice")
    assert redacted.changes[0].after.reason == f"{name} insulted others; see {name}'s messages"


def test_the_digest_of_a_short_list_does_not_give_it_away() -> None:
    assert REDACT.plan(a_plan()[0]).ban_list_sha256 != a_plan()[0].ban_list_sha256


def test_the_order_of_lifts_does_not_tell_how_user_ids_are_sorted() -> None:
    plan = diff(ban_list(), recorded(*many(100)), NOW)
    names = [change.key.user_id for change in REDACT.plan(plan).changes]
    assert names == sorted(names)
    assert names != [REDACT.user(change.key.user_id) for change in plan.changes]
    assert {change.because for change in plan.changes} == {Because.REMOVED}


def test_a_redacted_plan_is_not_applied_by_mistake() -> None:
    printed = planfile.dumps(REDACT.plan(a_plan()[0]), "x", redacted=True)
    assert json.loads(printed)["redacted"] is True
    with pytest.raises(PlanUnreadable, match="--redact"):
        planfile.loads(printed)
    assert "redacted" not in json.loads(planfile.dumps(a_plan()[0], "x"))


def test_no_view_of_a_redacted_state_names_anybody() -> None:
    state = REDACT.state(a_plan()[1])
    assert len(state.records) == len(a_plan()[1].records)
    assert_nobody(text.state(state, {arn: name for name, arn in ROOMS.items()}, "x", NOW))
    printed = state_file.dumps(state, redacted=True)
    assert_nobody(printed.decode())
    with pytest.raises(StateDamaged, match="--redact"):
        state_file.loads(printed)


def an_audit(state: State) -> Audit:
    """An audit that has found everybody in a state, the names in reverse."""
    found = [Finding(key, YESTERDAY, NOW, NOW) for key in sorted(state.records, reverse=True)]
    return Audit(len(found), 0, 1, watched(state), tuple(found))


def test_a_redacted_audit_names_nobody_not_even_by_its_order() -> None:
    audit = REDACT.audit(an_audit(a_plan()[1]))
    assert_nobody(str(audit.findings))
    assert [finding.key for finding in audit.findings] == sorted(finding.key for finding in audit.findings)
    assert Redaction().audit(an_audit(a_plan()[1])) == an_audit(a_plan()[1])


@pytest.mark.parametrize("format", FORMATS)
def test_no_report_names_anybody_in_any_format(format: str) -> None:
    plan, state = a_plan()
    said: list[str | bytes] = []
    shown = report(format, Output(write=said.append, ban_list="bans.yaml"), REDACT)
    outcomes = [
        *(Outcome(c, error=RequestInvalid(f"no {c.key.user_id}", f"not {c.key.user_id}")) for c in plan.changes),
        Outcome(plan.changes[0], plan.changes[0].recorded(NOW, "id")),
    ]
    shown.plan(plan, Setting("bans.state.json"))
    shown.made(replace(plan, commit="a" * 40))
    shown.state(state, plan.room_names, "bans.state.json", NOW)
    shown.audited(an_audit(state), ban_list())
    if format in ("text", "json lines"):
        with shown.applying(plan, plan.changes) as ended:
            for outcome in outcomes:
                ended(outcome)
    shown.applied(plan, outcomes, Ending(tally(plan.changes, outcomes), "x", saved_plan=False, interrupted=False))
    problem = Problem("bans.yaml", 1, 1, "bans[0].alice", 'no "alice"', private=('"alice"',))
    for error in (BanListInvalid([problem]), AddressUnknown("{}", [("lobby", "alice")]), PlanUnreadable("x")):
        with pytest.raises(ReconcilerError), shown.telling():
            raise error
    for text_ in said:
        assert_nobody(text_)
    named = "frank" if format == "csv" else "alice"  # CSV shows states alone
    assert REDACT.user(named) in "".join(map(str, said))


def test_without_a_key_nothing_changes() -> None:
    plan, state = a_plan()
    nothing = Redaction()
    outcome = Outcome(plan.changes[0], error=RequestInvalid("x"))
    error = AddressUnknown("{}", [("lobby", "alice")])
    assert nothing.plan(plan) is plan
    assert nothing.state(state) is state
    assert nothing.outcome(outcome) is outcome
    invalid = BanListInvalid([Problem("f", 1, 1, "bans[0].alice", 'no "alice"', private=('"alice"',))])
    assert nothing.error(invalid) is invalid
    assert nothing.user("alice") == nothing.text("alice", "alice") == "alice"
    assert nothing.error(error) is error


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("bans[1].user_id", "bans[1].user_id"),
        ("bans[0].rooms[2]", "bans[0].rooms[2]"),
        ("guardrails.protected_users[0]", "guardrails.protected_users[0]"),
        ("", ""),
        ("bans[0].alice", "bans[0].…"),
        ("alice", "…"),
        ('rooms."alice smith"', "rooms.…"),
        ('rooms."a.b[0]".user_id', "rooms.…"),
        ("bans[0].rooms.alice.user_id", "bans[0].rooms.…"),
    ],
)
def test_a_key_that_is_none_of_ours_may_be_a_user_id(path: str, shown: str) -> None:
    assert redacted(Problem("f", 1, 1, path, "x")).path == shown


def test_what_a_problem_quotes_may_be_a_user_id() -> None:
    problem = Problem("f", 1, 1, "", 'there is no room "alice" under `rooms`; did you mean "x"?', private=('"alice"',))
    assert redacted(problem).message == 'there is no room "…" under `rooms`; did you mean "x"?'


def redacted(problem: Problem) -> Problem:
    error = REDACT.error(BanListInvalid([problem]))
    assert isinstance(error, BanListInvalid)
    return error.problems[0]


def test_what_an_error_quotes_of_the_command_line_may_be_a_user_id() -> None:
    error = PlanUnreadable("alice: the plan cannot be read", private=["alice"])
    assert str(REDACT.error(error)) == "…: the plan cannot be read"
    assert isinstance(REDACT.error(error), PlanUnreadable)
    assert str(error) == "alice: the plan cannot be read"
    short = PlanUnreadable("e: the plan cannot be read", private=["e"])
    assert str(REDACT.error(short)) == "…: the plan cannot be read"


def test_an_error_names_the_redacted_address() -> None:
    error = AddressUnknown("--target {}: unknown", [("lobby", "alice"), ("arn", "bob")])
    assert str(error) == "--target lobby/alice, arn/bob: unknown"
    assert str(REDACT.error(error)) == f"--target lobby/{REDACT.user('alice')}, arn/{REDACT.user('bob')}: unknown"
    invalid = REDACT.error(BanListInvalid([Problem("f", 1, 2, "alice", 'no "alice"', private=('"alice"',))]))
    assert str(invalid) == 'f:1:2: …: no "…"'


def test_diagnostics_can_leave_out_what_stands_in_the_file() -> None:
    problem = Problem("f", 1, 1, "", "x")
    assert "alice" not in diagnostics.as_json([problem], {"f": b"alice"}, snippets=False)
