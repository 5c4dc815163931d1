"""The policies in the docs: who gets a role by them, and who does not."""

import json
import operator
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.ci.trust import APPLY, PLAN, policies

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"
GITHUB = (DOCS / "github.md").read_text(encoding="utf-8")
KEY = "token.actions.githubusercontent.com"
NAMES = {"OWNER_ID": "42", "REPOSITORY_ID": "4711", "OWNER": "acme", "REPOSITORY": "bans"}


def blocks(page: str) -> list[Any]:
    """The JSON of a page."""
    found = re.findall(r"^( *)```json\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return [json.loads(text) for _, text in found]


def filled(subject: str) -> str:
    """A subject of the docs, of acme/bans."""
    return re.sub("[A-Z]{2,}(_ID)?", lambda match: NAMES[match[0]], subject)


def lets_in(policy: dict[str, Any], claims: dict[str, str]) -> bool:
    """Whether AWS gives a role by this policy to a token with these claims.

    All operators and keys of a condition have to match, of a list of values one. StringEquals is exact; in StringLike,
    `*` and `?` stand for other characters. (IAM User Guide, "Condition operators".)
    """
    operators: dict[str, Callable[[str, str], bool]] = {"StringEquals": operator.eq, "StringLike": fnmatchcase}
    [statement] = policy["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sts:AssumeRoleWithWebIdentity")
    return all(
        any(operators[name](claims[key], value) for value in ([values] if isinstance(values, str) else values))
        for name, keys in statement["Condition"].items()
        for key, values in keys.items()
    )


PAGE_POLICIES = blocks(GITHUB)


def github_policy(role: str, form: str) -> dict[str, Any]:
    """The policy of the page for a role, with the subjects of the table in its line, for acme/bans."""
    subjects = [filled(subject) for subject in SUBJECTS[role, form]]
    policy = json.loads(json.dumps(PAGE_POLICIES[role.startswith("plans")]))
    condition = policy["Statement"][0]["Condition"]
    [operators] = [keys for keys in condition.values() if f"{KEY}:sub" in keys]
    operators[f"{KEY}:sub"] = subjects if len(subjects) > 1 else subjects[0]
    return dict(policy)


ROWS = dict(re.findall(r"^\| ((?:applies|plans)[^|]*) \| (`repo:.* \| .*) \|$", GITHUB, re.MULTILINE))
SUBJECTS = {
    (role, form): re.findall("`([^`]+)`", subject)
    for role, cells in ROWS.items()
    for form, subject in zip(("with IDs", "without"), cells.split(" | "), strict=True)
}
WITH_IDS, WITHOUT = "repo:acme@42/bans@4711", "repo:acme/bans"
ALL_RUNS = [
    f"{repository}:{run}"
    for repository in (
        WITH_IDS,
        WITHOUT,
        "repo:acme@42/bans@4712",  # the name of a repository that is gone, taken again
        "repo:acme@43/bans@4711",
        "repo:acme@42/bans-2@4711",
        "repo:acme/bans-2",
        "repo:stranger@9/bans@99",  # a fork
        "repo:stranger/bans",
        "repo:ACME/bans",
    )
    for run in (
        "ref:refs/heads/main",
        "ref:refs/heads/main2",
        "ref:refs/heads/feature/main",
        "ref:refs/tags/main",
        "ref:refs/heads/gh-readonly-queue/main/pr-1-0123abcd",
        "ref:refs/heads/gh-readonly-queue/release/pr-1-0123abcd",
        "ref:refs/tags/gh-readonly-queue/main/pr-1",
        "pull_request",
        "environment:bans",
        "environment:other",
    )
]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: str(page.name))
def test_the_json_of_every_page_is_json(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(blocks(text)) == text.count("```json")


QUEUE = "ref:refs/heads/gh-readonly-queue/main/pr-1-0123abcd"


def subjects_let_in(policy: dict[str, Any]) -> list[str]:
    """The runs that get the role; none does for another audience."""
    for audience, expected in (("https://github.com/acme", []), ("sts.amazonaws.com", None)):
        claims = {f"{KEY}:aud": audience}
        let_in = [subject for subject in ALL_RUNS if lets_in(policy, {**claims, f"{KEY}:sub": subject})]
        assert expected is None or let_in == expected
    return let_in


@pytest.mark.parametrize(
    ("role", "runs"),
    [
        ("applies", ["ref:refs/heads/main"]),
        ("applies, once somebody has pressed a button", ["environment:bans"]),
        ("plans, and reads the state for it", [QUEUE, "pull_request"]),
    ],
)
@pytest.mark.parametrize(("form", "repository"), [("with IDs", WITH_IDS), ("without", WITHOUT)])
def test_a_role_is_for_one_kind_of_run_of_one_repository(
    role: str, runs: list[str], form: str, repository: str
) -> None:
    assert subjects_let_in(github_policy(role, form)) == [f"{repository}:{run}" for run in runs]


@pytest.mark.parametrize("repository", [WITH_IDS, WITHOUT])
def test_what_init_writes_is_what_the_page_shows(repository: str) -> None:
    written = {place: json.loads(text) for place, text in policies(repository, "123456789012").items()}
    assert subjects_let_in(written[APPLY]) == [f"{repository}:ref:refs/heads/main"]
    assert subjects_let_in(written[PLAN]) == [f"{repository}:{QUEUE}", f"{repository}:pull_request"]
    form = "with IDs" if repository == WITH_IDS else "without"
    roles = ("applies", "plans, and reads the state for it")
    assert list(written.values()) == [github_policy(role, form) for role in roles]


def test_the_policies_of_the_page_are_in_the_newer_form() -> None:
    assert [re.findall(r'"(repo:[^"]*)"', json.dumps(policy)) for policy in PAGE_POLICIES] == [
        SUBJECTS[role, "with IDs"] for role in ("applies", "plans, and reads the state for it")
    ]


def test_the_policy_for_gitlab_is_for_the_default_branch_alone() -> None:
    [policy] = blocks((DOCS / "gitlab.md").read_text(encoding="utf-8"))
    let_in = [
        subject
        for subject in (
            "project_path:GROUP/PROJECT:ref_type:branch:ref:main",
            "project_path:GROUP/PROJECT:ref_type:branch:ref:feature",
            "project_path:GROUP/PROJECT:ref_type:tag:ref:main",
            "project_path:STRANGER/PROJECT:ref_type:branch:ref:main",
        )
        if lets_in(policy, {"gitlab.com:aud": "https://gitlab.com", "gitlab.com:sub": subject})
    ]
    assert let_in == ["project_path:GROUP/PROJECT:ref_type:branch:ref:main"]


def test_the_page_names_the_error_that_people_search_for() -> None:
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in GITHUB
