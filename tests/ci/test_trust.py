"""The policies in the docs: who gets a role by them, and who does not."""

import json
import operator
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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


def github_policy(subject: str) -> dict[str, Any]:
    """The policy of the page, with this subject in its line."""
    [policy] = blocks(GITHUB)
    policy["Statement"][0]["Condition"]["StringEquals"][f"{KEY}:sub"] = subject
    return dict(policy)


ROWS = dict(re.findall(r"^\| ((?:applies|reads)[^|]*) \| (`repo:.* \| .*) \|$", GITHUB, re.MULTILINE))
SUBJECTS = {
    (role, form): subject.strip("`")
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
        "ref:refs/heads/gh-readonly-queue/main/pr-1",
        "pull_request",
        "environment:bans",
        "environment:other",
    )
]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: str(page.name))
def test_the_json_of_every_page_is_json(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(blocks(text)) == text.count("```json")


@pytest.mark.parametrize(
    ("role", "run"),
    [
        ("applies", "ref:refs/heads/main"),
        ("applies, once somebody has pressed a button", "environment:bans"),
        ("reads the state for a plan", "pull_request"),
    ],
)
@pytest.mark.parametrize(("form", "repository"), [("with IDs", WITH_IDS), ("without", WITHOUT)])
def test_a_role_is_for_one_kind_of_run_of_one_repository(role: str, run: str, form: str, repository: str) -> None:
    policy = github_policy(filled(SUBJECTS[role, form]))
    audience = {f"{KEY}:aud": "sts.amazonaws.com"}
    let_in = [subject for subject in ALL_RUNS if lets_in(policy, {**audience, f"{KEY}:sub": subject})]
    assert let_in == [f"{repository}:{run}"]
    assert not lets_in(policy, {f"{KEY}:aud": "https://github.com/acme", f"{KEY}:sub": f"{repository}:{run}"})


def test_the_policy_as_it_stands_is_the_one_of_the_role_that_applies_in_the_newer_form() -> None:
    [policy] = blocks(GITHUB)
    [statement] = policy["Statement"]
    assert statement["Condition"]["StringEquals"][f"{KEY}:sub"] == SUBJECTS["applies", "with IDs"]


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
