"""The hooks for pre-commit: run as pre-commit runs them."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import Reconciler, Result, banning

HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook
    for hook in yaml.safe_load((Path(__file__).parents[1] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}


def run(reconciler: Reconciler, hook: dict[str, Any], *files: str, args: list[str] | None = None) -> Result:
    """What pre-commit does with a hook; `args` are those of the configuration, in place of the hook's own."""
    program, *command = shlex.split(hook["entry"])
    assert program == "reconciler"
    passed = files if hook.get("pass_filenames", True) else ()
    return reconciler(*command, *(hook.get("args", []) if args is None else args), *passed)


def test_there_are_two_hooks_with_what_pre_commit_needs() -> None:
    assert set(HOOKS) == {"reconciler-validate", "reconciler-fmt"}
    for hook in HOOKS.values():
        assert hook["language"] == "python"
        assert hook["name"]
        assert set(hook) <= {
            *("id", "name", "description", "entry", "args", "language", "files", "pass_filenames", "require_serial")
        }


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_the_hooks_run_for_ban_lists(hook: dict[str, Any]) -> None:
    for path in ("bans.yaml", "bans.yml", "chat/bans.yaml", "bans.d/spam.yaml", "chat/bans.d/2027/spam.yml"):
        assert re.search(hook["files"], path), path
    for path in (
        "bans.state.json",
        "urbans.yaml",
        "bans.yaml.md",
        "docs/bans.schema.json",
        "bans.d/README.md",
        "a.yaml",
    ):
        assert not re.search(hook["files"], path), path


def test_validate_looks_at_the_list_whichever_file_has_changed(reconciler: Reconciler) -> None:
    hook = HOOKS["reconciler-validate"]
    assert run(reconciler, hook, "bans.d/a.yaml").code == 0
    Path("bans.yaml").rename("other.yaml")
    assert run(reconciler, hook, "bans.d/a.yaml").code == 1
    assert run(reconciler, hook, "bans.d/a.yaml", args=["-f", "other.yaml"]).code == 0


def test_fmt_checks_the_files_that_have_changed_and_mends_them_without_its_argument(reconciler: Reconciler) -> None:
    hook = HOOKS["reconciler-fmt"]
    Path("bans.d").mkdir()
    Path("bans.d/a.yaml").write_text("bans:\n- user_id: 7\n")
    assert run(reconciler, hook, "bans.yaml").code == 0
    checked = run(reconciler, hook, "bans.yaml", "bans.d/a.yaml")
    assert (checked.code, checked.err.splitlines()[0]) == (1, "bans.d/a.yaml is not in its canonical form.")
    assert Path("bans.d/a.yaml").read_text() == "bans:\n- user_id: 7\n"
    assert run(reconciler, hook, "bans.yaml", "bans.d/a.yaml", args=[]).code == 0
    assert Path("bans.d/a.yaml").read_text() == 'bans:\n- user_id: "7"\n'
    Path("bans.yaml").write_text(banning("é").replace("é", "'"))
    assert run(reconciler, hook, "bans.yaml").code == 1
