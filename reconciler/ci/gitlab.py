"""What GitLab CI/CD gives a step, and what it reads back.

The variables are those of https://docs.gitlab.com/ci/variables/predefined_variables/. All steps of a job run in its
script, one after the other, and leave what the next ones need in a folder beside the checkout.
"""

import os
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from reconciler.ci.comments import Comments, GitlabNotes
from reconciler.ci.issues import GitlabIssues, Issues
from reconciler.ci.platform import OUTPUTS, Platform, Server, StepFailed, Target, Words, setting

PAGE = "bans-report.md"
"""The page of a job: a file in the checkout, since only such a file can become an artifact."""

_MERGED = {"merged_result", "merge_train"}  # kinds of pipelines that GitLab gives the merge of both branches


class Gitlab(Platform):
    """A step of a job."""

    words = Words(
        page=f"in the artifact {PAGE} of this job",
        comment="a note",
        not_allowed=(
            "RECONCILER_NOTE_TOKEN may not comment ({status}): it needs the role Reporter and the scope `api`, and"
            " may have expired"
        ),
        cannot_fetch="RECONCILER_PUSH_TOKEN may have expired, or lack the scope `write_repository`",
        check_out="Run `reconciler ci checkout` before the plan.",
        let_push="Let the bot of RECONCILER_PUSH_TOKEN push to the branch, with the scope `write_repository`",
        no_issue=(
            "RECONCILER_NOTE_TOKEN may not write issues ({status}): it needs the role Reporter and the scope `api`, and"
            " may have expired; or the project has no issues"
        ),
        issues_are_off="",
        notify="the variable RECONCILER_NOTIFY",
        names="a user or a group",
    )
    problems = "text"
    mentioned = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}){0,20}")

    @property
    def workspace(self) -> str:
        return setting("CI_PROJECT_DIR")

    @property
    def folder(self) -> Path:
        if not setting("CI_PROJECT_DIR") or not setting("CI_JOB_ID"):
            raise StepFailed("CI_PROJECT_DIR or CI_JOB_ID is not set. This step runs in a job of GitLab CI/CD.")
        # A folder for each job: what an earlier one left on the same machine must not be taken for this one's.
        folder = Path(f"{setting('CI_PROJECT_DIR')}.reconciler", setting("CI_JOB_ID"))
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def branch(self) -> str | None:
        return setting("CI_COMMIT_BRANCH") or None

    @property
    def change(self) -> int | None:
        number = setting("CI_MERGE_REQUEST_IID")
        return int(number) if number else None

    @property
    def target(self) -> Target | None:
        if self.change is None or setting("CI_MERGE_REQUEST_EVENT_TYPE") in _MERGED:
            return None
        return Target(f"{setting('CI_MERGE_REQUEST_PROJECT_URL')}.git", setting("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"))

    @property
    def server(self) -> Server:
        token = setting("RECONCILER_PUSH_TOKEN")
        return Server(
            remote=f"{setting('CI_PROJECT_URL')}.git",
            url=setting("CI_SERVER_URL"),
            user="reconciler" if token else "gitlab-ci-token",
            token=token or setting("CI_JOB_TOKEN"),
            name="reconciler",
            email=f"noreply@{setting('CI_SERVER_HOST')}",
            push_options=("ci.skip",),  # the list has not changed, so no pipeline has anything to do
        )

    @property
    def run_url(self) -> str:
        return setting("CI_JOB_URL")

    @property
    def run_name(self) -> str:
        return setting("CI_JOB_ID")

    def comments(self) -> Comments | None:
        token = setting("RECONCILER_NOTE_TOKEN")
        if not token:
            return None
        project, page = setting("CI_MERGE_REQUEST_PROJECT_ID"), setting("CI_MERGE_REQUEST_PROJECT_URL")
        return GitlabNotes(setting("CI_API_V4_URL"), project, page, token)

    def issues(self) -> Issues | None:
        token = setting("RECONCILER_NOTE_TOKEN")
        return GitlabIssues(setting("CI_API_V4_URL"), setting("CI_PROJECT_ID"), token) if token else None

    @property
    def scheduled(self) -> bool:
        return setting("CI_PIPELINE_SOURCE") == "schedule"

    @property
    def ended(self) -> str:
        status = setting("CI_JOB_STATUS")
        return {"failed": "failure", "canceled": "cancelled"}.get(status, status)

    @property
    def notify(self) -> str:
        return setting("RECONCILER_NOTIFY")

    @property
    def planned(self) -> bool:
        return bool(self.exit_code)

    @property
    def exit_code(self) -> str:
        try:
            lines = (self.folder / OUTPUTS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ""
        return dict(line.split("=", 1) for line in lines).get("exit-code", "")

    def output(self, **values: object) -> None:
        with (self.folder / OUTPUTS).open("a", encoding="utf-8") as file:
            for name, value in values.items():
                file.write(f"{name.replace('_', '-')}={value}\n")

    def summarise(self, markdown: str) -> None:
        path = os.path.join(self.workspace, PAGE)
        if os.path.islink(path):
            os.unlink(path)  # one in the repository could lead anywhere
        with open(path, "a", encoding="utf-8") as file:
            file.write(markdown + "\n")

    def annotate(self, level: str, message: str) -> None:
        sys.stdout.write(f"{level.capitalize()}: {message}\n")
        sys.stdout.flush()

    def plain_output(self) -> AbstractContextManager[None]:
        # GitLab reads commands only behind escape characters, and none is printed as it is.
        return nullcontext()
