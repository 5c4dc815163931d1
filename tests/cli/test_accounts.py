"""One list for several accounts, end to end: each call by the role of its account, and what is said when that fails."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler import load_state
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests.command_line import PROGRAM, Reconciler, in_a_process

ONE = "arn:aws:ivschat:us-west-2:111111111111:room/lobby0000000"
TWO = "arn:aws:ivschat:eu-west-1:022222222222:room/finals000000"
ROLE_ONE = "arn:aws:iam::111111111111:role/bans"
ROLE_TWO = "arn:aws:iam::022222222222:role/esports/bans"
BY = {
    ONE: "arn:aws:sts::111111111111:assumed-role/bans/reconciler",
    TWO: "arn:aws:sts::022222222222:assumed-role/bans/reconciler",
}

APPLY = (*PROGRAM, "apply", "--auto-approve")

# The account number stands there without quotes: another YAML tool would drop its zero.
LIST = f"""\
version: 1
rooms:
  lobby: {ONE}
  finals: {TWO}
accounts:
  111111111111: {{role_arn: {ROLE_ONE}}}
  022222222222:
    role_arn: {ROLE_TWO}
    external_id: 00123
bans:
  - {{user_id: zed, rooms: all, reason: Spam}}
  - {{user_id: amy, rooms: [finals]}}
"""


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(ONE, TWO), quota=0)) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sandbox.url)
        monkeypatch.setenv("RECONCILER_RATE", "0")
        yield sandbox


@pytest.fixture
def ban_list(folder: Path) -> Path:
    path = folder / "bans.yaml"
    path.write_text(LIST)
    return path


def kicks(sandbox: Sandbox) -> set[tuple[object, object, str]]:
    """Room, user and caller of each DisconnectUser."""
    return {
        (request.params["roomIdentifier"], request.params["userId"], request.caller)
        for request in sandbox.requests
        if request.operation == "DisconnectUser"
    }


@pytest.mark.usefixtures("ban_list")
def test_each_account_is_called_by_its_role(sandbox: Sandbox) -> None:
    applied = in_a_process("apply", "--auto-approve")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert applied.stdout.endswith("Apply complete: 3 banned, 0 updated, 0 lifted.\n")
    assert kicks(sandbox) == {(ONE, "zed", BY[ONE]), (TWO, "zed", BY[TWO]), (TWO, "amy", BY[TWO])}
    asked = [request.params for request in sandbox.requests if request.operation == "AssumeRole"]
    assert asked == [
        {"RoleArn": ROLE_TWO, "RoleSessionName": "reconciler", "ExternalId": "00123"},
        {"RoleArn": ROLE_ONE, "RoleSessionName": "reconciler"},
    ]
    assert in_a_process("apply", "--auto-approve").stdout == "No changes. The state matches bans.yaml.\n"


@pytest.mark.usefixtures("ban_list")
def test_a_denied_role_fails_its_own_bans_and_the_next_apply_makes_up_for_them(sandbox: Sandbox) -> None:
    sandbox.deny(ROLE_TWO)
    applied = in_a_process("apply", "--auto-approve")
    assert applied.returncode == 1
    said = f"account 022222222222: The role {ROLE_TWO} may not be assumed by arn:aws:iam::123456789012:user/sandbox."
    assert f"\nFailed: finals/zed\n  {said}" in applied.stdout
    assert '"Condition": {"StringEquals": {"sts:ExternalId": "00123"}}' in applied.stdout
    assert "Apply incomplete: 1 banned, 1 failed, 1 not started." in applied.stdout
    assert {key.room_arn for key in load_state("bans.state.json").records} == {ONE}
    sandbox.allow(ROLE_TWO)
    assert in_a_process("apply", "--auto-approve").returncode == 0
    assert kicks(sandbox) == {(ONE, "zed", BY[ONE]), (TWO, "zed", BY[TWO]), (TWO, "amy", BY[TWO])}


@pytest.mark.usefixtures("ban_list")
def test_a_denied_role_is_known_before_anybody_is_asked(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.deny(ROLE_TWO)
    Path("bans.yaml").write_text(LIST)
    asked = reconciler("apply", typed="yes\n")
    assert asked.code == 1
    assert "Only `yes` goes ahead" not in asked.out
    assert asked.err.startswith(f"Error: account 022222222222: The role {ROLE_TWO} may not be assumed by ")
    assert asked.err.endswith("Nothing was done.\n")
    assert kicks(sandbox) == set()


@pytest.mark.usefixtures("ban_list")
def test_a_profile_that_is_not_there_is_known_before_anything_is_done(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(LIST.replace(f"{{role_arn: {ROLE_ONE}}}", "{profile: esports}"))
    applied = reconciler("apply", "--auto-approve")
    assert applied.code == 1
    assert applied.err == (
        "Error: account 111111111111: The AWS configuration cannot be used: The config profile (esports) could not be"
        " found. Add it there, or correct `accounts`. Nothing was done.\n"
    )
    assert sandbox.requests == ()


@pytest.mark.usefixtures("ban_list")
def test_a_plan_needs_none_of_it(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(LIST)
    planned = reconciler("plan", "--out", "plan.json", "--format", "json")
    assert planned.code == 0
    assert json.loads(planned.out)["summary"]["disconnect_calls"] == 3
    assert "role" not in Path("plan.json").read_text()


@pytest.mark.usefixtures("ban_list")
def test_whoever_is_banned_everywhere_is_disconnected_in_each_account_by_its_role(sandbox: Sandbox) -> None:
    more = [arn.replace("0000000", "1111111") for arn in (ONE, TWO)]
    for arn in more:
        sandbox.add_room(arn)
    found = "discover:\n" + "".join(
        f"  - {{region: {arn.split(':')[3]}, account: {arn.split(':')[4]}}}\n" for arn in (ONE, TWO)
    )
    bans = "bans:\n  - {user_id: zed, rooms: everywhere}\n"
    Path("bans.yaml").write_text(LIST.partition("bans:\n  -")[0] + found + bans)
    applied = in_a_process("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    assert kicks(sandbox) == {
        (arn, "zed", BY[room]) for room, arn in zip((ONE, TWO) * 2, (ONE, TWO, *more), strict=True)
    }
    listed = {request.caller for request in sandbox.requests if request.operation == "ListRooms"}
    assert listed == set(BY.values())


def test_a_rehearsal_in_the_sandbox_shows_which_role_called(ban_list: Path) -> None:
    rehearsed = in_a_process("sandbox", "--", *APPLY)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert f'  DisconnectUser in us-west-2 by {BY[ONE]}   lobby/zed   reason="Spam"   → 200\n' in rehearsed.stdout
    denied = in_a_process("sandbox", "--deny", ROLE_ONE, "--", *APPLY)
    assert denied.returncode == 1
    assert f"account 111111111111: The role {ROLE_ONE} may not be assumed" in denied.stdout


@pytest.mark.usefixtures("ban_list")
def test_a_ban_at_once_is_made_by_the_role_of_each_account(sandbox: Sandbox) -> None:
    assert in_a_process("ban", "eve", "--all", "--now", "--auto-approve").returncode == 0
    assert kicks(sandbox) == {(ONE, "eve", BY[ONE]), (TWO, "eve", BY[TWO])}


@pytest.mark.usefixtures("ban_list")
def test_the_doctor_looks_into_each_account_with_its_role(reconciler: Reconciler, sandbox: Sandbox) -> None:
    """Also where the rooms of both are in one region."""
    looked = {check["subject"]: check for check in json.loads(reconciler("doctor", "--format", "json").out)["checks"]}
    assert looked["account 111111111111"]["detail"] == f"They are of {BY[ONE]}."
    assert looked["account 022222222222"]["detail"] == f"They are of {BY[TWO]}."
    assert (looked["lobby"]["verdict"], looked["finals"]["verdict"]) == ("ok", "ok")
    listing = {request.caller for request in sandbox.requests if request.operation == "ListRooms"}
    assert listing == set(BY.values())
    sandbox.deny(ROLE_TWO)
    looked = {check["subject"]: check for check in json.loads(reconciler("doctor", "--format", "json").out)["checks"]}
    assert looked["account 022222222222"]["verdict"] == "failed"
    assert ROLE_TWO in looked["account 022222222222"]["detail"]
    assert looked["lobby"]["verdict"] == "ok"
    assert looked["022222222222 in eu-west-1"]["verdict"] == "warning"


@pytest.mark.usefixtures("ban_list")
def test_rooms_shows_those_of_all_accounts(reconciler: Reconciler, sandbox: Sandbox) -> None:
    shown = json.loads(reconciler("rooms", "--format", "json").out)["rooms"]
    assert {(room["room_arn"], room["listed_as"], room["exists"]) for room in shown} == {
        (ONE, "lobby", True),
        (TWO, "finals", True),
    }
