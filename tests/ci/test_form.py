"""The steps of the form, one by one: whatever is filled in, and what becomes of it."""

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from ruamel.yaml import YAML

from reconciler.ci.calling import call
from reconciler.ci.form import MAX_USERS, Form, filled_in
from reconciler.ci.github import Github as Platform
from reconciler.ci.platform import StepFailed
from reconciler.ci.proposing import description, environment_for
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.ci.conftest import FINALS, LOBBY, Repository, Runner, Step, banning, git
from tests.ci.github import TOKEN, Github

RUN = "https://github.com/OWNER/REPOSITORY/actions/runs/42"
BRANCH = "reconciler-form-42"
PROTECTED = "guardrails:\n  protected_users: [host-*]\n"

# One word each, since spaces and commas are between user IDs.
HOSTILE = [
    *("$(touch${IFS}pwned)", "`touch${IFS}pwned`", "';touch${IFS}pwned;'", '";touch${IFS}pwned;"', "$GITHUB_TOKEN"),
    *("--all", "-f", "--", "--file=/etc/passwd", "-", "@everyone", "@OWNER/moderators", "#1", "OWNER/REPOSITORY#1"),
    *("](javascript:alert(1))", "[x](https://example.com)", "<img/src=x/onerror=alert(1)>", "</details>", "```", "|x|"),
    *(
        "::set-output::x",
        "::error::x",
        "##[error]x",
        "%0A::error::x",
        "${{secrets.GITHUB_TOKEN}}",
        "https://example.com",
    ),
    *("x\u202ey", "x\u200by", "\x1b[31mred", "\x07", "\u2066x", "\U0001f600", "../../etc/passwd", "x\\"),
    *(
        "no",
        "0123",
        "1e5",
        "null",
        "~",
        "&a",
        "*a",
        "!!str",
        "{a:b}",
        "[a]",
        "'",
        '"',
        "|",
        ">-",
        "%TAG",
        "a:",
        "?",
        "<<",
    ),
]
REASONS = [
    *("$(touch pwned)`touch pwned`'; touch pwned; '", "--all", "a\n::error::b", "a\r\nb\u202etxt.exe @everyone"),
    *("```\n</details>\n# b", "](javascript:x) <img src=x>", "${{ secrets.GITHUB_TOKEN }}", "- user_id: amy"),
    *("yes", "a: b # c", "x" * 256),
]


@dataclass
class Moderator:
    """Fills in the form, in a checkout of main as a job has it."""

    runner: Runner
    repository: Repository
    event: Path

    def fill_in(self, step: str = "propose", *, attempt: str = "1", **inputs: Any) -> Step:
        filled = {"users": "zed", "room": "lobby", "now": "false"} | inputs
        self.event.write_text(json.dumps({"inputs": filled, "repository": {"default_branch": "main"}}))
        shutil.rmtree(self.runner.folder)
        origin = self.repository.origin.as_uri()
        git(self.event.parent, "clone", "--quiet", "--depth=1", "--branch=main", origin, str(self.runner.folder))
        return self.runner.run(step, GITHUB_RUN_ATTEMPT=attempt, GITHUB_ACTOR="octocat")

    @property
    def branches(self) -> list[str]:
        return git(self.repository.origin, "branch", "--format=%(refname:short)").split()

    def listed(self) -> list[dict[str, Any]]:
        """The bans on the branch, as YAML has them."""
        text = self.repository.read("bans.yaml", BRANCH)
        bans: list[dict[str, Any]] = YAML(typ="safe").load(text)["bans"]
        return bans


@pytest.fixture
def moderator(runner: Runner, repository: Repository, tmp_path: Path) -> Moderator:
    return Moderator(runner, repository, tmp_path / "event.json")


def obeyed(log: str) -> list[str]:
    """The lines of a log that GitHub takes for commands."""
    found, stopped = [], None
    for line in log.replace("\r", "\n").split("\n"):
        if stopped is not None:
            stopped = None if line.strip() == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.strip().removeprefix("::stop-commands::")
        elif line.lstrip().startswith(("::", "##[")):
            found.append(line)
    return found


def shown(markdown: str) -> str:
    """What GitHub makes of Markdown, without what stands in code, where nothing is more than text."""
    html = cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)
    return re.sub(r"<(code|pre)\b[^>]*>.*?</\1>", "", html, flags=re.DOTALL)


def assert_harmless(markdown: str) -> None:
    html = shown(markdown)
    links = set(re.findall(r'<a href="([^"]*)"', html))
    assert {re.sub(r"/(runs|pull)/\d+$", r"/\1", link) for link in links} <= {
        *("https://github.com/OWNER/REPOSITORY/actions/runs", "https://github.com/OWNER/REPOSITORY/pull")
    }, html
    assert not re.search(r"@\w|<img|javascript:|[\u202e\u200b\u2066\x1b\x07]|\w#\d", html), html
    assert not re.search("[\u202e\u200b\u2066\x1b\x07]", markdown)


# What is opened


def test_a_form_becomes_a_branch_and_a_pull_request(moderator: Moderator, api: Github, repository: Repository) -> None:
    step = moderator.fill_in(users="zed, amy", reason="Spam", duration="7 days", what="ban")
    assert step.code == 0, step.log
    assert moderator.branches == ["main", BRANCH]
    assert repository.commits(BRANCH) == ["Ban 2 users", "Begin"]
    assert repository.changed(BRANCH) == ["bans.yaml"]
    [zed, amy] = moderator.listed()
    assert (zed["user_id"], zed["rooms"], zed["reason"], amy["user_id"]) == ("zed", ["lobby"], "Spam", "amy")
    assert zed["expires_at"] == amy["expires_at"]
    [pull] = api.pulls
    assert (pull["title"], pull["head"], pull["base"]) == ("Ban 2 users", BRANCH, "main")
    assert pull["body"].startswith(
        f"`octocat` asked for this with the form, in [this run]({RUN}). Let somebody else approve it.\n\n"
    )
    assert "**Plan: 2 to ban, 0 to update, 0 to lift.**" in pull["body"]
    assert pull["body"].endswith("\nIf the checks do not start, press *Approve workflows to run* below.\n")
    assert "reconciler-plan" not in pull["body"]
    assert step.summary == (
        "**[Pull request 8](https://github.com/OWNER/REPOSITORY/pull/8): Ban 2 users**\n\n"
        "Open it, and press *Approve workflows to run*: its checks wait for that. Let somebody else approve it."
        " Nobody is banned before it is merged.\n\n"
    )
    assert step.outputs == {"branch": BRANCH, "pull-request": "https://github.com/OWNER/REPOSITORY/pull/8"}


def test_a_pull_request_of_another_token_starts_its_checks_by_itself(moderator: Moderator, api: Github) -> None:
    api.login = "our-app[bot]"
    assert "Approve workflows" not in moderator.fill_in().summary


@pytest.mark.parametrize(
    ("room", "rooms"),
    [("lobby", ["lobby"]), ("lobby, finals", ["lobby", "finals"]), ("all", "all"), (" Everywhere ", "everywhere")],
)
def test_the_rooms_of_the_form(moderator: Moderator, room: str, rooms: object) -> None:
    assert moderator.fill_in(room=room).code == 0
    assert [ban["rooms"] for ban in moderator.listed()] == [rooms]


def test_a_ban_for_good_has_no_end(moderator: Moderator, repository: Repository) -> None:
    assert moderator.fill_in(duration="for good").code == 0
    assert "expires_at" not in moderator.listed()[0]


def test_a_ban_is_changed_and_lifted_only_if_that_is_asked_for(
    moderator: Moderator, repository: Repository, api: Github
) -> None:
    repository.push("main", bans__yaml=banning("zed", "amy"))
    refused = moderator.fill_in(reason="Threats", what="ban")
    assert refused.code == 1
    assert "bans.yaml:6: zed is listed in lobby for good" in refused.summary
    assert "choose *change a ban* in the form" in refused.summary
    assert "--update" not in refused.summary
    assert (api.requests, moderator.branches) == ([], ["main"])

    assert moderator.fill_in(reason="Threats", what="change a ban").code == 0
    assert [ban["reason"] for ban in moderator.listed()] == ["Threats", "Spam"]
    assert api.pulls[-1]["title"] == "Change the bans of 1 user"

    api.pulls[-1]["state"] = "closed"
    git(repository.origin, "branch", "--quiet", "-D", BRANCH)
    lifted = moderator.fill_in(room="all", what="lift a ban", reason="ignored", duration="7 days")
    assert lifted.code == 0, lifted.log
    assert [ban["user_id"] for ban in moderator.listed()] == ["amy"]
    assert api.pulls[-1]["title"] == "Lift the bans of 1 user"
    assert "The bans hold until it is merged." in lifted.summary


def test_a_ban_that_is_listed_needs_no_pull_request(moderator: Moderator, repository: Repository, api: Github) -> None:
    repository.push("main", bans__yaml=banning("zed"))
    step = moderator.fill_in(reason="Spam")
    assert step.code == 0
    assert step.summary == (
        "**Nothing to change.** There is no pull request.\n\n"
        "```text\n1 ban is listed already, and stays as it is: zed.\n```\n\n"
    )
    assert (api.requests, moderator.branches) == ([], ["main"])


def test_of_several_lists_the_one_that_is_chosen_is_changed(
    moderator: Moderator, repository: Repository, api: Github
) -> None:
    repository.push("main", **{"eu/bans.yaml": banning(), "us/bans.yaml": banning()})
    moderator.runner.variables["INPUT_FILE"] = "eu/bans.yaml\nus/bans.yaml\n"
    assert moderator.fill_in(list="us/bans.yaml").code == 0
    assert repository.changed(BRANCH) == ["us/bans.yaml"]
    refused = moderator.fill_in(list="bans.yaml")
    assert (refused.code, refused.summary) == (1, "**The workflow does not name such a list.**\n\n")


# What anybody may write


@pytest.mark.parametrize("users", [HOSTILE, *([user] for user in HOSTILE[::16])])
def test_any_user_id_is_banned_as_it_is_and_is_nothing_else(
    moderator: Moderator, api: Github, repository: Repository, users: list[str]
) -> None:
    step = moderator.fill_in(users=" ".join([*users, "zed"]))
    assert step.code == 0, step.log
    # The list is read as text, whatever YAML would take a value for.
    assert [str(ban["user_id"]) for ban in moderator.listed()] == [*users, "zed"]
    title = f"Ban {len(users) + 1} users"
    assert (moderator.branches, repository.commits(BRANCH)[0]) == (["main", BRANCH], title)
    assert [(pull["title"], pull["head"]) for pull in api.pulls] == [(title, BRANCH)]
    assert_harmless(api.pulls[0]["body"])
    assert_harmless(step.summary)
    assert obeyed(step.log) == []
    assert TOKEN not in step.log + api.pulls[0]["body"]
    assert sorted(path.name for path in moderator.runner.folder.iterdir()) == sorted(
        [*(".git", ".github", ".gitignore", "action.yml", "bans.yaml", "constraints.txt")]
    )


@pytest.mark.parametrize("reason", REASONS)
def test_any_reason_is_a_reason_and_is_nothing_else(moderator: Moderator, api: Github, reason: str) -> None:
    step = moderator.fill_in(reason=reason)
    assert step.code == 0, step.log
    assert [ban | {"reason": ban["reason"].rstrip()} for ban in moderator.listed()] == [
        {"user_id": "zed", "rooms": ["lobby"], "reason": reason}
    ]
    assert api.pulls[0]["title"] == "Ban 1 user"
    assert_harmless(api.pulls[0]["body"])
    assert_harmless(step.summary)
    assert obeyed(step.log) == []


@pytest.mark.parametrize("room", [" ".join(HOSTILE), *HOSTILE[::16], "lobby/zed", "bans.yaml"])
def test_a_room_that_is_none_is_refused_where_a_phone_shows_it(moderator: Moderator, api: Github, room: str) -> None:
    step = moderator.fill_in(users="::error::x zed", room=room)
    assert step.code == 1
    assert step.summary.startswith("**Nothing was changed, and there is no pull request.**\n\n```")
    assert "zed: " in step.summary
    assert_harmless(step.summary)
    assert [re.sub("::.*::", "", line) for line in obeyed(step.log)] == [
        "Nothing was changed, and there is no pull request. The page of the run says why."
    ]
    assert (api.requests, moderator.branches) == ([], ["main"])


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"users": "host-1"}, "protects this user; nobody is banned"),
        ({"room": "nope"}, 'zed: there is no room "nope"'),
        ({"duration": "7 fortnights"}, "Error: --for: write a duration in minutes, hours, days or weeks"),
        ({"duration": "--update"}, "Error: --for: write a duration"),
        ({"duration": "0 days"}, "Error: --for: write a duration"),
        ({"users": "amy", "what": "lift a ban"}, "amy"),
        ({"users": "x" * 100_000}, "**A user ID is longer than 128 characters.**"),
        ({"reason": "zed\0"}, "**What `reason` says is no text.**"),
    ],
)
def test_what_cannot_be_done_is_said_on_the_page_and_changes_nothing(
    moderator: Moderator, repository: Repository, api: Github, inputs: dict[str, Any], says: str
) -> None:
    repository.push("main", bans__yaml=banning().replace("bans:", f"{PROTECTED}bans:"))
    step = moderator.fill_in(**inputs)
    assert step.code == 1
    assert says in step.summary
    assert "Usage:" not in step.summary
    assert len(step.summary) < 1_000
    assert_harmless(step.summary)
    assert (api.requests, moderator.branches) == ([], ["main"])


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"users": ""}, "No user is named."),
        ({"users": " ,\n, "}, "No user is named."),
        ({"room": ""}, "No room is named."),
        ({"what": "$(touch pwned)"}, "`what` is none of"),
        ({"users": "zed\0"}, "What `users` says is no text."),
        ({"users": 'zed "amy bob"'}, "A form cannot name a user whose ID has a space or a comma in it"),
        ({"users": '"amy,bob"'}, "A form cannot name a user whose ID has a space or a comma in it"),
        ({"users": "zed\uff0camy"}, "A user ID has a comma of another script in it."),
        ({"users": "zed\u3001amy"}, "A user ID has a comma of another script in it."),
        ({"users": "zed\u060c amy"}, "A user ID has a comma of another script in it."),
        ({"users": "\ud800"}, "What `users` says is no text."),
        ({"reason": "\udc80"}, "What `reason` says is no text."),
        ({"users": ["zed"]}, "What `users` says is no text."),
        ({"reason": None}, "What `reason` says is no text."),
        ({"users": "x" * 129}, "A user ID is longer than 128 characters."),
        ({"users": "x" * 100_000}, "A user ID is longer than 128 characters."),
        ({"users": " ".join(map(str, range(20_000)))}, "There are 20,000 users, and a form takes 100."),
        ({"room": "x" * 100_000}, "The name of a room is longer than 128 characters."),
        ({"reason": "x" * 100_000}, "The reason has 100,000 characters, and 256 are allowed."),
        ({"duration": "x" * 100_000}, "The duration cannot be read."),
    ],
)
def test_a_form_that_cannot_be_understood_starts_nothing(inputs: dict[str, Any], says: str) -> None:
    with pytest.raises(StepFailed, match=f"^{re.escape(says)}"):
        filled_in({"inputs": {"users": "zed", "room": "lobby"} | inputs})


def test_as_much_as_a_form_takes_goes_through(moderator: Moderator, api: Github) -> None:
    users = [f"{number:0128}".replace("0", "\u202e") for number in range(1, MAX_USERS + 1)]
    users = [user[:124] + f"{number:04}" for number, user in enumerate(users)]
    step = moderator.fill_in(users=" ".join(users), reason="@" * 256)
    assert step.code == 0, step.log
    assert [ban["user_id"] for ban in moderator.listed()] == users
    assert len(api.pulls) == 1
    assert_harmless(api.pulls[0]["body"])


def test_a_user_id_that_looks_wrong_is_pointed_out(moderator: Moderator, repository: Repository) -> None:
    step = moderator.fill_in(users="zed\u200b")
    assert step.code == 0
    assert "contains U+200B, which is an invisible character" in step.summary


def test_without_a_plan_there_is_a_pull_request_all_the_same(
    moderator: Moderator, repository: Repository, api: Github
) -> None:
    """A state on S3 needs credentials, which the job that opens pull requests does not have."""
    repository.push("main", bans__yaml=f"state: s3://bucket/bans.state.json\n{banning()}")
    step = moderator.fill_in()
    assert step.code == 0, step.log
    assert "plan" not in api.pulls[0]["body"].lower()
    assert "credentials" not in step.summary + api.pulls[0]["body"]


@pytest.mark.parametrize(
    ("login", "shown_as"),
    [("octocat", "`octocat`"), ("name_company", "`name_company`"), ("a`@everyone", "Somebody"), ("", "Somebody")],
)
def test_who_asked_is_named_if_that_is_a_login(moderator: Moderator, api: Github, login: str, shown_as: str) -> None:
    moderator.runner.variables["GITHUB_TRIGGERING_ACTOR"] = login
    if not login:
        moderator.runner.variables["GITHUB_TRIGGERING_ACTOR"] = "-"
    assert moderator.fill_in().code == 0
    assert api.pulls[0]["body"].startswith(f"{shown_as} asked for this")


def test_user_ids_are_hidden_if_the_repository_wants_it_so(moderator: Moderator, api: Github) -> None:
    moderator.runner.variables |= {"RECONCILER_REDACT": "true", "RECONCILER_REDACT_KEY": "0123456789abcdef"}
    step = moderator.fill_in(users="somebody-0042")
    refused = moderator.fill_in(users="somebody-0042", room="nope")
    assert (step.code, refused.code) == (0, 1)
    assert "`user-" in api.pulls[0]["body"]
    assert "somebody-0042" not in "".join(
        [api.pulls[0]["body"], *(each.log + each.summary for each in (step, refused))]
    )


def test_a_change_that_git_does_not_see_is_no_success(
    moderator: Moderator, repository: Repository, api: Github
) -> None:
    elsewhere = moderator.event.with_name("elsewhere.yaml")
    elsewhere.write_text(banning())
    (repository.clone / "bans.yaml").unlink()
    (repository.clone / "bans.yaml").symlink_to(elsewhere)
    repository.push("main")
    step = moderator.fill_in()
    assert step.code == 1
    assert step.summary.startswith("**The change is in a file that git does not have, so there is no pull request.")
    assert (api.requests, moderator.branches) == ([], ["main"])
    assert moderator.fill_in().summary.startswith("**Nothing to change.**")


# GitHub


def test_the_run_of_another_branch_changes_nothing(moderator: Moderator, api: Github) -> None:
    moderator.runner.variables["GITHUB_REF"] = "refs/heads/other"
    for step in ("propose", "at-once"):
        ended = moderator.fill_in(step, now="true")
        assert ended.code == 1
        assert "works on the default branch alone" in ended.summary
    assert (api.requests, moderator.branches) == ([], ["main"])


def test_a_run_that_nobody_has_filled_in_a_form_for_does_nothing(moderator: Moderator) -> None:
    moderator.runner.variables["GITHUB_EVENT_PATH"] = str(moderator.event.with_name("other.json"))
    moderator.event.with_name("other.json").write_text("{}")
    assert "Nobody has filled in a form for this run" in moderator.fill_in().summary


def test_where_no_run_may_open_a_pull_request_one_tap_does(moderator: Moderator, api: Github) -> None:
    api.may_open = False
    step = moderator.fill_in()
    assert step.code == 0
    assert step.summary.startswith(
        "**Not done yet: [open the pull request](https://github.com/OWNER/REPOSITORY/compare/main...reconciler-form-42"
        "?expand=1)** (Ban 1 user).\n\nThe change is on the branch `reconciler-form-42`."
    )
    assert "::warning title=reconciler::There is no pull request yet" in step.log
    assert BRANCH in moderator.branches


def test_a_github_that_fails_fails_the_run_and_leaves_the_link(moderator: Moderator, api: Github) -> None:
    api.failures = [502, 502, 502, 502]
    step = moderator.fill_in()
    assert step.code == 1
    assert "/compare/main...reconciler-form-42?expand=1" in step.summary
    assert "There is no pull request: GitHub answers 502" in step.log
    assert [request.partition(" ")[0] for request in api.requests] == ["POST", "GET", "GET", "GET"]


def test_a_pull_request_that_was_opened_without_an_answer_is_found(moderator: Moderator, api: Github) -> None:
    class Lost(list[int]):
        def __bool__(self) -> bool:
            return not api.pulls

        def pop(self, _index: object = 0) -> int:
            api.pulls.append({"head": BRANCH, "number": 8, "state": "open", "user": {"login": "x"}})
            return 502

    api.failures = Lost()
    step = moderator.fill_in()
    assert step.code == 0, step.log
    assert "[Pull request 8]" in step.summary


def test_a_branch_that_cannot_be_pushed_is_said(moderator: Moderator, api: Github, repository: Repository) -> None:
    hook = repository.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    step = moderator.fill_in()
    assert step.code == 1
    assert "The branch reconciler-form-42 could not be pushed, so there is no pull request." in step.summary
    assert not api.requests


# Once more


def test_a_run_that_is_started_again_opens_no_second_pull_request(
    moderator: Moderator, api: Github, repository: Repository
) -> None:
    moderator.fill_in(duration="7 days")
    first = repository.head(BRANCH)
    again = moderator.fill_in(attempt="2", duration="7 days")
    assert (again.code, len(api.pulls), repository.head(BRANCH)) == (0, 1, first)
    assert "[Pull request 8]" in again.summary


def test_a_run_that_is_started_again_resolves_a_conflict_with_what_was_merged_since(
    moderator: Moderator, api: Github, repository: Repository
) -> None:
    moderator.fill_in()
    repository.push("main", bans__yaml=banning("amy"))
    again = moderator.fill_in(attempt="2")
    assert (again.code, len(api.pulls)) == (0, 1), again.log
    assert [ban["user_id"] for ban in moderator.listed()] == ["amy", "zed"]
    repository.merge(BRANCH)


def test_a_branch_that_somebody_has_changed_since_is_left_alone(
    moderator: Moderator, api: Github, repository: Repository
) -> None:
    moderator.fill_in()
    repository.push(BRANCH, bans__yaml=banning("zed", "amy"))
    changed = repository.head(BRANCH)
    again = moderator.fill_in(attempt="2")
    assert again.code == 1
    assert "Somebody has changed the branch reconciler-form-42 since, so it was left as it is." in again.summary
    assert repository.head(BRANCH) == changed


def test_two_forms_do_not_get_into_each_other_s_way(moderator: Moderator, api: Github, repository: Repository) -> None:
    moderator.fill_in()
    moderator.runner.variables["GITHUB_RUN_ID"] = "43"
    assert moderator.fill_in(users="amy").code == 0
    assert moderator.branches == ["main", BRANCH, "reconciler-form-43"]
    assert len(api.pulls) == 2


# At once


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(LOBBY, FINALS), quota=0, deny=(FINALS,))) as server:
        yield server


@pytest.fixture
def at_once(moderator: Moderator, sandbox: Sandbox) -> Moderator:
    moderator.runner.variables |= {
        "AWS_ENDPOINT_URL_IVSCHAT": sandbox.url,
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
    }  # fmt: skip
    return moderator


def test_at_once_the_user_is_disconnected_and_nothing_is_pushed(
    at_once: Moderator, sandbox: Sandbox, api: Github
) -> None:
    step = at_once.fill_in("at-once", now="true", users="zed $(touch${IFS}pwned)", duration="7 days")
    assert step.code == 0, step.log
    assert sorted(str(request.params["userId"]) for request in sandbox.requests) == ["$(touch${IFS}pwned)", "zed"]
    assert re.match(
        r"\*\*Banned at once\.\*\* \n\n```text\nlobby/zed was disconnected at .* UTC\.\n"
        r"lobby/\$\(touch\$\{IFS\}pwned\) was disconnected at .* UTC\.\n```\n\nThe bans were not published",
        step.summary.replace("```text\nThe", "The"),
    ), step.summary
    assert_harmless(step.summary)
    assert (api.requests, at_once.branches) == ([], ["main"])
    assert not (at_once.runner.folder / "pwned").exists()


def test_without_being_asked_nobody_is_disconnected(at_once: Moderator, sandbox: Sandbox) -> None:
    for step in ("propose", "at-once"):
        at_once.fill_in(step, now="false")
    at_once.fill_in("propose", now="true")
    assert not sandbox.requests


def published_in(denylist: Path, *, settle_after: int) -> str:
    """The lines of a list that say where it is published."""
    return f"denylist:\n  location: {denylist}\n  settle_after: {settle_after}\n"


def test_at_once_says_until_when_it_holds(at_once: Moderator, sandbox: Sandbox, repository: Repository) -> None:
    denylist = at_once.event.with_name("denied.json")
    repository.push("main", bans__yaml=f"{banning('old')}{published_in(denylist, settle_after=1)}")
    nothing = at_once.fill_in("at-once", now="true", duration="7 days")
    assert nothing.code == 1
    assert nothing.summary.startswith("**Nothing was done at once.**\n\n```text\nlobby/zed: There is no denylist")

    git(at_once.runner.folder, "checkout", "--quiet", "bans.yaml")
    assert [at_once.runner.run(step).code for step in ("plan", "apply")] == [0, 0]
    before = len(sandbox.requests)
    long = at_once.fill_in("at-once", now="true", duration="7 days")
    assert long.code == 0, long.log
    assert re.match(
        r"\*\*Banned at once\.\*\* That holds until \*\*\d{4}-\d\d-\d\d \d\d:\d\d.* UTC\*\*\. For longer, the pull"
        r" request has to be merged\.\n\n```text\nlobby/zed was disconnected at .*\n```\n",
        long.summary,
    ), long.summary
    assert len(sandbox.requests) == before + 2
    short = at_once.fill_in("at-once", now="true", users="amy", duration="1 hour")
    assert short.summary.startswith("**Banned at once.** That holds until the ban's own end.\n")

    lifted = at_once.fill_in("at-once", now="true", what="lift a ban", room="all")
    assert (lifted.code, lifted.summary) == (
        0, "**Done at once.** The denylist holds no provisional ban of them any more.\n\n",
    )  # fmt: skip
    assert '"zed"' not in denylist.read_text()


def test_at_once_that_is_cancelled_says_what_was_done(
    at_once: Moderator, sandbox: Sandbox, repository: Repository
) -> None:
    denylist = published_in(at_once.event.with_name("denied.json"), settle_after=3600)
    repository.push("main", bans__yaml=f"{banning()}{denylist}")
    at_once.fill_in(now="true", room="nope")  # for the checkout
    assert [at_once.runner.run(step).code for step in ("plan", "apply")] == [0, 0]
    at_once.event.write_text(at_once.event.read_text().replace("nope", "lobby"))
    with at_once.runner.start("at-once") as process:
        while not sandbox.requests:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=60)
    summary = (at_once.runner.temporary / "GITHUB_STEP_SUMMARY").read_text()
    assert process.returncode == 143, log
    assert summary.startswith("**Not all of it was done at once.** That holds until "), summary
    assert "lobby/zed was disconnected at" in summary


def test_at_once_in_part_says_what_was_done_and_fails(at_once: Moderator, sandbox: Sandbox) -> None:
    step = at_once.fill_in("at-once", now="true", room="lobby finals")
    assert step.code == 1
    assert step.summary.startswith("**Not all of it was done at once.**")
    assert "lobby/zed was disconnected at" in step.summary
    assert "finals/zed: " in step.summary
    assert "Start this job again with *Re-run failed jobs*." in step.summary
    assert "Not all of it was done at once. The page of the run says" in step.log


def test_a_user_who_is_in_the_denylist_alone_is_not_said_to_be_left_alone(
    at_once: Moderator, sandbox: Sandbox, repository: Repository
) -> None:
    denylist = at_once.event.with_name("denied.json")
    repository.push("main", bans__yaml=f"{banning('old')}{published_in(denylist, settle_after=1)}")
    at_once.fill_in(now="true", room="nope")  # for the checkout
    assert [at_once.runner.run(step).code for step in ("plan", "apply")] == [0, 0]
    step = at_once.fill_in("at-once", now="true", room="finals")
    assert step.code == 1
    assert '"zed"' in denylist.read_text()
    assert re.match(
        r"\*\*Not all of it was done at once\.\*\*\n\n```text\nThe denylist has 1 ban all the same, until"
        r" \d{4}-\d\d-\d\d \d\d:\d\d:?\d* UTC at the latest: whoever leaves cannot come back\.\n```\n",
        step.summary,
    ), step.summary
    assert "finals/zed: " in step.summary


def test_of_many_users_who_were_banned_at_once_the_page_says_how_many(at_once: Moderator, sandbox: Sandbox) -> None:
    step = at_once.fill_in("at-once", now="true", users=" ".join(f"user-{number}" for number in range(23)))
    assert step.code == 0, step.log
    assert step.summary.count(" was disconnected at ") == 20
    assert "\n… and 3 more bans\n```\n" in step.summary


def test_at_once_that_is_killed_does_not_say_that_nothing_was_done(at_once: Moderator) -> None:
    killed = at_once.event.parent / "programs" / "reconciler"
    killed.parent.mkdir()
    ours = f'[ "$1" = ci ] && exec "{sys.executable}" -m reconciler "$@"'
    killed.write_text(f"#!/bin/sh\n{ours}\necho warning >&2\nkill -9 $$\n")
    killed.chmod(0o755)
    at_once.runner.variables["PATH"] = f"{killed.parent}{os.pathsep}{os.environ['PATH']}"
    step = at_once.fill_in("at-once", now="true")
    assert step.code == 1
    assert step.summary.startswith("**It is not known what was done at once: the command was stopped.**")


def test_at_once_with_bad_input_or_without_credentials_disconnects_nobody(at_once: Moderator, sandbox: Sandbox) -> None:
    wrong = at_once.fill_in("at-once", now="true", room="nope")
    del at_once.runner.variables["AWS_ACCESS_KEY_ID"]
    unsigned = at_once.fill_in("at-once", now="true")
    for step, says in ((wrong, 'there is no room "nope"'), (unsigned, "There are no AWS credentials")):
        assert step.code == 1
        assert step.summary.startswith("**Nothing was done at once.**\n\n```text\n")
        assert says in step.summary
    assert not sandbox.requests


def test_a_pull_request_for_what_was_done_at_once_says_so(moderator: Moderator, api: Github) -> None:
    step = moderator.fill_in(now="true")
    assert "It was also asked for **at once**" in api.pulls[0]["body"]
    assert "the merge makes it last" in api.pulls[0]["body"]
    assert "Below *At once*, this page says whether it was done at once." in step.summary


# The command


@pytest.mark.parametrize("what", ["ban", "change a ban", "lift a ban"])
def test_nothing_in_a_form_becomes_an_option(what: str) -> None:
    inputs = {"what": what, "users": "--all --now", "room": "-f --everywhere", "reason": "--now", "duration": "--until"}
    command = filled_in({"inputs": inputs}).command()
    options, users = command[: command.index("--")], command[command.index("--") + 1 :]
    assert users == ["--all", "--now"]
    ours = {"ban", "lift", "--update", "--room=-f", "--room=--everywhere", "--reason=--now", "--for=--until"}
    assert set(options[1:]) <= ours


def test_users_are_named_once() -> None:
    form = filled_in({"inputs": {"users": "zed,zed amy\u2028bob\u00a0", "room": "lobby"}})
    assert form == Form("ban", ("zed", "amy", "bob"), ("lobby",), "", "", False, "bans.yaml")


def test_a_ban_for_good_is_one_whatever_the_list_says_of_others() -> None:
    assert "--until=never" in filled_in({"inputs": {"users": "zed", "room": "lobby", "duration": "for good"}}).command()


def test_what_a_command_prints_is_no_command_of_the_runner(capfd: pytest.CaptureFixture[str]) -> None:
    ended = call(["sh", "-c", "echo ::error::x; echo ::error::y >&2; exit 3"], {})
    log = capfd.readouterr().out
    assert (ended.code, ended.said) == (3, "```text\n::error::y\n```\n")
    assert "::error::x" in log
    assert obeyed(log) == []


def test_the_command_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("INPUT_FILE", "eu/bans.yaml\nus/bans.yaml\n")
    environment = environment_for(filled_in({"inputs": {"users": "zed", "room": "lobby", "list": "us/bans.yaml"}}))
    assert "GITHUB_TOKEN" not in environment
    assert environment["RECONCILER_FILE"] == "us/bans.yaml"


def test_a_plan_that_github_has_no_room_for_is_left_out() -> None:
    form = filled_in({"inputs": {"users": "zed", "room": "lobby"}})
    short, whole, long = (description(Platform(), form, "\U0001f600" * length) for length in (0, 32_000, 32_700))
    assert len(whole.encode("utf-16-le")) // 2 > 64_000
    assert long == short
