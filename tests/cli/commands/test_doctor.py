"""`reconciler doctor`: what it finds, that it ends, and that it changes nothing."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from botocore.client import BaseClient

from reconciler import BanKey
from reconciler.bans import format_time
from reconciler.denylist import document, rows
from reconciler.sandbox import Sandbox, SandboxOptions, running
from reconciler.stores import holder
from reconciler.stores.holder import Holder
from tests.aws.servers import behaving, silent
from tests.aws.wire import answering
from tests.ci.loopback import serving
from tests.command_line import FINALS, Reconciler, write_a_state
from tests.hostile import TEXTS
from tests.moto_server import BUCKET
from tests.publishers.places import REGION, make_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HERE = "us-west-2"
ACCOUNT = "123456789012"
ROOM = f"arn:aws:ivschat:{HERE}:{ACCOUNT}:room/"
LOBBY = f"{ROOM}lobby0000000"
HANDLER = f"arn:aws:lambda:{HERE}:{ACCOUNT}:function:review"


@pytest.fixture
def sandbox(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A chat service in which the lobby and the finals exist, and an AWS STS."""
    names = {LOBBY: "Main-stage"}
    options = SandboxOptions(rooms=(LOBBY, FINALS), room_names=names, quota=0, room_quota=0)
    with running(options) as sandbox:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IVSCHAT", sandbox.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sandbox.url)
        yield sandbox


def write(*users: str, extra: str = "", rooms: str = f"  lobby: {LOBBY}\n  finals: {FINALS}\n") -> None:
    entries = "".join(f"  - user_id: {user}\n    rooms: [lobby]\n" for user in users)
    Path("bans.yaml").write_text(
        f"version: 1\nrooms:\n{rooms}{extra}bans:{f'{chr(10)}{entries}' if users else ' []'}\n"
    )


def looked_at(reconciler: Reconciler, *options: str) -> dict[str, list[dict[str, str]]]:
    """The checks by name, as programs get them, without what every run in a sandbox says."""
    result = reconciler("doctor", "--format", "json", *options)
    found = json.loads(result.out)
    assert found["format_version"] == 1
    assert found["ok"] == (result.code == 0) == all(check["verdict"] != "failed" for check in found["checks"])
    assert all(bool(check["advice"]) == (check["verdict"] != "ok") for check in found["checks"])
    checks: dict[str, list[dict[str, str]]] = {}
    for check in found["checks"]:
        checks.setdefault(check["name"], []).append(check)
    return checks


def only(reconciler: Reconciler, name: str, *options: str) -> tuple[str, str, str]:
    """Verdict, detail and advice of the only check of a name."""
    [check] = looked_at(reconciler, *options)[name]
    return check["verdict"], check["detail"], check["advice"]


def applied(reconciler: Reconciler) -> None:
    result = reconciler("apply", "--auto-approve")
    assert result.code == 0, result.err


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# What it says


def test_all_is_well(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed")
    applied(reconciler)
    before = files()
    result = reconciler("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "ok        list          bans.yaml                It is valid: 1 ban; 2 rooms by name.",
        f"warning   endpoint      {sandbox.url}   Amazon IVS Chat is called there, which is not AWS.",
        "    → For a check of AWS, leave out --endpoint-url and the variables and settings that name an endpoint.",
        "ok        credentials   account 123456789012     They are of arn:aws:iam::123456789012:user/sandbox.",
        "ok        state         bans.state.json          It records 1 ban, at serial 1.",
        "ok        room          finals                   It exists, without a name; no handler reviews its messages.",
        'ok        room          lobby                    It exists, as "Main-stage"; no handler reviews its messages.',
        "",
        "No check failed: 1 warning, 5 ok.",
    ]
    assert files() == before
    calls = [request.operation for request in sandbox.requests if request.operation != "DisconnectUser"]
    assert sorted(calls) == ["GetCallerIdentity", "ListRooms", "ListRooms"]


def test_a_list_that_is_wrong_is_all_that_is_looked_at(reconciler: Reconciler, sandbox: Sandbox, key: None) -> None:
    Path("bans.yaml").write_text("version: 1\nbans:\n  - user_id: alice\n    alice: x\n")
    said = "`reconciler validate` shows each with its place, and what to write instead."
    assert looked_at(reconciler) == {
        "list": [
            {
                "name": "list",
                "subject": "bans.yaml",
                "verdict": "failed",
                "detail": "It has 2 problems.",
                "advice": said,
            }
        ]
    }
    assert reconciler("doctor", "--redact").code == 1
    assert sandbox.requests == ()


def test_a_path_that_leads_nowhere_is_not_repeated_if_it_may_name_a_user(reconciler: Reconciler, key: None) -> None:
    shown = reconciler("doctor", "-f", "lobby/alice")
    assert (shown.code, "lobby/alice: there is no such file." in shown.out) == (1, True)
    hidden = reconciler("doctor", "-f", "lobby/alice", "--redact")
    assert hidden.code == 1
    assert "alice" not in hidden.out + hidden.err
    assert "or begin one with `reconciler init`" in hidden.out


def test_warnings_about_the_list_are_counted(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write('"zed "', "bob")
    verdict, detail, _ = only(reconciler, "list")
    assert (verdict, detail) == ("warning", "It is valid: 2 bans; 2 rooms by name, and 1 warning.")
    assert only(reconciler, "list", "--strict")[0] == "failed"


def test_many_checks_of_a_kind_are_cut_and_counted(reconciler: Reconciler, sandbox: Sandbox) -> None:
    names = {f"r{number}": f"{ROOM}r{number:011}" for number in range(60)}
    for number in range(30):
        client = boto3.client("ivschat", region_name=HERE, endpoint_url=sandbox.url)
        names[f"there{number}"] = client.create_room()["arn"]
        client.close()
    write(rooms="".join(f"  {name}: {arn}\n" for name, arn in names.items()))
    cut, whole = reconciler("doctor"), reconciler("doctor", "--all")
    assert (cut.code, cut.out.count("\nfailed    room "), cut.out.count("\nok        room ")) == (1, 50, 20)
    assert "\n20 more checks of the same kinds; --all shows every one.\n" in cut.out
    assert cut.out.endswith("\n60 checks failed, 1 warning, 33 ok.\n")
    assert (whole.out.count("\nfailed    room "), whole.out.count("\nok        room ")) == (60, 30)


def test_on_a_terminal_lines_fit_and_words_say_what_colours_do() -> None:
    from reconciler.verdicts import failed, ok
    from reconciler.views.checks import text

    checks = [ok("room", "lobby", "It exists."), failed("room", "x" * 60, "word " * 30, "Do something. " * 10)]
    lines = text(checks, colour=True, everything=False, width=60).splitlines()
    assert lines[0] == "\x1b[32mok     \x1b[0m   room   lobby             It exists."
    assert lines[1] == "\x1b[31mfailed \x1b[0m   room"
    assert lines[2] == f"    {'x' * 60}"  # whole, so that it can be copied
    assert all(len(re.sub(r"\x1b\[\d+m", "", line)) <= 60 for line in lines if "x" * 60 not in line)
    plain = text(checks, colour=False, everything=False, width=None).splitlines()
    assert (len(plain), plain[2][:6], plain[-1]) == (5, "    → ", "1 check failed, 0 warnings, 1 ok.")
    assert plain[0].index("It exists.") == len("failed    room   ") + 48 + 3


# Credentials


def test_without_credentials_that_is_said_and_the_rest_is_left_out(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    write("zed", extra="denylist: denylist.json\n")
    checks = looked_at(reconciler)
    [credentials] = checks["credentials"]
    assert (credentials["verdict"], credentials["subject"]) == ("failed", f"account {ACCOUNT}")
    assert credentials["detail"].startswith("There are no AWS credentials.")
    assert [(check["verdict"], check["detail"]) for check in checks["rooms"]] == [
        ("warning", "It was not looked at, since the AWS credentials cannot be used.")
    ] * 2
    assert [check["verdict"] for check in checks["state"] + checks["denylist"]] == ["warning", "warning"]
    assert sandbox.requests == ()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "The AWS credentials have expired. Renew them. ExpiredToken: x (HTTP 403, request ID r1)"),
        ("InvalidClientTokenId", "The AWS credentials are not known to AWS. Renew them. "),
        ("Odd", "AWS STS does not say whose the credentials are. Odd: x "),
        ("", "AWS STS does not say whose the credentials are. "),
    ],
)
def test_credentials_that_aws_does_not_take_fail(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    write()
    error = f"<Error><Code>{code}</Code><Message>x</Message></Error><RequestId>r1</RequestId>"
    with answering(403, "text/xml", f"<ErrorResponse>{error}</ErrorResponse>".encode()) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        verdict, detail, advice = only(reconciler, "credentials")
    assert verdict == "failed"
    assert detail.startswith(said)
    assert advice == "docs/ci.md, `Permissions in AWS`, says what they need to be allowed."


@pytest.mark.parametrize("body", [b"", b"<html>Please log in</html>", b"{}", b"<a><b>", b"\xff"])
def test_whatever_else_answers_in_place_of_sts_fails(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    write()
    with answering(200, "text/xml", body) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        verdict, detail, _ = only(reconciler, "credentials")
    assert (verdict, len(detail) < 300) == ("failed", True)


def test_each_account_of_the_list_needs_credentials(reconciler: Reconciler, sandbox: Sandbox) -> None:
    other = "arn:aws:ivschat:us-west-2:999999999999:room/other0000000"
    write(rooms=f"  lobby: {LOBBY}\n  other: {other}\n")
    checks = looked_at(reconciler)
    assert [(check["subject"], check["verdict"]) for check in checks["credentials"]] == [
        (f"account {ACCOUNT}", "ok"),
        ("account 999999999999", "failed"),
    ]
    [_, room] = sorted(checks["room"], key=lambda check: check["subject"])
    assert (room["verdict"], room["detail"]) == (
        "failed",
        "It is a room of account 999999999999, and the credentials show the rooms of account 123456789012.",
    )


def test_a_profile_that_is_not_there_is_named(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write()
    verdict, detail, _ = only(reconciler, "credentials", "--profile", "moderation")
    assert (verdict, "moderation" in detail) == ("failed", True)


def test_aws_is_not_asked_about_what_stands_in_for_it(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    write()
    checks = looked_at(reconciler)
    assert "credentials" not in checks
    assert checks["endpoint"][0]["subject"] == sandbox.url
    assert {request.operation for request in sandbox.requests} == {"ListRooms"}


# Rooms


def test_a_room_that_is_gone_fails(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write(rooms=f"  lobby: {LOBBY}\n  gone: {ROOM}gone00000000\n")
    gone = next(check for check in looked_at(reconciler)["room"] if check["subject"] == "gone")
    assert (gone["verdict"], gone["detail"]) == ("failed", f"There is no such room in us-west-2: {ROOM}gone00000000.")
    assert gone["advice"].endswith(" `reconciler rooms --region us-west-2` shows the rooms that there are.")


def test_rooms_that_bans_name_by_their_arn_are_looked_for_too(reconciler: Reconciler, sandbox: Sandbox) -> None:
    Path("bans.yaml").write_text(f"version: 1\nbans:\n  - user_id: zed\n    rooms: [{ROOM}gone00000000]\n")
    assert only(reconciler, "room")[0] == "failed"


@pytest.mark.parametrize(("fallback", "verdict"), [("ALLOW", "warning"), ("DENY", "ok"), (None, "warning")])
def test_what_happens_when_a_handler_fails_is_said(
    reconciler: Reconciler, sandbox: Sandbox, fallback: str | None, verdict: str
) -> None:
    client = boto3.client("ivschat", region_name=HERE, endpoint_url=sandbox.url)
    settings: Any = {"uri": HANDLER} | ({"fallbackResult": fallback} if fallback else {})
    client.update_room(identifier=LOBBY, messageReviewHandler=settings)
    client.close()
    write()
    [check] = looked_at(reconciler)["message review"]
    assert (check["subject"], check["verdict"]) == ("lobby", verdict)
    if verdict == "warning":
        assert "those of banned users too (fallbackResult ALLOW)." in check["detail"]
        assert check["advice"] == (
            "Where that is worse than silence: `aws ivschat update-room --region us-west-2 --identifier"
            f" {LOBBY} --message-review-handler uri={HANDLER},fallbackResult=DENY`"
        )


def test_what_discover_finds_is_counted(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write(extra=f"discover: [{{region: {HERE}, name_prefix: Main}}, {{region: {HERE}, name_prefix: game-}}]\n")
    found = [(check["subject"], check["verdict"], check["detail"]) for check in looked_at(reconciler)["discover"]]
    assert found == [
        ("discover[0]", "ok", "It finds 1 room in us-west-2."),
        ("discover[1]", "warning", "It finds no room in us-west-2."),
    ]


def test_one_region_that_is_denied_keeps_nobody_from_the_others(
    reconciler: Reconciler, sandbox: Sandbox, credentials: None
) -> None:
    def answer(_method: str, _path: str, headers: Any, _content: object) -> tuple[int, object]:
        if f"/{HERE}/" in headers["Authorization"]:
            return 403, {"__type": "AccessDeniedException", "message": "no"}
        return 200, {"rooms": [{"arn": FINALS}]}

    write()
    with serving(answer) as url:
        checks = looked_at(reconciler, "--endpoint-url", url)
    [denied] = checks["rooms"]
    assert (denied["subject"], denied["verdict"]) == (HERE, "failed")
    assert "Allow ivschat:ListRooms in us-west-2 in their policy." in denied["detail"]
    assert [(check["subject"], check["verdict"]) for check in checks["room"]] == [("finals", "ok")]


def test_of_20_000_rooms_no_more_are_read_than_it_takes(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.cli.diagnosis.LIST_ROOMS_RATE", 0)
    with running(SandboxOptions(rooms=(LOBBY,), more_rooms=20_000, room_quota=0)) as many:
        client = boto3.client("ivschat", region_name=HERE, endpoint_url=many.url)
        client.update_room(identifier=LOBBY, name="Main-stage")  # the first from now on
        client.close()
        write(rooms=f"  lobby: {LOBBY}\n")
        assert only(reconciler, "room", "--endpoint-url", many.url)[0] == "ok"
        assert [request.operation for request in many.requests].count("ListRooms") == 1


def test_names_of_any_kind_are_shown_as_text(reconciler: Reconciler, sandbox: Sandbox) -> None:
    arns = [f"{ROOM}{number:012}" for number in range(48)]
    rooms = [
        {"arn": arn, "name": name, "messageReviewHandler": {"uri": name, "fallbackResult": name}}
        for arn, name in zip(arns, TEXTS[:48], strict=True)
    ]
    write(rooms="".join(f"  r{number}: {arn}\n" for number, arn in enumerate(arns)))
    with serving(lambda *_request: (200, {"rooms": rooms})) as url:
        text = reconciler("doctor", "--all", "--endpoint-url", url).out
        plain = reconciler("doctor", "--format", "json", "--endpoint-url", url).out
    assert all(character.isprintable() or character == "\n" for character in text + plain)
    lines = text.splitlines()
    assert [line for line in lines if line and not re.match(r"(ok|warning|failed)  |    → |No check|All ", line)] == []
    assert text.count("\nok        room ") == 48


# The state


def test_what_a_state_says_is_left_to_do_is_a_warning(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed", extra="denylist: {location: denylist.json, settle_after: 90}\n")
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    assert only(reconciler, "settling")[:2] == ("ok", "1 ban will settle with the next apply.")
    path, then = Path("bans.state.json"), datetime.now(UTC) - timedelta(hours=1)
    path.write_text(re.sub(r'"published_at":"[^"]*"', f'"published_at":"{format_time(then)}"', path.read_text()))
    verdict, detail, advice = only(reconciler, "settling")
    due = then + timedelta(seconds=150)
    assert verdict == "warning"
    assert detail.startswith(f"1 ban has been due to settle since {due:%Y-%m-%d %H:%M:%S} UTC: somebody may have come")
    assert advice.startswith("Run `reconciler apply`, which disconnects them once more")


def test_a_state_of_aws_fails_where_something_else_is_called(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed")
    write_a_state()
    verdict, detail, _ = only(reconciler, "state")
    assert verdict == "failed"
    assert detail.startswith("An apply is refused. bans.state.json records what was done on AWS")
    write_a_state(sandbox.url)
    assert only(reconciler, "state")[0] == "ok"


def test_a_denylist_that_the_list_no_longer_names_is_a_warning(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed", extra="denylist: {location: old.json, settle_after: 1}\n")
    applied(reconciler)
    write("zed", extra="denylist: new.json\n")
    verdict, detail, _ = only(reconciler, "old denylist")
    assert (verdict, detail) == ("warning", "It still holds bans of this list, which no longer names it.")


def test_a_damaged_state_fails_and_the_denylist_is_looked_at_all_the_same(
    reconciler: Reconciler, sandbox: Sandbox
) -> None:
    write("zed", extra="denylist: {location: denylist.json, settle_after: 80}\n")
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    Path("bans.state.json").write_text("{")
    checks = looked_at(reconciler)
    assert checks["state"][0]["verdict"] == "failed"
    assert "bans.state.json is not a state file" in checks["state"][0]["detail"]
    [denylist] = checks["denylist"]
    assert denylist["verdict"] == "warning"
    assert "Whether it is ours is not known without the state." in denylist["detail"]
    assert len(checks["room"]) == 2


def test_a_lock_on_s3_that_stays_is_a_warning(reconciler: Reconciler, sandbox: Sandbox, s3: Any) -> None:
    state = f"{uuid4()}/bans.state.json"
    write(extra=f"state: s3://{BUCKET}/{state}\n")
    assert only(reconciler, "lock")[:2] == ("ok", "Nobody holds it.")
    for hours, verdict in ((0, "ok"), (5, "warning")):
        since = datetime.now(UTC) - timedelta(hours=hours)
        who = Holder("apply", "alice", "ci", 7, since, "lock-1")
        s3.put_object(Bucket=BUCKET, Key=f"{state}.lock", Body=holder.dumps(who).encode())
        said, detail, advice = only(reconciler, "lock")
        assert (said, f"`apply` of alice on ci (process 7, since {since:%Y-%m-%d %H:%M:%S} UTC)" in detail) == (
            verdict,
            True,
        )
    assert f"`reconciler force-unlock lock-1 --state s3://{BUCKET}/{state}`" in advice
    s3.put_object(Bucket=BUCKET, Key=f"{state}.lock", Body=b"x")
    assert only(reconciler, "lock")[0] == "warning"


# The denylist


def edit_denylist(**changes: Any) -> None:
    there = document.loads(Path("denylist.json").read_bytes())
    Path("denylist.json").write_bytes(document.dumps(replace(there, **changes)))


def head(**changes: Any) -> Callable[[], None]:
    def change() -> None:
        there = document.loads(Path("denylist.json").read_bytes()).head
        assert there is not None
        edit_denylist(head=replace(there, **changes))

    return change


@pytest.mark.parametrize(
    ("change", "verdict", "said"),
    [
        (lambda: None, "ok", "It is ours: lineage "),
        (head(lineage=str(uuid4())), "failed", "denylist.json holds the denylist of another state: lineage "),
        (head(serial=7), "warning", "It is another publication than the state remembers: serial 7, and serial 1."),
        (head(settle_after=60), "warning", "Its readers go by a settle_after of 60 s, and the list says 90."),
        (lambda: edit_denylist(bans={}), "failed", "It lacks 1 recorded ban, or lets them end too early"),
        (lambda: Path("denylist.json").unlink(), "failed", "There is nothing, though the state remembers to have"),
        (lambda: Path("denylist.json").write_text("{}"), "failed", "denylist.json is not a denylist"),
        (
            lambda: Path("denylist.json").write_text(Path("denylist.json").read_text().replace('"count"', '"c"')),
            "failed",
            "denylist.json is damaged",
        ),
        (
            lambda: Path("denylist.json").write_text(
                Path("denylist.json").read_text().replace('"format_version": 1', '"format_version": 99')
            ),
            "failed",
            "Upgrade reconciler",
        ),
    ],
    ids=["ours", "foreign", "serial", "settle_after", "lacking", "gone", "something else", "damaged", "too new"],
)
def test_a_denylist_is_compared_with_the_state(
    reconciler: Reconciler, sandbox: Sandbox, change: Callable[[], None], verdict: str, said: str
) -> None:
    write("zed", extra="denylist: denylist.json\n")
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    change()
    before = files()
    found, detail, _ = only(reconciler, "denylist")
    assert found == verdict
    assert said in detail
    assert files() == before


def test_bans_that_nobody_knows_are_a_warning(reconciler: Reconciler, sandbox: Sandbox, key: None) -> None:
    write("zed", extra="denylist: denylist.json\n")
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    there = document.loads(Path("denylist.json").read_bytes())
    edit_denylist(bans={**there.bans, BanKey(LOBBY, "alice"): None})
    assert only(reconciler, "denylist")[:2] == ("warning", "It holds 1 ban for longer than the state has them.")
    assert "alice" not in reconciler("doctor").out


def test_a_denylist_that_is_new_in_the_list_is_a_warning(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed", extra="denylist: denylist.json\n")
    verdict, detail, advice = only(reconciler, "denylist")
    assert (verdict, detail.startswith("Nothing has been published yet")) == ("warning", True)
    assert advice == "Run `reconciler apply`: it publishes everybody who is banned."


def test_a_settle_after_that_is_too_short_is_a_warning(reconciler: Reconciler, sandbox: Sandbox) -> None:
    write("zed", extra="denylist: {location: denylist.json, settle_after: 74}\n")
    assert only(reconciler, "settle_after")[0] == "warning"
    write("zed", extra="denylist: {location: denylist.json, settle_after: 75}\n")
    assert "settle_after" not in looked_at(reconciler)


@pytest.mark.parametrize(("hours", "verdict"), [(5, "warning"), (20, "ok")])
def test_provisional_bans_that_end_soon_are_a_warning(
    reconciler: Reconciler, sandbox: Sandbox, hours: int, verdict: str
) -> None:
    write("zed", extra="denylist: denylist.json\n")
    assert reconciler("apply", "--auto-approve", "--no-wait").code == 0
    assert "provisional bans" not in looked_at(reconciler)
    edit_denylist(provisional={BanKey("*", "alice"): datetime.now(UTC) + timedelta(hours=hours)})
    assert only(reconciler, "provisional bans")[0] == verdict
    assert "alice" not in reconciler("doctor").out


# On DynamoDB


def in_a_table(table: str, more: str = "") -> str:
    return f"denylist: {{location: dynamodb://{REGION}/{table}, settle_after: 1{more}}}\n"


def switch_on(client: "DynamoDBClient", table: str) -> None:
    client.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})


def test_a_table_is_looked_at_by_its_head_and_its_ttl(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient"
) -> None:
    table = make_table(dynamodb)
    write("zed", extra=in_a_table(table))
    applied(reconciler)
    checks = looked_at(reconciler)
    assert checks["denylist"][0]["verdict"] == "ok"
    assert checks["denylist"][0]["detail"].endswith(
        " Its rows were not read: `reconciler plan --refresh` compares them."
    )
    assert (checks["TTL"][0]["verdict"], checks["TTL"][0]["detail"]) == (
        "warning",
        f"Time to Live of the table {table} is switched off: rows stay for ever.",
    )
    assert f"--table-name {table} --time-to-live-specification Enabled=true" in checks["TTL"][0]["advice"]
    switch_on(dynamodb, table)
    assert only(reconciler, "TTL")[0] == "ok"
    key = rows.head_key("bans")
    dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": key.pk}, "sk": {"S": key.sk}},
        UpdateExpression="SET #open = :open",
        ExpressionAttributeNames={"#open": "open"},
        ExpressionAttributeValues={":open": {"BOOL": True}},
    )
    verdict, detail, _ = only(reconciler, "denylist")
    assert (verdict, detail.startswith("An apply has begun to publish, and has not ended: ")) == ("warning", True)


def test_tables_that_are_not_there_fail_each_for_itself(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient"
) -> None:
    write(extra=in_a_table("none-1", f", token_records: dynamodb://{REGION}/none-2"))
    checks = looked_at(reconciler)
    verdicts = [
        (check["subject"][-6:], check["verdict"])
        for name in ("denylist", "token records", "TTL")
        for check in checks[name]
    ]
    assert verdicts == [("none-1", "failed"), ("none-2", "failed"), ("none-1", "warning"), ("none-2", "warning")]
    assert "there is no table none-1 in us-west-2" in checks["denylist"][0]["detail"]
    assert [check["verdict"] for check in checks["room"]] == ["ok", "ok"]


def record(client: "DynamoDBClient", table: str, number: int, issued_at: str) -> None:
    item = {"pk": {"S": f"user-{number}"}, "sk": {"S": LOBBY}, "issued_at": {"S": issued_at}}
    client.put_item(TableName=table, Item=item)


def test_token_records_are_looked_at_by_their_age(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient"
) -> None:
    table, records = make_table(dynamodb), make_table(dynamodb)
    write(extra=in_a_table(table, f", token_records: dynamodb://{REGION}/{records}"))
    now = datetime.now(UTC)
    verdict, detail, advice = only(reconciler, "token records")
    assert (verdict, detail) == ("warning", "There are none: no token service has written one for hours.")
    assert "docs/gate.md" in advice
    record(dynamodb, records, 1, "soon")
    assert "has an `issued_at`" in only(reconciler, "token records")[1]
    record(dynamodb, records, 2, format_time(now - timedelta(hours=4)))
    verdict, detail, _ = only(reconciler, "token records")
    assert (verdict, detail) == ("warning", "The newest of 2 records that were read is about 4 h 1 min old.")
    record(dynamodb, records, 3, format_time(now - timedelta(minutes=5)))
    verdict, detail, _ = only(reconciler, "token records")
    assert (verdict, detail.startswith("They are being written: the newest of 3 that were read is about ")) == (
        "ok",
        True,
    )


def test_more_records_than_are_read_prove_nothing(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("aws.token_records", "doctor.token_records"):
        monkeypatch.setattr(f"reconciler.{module}.SAMPLE", 3)
    table, records = make_table(dynamodb), make_table(dynamodb)
    write(extra=in_a_table(table, f", token_records: dynamodb://{REGION}/{records}"))
    for number in range(5):
        record(dynamodb, records, number, format_time(datetime.now(UTC) - timedelta(days=2)))
    assert only(reconciler, "token records")[1] == (
        "The newest of 3 records that were read is about 48 h 1 min old. There are more than these 3, so this proves"
        " nothing."
    )


def test_it_asks_for_no_more_than_its_policy_allows(
    reconciler: Reconciler, sandbox: Sandbox, dynamodb: "DynamoDBClient", s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (Path(__file__).parents[3] / "docs/ci.md").read_text().split("## Will bans work")[1]
    policy = json.loads(re.findall(r"^```json\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[0])
    actions: set[str] = set()
    for statement in policy["Statement"]:
        said = statement["Action"]
        actions |= {said} if isinstance(said, str) else set(said)
    table, records = make_table(dynamodb), make_table(dynamodb)
    state = f"state: s3://{BUCKET}/{uuid4()}/bans.state.json\n"
    write(extra=state + in_a_table(table, f", token_records: dynamodb://{REGION}/{records}"))
    called: set[str] = set()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: BaseClient, operation: str, *arguments: object) -> object:
        called.add(f"{client.meta.service_model.endpoint_prefix}:{operation}")
        return call(client, operation, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    looked_at(reconciler)
    assert called - {"sts:GetCallerIdentity"} == actions - {"s3:ListBucket"}  # which S3 asks for where nothing is


# What never answers


def test_services_that_never_answer_are_given_up(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.doctor.examination.SECONDS", 0.2)
    monkeypatch.setattr("reconciler.cli.diagnosis._SECONDS_FOR_ROOMS", 0.2)
    monkeypatch.setattr("reconciler.aws.caller.SECONDS", 0.2)
    with behaving(silent) as port:
        url = f"http://127.0.0.1:{port}"
        for service in ("IVSCHAT", "STS", "DYNAMODB", "S3"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", HERE)
        more = f"state: s3://{BUCKET}/bans.state.json\n"
        write(extra=more + in_a_table("table", f", token_records: dynamodb://{REGION}/records"))
        checks = looked_at(reconciler)
    verdicts = {name: [check["verdict"] for check in found] for name, found in checks.items()}
    assert verdicts == {
        "list": ["ok"],
        "endpoint": ["warning"],
        "credentials": ["failed"],
        "state": ["failed"],
        "lock": ["warning"],
        "denylist": ["failed"],
        "TTL": ["warning", "warning"],
        "token records": ["failed"],
        "rooms": ["failed", "failed"],
    }


def test_whatever_else_answers_in_place_of_aws_stops_no_other_check(
    reconciler: Reconciler, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(200, "text/html", b"<html>Please log in</html>") as url:
        for service in ("IVSCHAT", "DYNAMODB", "S3"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        write(extra=in_a_table("table", f", token_records: dynamodb://{REGION}/records"))
        checks = looked_at(reconciler)
    verdicts = {name: [check["verdict"] for check in found] for name, found in checks.items()}
    assert verdicts["credentials"] == ["ok"]
    assert verdicts["denylist"] == verdicts["token records"] == ["failed"]
    assert (verdicts["TTL"], verdicts["rooms"]) == (["warning", "warning"], ["failed", "failed"])
