"""A scratch repository, and the step of the action as a runner would start it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from tests.ci.github import REPOSITORY, TOKEN, Github, github

ROOT = Path(__file__).parents[2]
LOBBY = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
FINALS = "arn:aws:ivschat:eu-west-1:123456789012:room/aB3dE5fG7hJ9"

# git as it is on a fresh machine, whoever runs the tests.
GIT = {
    "GIT_AUTHOR_NAME": "Somebody", "GIT_AUTHOR_EMAIL": "somebody@example.com",
    "GIT_COMMITTER_NAME": "Somebody", "GIT_COMMITTER_EMAIL": "somebody@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


def banning(*users: str, room: str = "lobby") -> str:
    """A ban list."""
    entries = "".join(f"  - user_id: {user}\n    rooms: [{room}]\n    reason: Spam\n" for user in users) or "  []\n"
    return f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\nbans:\n{entries}"


def git(folder: Path, *arguments: str) -> str:
    """What git prints, in a folder."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=dict(os.environ) | GIT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass
class Repository:
    """A repository on a server, and a clone of it in which people work."""

    origin: Path
    clone: Path

    def push(self, branch: str, **files: str) -> None:
        """Commit files to a branch and push it; a double underscore stands for a dot."""
        git(self.clone, "fetch", "--quiet", "origin")
        git(self.clone, "checkout", "--quiet", "-B", branch, self._start(branch))
        self._commit(f"Change {branch}", files)
        git(self.clone, "push", "--quiet", "origin", branch)

    def propose(self, branch: str) -> tuple[str, str]:
        """Make what GitHub makes of a pull request: the commit that merges it, and with it the head.

        Returns:
            The names of both commits.
        """
        git(self.clone, "fetch", "--quiet", "origin")
        head = git(self.clone, "rev-parse", f"origin/{branch}")
        return self._merged(head, "refs/pull/7/merge"), head

    def propose_from_a_fork(self, **files: str) -> tuple[str, str]:
        """The same, for a branch that another repository has; a double underscore stands for a dot."""
        git(self.clone, "fetch", "--quiet", "origin")
        git(self.clone, "checkout", "--quiet", "--detach", "origin/main")
        self._commit("Propose", files)
        head = git(self.clone, "rev-parse", "HEAD")
        return self._merged(head, "refs/pull/7/merge"), head

    def queue(self, *branches: str) -> tuple[str, str]:
        """Put pull requests into the merge queue, in one group.

        Returns:
            The branch that the queue makes of them, and the commit on which it is made.
        """
        git(self.clone, "fetch", "--quiet", "origin")
        base = git(self.clone, "rev-parse", "origin/main")
        queue = f"gh-readonly-queue/main/pr-7-{base}"
        git(self.clone, "checkout", "--quiet", "-B", queue, base)
        for branch in branches:
            git(self.clone, "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}")
        git(self.clone, "push", "--quiet", "--force", "origin", queue)
        return queue, base

    def head(self, branch: str = "main") -> str:
        """The newest commit of a branch on the server."""
        return git(self.origin, "rev-parse", branch)

    def _merged(self, head: str, ref: str) -> str:
        git(self.clone, "checkout", "--quiet", "--detach", "origin/main")
        git(self.clone, "merge", "--quiet", "--no-ff", "--no-edit", head)
        git(self.clone, "push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        return git(self.clone, "rev-parse", "HEAD")

    def _commit(self, message: str, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.clone / name.replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--allow-empty", "--message", message)

    def merge(self, branch: str) -> None:
        """Merge a branch into main, as the button does."""
        git(self.clone, "fetch", "--quiet", "origin")
        git(self.clone, "checkout", "--quiet", "-B", "main", "origin/main")
        git(self.clone, "merge", "--quiet", "--no-ff", "--no-edit", f"origin/{branch}")
        git(self.clone, "push", "--quiet", "origin", "main")

    def commits(self, branch: str = "main") -> list[str]:
        """The commits of a branch, newest first."""
        return git(self.origin, "log", "--format=%s", branch).splitlines()

    def read(self, path: str, branch: str = "main") -> str:
        """A file, as it is on the server."""
        return git(self.origin, "show", f"{branch}:{path}")

    def changed(self, branch: str = "main") -> list[str]:
        """The files that the newest commit of a branch changed."""
        return git(self.origin, "show", "--format=", "--name-only", branch).splitlines()

    def _start(self, branch: str) -> str:
        known = git(self.clone, "branch", "--remotes").split()
        return f"origin/{branch}" if f"origin/{branch}" in known else "origin/main"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The project without the package, with a list that bans nobody."""
    made = Repository(origin=tmp_path / "origin.git", clone=tmp_path / "clone")
    made.clone.mkdir()
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(made.origin))
    git(made.clone, "init", "--quiet", "--initial-branch=main")
    git(made.clone, "remote", "add", "origin", made.origin.as_uri())
    for path in ("action.yml", "constraints.txt", ".gitignore"):
        shutil.copy(ROOT / path, made.clone / path)
    shutil.copytree(ROOT / ".github", made.clone / ".github")
    (made.clone / "bans.yaml").write_text(banning())
    git(made.clone, "add", "--all")
    git(made.clone, "commit", "--quiet", "--message", "Begin")
    git(made.clone, "push", "--quiet", "--set-upstream", "origin", "main")
    return made


@pytest.fixture
def api() -> Iterator[Github]:
    """GitHub."""
    with github() as server:
        yield server


@dataclass
class Step:
    """How a step ended."""

    code: int
    log: str
    summary: str
    outputs: dict[str, str]


@dataclass
class Runner:
    """Runs a step of the action in a folder, without what runs workflows."""

    folder: Path
    temporary: Path
    api: Github
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, step: str, **variables: str) -> Step:
        """Run a step to its end, with more variables in its environment."""
        with self.start(step, **variables) as process:
            log, _ = process.communicate(timeout=60)
        outputs = dict(line.split("=", 1) for line in self._file("GITHUB_OUTPUT").read_text().splitlines())
        return Step(process.returncode, log, self._file("GITHUB_STEP_SUMMARY").read_text(), outputs)

    def start(self, step: str, **variables: str) -> subprocess.Popen[str]:
        """Start a step, with more variables in its environment."""
        files = {name: self._file(name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_API_URL": self.api.url,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_RUN_ID": "42",
            "GITHUB_TOKEN": TOKEN,
            "AWS_EC2_METADATA_DISABLED": "true",
            **GIT,
            **{name: str(path) for name, path in files.items()},
            **self.variables,
            **variables,
        }
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "reconciler"), "ci", step],
            cwd=self.folder, env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def _file(self, name: str) -> Path:
        return self.temporary / name

    def hand_on(self, name: str, content: str, ban_list: str = "bans.yaml") -> None:
        """Leave a file where the step before would have left it."""
        folder = self.temporary / "reconciler" / sha256(ban_list.encode()).hexdigest()[:8]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.fixture
def runner(tmp_path: Path, api: Github) -> Runner:
    """A runner in an empty folder, for pull request 7."""
    for name in ("workspace", "temporary"):
        (tmp_path / name).mkdir()
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return Runner(tmp_path / "workspace", tmp_path / "temporary", api, {"GITHUB_EVENT_PATH": str(event)})
