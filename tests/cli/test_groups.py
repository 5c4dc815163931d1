"""Mistyped commands and options."""

import pytest

from reconciler.cli.commands import state
from reconciler.cli.groups import INSTEAD, INSTEAD_OF_STATE
from reconciler.cli.main import COMMANDS
from tests.command_line import Reconciler


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("validte", "Did you mean 'validate'?"),
        ("aply", "Did you mean 'apply'?"),
        ("Plan", "Did you mean 'plan'?"),
        ("force_unlock", "Did you mean 'force-unlock'?"),
        ("check", "Did you mean 'validate'?"),
        ("chek", "Did you mean 'validate'?"),
        ("diff", "Did you mean 'plan'?"),
        ("run", "Did you mean 'apply'?"),
        ("deploy", "Did you mean 'apply'?"),
        ("explain", "Did you mean 'why'?"),
        ("unban", "Did you mean 'lift'?"),
        ("remove", "Did you mean 'lift'?"),
        ("block", "Did you mean 'ban'?"),
        ("state ls", "Did you mean 'list'?"),
        ("state shwo", "Did you mean 'show'?"),
        ("state remove", "Did you mean 'rm'?"),
    ],
)
def test_a_mistyped_command_helps_on(reconciler: Reconciler, typed: str, advice: str) -> None:
    result = reconciler(*typed.split(), "lobby/alice")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-1] == f"Error: No such command '{typed.rsplit(maxsplit=1)[-1]}'. {advice}"


def test_what_nobody_meant_gets_no_advice(reconciler: Reconciler) -> None:
    assert reconciler("frobnicate").err.endswith("\nError: No such command 'frobnicate'.\n")


def test_a_mistyped_option_helps_on(reconciler: Reconciler) -> None:
    assert "Did you mean '--parallelism'?" in reconciler("apply", "--paralelism", "3").err
    assert "Did you mean '--version'?" in reconciler("--versoin").err


def test_help_and_options_of_groups_work_as_ever(reconciler: Reconciler) -> None:
    assert reconciler("state", "--help").code == 0
    assert "No such option '-x'" in reconciler("state", "-x").err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["alice"], "There is no such command."),
        (["validte", "alice"], "There is no such command. Did you mean 'validate'?"),
        (["plan", "--no-colour", "lobby/alice"], "There is no such option. Did you mean '--no-color'?"),
        (["plan", "--bob-smith"], "There is no such option."),
        (["state", "shwo", "lobby/alice"], "There is no such command. Did you mean 'show'?"),
    ],
)
def test_what_was_typed_is_not_repeated_where_it_may_name_a_user(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch, key: None, typed: list[str], said: str
) -> None:
    monkeypatch.setenv("RECONCILER_REDACT", "1")
    assert reconciler(*typed).err.endswith(f"\nError: {said}\n")


def test_every_word_leads_to_a_command_or_to_a_sentence() -> None:
    for instead, names in ((INSTEAD, COMMANDS), (INSTEAD_OF_STATE, state.command.commands)):
        assert not instead.keys() & names.keys()
        assert [said for said in instead.values() if said not in names and not said.endswith(".")] == []
