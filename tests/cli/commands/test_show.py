"""`reconciler show`: a state or a saved plan, as it stands."""

import re
from pathlib import Path

import pytest

from reconciler.sandbox import Sandbox
from tests.command_line import AWS_ARN, Reconciler, banning_many, with_reasons


def test_show_says_who_is_banned(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("show").out == "0 bans in bans.state.json, serial 0.\n"
    reconciler("apply", "--auto-approve")
    shown = reconciler("show").out
    assert re.fullmatch(
        r'  lobby/ABC123def456   disconnected 20.* UTC   "Violated terms of service"', shown.splitlines()[0]
    )
    assert shown.endswith("\n1 ban in bans.state.json, serial 1.\n")
    assert reconciler("show", "--format", "json").out == Path("bans.state.json").read_text()


def test_a_state_of_more_than_a_hundred_bans_is_shown_in_part(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning_many(120))
    reconciler("import", "--auto-approve")
    lines = reconciler("show").out.splitlines()
    assert len(lines) == 103
    assert lines[100:] == ["  … and 20 more; --all shows every one.", "", "120 bans in bans.state.json, serial 1."]
    assert len(reconciler("show", "--all").out.splitlines()) == 122
    assert len(reconciler("state", "list").out.splitlines()) == 120  # for programs, so it is always whole


def test_show_works_without_a_usable_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").unlink()
    shown = reconciler("show", "--state", "bans.state.json")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


def test_show_works_beside_a_broken_list(reconciler: Reconciler, sandbox: Sandbox) -> None:
    reconciler("apply", "--auto-approve")
    Path("bans.yaml").write_text("version: 1\nbans:\n")
    shown = reconciler("show")
    assert shown.code == 0
    assert f"  {AWS_ARN}/ABC123def456" in shown.out


@pytest.mark.parametrize("content", [None, "", "{}", "garbage"])
def test_what_is_no_plan_is_said_so(reconciler: Reconciler, content: str | None) -> None:
    if content is not None:
        Path("plan.json").write_text(content)
    for command in ("apply", "show"):
        result = reconciler(command, "plan.json")
        assert result.code == 1
        assert "plan.json" in result.err


def test_a_state_is_no_comment(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(with_reasons("alice"))
    shown = reconciler("show", "--format", "markdown")
    assert (shown.code, "shows a PLAN" in shown.err) == (1, True)
