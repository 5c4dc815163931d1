"""Bans that hold: what `apply` and `plan` publish, call, settle, remember and say with a denylist in a file."""

import json
import re
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler import load_state
from reconciler.bans import BanKey, format_time
from reconciler.denylist import document
from reconciler.denylist.value import Contents
from reconciler.sandbox import Sandbox
from reconciler.state import file as state_file
from reconciler.state.value import Place, Published, State
from reconciler.stores.session import Session
from tests.command_line import AWS_ARN, FINALS, REDACT, Reconciler, Result, banning, with_reasons

NO_STATE = (
    "There is no state at bans.state.json yet, so every ban in the list counts as new. If there should be one, find it"
    " first: this may be another checkout or a wrong --state, or CI has lost the file.\n"
)
SHORT = (
    "With a settle_after of 1 s, bans may not hold: a token from before a ban can connect for a minute, and some"
    " seconds pass until token services know of the ban. Set it to 75 or more.\n"
)
WAITING = "Waiting 1 s for {}: {} disconnected once more, as tokens from before the ban may have let them in.\n"
OWED = "1 ban has yet to settle: the next apply disconnects its user once more.\n"
NOTHING = "No changes. The state matches bans.yaml.\n"


def listing(*users: str, location: str = "denylist.json", settle_after: int = 1, more: str = "") -> str:
    denylist = f"denylist: {{location: {location}, settle_after: {settle_after}}}\n{more}"
    return banning(*users, extra=denylist) if users else banning(extra=denylist).replace("bans:\n", "bans: []\n")


def write(*users: str, **options: Any) -> None:
    Path("bans.yaml").write_text(listing(*users, **options))


def denylist(path: str = "denylist.json") -> Contents:
    return document.loads(Path(path).read_bytes())


def published(path: str = "denylist.json") -> list[str]:
    """The users of a denylist, with the ends of their bans if they have any."""
    return [key.user_id if end is None else f"{key.user_id} until {end:%Y}" for key, end in denylist(path).bans.items()]


def state() -> State:
    return load_state("bans.state.json")


def remembered(serial: int, location: str = "denylist.json", *to_retire: str) -> Published:
    return Published(Place(location, "bans"), serial, tuple(Place(place, "bans") for place in to_retire))


def recorded() -> dict[str, bool]:
    """Who is recorded, and whether a second call is owed."""
    return {key.user_id: record.published_at is not None for key, record in state().records.items()}


def an_hour_passes() -> None:
    """For whoever is owed a second call."""
    then = format_time(datetime.now(UTC) - timedelta(hours=1))
    path = Path("bans.state.json")
    path.write_text(re.sub(r'"published_at":"[^"]*"', f'"published_at":"{then}"', path.read_text()))


def edit_denylist(path: str = "denylist.json", **changes: Any) -> None:
    Path(path).write_bytes(document.dumps(replace(denylist(path), **changes)))


def applied(result: Result) -> str:
    """The last lines of what an apply says, after its plan."""
    return result.out.split("\n\n")[-1]


# The main job


def test_a_ban_is_published_kicked_recorded_and_settled_and_a_lift_is_taken_out(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", "b")
    first = reconciler("apply", "--auto-approve")
    assert (first.code, first.err) == (0, WAITING.format("2 bans to settle", "their users are"))
    assert first.out == (
        f"""\
{NO_STATE}{SHORT}
  + lobby/a   disconnect
  + lobby/b   disconnect

Plan: 2 to ban, 0 to update, 0 to lift.
2 DisconnectUser calls, 2 more after 1 s, to settle.
The calls go to {sandbox.url}, which is not AWS.

Apply complete: 2 banned, 0 updated, 0 lifted, 2 settled.
"""
    )
    assert sorted(user for _, user in sandbox.disconnected) == ["a", "a", "b", "b"]
    assert published() == ["a", "b"]
    assert recorded() == {"a": False, "b": False}
    assert state().published == remembered(1)

    # Nothing changes: nobody is called, and nothing is written.
    before = {path: path.read_bytes() for path in Path().iterdir()}
    again = reconciler("apply", "--auto-approve")
    assert (again.code, again.out, again.err) == (0, f"{SHORT}\n{NOTHING}", "")
    assert {path: path.read_bytes() for path in Path().iterdir() if path.suffix != ".lock"} == {
        path: content for path, content in before.items() if path.suffix != ".lock"
    }

    write("b")
    lifted = reconciler("apply", "--auto-approve")
    assert (lifted.code, applied(lifted)) == (0, "Apply complete: 0 banned, 0 updated, 1 lifted.\n")
    assert (published(), recorded(), state().published) == (["b"], {"b": False}, remembered(2))
    assert len(sandbox.requests) == 4


def test_without_waiting_a_ban_is_owed_until_an_apply_finds_it_due(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    first = reconciler("apply", "--auto-approve", "--no-wait")
    assert (first.code, first.err) == (0, "")
    assert applied(first) == f"Apply complete: 1 banned, 0 updated, 0 lifted.\n{OWED}"
    assert recorded() == {"a": True}

    # What is owed is no change.
    planned = reconciler("plan", "--detailed-exitcode")
    calls = f"The calls go to {sandbox.url}, which is not AWS.\n"
    assert (planned.code, planned.out) == (0, f"{SHORT}\n{NOTHING}{OWED}{calls}")
    assert json.loads(reconciler("plan", "--format", "json").out)["owed"] == [{"room_arn": AWS_ARN, "user_id": "a"}]

    not_yet = "settled       not yet: the next apply disconnects the user once more\n"
    assert reconciler("show").out.endswith(f"\n1 ban in bans.state.json, serial 2.\n{OWED}")
    assert reconciler("state", "show", "lobby/a").out.endswith(not_yet)

    # The clocks of two runs may differ by a minute, so it is not due yet.
    early = reconciler("apply", "--auto-approve", "--no-wait")
    assert (early.code, applied(early)) == (0, f"Apply complete: 0 banned, 0 updated, 0 lifted.\n{OWED}")
    assert (len(sandbox.requests), recorded()) == (1, {"a": True})

    an_hour_passes()
    due = reconciler("apply", "--auto-approve", "--no-wait")
    assert (due.code, applied(due)) == (0, "Apply complete: 0 banned, 0 updated, 0 lifted, 1 settled.\n")
    assert (len(sandbox.requests), recorded()) == (2, {"a": False})
    assert reconciler("plan").out == f"{SHORT}\n{NOTHING}"
    assert OWED not in reconciler("show").out
    assert "settled" not in reconciler("state", "show", "lobby/a").out


def test_a_ban_that_ended_before_it_settled_is_owed_nothing(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    reconciler("apply", "--auto-approve", "--no-wait")
    path = Path("bans.state.json")
    path.write_text(path.read_text().replace('"expires_at":null', '"expires_at":"2026-01-01T00:00:00Z"'))
    assert reconciler("show").out.endswith("; 1 of them expired, to be lifted by the next apply.\n")
    assert reconciler("state", "show", "lobby/a").out.endswith(
        f"request ID    {state().records[BanKey(AWS_ARN, 'a')].request_id}\n"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_while_waiting_loses_nothing_and_says_what_is_owed(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    write("a", settle_after=3600)
    waited_for = "reconciler.views.text_format.TextFormat.settling"
    monkeypatch.setattr(waited_for, lambda *_arguments: signal.raise_signal(number))
    result = reconciler("apply", "--auto-approve")
    assert result.code == code
    assert applied(result) == f"Apply complete: 1 banned, 0 updated, 0 lifted.\n{OWED}"
    assert (published(), recorded(), state().published) == (["a"], {"a": True}, remembered(1))
    assert not Path("bans.state.json.journal").exists()


def test_a_second_call_that_fails_is_a_failure_and_stays_owed(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a", "b")
    reconciler("apply", "--auto-approve", "--no-wait")
    an_hour_passes()
    sandbox.fault_next("denied")
    result = reconciler("apply", "--auto-approve", "--parallelism", "1")
    assert result.code == 1
    assert applied(result) == (
        "Apply incomplete: 0 banned, 1 settled, 1 failed, 0 not started.\n"
        f"Nothing is recorded. Apply again to go on from here.\n{OWED}"
    )
    assert sorted(recorded().values()) == [False, True]


def test_second_calls_that_cannot_even_be_tried_are_failures(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a")
    reconciler("apply", "--auto-approve", "--no-wait")
    an_hour_passes()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    assert "credentials" in result.err
    assert applied(result) == (
        "Apply incomplete: 0 banned, 1 failed, 0 not started.\n"
        f"Nothing is recorded. Apply again to go on from here.\n{OWED}"
    )


def test_a_first_run_that_is_killed_after_it_has_published_leaves_a_denylist_that_is_known_for_ours(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object, **_options: object) -> None:
        raise Killed

    for users, location in ((["a"], "denylist.json"), (["a", "b"], "moved.json")):
        write(*users, location=location)
        with monkeypatch.context() as killing:
            killing.setattr("reconciler.cli.service.disconnect", die)
            killing.setattr("reconciler.stores.session.Session.save", save_once(die))
            with pytest.raises(Killed):
                reconciler("apply", "--auto-approve")
        assert published(location) == users
        assert users[-1] not in recorded()
        assert reconciler("apply", "--auto-approve").code == 0
        assert recorded() == dict.fromkeys(users, False)
    assert state().published == remembered(2, "moved.json", "denylist.json")


def save_once(then: Callable[..., None]) -> Callable[..., None]:
    """`Session.save`, and another in its place from the second time on."""
    save = Session.save
    saved: list[Published | None] = []

    def once(session: "Session[Any]", published: Published | None = None) -> None:
        (then if saved else save)(session, published)
        saved.append(published)

    return once


# What is in the denylist, and should not be; or the other way round


def test_an_apply_without_changes_writes_a_document_that_is_missing(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write()
    result = reconciler("apply", "--auto-approve")
    assert (result.code, result.out) == (0, f"{SHORT}\n{NOTHING}")
    assert (published(), state().published) == ([], remembered(1))
    Path("denylist.json").unlink()
    assert reconciler("apply", "--auto-approve").code == 0
    assert (published(), sandbox.requests) == ([], ())


def test_a_document_that_was_lost_is_published_again_and_settled(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    reconciler("apply", "--auto-approve")
    Path("denylist.json").unlink()
    result = reconciler("apply", "--auto-approve")
    assert result.out == (
        f"""\
{SHORT}
  ~ lobby/a   publish      not in the denylist as it is recorded

Plan: 0 to ban, 1 to update, 0 to lift.
1 DisconnectUser call after 1 s, to settle.
The calls go to {sandbox.url}, which is not AWS.

Apply complete: 0 banned, 1 updated, 0 lifted, 1 settled.
"""
    )
    assert (published(), recorded(), len(sandbox.requests)) == (["a"], {"a": False}, 3)


def test_bans_that_somebody_edited_are_shown_with_refresh_and_mended_by_an_apply(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", "b", "c")
    reconciler("apply", "--auto-approve", "--no-wait")
    an_hour_passes()
    reconciler("apply", "--auto-approve")
    soon, late = datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=2)
    bans = {BanKey(AWS_ARN, "b"): soon, BanKey(AWS_ARN, "c"): None, BanKey(AWS_ARN, "eve"): None}
    edit_denylist(bans=bans, provisional={BanKey(AWS_ARN, "zoe"): late})

    # A plan asks nobody without --refresh.
    assert reconciler("plan", "--detailed-exitcode").code == 0
    planned = reconciler("plan", "--refresh", "--detailed-exitcode")
    assert planned.code == 2
    assert planned.out == (
        f"""\
{SHORT}
  ~ lobby/a     publish      not in the denylist as it is recorded
  ~ lobby/b     publish      not in the denylist as it is recorded
  - lobby/eve   lift         only in the denylist: neither recorded nor in the list

Plan: 0 to ban, 2 to update, 1 to lift.
2 DisconnectUser calls after 1 s, to settle, about 2 s at 100 calls/s.
The calls go to {sandbox.url}, which is not AWS.
"""
    )
    markdown = reconciler("plan", "--refresh", "--format", "markdown").out
    assert "| `lobby` | `eve` | only in the denylist: neither recorded nor in the list | none |\n" in markdown
    assert "| `lobby` | `a` | not in the denylist as it is recorded |\n" in markdown
    plan = json.loads(reconciler("plan", "--refresh", "--format", "json").out)
    assert (plan["format_version"], plan["denylist"]) == (2, {"location": "denylist.json", "settle_after": 1})
    assert plan["summary"] == {"ban": 0, "update": 2, "lift": 1, "repeat": 0, "disconnect_calls": 0, "settle_calls": 2}
    assert [(change["because"], change["address"]) for change in plan["changes"]] == [
        ("unpublished", "lobby/a"),
        ("unpublished", "lobby/b"),
        ("unknown", "lobby/eve"),
    ]

    result = reconciler("apply", "--auto-approve")
    assert (result.code, applied(result)) == (0, "Apply complete: 0 banned, 2 updated, 1 lifted, 2 settled.\n")
    assert published() == ["a", "b", "c"]
    assert [key.user_id for key in denylist().provisional] == ["zoe"]
    assert [user for _, user in sandbox.disconnected[-2:]] == ["a", "b"]
    assert reconciler("plan", "--refresh", "--detailed-exitcode").code == 0


def test_a_target_takes_nothing_out_publishes_what_is_missing_and_leaves_the_rest_to_the_next_apply(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", "b")
    reconciler("apply", "--auto-approve", "--no-wait")
    edit_denylist(bans={BanKey(AWS_ARN, "eve"): None})
    write("a", "new", "other")
    result = reconciler("apply", "--auto-approve", "--target", "lobby/new")
    assert (result.code, applied(result)) == (0, "Apply complete: 1 banned, 2 updated, 0 lifted, 3 settled.\n")
    assert published() == ["a", "b", "eve", "new"]
    assert state().published == remembered(0)
    whole = reconciler("apply", "--auto-approve")
    assert (whole.code, applied(whole)) == (0, "Apply complete: 1 banned, 0 updated, 2 lifted, 1 settled.\n")
    assert (published(), state().published) == (["a", "new", "other"], remembered(3))


def test_replace_publishes_kicks_and_settles(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    reconciler("apply", "--auto-approve")
    result = reconciler("apply", "--auto-approve", "--replace", "lobby/a")
    assert applied(result) == "Apply complete: 0 banned, 0 updated, 0 lifted, 1 repeated, 1 settled.\n"
    assert (published(), len(sandbox.requests), denylist().head.serial) == (["a"], 4, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [["state", "rm", "lobby/a"], ["state", "push", "edited.json"]])
def test_a_state_that_was_changed_by_hand_is_compared_by_the_next_apply(
    reconciler: Reconciler, sandbox: Sandbox, command: list[str]
) -> None:
    write("a", "b")
    reconciler("apply", "--auto-approve")
    assert state().published == remembered(1)
    edited = state().after([(BanKey(AWS_ARN, "a"), None)]).generation(lineage="")
    Path("edited.json").write_bytes(state_file.dumps(edited))
    assert reconciler(*command).code == 0
    assert (recorded(), state().published) == ({"b": False}, remembered(0))
    write("b")
    result = reconciler("apply", "--auto-approve")
    assert (result.code, applied(result)) == (0, "Apply complete: 0 banned, 0 updated, 1 lifted.\n")
    assert (published(), state().published) == (["b"], remembered(2))


# Without a denylist, and with somebody else's


def test_without_the_denylist_users_are_kicked_and_the_next_apply_publishes_and_settles(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", "b")
    reconciler("apply", "--auto-approve", "--target", "lobby/a", "--no-wait")
    before = Path("denylist.json").read_bytes()
    result = reconciler("apply", "--auto-approve", "--without-denylist", "--no-wait")
    assert result.out == (
        f"""\
  + lobby/b   disconnect

Plan: 1 to ban, 0 to update, 0 to lift.
1 DisconnectUser call, 1 more after 1 s, to settle.
{OWED}The calls go to {sandbox.url}, which is not AWS.

Apply complete: 1 banned, 0 updated, 0 lifted.
{OWED}"""
    )
    assert Path("denylist.json").read_bytes() == before
    assert (recorded(), state().published) == ({"a": True, "b": False}, remembered(0))
    then = reconciler("apply", "--auto-approve", "--no-wait")
    assert applied(then) == (
        "Apply complete: 0 banned, 1 updated, 0 lifted.\n"
        "2 bans have yet to settle: the next apply disconnects their users once more.\n"
    )
    assert (published(), recorded(), state().published) == (["a", "b"], {"a": True, "b": True}, remembered(2))


def test_without_the_denylist_nothing_is_said_to_be_published(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a"))
    reconciler("apply", "--auto-approve")
    write("a")
    assert "publish      not in the denylist as it is recorded" in reconciler("plan").out
    result = reconciler("apply", "--auto-approve", "--without-denylist")
    assert (result.code, result.out) == (0, NOTHING)
    assert not Path("denylist.json").exists()


def test_the_denylist_of_another_state_is_left_alone_until_it_is_adopted(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", "gone")
    reconciler("apply", "--auto-approve", "--no-wait")
    lineage, there = state().lineage, Path("denylist.json").read_bytes()
    published_at = denylist().head.published_at  # type: ignore[union-attr]
    for path in Path().glob("bans.state.json*"):
        path.unlink()
    write("a", "b")
    refused = reconciler("apply", "--auto-approve")
    assert (refused.code, refused.out) == (1, "")
    said = re.sub("ours is lineage [0-9a-f-]{36}", "ours is lineage OURS", refused.err)
    assert said == (
        f"Error: denylist.json holds the denylist of another state: lineage {lineage}, serial 1, 2 bans, published at"
        f" {published_at:%Y-%m-%d %H:%M:%S} UTC; ours is lineage OURS. It is left as it is. If our state was lost, and"
        " this list is to take its place, run: reconciler apply --adopt-denylist. Otherwise give the list another"
        " location. Nothing was done.\n"
    )
    assert "; we have no state yet." in reconciler("plan", "--refresh").err
    assert (Path("denylist.json").read_bytes(), len(sandbox.requests)) == (there, 2)
    assert not Path("bans.state.json").exists()

    adopted = reconciler("apply", "--auto-approve", "--adopt-denylist")
    assert (adopted.code, applied(adopted)) == (0, "Apply complete: 2 banned, 0 updated, 1 lifted, 2 settled.\n")
    assert published() == ["a", "b"]
    assert denylist().head.lineage == state().lineage != lineage  # type: ignore[union-attr]


@pytest.mark.parametrize("location", ["bans.yaml", "bans.state.json", "bans.state.json.journal", "./bans.state.json"])
def test_the_list_and_the_state_are_no_denylist(reconciler: Reconciler, sandbox: Sandbox, location: str) -> None:
    write("a", location=location)
    result = reconciler("apply", "--auto-approve")
    assert (result.code, result.err) == (
        1,
        f"Error: {location} cannot be a denylist: it is the ban list, the state, or a file that belongs to the state."
        " Give the denylist another location. Nothing was done.\n",
    )
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello", "denylist.json is not a denylist: it is not JSON. It is left as it is."),
        ("{}", "denylist.json is not a denylist: it is some other JSON. It is left as it is."),
        ('{"format_version":1,"settle_after":90,"lin', "denylist.json is damaged: it is not whole: EOF"),
        ('{"format_version":9,"settle_after":90,"bans":{}}', "denylist.json: a later version of reconciler wrote it"),
    ],
)
def test_what_is_no_denylist_or_a_damaged_one_is_left_as_it_is_and_nobody_is_kicked(
    reconciler: Reconciler, sandbox: Sandbox, content: str, said: str
) -> None:
    write("a")
    Path("denylist.json").write_text(content)
    for arguments in (["apply", "--auto-approve"], ["plan", "--refresh"]):
        result = reconciler(*arguments)
        assert result.code == 1
        assert result.err.startswith(f"Error: {said}")
    assert (Path("denylist.json").read_text(), sandbox.requests) == (content, ())


def test_what_cannot_be_published_is_not_kicked_and_fails(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a", location="no-folder/denylist.json")
    result = reconciler("apply", "--auto-approve")
    assert result.code == 1
    folder = Path("no-folder").absolute()
    assert result.out.endswith(
        f"""
Failed: lobby/a
  no-folder/denylist.json cannot be written: there is no folder {folder}.

Apply incomplete: 0 banned, 1 failed, 0 not started.
Nothing is recorded. Apply again to go on from here.
"""
    )
    assert (sandbox.requests, recorded()) == ((), {})
    Path("no-folder").mkdir()
    assert reconciler("apply", "--auto-approve").code == 0
    assert (published("no-folder/denylist.json"), recorded()) == (["a"], {"a": False})


# Another location


MOVED = (
    "old.json still holds bans of this list, which no longer names it. Once nobody reads it any more, empty it with"
    " `reconciler apply --retire-denylist`.\n"
)


def test_a_denylist_moves_in_two_steps(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a", location="old.json")
    reconciler("apply", "--auto-approve")
    write("a", location="new.json")
    planned = reconciler("plan", "--detailed-exitcode")
    assert (planned.code, planned.out) == (
        2,
        f"""\
{SHORT}{MOVED}
  ~ lobby/a   publish      not in the denylist as it is recorded

Plan: 0 to ban, 1 to update, 0 to lift.
1 DisconnectUser call after 1 s, to settle, about 2 s at 100 calls/s.
The calls go to {sandbox.url}, which is not AWS.
""",
    )
    assert json.loads(reconciler("plan", "--format", "json").out)["to_retire"] == ["old.json"]
    moved = reconciler("apply", "--auto-approve")
    assert (moved.code, applied(moved)) == (0, "Apply complete: 0 banned, 1 updated, 0 lifted, 1 settled.\n")
    assert (published("old.json"), published("new.json")) == (["a"], ["a"])
    assert state().published == remembered(1, "new.json", "old.json")

    asked = reconciler("apply", "--retire-denylist", typed="no\n")
    assert (asked.code, "Empty old.json? Only `yes` goes ahead:" in asked.out) == (1, True)
    assert published("old.json") == ["a"]
    retired = reconciler("apply", "--auto-approve", "--retire-denylist")
    assert (retired.code, retired.out) == (
        0,
        f"{SHORT}{MOVED}\n{NOTHING}\nold.json holds no bans of this list any more.\n"
        "Apply complete: 0 banned, 0 updated, 0 lifted.\n",
    )
    assert not Path("old.json").exists()
    assert (published("new.json"), state().published) == (["a"], remembered(1, "new.json"))
    assert reconciler("plan").out == f"{SHORT}\n{NOTHING}"


def test_the_old_denylist_stays_as_long_as_the_new_one_does_not_hold_everybody(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a", location="old.json")
    reconciler("apply", "--auto-approve")
    write("a", location="no-folder/new.json")
    result = reconciler("apply", "--auto-approve", "--retire-denylist")
    assert result.code == 1
    assert result.err == (
        "old.json stays as it is: not everybody who is banned is in the new denylist yet. Apply again with"
        " --retire-denylist once an apply is complete.\n"
    )
    assert published("old.json") == ["a"]
    assert reconciler("apply", "--auto-approve", "--retire-denylist", "--without-denylist").code == 1
    assert published("old.json") == ["a"]
    Path("no-folder").mkdir()
    assert reconciler("apply", "--auto-approve", "--retire-denylist").code == 0
    assert not Path("old.json").exists()
    assert published("no-folder/new.json") == ["a"]


def test_a_list_without_a_denylist_any_more_can_retire_it(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a", location="old.json")
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text(banning("a"))
    kicks = "The list names no denylist any more, so new bans are kicks alone: whoever gets another token comes back.\n"
    assert reconciler("plan", "--detailed-exitcode").out == f"{kicks}{MOVED}\n{NOTHING}"
    assert reconciler("apply", "--auto-approve", "--retire-denylist").code == 0
    assert not Path("old.json").exists()
    assert (state().published, reconciler("plan").out) == (Published(), NOTHING)


def test_an_error_while_retiring_says_what_was_done(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a", location="old.json")
    reconciler("apply", "--auto-approve")
    Path("old.json").write_text("hello")
    write("a", "b", location="new.json")
    result = reconciler("apply", "--auto-approve", "--retire-denylist", "--no-wait")
    assert result.code == 1
    assert result.err.startswith("Error: old.json is not a denylist")
    assert result.err.endswith(" Done and recorded: 1 banned, 1 updated; 0 left. Apply again to go on from here.\n")


# Rehearsals


@pytest.mark.parametrize("location", ["s3://moderation/denylist.json", "dynamodb://us-west-2/denylist"])
def test_a_rehearsal_writes_no_denylist_on_aws(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    def looked(*_arguments: object, **_options: object) -> None:
        return None

    def connect(*arguments: object) -> None:
        raise AssertionError(f"a connection: {arguments}")

    write("a", location=location)
    # Reading is allowed, and answered here: what is refused is refused before anything is called or written.
    monkeypatch.setattr("reconciler.publishing.Publishing.look", looked)
    monkeypatch.setattr(socket.socket, "connect", connect)
    refused = reconciler("apply", "--auto-approve")
    assert (refused.code, refused.err) == (
        1,
        f"Error: The denylist {location} is on AWS, and the calls of this run go to {sandbox.url}, which is not. A"
        " rehearsal must not tell real token services whom to refuse: give the list another denylist, or use"
        " --without-denylist. Nothing was done.\n",
    )
    assert not Path("bans.state.json").exists()
    monkeypatch.undo()


def test_a_rehearsal_retires_no_denylist_on_aws(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(banning("a"))
    reconciler("apply", "--auto-approve")
    published = Published(Place("s3://moderation/denylist.json", "bans"), 1)
    Path("bans.state.json").write_bytes(state_file.dumps(replace(state(), published=published)))
    refused = reconciler("apply", "--auto-approve", "--retire-denylist")
    assert (refused.code, refused.err) == (
        1,
        "Error: The denylist s3://moderation/denylist.json is on AWS, and the calls of this run go to"
        f" {sandbox.url}, which is not. A rehearsal must not empty what real token services read: leave out"
        " --retire-denylist. Nothing was done.\n",
    )


# Saved plans


def test_a_saved_plan_mends_what_differs_and_settles_what_is_owed_by_then(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("a")
    reconciler("apply", "--auto-approve", "--no-wait")
    write("a", "b")
    reconciler("plan", "--out", "plan.json")
    shown = reconciler("show", "plan.json")
    assert (shown.code, shown.out) == (0, reconciler("plan").out)
    edit_denylist(bans={BanKey(AWS_ARN, "eve"): None})
    result = reconciler("apply", "plan.json")
    assert (result.code, applied(result)) == (0, "Apply complete: 1 banned, 1 updated, 1 lifted, 2 settled.\n")
    assert (published(), recorded()) == (["a", "b"], {"a": False, "b": False})


# Programs that follow


def test_an_apply_that_settles_can_be_followed_as_json_lines(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    result = reconciler("apply", "--auto-approve", "--format", "json")
    assert (result.code, result.err) == (0, "")
    start, ban, waiting, settled, summary = map(json.loads, result.out.splitlines())
    who = {"format_version": 1, "address": "lobby/a", "room": "lobby", "room_arn": AWS_ARN, "user_id": "a"}
    assert start == {
        "format_version": 1,
        "type": "apply_start",
        "endpoint": sandbox.url,
        "summary": {"ban": 1, "update": 0, "lift": 0, "repeat": 0, "disconnect_calls": 1},
    }
    assert (ban["type"], ban["record"].keys()) == (
        "ban_complete",
        {"reason", "expires_at", "disconnected_at", "request_id", "published_at"},
    )
    assert waiting == {"format_version": 1, "type": "settling", "bans": 1, "seconds": 1}
    record = settled.pop("record")
    assert settled == {**who, "type": "settle_complete"}
    assert record.keys() == {"reason", "expires_at", "disconnected_at", "request_id"}
    assert summary == {
        "format_version": 1,
        "type": "summary",
        "banned": 1,
        "updated": 0,
        "lifted": 0,
        "repeated": 0,
        "failed": 0,
        "not_started": 0,
        "settled": 1,
        "complete": True,
    }


# Names


def test_nothing_that_is_said_of_a_denylist_names_anybody_where_it_is_redacted(
    reconciler: Reconciler, sandbox: Sandbox, key: None
) -> None:
    users = ["alice", "bob", "carol"]
    settings = "denylist: {location: denylist.json, settle_after: 1}\n"
    results: list[Result] = []

    def run(*arguments: str) -> None:
        results.append(reconciler(*arguments, "--redact"))

    Path("bans.yaml").write_text(with_reasons("alice", "bob", extra=settings))
    run("apply", "--auto-approve", "--no-wait")
    run("plan")
    run("plan", "--format", "json")
    edit_denylist(bans={BanKey(AWS_ARN, "bob"): None, BanKey(AWS_ARN, "carol"): None})
    for format in ("text", "json", "markdown"):
        run("plan", "--refresh", "--format", format)
    run("plan", "--refresh", "--out", "plan.json")
    run("show", "plan.json")
    run("apply", "--auto-approve", "--no-wait", "--format", "json")
    run("state", "list")
    run("show")
    an_hour_passes()
    sandbox.fault_next("denied")
    run("apply", "--auto-approve", "--parallelism", "1")
    Path("denylist.json").write_text(Path("denylist.json").read_text().replace(AWS_ARN, "nowhere", 1))
    run("apply", "--auto-approve")
    Path("denylist.json").unlink()
    Path("denylist.json").mkdir()
    run("apply", "--auto-approve")
    for result in results:
        assert not [user for user in users if user in result.out + result.err], result
    assert REDACT.user("carol") in results[3].out
    assert [result.code for result in results] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]


# Everywhere


def test_bans_everywhere_alone_need_no_room_and_call_nobody(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(
        "version: 1\ndenylist: {location: denylist.json, settle_after: 1}\nbans:\n"
        "  - user_id: eve\n    rooms: everywhere\n"
    )
    assert reconciler("validate").code == 0
    result = reconciler("apply", "--auto-approve")
    assert (result.code, applied(result)) == (0, "Apply complete: 1 banned, 0 updated, 0 lifted, 1 settled.\n")
    assert denylist().bans == {BanKey("*", "eve"): None}
    assert sandbox.requests == ()
    assert reconciler("plan", "--detailed-exitcode").code == 0
    assert reconciler("state", "list").out == "everywhere/eve\n"
    assert reconciler("state", "show", "everywhere/eve").out == (
        "user          eve\nroom          everywhere\nroom ARN      *\nreason        none\nends          never\n"
        "disconnected  not by reconciler\nrequest ID    none\n"
    )


def test_a_ban_everywhere_calls_each_room_twice(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write()
    Path("bans.yaml").write_text(
        Path("bans.yaml").read_text().replace("bans: []", "bans:\n  - {user_id: eve, rooms: everywhere}")
    )
    result = reconciler("apply", "--auto-approve")
    assert (result.code, applied(result)) == (0, "Apply complete: 1 banned, 0 updated, 0 lifted, 1 settled.\n")
    assert sorted(sandbox.disconnected) == sorted([(AWS_ARN, "eve"), (FINALS, "eve")] * 2)


# Users who are called what stands between names elsewhere


@pytest.mark.parametrize("user", ["a#b", "*", "head", 'a"b', "a\nb", "😀" * 128, "__proto__", "x},", 'y"},"'])
def test_whatever_users_are_called_they_are_banned_and_lifted(
    reconciler: Reconciler, sandbox: Sandbox, user: str
) -> None:
    write(json.dumps(user, ensure_ascii=False), "other", settle_after=0)
    assert reconciler("apply", "--auto-approve").code == 0
    assert set(denylist().bans) == {BanKey(AWS_ARN, user), BanKey(AWS_ARN, "other")}
    assert reconciler("plan", "--refresh", "--detailed-exitcode").code == 0
    write("other", settle_after=0)
    assert reconciler("apply", "--auto-approve").code == 0
    assert published() == ["other"]


# Other commands


def test_other_commands_know_states_with_a_denylist(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("a")
    reconciler("apply", "--auto-approve", "--no-wait")
    pulled = reconciler("state", "pull")
    assert (pulled.code, json.loads(pulled.out)["denylist"]["serial"]) == (0, 1)
    assert pulled.out == Path("bans.state.json").read_text()
    for command in (["state", "list"], ["state", "show", "lobby/a"], ["show"], ["show", "--format", "json"]):
        assert reconciler(*command).code == 0
    write("a", "b")
    imported = reconciler("import", "--auto-approve")
    assert imported.code == 0
    assert (recorded(), state().published) == ({"a": True, "b": False}, remembered(0))
    result = reconciler("apply", "--auto-approve", "--no-wait")
    assert (result.code, published(), recorded()) == (0, ["a", "b"], {"a": True, "b": True})
