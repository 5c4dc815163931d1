"""Hostile texts on the command line, in lists and as names of files."""

from pathlib import Path

import pytest

from reconciler import escape
from tests import hostile
from tests.command_line import Reconciler, banning, with_reasons
from tests.logs import assert_harmless_in_a_log, runner_reads

HOSTILE = "x\x1b[31m\u202e\u200b\n::error::x"


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "--target", HOSTILE],
        ["plan", HOSTILE],
        ["plan", "-f", HOSTILE],
        ["plan", "--state", HOSTILE + "/x/y"],
        ["apply", HOSTILE],
        ["show", "--format", HOSTILE],
        ["state", "show", HOSTILE],
        [HOSTILE],
    ],
)
def test_nothing_on_the_command_line_reaches_the_terminal_raw(reconciler: Reconciler, arguments: list[str]) -> None:
    result = reconciler(*arguments)
    for line in (result.out + result.err).splitlines():
        assert line.isprintable()
        assert not line.startswith("::")


def test_a_ci_command_in_a_user_id_is_broken_up(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("'##vso[task.setvariable]'", "'##[error]x'"))
    for arguments in (["plan"], ["plan", "--format", "json"]):
        out = reconciler(*arguments).out
        assert "##vso[" not in out
        assert "##[" not in out


def test_no_name_of_a_file_is_more_than_a_name(reconciler: Reconciler) -> None:
    for name in hostile.NAMES:
        Path(name).write_text("version: 1\nbans: [x]\n")
        for arguments in (["validate"], ["plan"], ["plan", "--format", "markdown"], ["plan", "--format", "json"]):
            result = reconciler(*arguments, "-f", name)
            assert result.code == 1
            assert_harmless_in_a_log(result.out)
            assert_harmless_in_a_log(result.err)
        [annotation] = reconciler("validate", "--format", "github", "-f", name).out.splitlines()
        assert runner_reads(annotation)[0] == "error"
        Path(name).write_text(with_reasons("alice"))
        for arguments in (["validate"], ["plan"], ["plan", "--format", "markdown"], ["plan", "--format", "json"]):
            result = reconciler(*arguments, "-f", name)
            assert result.code == 0
            assert_harmless_in_a_log(result.out + result.err)
        Path(name).write_text(with_reasons("alice").replace('"alice"', "00123  "))
        for arguments in (["fmt", "--check"], ["fmt", "--diff"], ["fmt"]):
            result = reconciler(*arguments, "-f", name)
            assert result.code == ("--check" in arguments)
            assert_harmless_in_a_log(result.out)
            assert_harmless_in_a_log(result.err)
        assert result.out == f"{escape.line(name)} was changed.\n"
        Path(name).unlink()
