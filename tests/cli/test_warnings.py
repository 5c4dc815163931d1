"""User IDs that look wrong, as each command and each format tells them."""

import json
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.command_line import AWS_ARN, KEY, Reconciler
from tests.logs import runner_reads

OR_SILENCE = "or if this is right, end the line with `# reconciler: ok`"
SPACE = f"ends with a space; remove it, {OR_SILENCE}"
COMMA = f"contains a comma and a space; if these are two, write each by itself, {OR_SILENCE}"
LETTER = "U+0430"
MIXED = (
    f"mixes Latin and Cyrillic letters, which may look alike: {LETTER} is Cyrillic;"
    f" copy it from your application again, {OR_SILENCE}"
)
ODD = f"""\
version: 1
rooms:
  lobby: {AWS_ARN}
guardrails:
  protected_users: ["host-* "]
bans:
  - user_id: alice, bob
    rooms: [lobby]
  - {{rooms: [lobby], user_id: \u0430lice}}
"""
WARNINGS = [
    f"bans.yaml:5:21: warning: guardrails.protected_users[0]: {SPACE}",
    f"bans.yaml:7:14: warning: bans[0].user_id: {COMMA}",
    f"bans.yaml:9:31: warning: bans[1].user_id: {MIXED}",
]
PLAN = f"""\
  + lobby/"alice, bob"   disconnect
  + lobby/\u0430lice          disconnect

Plan: 2 to ban, 0 to update, 0 to lift.
2 DisconnectUser calls, about 1 s at 100 calls/s.

{chr(10).join(WARNINGS)}
"""


@pytest.fixture(autouse=True)
def odd(folder: Path) -> None:
    Path("bans.yaml").write_text(ODD)


def test_validate_warns_on_standard_error_and_the_list_is_valid(reconciler: Reconciler) -> None:
    result = reconciler("validate")
    assert (result.code, result.out) == (0, "bans.yaml is valid, with 3 warnings: 2 bans, of 2 users in 1 room.\n")
    assert result.err.splitlines() == WARNINGS


def test_a_plan_shows_the_warnings_below_its_changes(reconciler: Reconciler) -> None:
    result = reconciler("plan", "--out", "plan.json")
    assert (result.code, result.err) == (0, "")
    assert result.out == PLAN
    assert reconciler("show", "plan.json").out == PLAN


def test_a_plan_without_changes_still_warns(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("apply", "--auto-approve").code == 0
    assert reconciler("plan").out.splitlines() == ["No changes. The state matches bans.yaml.", "", *WARNINGS]


def test_many_warnings_do_not_bury_a_plan(reconciler: Reconciler) -> None:
    entries = "".join(f"  - {{user_id: 'u{number} ', rooms: [lobby]}}\n" for number in range(70))
    Path("bans.yaml").write_text(f"version: 1\nrooms: {{lobby: '{AWS_ARN}'}}\nbans:\n{entries}")
    last = reconciler("plan").out.splitlines()[-11:]
    assert last[0] == f"bans.yaml:4:15: warning: bans[0].user_id: {SPACE}"
    assert last[9] == f"bans.yaml:13:15: warning: bans[9].user_id: {SPACE}"
    assert last[10] == "60 more warnings; `reconciler validate` shows them."
    whole = reconciler("plan", "--all").out.splitlines()
    assert whole[-1] == f"bans.yaml:54:15: warning: bans[50].user_id: {SPACE} (and 19 more like this)"
    assert sum("warning: " in line for line in whole) == 51
    assert reconciler("validate").err.splitlines() == whole[-51:]
    assert "with 70 warnings" in reconciler("validate").out
    assert "**70 warnings:**" in reconciler("plan", "--format", "markdown").out


def test_apply_shows_the_warnings_before_it_asks(reconciler: Reconciler, sandbox: Sandbox) -> None:
    result = reconciler("apply", "--rate", "100", typed="no\n")
    assert result.code == 1
    assert result.out.startswith(PLAN + "\nDisconnect these users, and record it?")


def test_a_saved_plan_with_warnings_can_be_applied(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("plan", "--out", "plan.json")
    result = reconciler("apply", "plan.json")
    assert result.code == 0
    assert "\n".join(WARNINGS) in result.out
    assert result.out.endswith("Apply complete: 2 banned, 0 updated, 0 lifted.\n")


def test_the_comment_of_a_pull_request_shows_the_warnings(reconciler: Reconciler) -> None:
    out = reconciler("plan", "--format", "markdown").out
    assert (
        f"""
> [!WARNING]
> **3 warnings:**
> - `bans.yaml:5:21 guardrails.protected_users[0]`: `` {SPACE} ``
> - `bans.yaml:7:14 bans[0].user_id`: `` {COMMA} ``
> - `bans.yaml:9:31 bans[1].user_id`: `` {MIXED} ``

<details open>"""
        in out
    )


def test_json_has_the_warnings(reconciler: Reconciler, sandbox: Sandbox) -> None:
    verdict = json.loads(reconciler("validate", "--format", "json").out)
    assert (verdict["valid"], verdict["error_count"], verdict["warning_count"]) == (True, 0, 3)
    assert [(each["severity"], each["detail"]) for each in verdict["diagnostics"]] == [
        ("warning", message) for message in (SPACE, COMMA, MIXED)
    ]
    assert verdict["diagnostics"][2]["snippet"]["code"] == "  - {rooms: [lobby], user_id: \u0430lice}"
    assert json.loads(reconciler("plan", "--format", "json").out)["warnings"][2] == {
        "file": "bans.yaml",
        "line": 9,
        "column": 31,
        "path": "bans[1].user_id",
        "message": MIXED,
        "private": [LETTER],
        "more": 0,
    }
    lines = [json.loads(line) for line in reconciler("apply", "--auto-approve", "--format", "json").out.splitlines()]
    assert [line["type"] for line in lines[:4]] == ["warning", "warning", "warning", "apply_start"]
    assert lines[1] == {
        "format_version": 1,
        "type": "warning",
        "file": "bans.yaml",
        "line": 7,
        "column": 14,
        "path": "bans[0].user_id",
        "message": COMMA,
    }


def test_github_gets_the_warnings_as_such(reconciler: Reconciler) -> None:
    *annotations, verdict = reconciler("validate", "--format", "github").out.splitlines()
    assert [(level, message) for level, _, message in map(runner_reads, annotations)] == [
        ("warning", line) for line in WARNINGS
    ]
    assert verdict == "bans.yaml is valid, with 3 warnings: 2 bans, of 2 users in 1 room."


STRICT = [line.replace("warning: ", "") for line in WARNINGS]


@pytest.mark.parametrize(
    "arguments", [["validate"], ["plan"], ["apply", "--auto-approve"], ["import", "--auto-approve"]]
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_strict_makes_them_errors(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, arguments: list[str], by_variable: bool
) -> None:
    if by_variable:
        monkeypatch.setenv("RECONCILER_STRICT", "1")
    result = reconciler(*arguments, *([] if by_variable else ["--strict"]))
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [*STRICT, "Error: bans.yaml has 3 problems. Nothing was done."]


def test_strict_makes_them_errors_in_every_format(reconciler: Reconciler) -> None:
    reconciler("plan", "--out", "plan.json")
    found = json.loads(reconciler("validate", "--strict", "--format", "json").out)
    assert (found["valid"], found["error_count"], found["warning_count"]) == (False, 3, 0)
    assert {each["severity"] for each in found["diagnostics"]} == {"error"}
    annotations = reconciler("validate", "--strict", "--format", "github").out.splitlines()
    assert [runner_reads(line)[0] for line in annotations] == ["error"] * 3
    assert "**The ban list has 3 problems.**" in reconciler("plan", "--strict", "--format", "markdown").out
    assert reconciler("apply", "plan.json", "--strict").err.splitlines()[:3] == STRICT


def test_what_is_wrong_comes_with_the_warnings(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(ODD.replace("rooms: [lobby]\n", "rooms: [lobbi]\n"))
    wrong = 'bans.yaml:8:13: bans[0].rooms[0]: there is no room "lobbi" under `rooms`; did you mean `lobby`?'
    result = reconciler("validate")
    assert result.err.splitlines() == [
        *WARNINGS[:2],
        wrong,
        WARNINGS[2],
        "Error: bans.yaml has 1 problem and 3 warnings. Nothing was done.",
    ]
    comment = reconciler("plan", "--format", "markdown").out
    assert "**The ban list has 1 problem and 3 warnings.** Nothing can be planned" in comment
    assert f"| 7:14 | `bans[0].user_id` | Warning: `` {COMMA} `` |" in comment
    found = json.loads(reconciler("plan", "--format", "json").out)
    assert (found["valid"], found["error_count"], found["warning_count"]) == (False, 1, 3)
    levels = [runner_reads(line)[0] for line in reconciler("validate", "--format", "github").out.splitlines()]
    assert levels == ["error", "warning", "warning", "warning"]


def test_import_warns_too(reconciler: Reconciler) -> None:
    result = reconciler("import", "--auto-approve")
    assert (result.code, result.err.splitlines()) == (0, WARNINGS)


SILENT = {
    "plain": "  - user_id: a, b  # reconciler: ok\n    rooms: [lobby]\n",
    "double quotes": '  - user_id: "a "   # reconciler: ok\n    rooms: [lobby]\n',
    "single quotes": "  - rooms: [lobby]\n    user_id: 'a ' #reconciler:ok \n",
    "after another comment": "  - user_id: a, b  # TS-7 # reconciler: ok\n    rooms: [lobby]\n",
    "flow": '  - {user_id: "a, b", rooms: [lobby], reason: "x # y"} # reconciler: ok\n',
    "over lines": "  - user_id: 'a,\n      b'  # reconciler: ok\n    rooms: [lobby]\n",
    "block": "  - user_id: | # reconciler: ok\n      a\n    rooms: [lobby]\n",
}
NOT_SILENT = {
    "on the line before": "  # reconciler: ok\n  - user_id: a, b\n    rooms: [lobby]\n",
    "on the line after": "  - user_id: a, b\n    rooms: [lobby]  # reconciler: ok\n",
    "in the text": "  - user_id: 'a, b # reconciler: ok'\n    rooms: [lobby]\n",
    "something else": "  - user_id: a, b  # reconciler: okay\n    rooms: [lobby]\n",
    "not at the end": "  - user_id: a, b  # reconciler: ok, as I believe\n    rooms: [lobby]\n",
}


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
@pytest.mark.parametrize("name", [*SILENT, *NOT_SILENT])
def test_a_comment_at_the_end_of_the_line_silences_a_warning(
    reconciler: Reconciler, name: str, line_break: str
) -> None:
    text = f"version: 1\nrooms: {{lobby: '{AWS_ARN}'}}\nbans:\n{(SILENT | NOT_SILENT)[name]}"
    Path("bans.yaml").write_bytes(text.replace("\n", line_break).encode())
    result = reconciler("validate")
    assert result.code == 0
    assert bool(result.err) == (name in NOT_SILENT)
    assert reconciler("validate", "--strict").code == (name in NOT_SILENT)


def test_a_protected_user_can_be_silenced_too(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(ODD.replace('["host-* "]', '["host-* "]  # reconciler: ok'))
    assert reconciler("validate").err.splitlines() == WARNINGS[1:]


def test_warnings_of_included_files_are_told_at_their_places(reconciler: Reconciler) -> None:
    Path("more.yaml").write_text("bans:\n  - {user_id: 'x ', rooms: [lobby]}\n")
    Path("bans.yaml").write_text(ODD.replace("bans:\n", "include: [more.yaml]\nbans:\n"))
    assert reconciler("validate").err.splitlines()[-1] == f"more.yaml:2:15: warning: bans[0].user_id: {SPACE}"


def test_no_warning_names_a_user_under_redact(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_REDACT_KEY", KEY)
    reconciler("plan", "--out", "plan.json")
    for arguments in (
        ["validate"],
        ["validate", "--format", "json"],
        ["validate", "--format", "github"],
        ["validate", "--strict"],
        ["plan"],
        ["plan", "--format", "json"],
        ["plan", "--format", "markdown"],
        ["plan", "--format", "json", "--strict"],
        ["show", "plan.json"],
        ["show", "plan.json", "--format", "markdown"],
        ["show", "plan.json", "--format", "json"],
        ["import", "--auto-approve"],
    ):
        result = reconciler(*arguments, "--redact")
        told = result.out + result.err
        assert "mixes Latin and Cyrillic letters" in told, arguments
        assert "is Cyrillic" in told
        for secret in ("alice", "bob", "\u0430", "U+0430", "u0430"):
            assert secret not in told, arguments
