"""The example for GitLab: its scripts as they stand, and the note, without a GitLab."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, GIT, LOBBY, ROOT, Repository, banning, git
from tests.ci.loopback import serving

EXAMPLE = ROOT / "docs/examples/gitlab"
PLAN = "<!-- reconciler-plan: bans.yaml -->\n\n1 to ban\n"
PUSHED_TO = "https://reconciler:push-token@gitlab.example.com:443/group/project.git"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as sandbox:
        yield sandbox


def apply(repository: Repository, sandbox: Sandbox, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the job that applies, as GitLab does: line by line, until one fails."""
    job = YAML(typ="safe").load((EXAMPLE / ".gitlab-ci.yml").read_text())["apply"]
    workspace = folder / f"workspace-{len(list(folder.glob('workspace-*')))}"
    git(folder, "clone", "--quiet", "--depth=1", repository.origin.as_uri(), str(workspace))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_CONFIG_GLOBAL": GIT["GIT_CONFIG_GLOBAL"],
        "GIT_CONFIG_SYSTEM": GIT["GIT_CONFIG_SYSTEM"],
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": PUSHED_TO,
        "CI_DEFAULT_BRANCH": "main",
        "CI_JOB_URL": "https://gitlab.example.com/group/project/-/jobs/42",
        "CI_PROJECT_DIR": str(workspace),
        "CI_PROJECT_PATH": "group/project",
        "CI_SERVER_HOST": "gitlab.example.com",
        "CI_SERVER_PORT": "443",
        "CI_SERVER_PROTOCOL": "https",
        "RECONCILER_PUSH_TOKEN": "push-token",
        "AWS_TOKEN": "an-id-token",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "any will do",
        "AWS_ENDPOINT_URL_IVSCHAT": sandbox.url,
    } | more
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=workspace, env=environment, check=False, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def allow_push_options(repository: Repository) -> None:
    git(repository.origin, "config", "receive.advertisePushOptions", "true")


def test_a_ban_is_applied_once_and_its_state_committed(
    repository: Repository, sandbox: Sandbox, tmp_path: Path
) -> None:
    allow_push_options(repository)
    repository.push("main", bans__yaml=banning("zed"))
    done = apply(repository, sandbox, tmp_path)
    assert done.returncode == 0, done.stdout
    assert repository.changed() == ["bans.state.json"]
    before = repository.commits()
    assert apply(repository, sandbox, tmp_path).returncode == 0
    assert repository.commits() == before
    assert len(sandbox.requests) == 1


def test_an_apply_that_fails_in_part_commits_what_was_done(
    repository: Repository, sandbox: Sandbox, tmp_path: Path
) -> None:
    allow_push_options(repository)
    denied = "  - user_id: yan\n    rooms: [finals]\n"
    repository.push("main", bans__yaml=banning("zed") + denied)
    done = apply(repository, sandbox, tmp_path)
    assert done.returncode == 1
    assert '"zed"' in repository.read("bans.state.json")


@pytest.mark.parametrize("redact", [{}, {"RECONCILER_REDACT": "true", "RECONCILER_REDACT_KEY": "0123456789abcdef"}])
def test_what_an_apply_did_before_it_was_killed_is_committed(
    repository: Repository, sandbox: Sandbox, tmp_path: Path, redact: dict[str, str]
) -> None:
    allow_push_options(repository)
    repository.push("main", bans__yaml=banning("zed"))
    assert apply(repository, sandbox, tmp_path).returncode == 0
    repository.push("main", bans__yaml=banning("zed", "yan"))
    programs = tmp_path / "programs"
    programs.mkdir()
    real = Path(sys.executable).parent / "reconciler"
    # Killed between its record of a call and the end, when it would have written the state.
    (programs / "reconciler").write_text(
        f"""#!/bin/sh
[ "$1" = apply ] || exec {real} "$@"
cp bans.state.json before
{sys.executable} -c '
import os, sys
from reconciler.stores.journal import Journal
Journal.remove = lambda journal: os._exit(137)
from reconciler.cli.main import main
main()
' "$@"
code=$?
mv before bans.state.json
exit $code
"""
    )
    (programs / "reconciler").chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = apply(repository, sandbox, tmp_path, PATH=path, **redact)
    assert done.returncode == 137, done.stdout
    assert '"yan"' in repository.read("bans.state.json")
    assert '"zed"' in repository.read("bans.state.json")


def plan(repository: Repository, folder: Path, **more: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run the script of the job that plans; also what it leaves to show."""
    job = YAML(typ="safe").load((EXAMPLE / ".gitlab-ci.yml").read_text())["plan"]
    workspace = folder / "planned"
    git(folder, "clone", "--quiet", "--depth=1", repository.origin.as_uri(), str(workspace))
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
        cwd=workspace, env={"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | more,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )  # fmt: skip
    return done, (workspace / "plan.md").read_text()


def test_the_log_has_the_whole_plan(repository: Repository, tmp_path: Path) -> None:
    users = [f"user-{number:04}" for number in range(400)]
    repository.push("main", bans__yaml=banning(*users))
    done, shown = plan(repository, tmp_path)
    assert done.returncode == 0
    assert not [user for user in users if user not in done.stdout]
    assert "400 to ban" in shown


def test_the_log_has_the_problems_of_the_list(repository: Repository, tmp_path: Path) -> None:
    repository.push("main", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    done, shown = plan(repository, tmp_path)
    assert done.returncode == 1
    assert "bans.yaml:8:" in done.stdout
    assert "raeson" in done.stdout
    assert "**The ban list has 1 problem.**" in shown


def test_a_list_that_bans_nobody_leaves_nothing_to_commit(
    repository: Repository, sandbox: Sandbox, tmp_path: Path
) -> None:
    done = apply(repository, sandbox, tmp_path)
    assert done.returncode == 0, done.stdout
    assert repository.commits() == ["Begin"]


def test_a_state_that_cannot_be_pushed_fails_the_job(repository: Repository, sandbox: Sandbox, tmp_path: Path) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    hook = repository.origin / "hooks" / "update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    instant = tmp_path / "instant"
    instant.mkdir()
    (instant / "sleep").write_text("#!/bin/sh\n")
    (instant / "sleep").chmod(0o755)
    allow_push_options(repository)
    path = os.pathsep.join([str(instant), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = apply(repository, sandbox, tmp_path, PATH=path)
    assert done.returncode == 1
    assert "The state was not pushed" in done.stdout
    assert "push-token" not in done.stdout


# The note


@dataclass
class Gitlab:
    """The notes of a merge request."""

    url: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Message, content: dict[str, Any]) -> tuple[int, object]:
        """The status and the content for a request."""
        if headers.get("PRIVATE-TOKEN") != "note-token":
            return 403, {}
        if path == "/user":
            return 200, {"id": 1}
        if match := re.fullmatch(r"/projects/3/merge_requests/7/notes/(\d+)", path):
            self.notes[int(match[1])]["body"] = content["body"]
            return 200, {}
        if method == "POST":
            self.notes.append({"id": len(self.notes), "author": {"id": 1}, "body": content["body"]})
            return 201, {}
        page = int(re.search(r"[?&]page=(\d+)", path)[1])  # type: ignore[index]
        return 200, self.notes[100 * (page - 1) : 100 * page]


@pytest.fixture
def gitlab() -> Iterator[Gitlab]:
    state = Gitlab()
    with serving(state.answer) as state.url:
        yield state


def merge_request(gitlab: Gitlab, token: str = "note-token") -> dict[str, str]:
    """What a job knows of its merge request."""
    request = {"CI_API_V4_URL": gitlab.url, "CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "7"}
    return request | {"RECONCILER_NOTE_TOKEN": token}


def note(gitlab: Gitlab, body: str, folder: Path, token: str = "note-token") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "reconciler"), "ci", "note"]
    return subprocess.run(
        command, cwd=folder, env=merge_request(gitlab, token), check=False,
        input=body, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_the_note_is_made_once_and_then_brought_up_to_date(gitlab: Gitlab, tmp_path: Path) -> None:
    gitlab.notes = [{"id": id_, "author": {"id": 2}, "body": PLAN} for id_ in range(120)]
    for body in (PLAN, PLAN.replace("1", "2")):
        done = note(gitlab, body, tmp_path)
        assert done.returncode == 0, done.stderr
    assert [entry["body"] for entry in gitlab.notes[119:]] == [PLAN, PLAN.replace("1", "2")]


def test_the_job_writes_the_note_and_ends_as_the_plan_did(
    repository: Repository, gitlab: Gitlab, tmp_path: Path
) -> None:
    repository.push("main", bans__yaml=banning("zed").replace("reason:", "raeson:"))
    done, shown = plan(repository, tmp_path, **merge_request(gitlab))
    assert done.returncode == 1
    assert [entry["body"] for entry in gitlab.notes] == [shown]


def test_a_job_whose_note_is_refused_points_to_the_artifact(
    repository: Repository, gitlab: Gitlab, tmp_path: Path
) -> None:
    done, _ = plan(repository, tmp_path, **merge_request(gitlab, token="other"))
    assert done.returncode == 0
    assert "There is no note. See the artifact." in done.stdout


def test_a_token_that_may_not_write_notes_fails_in_one_line(gitlab: Gitlab, tmp_path: Path) -> None:
    done = note(gitlab, PLAN, tmp_path, token="other")
    assert done.returncode == 1
    assert done.stderr == "The note cannot be written: GitLab answers 403.\n"


def test_a_job_that_made_no_plan_writes_no_note(gitlab: Gitlab, tmp_path: Path) -> None:
    done = note(gitlab, "Traceback\n", tmp_path)
    assert (done.returncode, done.stderr) == (1, "There is no plan to show.\n")
    assert not gitlab.notes


def test_a_plan_that_is_too_long_for_a_note_is_cut_between_lines(gitlab: Gitlab, tmp_path: Path) -> None:
    assert note(gitlab, PLAN + "a line of the plan\n" * 60_000, tmp_path).returncode == 0
    [made] = gitlab.notes
    assert len(made["body"]) < 1_000_000
    assert made["body"].endswith("a line of the plan\n\nThis note ends here because it is too long.\n")
