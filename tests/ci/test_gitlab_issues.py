"""The example for GitLab, on loopback: an apply that fails opens an issue, and one that works closes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, Repository, banning
from tests.ci.gitlab import BOT, NOTE_TOKEN, READ_TOKEN, SOMEBODY, Gitlab, gitlab
from tests.ci.test_gitlab import JOB_URL, Project

MARKER = "<!-- reconciler-apply: bans.yaml -->"
DENIED = "  - user_id: yan\n    rooms: [finals]\n    reason: Spam\n"


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Iterator[Gitlab]:
    folder = tmp_path / "server"
    (folder / "group").mkdir(parents=True)
    (folder / "group" / "project.git").symlink_to(repository.origin)
    with gitlab(folder) as state:
        yield state


@pytest.fixture
def project(repository: Repository, server: Gitlab, tmp_path: Path) -> Iterator[Project]:
    """A project whose role may not disconnect anybody from the finals."""
    folder = tmp_path / "runner"
    folder.mkdir()
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as sandbox:
        made = Project(repository, server, sandbox, folder)
        made.variables |= {"RECONCILER_NOTE_TOKEN": NOTE_TOKEN, "RECONCILER_NOTIFY": "@alice @group/moderators"}
        yield made


def test_a_failing_apply_opens_an_issue_and_a_working_one_closes_it(project: Project, repository: Repository) -> None:
    theirs = project.server.add_issue("Not ours", f"{MARKER}\nnothing to see here", SOMEBODY)
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    assert project.apply().code == 1
    [issue] = [issue for issue in project.server.issues if issue["author"] is BOT]
    assert issue["title"] == "Not applied: bans.yaml"
    assert issue["description"].startswith(f"{MARKER}\n")
    opening = f"**Not everything in `bans.yaml` is applied.** [This run]({JOB_URL}) failed. @alice @group/moderators\n"
    assert opening in issue["description"]
    assert "Plan: 1 to ban" in issue["description"]
    assert "`yan`" in issue["description"]

    assert project.apply().code == 1
    [said] = issue["said"]
    assert opening in said

    repository.push("main", bans__yaml=banning("zed", "xan"))
    worked = project.apply()
    assert worked.code == 0, worked.log
    assert issue["state"] == "closed"
    assert "**`bans.yaml` is applied.**" in issue["said"][1]
    assert (theirs["state"], theirs["said"]) == ("opened", [])
    assert len(project.server.issues) == 2


def test_a_schedule_says_what_it_had_to_apply(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    assert project.apply(CI_PIPELINE_SOURCE="schedule").code == 0
    [issue] = project.server.issues
    assert issue["state"] == "closed"
    assert "**The schedule found 1 change in `bans.yaml` that had been merged" in issue["description"]
    assert project.apply(CI_PIPELINE_SOURCE="schedule").code == 0
    assert len(project.server.issues) == 1


def test_a_job_that_fails_before_the_apply_is_heard_of(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    assert project.apply(AWS_TOKEN="", CI_COMMIT_BRANCH="gone").code == 1
    [issue] = project.server.issues
    assert "**Nothing new in `bans.yaml` was applied.**" in issue["description"]
    assert "\n- The branch cannot be fetched: RECONCILER_PUSH_TOKEN may have expired" in issue["description"]


def test_a_job_that_is_cancelled_before_the_apply_says_nothing(project: Project, repository: Repository) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    project.status = "canceled"
    cancelled = project.apply(CI_COMMIT_BRANCH="gone")
    assert cancelled.code == 1
    assert "How the job has ended" not in cancelled.log
    assert not project.server.issues


def test_a_job_that_is_cancelled_in_the_middle_of_the_apply_says_what_is_left(
    project: Project, repository: Repository
) -> None:
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    project.status = "canceled"
    assert project.apply().code == 1
    [issue] = project.server.issues
    assert "`yan`" in issue["description"]


@pytest.mark.parametrize(("token", "status"), [(READ_TOKEN, "403"), ("old", "401"), ("", "")])
def test_without_a_good_token_the_log_says_so(
    project: Project, repository: Repository, token: str, status: str
) -> None:
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    failed = project.apply(RECONCILER_NOTE_TOKEN=token)
    assert failed.code == 1
    assert not project.server.issues
    said = f"Warning: No issue tells of this run: RECONCILER_NOTE_TOKEN may not write issues ({status}): it needs"
    assert (said in failed.log) == bool(token)
