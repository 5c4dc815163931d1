"""What our steps ask of GitLab, recorded, and a server that answers nothing else.

The requests in `recorded.json` are those of `reconciler ci show`, and those of git in the steps around an apply. The
answers are those of the stand-in (`gitlab.py`), in shapes that are known from recordings of gitlab.com (`shapes.py`).
So a request that changes is seen here. Compare it with GitLab's documentation, and record it anew:

    python -m tests.ci.recording
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from reconciler.ci.gitlab import PAGE
from tests.ci.conftest import GIT, git
from tests.ci.gitlab import (
    BOT,
    JOB_TOKEN,
    NOTE_TOKEN,
    OLD_TOKEN,
    PROJECT,
    PUSH_TOKEN,
    READ_TOKEN,
    REQUEST,
    SITE,
    Gitlab,
    gitlab,
)
from tests.ci.loopback import serving
from tests.ci.shapes import Exchange

RECORDED: Final = Path(__file__).parent / "recorded.json"
MARKER: Final = "<!-- reconciler-plan: bans.yaml -->"
PLAN: Final = f"{MARKER}\n**Plan: 1 to ban, 0 to update, 0 to lift.**\n"
ABOUT: Final = "Made by tests/ci/recording.py, which says what it is."

# What says something of our requests. The rest belongs to Python's client, to git, and to the connection.
_OURS: Final = ("content-type", "private-token", "user-agent")


@dataclass(frozen=True)
class Case:
    """A note to be made or brought up to date.

    Attributes:
        token: what the job signs in with.
        before: what there is before.
        refuses: the status with which GitLab refuses notes.
    """

    token: str = NOTE_TOKEN
    before: Callable[[Gitlab], object] = lambda server: None
    refuses: int | None = None


def _behind_others(server: Gitlab) -> None:
    server.add(f"{MARKER}\nAn older plan.\n", BOT)
    for _ in range(100):  # which the bot may not read, so that its page is a short one
        server.hidden.add(server.add("A secret.")["id"])
    server.hidden.remove(server.add("Somebody else's.")["id"] - 1)


CASES: Final[Mapping[str, Case]] = {
    "the first plan": Case(),
    "a plan that is brought up to date, on the second page": Case(before=_behind_others),
    "a token that has expired": Case(token=OLD_TOKEN),
    "a token that may only read": Case(token=READ_TOKEN),
    "too many notes": Case(refuses=429),
    "a note that GitLab does not take": Case(refuses=400),
    "a GitLab that fails": Case(refuses=500),
}


@dataclass
class Shown:
    """How the step ended: what it said, and the page of the job, which has the plan if there is no note."""

    log: str
    report: str


def show(case: Case, url: str, folder: Path) -> Shown:
    """Run the step that shows a plan, in a job of a merge request."""
    checkout, scratch = folder / "checkout", folder / "checkout.reconciler" / "42"
    handed_on = scratch / sha256(b"bans.yaml").hexdigest()[:8]
    handed_on.mkdir(parents=True)
    checkout.mkdir()
    (handed_on / "plan.md").write_text(PLAN)
    (scratch / "outputs").write_text("exit-code=0\n")
    log = _step("show", checkout, url, CI_MERGE_REQUEST_IID=str(REQUEST), RECONCILER_NOTE_TOKEN=case.token)
    page = checkout / PAGE
    return Shown(log, page.read_text() if page.exists() else "")


def _step(name: str, checkout: Path, url: str, **variables: str) -> str:
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        **{variable: GIT[variable] for variable in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")},
        "GITLAB_CI": "true",
        "CI_API_V4_URL": f"{url}/api/v4",
        "CI_JOB_ID": "42",
        "CI_JOB_TOKEN": JOB_TOKEN,
        "CI_JOB_URL": f"{SITE}/group/project/-/jobs/42",
        "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
        "CI_MERGE_REQUEST_PROJECT_URL": f"{SITE}/group/project",
        "CI_PROJECT_DIR": str(checkout),
        "CI_PROJECT_URL": f"{url}/group/project",
        "CI_SERVER_HOST": "gitlab.example.com",
        "CI_SERVER_URL": url,
        **variables,
    }
    done = subprocess.run(
        [str(programs / "reconciler"), "ci", name], cwd=checkout, env=environment, check=False, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def record(case: Case, folder: Path) -> list[dict[str, Any]]:
    """What is asked in a case, and what the stand-in answers, as in the file."""
    with gitlab(folder) as server:
        case.before(server)
        server.refuses = case.refuses
        show(case, server.url, folder)
        return [written(exchange, server.url) for exchange in server.exchanges]


def written(exchange: Exchange, url: str) -> dict[str, Any]:
    """An exchange as it stands in the file, without what another run would have otherwise, and without the token."""
    request = _request(exchange.method, exchange.path, exchange.asked, exchange.content)
    answer = {"status": exchange.status, "headers": dict(exchange.headers), "body": exchange.body}
    whole: dict[str, Any] = json.loads(json.dumps({"request": request, "answer": answer}).replace(url, SITE))
    return whole


def _request(method: str, path: str, headers: Mapping[str, str], content: object) -> dict[str, Any]:
    said = {name.lower(): value for name, value in headers.items()}
    kept = {name: "TOKEN" if "token" in name else said[name] for name in _OURS if name in said}
    return {"method": method, "path": path, "headers": kept, "body": content}


@dataclass
class Replay:
    """A server that answers as recorded, in the recorded order.

    Attributes:
        left: what has not been asked for yet.
        unexpected: what was asked for and is not recorded.
    """

    left: list[dict[str, Any]]
    url: str = ""
    unexpected: list[dict[str, Any]] = field(default_factory=list)

    def answer(
        self, method: str, path: str, headers: Message, content: object
    ) -> tuple[int, object, Mapping[str, str]]:
        """The recorded answer; 418 for a request that is not the next one."""
        request = _request(method, path, dict(headers), content or None)
        if not self.left or self.left[0]["request"] != request:
            self.unexpected.append(request)
            return 418, {"message": "This was not recorded."}, {}
        answer = self.left.pop(0)["answer"]
        return answer["status"], answer["body"], answer["headers"]


@contextmanager
def replaying(exchanges: Sequence[Mapping[str, Any]]) -> Iterator[Replay]:
    """Run the server."""
    replay = Replay([dict(exchange) for exchange in exchanges])
    with serving(replay.answer) as replay.url:
        yield replay


def record_git(folder: Path) -> list[str]:
    """What git asks of GitLab in the steps of an apply: each kind of request once, with who signs in."""
    bare, checkout = folder / "server" / "group" / "project.git", folder / "checkout"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(folder, "clone", "--quiet", str(bare), str(checkout))
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    git(checkout, "push", "--quiet", "origin", "HEAD:main")
    plan = folder / "checkout.reconciler" / "42" / sha256(b"bans.yaml").hexdigest()[:8] / "plan.json"
    plan.parent.mkdir(parents=True)
    plan.write_text(json.dumps({"state": {"location": "bans.state.json"}}))
    with gitlab(folder / "server") as server:
        for name in ("checkout", "check", "keep"):
            if name == "keep":
                (checkout / "bans.state.json").write_text("{}\n")
            _step(name, checkout, server.url, CI_COMMIT_BRANCH="main", RECONCILER_PUSH_TOKEN=PUSH_TOKEN)
        return sorted({_git_request(*asked) for asked in server.git_requests})


def _git_request(asked: str, headers: Mapping[str, str]) -> str:
    said = {name.lower(): value for name, value in headers.items()}
    kind, signed = said.get("content-type", ""), said.get("authorization", "")
    user = base64.b64decode(signed.partition(" ")[2]).decode().partition(":")[0]
    return " ".join(filter(None, [asked, kind, f"as {user}" if user else "as nobody"]))


def main() -> None:
    """Record everything anew."""
    whole: dict[str, Any] = {"about": ABOUT, "cases": {}}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, case) in enumerate(CASES.items()):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            whole["cases"][name] = record(case, folder)
        folder = Path(scratch) / "git"
        folder.mkdir()
        whole["git"] = record_git(folder)
    RECORDED.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
