"""A list that is not applied is heard of: the issue that one run opens, others comment on, and the last one closes."""

import json
import os
import shutil
from collections.abc import Iterator
from threading import Timer
from typing import Any

import pytest

from reconciler.ci import reporting, telling
from reconciler.ci.gitlab import Gitlab
from reconciler.ci.telling import Failure, Run
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, Runner, Step, banning
from tests.ci.github import Github

MARKER = "<!-- reconciler-apply: bans.yaml -->"
RUN = "https://github.com/OWNER/REPOSITORY/actions/runs/42"
NOT_CLOSED = "If an issue says that the list is not applied, it could not be closed"
CORRECT = (
    "Correct the list as it says below. The merge of that change applies it. The next apply that works closes this"
    " issue."
)
SAFE = "That is always safe: what is done is recorded, and is not done twice."
DENIED = "  - user_id: yan\n    rooms: [finals]\n    reason: Spam\n"
REDACTED = {"RECONCILER_REDACT": "true", "RECONCILER_REDACT_KEY": "0123456789abcdef"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as made:
        yield made


@pytest.fixture
def job(runner: Runner, sandbox: Sandbox) -> Runner:
    """A job that applies: it may not disconnect anybody from the finals."""
    runner.variables |= {
        "AWS_ENDPOINT_URL_IVSCHAT": sandbox.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "any will do",
        "GITHUB_EVENT_NAME": "push",
        "INPUT_ISSUE": "true",
    }
    return runner


def apply(job: Runner, ban_list: str, **variables: str) -> Step:
    """Run a job: plan, apply, and tell how that ended."""
    begin(job)
    (job.folder / "bans.yaml").write_text(ban_list)
    planned = job.run("plan", **variables)
    code = job.run("apply", **variables).code if planned.outputs["exit-code"] == "0" else 1
    return job.run("report", OUTCOME="failure" if code else "success", **variables)


def begin(job: Runner) -> None:
    """Another run: nothing is left of the one before."""
    shutil.rmtree(job.temporary)
    job.temporary.mkdir()


def report(job: Runner, outcome: str, **variables: str) -> Step:
    return job.run("report", OUTCOME=outcome, **variables)


def bodies(api: Github) -> list[str]:
    return [issue["body"] for issue in api.issues]


# One issue, from the first failure to the apply that works


def test_a_failure_opens_an_issue_that_says_what_is_left_and_what_to_do(job: Runner, api: Github) -> None:
    told = apply(job, banning("zed") + DENIED, INPUT_NOTIFY="@alice, OWNER/moderators")
    assert told.code == 0, told.log
    [issue] = api.issues
    assert (issue["title"], issue["state"]) == ("Not applied: bans.yaml", "open")
    assert told.outputs["issue-url"] == issue["html_url"]
    lines = issue["body"].splitlines()
    assert lines[:3] == [MARKER, "<!-- run: 42-1 -->", ""]
    assert lines[3] == (
        f"**Not everything in `bans.yaml` is applied.** [This run]({RUN}) failed. @alice @OWNER/moderators"
    )
    assert (
        f"Put that right, and run the job again. {SAFE} The next apply that works closes this issue." in issue["body"]
    )
    output, left = issue["body"].split("**What is left:**")
    assert "Allow ivschat:DisconnectUser on it in their policy" in output
    assert "Apply incomplete: 1 banned, 1 failed, 0 not started." in output
    assert "Plan: 1 to ban, 0 to update, 0 to lift." in left
    assert "`yan`" in left
    assert "`zed`" not in left
    assert "reconciler-plan" not in issue["body"]


def test_the_next_failure_is_a_comment_that_mentions_them_again(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED, INPUT_NOTIFY="alice")
    again = apply(job, banning("zed") + DENIED, INPUT_NOTIFY="alice", GITHUB_RUN_ID="43")
    [issue] = api.issues
    [said] = api.said(issue)
    assert said.startswith("<!-- run: 43-1 -->\n\n**Not everything in `bans.yaml` is applied.** [This run](")
    assert "actions/runs/43) failed. @alice\n" in said
    assert "`yan`" in said
    assert again.outputs["issue-url"] == issue["html_url"]


def test_an_apply_that_works_closes_it_and_says_by_what(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED, INPUT_NOTIFY="alice")
    told = apply(job, banning("zed"), GITHUB_RUN_ID="43", INPUT_NOTIFY="alice")
    assert told.code == 0, told.log
    [issue] = api.issues
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    run = RUN.replace("42", "43")
    assert api.said(issue) == [
        f"<!-- run: 43-1 -->\n\n**`bans.yaml` is applied.** [This run]({run}) did what was left.\n"
    ]
    apply(job, banning("zed") + DENIED, GITHUB_RUN_ID="44")
    assert [issue["state"] for issue in api.issues] == ["closed", "open"]


def test_an_apply_that_works_and_finds_no_issue_costs_two_requests(job: Runner, api: Github) -> None:
    told = apply(job, banning("zed"))
    assert (told.code, told.outputs) == (0, {}), told.log
    assert [request.partition("?")[0] for request in api.requests] == [
        "GET /user", "GET /repos/OWNER/REPOSITORY/issues"
    ]  # fmt: skip


def test_two_calls_in_one_job_make_one_message(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    before = len(api.requests)
    assert report(job, "failure").code == 0
    assert len(api.requests) == before
    # An apply that worked is not made to fail by what comes after it in the job.
    apply(job, banning("zed"))
    report(job, "failure")
    assert [issue["state"] for issue in api.issues] == ["closed"]
    assert len(api.said(api.issues[0])) == 1


def test_an_apply_that_may_fail_closes_nothing_where_its_job_ends_well(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    begin(job)
    for step in ("plan", "apply"):
        job.run(step)
    report(job, "success", GITHUB_RUN_ID="43")
    assert [issue["state"] for issue in api.issues] == ["open"]


def test_a_second_apply_in_the_same_job_speaks_for_itself(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    (job.folder / "bans.yaml").write_text(banning("zed"))
    for step in ("plan", "apply"):
        job.run(step)
    report(job, "success")
    assert [issue["state"] for issue in api.issues] == ["closed"]


def test_the_last_step_of_a_job_says_what_the_first_could_not(job: Runner, api: Github) -> None:
    api.fails = "POST"
    first = apply(job, banning("zed") + DENIED)
    assert "::warning title=reconciler::No issue tells of this run: GitHub answers 502." in first.log
    assert first.code == 0
    api.fails = ""
    report(job, "failure")
    assert len(api.issues) == 1


def test_an_issue_that_was_opened_without_an_answer_is_not_told_of_twice(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    for name in ("reported", "ended"):
        next(job.temporary.rglob(name)).unlink()  # as if the answer had been lost
    report(job, "failure")
    assert len(api.issues) == 1
    assert not api.comments


def test_what_works_is_not_taken_for_a_failure_because_github_did_not_hear_of_it(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    api.fails = "closed"
    apply(job, banning("zed"))
    api.fails = ""
    report(job, "failure")  # of a later step of the job
    assert api.issues[0]["state"] == "closed"
    assert all("is applied." in said for said in api.said(api.issues[0]))


@pytest.mark.parametrize("fails", ["/comments", "closed"])
def test_what_could_not_be_said_or_closed_is_done_by_the_next_apply(job: Runner, api: Github, fails: str) -> None:
    apply(job, banning("zed") + DENIED)
    api.fails = fails
    told = apply(job, banning("zed"), GITHUB_RUN_ID="43")
    assert told.code == 0
    assert f"::notice title=reconciler::{NOT_CLOSED}: GitHub answers 502." in told.log
    assert api.issues[0]["state"] == "open"
    api.fails = ""
    apply(job, banning("zed"), GITHUB_RUN_ID="44")
    assert api.issues[0]["state"] == "closed"
    assert "actions/runs/44) did what was left." in api.said(api.issues[0])[-1]


def test_each_list_has_an_issue_of_its_own(job: Runner, api: Github) -> None:
    for region in ("eu", "us"):
        (job.folder / f"{region}.yaml").write_text(banning("zed"))
        report(job, "failure", INPUT_FILE=f"{region}.yaml")
    eu, us = api.issues
    assert (eu["title"], us["title"]) == ("Not applied: eu.yaml", "Not applied: us.yaml")
    job.run("plan", INPUT_FILE="eu.yaml")
    job.run("apply", INPUT_FILE="eu.yaml")
    report(job, "success", INPUT_FILE="eu.yaml")
    assert (eu["state"], us["state"]) == ("closed", "open")


# What fails before, and after, the apply


def test_credentials_that_fail_are_told_by_the_last_step_of_the_job(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    report(job, "failure", INPUT_NOTIFY="alice")
    [body] = bodies(api)
    assert f"**Nothing new in `bans.yaml` was applied.** [This run]({RUN}) failed. @alice\n" in body
    assert (
        f"**What to do:** The log of the run says what went wrong. Put that right, and run the job again. {SAFE}"
        in body
    )
    assert body.endswith("This run could not find out what is left. `reconciler plan` shows it.\n")
    assert "zed" not in body


def test_a_list_that_is_wrong_is_told_with_its_problems(job: Runner, api: Github) -> None:
    apply(job, banning("zed").replace("reason:", "raeson:"))
    [body] = bodies(api)
    assert "**Nothing new in `bans.yaml` was applied.**" in body
    assert "**The ban list has 1 problem.**" in body
    assert "raeson" in body
    # The advice is what to do about a list, and not about credentials: the log says no more than this.
    assert f"**What to do:** {CORRECT}\n\n**What is wrong:**\n\n**The ban list" in body
    assert "What is left" not in body


def test_a_plan_that_is_refused_is_told_with_what_it_takes(job: Runner, api: Github) -> None:
    apply(job, banning("zed", "yan") + "guardrails:\n  max_bans: 1\n")
    [body] = bodies(api)
    assert "max_bans: 2" in body
    assert f"**What to do:** {CORRECT}\n\n**What is wrong:**\n\n" in body


def test_a_state_that_is_damaged_is_no_fault_of_the_list(job: Runner, api: Github) -> None:
    (job.folder / "bans.state.json").write_text("{")
    apply(job, banning("zed"))
    [body] = bodies(api)
    assert "**What to do:** The log of the run says what went wrong." in body
    assert "**What is left:**\n\n**There is no plan.** " in body


def test_why_a_step_failed_is_told(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    job.run("plan")
    assert job.run("check", GITHUB_REF="refs/tags/v1").code == 1
    report(job, "failure")
    assert "\n- Only the branch can keep the state" not in bodies(api)[0]
    assert "\n- Only a branch can keep the state, and this run is not for one. Nothing was applied.\n" in bodies(api)[0]
    assert "**What to do:** Above it says what went wrong. Put that right, and run the job again." in bodies(api)[0]
    assert "`zed`" in bodies(api)[0]


def test_an_apply_that_could_not_be_recorded_is_told_as_that(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    for step in ("plan", "apply"):
        job.run(step)
    job.hand_on("failures", "The state could not be pushed to its branch. It is on the branch aside.\n")
    report(job, "failure")
    [body] = bodies(api)
    assert "**`bans.yaml` was applied, but that could not be recorded.**" in body
    assert "- The state could not be pushed to its branch. It is on the branch aside.\n" in body
    assert "**What to do:** Do what is said above, before the next apply." in body


def test_a_run_that_was_cancelled_before_the_apply_says_nothing(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    job.run("plan")
    assert report(job, "cancelled").code == 0
    assert not api.requests


@pytest.mark.parametrize(
    ("left", "said"),
    [
        ({"code": 143, "output": "Apply interrupted.\n"}, "The apply of `bans.yaml` was interrupted."),
        ({"code": None, "output": ""}, "The apply of `bans.yaml` was stopped half-way."),
        (None, "The apply of `bans.yaml` was stopped half-way."),
    ],
)
def test_a_run_that_was_cancelled_in_the_middle_says_what_is_left(
    job: Runner, api: Github, left: dict[str, Any] | None, said: str
) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    job.run("plan")
    job.hand_on("applied.json", json.dumps(left) if left else '{"code": 14')
    report(job, "cancelled")
    [body] = bodies(api)
    assert f"**{said}**" in body
    assert "Run the job again. It goes on where this run stopped." in body
    assert "`zed`" in body


def test_an_apply_that_is_killed_has_begun(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed"))
    job.run("plan")
    killer = job.folder.parent / "programs" / "reconciler"
    killer.parent.mkdir()
    killer.write_text("#!/bin/sh\nkill -9 $PPID\n")
    killer.chmod(0o755)
    assert job.run("apply", PATH=f"{killer.parent}{os.pathsep}{os.environ['PATH']}").code == -9
    report(job, "cancelled")
    assert "was stopped half-way" in bodies(api)[0]


@pytest.mark.parametrize("outcome", ["", "skipped", "nonsense"])
def test_how_the_job_ended_has_to_be_known(job: Runner, api: Github, outcome: str) -> None:
    told = report(job, outcome)
    assert told.code == 1
    assert "How the job has ended is not known" in told.log
    assert not api.requests


# The schedule


def test_a_schedule_that_applies_what_was_merged_says_so(job: Runner, api: Github) -> None:
    told = apply(job, banning("zed", "yan"), GITHUB_EVENT_NAME="schedule", INPUT_NOTIFY="alice")
    assert told.code == 0, told.log
    [issue] = api.issues
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert issue["body"].startswith(
        f"{MARKER}\n<!-- run: 42-1 -->\n\n**The schedule found 2 changes in `bans.yaml` that had been merged but never"
        f" applied.** [This run]({RUN}) applied what it found, so nothing is left to do. @alice\n"
    )
    assert "Plan: 2 to ban, 0 to update, 0 to lift." in issue["body"]
    assert not api.comments


def test_a_schedule_that_fails_to_apply_what_was_merged_says_both(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED, GITHUB_EVENT_NAME="schedule")
    [issue] = api.issues
    assert issue["state"] == "open"
    assert "**Not everything in `bans.yaml` is applied.**" in issue["body"]
    assert "The schedule found 2 changes that had been merged but never applied." in issue["body"]


def test_a_schedule_closes_an_open_issue_and_opens_no_other(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    apply(job, banning("zed", "xan"), GITHUB_EVENT_NAME="schedule", GITHUB_RUN_ID="43")
    assert [issue["state"] for issue in api.issues] == ["closed"]


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_a_run_that_is_meant_to_apply_is_no_news(job: Runner, api: Github, event: str) -> None:
    apply(job, banning("zed", "yan"), GITHUB_EVENT_NAME=event)
    assert not api.issues


@pytest.mark.parametrize(
    ("because", "news"),
    [
        ("new", True), ("lapsed", True), ("changed", True), ("removed", True),
        ("expired", False), ("unpublished", False), ("unknown", False),
    ],
)  # fmt: skip
def test_what_a_schedule_is_for_is_no_news(job: Runner, api: Github, because: str, news: bool) -> None:
    job.hand_on("plan.json", json.dumps({"changes": [{"because": because}]}))
    job.hand_on("plan.md", "a plan\n")
    job.hand_on("applied.json", json.dumps({"code": 0, "output": ""}))
    report(job, "success", GITHUB_EVENT_NAME="schedule")
    assert [issue["state"] for issue in api.issues] == (["closed"] if news else [])
    if news:
        assert "**The schedule found 1 change in" in bodies(api)[0]


# Who else writes there


def test_an_issue_of_a_person_with_our_marker_is_left_alone(job: Runner, api: Github) -> None:
    theirs = api.add_issue(f"{MARKER}\nnothing to see here", login="mallory", kind="User")
    apply(job, banning("zed") + DENIED)
    assert len(api.issues) == 2
    apply(job, banning("zed"), GITHUB_RUN_ID="43")
    assert theirs["state"] == "open"
    assert not api.said(theirs)


def test_an_issue_of_another_bot_with_our_marker_is_left_alone(job: Runner, api: Github) -> None:
    theirs = api.add_issue(f"{MARKER}\nfrom a bot", login="dependabot[bot]")
    apply(job, banning("zed") + DENIED, TOKEN_OF_RUN="true")
    apply(job, banning("zed"), GITHUB_RUN_ID="43", TOKEN_OF_RUN="true")
    assert [issue["state"] for issue in api.issues if issue is not theirs] == ["closed"]
    assert theirs["state"] == "open"
    assert not api.said(theirs)
    assert "GET /user" not in api.requests


def test_a_pull_request_with_our_marker_is_left_alone(job: Runner, api: Github) -> None:
    theirs = api.add_issue(f"{MARKER}\nfrom a bot", login="other[bot]", pull=True)
    apply(job, banning("zed") + DENIED)
    apply(job, banning("zed"), GITHUB_RUN_ID="43")
    assert [issue["state"] for issue in api.issues if issue is not theirs] == ["closed"]
    assert theirs["state"] == "open"
    assert not api.said(theirs)


def test_an_issue_without_a_text_or_an_author_is_not_ours(job: Runner, api: Github) -> None:
    api.add_issue("")["body"] = None
    api.add_issue(MARKER)["user"] = None
    apply(job, banning("zed") + DENIED)
    assert len(api.issues) == 3


def test_a_token_of_a_person_takes_that_person_s_issue(job: Runner, api: Github) -> None:
    api.login = "moderator"
    other = api.add_issue(f"{MARKER}\n", login="other[bot]")
    apply(job, banning("zed") + DENIED)
    apply(job, banning("zed"), GITHUB_RUN_ID="43")
    assert [issue["state"] for issue in api.issues if issue is not other] == ["closed"]
    assert other["state"] == "open"


def test_a_github_that_cannot_say_whose_the_token_is_makes_no_second_issue(job: Runner, api: Github) -> None:
    api.login = "moderator"
    apply(job, banning("zed") + DENIED)
    api.failures = [502, 502, 502]
    told = apply(job, banning("zed") + DENIED, GITHUB_RUN_ID="43")
    assert "No issue tells of this run: GitHub answers 502." in told.log
    report(job, "failure", GITHUB_RUN_ID="43")  # the last step of the job
    assert (len(api.issues), len(api.said(api.issues[0]))) == (1, 1)


def test_the_issue_is_found_behind_300_others(job: Runner, api: Github) -> None:
    apply(job, banning("zed") + DENIED)
    for number in range(300):
        api.add_issue(f"issue {number}", login="somebody", kind="User", pull=number % 3 == 0)
    apply(job, banning("zed"), GITHUB_RUN_ID="43")
    assert api.issues[0]["body"].startswith(MARKER) or api.issues[-1]["body"].startswith(MARKER)
    assert [issue["state"] for issue in api.issues if issue["body"].startswith(MARKER)] == ["closed"]


def test_no_more_than_five_pages_of_issues_are_read(job: Runner, api: Github) -> None:
    for number in range(1000):
        api.add_issue(f"issue {number}", login="somebody", kind="User")
    apply(job, banning("zed"))
    assert sum("/issues?" in request for request in api.requests) == 5


# What GitHub does not take


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, "the token may not write issues (403); give the job `issues: write`"),
        (410, "the repository has no issues; turn them on in its settings"),
        (500, "GitHub answers 500"),
    ],
)
def test_a_failure_that_nobody_can_be_told_of_is_a_warning(job: Runner, api: Github, status: int, why: str) -> None:
    api.no_issues = status
    told = apply(job, banning("zed") + DENIED)
    assert told.code == 0
    assert f"::warning title=reconciler::No issue tells of this run: {why}.\n" in told.log


def test_an_apply_that_works_stays_green_whatever_github_says(job: Runner, api: Github) -> None:
    api.failures = [403, 403]
    told = apply(job, banning("zed"))
    assert told.code == 0
    assert f"::notice title=reconciler::{NOT_CLOSED}: the token may not write issues (403)" in told.log
    api.issues.append({"state": "open", "user": {"type": "Bot"}})
    told = apply(job, banning("zed"))
    assert told.code == 0
    assert "the API answers nonsense (KeyError)" in told.log


def test_a_github_that_never_comes_to_an_end_is_given_up(
    job: Runner, api: Github, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given_up: list[int] = []

    class Impatient(Timer):
        def start(self) -> None:
            assert self.interval == reporting.WHOLE
            self.function()

    monkeypatch.setattr(reporting, "Timer", Impatient)
    monkeypatch.setattr("os._exit", given_up.append)
    with reporting._at_most(reporting.WHOLE):
        pass
    assert given_up == [0]
    assert (
        "::warning title=reconciler::No issue tells of this run: that was not done within 240 s."
        in capfd.readouterr().out
    )


def test_issues_can_be_turned_off(job: Runner, api: Github) -> None:
    told = apply(job, banning("zed") + DENIED, INPUT_ISSUE="false")
    assert told.code == 0
    assert not api.requests


# Whom it mentions


NO_NAMES = (
    "<b>",
    "@@alice",
    "alice`",
    "[x](http://x)",
    "a/b/c",
    "-alice",
    "al!ce",
    "a" * 60,
    "ålice",
    "#1",
    "@",
    "a\x1b[1m",
)


def test_what_is_no_name_is_told_in_the_log_and_is_in_no_issue(job: Runner, api: Github) -> None:
    told = report(job, "failure", INPUT_NOTIFY=f"bob,{', '.join(NO_NAMES)}\nOWNER/moderators")
    assert told.code == 0
    errors = [line for line in told.log.splitlines() if line.startswith("::error")]
    assert errors == [
        f"::error title=reconciler::Name {number} in the input `notify` is not a login or a team, so nobody is told by"
        " it."
        for number in range(2, len(NO_NAMES) + 2)
    ]
    [body] = bodies(api)
    assert "failed. @bob @OWNER/moderators\n" in body


def test_a_name_that_is_none_is_told_before_it_is_needed(job: Runner, api: Github) -> None:
    told = apply(job, banning("zed"), INPUT_NOTIFY="<b>")
    assert told.code == 0
    assert "::error title=reconciler::Name 1 in" in told.log


def test_names_are_mentioned_once_and_not_without_end(job: Runner, api: Github) -> None:
    told = report(job, "failure", INPUT_NOTIFY=" ".join(["alice", "@alice", *(f"u-{n}_corp" for n in range(30))]))
    assert "the input `notify` has 32 names. Only the first 20 are told." in told.log
    assert bodies(api)[0].count("@") == 19


@pytest.mark.parametrize(
    ("name", "taken"), [("group/sub.group/team_1", True), ("a.b-c", True), ("a`b", False), ("/a", False), ("a/", False)]
)
def test_gitlab_has_names_of_its_own(name: str, taken: bool) -> None:
    assert bool(Gitlab.mentioned.fullmatch(name)) is taken


# User IDs, and what people write into them

HOSTILE = ("@alice", "</details>", "a`b|c", "[x](http://evil)", "<!-- x", "```")


def test_what_a_list_says_is_only_text(job: Runner, api: Github) -> None:
    users = "".join(
        f"  - user_id: {json.dumps(user)}\n    rooms: [finals]\n    reason: Spam @bob\n" for user in HOSTILE
    )
    apply(job, banning("zed") + users)
    [body] = bodies(api)
    fences = [line for line in body.splitlines() if line.startswith("```")]
    assert fences == ["````text", "````"]
    before, rest = body.split("````text\n")
    outside = before + rest.split("\n````\n")[1]
    for row in (line for line in outside.splitlines() if line.startswith("| `")):
        assert all(cell.strip(" `") == "" or cell.strip().startswith("`") or cell.strip() == "for good"
                   for cell in row.replace("\\|", "").strip("| ").split(" | "))  # fmt: skip
    assert sum(line.startswith("| `finals` |") for line in outside.splitlines()) == len(HOSTILE)


def test_nobody_s_user_id_is_in_an_issue_if_the_repository_wants_it_so(job: Runner, api: Github) -> None:
    user = "somebody-0042"
    denied = DENIED.replace("yan", user).replace("Spam", f"Spam by {user}")
    apply(job, banning("zed") + denied, **REDACTED)
    apply(job, banning("zed") + denied, **REDACTED, GITHUB_RUN_ID="43", GITHUB_EVENT_NAME="schedule")
    texts = [*bodies(api), *api.said(api.issues[0])]
    assert len(texts) == 2
    assert user not in "".join(texts)
    assert all("user-" in text for text in texts)


def test_a_step_that_is_not_told_to_redact_shows_no_plan(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("zed") + DENIED)
    for step in ("plan", "apply"):
        job.run(step, **REDACTED)
    report(job, "failure")
    [body] = bodies(api)
    assert "yan" not in body
    assert "This run could not find out what is left." in body


@pytest.mark.parametrize(("redacted", "told"), [("", REDACTED), ("true", {})])
def test_a_traceback_is_left_out_if_user_ids_are(job: Runner, api: Github, redacted: str, told: dict[str, str]) -> None:
    output = "Begun.\nTraceback (most recent call last):\nKeyError: 'yan'\n"
    job.hand_on("applied.json", json.dumps({"code": 1, "output": output}))
    job.hand_on("redacted", redacted)
    report(job, "failure", **told)
    assert ("Begun." in bodies(api)[0]) == bool(redacted)  # else the rest may name somebody too
    assert "yan" not in bodies(api)[0]


def test_what_a_schedule_has_found_is_redacted_as_this_step_is_told(job: Runner, api: Github) -> None:
    (job.folder / "bans.yaml").write_text(banning("somebody-0042"))
    for step in ("plan", "apply"):
        job.run(step)
    report(job, "success", GITHUB_EVENT_NAME="schedule", **REDACTED)
    [body] = bodies(api)
    assert "somebody-0042" not in body
    assert body.endswith("**What was found:**\n\nThe log of the run has it.\n")


def test_a_list_that_is_not_to_be_read_is_not_read_for_the_issue(job: Runner, api: Github) -> None:
    (job.folder.parent / "elsewhere.yaml").write_text("a-secret: x\n")
    (job.folder / "bans.yaml").symlink_to("../elsewhere.yaml")
    job.run("plan")
    report(job, "failure")
    [body] = bodies(api)
    assert "a-secret" not in body
    assert "\n- The ban list is outside the checkout, or a symbolic link leads out of it" in body


# How long it is

LONGEST = Run("bans.yaml", RUN, "42-1", " ".join(f"@{'a' * 39}" for _ in range(20)))


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_a_plan_that_is_too_long_ends_with_what_is_left_out(job: Runner, api: Github) -> None:
    users = [f"{'x' * 100}-{number:04}" for number in range(800)]
    apply(job, banning(*users, room="finals"))
    [body] = bodies(api)
    assert 60_000 < units(body) <= 65_536
    assert body.endswith(
        "|\n\n</details>\n\nMore is left than there is room for here. The log of the run has all of it, and so has"
        " `plan --all`.\n"
    )
    assert body.count("<details") == body.count("</details>")


def test_a_list_whose_path_is_long_is_told_with_a_long_plan(job: Runner, api: Github) -> None:
    path = f"{'ä' * 120}/{'ä' * 40}.yaml"
    (job.folder / path).parent.mkdir()
    (job.folder / path).write_text(banning(*(f"{'x' * 100}-{number:04}" for number in range(800)), room="finals"))
    for step in ("plan", "apply"):
        job.run(step, INPUT_FILE=path)
    report(job, "failure", INPUT_FILE=path)
    [body] = bodies(api)
    assert 60_000 < units(body) <= 65_536


def test_whatever_is_told_has_room(job: Runner) -> None:
    plan = "<details>\n```text\n" + "\U0001f600" * 20_000 + "\n" + "`\U0001f600`\n" * 60_000
    text = telling.failed(
        LONGEST, Failure(True, 1, ["why " * 100] * 100, "o" * 11_999 + "\n" + "\U0001f600 \n" * 9_000, plan)
    )
    assert units(text) <= telling.LIMIT
    assert text.count("- why") == 10
    assert units(telling.found(LONGEST, plan)) <= telling.LIMIT


def test_a_plan_that_is_cut_closes_what_it_opened() -> None:
    plan = "<details open><summary>x</summary>\n\n```yaml\n" + "line\n" * 20_000
    text = telling.failed(LONGEST, Failure(False, left=plan))
    assert "line\n```\n\n</details>\n\nMore is left" in text


def test_the_end_of_the_output_is_what_is_shown() -> None:
    text = telling.failed(LONGEST, Failure(True, 1, output="".join(f"line {n}\n" for n in range(9000)), left="plan"))
    assert "line 8999\n```\n" in text
    assert "\nline 7\n" not in text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("eu/bans.yaml", "eu/bans.yaml"),
        ("bann-liste äöü.yaml", "bann-liste äöü.yaml"),
        ("@all/`x`#1\n.yaml", "%40all/%60x%60%231%0A.yaml"),
        ("a\u3164\u202eb.yaml", "a%E3%85%A4%E2%80%AEb.yaml"),
        ("\udcff.yaml", "%5Cudcff.yaml"),
        ("a" * 200 + ".yaml", "…" + "a" * 94 + ".yaml"),
    ],
)
def test_a_title_is_text(path: str, shown: str) -> None:
    assert telling.title(path) == f"Not applied: {shown}"
    assert f"`{shown}`" in telling.works(Run(path, RUN, "42-1"))
