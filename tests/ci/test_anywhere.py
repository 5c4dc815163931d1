"""What docs/ci.md has for any other CI system, as it stands: three commands, and two jobs made of them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, ROOT, Repository, banning, git

PLAN, APPLY, KEEP, PLAN_JOB, APPLY_JOB = re.findall(
    r"^```sh\n(.*?)^```$", (ROOT / "docs/ci.md").read_text(), re.MULTILINE | re.DOTALL
)[:5]


@dataclass
class Machine:
    """A machine on which a CI system runs jobs: git there is nobody, and a checkout is on no branch."""

    repository: Repository
    sandbox: Sandbox
    folder: Path
    checkouts: int = 0

    def run(self, script: str, branch: str = "main") -> subprocess.CompletedProcess[str]:
        """Check out a branch, and run a script there."""
        self.checkouts += 1
        checkout = self.folder / f"checkout-{self.checkouts}"
        git(self.folder, "clone", "--quiet", self.repository.origin.as_uri(), str(checkout))
        git(checkout, "checkout", "--quiet", "--detach", f"origin/{branch}")
        return subprocess.run(
            ["sh", "-ec", script], cwd=checkout, env=self.environment(), check=False, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "user.useConfigOnly",  # whatever the machine is called
            "GIT_CONFIG_VALUE_0": "true",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "any will do",
            "AWS_ENDPOINT_URL_IVSCHAT": self.sandbox.url,
        }


@pytest.fixture
def machine(repository: Repository, tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    folder.mkdir()
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as sandbox:
        yield Machine(repository, sandbox, folder)


def test_three_commands_plan_and_apply_and_keep(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    somebody = "".join(
        f"export GIT_{who}_NAME=Somebody GIT_{who}_EMAIL=somebody@example.com\n" for who in ("AUTHOR", "COMMITTER")
    )
    for _ in range(2):
        done = machine.run(somebody + PLAN + APPLY + KEEP)
        assert done.returncode == 0, done.stdout
    assert len(machine.sandbox.requests) == 1
    assert repository.commits() == ["Record what was applied", "Change main", "Begin"]
    assert repository.changed() == ["bans.state.json"]
    assert '"zed"' in repository.read("bans.state.json")


def test_the_job_of_a_proposed_change_plans_what_the_merge_would_make(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    repository.push("ban-yan", bans__yaml=banning("zed", "yan"))
    assert machine.run(APPLY_JOB).returncode == 0  # so that only main has the state
    planned = machine.run(PLAN_JOB, "ban-yan")
    assert planned.returncode == 0, planned.stdout
    assert "Plan: 1 to ban" in planned.stdout
    repository.merge("ban-yan")
    assert "Plan: 1 to ban" in machine.run(PLAN_JOB).stdout  # and there is nothing to merge
    assert len(machine.sandbox.requests) == 1


def test_a_change_that_cannot_be_merged_has_no_plan(machine: Machine, repository: Repository) -> None:
    repository.push("ban-zed", bans__yaml=banning("zed"))
    repository.push("main", bans__yaml=banning("yan"))
    done = machine.run(PLAN_JOB, "ban-zed")
    assert done.returncode != 0
    assert "Plan:" not in done.stdout


def test_the_job_of_the_default_branch_applies_and_keeps_and_then_has_nothing_to_do(
    machine: Machine, repository: Repository
) -> None:
    assert machine.run(APPLY_JOB).returncode == 0
    assert repository.commits() == ["Begin"]  # nobody was banned, and there is no state
    repository.push("main", bans__yaml=banning("zed"))
    for _ in range(2):
        done = machine.run(APPLY_JOB)
        assert done.returncode == 0, done.stdout
    assert len(machine.sandbox.requests) == 1
    assert repository.commits()[0] == "Record what was applied"
    assert repository.changed() == ["bans.state.json"]
    assert git(repository.origin, "log", "-1", "--format=%an <%ae>", "main") == "reconciler <reconciler@localhost>"


def test_an_apply_that_fails_in_part_is_kept_and_fails_the_job(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed") + "  - user_id: yan\n    rooms: [finals]\n")
    done = machine.run(APPLY_JOB)
    assert done.returncode == 1
    assert '"zed"' in repository.read("bans.state.json"), done.stdout


def test_the_state_goes_on_top_of_what_was_merged_meanwhile(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    git(machine.folder, "clone", "--quiet", repository.origin.as_uri(), "somebody")
    meanwhile = (
        "(cd ../somebody && git -c user.name=A -c user.email=a@localhost commit --quiet --allow-empty -m Meanwhile"
        " && git push --quiet)"
    )
    assert "|| code=$?\n" in APPLY_JOB
    done = machine.run(APPLY_JOB.replace("|| code=$?\n", f"|| code=$?\n{meanwhile}\n"))
    assert done.returncode == 0, done.stdout
    assert repository.commits()[:2] == ["Record what was applied", "Meanwhile"]


def test_an_old_job_that_runs_again_starts_from_the_newest_state(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    repository.push("old", README__md="old")
    assert machine.run(APPLY_JOB).returncode == 0
    assert machine.run(APPLY_JOB, "old").returncode == 0
    assert len(machine.sandbox.requests) == 1


def test_a_push_that_is_refused_fails_the_job(machine: Machine, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    hook = repository.origin / "hooks" / "update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert machine.run(APPLY_JOB).returncode != 0
