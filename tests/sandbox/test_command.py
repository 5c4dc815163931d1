"""`reconciler sandbox`: its help, and the state that its command works on."""

import os
import subprocess
import sys
from pathlib import Path

from reconciler import load_state
from reconciler.sandbox import FAULT_KINDS
from tests.command_line import Reconciler

RECONCILER = [sys.executable, "-m", "reconciler"]


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | variables
    return subprocess.run(
        [*RECONCILER, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_help_names_every_kind_of_fault_without_loading_the_sandbox(folder: Path) -> None:
    code = (
        "import sys\n"
        "sys.argv = ['reconciler', 'sandbox', '--help']\n"
        "from reconciler.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    sys.exit(str({'aiohttp', 'botocore', 'boto3'} & set(sys.modules) or ''))\n"
    )
    helped = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert helped.stderr.strip() == ""
    assert f"Howcallsfail:{','.join(FAULT_KINDS)};" in "".join(helped.stdout.split())  # a line may break anywhere


def test_a_kind_of_fault_that_there_is_not_is_a_wrong_usage(reconciler: Reconciler) -> None:
    result = reconciler("sandbox", "--fault", "nonsense")
    assert result.code == 1
    assert "'bad-credentials'" in result.err


def test_several_kinds_of_fault_may_stand_in_the_variable(folder: Path) -> None:
    failing = run(
        "sandbox", "--", *RECONCILER, "apply", "--auto-approve", RECONCILER_FAULT="expired denied", RECONCILER_SEED="1"
    )
    assert failing.returncode == 1
    assert "→ 403 " in failing.stdout


def test_the_command_works_on_the_state_that_the_option_names(folder: Path) -> None:
    applied = run("sandbox", "--state", "tried.json", "--", *RECONCILER, "apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    assert "copy of the state" not in applied.stderr
    assert len(load_state("tried.json").records) == 1
    assert not Path("bans.state.json").exists()


LISTING = """
import os, boto3
chat = boto3.client("ivschat", region_name="us-west-2")
rooms = [room.get("name") for _ in range(7) for room in chat.list_rooms()["rooms"]]
print(len(rooms), rooms[0], rooms[-1])
"""


def test_the_sandbox_has_the_named_rooms_of_the_list_and_as_many_more_as_asked_for(folder: Path) -> None:
    listed = run("sandbox", "--more-rooms", "2", "--room-quota", "7", "--", sys.executable, "-c", LISTING)
    assert listed.returncode == 0, listed.stderr
    first, _, rest = listed.stdout.partition("\n")
    assert first == "21 room-2 lobby"
    assert rest.count("ListRooms in us-west-2      → 200") == 7


def test_without_aiohttp_it_says_what_to_install(folder: Path) -> None:
    (folder / "aiohttp.py").write_text("raise ModuleNotFoundError(name='aiohttp')\n")
    failed = run("sandbox", "--", "true", PYTHONPATH=str(folder))
    assert failed.stderr == (
        "Error: The sandbox needs aiohttp, which an extra brings: pip install 'ivschat-reconciler[sandbox]'\n"
    )
    assert failed.returncode == 1
