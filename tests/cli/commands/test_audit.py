"""`reconciler audit`: from logs in a folder or on S3 to who spoke, as text, as JSON and as an exit code."""

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler import Ban, BanKey, Record, State
from reconciler.bans import EVERYWHERE
from reconciler.cli.commands.audit import Since
from reconciler.state import file as state_file
from tests import hostile
from tests.audit.builders import event, later, lines, message
from tests.builders import LINEAGE, NOW
from tests.command_line import AWS_ARN, FINALS, PROGRAM, REDACT, Reconciler, banning
from tests.logs import assert_harmless_in_a_log

LOGS = Path("logs/AWSLogs/12345689012/IVSChatLogs/1.0/us-west-2/room_g1H2I3j4k5L6/2026/11/22/16")
LOG = LOGS / "12345689012_IVSChatLogs_1.0_us-west-2_room_g1H2I3j4k5L6_202611221600_b1c2.log.gz"


def records(*users: str, room: str = AWS_ARN, **more: Any) -> dict[BanKey, Record]:
    return {BanKey(room, user): Record(Ban(None, None), **{"disconnected_at": NOW, **more}) for user in users}


def write_state(records: dict[BanKey, Record]) -> None:
    Path("bans.state.json").write_bytes(state_file.dumps(State(LINEAGE, 1, records)))


def write_log(*said: object) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    LOG.write_bytes(gzip.compress(lines(*said)))


@pytest.fixture
def _spoke(folder: Path) -> None:
    write_state(records("zed", "amy"))
    twice = [message("zed", later(1)), message("zed", later(61.5))]
    write_log(message("zed", later(-5)), *twice, message("bob", later(2)), event(), message("amy", later(5)))


READ = "Read 6 records in 1 log; looked for 2 bans."
NO_DENYLIST = (
    "The list has no denylist, so a ban is but a kick: the user comes back with the next token, unless your token"
    " service refuses by itself. A `denylist` makes bans hold.\n"
)


@pytest.mark.usefixtures("_spoke")
def test_whoever_spoke_is_told_with_the_exit_code(reconciler: Reconciler) -> None:
    audited = reconciler("audit", "logs")
    assert audited.out == (
        "zed spoke 2 times in lobby after the ban of 2026-11-22 16:00 UTC: first at 2026-11-22 16:00:01 UTC, last at"
        " 2026-11-22 16:01:01 UTC.\n"
        "amy spoke once in lobby after the ban of 2026-11-22 16:00 UTC: at 2026-11-22 16:00:05 UTC.\n"
        f"\n2 banned users spoke: 3 messages. {READ}\n\n{NO_DENYLIST}"
    )
    assert (audited.code, audited.err) == (2, "")


@pytest.mark.usefixtures("_spoke")
def test_json_is_for_programs(reconciler: Reconciler) -> None:
    audited = reconciler("audit", "--format", "json", str(LOG))
    assert audited.code == 2
    shared = {"room": "lobby", "room_arn": AWS_ARN, "banned_at": "2026-11-22T16:00:00Z"}
    assert json.loads(audited.out) == {
        "format_version": 1,
        "records": 6,
        "skipped": 0,
        "findings": [
            {
                "user_id": "zed",
                **shared,
                "first": "2026-11-22T16:00:01Z",
                "last": "2026-11-22T16:01:01.500000Z",
                "messages": 2,
            },
            {
                "user_id": "amy",
                **shared,
                "first": "2026-11-22T16:00:05Z",
                "last": "2026-11-22T16:00:05Z",
                "messages": 1,
            },
        ],
    }


@pytest.mark.usefixtures("_spoke")
def test_a_list_with_a_denylist_gets_other_advice(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text(banning("zed", extra="denylist: denylist.json\n"))
    audited = reconciler("audit", "logs")
    assert "does not ask the gate with `admit`" in audited.out
    assert NO_DENYLIST not in audited.out


def test_nobody_spoke(reconciler: Reconciler) -> None:
    write_state(records("zed") | records("new", published_at=NOW) | records("old", "older", disconnected_at=None))
    write_log(message("amy", later(5)), message("new", later(5)), message("old", later(5)))
    audited = reconciler("audit", "logs/")
    assert audited.out == (
        "Nobody who is banned spoke. Read 3 records in 1 log; looked for 1 ban.\n"
        "Not looked for yet: 1 ban has yet to settle: the next apply disconnects its user once more.\n"
        "Not looked for: 2 bans whose users reconciler has never disconnected, so that it is not known since when they"
        " hold. --since TIME looks for them from that time on.\n"
    )
    assert (audited.code, audited.err) == (0, "")
    as_json = reconciler("audit", "logs", "--format", "json")
    assert json.loads(as_json.out)["findings"] == []
    assert as_json.err.startswith("Not looked for yet: 1 ban has yet to settle")
    since = reconciler("audit", "logs", "--since", "2026-11-22T16:00:04Z", "--format", "json")
    assert [finding["user_id"] for finding in json.loads(since.out)["findings"]] == ["old"]
    assert reconciler("audit", "logs", "--since", "2026-11-22T16:00:05Z").code == 0


def test_a_missing_state_is_told(reconciler: Reconciler) -> None:
    write_log(message("amy"))
    audited = reconciler("audit", "logs")
    assert (audited.code, audited.err) == (0, "There is no state in bans.state.json yet, so nobody is looked for.\n")


@pytest.mark.usefixtures("_spoke")
def test_room_may_be_a_name_an_arn_or_everywhere(reconciler: Reconciler) -> None:
    Path("chat.jsonl").write_bytes(lines(message("zed", later(5)), message("eve", later(5))))
    write_state(records("zed") | records("eve", room=EVERYWHERE))
    Path("bans.yaml").write_text(banning("zed"))
    assert "say so with --room" in reconciler("audit", "chat.jsonl").err.lower()
    for room, found in (("lobby", 2), (AWS_ARN, 2), ("finals", 1), (FINALS, 1), ("everywhere", 1)):
        audited = reconciler("audit", "chat.jsonl", "--room", room, "--format", "json")
        assert len(json.loads(audited.out)["findings"]) == found, room
    (finding,) = json.loads(audited.out)["findings"]
    assert (finding["room"], finding["room_arn"]) == ("everywhere", "*")
    assert "eve spoke once after the ban of" in reconciler("audit", "chat.jsonl", "--room", "everywhere").out
    unknown = reconciler("audit", "chat.jsonl", "--room", "Lobby").err
    assert 'Invalid value for --room: there is no room "Lobby" under `rooms`; did you mean `lobby`?\n' in unknown


def test_a_room_of_which_only_the_id_is_known_has_no_arn(reconciler: Reconciler) -> None:
    write_state(records("eve", room=EVERYWHERE))
    Path("room_AbCdEf123456.log").write_bytes(lines(message("eve", later(5))))
    (finding,) = json.loads(reconciler("audit", "room_AbCdEf123456.log", "--format", "json").out)["findings"]
    assert (finding["room"], finding["room_arn"]) == ("AbCdEf123456", None)


@pytest.mark.usefixtures("_spoke")
@pytest.mark.parametrize("packed", [True, False])
def test_standard_input_is_a_log(packed: bool) -> None:
    content = LOG.read_bytes() if packed else gzip.decompress(LOG.read_bytes())
    command = [*PROGRAM, "audit", "-", "--room", "lobby", "--format", "json"]
    ran = subprocess.run(command, input=content, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 2, ran.stderr
    assert len(json.loads(ran.stdout)["findings"]) == 2


@pytest.mark.usefixtures("_spoke")
def test_logs_on_s3_are_read_where_they_are(
    reconciler: Reconciler, s3_server: str, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="audited")
    s3.put_object(Bucket="audited", Key=str(LOG).removeprefix("logs/"), Body=LOG.read_bytes())
    s3.close()
    audited = reconciler("audit", "s3://audited/AWSLogs/")
    assert (audited.code, audited.err) == (2, "")
    assert f"2 banned users spoke: 3 messages. {READ}" in audited.out
    assert "There are no chat logs" in reconciler("audit", "s3://audited/nothing/").err
    assert "There are no chat logs" in reconciler("audit", "s3://audited/", "--since", "2100-01-01T00:00:00Z").err


@pytest.mark.usefixtures("_spoke")
def test_an_audit_that_could_not_read_everything_fails(reconciler: Reconciler) -> None:
    (LOGS / f"x{LOG.name}").write_bytes(b"\x1f\x8bgarbage")
    audited = reconciler("audit", "logs")
    assert (audited.code, "The audit is not complete: 1 log could not be read." in audited.err) == (2, True)
    write_log(message("bob"))
    assert reconciler("audit", "logs").code == 1


def test_what_is_not_there_or_no_log_is_an_error(reconciler: Reconciler) -> None:
    Path("empty").mkdir()
    for arguments, said in {
        (): "Missing argument 'LOG...'",
        ("empty",): "There are no chat logs",
        ("chat.log",): "chat.log cannot be read: No such file or directory.",
        ("room_x.log",): "room_x.log cannot be read: No such file or directory.",
        ("/dev/zero", "--room", "lobby"): "/dev/zero cannot be read: it is not a file.",
        ("bans.yaml", "--room", "lobby"): "bans.yaml is not a chat log",
        ("empty", "--since", "yesterday"): "Invalid value for '--since'",
    }.items():
        failed = reconciler("audit", *arguments)
        assert (failed.code, failed.out) == (1, "")
        assert said in failed.err


@pytest.mark.usefixtures("_spoke")
def test_redacted_it_names_nobody(reconciler: Reconciler, key: None) -> None:
    for arguments in (["logs"], ["logs", "--format", "json"], ["zed"], ["lobby/zed"]):
        audited = reconciler("audit", *arguments, "--redact")
        assert "zed" not in audited.out + audited.err
        assert "amy" not in audited.out + audited.err
    assert f"{REDACT.user('zed')} spoke 2 times in lobby" in reconciler("audit", "logs", "--redact").out


@pytest.mark.usefixtures("folder")
def test_nothing_hostile_reaches_the_terminal(reconciler: Reconciler) -> None:
    users = hostile.TEXTS
    write_state(records(*users))
    write_log(*(message(user, later(5), Content=user, Id=user, Attributes={user: user}) for user in users))
    text = reconciler("audit", "logs", "--all")
    assert len(text.out.splitlines()) == len(users) + 4
    assert_harmless_in_a_log(text.out + text.err)
    as_json = reconciler("audit", "logs", "--format", "json").out
    assert_harmless_in_a_log(as_json)
    assert {finding["user_id"] for finding in json.loads(as_json)["findings"]} == set(users)
    (LOGS / "x\x1b[31m\n::error::x.log").write_text("x")
    assert_harmless_in_a_log(reconciler("audit", "logs").err)


def test_a_hundred_findings_are_shown_and_all_with_all(reconciler: Reconciler) -> None:
    users = [f"u{number}" for number in range(120)]
    write_state(records(*users))
    write_log(*(message(user, later(5)) for user in users))
    shown = reconciler("audit", "logs").out.splitlines()
    assert shown[100] == "… and 20 more; --all shows every one."
    assert shown[102].startswith("120 banned users spoke: 120 messages.")
    assert len(reconciler("audit", "logs", "--all").out.splitlines()) == len(shown) + 19
    assert len(json.loads(reconciler("audit", "logs", "--format", "json").out)["findings"]) == 120


def test_so_long_ago_is_a_time() -> None:
    for text, ago in {"90m": timedelta(minutes=90), "24h": timedelta(hours=24), "7d": timedelta(days=7)}.items():
        before = datetime.now(UTC) - ago
        assert before <= Since().convert(text, None, None) <= datetime.now(UTC) - ago
    assert Since().convert("2026-11-22T16:00:00Z", None, None) == NOW


def test_ctrl_c_ends_it(folder: Path) -> None:
    write_state(records("zed"))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "audit", "-", "--room", "lobby"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(lines(message("zed", later(1))) * 10_000)
        process.stdin.flush()  # more than a pipe holds: it is reading
        process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith(b"Interrupted. Nothing was done.\n")
