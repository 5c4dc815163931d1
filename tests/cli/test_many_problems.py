"""Lists that are wrong in many places: output ends, and the counts are right."""

import json
from pathlib import Path

import pytest

from tests.command_line import AWS_ARN, KEY, Reconciler
from tests.logs import runner_reads

MANY = 400
HEAD = f"version: 1\nrooms:\n  lobby: {AWS_ARN}\n"
LONG = "x" * 1_000_000

# Each list makes the same mistake MANY times, with other values each time, and how a line about it ends.
MISTAKES = {
    "rooms": ("- {{user_id: u{n}, rooms: [r{n}]}}", "add it there with its ARN, or correct the name"),
    "times": ("- {{user_id: u{n}, rooms: all, expires_at: 20{n}-01-31}}", ""),
    "keys": ("- {{user_id: u{n}, rooms: all, k{n}: x}}", "user_id, rooms, reason, expires_at, note"),
    "users": ("- {{user_id: '', rooms: all, note: '{n}'}}", "an empty text; write a value"),
    "reasons": ("- {{user_id: u{n}, rooms: all, reason: " + "x" * 300 + "{n}}}", "; shorten it"),
    "missing": ("- {{rooms: all, note: '{n}'}}", "add a line such as `user_id: ABC123def456`"),
    "protected": ("- {{user_id: host-{n}, rooms: all}}", "remove the ban, or change that line"),
    "cut": ("- user_id: u\n  rooms: all\n  note: a #{n}", "put all of it in quotes, or write `# ` with a space"),
}


def write(mistake: str, count: int = MANY) -> None:
    guardrails = "guardrails: {protected_users: [host-*]}\n" if mistake == "protected" else ""
    entry = MISTAKES[mistake][0]
    Path("bans.yaml").write_text(
        f"{HEAD}{guardrails}bans:\n" + "".join(entry.format(n=100 + n) + "\n" for n in range(count))
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_fifty_of_a_kind_are_told_then_one_that_counts_the_rest(reconciler: Reconciler, mistake: str) -> None:
    write(mistake)
    result = reconciler("validate")
    *lines, last = [line for line in result.err.splitlines() if " bans this user in " not in line]
    more = [line for line in lines if "more like this" in line]
    assert result.code == 1
    assert lines == lines[:50] + more
    assert more[0].startswith("bans.yaml:")
    assert more[0].endswith(f"{MISTAKES[mistake][1]} (and 349 more like this)")
    total = MANY if mistake != "cut" else 2 * MANY - 1  # the bans without their end are those of one user
    assert last == f"Error: bans.yaml has {total} problems. Nothing was done."


def test_fifty_one_are_all_told(reconciler: Reconciler) -> None:
    write("missing", 51)
    lines = reconciler("validate").err.splitlines()
    assert len(lines) == 52
    assert "more like this" not in "".join(lines)
    assert lines[-1] == "Error: bans.yaml has 51 problems. Nothing was done."


def test_what_is_wrong_only_once_is_told_beside_what_is_wrong_often(reconciler: Reconciler) -> None:
    write("rooms")
    with Path("bans.yaml").open("a") as file:
        file.write("- {user_id: last, rooms: []}\n")
    lines = reconciler("validate").err.splitlines()
    assert lines[-2].endswith("an empty list; name at least one room, or write `rooms: all`")
    assert lines[-1] == "Error: bans.yaml has 401 problems. Nothing was done."


def test_users_who_are_banned_again_and_again_are_counted(reconciler: Reconciler) -> None:
    entries = "".join(f"- {{user_id: u{n % 10}, rooms: [lobby]}}\n" for n in range(MANY))
    Path("bans.yaml").write_text(f"{HEAD}bans:\n{entries}")
    lines = reconciler("validate").err.splitlines()
    assert lines[0] == (
        "bans.yaml:15:13: bans[10].user_id: line 5 bans this user in lobby already; keep one of the two entries"
    )
    assert lines[50] == (
        "bans.yaml:65:13: bans[60].user_id: line 5 bans this user in lobby already; keep one of the two entries"
        " (and 339 more like this)"
    )
    assert lines[51:] == ["Error: bans.yaml has 390 problems. Nothing was done."]


@pytest.mark.parametrize("redacted", [False, True])
def test_every_format_ends_and_counts(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, redacted: bool) -> None:
    if redacted:
        monkeypatch.setenv("RECONCILER_REDACT", "1")
        monkeypatch.setenv("RECONCILER_REDACT_KEY", KEY)
    write("rooms")
    for arguments in (["validate", "--format", "json"], ["plan", "--format", "json"]):
        found = json.loads(reconciler(*arguments).out)
        assert (found["error_count"], len(found["diagnostics"])) == (MANY, 51)
        assert found["diagnostics"][-1]["detail"].endswith(" (and 349 more like this)")
    annotations = [runner_reads(line) for line in reconciler("validate", "--format", "github").out.splitlines()]
    assert len(annotations) == 51
    assert annotations[-1][2] == "350 more problems not shown here."
    comment = reconciler("plan", "--format", "markdown").out
    assert "**The ban list has 400 problems.**" in comment
    assert comment.count(" (and 349 more like this)") == 1
    assert "not shown here" not in comment
    result = reconciler("apply", "--auto-approve")
    assert len(result.err.splitlines()) == 52
    if redacted:
        assert '"r1' not in comment + result.err


def test_warnings_are_counted_beside_errors(reconciler: Reconciler) -> None:
    entries = "".join(f"- {{user_id: 'u{n} ', rooms: [lobby, r{n}]}}\n" for n in range(MANY))
    Path("bans.yaml").write_text(f"{HEAD}bans:\n{entries}")
    result = reconciler("validate")
    assert len(result.err.splitlines()) == 103
    assert result.err.endswith("\nError: bans.yaml has 400 problems and 400 warnings. Nothing was done.\n")
    levels = [runner_reads(line) for line in reconciler("validate", "--format", "github").out.splitlines()]
    assert [level for level, *_ in levels] == ["error"] * 51 + ["warning"]
    assert levels[-2][2] == "350 more problems not shown here."
    assert levels[-1][2] == "400 more warnings not shown here."


@pytest.mark.parametrize(
    "text",
    [
        f"bans: [{{user_id: {LONG}, rooms: [lobby]}}]\n",
        f"bans: [{{user_id: a, rooms: [{LONG}]}}]\n",
        f"bans: [{{user_id: a, rooms: ['{'lobby ' * 200_000}']}}]\n",
        f"bans: [{{user_id: a, rooms: [lobby], reason: {LONG}}}]\n",
        f"bans: [{{user_id: a, rooms: [lobby], expires_at: {LONG}}}]\n",
        f"bans: [{{user_id: a, rooms: [lobby], ? {LONG} : x}}]\n",
        f"bans: []\n? {LONG}\n: x\n",
        f"bans: []\ninclude: [{LONG}]\n",
        f"bans: []\ninclude: ['{'[a]*' * 200_000}']\n",
        f"bans: []\nrate: {LONG}\n",
    ],
)
def test_no_value_is_told_at_length(reconciler: Reconciler, text: str) -> None:
    Path("bans.yaml").write_text(HEAD + text)
    for arguments in (
        ["validate"],
        ["validate", "--format", "json"],
        ["validate", "--format", "github"],
        ["plan", "--format", "markdown"],
    ):
        result = reconciler(*arguments)
        assert result.code == 1
        assert len(result.out + result.err) < 3000
