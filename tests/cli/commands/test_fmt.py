"""`reconciler fmt` as people use it: what it prints, how it exits, and what it leaves on disk."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.command_line import AWS_EXAMPLE, NOBODY, Reconciler, banning

NUMBER = banning("00123")
QUOTED = banning('"00123"')


def test_a_list_is_rewritten_and_named(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(NUMBER)
    result = reconciler("fmt")
    assert (result.code, result.out, result.err) == (0, "bans.yaml was changed.\n", "")
    assert Path("bans.yaml").read_text() == QUOTED
    again = reconciler("fmt")
    assert (again.code, again.out, again.err) == (0, "No changes.\n", "")


def test_several_files_are_rewritten_and_only_those_that_change(reconciler: Reconciler) -> None:
    Path("bans.d").mkdir()
    Path("bans.d/a.yaml").write_text("bans:\n- user_id: no\n")
    before = Path("bans.yaml").stat()
    result = reconciler("fmt", "bans.yaml", "bans.d/a.yaml", "./bans.d/a.yaml")
    assert (result.code, result.out) == (0, "./bans.d/a.yaml was changed.\n")
    assert Path("bans.d/a.yaml").read_text() == 'bans:\n- user_id: "no"\n'
    assert (Path("bans.yaml").stat().st_ino, Path("bans.yaml").read_text()) == (before.st_ino, AWS_EXAMPLE)


def test_the_list_is_that_of_the_file_option(reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.yaml", "b.yaml"):
        Path(name).write_text(NUMBER)
    assert reconciler("fmt", "-f", "a.yaml").out == "a.yaml was changed.\n"
    monkeypatch.setenv("RECONCILER_FILE", "b.yaml")
    assert reconciler("fmt").out == "b.yaml was changed.\n"


def test_check_names_the_files_and_writes_nothing(reconciler: Reconciler) -> None:
    Path("a.yaml").write_text(NUMBER)
    Path("b.yaml").write_text(NUMBER)
    result = reconciler("fmt", "--check", "a.yaml", "bans.yaml", "b.yaml")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "a.yaml is not in its canonical form.\n"
        "b.yaml is not in its canonical form.\n"
        "Error: 2 files would change. To write them, leave --check out.\n"
    )
    assert Path("a.yaml").read_text() == NUMBER
    canonical = reconciler("fmt", "--check")
    assert (canonical.code, canonical.out, canonical.err) == (0, "", "")


def test_check_looks_at_the_order_when_sorting_is_asked_for(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("b", "a"))
    assert reconciler("fmt", "--check").code == 0
    assert reconciler("fmt", "--check", "--sort").code == 1
    assert reconciler("fmt", "--sort").code == 0
    assert Path("bans.yaml").read_text() == banning("a", "b")


def test_diff_prints_what_would_change_and_writes_nothing(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("zed", "00123", "'\x85\u202e'").replace("\x85", ""))
    result = reconciler("fmt", "--diff")
    assert result.code == 0
    assert result.out == (
        """\
--- bans.yaml
+++ bans.yaml (formatted)
@@ -5,7 +5,7 @@
 bans:
   - user_id: zed
     rooms: [lobby]
-  - user_id: 00123
+  - user_id: "00123"
     rooms: [lobby]
   - user_id: '\\u202e'
     rooms: [lobby]
"""
    )
    assert '"00123"' not in Path("bans.yaml").read_text()
    both = reconciler("fmt", "--diff", "--check")
    assert (both.code, both.out) == (1, result.out)
    assert "bans.yaml is not in its canonical form." in both.err


def test_a_diff_is_coloured_on_a_terminal_alone(folder: Path) -> None:
    Path("bans.yaml").write_text(NUMBER)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "reconciler", "fmt", "--diff"]
    for option, coloured in ((["--no-color"], False), ([], True)):
        subprocess.run([*command, *option], stdout=theirs, check=True)
        shown = os.read(ours, 10_000)
        assert (b'\x1b[32m+  - user_id: "00123"\x1b[0m' in shown) is coloured
        assert (b"\x1b[" in shown) is coloured
    os.close(ours)
    os.close(theirs)


def test_standard_input_is_printed_in_its_form(folder: Path) -> None:
    command = [sys.executable, "-m", "reconciler", "fmt", "-"]
    content = NUMBER.replace("lobby]", "lobby]  # é\u202e").encode()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, input=content, capture_output=True, check=True, env=environment)
    assert result.stdout == content.replace(b"00123", b'"00123"')
    assert result.stderr == b""
    broken = subprocess.run(command, input=b"bans: [a\n", capture_output=True, check=False)
    assert (broken.returncode, broken.stdout) == (1, b"")
    assert broken.stderr.startswith(b"<stdin>:1:7: a list opens here")
    not_canonical = subprocess.run([*command, "--check"], input=content, capture_output=True, check=False)
    assert (not_canonical.returncode, not_canonical.stdout) == (1, b"")


@pytest.mark.parametrize("options", [[], ["--check"], ["--diff"], ["--sort"]])
def test_a_list_with_problems_is_left_as_it_is(reconciler: Reconciler, options: list[str]) -> None:
    wrong = NUMBER + "  - user_id: \n    rooms: [loby]\n"
    Path("bans.yaml").write_text(wrong)
    result = reconciler("fmt", *options)
    validated = reconciler("validate")
    assert (result.code, result.out, result.err) == (1, "", validated.err)
    assert result.err.startswith("bans.yaml:8:5: bans[1].user_id: has no value")
    assert Path("bans.yaml").read_text() == wrong


def test_nothing_is_written_unless_every_file_can_be_read(reconciler: Reconciler) -> None:
    Path("a.yaml").write_text(NUMBER)
    Path("b.yaml").write_bytes(b"\xff")
    result = reconciler("fmt", "a.yaml", "b.yaml", "missing.yaml")
    assert result.code == 1
    first, second, last = result.err.splitlines()
    assert first.startswith("b.yaml:1:1: this is not UTF-8")
    assert second.startswith("missing.yaml: there is no such file.")
    assert last == "Error: 2 files cannot be formatted. Nothing was done."
    assert Path("a.yaml").read_text() == NUMBER


def test_the_file_keeps_its_mode_and_its_link(reconciler: Reconciler) -> None:
    Path("real").mkdir()
    Path("real/list.yaml").write_text(NUMBER)
    Path("real/list.yaml").chmod(0o640)
    Path("bans.yaml").unlink()
    Path("bans.yaml").symlink_to("real/list.yaml")
    assert reconciler("fmt").out == "bans.yaml was changed.\n"
    assert Path("bans.yaml").is_symlink()
    assert Path("real/list.yaml").read_text() == QUOTED
    assert Path("real/list.yaml").stat().st_mode & 0o777 == 0o640
    assert os.listdir("real") == ["list.yaml"]


def test_a_file_that_cannot_be_written_stays_as_it_was(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(NUMBER)
    with patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        result = reconciler("fmt")
    assert (result.code, result.out) == (1, "")
    assert result.err == "Error: bans.yaml cannot be written, and is as it was: No space left on device\n"
    assert Path("bans.yaml").read_text() == NUMBER
    assert os.listdir() == ["bans.yaml"]


def test_a_change_that_somebody_saves_meanwhile_is_not_lost(reconciler: Reconciler) -> None:
    Path("a.yaml").write_text(NUMBER)
    Path("b.yaml").write_text(NUMBER)

    def save_b_while_a_is_written(_descriptor: int) -> None:
        Path("b.yaml").write_text(NOBODY)

    with patch("os.fsync", save_b_while_a_is_written):
        result = reconciler("fmt", "a.yaml", "b.yaml")
    assert (result.code, result.out) == (1, "a.yaml was changed.\n")
    assert "b.yaml was changed by somebody else in the meantime, and is left as it is. Try again." in result.err
    assert Path("b.yaml").read_text() == NOBODY


def test_names_of_files_are_shown_safely(reconciler: Reconciler) -> None:
    Path("a\x1b[31m.yaml").write_text(NUMBER)
    for options in (["--check"], ["--diff"], []):
        result = reconciler("fmt", *options, "a\x1b[31m.yaml")
        assert "\x1b" not in result.out + result.err
        assert "a\\x1b[31m.yaml" in result.out + result.err


def test_a_canonical_list_has_the_same_plan(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_bytes(banning("no", "0x1F", "'b'").replace("\n", " \r\n").encode())
    before = reconciler("plan").out
    assert reconciler("fmt").code == 0
    assert reconciler("plan").out == before
    assert re.findall("lobby/(\\S+)", before) == ["no", "0x1F", "b"]


def test_without_names_the_list_and_the_files_that_it_includes_are_formatted(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(f"{NOBODY.replace('bans: []', 'include: [more.yaml]')}")
    Path("more.yaml").write_text("bans:\n  - user_id: 00123\n    rooms: [lobby]\n")
    assert reconciler("fmt", "--check").err.startswith("more.yaml is not in its canonical form.\n")
    assert reconciler("fmt").out == "more.yaml was changed.\n"
    assert 'user_id: "00123"' in Path("more.yaml").read_text()
    assert reconciler("fmt").out == "No changes.\n"


def test_nothing_is_formatted_while_a_file_that_is_included_has_problems(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(f"{NOBODY.replace('bans: []', 'include: [more.yaml]')}   ")
    Path("more.yaml").write_text("bans:\n  - user_id: 00123\n    rooms: [loby]\n")
    result = reconciler("fmt")
    assert result.code == 1
    assert 'there is no room "loby" under `rooms`; did you mean `lobby`?' in result.err
    assert Path("bans.yaml").read_text().endswith("   ")
