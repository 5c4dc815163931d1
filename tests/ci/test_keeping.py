"""States of many lists in one repository, which are pushed to the same branch at the same time."""

import json
import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.ci.conftest import Repository, Runner, git
from tests.ci.github import Github

LISTS = 12
# For so many calls, the server does not answer.
AWAY = """\
#!/bin/sh
case $1 in
  push | fetch)
    count=$(cat {count})
    echo $((count - 1)) > {count}
    [ $count -le 0 ] || exit 1 ;;
esac
exec {git} "$@"
"""
# Before the server takes a push to main, so many others get ahead of it.
FASTER = """\
#!/bin/sh
[ "$1" = refs/heads/main ] || exit 0
count=$(cat ahead)
[ "$count" -gt 0 ] || exit 0
echo $((count - 1)) > ahead
git update-ref refs/heads/main $(git commit-tree -p main -m "Faster" "main^{tree}")
exit 1
"""


def lists(count: int, tmp_path: Path, repository: Repository, api: Github) -> list[Runner]:
    """A run for each of so many lists, in a checkout of its own, after its apply."""
    runners = []
    for number in range(count):
        folder, temporary = (tmp_path / f"{name}-{number}" for name in ("workspace", "temporary"))
        temporary.mkdir()
        git(tmp_path, "clone", "--quiet", "--depth=1", repository.origin.as_uri(), str(folder))
        runner = Runner(folder, temporary, api, {"INPUT_FILE": f"{number}.yaml", "GITHUB_RUN_ID": str(number)})
        runner.hand_on("plan.json", json.dumps({"state": {"location": f"{number}.json"}}), f"{number}.yaml")
        (folder / f"{number}.json").write_text(f"state {number}")
        runners.append(runner)
    return runners


def test_the_states_of_many_lists_that_are_applied_at_once_all_get_into_the_branch(
    tmp_path: Path, repository: Repository, api: Github
) -> None:
    with ExitStack() as running:
        steps = [running.enter_context(each.start("keep")) for each in lists(LISTS, tmp_path, repository, api)]
        logs = [step.communicate(timeout=600)[0] for step in steps]
        assert [step.returncode for step in steps] == [0] * LISTS, "\n".join(logs)
    assert repository.commits() == ["Record what was applied"] * LISTS + ["Begin"]
    assert [repository.read(f"{number}.json") for number in range(LISTS)] == [f"state {n}" for n in range(LISTS)]


def test_whoever_is_always_a_little_late_is_in_time_after_all_others(
    tmp_path: Path, repository: Repository, api: Github
) -> None:
    others = 6
    (repository.origin / "ahead").write_text(f"{others}\n")
    hook = repository.origin / "hooks" / "update"
    hook.write_text(FASTER)
    hook.chmod(0o755)
    for key, value in (("user.name", "Kim Lee"), ("user.email", "kim@example.com")):
        git(repository.origin, "config", key, value)
    [runner] = lists(1, tmp_path, repository, api)
    kept = runner.run("keep")
    assert kept.code == 0, kept.log
    assert repository.commits() == ["Record what was applied", *["Faster"] * others, "Begin"]


def test_a_server_that_is_away_for_a_moment_loses_no_state(tmp_path: Path, repository: Repository, api: Github) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").write_text(AWAY.format(count=tmp_path / "away", git=shutil.which("git")))
    (programs / "git").chmod(0o755)
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    [runner] = lists(1, tmp_path, repository, api)
    (tmp_path / "away").write_text("4\n")
    kept = runner.run("keep", PATH=path)
    assert kept.code == 0, kept.log
    assert repository.commits() == ["Record what was applied", "Begin"]

    (runner.folder / "0.json").write_text("another state")
    (tmp_path / "away").write_text("6\n")
    put_aside = runner.run("keep", PATH=path)
    assert put_aside.code == 1
    assert "It is on the branch reconciler-state-0-1-" in put_aside.log
