"""The example for GitLab: its jobs as they stand, against a GitLab on loopback and the sandbox."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.ci.gitlab import PAGE
from reconciler.ci.steps import STEPS
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, GIT, LOBBY, ROOT, Repository, banning, git
from tests.ci.gitlab import JOB_TOKEN, NOTE_TOKEN, PROJECT, PUSH_TOKEN, READ_TOKEN, REQUEST, Gitlab, gitlab

EXAMPLE = YAML(typ="safe").load((ROOT / "docs/examples/gitlab/.gitlab-ci.yml").read_text())
MARKER = "<!-- reconciler-plan: bans.yaml -->"
JOB_URL = "https://gitlab.example.com/group/project/-/jobs/42"
NO_PLAN = f"{MARKER}\n**There is no plan.** [The log of this run]({JOB_URL}) says why.\n"
REDACTED = {"RECONCILER_REDACT": "true", "RECONCILER_REDACT_KEY": "0123456789abcdef"}
PROGRAMS = Path(sys.executable).parent


@dataclass
class Job:
    """How a job ended, and what it left to see."""

    code: int
    log: str
    report: str


@dataclass
class Project:
    """A project on GitLab, and a runner that runs its jobs."""

    repository: Repository
    server: Gitlab
    sandbox: Sandbox
    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    workspace: Path = Path()
    jobs: int = 41
    group: str = "group"  # of the project that the pipeline is in
    depth: int = 1  # GIT_DEPTH
    status: str = ""  # how GitLab says that a job ended; empty for how it did end

    def merge_request(self, branch: str, **variables: str) -> Job:
        """Plan a merge request, in the pipeline of its own project."""
        self.check_out(branch)
        return self.run("plan", **self.of_merge_request() | variables)

    def of_merge_request(self) -> dict[str, str]:
        """What GitLab tells the jobs of a merge request pipeline about it."""
        return {
            "CI_PIPELINE_SOURCE": "merge_request_event",
            "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
            "CI_MERGE_REQUEST_IID": str(REQUEST),
            "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
            "CI_MERGE_REQUEST_PROJECT_URL": f"{self.server.url}/group/project",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "RECONCILER_NOTE_TOKEN": NOTE_TOKEN,
        }

    def apply(self, **variables: str) -> Job:
        """Apply the default branch."""
        self.check_out("main")
        return self.run("apply", **self.of_branch() | variables)

    def of_branch(self) -> dict[str, str]:
        """What the jobs of the default branch have, and others do not."""
        return {"CI_COMMIT_BRANCH": "main", "RECONCILER_PUSH_TOKEN": PUSH_TOKEN, "AWS_TOKEN": "an-id-token"}

    def check_out(self, branch: str) -> None:
        """Check out a commit of a branch as a runner does: shallow, and on no branch."""
        self.workspace = self.folder / f"workspace-{self.jobs + 1}"
        self.workspace.mkdir()
        git(self.workspace, "init", "--quiet")
        address = f"{self.server.url}/{self.group}/project.git".replace("://", f"://gitlab-ci-token:{JOB_TOKEN}@")
        git(self.workspace, "remote", "add", "origin", address)
        git(self.workspace, "fetch", "--quiet", f"--depth={self.depth}", "origin", f"refs/heads/{branch}")
        git(self.workspace, "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")

    def run(self, name: str, **variables: str) -> Job:
        """Run the job of the example: its script line by line until one fails, then what comes after it."""
        self.jobs += 1
        environment = self.environment() | variables
        job = EXAMPLE[name]
        done = self._bash(job["script"], environment)
        after = environment | {"CI_JOB_STATUS": self.status or ("failed" if done.returncode else "success")}
        log = done.stdout + self._bash(job["after_script"], after).stdout
        page = self.workspace / PAGE
        return Job(done.returncode, log, page.read_text() if page.exists() else "")

    def step(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one step, in the job that ran last."""
        return self._bash([f"reconciler ci {name}"], self.environment() | self.of_branch() | variables)

    def environment(self) -> dict[str, str]:
        """What GitLab tells each job."""
        return {
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            **{name: GIT[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")},
            "GITLAB_CI": "true",
            "CI_API_V4_URL": f"{self.server.url}/api/v4",
            "CI_DEFAULT_BRANCH": "main",
            "CI_JOB_ID": str(self.jobs),
            "CI_JOB_TOKEN": JOB_TOKEN,
            "CI_JOB_URL": JOB_URL,
            "CI_PROJECT_DIR": str(self.workspace),
            "CI_PROJECT_ID": str(PROJECT if self.group == "group" else PROJECT + 1),
            "CI_PROJECT_URL": f"{self.server.url}/{self.group}/project",
            "CI_SERVER_HOST": "gitlab.example.com",
            "CI_SERVER_URL": self.server.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "any will do",
            "AWS_ENDPOINT_URL_IVSCHAT": self.sandbox.url,
            **self.variables,
        }

    def _bash(self, lines: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            cwd=self.workspace, env=environment, check=False, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def programs(self, **scripts: str) -> dict[str, str]:
        """The variable by which a job finds these programs first; `REAL` stands for the real one."""
        folder = self.folder / f"programs-{self.jobs}"
        folder.mkdir()
        path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
        for name, script in scripts.items():
            program = folder / name
            program.write_text(f"#!/bin/sh\n{script.replace('REAL', shutil.which(name, path=path) or '')}\n")
            program.chmod(0o755)
        return {"PATH": f"{folder}{os.pathsep}{path}"}

    def hook(self, name: str, script: str) -> None:
        """Let the server run something at each push."""
        hook = self.repository.origin / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[Gitlab]:
    folder = tmp_path / "server"
    (folder / "group").mkdir(parents=True)
    (folder / "group" / "project.git").symlink_to(repository.origin)
    with gitlab(folder) as state:
        yield state


@pytest.fixture
def project(repository: Repository, server: Gitlab, tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "runner"
    folder.mkdir()
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as sandbox:
        yield Project(repository, server, sandbox, folder)


def test_a_ban_from_its_merge_request_to_the_state(project: Project, repository: Repository) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    planned = project.merge_request("ban-zed")
    assert planned.code == 0, planned.log
    [note] = project.server.bodies()
    assert note.startswith(f"{MARKER}\n")
    assert "Plan: 1 to ban" in note
    assert "`zed`" in note
    assert not planned.report

    repository.push("ban-zed", bans__yaml=banning("zed", "yan"))
    assert project.merge_request("ban-zed").code == 0
    [note] = project.server.bodies()
    assert "Plan: 2 to ban" in note
    assert not project.sandbox.requests

    repository.merge("ban-zed")
    project.hook("post-receive", 'echo "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" >> pushed')
    applied = project.apply()
    assert applied.code == 0, applied.log
    assert len(project.sandbox.requests) == 2
    assert repository.commits()[0] == "Record what was applied"
    assert repository.changed() == ["bans.state.json"]
    assert (repository.origin / "pushed").read_text() == "1 ci.skip\n"
    assert "Plan: 2 to ban" in applied.report
    assert "Apply complete: 2 banned" in applied.report
    message = git(repository.origin, "log", "-1", "--format=%an <%ae>%n%b", "main")
    assert message == f"reconciler <noreply@gitlab.example.com>\n{JOB_URL}"

    before = repository.commits()
    again = project.apply()
    assert again.code == 0, again.log
    assert len(project.sandbox.requests) == 2
    assert repository.commits() == before


def test_the_jobs_call_steps_that_there_are() -> None:
    called = {step for job in EXAMPLE.values() for step in re.findall(r"reconciler[ .]ci (\w+)", str(job))}
    assert called == set(STEPS) - {"touched", "propose", "at-once"}
    assert {path for name in ("plan", "apply") for path in EXAMPLE[name]["artifacts"]["paths"]} == {PAGE}


def test_each_merge_request_has_a_pipeline() -> None:
    """With "Pipelines must succeed", GitLab merges nothing that has none."""

    def runs(name: str, changed: bool) -> bool:
        for rule in EXAMPLE[name]["rules"]:
            of_merge_requests = 'CI_PIPELINE_SOURCE == "merge' in rule.get("if", "")
            if (of_merge_requests or "if" not in rule) and (changed or "changes" not in rule):
                return bool(rule.get("when") != "never")
        return False

    for changed in (True, False):
        assert [name for name in ("plan", "no-plan") if runs(name, changed)] == ["plan" if changed else "no-plan"]
    assert EXAMPLE["plan"]["rules"][-1]["changes"] == EXAMPLE["no-plan"]["rules"][1]["changes"]


# The result of the merge


@pytest.fixture
def behind(project: Project, repository: Repository) -> Project:
    """A branch that began before `yan` was banned, and has more commits than a runner fetches."""
    repository.push("ban-zed", bans__yaml="# A change of its own.\n" + banning())
    for _ in range(22):
        git(repository.clone, "commit", "--quiet", "--allow-empty", "--message", "Think again")
    git(repository.clone, "push", "--quiet", "origin", "ban-zed")
    repository.push("main", bans__yaml=banning("yan"))
    return project


def test_the_plan_is_that_of_the_result_of_the_merge(behind: Project) -> None:
    behind.depth = 20
    planned = behind.merge_request("ban-zed")
    assert planned.code == 0, planned.log
    assert "Plan: 1 to ban" in behind.server.bodies()[0]
    text = (behind.workspace / "bans.yaml").read_text()
    assert "yan" in text
    assert "# A change of its own." in text
    assert git(behind.workspace, "log", "--format=%s", "-1") == "Think again"


@pytest.mark.parametrize("kind", ["merged_result", "merge_train"])
def test_what_gitlab_has_merged_is_not_merged_again(behind: Project, kind: str) -> None:
    behind.check_out("ban-zed")
    before = len(behind.server.requests)
    behind.jobs += 1
    done = behind.step(
        "checkout", **behind.of_merge_request() | {"CI_MERGE_REQUEST_EVENT_TYPE": kind, "CI_COMMIT_BRANCH": ""}
    )
    assert done.returncode == 0, done.stdout
    assert "yan" not in (behind.workspace / "bans.yaml").read_text()
    assert behind.server.requests[before:] == []


def test_a_conflict_is_said_in_place_of_the_older_plan(project: Project, repository: Repository) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    assert project.merge_request("ban-zed").code == 0
    repository.push("main", bans__yaml=banning("yan"))
    planned = project.merge_request("ban-zed")
    assert planned.code == 1
    assert "Error: The change and its target branch cannot be merged, so there is no plan." in planned.log
    assert project.server.bodies() == [NO_PLAN]
    assert git(project.workspace, "status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.parametrize("public", [True, False])
def test_a_fork_is_merged_with_a_target_that_it_may_read(
    project: Project, repository: Repository, tmp_path: Path, public: bool
) -> None:
    fork = project.server.repositories / "fork" / "project.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository.origin), str(fork))
    clone = tmp_path / "clone-of-fork"
    git(tmp_path, "clone", "--quiet", str(fork), str(clone))
    for number in range(3):
        (clone / "bans.yaml").write_text(banning("zed") + f"# {number}\n")
        git(clone, "commit", "--quiet", "--all", "--message", f"Ban {number}")
    git(clone, "push", "--quiet", "origin", "HEAD:ban-zed")
    repository.push("main", **{"something-else": "else"})
    project.server.public = public
    if not public:
        project.server.may = lambda authorisation, path, query: path.startswith("/fork/")  # type: ignore[method-assign]
    project.group = "fork"
    planned = project.merge_request("ban-zed", RECONCILER_NOTE_TOKEN="")
    assert not project.server.notes
    if public:
        assert planned.code == 0, planned.log
        assert (project.workspace / "something-else").exists()
        assert "Plan: 1 to ban" in planned.report
    else:
        assert planned.code == 1
        assert "In a fork, this job may only read the project of the merge request if that is public" in planned.log


# The plan


def test_the_log_has_the_whole_plan(project: Project, repository: Repository) -> None:
    users = [f"user-{number:04}" for number in range(400)]
    repository.push("ban", bans__yaml=banning(*users))
    planned = project.merge_request("ban")
    assert planned.code == 0
    assert not [user for user in users if user not in planned.log]
    assert "400 to ban" in project.server.bodies()[0]


def test_the_log_has_the_problems_of_the_list(project: Project, repository: Repository) -> None:
    repository.push("ban", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    planned = project.merge_request("ban")
    assert planned.code == 1
    assert re.search(r"^bans\.yaml:8:\d+: .*raeson", planned.log, re.MULTILINE)
    assert "::" not in planned.log
    assert "**The ban list has 1 problem.**" in project.server.bodies()[0]


def test_a_journal_in_git_is_refused(project: Project, repository: Repository) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    git(repository.clone, "checkout", "--quiet", "ban")
    (repository.clone / "bans.state.json.journal").write_text("")
    git(repository.clone, "add", "--force", "bans.state.json.journal")
    git(repository.clone, "commit", "--quiet", "--message", "Add a journal")
    git(repository.clone, "push", "--quiet", "origin", "ban")
    planned = project.merge_request("ban")
    assert planned.code == 1
    assert "Error: The journal beside the state is in git" in planned.log
    assert project.server.bodies() == [NO_PLAN]


def test_a_list_outside_of_the_checkout_is_not_read(project: Project, repository: Repository) -> None:
    git(repository.clone, "checkout", "--quiet", "-B", "ban", "origin/main")
    (repository.clone / "bans.yaml").unlink()
    (repository.clone / "bans.yaml").symlink_to("/proc/self/environ")
    git(repository.clone, "commit", "--quiet", "--all", "--message", "Look")
    git(repository.clone, "push", "--quiet", "origin", "ban")
    planned = project.merge_request("ban", HIDDEN="a-secret")
    assert planned.code == 1
    assert "a symbolic link leads out of it" in planned.log
    assert "a-secret" not in planned.log + planned.report


def test_a_refused_plan_is_shown_and_fails_the_job(project: Project, repository: Repository) -> None:
    repository.push("ban", bans__yaml=banning("zed", "yan") + "guardrails:\n  max_bans: 1\n")
    planned = project.merge_request("ban")
    assert planned.code == 1
    assert "max_bans" in project.server.bodies()[0]
    assert "Error: The plan is refused." in planned.log


@pytest.mark.parametrize("status", ["canceled", "failed"])
def test_a_job_that_made_no_plan_leaves_no_older_one_and_a_cancelled_one_says_nothing(
    project: Project, repository: Repository, status: str
) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    assert project.merge_request("ban").code == 0
    before = project.server.bodies()
    project.check_out("ban")
    # A newer pipeline, or nothing that can be installed: the script does not get to its steps.
    broken = project.programs(reconciler="exit 1")
    project.status = status
    assert project.run("plan", **project.of_merge_request(), **broken).code == 1
    assert project.server.bodies() == (before if status == "canceled" else [NO_PLAN])


def test_what_is_left_of_the_tool_says_that_there_is_no_plan(project: Project, tmp_path: Path) -> None:
    """`pip install --no-deps` has worked, and nothing that it needs could be installed."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True, timeout=60)
    [packages] = bare.glob("lib/python*/site-packages")
    shutil.copytree(ROOT / "reconciler", packages / "reconciler", ignore=shutil.ignore_patterns("__pycache__"))
    project.workspace = tmp_path / "checkout"
    project.workspace.mkdir()
    (project.workspace / "json.py").write_text("raise SystemExit('from the checkout')\n")
    path = f"{bare / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    done = project.run("plan", PATH=path, **project.of_merge_request())
    assert done.code == 127, done.log
    assert project.server.bodies() == [NO_PLAN], done.log


def test_what_an_earlier_job_left_on_the_runner_is_not_taken_for_this_one_s(
    project: Project, repository: Repository
) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    assert project.merge_request("ban").code == 0
    broken = project.programs(reconciler="exit 1")
    assert project.run("plan", **project.of_merge_request(), **broken).code == 1  # in the same folder
    assert project.server.bodies() == [NO_PLAN]


# The note


def test_the_note_is_found_behind_many_others(project: Project, repository: Repository) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    assert project.merge_request("ban").code == 0
    for number in range(230):
        made = project.server.add(f"comment {number}")
        if number % 2:
            project.server.hidden.add(made["id"])
    repository.push("ban", bans__yaml=banning("zed", "yan"))
    assert project.merge_request("ban").code == 0
    [note] = project.server.bodies()
    assert "Plan: 2 to ban" in note
    assert len([request for request in project.server.requests if "notes?per_page=100" in request]) == 4


def test_lists_in_one_project_have_a_note_each(project: Project, repository: Repository) -> None:
    git(repository.clone, "checkout", "--quiet", "-B", "ban", "origin/main")
    for region in ("eu", "us"):
        (repository.clone / region).mkdir()
        (repository.clone / region / "bans.yaml").write_text(banning(f"user-{region}"))
    git(repository.clone, "add", "--all")
    git(repository.clone, "commit", "--quiet", "--message", "Ban")
    git(repository.clone, "push", "--quiet", "origin", "ban")
    for region in ("eu", "us"):
        assert project.merge_request("ban", RECONCILER_FILE=f"{region}/bans.yaml").code == 0
    assert [re.findall(r"`(user-..)`", note) for note in project.server.bodies()] == [["user-eu"], ["user-us"]]


def test_a_note_of_somebody_else_with_the_same_marker_is_left_alone(project: Project, repository: Repository) -> None:
    project.server.add(f"{MARKER}\nnothing to see here")
    repository.push("ban", bans__yaml=banning("zed"))
    assert project.merge_request("ban").code == 0
    assert project.server.notes[0]["body"] == f"{MARKER}\nnothing to see here"
    assert len(project.server.bodies()) == 1


@pytest.mark.parametrize(("token", "status"), [("expired", 401), (READ_TOKEN, 403)])
def test_a_token_that_may_not_comment_leaves_the_plan_in_the_artifact(
    project: Project, repository: Repository, token: str, status: int
) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    planned = project.merge_request("ban", RECONCILER_NOTE_TOKEN=token)
    assert planned.code == 0
    assert not project.server.notes
    assert "Plan: 1 to ban" in planned.report
    assert f"Notice: The plan is in the artifact {PAGE} of this job because it cannot be a note: " in planned.log
    assert f"RECONCILER_NOTE_TOKEN may not comment ({status})" in planned.log


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_note_that_gitlab_does_not_take_is_the_artifact_and_never_two_notes(
    project: Project, repository: Repository, status: int
) -> None:
    project.server.refuses = status
    repository.push("ban", bans__yaml=banning("zed"))
    planned = project.merge_request("ban")
    assert planned.code == 0
    assert f"because it cannot be a note: GitLab answers {status}." in planned.log
    assert "Plan: 1 to ban" in planned.report
    assert len([request for request in project.server.requests if request.startswith("POST /api")]) == 1


def test_without_a_token_the_plan_is_the_artifact(project: Project, repository: Repository) -> None:
    repository.push("ban", bans__yaml=banning("zed"))
    planned = project.merge_request("ban", RECONCILER_NOTE_TOKEN="")
    assert planned.code == 0
    assert planned.report.startswith(f"{MARKER}\n")
    assert not [request for request in project.server.requests if "/api/" in request]


def test_the_artifact_is_a_file_whatever_the_merge_request_has_in_its_place(
    project: Project, repository: Repository, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs\n")
    git(repository.clone, "checkout", "--quiet", "-B", "ban", "origin/main")
    (repository.clone / PAGE).symlink_to(victim)
    git(repository.clone, "add", "--all")
    git(repository.clone, "commit", "--quiet", "--message", "Link")
    git(repository.clone, "push", "--quiet", "origin", "ban")
    planned = project.merge_request("ban", RECONCILER_NOTE_TOKEN="")
    assert planned.code == 0
    assert "No changes" in planned.report
    assert victim.read_text() == "theirs\n"


# The apply, and the state


def test_an_apply_that_fails_in_part_commits_what_was_done(project: Project, repository: Repository) -> None:
    denied = "  - user_id: yan\n    rooms: [finals]\n"
    repository.push("main", bans__yaml=banning("zed") + denied)
    applied = project.apply()
    assert applied.code == 1
    assert '"zed"' in repository.read("bans.state.json")
    assert "Apply incomplete: 1 banned, 1 failed" in applied.report
    assert "Error: reconciler apply ended with 1. The end of its output says what to do." in applied.log


def test_what_an_apply_did_before_it_was_killed_is_committed(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    assert project.apply().code == 0
    repository.push("main", bans__yaml=banning("zed", "yan"))
    # Killed between its record of a call and the end, when it would have written the state.
    killed = project.programs(
        reconciler=f"""[ "$1" = apply ] || exec REAL "$@"
cp bans.state.json ../before
{sys.executable} -c '
import os, sys
from reconciler.stores.journal import Journal
Journal.remove = lambda journal: os._exit(137)
from reconciler.cli.main import main
main()
' "$@"
code=$?
mv ../before bans.state.json
exit $code"""
    )
    applied = project.apply(**killed, **REDACTED)
    assert applied.code == 137, applied.log
    assert {'"yan"', '"zed"'} <= set(re.findall(r'"\w+"', repository.read("bans.state.json")))
    assert "yan" not in applied.log + applied.report


def test_a_job_that_was_cancelled_still_commits_what_was_done(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    # The script ends with the apply, as if the runner had killed it.
    cancelled = project.programs(
        reconciler='[ "$2" = keep ] || exec REAL "$@"\n[ -n "$CI_JOB_STATUS" ] && exec REAL "$@"'
    )
    project.status = "canceled"
    applied = project.apply(**cancelled)
    assert '"zed"' in repository.read("bans.state.json"), applied.log
    assert not Path(f"{project.workspace}.token").exists()


def test_a_list_that_bans_nobody_leaves_nothing_to_commit(project: Project, repository: Repository) -> None:
    applied = project.apply()
    assert applied.code == 0, applied.log
    assert repository.commits() == ["Begin"]


def test_the_commit_goes_on_top_of_what_was_pushed_meanwhile(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    project.check_out("main")
    project.jobs += 1
    for step in ("checkout", "plan", "check", "apply"):
        done = project.step(step)
        assert done.returncode == 0, done.stdout
    repository.push("main", bans__yaml=banning("zed", "yan"))
    done = project.step("keep")
    assert done.returncode == 0, done.stdout
    assert repository.commits()[:2] == ["Record what was applied", "Change main"]
    assert "yan" in repository.read("bans.yaml")
    assert '"zed"' in repository.read("bans.state.json")


def test_nothing_is_applied_from_an_older_state(project: Project, repository: Repository) -> None:
    project.check_out("main")
    project.jobs += 1
    repository.push("main", bans__state__json="newer\n")
    assert project.step("plan").returncode == 0
    checked = project.step("check")
    assert checked.returncode == 1
    assert "Run `reconciler ci checkout` before the plan." in checked.stdout
    assert project.step("checkout").returncode == 0
    assert (project.workspace / "bans.state.json").read_text() == "newer\n"


def test_a_branch_that_takes_no_push_leaves_the_state_on_another(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    before = repository.commits()
    project.hook("update", '[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }')
    applied = project.apply()
    assert applied.code == 1
    aside = f"reconciler-state-{project.jobs}-47613e78"
    assert f"It is on the branch {aside}: merge that before the next apply" in applied.log
    assert "Let the bot of RECONCILER_PUSH_TOKEN push to the branch" in applied.log
    assert repository.commits() == before
    assert '"zed"' in repository.read("bans.state.json", aside)


def test_a_push_token_that_has_expired_stops_the_job_before_anybody_is_banned(
    project: Project, repository: Repository
) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    applied = project.apply(RECONCILER_PUSH_TOKEN="expired")
    assert applied.code == 1
    assert "RECONCILER_PUSH_TOKEN may have expired" in applied.log
    assert not project.sandbox.requests


def test_without_a_push_token_that_of_the_job_is_used(
    project: Project, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    applied = project.apply(RECONCILER_PUSH_TOKEN="")
    assert applied.code == 1  # unless the project lets it push
    assert "The state could not be pushed, so the next apply disconnects the same users again." in applied.log
    real = project.server.may
    monkeypatch.setattr(project.server, "may", lambda authorisation, *_: real(authorisation, "/group/", ""))
    applied = project.apply(RECONCILER_PUSH_TOKEN="")
    assert applied.code == 0, applied.log
    assert '"zed"' in repository.read("bans.state.json")


def test_the_tokens_are_used_and_left_nowhere(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    commands = project.folder / "commands"
    applied = project.apply(**project.programs(git=f'echo "$@" >> {commands}\nexec REAL "$@"'))
    assert applied.code == 0, applied.log
    seen = [applied.log, applied.report, commands.read_text()]
    seen += [path.read_text(errors="replace") for path in project.folder.rglob("*") if path.is_file()]
    assert "push --quiet" in seen[2]
    basic = "cmVjb25jaWxlcjpwdXNoLXRva2Vu"  # reconciler:push-token
    for secret in (PUSH_TOKEN, basic, "an-id-token"):
        assert not [text for text in seen if secret in text]


def test_only_a_branch_can_keep_a_state(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    project.check_out("main")
    project.jobs += 1
    assert project.step("plan").returncode == 0
    checked = project.step("check", CI_COMMIT_BRANCH="", CI_COMMIT_TAG="v1")
    assert checked.returncode == 1
    assert "Only a branch can keep the state" in checked.stdout


def test_a_step_outside_of_a_job_says_so(tmp_path: Path) -> None:
    environment: dict[str, Any] = {"PATH": os.environ["PATH"], "GITLAB_CI": "true"}
    done = subprocess.run(
        [str(PROGRAMS / "reconciler"), "ci", "plan"], cwd=tmp_path, env=environment,
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "CI_PROJECT_DIR or CI_JOB_ID is not set" in done.stdout
    assert "Traceback" not in done.stderr
