"""Terminals that cannot show every character, lists with the line breaks of Windows, and folders with odd names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import escape, load_ban_list
from reconciler.sandbox import Sandbox
from reconciler.stores.plans import load_plan
from tests.command_line import AWS_ARN, AWS_EXAMPLE, PROGRAM

# Latin, Greek, Cyrillic, Arabic, Hebrew, Devanagari, Thai, Han, Kana, Hangul, an emoji of several, a mark on a letter.
SCRIPTS = ("Zoë", "Ζωή", "Зоя", "زوي", "זואי", "ज़ोए", "โซอี้", "佐伊", "ゾーイ", "조이", "👩🏽‍🚀", "Zoe\u0308")
LIST = f"version: 1\nrooms:\n  große_halle: {AWS_ARN}\nbans:\n" + "".join(
    f'  - user_id: "{user}"\n    rooms: [große_halle]\n    reason: "{user} – “spam” … ₿"\n' for user in SCRIPTS
)
COMMANDS = (
    ("validate",),
    ("plan",),
    ("plan", "--format", "json"),
    ("plan", "--format", "markdown"),
    ("plan", "--out", "план.json"),
    ("show", "план.json"),
    ("apply", "--auto-approve"),
    ("show",),
    ("state", "list"),
    ("state", "show", "große_halle/佐伊"),
    ("why", "زوي"),
    ("ban", "Ωμέγα", "--room", "große_halle", "--reason", "κακός…"),
    ("lift", "Ωμέγα"),
    ("fmt", "--diff"),
    ("state", "pull"),
    ("import", "--auto-approve"),
    ("validate", "-f", "нет.yaml"),
    ("plan", "--target", "große_halle/nobody–here"),
    ("--help",),
)
ENCODINGS = [
    pytest.param({"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}, "cp1252", id="cp1252"),
    pytest.param({"PYTHONIOENCODING": "cp437", "PYTHONUTF8": "0"}, "cp437", id="cp437"),
    pytest.param({"PYTHONIOENCODING": "cp932", "PYTHONUTF8": "0"}, "cp932", id="cp932"),
    pytest.param(
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "utf-8",  # which click takes where the locale says ASCII
        id="LC_ALL=C",
        marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no LC_ALL"),
    ),
]


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, **variables}
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize(("variables", "encoding"), ENCODINGS)
def test_every_script_is_shown_or_escaped_and_none_ends_in_a_traceback(
    variables: dict[str, str], encoding: str, sandbox: Sandbox, folder: Path
) -> None:
    is_ascii = "LC_ALL" in variables
    if is_ascii:  # an argument would be bytes that mean nothing, which is another matter
        Path("bans.yaml").write_text(LIST.replace("große_halle", "halle"), encoding="utf-8")
    else:
        Path("bans.yaml").write_text(LIST, encoding="utf-8")
    for arguments in COMMANDS:
        given = [argument.replace("große_halle", "halle") if is_ascii else argument for argument in arguments]
        ran = run(*given, **variables)
        said = ran.stdout + ran.stderr
        assert b"Traceback" not in said, (arguments, said)
        if "json" not in arguments and arguments[0] != "state":
            said.decode(encoding)
        failing = "нет.yaml" in arguments or "--target" in arguments
        if not is_ascii or "".join(given).isascii():
            assert (ran.returncode != 0) == failing, (arguments, said)
    assert {user for _, user in sandbox.disconnected} == set(SCRIPTS)
    shown = run("plan", "--state", "other.json", **variables).stdout.decode(encoding)
    for user in SCRIPTS:
        assert escape.user_id(user).encode(encoding, "backslashreplace").decode(encoding) in shown
    plan = json.loads(run("plan", "--state", "other.json", "--format", "json", **variables).stdout)
    assert {change["user_id"] for change in plan["changes"]} == set(SCRIPTS)


def test_windows_line_breaks_stay_through_ban_and_lift_and_go_with_fmt(sandbox: Sandbox, folder: Path) -> None:
    content = AWS_EXAMPLE.encode().replace(b"\n", b"\r\n")
    path = Path("bans.yaml")
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + content)
        assert run("validate").returncode == 0
        assert run("ban", "zed", "--room", "lobby").returncode == 0
        assert path.read_bytes().startswith(mark + content)
        assert path.read_bytes().count(b"\n") == path.read_bytes().count(b"\r\n") == content.count(b"\n") + 2
        assert run("lift", "zed").returncode == 0
        assert path.read_bytes() == mark + content
        assert run("fmt").returncode == 0
        assert path.read_bytes() == AWS_EXAMPLE.encode()


def test_included_lists_and_sheets_may_have_windows_line_breaks(folder: Path) -> None:
    Path("bans.yaml").write_bytes(b"include: [more.yaml]\r\n" + AWS_EXAMPLE.encode().replace(b"\n", b"\r\n"))
    Path("more.yaml").write_bytes(
        b"bans:\r\n  - user_id: zed\r\n    rooms: [lobby]\r\n    reason: |\r\n      one\r\n      two\r\n"
    )
    Path("who.csv").write_bytes(b"user_id,reason\r\nann,Spam\r\n")
    assert run("ban", "--from", "who.csv", "--room", "lobby", "--to", "more.yaml").returncode == 0
    bans = {key.user_id: ban.reason for key, ban in load_ban_list("bans.yaml").bans.items()}
    assert bans == {"ABC123def456": "Violated terms of service", "zed": "one\ntwo\n", "ann": "Spam"}
    assert Path("more.yaml").read_bytes().count(b"\n") == Path("more.yaml").read_bytes().count(b"\r\n")


NAMES = [
    *("with space", "日本語 Größe 🔨", "Zoe\u0308", "it's a&b 100% $(HOME)", "-x", "[ab]"),
    pytest.param("dot.", marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows drops the dot")),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_be_called_anything(
    name: str, sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = folder / name
    (place / "bans.d").mkdir(parents=True)
    text = "include: ['bans.d/*.yaml']\n" + AWS_EXAMPLE
    (place / "bans.yaml").write_text(text, encoding="utf-8")
    (place / "bans.d" / f"{name}.yaml").write_text("bans:\n  - user_id: zed\n    rooms: [lobby]\n", encoding="utf-8")
    ban_list, plan = os.path.join(".", name, "bans.yaml"), os.path.join(".", name, "plan.json")
    assert run("plan", "-f", ban_list, "--out", plan).returncode == 0
    assert len(load_plan(plan).plan.changes) == 2
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    ran = run("apply", str(place / "plan.json"), "-f", str(place / "bans.yaml"))
    assert ran.returncode == 0, ran.stderr
    assert (place / "bans.state.json").exists()
    monkeypatch.chdir(place)
    for arguments in (
        ["ban", "ann", "--room", "lobby"],
        ["apply", "--auto-approve"],
        ["why", "ann"],
        ["fmt"],
        ["show"],
    ):
        ran = run(*arguments)
        assert ran.returncode == 0, ran.stderr
    assert [user for _, user in sandbox.disconnected] == ["ABC123def456", "zed", "ann"]
