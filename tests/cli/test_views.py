"""The commands where others read along: comments, annotations, logs, and with user IDs taken out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from reconciler import escape
from reconciler.plan import file as planfile
from reconciler.redaction import Redaction
from reconciler.sandbox import Sandbox, SandboxOptions, running
from tests import hostile
from tests.cli.test_hostile import assert_harmless_in_a_log, runner_reads
from tests.command_line import Reconciler, Result

ARN = "arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6"
KEY = "0123456789abcdef0123456789abcdef"
REDACT = Redaction(KEY)


def banning(*users: str, extra: str = "") -> str:
    entries = "".join(
        f"  - user_id: {json.dumps(user)}\n    rooms: [lobby]\n    reason: {json.dumps(user + ' was rude')}\n"
        for user in users
    )
    return f"version: 1\nrooms:\n  lobby: {ARN}\n{extra}bans:{(entries and chr(10) + entries) or ' []' + chr(10)}"


WRONG = f"""\
version: 1
rooms:
  lobby: {ARN}
guardrails:
  protected_users: [alice]
bans:
  - user_id: alice
    rooms: [lobby]
  - user_id: alice
    rooms: [lobby]
    alice: x
  - user_id: bob
    rooms: [alice]
  - alice
"""


@pytest.fixture
def command(reconciler: Reconciler) -> Reconciler:
    """Runs the command line in this process, in a folder of its own."""
    Path("bans.yaml").unlink()
    return reconciler


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with running(SandboxOptions(rooms=(ARN,), quota=0)) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        monkeypatch.setenv("RECONCILER_RATE", "0")
        yield sandbox


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_REDACT_KEY", KEY)


# Markdown


def test_a_plan_and_a_saved_plan_are_the_same_comment(command: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    planned = command("plan", "--format", "markdown", "--out", "plan.json")
    assert planned.code == 0
    assert planned.out.startswith("<!-- reconciler-plan: bans.yaml -->\n**Plan: 1 to ban, 0 to update, 0 to lift.**")
    assert "| `alice` | `alice was rude` | for good |" in planned.out
    assert command("show", "plan.json", "--format", "markdown").out == planned.out


def test_the_exit_codes_of_a_comment_are_those_of_a_plan(command: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("alice", "bob", extra="guardrails: {max_bans: 1}\n"))
    refused = command("plan", "--format", "markdown")
    assert (refused.code, "> **Refused:**" in refused.out) == (1, True)
    Path("bans.yaml").write_text(banning("alice"))
    assert command("plan", "--format", "markdown", "--detailed-exitcode").code == 2


def test_a_list_that_is_wrong_is_a_comment_too(command: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    planned = command("plan", "--format", "markdown")
    assert planned.code == 1
    assert planned.out.startswith("<!-- reconciler-plan: bans.yaml -->\n**The ban list has ")
    assert "| 10:17 |" not in planned.out
    assert "| 7:14 | `bans[0].user_id` |" in planned.out
    assert planned.err == "Error: bans.yaml has 6 problems. Nothing was done.\n"


def test_a_state_is_no_comment(command: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    shown = command("show", "--format", "markdown")
    assert (shown.code, "shows a PLAN" in shown.err) == (1, True)


# Diagnostics


def test_validate_has_three_formats(command: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    as_text, as_json, as_github = (command("validate", "--format", each) for each in ("text", "json", "github"))
    assert {as_text.code, as_json.code, as_github.code} == {1}
    lines = as_text.err.splitlines()[:-1]
    assert len(lines) == 6
    found = json.loads(as_json.out)
    assert (found["valid"], found["error_count"]) == (False, 6)
    assert [
        f"{each['range']['filename']}:{each['range']['start']['line']}:{each['range']['start']['column']}"
        for each in found["diagnostics"]
    ] == [":".join(line.split(":")[:3]) for line in lines]
    assert [runner_reads(line)[2] for line in as_github.out.splitlines()] == lines
    assert as_json.err == as_github.err == "Error: bans.yaml has 6 problems. Nothing was done.\n"
    assert found["diagnostics"][0]["snippet"]["code"] == "  - user_id: alice"


def test_a_valid_list_in_three_formats(command: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    verdict = "bans.yaml is valid: 1 ban, of 1 user in 1 room.\n"
    as_text, as_json, as_github = (command("validate", "--format", each) for each in ("text", "json", "github"))
    assert (as_text.code, as_text.out, as_text.err) == (0, verdict, "")
    assert (as_github.code, as_github.out, as_github.err) == (0, "", verdict)
    assert (as_json.code, as_json.err) == (0, "")
    assert json.loads(as_json.out)["valid"] is True


def test_plan_prints_the_same_diagnostics(command: Reconciler) -> None:
    Path("bans.yaml").write_text(WRONG)
    planned = command("plan", "--format", "json")
    assert (planned.code, planned.out) == (1, command("validate", "--format", "json").out)
    assert command("plan").out == ""


@pytest.mark.parametrize("name", ["validate", "plan"])
def test_a_list_that_is_not_there_is_json_too(command: Reconciler, name: str) -> None:
    result = command(name, "--format", "json")
    assert result.code == 1
    assert json.loads(result.out)["valid"] is False
    assert "no such file" in result.err


@pytest.mark.parametrize("kind", ["missing", "a folder", "not readable"])
def test_why_a_list_cannot_be_read_is_an_annotation_and_a_comment(
    command: Reconciler, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "a folder":
        Path("bans.yaml").mkdir()
    elif kind == "not readable":
        Path("bans.yaml").write_text(banning("alice"))
        monkeypatch.setattr("reconciler.sources.MAX_SIZE", 1)
    annotated = command("validate", "--format", "github")
    [line] = annotated.out.splitlines()
    name, properties, message = runner_reads(line)
    assert (annotated.code, name, properties["title"]) == (1, "error", "Ban list")
    assert properties.get("file") == ("bans.yaml" if kind == "not readable" else None)
    assert annotated.err == f"Error: {message}\n"
    commented = command("plan", "--format", "markdown")
    assert commented.code == 1
    assert commented.out == f"<!-- reconciler-plan: bans.yaml -->\n**There is no plan.** `{message}`\n"
    assert commented.err == annotated.err
    assert command("validate").out == ""
    assert command("plan").out == ""


@pytest.mark.parametrize(
    ("content", "options", "summary"),
    [
        ("{", [], "The state cannot be used"),
        ("", ["--state", "ftp://x"], "The state cannot be used"),
        ("", ["--target", "lobby/nobody"], "There is no plan"),
    ],
)
def test_why_there_is_no_plan_is_a_comment_and_a_diagnostic(
    command: Reconciler, content: str, options: list[str], summary: str
) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    if content:
        Path("bans.state.json").write_text(content)
    as_text = command("plan", *options)
    assert (as_text.code, as_text.out) == (1, "")
    why = as_text.err.removeprefix("Error: ").rstrip("\n")
    commented, diagnosed = (command("plan", "--format", each, *options) for each in ("markdown", "json"))
    assert (commented.code, commented.err) == (diagnosed.code, diagnosed.err) == (1, as_text.err)
    first, second = commented.out.splitlines()
    assert first == "<!-- reconciler-plan: bans.yaml -->"
    assert second.startswith("**There is no plan.** `")
    assert why in second
    found = json.loads(diagnosed.out)
    assert (found["valid"], found["error_count"]) == (False, 1)
    assert found["diagnostics"] == [{"severity": "error", "summary": summary, "detail": why}]


def test_the_comment_of_a_list_that_is_gone_is_found_again_where_user_ids_are_hidden(
    command: Reconciler, key: None
) -> None:
    gone = command("plan", "--format", "markdown", "--redact", "-f", "lists/bans.yml")
    assert gone.out.startswith("<!-- reconciler-plan: lists/bans.yml -->\n**There is no plan.** `…: there is no such")


def test_annotations_name_files_from_the_root_of_the_repository(
    command: Reconciler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository" / "moderation"
    folder.mkdir(parents=True)
    (folder / "bans.yaml").write_text("bans: []\n")
    monkeypatch.chdir(folder)

    def file() -> str:
        return runner_reads(command("validate", "--format", "github").out.splitlines()[0])[1]["file"]

    assert file() == "bans.yaml"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "repository"))
    assert file() == "moderation/bans.yaml"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "repository")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(link))
    assert file() == "moderation/bans.yaml"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "rep"))  # not a folder above, though it begins alike
    assert file() == "bans.yaml"


def test_no_name_of_a_file_is_more_than_a_name(command: Reconciler) -> None:
    for name in hostile.NAMES:
        Path(name).write_text("version: 1\nbans: [x]\n")
        for arguments in (["validate"], ["plan"], ["plan", "--format", "markdown"], ["plan", "--format", "json"]):
            result = command(*arguments, "-f", name)
            assert result.code == 1
            assert_harmless_in_a_log(result.out)
            assert_harmless_in_a_log(result.err)
        [annotation] = command("validate", "--format", "github", "-f", name).out.splitlines()
        assert runner_reads(annotation)[0] == "error"
        Path(name).write_text(banning("alice"))
        for arguments in (["validate"], ["plan"], ["plan", "--format", "markdown"], ["plan", "--format", "json"]):
            result = command(*arguments, "-f", name)
            assert result.code == 0
            assert_harmless_in_a_log(result.out + result.err)
        Path(name).write_text(banning("alice").replace('"alice"', "00123  "))
        for arguments in (["fmt", "--check"], ["fmt", "--diff"], ["fmt"]):
            result = command(*arguments, "-f", name)
            assert result.code == ("--check" in arguments)
            assert_harmless_in_a_log(result.out)
            assert_harmless_in_a_log(result.err)
        assert result.out == f"{escape.line(name)} was changed.\n"
        Path(name).unlink()


# Redaction


def everything_printed(command: Reconciler, sandbox: Sandbox) -> dict[str, Result]:
    """All commands that print user IDs, on the way from a list to its last ban lifted."""
    results = {}

    def run(*arguments: str, typed: str | None = None) -> None:
        results[" ".join(arguments)] = command(*arguments, "--redact", typed=typed)

    Path("bans.yaml").write_text(banning("alice", "bob", "carol"))
    run("validate")
    run("plan")
    run("plan", "--format", "json")
    run("plan", "--format", "markdown")
    run("plan", "--target", "lobby/alice")
    run("plan", "--out", "plan.json")
    run("show", "plan.json")
    run("show", "plan.json", "--format", "json")
    run("show", "plan.json", "--format", "markdown")
    run("import", "--target", "lobby/carol", typed="yes\n")
    run("apply", "--target", "lobby/alice", typed="yes\n")
    run("apply", "--auto-approve", "--format", "json")
    run("apply", "--auto-approve", "--replace", "lobby/bob")
    run("state", "list")
    run("state", "show", "lobby/alice")
    run("show")
    run("show", "--format", "json")
    run("state", "rm", "lobby/bob")
    Path("bans.yaml").write_text(banning())
    run("plan", "--format", "markdown", "--detailed-exitcode")
    run("apply", "--auto-approve")
    return results


def test_no_command_names_anybody(command: Reconciler, sandbox: Sandbox, key: None) -> None:
    results = everything_printed(command, sandbox)
    for arguments, result in results.items():
        assert result.code == (2 if "--detailed-exitcode" in arguments else 0), (arguments, result)
        for user in ("alice", "bob", "carol"):
            assert user not in result.out + result.err, arguments
        assert KEY not in result.out + result.err
    alice = REDACT.user("alice")
    for arguments in ("plan", "show plan.json --format markdown", "state list", "state show lobby/alice", "show"):
        assert alice in results[arguments].out
    assert REDACT.user("bob") in results["apply --auto-approve --format json"].out
    assert REDACT.user("carol") in results["import --target lobby/carol"].out
    assert [request.params["userId"] for request in sandbox.requests] == ["alice", "bob", "bob"]
    assert sandbox.requests[0].params["reason"] == "alice was rude"


def test_a_failed_apply_names_nobody(command: Reconciler, credentials: None, key: None) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    with running(SandboxOptions(rooms=(ARN,), quota=0, fault_rate=100, faults=("denied",))) as box:
        failed = command("apply", "--auto-approve", "--redact", "--endpoint-url", box.url)
    assert failed.code == 1
    assert f"Failed: lobby/{REDACT.user('alice')}\n" in failed.out
    assert "alice" not in failed.out + failed.err


def test_a_saved_plan_is_the_real_one(command: Reconciler, sandbox: Sandbox, key: None) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    printed = command("plan", "--out", "plan.json", "--format", "json", "--redact").out
    assert "alice" in Path("plan.json").read_text()
    Path("printed.json").write_text(printed)
    refused = command("apply", "printed.json")
    assert (refused.code, "--redact" in refused.err) == (1, True)
    assert command("apply", "plan.json", "--redact").code == 0
    assert [request.params["userId"] for request in sandbox.requests] == ["alice"]


def test_a_redacted_state_is_not_pushed(command: Reconciler, sandbox: Sandbox, key: None) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    command("apply", "--auto-approve")
    Path("printed.json").write_text(command("show", "--format", "json", "--redact").out)
    refused = command("state", "push", "printed.json")
    assert (refused.code, "--redact" in refused.err) == (1, True)


def test_the_variable_redacts_too(command: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    Path("bans.yaml").write_text(banning("alice"))
    assert "alice" not in command("plan").out
    pulled = command("state", "pull")
    assert (pulled.code, pulled.out, "cannot redact" in pulled.err) == (1, "", True)


@pytest.mark.parametrize("secret", [None, "", "   ", "short"])
def test_without_a_key_it_is_said_how_to_make_one(
    command: Reconciler, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret is not None:
        monkeypatch.setenv("RECONCILER_REDACT_KEY", secret)
    Path("bans.yaml").write_text(banning("alice"))
    result = command("plan", "--redact")
    assert (result.code, result.out) == (1, "")
    assert "RECONCILER_REDACT_KEY" in result.err
    assert "openssl rand -hex 32" in result.err
    assert "alice" not in result.err
    assert not secret or secret.strip() == "" or secret not in result.err.replace("shorter", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--target", "lobby/alice"],
        ["plan", "--replace", "lobby/alice"],
        ["plan", "--target", "alice"],
        ["plan", "--target", "alice/x"],
        ["plan", "lobby/alice"],
        ["apply", "--auto-approve", "--target", "lobby/alice"],
        ["apply", "--auto-approve", "--replace", "lobby/alice"],
        ["import", "--auto-approve", "--target", "lobby/alice"],
        ["state", "show", "lobby/alice"],
        ["state", "show", "alice"],
        ["state", "rm", "lobby/alice"],
    ],
    ids=" ".join,
)
def test_an_error_names_nobody(command: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(banning("bob"))
    result = command(*arguments, "--redact")
    assert result.code == 1
    assert "alice" not in result.out + result.err
    if "lobby/alice" in arguments and arguments != ["plan", "lobby/alice"]:
        assert f"lobby/{REDACT.user('alice')}" in result.err
    assert "alice" in command(*arguments).err


BY_MISTAKE = [
    ["apply", "lobby/alice"],
    ["show", "lobby/alice"],
    ["show", "./lobby//alice"],
    ["lobby/alice"],
    ["-lobby/alice"],
    ["state", "lobby/alice"],
    ["state", "push", "alice"],
    ["plan", "--lobby/alice"],
    ["plan", "--lobby/alice=x"],
    ["plan", "lobby/alice", "lobby/alice smith"],
    ["plan", "--format", "alice"],
    ["plan", "--out", "lobby/alice"],
    ["plan", "--state", "alice://x"],
    ["apply", "--auto-approve", "--state", "lobby//alice"],
    ["apply", "--auto-approve", "--rate=alice"],
    ["validate", "-f", "lobby/alice"],
    ["validate", "-flobby/alice"],
    ["validate", "--format", "json", "-f", "lobby/alice"],
    ["validate", "--format", "github", "-f", "lobby/alice"],
    ["plan", "--format", "json", "-f", "lobby/alice"],
    ["plan", "--format", "markdown", "-f", "lobby/alice"],
    ["plan", "--format", "markdown", "--state", "alice://x"],
    ["plan", "--format", "markdown", "--target", "lobby/alice"],
    ["fmt", "lobby/alice", "al'ice\"\\\n"],
    ["sandbox", "--room", "lobby/alice"],
]


@pytest.mark.parametrize("arguments", BY_MISTAKE, ids=" ".join)
def test_no_error_repeats_an_argument_that_is_no_file(
    command: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    Path("bans.yaml").write_text(banning("bob"))
    shown = command(*arguments)
    assert shown.code == 1
    assert "alice" in shown.out + shown.err or arguments in (["-lobby/alice"], ["plan", "--lobby/alice=x"])
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    hidden = command(*arguments)
    assert (hidden.code, "Error: " in hidden.err) == (1, True)
    assert "alice" not in hidden.out + hidden.err
    assert "al'ice" not in hidden.out + hidden.err
    monkeypatch.delenv("RECONCILER_REDACT")
    if len(arguments) > 1 and arguments[0] != "state":  # the option can stand behind a command that knows it
        assert "alice" not in command(*arguments, "--redact").err


def test_an_error_still_names_files_options_and_the_state(
    command: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    Path("moderation").mkdir()
    Path("moderation/bans.yaml").write_text(WRONG)
    wrong = command("validate", "-f", "moderation/bans.yaml").err
    assert wrong.startswith("moderation/bans.yaml:")
    assert wrong.endswith("Error: moderation/bans.yaml has 6 problems. Nothing was done.\n")
    assert "'--format'" in command("plan", "--format", "alice").err
    Path("bans.yaml").write_text(banning("bob"))
    assert "Error: s3://bucket: a state on S3 is " in command("plan", "--state", "s3://bucket").err
    assert "--target and --replace go with" in command("apply", "alice", "--target", "lobby/bob").err
    Path("plan.json").write_text("{}")
    assert command("apply", "plan.json").err.startswith("Error: plan.json is not a saved plan")


@pytest.mark.parametrize("value", ["0", "false", ""])
def test_a_variable_that_says_no_hides_nothing(
    command: Reconciler, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", value)
    assert "lobby/alice: the plan cannot be read" in command("show", "lobby/alice").err


def test_a_diff_of_a_list_is_not_printed_where_user_ids_are_hidden(
    command: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(banning("alice", "00123").replace('"00123"', "00123"))
    assert "alice" in command("fmt", "--diff").out
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    for arguments, option in ((["--diff"], "--diff"), (["--diff", "--check"], "--diff"), (["-"], "-")):
        result = command("fmt", *arguments)
        assert (result.code, result.out) == (1, "")
        assert f"Error: `fmt {option}` prints what stands in the list and cannot redact it" in result.err
        assert "alice" not in result.err
    assert command("fmt", "--check").err.startswith("bans.yaml is not in its canonical form.\n")
    assert command("fmt").out == "bans.yaml was changed.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate"],
        ["fmt"],
        ["fmt", "--check"],
        ["plan"],
        ["apply", "--auto-approve"],
        ["plan", "--format", "json"],
        ["plan", "--format", "markdown"],
    ]
    + [["validate", "--format", each] for each in ("json", "github")],
    ids=" ".join,
)
def test_the_problems_of_a_list_name_nobody(command: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(WRONG)
    result = command(*arguments, "--redact")
    assert result.code == 1
    assert "alice" not in result.out + result.err
    assert "bob" not in result.out + result.err
    assert "has 6 problems" in result.err
    assert "alice" in command(*arguments).out + command(*arguments).err


def test_the_problems_of_several_files_name_nobody(command: Reconciler, key: None) -> None:
    for name in ("one.yaml", "two.yaml"):
        Path(name).write_text(WRONG)
    result = command("fmt", "--redact", "one.yaml", "two.yaml", "lobby/alice")
    assert result.err.endswith("Error: 3 files cannot be formatted. Nothing was done.\n")
    assert "one.yaml:" in result.err
    assert "alice" not in result.out + result.err


def test_the_sandbox_names_nobody(command: Reconciler, key: None) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    program = [sys.executable, "-m", "reconciler"]
    ran = subprocess.run(
        [*program, "sandbox", "--redact", "--", *program, "apply", "--auto-approve", "--redact"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0
    assert "alice" not in ran.stdout + ran.stderr
    assert ran.stdout.count(REDACT.user("alice")) == 4  # the plan and its reason, the request and its reason


# Skipped


@pytest.mark.parametrize("redacted", [False, True])
def test_bans_that_expired_since_the_plan_was_made_are_lines_of_json(
    command: Reconciler, sandbox: Sandbox, key: None, monkeypatch: pytest.MonkeyPatch, redacted: bool
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    Path("bans.yaml").write_text(banning("carol"))
    command("apply", "--auto-approve")
    Path("bans.yaml").write_text(
        banning("alice", "bob", "carol").replace("bob was rude", "x").replace('x"\n', f'x"\n    expires_at: {soon}\n')
        + f"    expires_at: {soon}\n"
    )
    command("plan", "--out", "plan.json")

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            later = datetime.now(tz) + timedelta(hours=2)
            return cls.fromtimestamp(later.timestamp(), tz)

    monkeypatch.setattr("reconciler.cli.commands.apply.datetime", Later)
    result = command("apply", "plan.json", "--format", "json", *(["--redact"] if redacted else []))
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
            "room_arn": ARN,
            "user_id": name(user),
            "because": "expired",
        }
    assert (alice["type"], alice["user_id"]) == ("ban_complete", name("alice"))
    assert (summary["banned"], summary["complete"]) == (1, True)


# The commit


def test_a_saved_plan_says_at_which_commit_it_was_made(command: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0123456789" * 4)
    Path("bans.yaml").write_text(banning("alice"))
    printed = command("plan", "--out", "plan.json", "--format", "json").out
    assert json.loads(printed)["commit"] == "0123456789" * 4
    assert printed == Path("plan.json").read_text()
    assert "at commit 0123456." in command("show", "plan.json").out
    assert "at commit `0123456`." in command("show", "plan.json", "--format", "markdown").out
    Path("plan.json").write_text(printed.replace("0123456789", "9876543210"))
    assert "changed since it was saved" in command("show", "plan.json").err


def test_a_plan_that_is_only_shown_does_not_ask_git(command: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    monkeypatch.setattr("reconciler.git.commit_of", lambda *_: pytest.fail("asked"))
    assert command("plan").code == 0
    assert command("plan", "--format", "markdown").code == 0


def test_a_plan_without_a_commit_can_be_shown_and_one_of_an_older_version_too(command: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    plain = json.loads(command("plan", "--out", "plan.json", "--format", "json").out)
    assert plain["commit"] is None
    assert "commit" not in command("show", "plan.json").out
    del plain["commit"], plain["checksum"]
    changes = plain.pop("changes")
    checksum = planfile._checksum(plain, changes)
    Path("plan.json").write_text(json.dumps({**plain, "checksum": checksum, "changes": changes}))
    assert command("show", "plan.json").code == 0


@pytest.mark.parametrize("commit", ["main", "a" * 39, "A" * 40, "a" * 40 + "\n", 1])
def test_a_commit_that_is_none_is_refused(command: Reconciler, commit: object) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    plain = json.loads(command("plan", "--out", "plan.json", "--format", "json").out)
    Path("plan.json").write_text(json.dumps({**plain, "commit": commit}))
    result = command("show", "plan.json")
    assert (result.code, "commit" in result.err) == (1, True)


# Speed


@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--format", "markdown"], ["plan", "--redact"]], ids=" ".join)
def test_a_plan_imports_only_what_it_needs(command: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    program = (
        "import sys; from reconciler.cli.main import main\n"
        "try: main()\nexcept SystemExit: print([m for m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    imported = set(eval(ran.stderr.splitlines()[-1]))
    assert not imported & {"boto3", "botocore", "rich", "aiohttp", "filelock"}
    assert ("reconciler.views.markdown" in imported) == ("markdown" in arguments)
    assert "reconciler.views.diagnostics" not in imported


def test_a_list_that_cannot_be_used_for_names_is_not_named_if_it_may_be_a_user(command: Reconciler, key: None) -> None:
    shown = command("show", "-f", "lobby/alice", "--state", "bans.state.json", "--redact")
    assert shown.code == 0
    assert "cannot be used, so rooms are shown by their ARNs" in shown.err
    assert "alice" not in shown.out + shown.err
