"""Who gets the roles in AWS: trust policies for the runs of one repository on GitHub."""

import json
import re
from typing import Final

APPLY: Final = ".github/aws/reconciler-apply.json"
PLAN: Final = ".github/aws/reconciler-plan.json"
"""Where the policies go, from the root of the repository."""

_ISSUER: Final = "token.actions.githubusercontent.com"
_BRANCH: Final = "main"  # the one that the workflow applies
# No name of an owner or a repository has a `*` or a `?` in it, which would stand for others in a policy.
_NAME: Final = "[A-Za-z0-9_.-]+"
_SUBJECT: Final = re.compile(rf"repo:{_NAME}(?:@[0-9]+/{_NAME}@[0-9]+|/{_NAME})")


def policies(subject: str, account: str) -> dict[str, str]:
    """The policies, by where they go.

    The role that applies is for the branch alone, to the letter. The role that plans is for pull requests, and for the
    branches that the merge queue makes, whose names end in a way that nobody knows before:
    `gh-readonly-queue/main/pr-7-COMMIT`.

    Args:
        subject: how each subject begins that GitHub gives to runs of the repository: `repo:OWNER@ID/REPOSITORY@ID`, or
            `repo:OWNER/REPOSITORY` for older repositories. (GitHub, "OpenID Connect reference".)
        account: the account of the roles, 12 digits.

    Raises:
        ValueError: GitHub gives no such subjects, unless somebody has changed their form.
    """
    if not _SUBJECT.fullmatch(subject):
        raise ValueError("it has the form repo:OWNER@ID/REPOSITORY@ID, or repo:OWNER/REPOSITORY")
    plan = [f"{subject}:pull_request", f"{subject}:ref:refs/heads/gh-readonly-queue/{_BRANCH}/*"]
    exactly = {f"{_ISSUER}:aud": "sts.amazonaws.com"}
    return {
        APPLY: _policy(account, {"StringEquals": {**exactly, f"{_ISSUER}:sub": f"{subject}:ref:refs/heads/{_BRANCH}"}}),
        PLAN: _policy(account, {"StringEquals": exactly, "StringLike": {f"{_ISSUER}:sub": plan}}),
    }


def _policy(account: str, condition: object) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{_ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2) + "\n"
