"""What GitHub Actions gives a step, and what it reads back."""

import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.ci.comments import Comments, GithubComments
from reconciler.ci.issues import GithubIssues, Issues
from reconciler.ci.platform import Platform, Server, StepFailed, Target, Words, setting
from reconciler.ci.us import RUN_ON_GITHUB

# Characters: a step may write 1 MiB of summary, and GitHub drops a longer one as a whole.
SUMMARY_LIMIT = 900_000


class Github(Platform):
    """A step of the action."""

    words = Words(
        page="on the page of this run",
        comment="a comment",
        not_allowed="the token may not comment ({status}), as on a pull request from a fork",
        cannot_fetch="its checkout needs a remote `origin` and a token",
        check_out="Check out the branch itself: actions/checkout with `ref: ${{ github.ref }}`.",
        let_push="Let the workflow push (`contents: write`)",
        no_issue="the token may not write issues ({status}); give the job `issues: write`",
        issues_are_off="the repository has no issues; turn them on in its settings",
        notify="the input `notify`",
        names="a login or a team",
    )
    problems = "github"  # annotations
    # A login, that of a managed user (`login_company`), or a team (`organisation/team`). (GitHub, "Username
    # considerations for external authentication", and the form for a new account.)
    mentioned = re.compile("[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]{1,38}|/[A-Za-z0-9_-]{1,255})?")

    @property
    def workspace(self) -> str:
        return setting("GITHUB_WORKSPACE")

    @property
    def folder(self) -> Path:
        if not setting("RUNNER_TEMP"):
            raise StepFailed("RUNNER_TEMP is not set. This step runs in a job of GitHub Actions, or of GitLab CI/CD.")
        folder = Path(setting("RUNNER_TEMP")) / "reconciler"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def branch(self) -> str | None:
        ref = setting("GITHUB_REF")
        return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None

    @property
    def event(self) -> dict[str, Any]:
        """What has started the run; empty if GitHub does not say."""
        path = setting("GITHUB_EVENT_PATH")
        content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
        return content

    @property
    def change(self) -> int | None:
        request = self.event.get("pull_request")
        return int(request["number"]) if request else None

    @property
    def target(self) -> Target | None:
        return None  # actions/checkout takes the merge of both

    @property
    def server(self) -> Server:
        return Server(
            remote="origin",
            url=setting("GITHUB_SERVER_URL"),
            user="x-access-token",
            token=setting("GITHUB_TOKEN"),
            name="github-actions[bot]",
            email="41898282+github-actions[bot]@users.noreply.github.com",
        )

    @property
    def run_url(self) -> str:
        return f"{setting('GITHUB_SERVER_URL')}/{setting('GITHUB_REPOSITORY')}/actions/runs/{setting('GITHUB_RUN_ID')}"

    @property
    def run_name(self) -> str:
        return f"{setting('GITHUB_RUN_ID')}-{setting('GITHUB_RUN_ATTEMPT') or 1}"

    def comments(self) -> Comments | None:
        if setting("INPUT_COMMENT") != "true":
            return None
        return GithubComments(setting("GITHUB_API_URL"), setting("GITHUB_REPOSITORY"), setting("GITHUB_TOKEN"))

    def issues(self) -> Issues | None:
        if setting("INPUT_ISSUE") != "true":
            return None
        login = RUN_ON_GITHUB if setting("TOKEN_OF_RUN") == "true" else None
        return GithubIssues(setting("GITHUB_API_URL"), setting("GITHUB_REPOSITORY"), setting("GITHUB_TOKEN"), login)

    @property
    def scheduled(self) -> bool:
        return setting("GITHUB_EVENT_NAME") == "schedule"

    @property
    def ended(self) -> str:
        return setting("OUTCOME")

    @property
    def notify(self) -> str:
        return setting("INPUT_NOTIFY")

    @property
    def planned(self) -> bool:
        return setting("PLANNED") == "success"

    @property
    def exit_code(self) -> str:
        return setting("EXIT_CODE")

    def output(self, **values: object) -> None:
        with open(os.environ["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
            for name, value in values.items():
                file.write(f"{name.replace('_', '-')}={value}\n")

    def summarise(self, markdown: str) -> None:
        path = setting("GITHUB_STEP_SUMMARY")
        if path:
            with open(path, "a", encoding="utf-8") as file:
                file.write(markdown[:SUMMARY_LIMIT] + "\n")

    def annotate(self, level: str, message: str) -> None:
        escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        sys.stdout.write(f"::{level} title=reconciler::{escaped}\n")
        sys.stdout.flush()

    @contextmanager
    def plain_output(self) -> Iterator[None]:
        word = secrets.token_hex(16)
        sys.stdout.write(f"::stop-commands::{word}\n")
        sys.stdout.flush()
        try:
            yield
        finally:
            sys.stdout.write(f"\n::{word}::\n")
            sys.stdout.flush()
