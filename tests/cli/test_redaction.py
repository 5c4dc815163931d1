"""`--redact`: nothing that a command prints names anybody."""

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import State
from reconciler.sandbox import Sandbox, SandboxOptions, running
from reconciler.state import file as state_file
from tests.builders import LINEAGE
from tests.command_line import AWS_ARN, KEY, REDACT, WRONG, Reconciler, Result, with_reasons


def everything_printed(reconciler: Reconciler, sandbox: Sandbox) -> dict[str, Result]:
    """All commands that print user IDs, on the way from a list to its last ban lifted."""
    results = {}

    def run(*arguments: str, typed: str | None = None) -> None:
        results[" ".join(arguments)] = reconciler(*arguments, "--redact", typed=typed)

    Path("bans.yaml").write_text(with_reasons("alice", "bob", "carol"))
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
    run("show", "--format", "csv")
    run("why", "alice")
    run("why", "bob", "--format", "json", "--history")
    run("state", "rm", "lobby/bob")
    Path("bans.yaml").write_text(with_reasons())
    run("plan", "--format", "markdown", "--detailed-exitcode")
    run("apply", "--auto-approve")
    return results


def test_no_command_names_anybody(reconciler: Reconciler, sandbox: Sandbox, key: None) -> None:
    results = everything_printed(reconciler, sandbox)
    for arguments, result in results.items():
        assert result.code == (2 if "--detailed-exitcode" in arguments else 0), (arguments, result)
        for user in ("alice", "bob", "carol"):
            assert user not in result.out + result.err, arguments
        assert KEY not in result.out + result.err
    alice = REDACT.user("alice")
    for arguments in (
        "plan",
        "show plan.json --format markdown",
        "state list",
        "state show lobby/alice",
        "show",
        "why alice",
    ):
        assert alice in results[arguments].out
    assert REDACT.user("bob") in results["apply --auto-approve --format json"].out
    assert REDACT.user("carol") in results["import --target lobby/carol"].out
    assert [request.params["userId"] for request in sandbox.requests] == ["alice", "bob", "bob"]
    assert sandbox.requests[0].params["reason"] == "alice was rude"


def test_a_failed_apply_names_nobody(reconciler: Reconciler, credentials: None, key: None) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    with running(SandboxOptions(rooms=(AWS_ARN,), quota=0, fault_rate=100, faults=("denied",))) as box:
        failed = reconciler("apply", "--auto-approve", "--redact", "--endpoint-url", box.url)
    assert failed.code == 1
    assert f"Failed: lobby/{REDACT.user('alice')}\n" in failed.out
    assert "alice" not in failed.out + failed.err


def test_the_sandbox_names_nobody(reconciler: Reconciler, key: None) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
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


def test_a_saved_plan_is_the_real_one(reconciler: Reconciler, sandbox: Sandbox, key: None) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    printed = reconciler("plan", "--out", "plan.json", "--format", "json", "--redact").out
    assert "alice" in Path("plan.json").read_text()
    Path("printed.json").write_text(printed)
    refused = reconciler("apply", "printed.json")
    assert (refused.code, "--redact" in refused.err) == (1, True)
    assert reconciler("apply", "plan.json", "--redact").code == 0
    assert [request.params["userId"] for request in sandbox.requests] == ["alice"]


def test_a_redacted_state_is_not_pushed(reconciler: Reconciler, sandbox: Sandbox, key: None) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    reconciler("apply", "--auto-approve")
    Path("printed.json").write_text(reconciler("show", "--format", "json", "--redact").out)
    refused = reconciler("state", "push", "printed.json")
    assert (refused.code, "--redact" in refused.err) == (1, True)


def test_the_variable_redacts_too(reconciler: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    Path("bans.yaml").write_text(with_reasons("alice"))
    assert "alice" not in reconciler("plan").out
    pulled = reconciler("state", "pull")
    assert (pulled.code, pulled.out, "cannot redact" in pulled.err) == (1, "", True)


@pytest.mark.parametrize("value", ["0", "false", ""])
def test_a_variable_that_says_no_hides_nothing(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", value)
    assert "There is no file lobby/alice." in reconciler("show", "lobby/alice").err


@pytest.mark.parametrize("secret", [None, "", "   ", "short"])
def test_without_a_key_it_is_said_how_to_make_one(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret is not None:
        monkeypatch.setenv("RECONCILER_REDACT_KEY", secret)
    Path("bans.yaml").write_text(with_reasons("alice"))
    result = reconciler("plan", "--redact")
    assert (result.code, result.out) == (1, "")
    assert "RECONCILER_REDACT_KEY" in result.err
    assert "openssl rand -hex 32" in result.err
    assert "alice" not in result.err
    assert not secret or secret.strip() == "" or secret not in result.err.replace("shorter", "")


# Errors


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
def test_an_error_names_nobody(reconciler: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(with_reasons("bob"))
    result = reconciler(*arguments, "--redact")
    assert result.code == 1
    assert "alice" not in result.out + result.err
    if "lobby/alice" in arguments and arguments != ["plan", "lobby/alice"]:
        assert f"lobby/{REDACT.user('alice')}" in result.err
    assert "alice" in reconciler(*arguments).err


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
    ["plan", "--format", "markdown", "--state", "alice://x"],
    ["plan", "--format", "markdown", "--target", "lobby/alice"],
    ["fmt", "lobby/alice", "al'ice\"\\\n"],
    ["sandbox", "--room", "lobby/alice"],
]


@pytest.mark.parametrize("arguments", BY_MISTAKE, ids=" ".join)
def test_no_error_repeats_an_argument_that_is_no_file(
    reconciler: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    Path("bans.yaml").write_text(with_reasons("bob"))
    shown = reconciler(*arguments)
    assert shown.code == 1
    assert "alice" in shown.out + shown.err or arguments in (["-lobby/alice"], ["plan", "--lobby/alice=x"])
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    hidden = reconciler(*arguments)
    assert (hidden.code, "Error: " in hidden.err) == (1, True)
    assert "alice" not in hidden.out + hidden.err
    assert "al'ice" not in hidden.out + hidden.err
    monkeypatch.delenv("RECONCILER_REDACT")
    if len(arguments) > 1 and arguments[0] != "state":  # the option can stand behind a command that knows it
        assert "alice" not in reconciler(*arguments, "--redact").err


def test_an_error_still_names_files_options_and_the_state(
    reconciler: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    Path("moderation").mkdir()
    Path("moderation/bans.yaml").write_text(WRONG)
    wrong = reconciler("validate", "-f", "moderation/bans.yaml").err
    assert wrong.startswith("moderation/bans.yaml:")
    assert wrong.endswith("Error: moderation/bans.yaml has 6 problems. Nothing was done.\n")
    assert "'--format'" in reconciler("plan", "--format", "alice").err
    Path("bans.yaml").write_text(with_reasons("bob"))
    assert "Error: s3://bucket: a state on S3 is " in reconciler("plan", "--state", "s3://bucket").err
    assert "--target and --replace go with" in reconciler("apply", "alice", "--target", "lobby/bob").err
    Path("plan.json").write_text("{}")
    assert reconciler("apply", "plan.json").err.startswith("Error: plan.json is not a saved plan")


def test_a_list_that_cannot_be_used_for_names_is_not_named_if_it_may_be_a_user(
    reconciler: Reconciler, key: None
) -> None:
    Path("bans.state.json").write_bytes(state_file.dumps(State(LINEAGE, 1)))
    shown = reconciler("show", "-f", "lobby/alice", "--state", "bans.state.json", "--redact")
    assert shown.code == 0
    assert "cannot be used, so rooms are shown by their ARNs" in shown.err
    assert "alice" not in shown.out + shown.err


def test_the_comment_of_a_list_that_is_gone_is_found_again_where_user_ids_are_hidden(
    reconciler: Reconciler, key: None
) -> None:
    gone = reconciler("plan", "--format", "markdown", "--redact", "-f", "lists/bans.yml")
    assert gone.out.startswith("<!-- reconciler-plan: lists/bans.yml -->\n**There is no plan.** `…: there is no such")


def test_a_diff_of_a_list_is_not_printed_where_user_ids_are_hidden(
    reconciler: Reconciler, key: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bans.yaml").write_text(with_reasons("alice", "00123").replace('"00123"', "00123"))
    assert "alice" in reconciler("fmt", "--diff").out
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    for arguments, option in ((["--diff"], "--diff"), (["--diff", "--check"], "--diff"), (["-"], "-")):
        result = reconciler("fmt", *arguments)
        assert (result.code, result.out) == (1, "")
        assert f"Error: `fmt {option}` prints the list itself and cannot redact it" in result.err
        assert "alice" not in result.err
    assert reconciler("fmt", "--check").err.startswith("bans.yaml is not in its canonical form.\n")
    assert reconciler("fmt").out == "bans.yaml was changed.\n"


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
def test_the_problems_of_a_list_name_nobody(reconciler: Reconciler, key: None, arguments: list[str]) -> None:
    Path("bans.yaml").write_text(WRONG)
    result = reconciler(*arguments, "--redact")
    assert result.code == 1
    assert "alice" not in result.out + result.err
    assert "bob" not in result.out + result.err
    assert "has 6 problems" in result.err
    assert "alice" in reconciler(*arguments).out + reconciler(*arguments).err


def test_the_problems_of_several_files_name_nobody(reconciler: Reconciler, key: None) -> None:
    for name in ("one.yaml", "two.yaml"):
        Path(name).write_text(WRONG)
    result = reconciler("fmt", "--redact", "one.yaml", "two.yaml", "lobby/alice")
    assert result.err.endswith("Error: 3 files cannot be formatted. Nothing was done.\n")
    assert "one.yaml:" in result.err
    assert "alice" not in result.out + result.err
