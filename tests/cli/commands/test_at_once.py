"""`ban --now` and `lift --now`: published for a while and kicked at once, behind nobody's back and in nobody's way."""

import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import filelock
import pytest

from reconciler.bans import BanKey, parse_time
from reconciler.sandbox import Sandbox
from tests.builders import LINEAGE
from tests.cli.commands.test_holding import denylist, published, state, write
from tests.command_line import AWS_ARN, FINALS, Reconciler

NOW = ("--now", "--auto-approve")


@pytest.fixture
def applied(reconciler: Reconciler, sandbox: Sandbox) -> None:
    """A list that bans amy, whose ban has settled."""
    write("amy")
    assert reconciler("apply", "--auto-approve").code == 0


def kicks(sandbox: Sandbox) -> list[str]:
    return [f"{'lobby' if arn == AWS_ARN else 'finals'}/{user}" for arn, user in sandbox.disconnected[2:]]


@pytest.mark.usefixtures("applied")
def test_a_ban_at_once_is_published_kicked_and_settled_and_waits_to_be_reviewed(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    state = Path("bans.state.json").read_bytes()
    result = reconciler("ban", "zed", "--room", "lobby", "--reason", "Spam", *NOW)
    assert result.code == 0
    assert kicks(sandbox) == ["lobby/zed", "lobby/zed"]
    assert [request.params["reason"] for request in sandbox.requests[2:]] == ["Spam", "Spam"]
    (end,) = denylist().provisional.values()
    assert timedelta(hours=23, minutes=50) < end - datetime.now(UTC) <= timedelta(hours=24)
    assert published() == ["amy"]
    assert Path("bans.state.json").read_bytes() == state
    assert "user_id: zed" in Path("bans.yaml").read_text()
    assert "lobby/zed was disconnected at 20" in result.out
    assert re.search(
        r"^That holds until .* UTC\. For longer, have the change reviewed and applied\.$", result.out, re.M
    )
    assert "  git commit -m 'Ban (done at once, to be reviewed)'\n" in result.out
    # The review: an apply takes over, kicks once more, and the provisional entry is gone.
    assert reconciler("apply", "--auto-approve").code == 0
    assert published() == ["amy", "zed"]
    assert not denylist().provisional


@pytest.mark.usefixtures("applied")
def test_a_ban_at_once_needs_no_lock(reconciler: Reconciler, sandbox: Sandbox) -> None:
    with filelock.FileLock("bans.state.json.lock"):
        assert reconciler("apply", "--auto-approve").code == 1
        assert reconciler("ban", "zed", "--room", "lobby", *NOW).code == 0
    assert kicks(sandbox) == ["lobby/zed", "lobby/zed"]


@pytest.mark.usefixtures("applied")
def test_a_ban_ends_no_later_than_it_should(reconciler: Reconciler, sandbox: Sandbox) -> None:
    short = reconciler("ban", "zed", "--room", "lobby", "--for", "90m", *NOW)
    assert "That holds until" not in short.out
    reconciler("ban", "bob", "--room", "lobby", "--for", "7d", "--provisional", "2h", *NOW)
    ends = {key.user_id: end - datetime.now(UTC) for key, end in denylist().provisional.items()}
    assert timedelta(minutes=85) < ends["zed"] <= timedelta(minutes=90, seconds=1)
    assert timedelta(minutes=115) < ends["bob"] <= timedelta(hours=2)


@pytest.mark.usefixtures("applied")
def test_without_waiting_it_says_when_to_repeat_the_command(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("amy", settle_after=80)
    began = datetime.now(UTC)
    result = reconciler("ban", "zed", "--room", "lobby", "--no-wait", *NOW)
    assert result.code == 0
    assert kicks(sandbox) == ["lobby/zed"]
    (line,) = [line for line in result.err.splitlines() if line.startswith("Tokens from before")]
    at = line.rpartition("after ")[2].removesuffix(" UTC.")
    then = parse_time(f"{began:%Y-%m-%d}T{at}Z")
    assert timedelta(seconds=75) < (then - began) % timedelta(days=1) < timedelta(seconds=140)
    again = reconciler("ban", "zed", "--room", "lobby", "--no-wait", *NOW)
    assert again.code == 0
    assert again.out.startswith("1 ban is listed already, and stays as it is: zed.\n")
    assert kicks(sandbox) == ["lobby/zed", "lobby/zed"]


@pytest.mark.usefixtures("applied")
def test_it_asks_and_only_yes_goes_ahead(reconciler: Reconciler, sandbox: Sandbox) -> None:
    before = Path("bans.yaml").read_text()
    for answer in ("no\n", "y\n", "", "YES\n"):
        result = reconciler("ban", "zed", "--room", "lobby", "--now", typed=answer)
        assert result.code == 1
        assert f"Write this, and disconnect 1 user at {sandbox.url}, which is not AWS now? Only `yes`" in result.out
        assert result.out.endswith("Cancelled. Nothing was done.\n")
    assert (Path("bans.yaml").read_text(), kicks(sandbox)) == (before, [])
    assert reconciler("ban", "zed", "--room", "lobby", "--now", typed="yes\n").code == 0
    assert kicks(sandbox) == ["lobby/zed", "lobby/zed"]
    assert reconciler("lift", "zed", "--now", typed="no\n").code == 1
    assert denylist().provisional
    assert reconciler("lift", "zed", "--now", typed="yes\n").code == 0
    assert not denylist().provisional
    assert Path("bans.yaml").read_text() == before


@pytest.mark.usefixtures("applied")
def test_a_lift_at_once_says_that_recorded_bans_hold(reconciler: Reconciler, sandbox: Sandbox) -> None:
    result = reconciler("lift", "amy", *NOW)
    assert result.code == 0
    assert "A ban that an apply has recorded holds until the change is merged and applied." in " ".join(
        result.out.split()
    )
    assert "done at once and is yet" not in result.out
    assert published() == ["amy"]


@pytest.mark.usefixtures("applied")
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("reconciler.cli.revising.show", "Interrupted. Nothing was done."),
        (
            "reconciler.editing.replace_file",
            "Interrupted. The list is written. What was to be done at once may be done in part: run the same command"
            " again.",
        ),
        ("reconciler.cli.revising.show_plan", "Interrupted. What was done is said above."),
    ],
)
def test_an_interruption_says_what_is_done(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, where: str, said: str
) -> None:
    interrupt_at(where, monkeypatch)
    result = reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert (result.code, result.err.splitlines()[-1]) == (130, said)
    assert ("zed" in Path("bans.yaml").read_text()) == ("Nothing" not in said)
    assert kicks(sandbox) == (["lobby/zed", "lobby/zed"] if "above" in said else [])


def interrupt_at(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C as a function begins."""
    module, _, name = where.rpartition(".")
    function = getattr(import_module(module), name)

    def interrupted(*arguments: object, **options: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return function(*arguments, **options)

    monkeypatch.setattr(where, interrupted)


@pytest.mark.usefixtures("applied")
def test_a_lift_that_is_interrupted_says_what_is_done(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at("reconciler.cli.revising.show_plan", monkeypatch)
    result = reconciler("lift", "amy")
    assert (result.code, result.err.strip()) == (130, "Interrupted. The list is written.")
    assert "amy" not in Path("bans.yaml").read_text()
    result = reconciler("lift", "amy", *NOW)
    assert (result.code, result.err.strip()) == (130, "Interrupted. What was done is said above.")


@pytest.mark.usefixtures("applied")
def test_a_lift_at_once_takes_back_what_is_in_no_list_any_more(reconciler: Reconciler, sandbox: Sandbox) -> None:
    before = Path("bans.yaml").read_text()
    reconciler("ban", "zed", "--all", *NOW)
    reconciler("ban", "eve", "--room", "lobby", *NOW)
    Path("bans.yaml").write_text(before)
    assert len(denylist().provisional) == 3
    result = reconciler("lift", "zed", "--room", "finals", *NOW)
    assert (result.code, len(denylist().provisional)) == (0, 2)
    assert reconciler("lift", "zed", *NOW).code == 0
    assert list(denylist().provisional) == [BanKey(AWS_ARN, "eve")]
    assert published() == ["amy"]


@pytest.mark.usefixtures("applied")
def test_a_lift_that_leaves_a_provisional_ban_says_how_to_end_it(reconciler: Reconciler, sandbox: Sandbox) -> None:
    said = "that ban holds until its own end; to lift it at once, run the same command again with --now.\n"
    assert said not in reconciler("lift", "amy", "--dry-run").out  # an apply lifts it
    reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert said in reconciler("lift", "zed").out
    assert list(denylist().provisional) == [BanKey(AWS_ARN, "zed")]
    again = reconciler("lift", "zed", *NOW)
    assert again.code == 0
    assert said not in again.out
    assert not denylist().provisional


@pytest.mark.usefixtures("applied")
def test_guardrails_and_protected_users_hold(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("amy", more="guardrails: {max_bans: 2, max_everywhere: 0, protected_users: [host-*]}\n")
    before = Path("bans.yaml").read_text()
    for arguments, why in (
        (["a", "b", "c", "--room", "lobby"], "it has 3 new bans, and guardrails.max_bans is 2"),
        (["a", "--everywhere"], "it has 1 new ban everywhere, and guardrails.max_everywhere is 0"),
        (["host-1", "--room", "lobby"], "`host-*` under `protected_users` protects this user"),
    ):
        result = reconciler("ban", *arguments, *NOW)
        assert result.code == 1
        assert why in result.err
    assert (Path("bans.yaml").read_text(), kicks(sandbox)) == (before, [])
    assert not denylist().provisional


@pytest.mark.usefixtures("applied")
def test_a_ban_everywhere_at_once(reconciler: Reconciler, sandbox: Sandbox) -> None:
    assert reconciler("ban", "zed", "--everywhere", *NOW).code == 0
    assert sorted(kicks(sandbox)) == ["finals/zed", "finals/zed", "lobby/zed", "lobby/zed"]
    assert list(denylist().provisional) == [BanKey("*", "zed")]


def test_without_a_denylist_it_is_but_a_kick_and_says_so(reconciler: Reconciler, sandbox: Sandbox) -> None:
    result = reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert result.code == 0
    assert "so this is only a kick: whoever gets a new chat token comes back" in result.err
    assert sandbox.disconnected == ((AWS_ARN, "zed"),)


@pytest.mark.usefixtures("applied")
def test_a_rehearsal_leaves_the_denylist_alone(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_WITHOUT_DENYLIST", "1")
    result = reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert (result.code, kicks(sandbox)) == (0, ["lobby/zed"])
    assert "only a kick" in result.err
    assert not denylist().provisional
    assert reconciler("lift", "zed", *NOW).code == 1


def test_what_cannot_be_published_is_not_kicked_and_fails(reconciler: Reconciler, sandbox: Sandbox) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    write("amy")
    result = reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert result.code == 1
    assert "lobby/zed: There is no denylist at denylist.json yet." in result.err
    assert "1 call failed, so these users may still be in their rooms. Run the same command again;" in result.err
    assert "The list is written, but not all of it was done at once. To have it reviewed:" in result.out
    assert "git commit -m 'Ban'\n" in result.out
    assert sandbox.disconnected == ()


@pytest.mark.usefixtures("applied")
def test_a_call_that_fails_is_told(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.deny(AWS_ARN)
    result = reconciler("ban", "zed", "--all", *NOW)
    assert result.code == 1
    assert "lobby/zed: " in result.err
    assert "finals/zed was disconnected" in result.out
    held = (
        r"\nThe denylist has 1 ban all the same, until [0-9: -]+ UTC at the latest: whoever leaves cannot come back\.\n"
    )
    assert re.search(held, result.out)
    assert set(denylist().provisional) == {BanKey(AWS_ARN, "zed"), BanKey(FINALS, "zed")}


@pytest.mark.usefixtures("applied", "key")
def test_redacted_runs_name_nobody(reconciler: Reconciler, sandbox: Sandbox) -> None:
    sandbox.deny(FINALS)
    for arguments in (["ban", "zed", "--all", *NOW], ["lift", "zed", *NOW]):
        result = reconciler(*arguments, "--redact")
        assert "zed" not in result.out + result.err


@pytest.mark.usefixtures("applied")
def test_a_denylist_on_aws_is_not_touched_by_a_rehearsal(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("amy", location="dynamodb://us-west-2/bans")
    result = reconciler("ban", "zed", "--room", "lobby", *NOW)
    assert result.code == 1
    assert "is on AWS, and the calls of this run go to" in result.err
    assert "zed" not in Path("bans.yaml").read_text()
    assert kicks(sandbox) == []


@pytest.mark.usefixtures("applied")
def test_the_denylist_of_another_state_is_never_written(reconciler: Reconciler, sandbox: Sandbox) -> None:
    before = Path("denylist.json").read_bytes()
    Path("bans.state.json").write_text(Path("bans.state.json").read_text().replace(state().lineage or "", LINEAGE))
    for arguments in (["ban", "zed", "--room", "lobby", *NOW], ["lift", "zed", *NOW]):
        result = reconciler(*arguments)
        assert result.code == 1
        assert "denylist.json holds the denylist of another state" in result.err
    assert (Path("denylist.json").read_bytes(), kicks(sandbox)) == (before, [])
    for path in Path().glob("bans.state.json*"):  # as in a fresh clone, in which nobody knows better
        path.unlink()
    assert reconciler("ban", "zed", "--room", "lobby", *NOW).code == 0
