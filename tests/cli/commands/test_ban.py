"""`ban` and `lift`: what they write, show and refuse."""

import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from reconciler import load_ban_list
from reconciler.bans import BanKey
from tests.command_line import AWS_ARN, AWS_EXAMPLE, FINALS, REDACT, Reconciler, banning, in_a_process

ZED = "  - user_id: zed\n    rooms: [lobby]\n    reason: Spam\n"


def test_ban_shows_what_changes_and_what_apply_will_do_and_lift_takes_it_back(
    reconciler: Reconciler, folder: Path
) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    result = reconciler("ban", "zed", "--room", "lobby", "--reason", "Spam")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(
        "--- bans.yaml\n+++ bans.yaml (changed)\n@@ -5,3 +5,6 @@\n   - user_id: ABC123def456\n     rooms: [lobby]\n"
        "     reason: Violated terms of service\n+  - user_id: zed\n+    rooms: [lobby]\n+    reason: Spam\n\n"
    )
    assert '  + lobby/zed            disconnect   "Spam"\n' in result.out
    assert result.out.endswith(
        "Nobody was disconnected yet: apply does that once the change is merged. To have it reviewed:\n"
        "  git switch -c ban-$(date +%Y-%m-%d-%H%M)\n  git add bans.yaml\n  git commit -m 'Ban'\n"
        "  git push -u origin HEAD   # and open a pull request\n"
    )
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE + ZED
    result = reconciler("lift", "zed")
    assert (result.code, result.err) == (0, "")
    assert "-  - user_id: zed\n" in result.out
    assert "lobby/zed" not in result.out
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_a_list_that_is_not_in_git_is_not_to_be_committed(reconciler: Reconciler, folder: Path) -> None:
    banned = reconciler("ban", "zed", "--room", "lobby")
    assert banned.out.endswith("\nNobody was disconnected yet: `reconciler apply` does that.\n")
    assert reconciler("lift", "zed").out.endswith("\nThe bans hold until `reconciler apply` lifts them.\n")


@pytest.mark.parametrize("user_id", ["00123", "null", "1e5", "- x", "a: b", "#7", " ", "it's", '"', "é\u202e", "{a}"])
def test_a_user_id_is_text_whatever_it_looks_like(reconciler: Reconciler, folder: Path, user_id: str) -> None:
    assert reconciler("ban", "--room", "lobby", "--", user_id).code == 0
    assert BanKey(AWS_ARN, user_id) in load_ban_list("bans.yaml").bans
    assert reconciler("lift", "--", user_id).code == 0
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_what_is_listed_already_changes_nothing(reconciler: Reconciler, folder: Path) -> None:
    result = reconciler("ban", "ABC123def456", "--room", "lobby")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("1 ban is listed already, and stays as it is: ABC123def456.\n")
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_other_terms_are_shown_and_change_only_when_asked(reconciler: Reconciler, folder: Path) -> None:
    new = ("ban", "ABC123def456", "--room", "lobby", "--reason", "Rude", "--until", "2030-01-01T00:00:00Z")
    result = reconciler(*new)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        'bans.yaml:5: ABC123def456 is listed in lobby for good, for "Violated terms of service".\n'
        "Error: 1 ban is listed with other terms. Nothing was done. To change them, give --update.\n"
    )
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE
    assert reconciler(*new, "--update").code == 0
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE.replace(
        "Violated terms of service\n", "Rude\n    expires_at: 2030-01-01T00:00:00Z\n"
    )


def test_a_dry_run_writes_nothing(reconciler: Reconciler, folder: Path) -> None:
    result = reconciler("ban", "zed", "--room", "lobby", "--dry-run")
    assert (result.code, "+  - user_id: zed" in result.out, "git" in result.out) == (0, True, False)
    assert reconciler("lift", "ABC123def456", "--dry-run").code == 0
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_problems_are_told_and_nothing_is_written(reconciler: Reconciler, folder: Path) -> None:
    Path("bans.yaml").write_text(banning("a", extra="guardrails: {protected_users: [host-*]}\n"))
    before = Path("bans.yaml").read_text()
    result = reconciler("ban", "host-1", "zed", "--room", "loby")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "host-1: `host-*` under `protected_users` protects this user; nobody is banned\n"
        'zed: there is no room "loby" under `rooms`; did you mean `lobby`?\nError: 2 problems. Nothing was done.\n'
    )
    result = reconciler("lift", "b", "a")
    assert (result.code, result.err) == (1, "b: not in bans.yaml.\nError: 1 problem. Nothing was done.\n")
    assert Path("bans.yaml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["ban"], "name the users to ban, or a file with --from FILE"),
        (["ban", "a", "--from", "x"], "exclude each other"),
        (["ban", "a,", "b", "--room", "lobby"], "write users with a space between them, and no comma"),
        (
            ["ban", "a", "--reason", "Bad", "words", "--room", "lobby"],
            "--reason is followed by more than one word: put",
        ),
        (["ban", "a", "--room", "lobby", "--reason=two", "words"], "--reason is followed by more than one word: put"),
        (["ban", "a", "--note=see", "TS-1", "--room", "lobby"], "--note is followed by more than one word: put"),
        (
            ["ban", "a", "b", "--room", "lobby", "--note", "see", "TS-1"],
            "--note is followed by more than one word: put",
        ),
        (["ban", "-zed-", "--room", "lobby"], "A user ID that begins with a dash goes last, behind --."),
        (["ban", "a", "--room", "lobby", "--all"], "--room, --all and --everywhere exclude each other"),
        (["ban", "a", "--room", "lobby", "--for", "7d", "--until", "never"], "--for and --until exclude each other"),
        (["ban", "a", "--room", "lobby", "--for", "soon"], "--for: write a duration"),
        (["ban", "a", "--room", "lobby", "--for", "999999w"], "--for: write a duration"),
        (["ban", "a", "--room", "lobby", "--until", "31.12.2027"], "--until: 31.12.2027 has no time and no time zone"),
        (["ban", "a", "--map", "user_id=x"], "--map says how to read the file of --from"),
        (["ban", "--from", "x", "--map", "player"], "--map: write KEY=COLUMN"),
        (["ban", "--from", "x", "--map", "user_id=a", "--map", "user_id=b"], "--map: give each key, and each column,"),
        (
            ["ban", "--from", "x", "--map", "user_id=a", "--map", "note=a"],
            "--map: give each key, and each column, once",
        ),
        (["ban", "a", "--room", "lobby", "--now"], "there is no terminal to ask for confirmation; use --auto-approve"),
        (["ban", "a", "--now", "--dry-run"], "--now and --dry-run exclude each other"),
        (["ban", "a", "--now", "--auto-approve", "--provisional", "x"], "--provisional: write a duration"),
        (["lift"], "Missing argument"),
        (["lift", "a", "--now"], "there is no terminal to ask"),
        (["lift", "ABC123def456", "--now", "--auto-approve"], "the list has no `denylist`"),
    ],
)
def test_wrong_usage(reconciler: Reconciler, folder: Path, arguments: list[str], why: str) -> None:
    result = reconciler(*arguments)
    assert result.code == 1
    assert why in result.err
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_an_address_is_taken_for_a_user_id_and_doubted(reconciler: Reconciler, folder: Path) -> None:
    banned = reconciler("ban", "lobby/kim", "--room", "lobby", "--dry-run")
    assert banned.code == 0
    assert "lobby/kim is taken for a user ID. If it is the user kim in a room, ban kim with --room lobby." in banned.err
    assert "taken for" not in reconciler("ban", "other/kim", "--room", "lobby", "--dry-run").err
    lifted = reconciler("lift", "lobby/ABC123def456")
    assert (lifted.code, lifted.err.splitlines()[0]) == (
        1,
        "lobby/ABC123def456: not in bans.yaml. Did you mean ABC123def456?",
    )


def test_users_may_come_behind_the_options(reconciler: Reconciler, folder: Path) -> None:
    for arguments in (
        ["--reason", "Spam", "zed", "amy", "--room", "lobby"],
        ["kim,", "--room", "lobby"],
        ["--room", "lobby", "--reason", "Spam", "--", "-x-", "--reason", "a", "b"],
    ):
        assert reconciler("ban", "--dry-run", *arguments).code == 0


def test_no_variable_says_whom_to_ban(reconciler: Reconciler, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RECONCILER_ALL, which shows every change of a plan, must not ban in every room."""
    for name in ("ALL", "ALL_ROOMS", "EVERYWHERE", "UPDATE", "NOW"):
        monkeypatch.setenv(f"RECONCILER_{name}", "1")
    result = reconciler("ban", "zed")
    assert result.code == 1
    assert "say in which room" in result.err


def test_bans_from_a_table(reconciler: Reconciler, folder: Path) -> None:
    Path("raid.csv").write_text('player;why;mail\nzed;Spam;x@y\n00123;"a;b";\nzed;Spam;\nABC123def456;;\n')
    result = reconciler(
        "ban", "--from", "raid.csv", "--map", "user_id=player", "--map", "reason=why", "--room", "lobby"
    )
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(
        "raid.csv: 4 bans. Columns, separated by semicolons: user_id (from player), reason (from why). Ignored:"
        " mail.\n\n1 ban was asked for more than once.\n1 ban is listed already, and stays as it is: ABC123def456.\n"
    )
    assert Path("bans.yaml").read_text() == (
        AWS_EXAMPLE + ZED + '  - user_id: "00123"\n    rooms: [lobby]\n    reason: a;b\n'
    )


def test_problems_of_a_table_have_lines_and_nothing_is_written(reconciler: Reconciler, folder: Path) -> None:
    Path("raid.csv").write_text("user_id,rooms\nzed,lobby\namy,nowhere\n,lobby\n")
    result = reconciler("ban", "--from", "raid.csv")
    assert result.code == 1
    assert result.err == (
        'raid.csv:3: amy: there is no room "nowhere" under `rooms`; add it there with its ARN, or correct the name\n'
        "raid.csv:4: a user ID has 1 to 128 characters, and no line break at its end\n"
        "Error: raid.csv has 2 problems. Nothing was done.\n"
    )
    assert Path("bans.yaml").read_text() == AWS_EXAMPLE


def test_bans_from_standard_input(folder: Path) -> None:
    result = in_a_process("ban", "--from", "-", "--room", "lobby", "--no-color", input="a\nb\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("<stdin>: 2 bans, one user ID a line.\n")
    assert {key.user_id for key in load_ban_list("bans.yaml").bans} == {"ABC123def456", "a", "b"}


def test_a_long_table_is_shown_in_part(reconciler: Reconciler, folder: Path) -> None:
    Path("raid.txt").write_text("".join(f"user-{number}\n" for number in range(2000)))
    result = reconciler("ban", "--from", "raid.txt", "--room", "lobby")
    assert result.code == 0
    assert len(result.out.splitlines()) < 400
    assert re.search(r"^… and 3,8\d\d more lines$", result.out, re.MULTILINE)
    assert "it has 2,001 new bans, and guardrails.max_bans is 1,000" in result.out
    assert len(load_ban_list("bans.yaml").bans) == 2001


def test_a_state_that_cannot_be_read_is_no_reason_not_to_ban(reconciler: Reconciler, folder: Path) -> None:
    Path("bans.state.json").write_text("{")
    result = reconciler("ban", "zed", "--room", "lobby")
    assert result.code == 0
    assert result.err.startswith("What apply will do cannot be shown: ")
    assert "zed" in Path("bans.yaml").read_text()


@pytest.mark.usefixtures("key")
def test_redacted_runs_name_nobody(reconciler: Reconciler, folder: Path) -> None:
    Path("raid.csv").write_text("user_id,reason\nzed,zed was rude\n")
    runs = [
        reconciler("ban", "--redact", "--from", "raid.csv", "--room", "lobby"),
        reconciler("ban", "--redact", "zed", "--room", "lobby"),
        reconciler("ban", "--redact", "zed", "--room", "lobby", "--reason", "x"),
        reconciler("ban", "--redact", "zed", "--room", "zed"),
        reconciler("ban", "--redact", "--from", "raid.csv", "--map", "user_id=zed"),
        reconciler("lift", "--redact", "zedd"),
        reconciler("lift", "--redact", "zed"),
    ]
    assert [run.code for run in runs] == [0, 0, 1, 1, 1, 1, 0]
    assert not [run for run in runs if "zed" in (run.out + run.err).replace("redacted", "")]
    assert REDACT.user("zed") in runs[0].out


def test_a_new_odd_user_id_is_warned_of_as_validate_does(reconciler: Reconciler, folder: Path) -> None:
    result = reconciler("ban", "zed ", "--room", "lobby")
    assert result.code == 0
    assert result.err.startswith("bans.yaml:8:14: warning: bans[1].user_id: ")
    assert result.err.count("warning") == 1  # and not with the plan again


def test_hostile_texts_are_shown_as_text(reconciler: Reconciler, folder: Path) -> None:
    hostile = "\x1b[31m::error::\u202e##[x]"
    for arguments in (
        ["ban", hostile, "--room", "lobby", "--reason", hostile],
        ["ban", hostile, "--room", "lobby", "--reason", "x"],
        ["lift", hostile, "--room", "finals"],
        ["lift", hostile],
    ):
        result = reconciler(*arguments)
        shown = result.out + result.err
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "##[" not in shown
        assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


def test_the_list_may_be_json(reconciler: Reconciler, folder: Path) -> None:
    data = {"version": 1, "rooms": {"lobby": AWS_ARN, "finals": FINALS}, "bans": []}
    Path("bans.yaml").write_text(json.dumps(data).replace('"version": 1', '"version": "1"'))
    before = Path("bans.yaml").read_text()
    assert reconciler("ban", "zed", "--room", "lobby", "--for", "2w", "--note", "x").code == 0
    (entry,) = json.loads(Path("bans.yaml").read_text())["bans"]
    assert (entry["user_id"], entry["rooms"], entry["note"]) == ("zed", ["lobby"], "x")
    assert reconciler("lift", "zed").code == 0
    assert Path("bans.yaml").read_text() == before


def test_a_pipe_is_no_list_to_change(folder: Path) -> None:
    result = in_a_process("ban", "zed", "--room", "lobby", "-f", "/dev/stdin", input=io.StringIO(AWS_EXAMPLE).read())
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
