"""The steps of the action, one by one: the comment, and keeping the state."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler import load_state
from reconciler.sandbox import SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, Repository, Runner, Step, banning, git
from tests.ci.github import Github
from tests.command_line import Reconciler

MARKER = "<!-- reconciler-plan: bans.yaml -->"
PLAN = f"{MARKER}\n\n1 to ban\n"
COMMENT = {"INPUT_COMMENT": "true", "PLANNED": "success"}
RUN = "https://github.com/OWNER/REPOSITORY/actions/runs/42"
NO_PLAN = f"{MARKER}\n**There is no plan.** [The log of this run]({RUN}) says why.\n"


# The comment


def test_the_comment_is_made_once_and_then_brought_up_to_date(runner: Runner, api: Github) -> None:
    runner.hand_on("plan.md", PLAN)
    first = runner.run("show", **COMMENT)
    assert first.outputs["comment-url"].endswith("#issuecomment-1")
    runner.hand_on("plan.md", PLAN.replace("1", "2"))
    assert runner.run("show", **COMMENT).code == 0
    assert [comment["body"] for comment in api.comments] == [PLAN.replace("1", "2")]


def test_the_comment_is_found_behind_many_others(runner: Runner, api: Github) -> None:
    for number in range(230):
        api.add(f"comment {number}", login="somebody", kind="User")
    api.add(PLAN)
    runner.hand_on("plan.md", PLAN + "changed\n")
    runner.run("show", **COMMENT)
    assert len(api.comments) == 231
    assert api.comments[-1]["body"] == PLAN + "changed\n"


def test_a_comment_of_a_person_with_the_same_marker_is_left_alone(runner: Runner, api: Github) -> None:
    api.add(PLAN + "nothing to see here", login="mallory", kind="User")
    runner.hand_on("plan.md", PLAN)
    runner.run("show", **COMMENT)
    assert [comment["body"] for comment in api.comments] == [PLAN + "nothing to see here", PLAN]


def test_a_token_of_a_person_takes_that_person_s_comment(runner: Runner, api: Github) -> None:
    api.login = "moderator"
    api.add(PLAN + "old", login="other[bot]")
    api.add(PLAN + "old", login="moderator", kind="User")
    runner.hand_on("plan.md", PLAN)
    runner.run("show", **COMMENT)
    assert [comment["body"] for comment in api.comments] == [PLAN + "old", PLAN]


def test_lists_in_one_repository_have_a_comment_each(runner: Runner, api: Github) -> None:
    for path in ("eu/bans.yaml", "us/bans.yaml", "eu/bans.yaml"):
        runner.hand_on("plan.md", PLAN.replace("bans.yaml", path), path)
        runner.run("show", **COMMENT, INPUT_FILE=path)
    assert len(api.comments) == 2


def test_a_plan_that_is_too_long_for_a_comment_stands_on_the_page(runner: Runner, api: Github) -> None:
    runner.hand_on("plan.md", PLAN + "." * 65_536)
    shown = runner.run("show", **COMMENT)
    assert shown.code == 0
    assert shown.summary.startswith(PLAN)
    assert "GitHub answers 422" in shown.log
    assert not api.comments


@pytest.mark.parametrize("event", [{"ref": "refs/heads/main"}, {"pull_request": {"number": 7}}])
def test_without_a_pull_request_or_if_told_so_the_plan_stands_on_the_page(
    runner: Runner, api: Github, event: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text(json.dumps(event))
    runner.hand_on("plan.md", PLAN)
    shown = runner.run("show", PLANNED="success", INPUT_COMMENT="false" if "pull_request" in event else "true")
    assert shown.summary == PLAN + "\n"
    assert not api.requests


def test_a_github_that_fails_is_asked_again_and_never_comments_twice(runner: Runner, api: Github) -> None:
    runner.hand_on("plan.md", PLAN)
    api.failures = [403, 502]
    assert runner.run("show", **COMMENT).code == 0
    assert [comment["body"] for comment in api.comments] == [PLAN]

    api.comments.clear()
    api.requests.clear()

    class PostFails(list[int]):
        def __bool__(self) -> bool:
            return api.requests[-1].startswith("POST")

    api.failures = PostFails([500, 500])
    shown = runner.run("show", **COMMENT)
    assert shown.code == 0
    assert shown.summary == PLAN + "\n"
    assert len([request for request in api.requests if request.startswith("POST")]) == 1


def shown_after(runner: Runner, **variables: str) -> Step:
    """Plan, and then show what there is to show."""
    planned = runner.run("plan", **variables)
    assert planned.code == 0, planned.log
    runner.run("show", **COMMENT, **variables)
    return planned


def missing(folder: Path) -> None:
    (folder / "bans.yaml").unlink()


def damaged_state(folder: Path) -> None:
    (folder / "bans.state.json").write_text("{")


def bad_location(folder: Path) -> None:
    with (folder / "bans.yaml").open("a") as file:
        file.write("state: https://example.com/state\n")


def outside(folder: Path) -> None:
    (folder.parent / "elsewhere.yaml").write_text("secret: 1\n")
    (folder / "bans.yaml").unlink()
    (folder / "bans.yaml").symlink_to("../elsewhere.yaml")


def linked_folder(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder / "bans.yaml").rename(folder.parent / "elsewhere" / "bans.yaml")
    (folder / "bans.yaml").symlink_to(folder.parent / "elsewhere" / "bans.yaml")


@pytest.mark.parametrize("broken", [missing, damaged_state, bad_location, outside, linked_folder])
def test_no_plan_takes_the_place_of_the_one_that_was_shown(
    runner: Runner, api: Github, broken: Callable[[Path], None]
) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed"))
    api.add(PLAN.replace("bans.yaml", "other/bans.yaml"))
    assert shown_after(runner).outputs["exit-code"] == "0"
    assert "1 to ban" in api.comments[1]["body"]
    broken(runner.folder)
    planned = shown_after(runner)
    assert planned.outputs == {"exit-code": planned.outputs["exit-code"]}
    assert planned.outputs["exit-code"] != "0"
    assert "::error title=" in planned.log
    [body] = [comment["body"] for comment in api.comments[1:]]
    assert body.startswith("<!-- reconciler-plan: bans.yaml -->\n**There is no plan.** ")
    assert "zed" not in body
    assert "other/bans.yaml" in api.comments[0]["body"]


def test_no_plan_is_said_in_a_new_comment_too(runner: Runner, api: Github) -> None:
    shown_after(runner)
    [body] = [comment["body"] for comment in api.comments]
    assert body.startswith("<!-- reconciler-plan: bans.yaml -->\n**There is no plan.** ")
    assert "there is no such file" in body


def test_what_an_earlier_list_left_is_not_shown_for_one_whose_plan_was_not_begun(runner: Runner, api: Github) -> None:
    runner.hand_on("plan.md", PLAN)
    for outcome in ("failure", "skipped"):
        runner.run("show", INPUT_COMMENT="true", PLANNED=outcome)
    assert [comment["body"] for comment in api.comments] == [NO_PLAN]


# Nothing from the checkout runs


@pytest.mark.parametrize("step", ["plan", "show", "check", "apply", "keep"])
def test_no_step_imports_from_the_checkout(runner: Runner, step: str) -> None:
    (runner.folder / "bans.yaml").write_text(banning())
    package = runner.folder / "reconciler"
    package.mkdir()
    for path in (
        package / "__init__.py",
        *(runner.folder / f"{name}.py" for name in ("json", "click", "usercustomize")),
    ):
        path.write_text("open('imported', 'w')\n")
    runner.hand_on("plan.json", json.dumps({"state": {"location": "bans.state.json"}}))
    ended = runner.run(step)
    assert "Traceback" not in ended.log
    assert not (runner.folder / "imported").exists()


def test_the_help_leaves_the_steps_to_programs(reconciler: Reconciler) -> None:
    assert "\n  ci " not in reconciler("--help").out
    assert "finish" in reconciler("ci", "--help").out
    unknown = reconciler("ci", "nonsense")
    assert unknown.code == 1
    assert "'plan'" in unknown.err


# The plan and its figures


def test_the_log_has_the_whole_plan(runner: Runner) -> None:
    users = [f"user-{number:04}" for number in range(400)]
    (runner.folder / "bans.yaml").write_text(banning(*users))
    log = runner.run("plan").log
    assert not [user for user in users if user not in log]
    (runner.folder / "bans.yaml").write_text(banning())
    assert "No changes." in runner.run("plan").log


def test_the_log_names_nobody_if_the_repository_wants_it_so(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed"))
    log = runner.run("plan", RECONCILER_REDACT="true", RECONCILER_REDACT_KEY="0123456789abcdef").log
    assert "user-" in log
    assert "zed" not in log


def test_a_plan_in_the_log_can_give_the_runner_no_commands(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning("::error::x"))
    lines = runner.run("plan").log.splitlines()
    stop = next(line for line in lines if line.startswith("::stop-commands::"))
    go = lines.index(f"::{stop.removeprefix('::stop-commands::')}::")
    shown = [number for number, line in enumerate(lines) if "::error::x" in line]
    assert shown
    assert lines.index(stop) < min(shown) <= max(shown) < go


def test_a_list_outside_of_the_checkout_is_not_read(runner: Runner) -> None:
    (runner.folder / "bans.yaml").symlink_to("/proc/self/environ")
    planned = runner.run("plan", HIDDEN="a-secret")
    assert "a symbolic link leads out of it" in planned.log
    assert "a-secret" not in planned.log
    assert planned.outputs == {"exit-code": "1"}


def test_a_list_behind_a_link_in_the_checkout_is_planned(runner: Runner) -> None:
    (runner.folder / "eu.yaml").write_text(banning("zed"))
    (runner.folder / "bans.yaml").symlink_to("eu.yaml")
    assert runner.run("plan").outputs["to-ban"] == "1"


def test_an_option_that_is_wrong_is_a_failure(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed"))
    assert runner.run("plan", RECONCILER_TARGET="nonsense").outputs == {"exit-code": "1"}


@pytest.mark.parametrize("option", [{}, {"RECONCILER_DETAILED_EXITCODE": "1"}])
def test_an_annotation_says_where_the_reason_is(runner: Runner, option: dict[str, str]) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed", "yan") + "guardrails:\n  max_bans: 1\n")
    log = runner.run("plan", **option).log
    assert "::The plan is refused. The plan itself and the log of this step say why." in log
    assert "max_bans" in log
    (runner.folder / "bans.state.json").write_text("{")
    log = runner.run("plan", **option).log
    assert "::There is no plan. The log of this step says why." in log
    assert "bans.state.json is not a state file" in log


def test_the_plan_gives_its_figures(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed", "yan"))
    planned = runner.run("plan")
    assert planned.code == 0, planned.log
    assert planned.outputs == {
        "exit-code": "0", "changes": "true", "disconnect-calls": "2",
        "to-ban": "2", "to-update": "0", "to-lift": "0", "to-repeat": "0",
    }  # fmt: skip


def test_a_plan_with_detailed_exit_codes_is_no_failure(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed"))
    assert runner.run("plan", RECONCILER_DETAILED_EXITCODE="1").outputs["exit-code"] == "0"


def test_a_refused_plan_is_shown_and_then_fails(runner: Runner, api: Github) -> None:
    (runner.folder / "bans.yaml").write_text(banning("zed", "yan") + "guardrails:\n  max_bans: 1\n")
    planned = runner.run("plan")
    assert planned.code == 0
    assert planned.outputs["exit-code"] == "1"
    runner.run("show", **COMMENT)
    assert "max_bans" in api.comments[0]["body"]
    assert runner.run("finish", EXIT_CODE="1").code == 1


@pytest.mark.parametrize("code", ["", "1", "nonsense"])
def test_a_step_that_left_no_code_fails(runner: Runner, code: str) -> None:
    assert runner.run("finish", EXIT_CODE=code).code == 1


def test_inputs_are_no_commands(runner: Runner) -> None:
    planned = runner.run("plan", INPUT_FILE="$(touch made).yaml; touch made")
    assert planned.outputs["exit-code"] == "1"
    assert not (runner.folder / "made").exists()


def test_a_list_can_give_the_runner_no_commands(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning().replace("[]", '[{user_id: "##[set-output name=x]y"}]'))
    log = runner.run("apply", AWS_EC2_METADATA_DISABLED="true").log
    stop, *shown, go = [line for line in log.splitlines() if line.strip()][:-1]
    assert stop.startswith("::stop-commands::")
    assert go == f"::{stop.removeprefix('::stop-commands::')}::"
    assert shown


# The apply


def test_a_cancelled_run_ends_the_apply_once_and_keeps_what_was_done(runner: Runner) -> None:
    (runner.folder / "bans.yaml").write_text(banning(*(f"user-{number}" for number in range(50))))
    with running(SandboxOptions(rooms=(LOBBY, FINALS), latency=0.3)) as sandbox:
        step = runner.start(
            "apply", RECONCILER_PARALLELISM="1", AWS_ENDPOINT_URL_IVSCHAT=sandbox.url,
            AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="any will do",
        )  # fmt: skip
        while len(sandbox.requests) < 2 and step.poll() is None:
            time.sleep(0.02)
        os.killpg(step.pid, signal.SIGTERM)  # as a runner does, or a terminal
        log = step.communicate(timeout=60)[0]
        called = len(sandbox.requests)
    assert step.returncode == 143, log
    assert 2 <= called < 50
    recorded = load_state(str(runner.folder / "bans.state.json")).records
    assert len(recorded) == called


# The state


def parse_state(content: str) -> list[str]:
    return [user for users in json.loads(content)["bans"].values() for user in users]


def state(runner: Runner, content: str = "new\n", location: str = "bans.state.json") -> None:
    runner.hand_on("plan.json", json.dumps({"state": {"location": location}}))
    if "://" not in location:
        (runner.folder / location).write_text(content)


@pytest.fixture
def checkout(runner: Runner, repository: Repository) -> Runner:
    """A runner with a shallow checkout of main."""
    git(runner.folder, "clone", "--quiet", "--depth=1", repository.origin.as_uri(), ".")
    return runner


def test_the_state_alone_is_committed(checkout: Runner, repository: Repository) -> None:
    state(checkout)
    (checkout.folder / "bans.state.json.backup").write_text("old")
    (checkout.folder / "something-else").write_text("else")
    kept = checkout.run("keep")
    assert kept.code == 0, kept.log
    assert repository.changed() == ["bans.state.json"]
    assert kept.outputs["state-commit"] == git(repository.origin, "rev-parse", "main")


@pytest.mark.parametrize("redact", [{}, {"RECONCILER_REDACT": "true", "RECONCILER_REDACT_KEY": "0123456789abcdef"}])
def test_what_an_apply_did_before_it_was_killed_is_committed(
    checkout: Runner, repository: Repository, redact: dict[str, str]
) -> None:
    (checkout.folder / "bans.yaml").write_text(banning(*(f"user-{number}" for number in range(50))))
    with running(SandboxOptions(rooms=(LOBBY, FINALS), latency=0.1)) as sandbox:
        environment = dict(os.environ) | {
            "AWS_ENDPOINT_URL_IVSCHAT": sandbox.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "any"
        }  # fmt: skip
        command = [sys.executable, "-m", "reconciler", "apply", "--auto-approve", "--parallelism=1"]
        with subprocess.Popen(command, cwd=checkout.folder, env=environment) as process:
            while len(sandbox.requests) < 5 and process.poll() is None:
                time.sleep(0.02)
            process.kill()
    checkout.hand_on("plan.json", json.dumps({"state": {"location": "bans.state.json"}}))
    kept = checkout.run("keep", **redact)
    assert kept.code == 0, kept.log
    banned = parse_state(repository.read("bans.state.json"))
    assert len(banned) >= 4
    assert not [user for user in banned if user in kept.log]


def test_a_journal_in_git_is_refused_and_one_that_an_apply_left_is_not(
    checkout: Runner, repository: Repository
) -> None:
    (checkout.folder / "states").mkdir()
    state = "states/bans.json"
    (checkout.folder / "link.json").symlink_to(state)
    (checkout.folder / "bans.yaml").write_text(banning("zed") + "state: link.json\n")
    journal = checkout.folder / f"{state}.journal"
    journal.write_text("")
    assert checkout.run("plan").outputs["exit-code"] == "0"
    git(checkout.folder, "add", "--force", str(journal))
    planned = checkout.run("plan")
    assert planned.outputs == {"exit-code": "1"}
    assert "The journal beside the state is in git" in planned.log
    assert "There is no plan" in checkout.run("show", PLANNED="success").summary


def test_a_state_that_has_not_changed_is_no_commit(checkout: Runner, repository: Repository) -> None:
    state(checkout)
    checkout.run("keep")
    before = repository.commits()
    assert checkout.run("keep").code == 0
    assert repository.commits() == before


def test_a_state_on_s3_is_not_committed(checkout: Runner, repository: Repository) -> None:
    state(checkout, location="s3://bucket/bans.state.json")
    assert checkout.run("check").code == 0
    assert checkout.run("keep").code == 0
    assert repository.commits() == ["Begin"]


def test_the_commit_goes_on_top_of_what_was_pushed_meanwhile(checkout: Runner, repository: Repository) -> None:
    state(checkout)
    assert checkout.run("check").code == 0
    for user in ("zed", "yan"):
        repository.push("main", bans__yaml=banning(user))
    kept = checkout.run("keep")
    assert kept.code == 0, kept.log
    assert repository.commits() == ["Record what was applied", "Change main", "Change main", "Begin"]
    assert repository.read("bans.state.json") == "new"
    assert "yan" in repository.read("bans.yaml")


def test_a_state_that_was_changed_meanwhile_is_kept_on_a_branch(checkout: Runner, repository: Repository) -> None:
    lines = [f"{number}\n" for number in range(20)]
    state(checkout, "".join(lines))
    checkout.run("keep")
    state(checkout, "".join(["ours\n", *lines[1:]]))
    repository.push("main", bans__state__json="".join([*lines[:-1], "theirs\n"]))  # git would merge the two
    kept = checkout.run("keep")
    assert kept.code == 1
    assert "on the branch reconciler-state-42-1-47613e78" in kept.summary
    assert repository.read("bans.state.json") == "".join([*lines[:-1], "theirs"])
    assert repository.read("bans.state.json", "reconciler-state-42-1-47613e78").startswith("ours")


def test_a_branch_that_takes_no_push_leaves_the_state_on_another(checkout: Runner, repository: Repository) -> None:
    hook = repository.origin / "hooks" / "update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }\n')
    hook.chmod(0o755)
    state(checkout)
    kept = checkout.run("keep")
    assert kept.code == 1
    assert "merge that before the next apply" in kept.log
    assert repository.commits() == ["Begin"]
    assert repository.read("bans.state.json", "reconciler-state-42-1-47613e78") == "new"


def test_lists_whose_states_a_branch_does_not_take_leave_them_on_branches_of_their_own(
    checkout: Runner, repository: Repository
) -> None:
    hook = repository.origin / "hooks" / "update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)
    for path in ("eu.yaml", "us.yaml"):
        location = f"{path}.state.json"
        checkout.hand_on("plan.json", json.dumps({"state": {"location": location}}), path)
        (checkout.folder / location).write_text(path)
    for path in ("eu.yaml", "us.yaml"):
        git(checkout.folder, "reset", "--quiet", "--soft", "origin/main")  # each has a checkout of its own
        assert checkout.run("keep", INPUT_FILE=path).code == 1
    aside = [
        branch for branch in git(repository.origin, "branch", "--format=%(refname:short)").split() if "-" in branch
    ]
    assert len(aside) == 2
    assert {name for branch in aside for name in repository.changed(branch)} == {
        "eu.yaml.state.json",
        "us.yaml.state.json",
    }


def test_a_list_does_not_apply_the_plan_of_another(runner: Runner) -> None:
    (runner.folder / "eu.yaml").write_text(banning("zed"))
    assert runner.run("plan", INPUT_FILE="eu.yaml").outputs["to-ban"] == "1"
    assert "There is no plan" in runner.run("check", INPUT_FILE="us.yaml").log
    assert "There is no plan" in runner.run("show", PLANNED="success", INPUT_FILE="us.yaml").summary
    assert "`zed`" in runner.run("show", PLANNED="success", INPUT_FILE="./eu.yaml").summary


def test_nothing_is_applied_from_an_older_checkout(checkout: Runner, repository: Repository) -> None:
    state(checkout)
    repository.push("main", bans__state__json="newer\n")
    checked = checkout.run("check")
    assert checked.code == 1
    assert "ref: ${{ github.ref }}" in checked.log


def test_nothing_is_applied_if_the_state_could_not_be_committed(checkout: Runner) -> None:
    (checkout.folder / ".gitignore").write_text("bans.state.json\n")
    state(checkout)
    assert checkout.run("check").code == 1
    assert checkout.run("check", GITHUB_REF="refs/tags/v1").code == 1
    (checkout.folder / ".gitignore").unlink()
    assert checkout.run("check").code == 0
    assert checkout.run("check", GITHUB_REF="refs/tags/v1").code == 1


def test_the_token_is_used_and_left_nowhere(checkout: Runner, repository: Repository) -> None:
    state(checkout)
    programs = checkout.folder.parent / "programs"
    programs.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (programs / "git").write_text(f'#!/bin/sh\necho "$1 "$(env | grep GIT_CONFIG) >> "$SEEN"\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    seen = programs / "seen"
    kept = checkout.run("keep", PATH=f"{programs}:/usr/bin:/bin", SEEN=str(seen))
    assert kept.code == 0, kept.log
    header = "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46YS10b2tlbg=="  # x-access-token:a-token
    used = {line.split()[0]: header in line for line in seen.read_text().splitlines()}
    assert used["push"]
    assert not used["commit"]
    assert "eC1hY2Nlc3MtdG9rZW46YS10b2tlbg" not in (checkout.folder / ".git/config").read_text() + kept.log
