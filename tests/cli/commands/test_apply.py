"""`reconciler apply`: what it asks, calls, records and reports."""

import errno
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pytest

from reconciler import diff, load_ban_list, load_state
from reconciler.bans import format_time
from reconciler.sandbox import Sandbox
from reconciler.stores import journal
from reconciler.stores.plans import save_plan
from tests.command_line import AWS_ARN, AWS_EXAMPLE, NOBODY, REDACT, WRONG, Reconciler, banning, with_reasons

# The main job


def test_the_example_of_aws_from_the_list_to_the_state_and_back(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("validate").out == "bans.yaml is valid: 1 ban, of 1 user in 1 room.\n"

    planned = reconciler("plan", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.out == (
        f"""\
There is no state at bans.state.json yet, so every ban in the list counts as new. If there should be one, find it \
first: this may be another checkout or a wrong --state, or CI has lost the file.

  + lobby/ABC123def456   disconnect   "Violated terms of service"

Plan: 1 to ban, 0 to update, 0 to lift.
1 DisconnectUser call, about 1 s at 100 calls/s.
The calls go to {sandbox.url}, which is not AWS.
"""
    )

    applied = reconciler("apply", "--auto-approve")
    assert applied.code == 0
    assert applied.out.endswith("\nApply complete: 1 banned, 0 updated, 0 lifted.\n")
    assert [(request.operation, request.params) for request in sandbox.requests] == [
        ("DisconnectUser", {"roomIdentifier": AWS_ARN, "userId": "ABC123def456", "reason": "Violated terms of service"})
    ]

    again = reconciler("plan", "--detailed-exitcode")
    assert (again.code, again.out) == (0, "No changes. The state matches bans.yaml.\n")
    assert reconciler("apply", "--auto-approve").out == "No changes. The state matches bans.yaml.\n"

    Path("bans.yaml").write_text(NOBODY)
    removed = reconciler("plan")
    assert removed.out == (
        """\
bans.yaml bans nobody, so everybody is lifted: 1 ban.

  - lobby/ABC123def456   lift         removed from bans.yaml

Plan: 0 to ban, 0 to update, 1 to lift.
No DisconnectUser calls.
"""
    )
    lifted = reconciler("apply", "--auto-approve")
    assert lifted.out.endswith("\nApply complete: 0 banned, 0 updated, 1 lifted.\n")
    assert len(sandbox.requests) == 1
    assert reconciler("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("written", "user_id"),
    [
        ("00123", "00123"),
        ("1e5", "1e5"),
        ("0x1F", "0x1F"),
        ("no", "no"),
        ("2026-01-01", "2026-01-01"),
        ("'~'", "~"),
        ("😀" * 128, "😀" * 128),
        ('"a \'b\' \\"c\\" /d\\\\ e"', "a 'b' \"c\" /d\\ e"),
    ],
)
def test_user_ids_reach_the_service_as_they_are_written(
    reconciler: Reconciler, sandbox: Sandbox, written: str, user_id: str
) -> None:
    Path("bans.yaml").write_text(banning(written))
    assert reconciler("apply", "--auto-approve").code == 0
    assert sandbox.disconnected == ((AWS_ARN, user_id),)
    assert reconciler("plan", "--detailed-exitcode").code == 0


def test_a_list_of_several_files_from_the_plan_to_the_state(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.d").mkdir()
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [bans.d/*.yaml]\n")
    Path("bans.d/chat.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.d/video.yaml").write_text("bans:\n  - user_id: b\n    rooms: [lobby]\n")
    assert reconciler("validate").out == (
        "bans.yaml and 2 files that it includes are valid: 2 bans, of 2 users in 1 room.\n"
    )
    assert "\n  + lobby/a   disconnect\n  + lobby/b   disconnect\n" in reconciler("plan", "--out", "plan.json").out
    assert reconciler("apply", "plan.json").code == 0
    assert sorted(str(request.params["userId"]) for request in sandbox.requests) == ["a", "b"]

    # A ban that moves to another file is the same ban.
    Path("bans.d/video.yaml").write_text("bans: []\n")
    Path("bans.d/chat.yaml").write_text("bans:\n  - {user_id: b, rooms: [lobby]}\n  - {user_id: a, rooms: [lobby]}\n")
    assert reconciler("plan", "--detailed-exitcode").code == 0


# Asking


def test_only_yes_goes_ahead(reconciler: Reconciler, sandbox: Sandbox) -> None:
    for answer in ("no\n", "y\n", "YES\n", "\n", ""):
        result = reconciler("apply", typed=answer)
        assert result.code == 1
        assert result.out.endswith("Apply cancelled. Nothing was done.\n")
    assert sandbox.requests == ()
    assert not Path("bans.state.json").exists()
    assert reconciler("apply", typed="yes\n").code == 0
    assert len(sandbox.requests) == 1


def test_without_a_terminal_to_ask_on_apply_ends_at_once(reconciler: Reconciler, sandbox: Sandbox) -> None:
    result = reconciler("apply")
    assert result.code == 1
    assert "there is no terminal to ask for confirmation; use a PLAN or --auto-approve" in result.err
    assert result.out == ""
    assert sandbox.requests == ()


# Saved plans


def test_a_saved_plan_is_applied_without_asking(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    shown = reconciler("show", "plan.json")
    assert shown.out == reconciler("plan").out
    assert reconciler("apply", "plan.json").code == 0
    assert len(sandbox.requests) == 1


def test_a_saved_plan_knows_its_list_and_its_state(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").rename("other.yaml")
    assert reconciler("plan", "-f", "other.yaml", "--state", "s.json", "--out", "plan.json").code == 0
    assert reconciler("apply", "plan.json").code == 0
    assert len(load_state("s.json").records) == 1


@pytest.mark.parametrize("arguments", [[], ["-f", "../work/bans.yaml"]])
def test_a_saved_plan_can_be_applied_from_another_folder(
    reconciler: Reconciler, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    reconciler("plan", "--out", "plan.json")
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert reconciler("apply", "../work/plan.json", *arguments).code == 0
    assert list(elsewhere.iterdir()) == []
    assert len(load_state(folder / "bans.state.json").records) == 1


def test_a_plan_that_was_applied_is_stale(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    reconciler("apply", "plan.json")
    again = reconciler("apply", "plan.json")
    assert again.code == 1
    assert "the state has changed since it was made (serial 0 then, 1 now)" in again.err
    assert len(sandbox.requests) == 1


def test_a_plan_is_stale_once_the_state_has_moved_on(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text(NOBODY)
    reconciler("plan", "--out", "plan.json")
    reconciler("apply", "plan.json")
    again = reconciler("apply", "plan.json")
    assert "the state has changed since it was made (serial 1 then, 2 now)" in again.err
    assert "Make a new plan" in again.err


def test_a_plan_is_stale_once_the_list_has_changed(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    Path("bans.yaml").write_text(AWS_EXAMPLE + "# a comment\n")
    result = reconciler("apply", "plan.json")
    assert result.code == 1
    assert "bans.yaml has changed since it was made" in result.err
    assert sandbox.requests == ()


def test_a_saved_plan_is_stale_once_an_included_file_has_changed(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("more.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n")
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n  lobby: {AWS_ARN}\ninclude: [more.yaml]\n")
    reconciler("plan", "--out", "plan.json")
    Path("more.yaml").write_text("bans:\n  - user_id: a\n    rooms: [lobby]\n    note: reviewed again\n")
    result = reconciler("apply", "plan.json")
    assert result.code == 1
    assert "bans.yaml has changed since it was made" in result.err
    assert sandbox.requests == ()


def test_a_plan_that_somebody_edited_is_refused(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    saved = Path("plan.json").read_text()
    for edited in (
        saved.replace("ABC123def456", "somebody-else"),
        saved.replace("Violated terms", "Violated the terms"),
        saved.replace('"because":"new"', '"because":"requested"'),
        saved.replace('"location": "bans.state.json"', '"location": "elsewhere.json"'),
    ):
        assert edited != saved
        Path("plan.json").write_text(edited)
        result = reconciler("apply", "plan.json")
        assert result.code == 1
        assert "it was changed since it was saved" in result.err
    assert sandbox.requests == ()


def test_after_a_saved_plan_has_failed_in_part_a_new_plan_is_asked_for(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    Path("bans.yaml").write_text(banning("a") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    reconciler("plan", "--out", "plan.json")
    assert reconciler("apply", "plan.json").out.endswith("Make a new plan to go on from here.\n")


def planned_two_hours_ago() -> None:
    """Save a plan as `plan --out` did then."""
    then = datetime.now(UTC) - timedelta(hours=2)
    plan = diff(load_ban_list("bans.yaml"), load_state("bans.state.json"), then)
    save_plan(plan, "bans.state.json", "plan.json")


def an_hour_ago() -> str:
    return format_time(datetime.now(UTC) - timedelta(hours=1))


def test_a_ban_that_expired_since_the_plan_was_made_is_skipped_and_said(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    Path("bans.yaml").write_text(banning("a", "b") + f"    expires_at: {an_hour_ago()}\n")
    planned_two_hours_ago()
    result = reconciler("apply", "plan.json")
    assert result.code == 0
    assert "Skipped: 1 ban that expired since the plan was made.\n" in result.out
    assert [user for _, user in sandbox.disconnected] == ["a"]
    assert "Apply complete: 1 banned" in result.out


@pytest.mark.parametrize("redacted", [False, True])
def test_bans_that_expired_since_the_plan_was_made_are_lines_of_json(
    reconciler: Reconciler, sandbox: Sandbox, key: None, redacted: bool
) -> None:
    Path("bans.yaml").write_text(with_reasons("carol"))
    reconciler("apply", "--auto-approve")
    expires_at = f"    expires_at: {an_hour_ago()}\n"
    desired = with_reasons("alice", "bob", "carol")
    Path("bans.yaml").write_text(desired.replace('bob was rude"\n', f'bob was rude"\n{expires_at}') + expires_at)
    planned_two_hours_ago()
    result = reconciler("apply", "plan.json", "--format", "json", *(["--redact"] if redacted else []))
    assert result.code == 0
    name = REDACT.user if redacted else str
    start, bob, carol, alice, summary = map(json.loads, result.out.splitlines())
    assert start["type"] == "apply_start"
    assert start["summary"] == {"ban": 1, "update": 0, "lift": 0, "repeat": 0, "disconnect_calls": 1}
    for line, user, kind in ((bob, "bob", "ban_skipped"), (carol, "carol", "update_skipped")):
        assert line == {
            "format_version": 1,
            "type": kind,
            "address": f"lobby/{name(user)}",
            "room": "lobby",
            "room_arn": AWS_ARN,
            "user_id": name(user),
            "because": "expired",
        }
    assert (alice["type"], alice["user_id"]) == ("ban_complete", name("alice"))
    assert (summary["banned"], summary["complete"]) == (1, True)


# Part of a plan, and more of it


def test_a_target_is_applied_alone(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b", '"c d"'))
    assert reconciler("apply", "--auto-approve", "--target", "lobby/b").code == 0
    assert reconciler("apply", "--auto-approve", "--target", f'{AWS_ARN}/"c d"').code == 0  # as the plan shows it
    assert [user for _, user in sandbox.disconnected] == ["b", "c d"]


def test_replace_disconnects_again(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    result = reconciler("apply", "--auto-approve", "--replace", "lobby/ABC123def456")
    assert result.out.endswith("Apply complete: 0 banned, 0 updated, 0 lifted, 1 repeated.\n")
    assert len(sandbox.requests) == 2


# When something is wrong


def test_one_failed_ban_fails_the_apply_and_the_next_one_goes_on(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "\nApply incomplete: 2 banned, 1 failed, 0 not started.\n" in result.out
    assert f"{AWS_ARN}x: There is no such room." in result.out
    sandbox.add_room(AWS_ARN + "x")
    assert reconciler("apply", "--auto-approve").code == 0
    assert [user for _, user in sandbox.disconnected] == ["a", "b", "c"]


def test_without_credentials_nothing_is_lost(reconciler: Reconciler) -> None:
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "Error: There are no AWS credentials." in result.err
    assert not Path("bans.state.json").exists()


def test_what_failed_for_good_ends_the_run_and_what_was_done_stays(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning(*(f"user{number}" for number in range(50))))
    sandbox.fault_next()
    reconciler("apply", "--auto-approve", "--target", "lobby/user7")
    sandbox.fault("expired")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "The AWS credentials have expired." in result.out
    assert "\nApply incomplete: 0 banned, 1 failed, 48 not started.\n" in result.out
    assert len(load_state("bans.state.json").records) == 1


def test_an_apply_that_cannot_connect_says_what_is_left_and_records_what_needs_no_call(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(banning("a", "b"))
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text(banning("a", "c"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "Error: The AWS credentials cannot be used" in result.err or "There are no AWS credentials" in result.err
    assert "\nApply incomplete: 0 banned, 1 lifted, 0 failed, 1 not started.\n" in result.out
    assert reconciler("state", "list").out == "lobby/a\n"


# JSON lines


def test_an_apply_can_be_followed_as_json_lines(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a") + f"  - user_id: c\n    rooms: [{AWS_ARN}x]\n")
    result = reconciler("apply", "--auto-approve", "--format", "json")
    assert result.code == 1
    start, *events, summary = map(json.loads, result.out.splitlines())
    assert (start["type"], start["summary"]["ban"]) == ("apply_start", 2)
    assert sorted(event["type"] for event in events) == ["ban_complete", "ban_failed"]
    assert next(event["error"]["code"] for event in events if "error" in event) == "RoomNotFound"
    assert {event["format_version"] for event in (start, *events, summary)} == {1}
    assert summary == {
        "format_version": 1,
        "type": "summary",
        "banned": 1,
        "updated": 0,
        "lifted": 0,
        "repeated": 0,
        "failed": 1,
        "not_started": 0,
        "complete": False,
    }


def test_throttling_is_reported_to_programs(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.fault_next("429")
    result = reconciler("apply", "--auto-approve", "--format", "json", "--rate", "100")
    assert result.code == 0
    events = [json.loads(line) for line in result.out.splitlines()]
    assert [event["type"] for event in events] == ["apply_start", "throttled", "ban_complete", "summary"]
    assert events[1]["region"] == "us-west-2"


def test_a_refusal_is_an_object_and_an_error_where_an_apply_reports_as_json(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    Path("bans.yaml").write_text(banning("a", "b", extra="guardrails:\n  max_bans: 1\n"))
    refused = reconciler("apply", "--auto-approve", "--format", "json")
    assert refused.code == 1
    [line] = map(json.loads, refused.out.splitlines())
    assert line["type"] == "refused"
    assert (line["refusals"][0]["key"], line["refusals"][0]["needed"]) == ("guardrails.max_bans", 2)
    assert refused.err == (
        "Error: Refused: it has 2 new bans, and guardrails.max_bans is 1. If this is meant, set guardrails.max_bans to"
        " 2 in bans.yaml, so that the exception is reviewed too.\n"
    )
    assert sandbox.requests == ()


def test_a_bad_list_is_known_before_the_state_is_locked(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text("bans: [")
    assert reconciler("apply", "--auto-approve", "--state", "s.json").code == 1
    assert not Path("s.json.lock").exists()


# What is known before anybody is asked, and what errors say was done


def test_missing_credentials_are_known_before_the_question(reconciler: Reconciler) -> None:
    result = reconciler("apply", typed="yes\n")
    assert result.code == 1
    assert "  + lobby/ABC123def456" in result.out
    assert "Only `yes` goes ahead" not in result.out
    assert result.err.startswith("Error: There are no AWS credentials.")
    assert result.err.endswith(" Nothing was done.\n")


def test_an_endpoint_that_cannot_be_reached_is_known_before_the_question_and_names_the_region(
    reconciler: Reconciler, credentials: None
) -> None:
    result = reconciler("apply", "--endpoint-url", "http://127.0.0.1:9", typed="yes\n")
    assert result.code == 1
    assert "Only `yes` goes ahead" not in result.out
    assert result.err == (
        "Error: us-west-2: No connection to http://127.0.0.1:9: Connection refused. Check the network, the region in"
        " the room's ARN, and the endpoint URL. Nothing was done.\n"
    )


def test_nobody_needs_credentials_to_be_asked_about_records_alone(reconciler: Reconciler) -> None:
    reconciler("import", "--auto-approve")
    Path("bans.yaml").write_text(NOBODY)
    result = reconciler("apply", typed="yes\n")
    assert result.code == 0
    assert "Record these changes? Only `yes` goes ahead: " in result.out


def test_a_full_disk_ends_the_apply_with_what_was_done_and_what_is_left(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(banning("a", "b", "c", "d"))
    written: list[str] = []

    def full(file: BinaryIO, text: str) -> None:
        written.append(text)
        if len(written) == 3:  # the head, a, b
            raise OSError(errno.ENOSPC, "No space left on device")
        file.write(text.encode())

    monkeypatch.setattr(journal, "_write", full)
    result = reconciler("apply", "--auto-approve", "--parallelism", "1", "--format", "json")
    done = len(load_state("bans.state.json").records)
    assert result.code == 1
    assert done >= 2
    place = Path("bans.state.json.journal").absolute()
    said = (
        f"{place} cannot be written: No space left on device. Nobody else is disconnected until it can be."
        f" Done and recorded: {done} banned; {4 - done} left. Apply again to go on from here."
    )
    assert result.err == f"Error: {said}\n"
    *_, summary, error = map(json.loads, result.out.splitlines())
    assert (summary["type"], summary["banned"], summary["not_started"]) == ("summary", done, 4 - done)
    assert error == {"format_version": 1, "type": "error", "error": {"code": "StateUnwritable", "message": said}}
    monkeypatch.undo()


def test_what_cannot_be_read_is_an_object_where_an_apply_reports_as_json(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(NOBODY.replace("bans: []", "bans: {}\nx: 1"))
    wrong = json.loads(reconciler("apply", "--auto-approve", "--format", "json").out)
    assert (wrong["type"], wrong["error"]["code"]) == ("error", "BanListInvalid")
    assert wrong["error"]["message"] == "bans.yaml has 2 problems. Nothing was done."
    assert [problem["path"] for problem in wrong["error"]["problems"]] == ["bans", "x"]
    Path("bans.yaml").write_text(NOBODY)
    Path("bans.state.json").write_text("{")
    for arguments in (["--auto-approve"], ["plan.json"]):
        failed = reconciler("apply", *arguments, "--format", "json")
        [line] = map(json.loads, failed.out.splitlines())
        assert (failed.code, line["type"], line["format_version"]) == (1, "error", 1)
        assert failed.err == f"Error: {line['error']['message']}\n"
        assert line["error"]["message"].endswith("Nothing was done.")


def test_an_error_as_json_names_nobody_where_it_is_redacted(reconciler: Reconciler, key: None) -> None:
    Path("bans.yaml").write_text(WRONG)
    said = reconciler("apply", "--auto-approve", "--format", "json", "--redact")
    assert "alice" not in said.out + said.err
    unknown = reconciler("apply", "--auto-approve", "--format", "json", "--redact", "--target", "lobby/alice")
    assert "alice" not in unknown.out + unknown.err
