"""`reconciler state`: the state listed, shown and mended by hand."""

from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.command_line import AWS_ARN, KEY, Reconciler, banning


def test_the_state_can_be_listed_shown_and_mended(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "'b c'"))
    reconciler("apply", "--auto-approve")
    assert reconciler("state", "list").out == 'lobby/a\nlobby/"b c"\n'
    shown = reconciler("state", "show", 'lobby/"b c"').out.splitlines()
    assert shown[:5] == [
        'user          "b c"',
        "room          lobby",
        f"room ARN      {AWS_ARN}",
        "reason        none",
        "ends          never",
    ]
    assert reconciler("state", "pull").out == Path("bans.state.json").read_text()
    removed = reconciler("state", "rm", "lobby/a")
    assert removed.out == "  lobby/a\nForgot 1 ban. Nobody was disconnected.\n"
    assert reconciler("state", "list").out == 'lobby/"b c"\n'
    assert len(sandbox.requests) == 2
    assert "  + lobby/a" in reconciler("plan").out


@pytest.mark.parametrize("command", ["show", "rm"])
def test_what_is_not_recorded_cannot_be_shown_or_forgotten(reconciler: Reconciler, command: str) -> None:
    result = reconciler("state", command, "lobby/nobody")
    assert result.code == 1
    assert "ecorded in the state" in result.err


def test_push_takes_a_later_generation_only(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    pulled = reconciler("state", "pull").out
    Path("pulled.json").write_text(pulled)
    assert reconciler("state", "push", "pulled.json").code == 0  # the very same
    Path("pulled.json").write_text(pulled.replace("Violated", "Broke"))
    other = reconciler("state", "push", "pulled.json")
    assert other.code == 1
    assert "is at serial 1, which is not older than serial 1" in other.err
    Path("pulled.json").write_text(pulled.replace('"serial": 1', '"serial": 2').replace("Violated", "Broke"))
    assert reconciler("state", "push", "pulled.json").out == "Pushed serial 2 with 1 ban.\n"
    assert "Broke terms of service" in reconciler("state", "show", "lobby/ABC123def456").out
    Path("pulled.json").write_text("{")
    assert "pulled.json is not a state file" in reconciler("state", "push", "pulled.json").err


def test_of_many_addresses_that_are_not_recorded_ten_are_told(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [f"lobby/u{number:04}" for number in range(1000)]
    told = reconciler("state", "rm", *addresses).err
    assert told == f"Error: Not recorded in the state: {', '.join(addresses[:10])} and 990 more.\n"
    monkeypatch.setenv("RECONCILER_REDACT_KEY", KEY)
    hidden = reconciler("state", "rm", *addresses, "--redact").err
    assert hidden.endswith(" and 990 more.\n")
    assert "u0001" not in hidden
