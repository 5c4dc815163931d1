"""Completion: what a shell gets behind TAB, and what bash makes of it."""

import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler import State
from reconciler.cli import completion
from reconciler.state import file as state_file
from tests.builders import ban, recorded
from tests.command_line import AWS_ARN, FINALS, PROGRAM, banning, banning_many, with_reasons

ODD = ["a b", "it's", 'say "so"', "x@example.com", "co,mma", "back\\slash", "$(reboot)", "star*", "\u202eolleh", "c:d"]


def offered(*words: str, shell: str = "bash", **variables: str) -> list[str]:
    """What is offered for the last of the words, as a shell asks that has them as they are."""
    environment = os.environ | {
        "_RECONCILER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "\n".join(["reconciler", *words]),
        "COMP_CWORD": str(len(words)),
        **variables,
    }
    ran = subprocess.run(PROGRAM, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert ran.stderr == ""
    return [line for line in ran.stdout.splitlines() if line]


def plain(*words: str, **variables: str) -> list[str]:
    """The same, without what kind of thing each is."""
    return [line.removeprefix("plain,") for line in offered(*words, **variables)]


def record(*users: str, room: str = AWS_ARN) -> None:
    state = recorded(*(ban(user, room=room) for user in users))
    Path("bans.state.json").write_bytes(state_file.dumps(state))


def test_addresses_come_from_the_list_and_the_state(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("alice", "amy", "bob"))
    record("amy", "ann")
    assert plain("plan", "--target", "lobby/a") == ["lobby/alice", "lobby/amy", "lobby/ann"]
    assert plain("apply", "--target", "lobby/b", "--target", "lobby/al") == ["lobby/alice"]
    assert plain("import", "--target", "lobby/b") == ["lobby/bob"]
    assert plain("apply", "--replace", "lobby/a") == ["lobby/alice", "lobby/amy"]
    assert plain("state", "show", "lobby/a") == ["lobby/amy", "lobby/ann"]
    assert plain("state", "rm", "lobby/amy", "") == ["lobby/amy", "lobby/ann"]


def test_the_list_and_the_state_are_those_that_the_command_line_names(folder: Path) -> None:
    Path("other.yaml").write_text(banning("olga"))
    assert plain("plan", "-f", "other.yaml", "--target", "lobby/") == ["lobby/olga"]
    assert plain("plan", "--target", "lobby/", RECONCILER_FILE="other.yaml") == ["lobby/olga"]
    record("zoe")
    Path("bans.state.json").rename("other.json")
    assert plain("state", "show", "--state", "other.json", "") == ["lobby/zoe"]


def test_rooms_without_a_name_go_by_their_arn(folder: Path) -> None:
    record("zoe", room=FINALS)
    assert plain("state", "show", "arn:aws:ivschat:eu") == [f"{FINALS}/zoe"]
    assert plain("sandbox", "--deny", "arn:") == [AWS_ARN]


def test_files_are_offered_where_files_are_asked_for(folder: Path) -> None:
    for words in (
        ["plan", "-f"],
        ["plan", "--out"],
        ["apply"],
        ["show"],
        ["state", "push"],
        ["fmt"],
        ["plan", "--state"],
    ):
        assert offered(*words, "b") == ["file,b"], words


def test_nobody_is_offered_where_user_ids_are_redacted(folder: Path, key: None) -> None:
    Path("bans.yaml").write_text(banning("alice"))
    assert plain("plan", "--target", "lobby/") == ["lobby/alice"]
    assert plain("plan", "--redact", "--target", "lobby/") == []
    assert plain("plan", "--target", "lobby/", RECONCILER_REDACT="1") == []
    assert plain("plan", "--redact", "--target", "lobby/", RECONCILER_REDACT_KEY="") == []


@pytest.mark.parametrize(
    ("path", "content"),
    [("bans.yaml", None), ("bans.yaml", "version: 1\nbans:\n"), ("bans.state.json", "{"), ("bans.yaml", "\0")],
)
def test_what_cannot_be_read_is_passed_over_in_silence(folder: Path, path: str, content: str | None) -> None:
    record("zoe")
    Path(path).unlink()
    if content is not None:
        Path(path).write_text(content)
    assert plain("state", "show", "") == ([f"{AWS_ARN}/zoe"] if path == "bans.yaml" else [])


def test_nothing_asks_the_network(folder: Path) -> None:
    Path("bans.yaml").write_text(banning("alice", extra="state: s3://bucket/key\n"))
    variables = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert plain("plan", "--target", "lobby/", **variables) == ["lobby/alice"]


def test_a_pipe_that_nobody_writes_to_is_given_up(folder: Path) -> None:
    record("zoe")
    os.mkfifo("pipe")
    assert plain("state", "show", "-f", "pipe", "") == [f"{AWS_ARN}/zoe"]


def test_completion_takes_no_lock_and_leaves_nothing_behind(folder: Path) -> None:
    record("zoe")
    before = sorted(os.listdir())
    assert plain("state", "rm", "") == ["lobby/zoe"]
    assert sorted(os.listdir()) == before


def test_of_many_the_first_are_offered_and_the_last_so_that_what_all_share_is_right(folder: Path) -> None:
    Path("bans.yaml").write_text(banning_many(3000))
    shown = plain("plan", "--target", "lobby/")
    assert len(shown) == completion.MOST
    assert (shown[:2], shown[-1]) == (["lobby/u0", "lobby/u1"], "lobby/u999")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_odd_user_ids_are_shown_as_plans_show_them(folder: Path, shell: str) -> None:
    Path("bans.yaml").write_text(with_reasons("\u202eolleh", "a\nb", "co,mma", "a b"))
    variables = {"COMP_WORDS": "reconciler plan --target ", "COMP_CWORD": "" if shell == "fish" else "3"}
    shown = "\n".join(offered("plan", "--target", "", shell=shell, **variables))
    assert shown.replace("\n", "").isprintable()
    assert "lobby/co,mma" in shown
    assert r"\u202eolleh" in shown.replace("\\\\", "\\")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_an_option_with_an_equals_sign_keeps_its_beginning(folder: Path, shell: str) -> None:
    line = "reconciler plan --target=lobby/"
    variables = {"COMP_WORDS": line, "COMP_CWORD": "2" if shell == "zsh" else "--target=lobby/"}
    assert "--target=lobby/ABC123def456" in "\n".join(offered("", shell=shell, **variables))


def test_bash_gets_the_rest_of_what_it_splits_at_colons(folder: Path) -> None:
    record("zoe", room=FINALS)
    words = ["reconciler", "state", "show", "arn", ":", "aws", ":", "iv"]
    assert plain(COMP_WORDS="\n".join(words), COMP_CWORD="7") == [FINALS.removeprefix("arn:aws:") + "/zoe"]
    assert plain(COMP_WORDS="\n".join(words[:-1]), COMP_CWORD="6") == [FINALS.removeprefix("arn:aws:") + "/zoe"]
    words = ["reconciler", "plan", "--target", "=", "lob"]
    assert plain(COMP_WORDS="\n".join(words), COMP_CWORD="4") == ["lobby/ABC123def456"]


# Bash itself

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
BIN = os.path.dirname(sys.executable)
COMPLETING = r"""
eval "$(_RECONCILER_COMPLETE=bash_source reconciler)"
compopt() { echo "compopt $*"; }
COMP_LINE=$1 COMP_POINT=${#1}
_reconciler_completion reconciler "$2" ""
printf '%s\n' "${COMPREPLY[@]}"
"""


def replies(line: str, replaced: str) -> list[str]:
    """What bash would put into a line in place of its end, which it passes as `$2`."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "--norc", "-c", COMPLETING, "bash", line, replaced],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert ran.stderr == ""
    return [line for line in ran.stdout.splitlines() if line]


@bash
@pytest.mark.parametrize(
    ("line", "replaced", "reply"),
    [
        ("reconciler plan --target lobby/al", "lobby/al", "lobby/alice"),
        ("reconciler plan --target=lobby/al", "lobby/al", "lobby/alice"),
        ("reconciler plan --target lobby/a\\ ", "lobby/a\\ ", "lobby/a\\ b"),
        ("reconciler plan --target 'lobby/a ", "lobby/a ", "lobby/a b"),
        ("reconciler plan --target 'lobby/it", "lobby/it", "lobby/it'\\''s"),
        ("reconciler plan --target lobby/it", "lobby/it", "lobby/it\\'s"),
        ("reconciler plan --target lobby/c:", "", "d"),
        ("reconciler plan --target lobby/x@ex", "@ex", "@example.com"),
        (f"reconciler plan --target {AWS_ARN[:8]}", "", ""),
        ("reconciler plan --target lobby/$", "$", ""),
        ("reconciler plan --out pl", "pl", "compopt -o default"),
        ("reconciler val", "val", "validate"),
    ],
)
def test_bash_completes(folder: Path, line: str, replaced: str, reply: str) -> None:
    Path("bans.yaml").write_text(with_reasons("alice", *ODD))
    assert replies(line, replaced) == ([reply] if reply else [])


@bash
def test_what_bash_inserts_means_the_user_that_was_meant(folder: Path) -> None:
    Path("bans.yaml").write_text(with_reasons(*ODD))
    shown = replies("reconciler plan --target lobby/", "lobby/")
    assert len(shown) == len(ODD)
    for address in shown:
        command = f"reconciler plan --format json --target {address}"
        environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, env=environment)
        [change] = json.loads(ran.stdout)["changes"]
        assert change["user_id"] in ODD


@bash
def test_tab_completes_in_an_interactive_bash(folder: Path) -> None:
    record("zoe", room=FINALS)
    Path("rc").write_text('PS1="> "\neval "$(_RECONCILER_COMPLETE=bash_source reconciler)"\necho ready\n')
    pid, terminal = pty.fork()
    if pid == 0:
        variables = {"PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "200", "HISTFILE": ""}
        os.execvpe("bash", ["bash", "--rcfile", "rc", "-i"], {**os.environ, **variables})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, 200, 0, 0))
    assert "ready" in shown_on(terminal, until="ready")
    os.write(terminal, f"reconciler state show {FINALS[:20]}\t".encode())
    assert f"reconciler state show {FINALS}/zoe " in shown_on(terminal, until="/zoe ")
    os.write(terminal, b"\x15exit\n")
    shown_on(terminal, until="nothing more")
    os.close(terminal)
    os.waitpid(pid, 0)


def shown_on(terminal: int, *, until: str) -> str:
    """What a program shows on its terminal, up to a text, or its end, or half a minute without a word."""
    shown = ""
    with suppress(OSError):  # it has ended
        while until not in shown and select.select([terminal], [], [], 30)[0]:
            shown += os.read(terminal, 4096).decode()
    return shown


def test_an_empty_state_offers_nothing(folder: Path) -> None:
    Path("bans.state.json").write_bytes(state_file.dumps(State("7f1f5be2-6d5f-4d5b-9b0e-2f1f7f0f3c11", 1)))
    assert plain("state", "show", "") == []
