"""`reconciler show`: a state or a saved plan, as it stands."""

import json
import re
import shlex
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.command_line import AWS_ARN, REDACT, Reconciler, banning, banning_many, with_reasons


def test_show_says_who_is_banned(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("show").out == "0 bans in bans.state.json, serial 0.\n"
    reconciler("apply", "--auto-approve")
    shown = reconciler("show").out
    rehearsed, _, ban, *_ = shown.splitlines()
    assert rehearsed == f"bans.state.json records a rehearsal against {sandbox.url}, not on AWS."
    assert re.fullmatch(r'  lobby/ABC123def456   disconnected 20.* UTC   "Violated terms of service"', ban)
    assert shown.endswith("\n1 ban in bans.state.json, serial 1.\n")
    assert reconciler("show", "--format", "json").out == Path("bans.state.json").read_text()


def test_a_state_of_more_than_a_hundred_bans_is_shown_in_part(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning_many(120))
    reconciler("import", "--auto-approve")
    lines = reconciler("show").out.splitlines()
    assert len(lines) == 103
    assert lines[100:] == ["  … and 20 more; --all shows every one.", "", "120 bans in bans.state.json, serial 1."]
    assert len(reconciler("show", "--all").out.splitlines()) == 122
    assert len(reconciler("state", "list").out.splitlines()) == 120  # for programs, so it is always whole


def test_show_works_without_a_usable_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").unlink()
    shown = reconciler("show", "--state", "bans.state.json")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


def test_show_works_beside_a_broken_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text("version: 1\nbans:\n")
    shown = reconciler("show")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


@pytest.mark.parametrize("content", [None, "", "{}", "garbage"])
def test_what_is_no_plan_is_said_so(reconciler: Reconciler, content: str | None) -> None:
    if content is not None:
        Path("plan.json").write_text(content)
    for command in ("apply", "show"):
        result = reconciler(command, "plan.json")
        assert result.code == 1
        assert "plan.json" in result.err


def test_a_state_is_no_comment(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    shown = reconciler("show", "--format", "markdown")
    assert (shown.code, "shows a PLAN" in shown.err) == (1, True)


def test_a_user_in_place_of_a_plan_is_told_how_to_see_that_user(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, key: None
) -> None:
    Path("bans.yaml").write_text(banning("alice", '"a b"').replace("rooms: [lobby]", "rooms: all"))
    reconciler("apply", "--auto-approve")
    no_plan = "Error: There is no file {}. `show` takes a plan that `reconciler plan --out PLAN` has saved."
    for typed in ("alice", "lobby/alice", "finals/alice"):
        shown = reconciler("show", typed)
        assert (shown.code, shown.out) == (1, "")
        assert shown.err == f"{no_plan.format(typed)} For this user, run `reconciler why alice`.\n"
    for typed in ("nobody", "plan.json"):
        said = f"{no_plan.format(typed)} For a user, run `reconciler why USER_ID`.\n"
        assert reconciler("show", typed).err == said
    redacted = reconciler("show", "alice", "--redact")
    users = [f"{room}/{REDACT.user('alice')}" for room in ("finals", "lobby")]
    assert redacted.err == (
        f"{no_plan.format('…')} This user is recorded as {', '.join(users)}."
        " For a user, run `reconciler why USER_ID`.\n"
    )


@pytest.mark.parametrize("user", ["a b", "it's", 'say "so"', "a\\nb", "\u202eolleh", "$(reboot)", "-rf"])
def test_the_command_that_tells_about_a_user_works_when_it_is_pasted(
    reconciler: Reconciler, sandbox: Sandbox, user: str
) -> None:
    Path("my bans.yaml").write_text(with_reasons(user))
    reconciler("apply", "--auto-approve", "-f", "my bans.yaml", "--state", "my.state.json")
    said = reconciler("show", f"lobby/{user}", "--state", "my.state.json", "-f", "my bans.yaml").err
    [command] = re.findall("run `(reconciler why .*)`", said)
    program, why, *arguments = shlex.split(command)
    told = reconciler(why, "--format", "json", *arguments)
    assert (program, told.code) == ("reconciler", 0)
    assert [json.loads(told.out)[key] for key in ("user_id", "banned")] == [user, True]


def test_a_state_that_cannot_be_read_hides_nothing_of_the_advice(reconciler: Reconciler) -> None:
    Path("bans.state.json").write_text("{")
    assert reconciler("show", "alice").err.startswith("Error: There is no file alice. `show` takes a plan")


def test_who_is_banned_goes_to_other_systems_as_csv(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    shown = reconciler("show", "--format", "csv")
    header, row = shown.out.splitlines()
    assert header == "user_id,rooms,reason,expires_at,room_arn,disconnected_at"
    assert re.fullmatch(rf"ABC123def456,lobby,Violated terms of service,,{AWS_ARN},20.*Z", row)
    assert shown.err == f"bans.state.json records a rehearsal against {sandbox.url}, not on AWS.\n"
    reconciler("plan", "--out", "plan.json")
    assert "not a PLAN" in reconciler("show", "plan.json", "--format", "csv").err


def test_who_is_banned_can_be_read_into_another_list(reconciler: Reconciler) -> None:
    ends = "    expires_at: 2099-01-31T00:00:00Z\n"
    Path("bans.yaml").write_text(
        banning('"=1+1"', "'it,s'", '"say \\"so\\""', "00123").replace("rooms: [lobby]\n", f"rooms: all\n{ends}", 2)
    )
    reconciler("import", "--auto-approve")
    Path("bans.csv").write_text(reconciler("show", "--format", "csv").out)
    Path("bans.yaml").write_text(banning().replace("bans:\n", "bans: []\n"))
    banned = reconciler("ban", "--from", "bans.csv")
    assert (banned.code, banned.err) == (0, "")
    assert reconciler("plan").out == "No changes. The state matches bans.yaml.\n"
