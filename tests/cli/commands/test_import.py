"""`reconciler import`: a list is recorded as done, and nobody is disconnected."""

from pathlib import Path

from reconciler.sandbox import Sandbox
from tests.command_line import Reconciler, banning, banning_many


def test_import_records_the_list_and_disconnects_nobody(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(banning("a", "b"))
    assert reconciler("import", typed="y\n").out.endswith("Import cancelled. Nothing was done.\n")
    assert not Path("bans.state.json").exists()
    imported = reconciler("import", typed="yes\n")
    assert imported.out == (
        f"""\
  lobby/a
  lobby/b

Record 2 bans as done at {sandbox.url}, which is not AWS, and disconnect nobody? Only `yes` goes ahead: \
Import complete: 2 bans recorded. Nobody was disconnected.
"""
    )
    assert reconciler("plan", "--detailed-exitcode").code == 0
    assert reconciler("import", "--auto-approve").out == "Nothing to import. The state records every ban of the list.\n"
    assert sandbox.requests == ()
    assert "disconnected  not by reconciler" in reconciler("state", "show", "lobby/a").out


def test_import_needs_a_terminal_or_an_approval(reconciler: Reconciler) -> None:
    result = reconciler("import")
    assert (result.code, result.out) == (1, "")
    assert "there is no terminal to ask for confirmation; use --auto-approve" in result.err


def test_import_names_a_hundred_bans_or_with_all_every_one(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning_many(150))
    some = reconciler("import", typed="no\n").out
    assert some.count("\n  lobby/u") == 99  # one more begins the text
    assert "\n  … and 50 more; --all shows every one.\n" in some
    everything = reconciler("import", "--all", typed="yes\n").out
    assert everything.count("\n  lobby/u") == 149
    assert "Import complete: 150 bans recorded." in everything
