"""The step that finds the lists which a change touches: on what, and that it plans what it cannot tell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.ci.conftest import ROOT, Repository, Runner, banning, git
from tests.ci.github import Github

ALL = ["bans.yaml", "eu/bans.yaml"]
INCLUDING = banning().replace("bans:\n  []", "include: [teams/*/bans.yaml]\nbans:\n  []")


@pytest.fixture
def lists(repository: Repository) -> Repository:
    """Two lists, of which one includes files from other folders."""
    files = {"bans.yaml": INCLUDING, "eu/bans.yaml": banning(), "teams/a/bans.yaml": "bans: []\n", "README.md": "x\n"}
    repository.push("main", **files)
    return repository


def put(repository: Repository, **files: str | None) -> None:
    """Change files on the branch `change`; None removes one."""
    kept = {name: content for name, content in files.items() if content is not None}
    for name in files.keys() - kept.keys():
        (repository.clone / name).unlink()
    repository.push("change", **kept)


def checked_out(runner: Runner, repository: Repository, ref: str, *depth: str) -> None:
    git(runner.folder, "init", "--quiet")
    git(runner.folder, "remote", "add", "origin", repository.origin.as_uri())
    git(runner.folder, "fetch", "--quiet", *(depth or ("--depth=2",)), "origin", ref)
    git(runner.folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")


def run(runner: Runner, event: str, content: Mapping[str, object], **variables: str) -> list[str]:
    path = runner.temporary / "event.json"
    path.write_text(json.dumps(content))
    given = {"INPUT_FILE": "\n".join(ALL), "INPUT_COMMENT": "true", "GITHUB_EVENT_NAME": event}
    given |= {"GITHUB_EVENT_PATH": str(path), **variables}
    ended = runner.run("touched", **given)
    assert ended.code == 0, ended.log
    found: list[str] = json.loads(ended.outputs["lists"])
    return found


def touched(runner: Runner, repository: Repository, *depth: str, **variables: str) -> list[str]:
    """The lists that the branch `change` touches, as a pull request."""
    merge, head = repository.propose("change")
    checked_out(runner, repository, merge, *depth)
    return run(runner, "pull_request", {"pull_request": {"number": 7, "head": {"sha": head}}}, **variables)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"README.md": "y\n"}, []),
        ({"docs/bans.yaml": "x\n", "bans.d/x.yaml": "x\n", "teams/a/b/bans.yaml": "x\n"}, []),
        ({"bans.yaml": banning("zed")}, ["bans.yaml"]),
        ({"eu/bans.yaml": banning("zed")}, ["eu/bans.yaml"]),
        ({"eu/bans.yaml": banning("zed"), "bans.yaml": banning("zed")}, ALL),
        ({"teams/a/bans.yaml": "bans: []\n# more\n"}, ["bans.yaml"]),
        ({"teams/b/bans.yaml": "x\n"}, ["bans.yaml"]),
        ({"teams/b/bans.yml": "bans: []\n"}, ["bans.yaml"]),
        ({"bans.state.json": "{}\n"}, ["bans.yaml"]),
        ({".gitignore": "", "eu/bans.state.json.journal": "{}\n"}, ["eu/bans.yaml"]),
        ({".github/workflows/bans.yml": "x\n"}, ALL),
        ({"docs/.gitattributes": "x\n"}, ALL),
    ],
)
def test_a_list_is_touched_by_what_it_is_made_of(
    runner: Runner, lists: Repository, files: dict[str, str], expected: list[str]
) -> None:
    put(lists, **{name.replace(".", "__"): content for name, content in files.items()})
    assert touched(runner, lists) == expected


@pytest.mark.parametrize("old", ["teams/a/bans.yaml", "eu/bans.yaml"])
def test_a_file_that_is_renamed_away_touches_its_list(runner: Runner, lists: Repository, old: str) -> None:
    git(lists.clone, "mv", old, "elsewhere.yaml")
    lists.push("change")
    assert touched(runner, lists) == ["bans.yaml" if old.startswith("teams") else "eu/bans.yaml"]


def test_a_file_that_is_no_longer_included_touches_its_list_as_it_was(runner: Runner, lists: Repository) -> None:
    put(lists, **{"bans__yaml": banning(), "teams/a/bans.yaml": "bans: [] # other\n"})
    assert touched(runner, lists) == ["bans.yaml"]


def test_what_others_merged_meanwhile_is_not_what_this_change_touches(runner: Runner, lists: Repository) -> None:
    put(lists, README__md="y\n")
    lists.push("main", bans__yaml=INCLUDING.replace("[]", "[] # theirs"))
    assert touched(runner, lists) == []


def test_a_checkout_without_history_fetches_what_it_compares_with(runner: Runner, lists: Repository) -> None:
    put(lists, README__md="y\n")
    assert touched(runner, lists, "--depth=1") == []
    assert git(runner.folder, "cat-file", "-t", lists.head("main")) == "commit"


@pytest.mark.parametrize("link", ["teams/a", "teams", "eu/bans.state.json"])
def test_where_a_link_may_lead_every_change_counts(runner: Runner, lists: Repository, link: str) -> None:
    git(lists.clone, "rm", "-r", "--quiet", "--ignore-unmatch", link)
    (lists.clone / link).parent.mkdir(parents=True, exist_ok=True)
    (lists.clone / link).symlink_to("../shared" if "/" in link else "shared")
    lists.push("main")
    put(lists, **{"shared/bans.yaml": "bans: []\n"})
    assert touched(runner, lists) == (["eu/bans.yaml"] if link.startswith("eu") else ["bans.yaml"])


def test_a_link_that_leads_to_no_list_is_none_of_its_business(runner: Runner, lists: Repository) -> None:
    (lists.clone / "docs").mkdir()
    (lists.clone / "docs/link").symlink_to("../README.md")
    lists.push("main")
    put(lists, README__md="y\n")
    assert touched(runner, lists) == []


@pytest.mark.parametrize("text", ["{version: 1, bans: []}\n", '"include": [x]\n', "include: &a [x]\n", "\xff"])
def test_a_list_in_a_form_that_does_not_tell_is_planned(runner: Runner, lists: Repository, text: str) -> None:
    (lists.clone / "eu/bans.yaml").write_bytes(text.encode("latin-1"))
    lists.push("main")
    put(lists, README__md="y\n")
    assert touched(runner, lists) == ["eu/bans.yaml"]


def test_a_list_that_is_not_there_is_planned_and_the_plan_says_so(runner: Runner, lists: Repository) -> None:
    put(lists, README__md="y\n")
    assert touched(runner, lists, INPUT_FILE="eu/bans.yaml\nmistyped.yaml\n../x.yaml\n") == [
        "mistyped.yaml",
        "../x.yaml",
    ]


def test_a_checkout_of_the_head_alone_is_planned(runner: Runner, lists: Repository) -> None:
    put(lists, README__md="y\n")
    _, head = lists.propose("change")
    checked_out(runner, lists, head)
    assert run(runner, "pull_request", {"pull_request": {"number": 7, "head": {"sha": head}}}) == ALL


def test_a_head_that_is_a_merge_itself_is_not_taken_for_that_of_the_pull_request(
    runner: Runner, lists: Repository
) -> None:
    put(lists, bans__yaml=banning("zed"))
    lists.push("main", README__md="y\n")
    git(lists.clone, "checkout", "--quiet", "change")
    git(lists.clone, "merge", "--quiet", "--no-edit", "origin/main")
    git(lists.clone, "push", "--quiet", "origin", "change")
    checked_out(runner, lists, "change")
    event = {"pull_request": {"number": 7, "head": {"sha": lists.head("change")}}}
    assert run(runner, "pull_request", event) == ALL


def test_without_git_everything_is_planned(runner: Runner) -> None:
    event = {"pull_request": {"number": 7, "head": {"sha": "0" * 40}}}
    assert run(runner, "pull_request", event) == ALL
    assert run(runner, "pull_request", event, PATH="/nonexistent") == ALL
    assert run(runner, "schedule", {}) == ALL
    assert run(runner, "schedule", {}, INPUT_FILE="") == ["bans.yaml"]


def test_a_group_of_the_merge_queue_is_compared_with_what_it_is_put_upon(runner: Runner, lists: Repository) -> None:
    lists.push("eu", **{"eu/bans.yaml": banning("zed")})
    lists.push("readme", README__md="y\n")
    queue, base = lists.queue("eu", "readme")
    checked_out(runner, lists, queue, "--depth=1")
    group = {"head_sha": lists.head(queue), "base_sha": base}
    assert run(runner, "merge_group", {"merge_group": group}) == ["eu/bans.yaml"]
    assert run(runner, "merge_group", {"merge_group": group | {"base_sha": "f" * 40}}) == ALL
    assert run(runner, "merge_group", {"merge_group": group | {"head_sha": base}}) == ALL
    assert run(runner, "merge_group", {"merge_group": group | {"base_sha": "--help"}}) == ALL


def test_a_push_is_compared_with_what_was_there_before(runner: Runner, lists: Repository) -> None:
    before = lists.head()
    lists.push("main", **{"teams/c/bans.yaml": "bans: []\n"})
    checked_out(runner, lists, "main")
    pushed = {"before": before, "after": lists.head()}
    assert run(runner, "push", pushed) == ["bans.yaml"]
    assert run(runner, "push", pushed | {"before": "0" * 40}) == ALL
    assert run(runner, "push", pushed | {"after": before}) == ALL


def test_a_list_whose_plan_is_shown_is_planned_again(runner: Runner, lists: Repository, api: Github) -> None:
    api.add("<!-- reconciler-plan: eu/bans.yaml -->\nPlan: 1 to ban")
    api.add("<!-- reconciler-plan: bans.yaml -->\nnothing to see here", login="mallory", kind="User")
    put(lists, README__md="y\n")
    assert touched(runner, lists) == ["eu/bans.yaml"]


def test_a_github_that_does_not_answer_keeps_nobody_from_merging(
    runner: Runner, lists: Repository, api: Github
) -> None:
    api.failures = [403] * 9
    put(lists, README__md="y\n")
    assert touched(runner, lists) == []


def test_names_of_files_and_lists_give_the_runner_no_commands(runner: Runner) -> None:
    ended = runner.run("touched", INPUT_FILE="::error::x\n##[set-output name=x]y")
    stop, said, go = [line for line in ended.log.splitlines() if line.strip()]
    assert stop.startswith("::stop-commands::")
    assert go == f"::{stop.removeprefix('::stop-commands::')}::"
    assert "::error::x" in said


def test_more_lists_than_one_workflow_can_plan_are_refused(runner: Runner) -> None:
    ended = runner.run("touched", INPUT_FILE="".join(f"{number}.yaml\n" for number in range(257)))
    assert ended.code == 1
    assert "There are 257 lists" in ended.log


def test_it_needs_nothing_that_has_to_be_installed(runner: Runner, lists: Repository) -> None:
    [script] = re.findall(r"""script='(.*run\("touched"\).*)'""", (ROOT / "action.yml").read_text())
    put(lists, **{"eu/bans.yaml": banning("zed")})
    merge, _ = lists.propose("change")
    checked_out(runner, lists, merge)
    (runner.folder / "json.py").write_text("raise SystemExit('from the checkout')\n")
    outputs = runner.temporary / "outputs"
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(ROOT)],
        cwd=runner.folder, env={"PATH": os.environ["PATH"], "GITHUB_OUTPUT": str(outputs)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert outputs.read_text() == 'lists=["bans.yaml"]\n'
