"""`reconciler why`: is this user banned, where, until when, and why?"""

import json
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler import Ban, BanKey, Record, State
from reconciler.denylist import document
from reconciler.denylist.value import Contents, Head
from reconciler.plan.why import Answer, Commit, Ruling, Standing
from reconciler.state import file as state_file
from reconciler.views.why_text import why
from tests import hostile
from tests.builders import FINALS, LINEAGE, LOBBY
from tests.command_line import KEY, REDACT, WRONG, Reconciler
from tests.logs import assert_harmless_in_a_log
from tests.repositories import commit, git, imported, repository

HEAD = f"version: 1\nrooms:\n  lobby: {LOBBY}\n  finals: {FINALS}\n"
ZED = "  - user_id: zed\n    rooms: [lobby]\n    reason: Spam\n    note: TS-4211\n"
BAN = Ban("Spam")
THEN = datetime(2026, 11, 2, 9, 5, 13, tzinfo=UTC)
NOW = datetime.now(UTC).replace(microsecond=0)
SOON = (NOW + timedelta(days=300)).replace(hour=0, minute=0, second=0)
PAST = datetime(2026, 1, 31, tzinfo=UTC)
SHOWN_SOON = f"{SOON:%Y-%m-%d %H:%M} UTC"


@pytest.fixture(autouse=True)
def _no_settings_of_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def listed(*entries: str, extra: str = "") -> None:
    Path("bans.yaml").write_text(f"{HEAD}{extra}bans:" + ("\n" + "".join(entries) if entries else " []\n"))


def recorded(records: Mapping[BanKey, Record]) -> None:
    Path("bans.state.json").write_bytes(state_file.dumps(State(LINEAGE, 1, records)))


def record(ban: Ban = BAN, published_at: datetime | None = None) -> Record:
    return Record(ban, THEN, "8f0c2a", published_at)


def published(
    bans: Mapping[BanKey, datetime | None], provisional: Mapping[BanKey, datetime] | None = None, lineage: str = LINEAGE
) -> None:
    contents = Contents(Head(lineage, 1, len(bans), 90, THEN), bans, provisional or {})
    Path("denylist.json").write_bytes(document.dumps(contents))


def zed(room: str = LOBBY) -> BanKey:
    return BanKey(room, "zed")


def asked(reconciler: Reconciler, *arguments: str) -> str:
    """The answer without what git has to say where there is no repository."""
    result = reconciler("why", *arguments)
    assert (result.code, result.err) == (0, "")
    return re.sub(r"\n+Git cannot tell more: the list is not in a git repository\.\n", "\n", result.out)


def as_json(reconciler: Reconciler, *arguments: str) -> dict[str, Any]:
    result = reconciler("why", "--format", "json", *arguments)
    assert (result.code, result.err) == (0, "")
    answer: dict[str, Any] = json.loads(result.out)
    return answer


def test_a_ban_in_force_is_told_with_everything_there_is(reconciler: Reconciler) -> None:
    listed("  - user_id: ann\n    rooms: all\n", ZED, "  # the next\n", "  - user_id: bob\n    rooms: all\n")
    recorded({zed(): record(), BanKey(FINALS, "ann"): record()})
    repository()
    there = commit("Ban zed: spam, see TS-4211")
    assert reconciler("why", "zed").out == (
        "zed is banned in lobby for good.\n"
        "\n"
        "lobby\n"
        "  banned        for good\n"
        '  reason        "Spam"\n'
        "  listed        bans.yaml:8\n"
        "                  - user_id: zed\n"
        "                    rooms: [lobby]\n"
        "                    reason: Spam\n"
        "                    note: TS-4211\n"
        f'  written       2026-11-02 09:00 UTC by Kim Lee, commit {there[:7]}: "Ban zed: spam, see TS-4211"\n'
        "  disconnected  2026-11-02 09:05:13 UTC\n"
        "  request ID    8f0c2a\n"
    )
    assert as_json(reconciler, "zed") == {
        "format_version": 1,
        "user_id": "zed",
        "banned": True,
        "bans": [
            {
                "room": "lobby",
                "room_arn": LOBBY,
                "banned": True,
                "until": None,
                "reason": "Spam",
                "because": "listed",
                "entry": {"path": "bans.yaml", "line": 8, "text": ZED.rstrip("\n")},
                "commit": {
                    "id": there,
                    "author": "Kim Lee",
                    "date": "2026-11-02T09:00:00Z",
                    "subject": "Ban zed: spam, see TS-4211",
                },
                "committed": True,
                "listed": {"reason": "Spam", "expires_at": None},
                "record": {
                    "reason": "Spam",
                    "expires_at": None,
                    "disconnected_at": "2026-11-02T09:05:13Z",
                    "request_id": "8f0c2a",
                },
                "settled": True,
                "due": None,
                "denylist": None,
            }
        ],
        "lifted": [],
        "more_lifted": 0,
        "protected_by": None,
        "denylist": None,
        "untold": None,
        "suggestions": [],
    }


def test_an_answer_looks_as_in_the_documentation(reconciler: Reconciler) -> None:
    page = (Path(__file__).parents[3] / "docs" / "why.md").read_text()
    block = re.search(r"^    \$ reconciler why ABC123def456\n((?:    .*\n|\n)+)", page, re.MULTILINE)
    assert block is not None
    shown = re.sub(r"^    ", "", block[1], flags=re.MULTILINE).rstrip("\n") + "\n"
    shown = shown.replace("2027-01-31", f"{SOON:%Y-%m-%d}")
    entry = [line[18:] for line in shown.splitlines() if line.startswith(" " * 18)]
    assert len(entry) == 5
    Path("bans.yaml").write_text(
        f"version: 1\nrooms:\n  lobby: {LOBBY}\nbans:\n" + "".join(f"  {line}\n" for line in entry)
    )
    recorded({BanKey(LOBBY, "ABC123def456"): record(Ban("Violated terms of service", SOON))})
    repository()
    there = commit("Ban ABC123def456, see TS-4211")
    assert reconciler("why", "ABC123def456").out == shown.replace("1a2b3c4", there[:7])


def test_a_ban_that_was_not_applied_yet(reconciler: Reconciler) -> None:
    listed(ZED)
    shown = asked(reconciler, "zed")
    assert shown.startswith("zed is not banned yet: the next apply bans the user in lobby.\n\nlobby\n")
    assert "  not banned    not yet; the ban is to hold for good\n" in shown
    assert "  recorded      no: no apply has enforced it\n" in shown
    assert shown.endswith("  next apply    disconnects the user\n")
    answer = as_json(reconciler, "zed")
    [ban] = answer["bans"]
    assert (answer["banned"], ban["banned"], ban["because"], ban["due"]) == (False, False, "listed", "new")


def test_a_ban_that_is_recorded_and_not_listed_any_more(reconciler: Reconciler) -> None:
    listed()
    recorded({zed(): record(Ban("Spam", SOON))})
    shown = asked(reconciler, "zed")
    assert shown.startswith(f"zed is banned in lobby until {SHOWN_SOON}.\n")
    assert shown.endswith("  next apply    lifts the ban: bans.yaml does not have it any more\n")
    [ban] = as_json(reconciler, "zed")["bans"]
    assert (ban["banned"], ban["because"], ban["due"], ban["entry"]) == (True, "recorded", "removed", None)


def test_a_ban_with_new_terms_holds_on_the_old_ones_until_they_are_applied(reconciler: Reconciler) -> None:
    listed(ZED + f"    expires_at: {SOON:%Y-%m-%dT%H:%M:%SZ}\n")
    recorded({zed(): record(Ban("Scam", SOON + timedelta(days=1)))})
    shown = asked(reconciler, "zed")
    assert shown.startswith(f"zed is banned in lobby until {SOON + timedelta(days=1):%Y-%m-%d} 00:00 UTC.\n")
    assert f'  next apply    records what bans.yaml has now: "Spam", until {SHOWN_SOON}\n' in shown


@pytest.mark.parametrize(
    ("until", "record_until", "banned", "said"),
    [
        (PAST, None, False, "nothing: the entry can be taken out of bans.yaml"),
        (PAST, PAST, False, "lifts the ban: it has expired"),
        (PAST, SOON, True, "lifts the ban: it has expired according to bans.yaml"),
        (SOON, PAST, False, "disconnects the user again, as the last ban has run out or is about to"),
    ],
)
def test_bans_that_have_expired(
    reconciler: Reconciler, until: datetime, record_until: datetime | None, banned: bool, said: str
) -> None:
    listed(ZED + f"    expires_at: {until:%Y-%m-%dT%H:%M:%SZ}\n")
    if record_until is not None:
        recorded({zed(): record(Ban("Spam", record_until))})
    shown = asked(reconciler, "zed")
    assert shown.endswith(f"  next apply    {said}\n")
    assert as_json(reconciler, "zed")["banned"] is banned
    if not banned and until is PAST:
        assert shown.startswith(
            "zed is not banned.\n\nlobby\n  not banned    the ban has expired, 2026-01-31 00:00 UTC\n"
        )
    if until is SOON:
        assert shown.startswith("zed is not banned yet: the next apply bans the user in lobby.\n")


def test_a_ban_that_is_owed_its_second_kick(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: denylist.json\n")
    recorded({zed(): record(published_at=THEN)})
    published({zed(): None})
    shown = asked(reconciler, "zed")
    assert "  denylist      for good\n" in shown
    assert shown.endswith("  next apply    disconnects the user once more, so that the ban settles\n")
    assert as_json(reconciler, "zed")["bans"][0]["settled"] is False


def test_a_provisional_ban_ends_unless_it_is_merged(reconciler: Reconciler) -> None:
    listed(extra="denylist: denylist.json\n")
    recorded({})
    published({}, {zed(): SOON, zed(FINALS): PAST})
    shown = asked(reconciler, "zed")
    assert shown == (
        f"zed is banned in lobby until {SHOWN_SOON}.\n\n"
        "lobby\n"
        f"  banned        until {SHOWN_SOON}\n"
        f"  provisional   until {SHOWN_SOON}; the ban lasts longer only if it is merged into the list, and applied\n"
    )
    [ban] = as_json(reconciler, "zed")["bans"]
    assert (ban["banned"], ban["because"], ban["denylist"]["provisional_until"]) == (
        True,
        "provisional",
        f"{SOON:%Y-%m-%dT%H:%M:%SZ}",
    )


def test_a_provisional_ban_that_is_merged_holds_before_it_is_applied(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: denylist.json\n")
    recorded({})
    published({}, {zed(): SOON})
    shown = asked(reconciler, "zed")
    assert shown.startswith(f"zed is banned in lobby until {SHOWN_SOON}.\n")
    assert shown.endswith("  next apply    publishes the ban, and disconnects the user\n")


def test_what_the_denylist_says_otherwise(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: denylist.json\n")
    recorded({zed(): record()})
    published({})
    missing = asked(reconciler, "zed")
    assert (
        "  denylist      not there, though the state records the ban: `reconciler plan --refresh` shows what is wrong\n"
    ) in missing
    published({zed(): SOON})
    assert f"  denylist      until {SHOWN_SOON}; the state has another end\n" in asked(reconciler, "zed")
    listed(extra="denylist: denylist.json\n")
    recorded({})
    unknown = asked(reconciler, "zed")
    assert unknown.startswith(f"zed is banned in lobby until {SHOWN_SOON}.\n")
    assert unknown.endswith(
        "  next apply    takes the ban out of the denylist: neither the list nor the state has it\n"
    )
    assert as_json(reconciler, "zed")["bans"][0]["because"] == "published"


def test_a_denylist_that_cannot_be_read_is_a_line(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: denylist.json\n")
    recorded({zed(): record()})
    assert asked(reconciler, "zed").endswith(
        "\n\nThere is no denylist at denylist.json yet; the first apply publishes it.\n"
    )
    Path("denylist.json").write_text("{}")
    assert "\n\ndenylist.json is not a denylist: it is some other JSON." in asked(reconciler, "zed")
    published({zed(): None}, lineage="another")
    assert "denylist.json holds the denylist of another state" in asked(reconciler, "zed")
    Path("denylist.json").unlink()
    Path("denylist.json").mkdir()
    assert "denylist.json cannot be read" in asked(reconciler, "zed")
    assert as_json(reconciler, "zed")["denylist"]["unread"].startswith("denylist.json cannot be read")


def test_a_denylist_on_aws_is_asked_only_when_that_is_wanted(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: dynamodb://us-west-2/denylist\n")
    shown = asked(reconciler, "zed")
    assert shown.endswith("\n\nThe denylist at dynamodb://us-west-2/denylist was not asked; --refresh asks it.\n")
    listed(ZED)
    refused = reconciler("why", "zed", "--refresh")
    assert (refused.code, "the list has no `denylist`" in refused.err) == (1, True)


def test_a_ban_everywhere_counts_in_every_room(reconciler: Reconciler) -> None:
    listed("  - user_id: zed\n    rooms: everywhere\n", "  - user_id: zed\n    rooms: [finals]\n    reason: Rude\n")
    recorded({zed("*"): record(Ban()), zed(FINALS): record(Ban("Rude", None))})
    shown = asked(reconciler, "zed", "--room", "lobby")
    assert shown.startswith("zed is banned everywhere for good.\n\neverywhere\n  banned        for good\n")
    assert "finals" not in shown.replace("rooms: [finals]", "")
    assert asked(reconciler, "zed").startswith("zed is banned everywhere for good.\n\neverywhere\n")
    assert [ban["room_arn"] for ban in as_json(reconciler, "zed", "--room", "finals")["bans"]] == ["*", FINALS]
    assert [ban["room_arn"] for ban in as_json(reconciler, "zed", "--room", "everywhere")["bans"]] == ["*"]


@pytest.mark.parametrize("room", ["lobby", LOBBY])
def test_one_room_is_named_as_in_an_address(reconciler: Reconciler, room: str) -> None:
    listed(ZED.replace("[lobby]", "all"))
    recorded({zed(FINALS): record()})
    assert asked(reconciler, "zed", "--room", room).startswith("zed is not banned yet in lobby: the next apply bans")
    assert len(as_json(reconciler, "zed", "--room", room)["bans"]) == 1
    assert asked(reconciler, "ann", "--room", room).startswith("ann is not banned in lobby.\n")


def test_a_room_that_there_is_not_is_an_error(reconciler: Reconciler, key: None) -> None:
    for typed in ("loby", "Lobby"):
        refused = reconciler("why", "zed", "--room", typed)
        assert refused.code == 1
        assert f'--room: there is no room "{typed}" under `rooms`; did you mean `lobby`?' in refused.err
    assert "leave out --room" in reconciler("why", "zed", "--room", "all").err
    assert "loby" not in reconciler("why", "zed", "--room", "loby", "--redact").err


def test_several_rooms_each_have_their_own_end(reconciler: Reconciler) -> None:
    listed(ZED + f"    expires_at: {SOON:%Y-%m-%dT%H:%M:%SZ}\n", "  - user_id: zed\n    rooms: [finals]\n")
    recorded({zed(): record(Ban("Spam", SOON)), zed(FINALS): record(Ban())})
    first, *_ = asked(reconciler, "zed").splitlines()
    assert first == f"zed is banned in lobby until {SHOWN_SOON}; in finals for good."


def test_a_ban_in_thousands_of_rooms_fits_one_screen(reconciler: Reconciler) -> None:
    arns = {f"room{number}": f"{LOBBY}{number}" for number in range(3000)}
    rooms = "".join(f"  {name}: {arn}\n" for name, arn in arns.items())
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n{rooms}bans:\n{ZED.replace('[lobby]', 'all')}")
    recorded(
        {
            zed(arn): Record(BAN, THEN + timedelta(seconds=number), f"id{number}")
            for number, arn in enumerate(arns.values())
        }
    )
    shown = asked(reconciler, "zed")
    names = "room0, room1, room2, room3, room4 and 2,995 more rooms"
    assert shown.startswith(f"zed is banned in {names} for good.\n\n{names}\n")
    assert "  disconnected  2026-11-02 09:05:13 UTC to 2026-11-02 09:55:12 UTC\n" in shown
    assert len(shown.splitlines()) < 20
    assert len(as_json(reconciler, "zed")["bans"]) == 3000
    assert "room2999" in asked(reconciler, "zed", "--all")


def test_bans_of_many_kinds_are_cut_and_counted(reconciler: Reconciler) -> None:
    rooms = "".join(f"  room{number}: {LOBBY}{number}\n" for number in range(9))
    entries = "".join(f"  - user_id: zed\n    rooms: [room{number}]\n    reason: r{number}\n" for number in range(9))
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n{rooms}bans:\n{entries}")
    shown = asked(reconciler, "zed")
    assert shown.count("  reason        ") == 5
    assert shown.endswith("\n\n… and 4 more bans; --all shows every one.\n")
    assert asked(reconciler, "zed", "--all").count("  reason        ") == 9


def test_a_long_entry_is_cut(reconciler: Reconciler) -> None:
    rooms = "".join(f"  room{number}: {LOBBY}{number}\n" for number in range(40))
    entry = "  - user_id: zed\n    rooms:\n" + "".join(f"      - room{number}\n" for number in range(40))
    Path("bans.yaml").write_text(f"version: 1\nrooms:\n{rooms}bans:\n{entry}")
    assert "                      - room17\n                  … 22 more lines\n" in asked(reconciler, "zed")
    assert "- room39\n" in asked(reconciler, "zed", "--all")


def test_the_user_of_an_included_file(reconciler: Reconciler) -> None:
    listed(extra="include: [bans.d/*.yaml]\n")
    Path("bans.d").mkdir()
    Path("bans.d/spam.yaml").write_text("bans:\n" + ZED)
    repository()
    there = commit("Ban zed")
    shown = asked(reconciler, "zed")
    assert "  listed        bans.d/spam.yaml:2\n" in shown
    assert f"commit {there[:7]}" in shown


def test_a_line_that_is_not_committed(reconciler: Reconciler) -> None:
    listed()
    repository()
    commit("Begin")
    listed(ZED)
    assert "  written       not committed yet\n" in asked(reconciler, "zed")
    [ban] = as_json(reconciler, "zed")["bans"]
    assert (ban["commit"], ban["committed"]) == (None, False)


def test_a_shallow_clone(reconciler: Reconciler) -> None:
    listed(ZED)
    repository()
    commit("Ban zed")
    listed(ZED, "  - user_id: ann\n    rooms: all\n")
    commit("Ban ann")
    git("clone", "-q", "--depth", "1", f"file://{Path.cwd()}", "shallow")
    shown = asked(reconciler, "zed", "-f", "shallow/bans.yaml")
    assert "  written" not in shown
    assert "Git cannot tell more: this copy of the repository has only a part of its history;" in shown
    assert as_json(reconciler, "zed", "-f", "shallow/bans.yaml")["bans"][0]["committed"] is None


def test_a_lifted_ban_is_told_from_the_history(reconciler: Reconciler) -> None:
    repository()
    listed(ZED)
    added = commit("Ban zed", day=2)
    listed()
    removed = commit("Lift zed: appeal", author="Ann Other", day=3)
    without = asked(reconciler, "zed")
    assert without == (
        "zed is not banned.\n\n"
        "Neither bans.yaml nor the state knows of a ban.\n"
        "`--history` looks for bans that were lifted.\n"
    )
    assert asked(reconciler, "zed", "--history") == (
        "zed is not banned.\n\n"
        "Lifted bans, the latest first:\n"
        '  lobby   "Spam"\n'
        f'    banned        2026-11-02 09:00 UTC by Kim Lee, commit {added[:7]}: "Ban zed"\n'
        f'    lifted        2026-11-03 09:00 UTC by Ann Other, commit {removed[:7]}: "Lift zed: appeal"\n'
    )
    [lifted] = as_json(reconciler, "zed", "--history")["lifted"]
    assert (lifted["room"], lifted["reason"], lifted["expires_at"]) == ("lobby", "Spam", None)
    assert (lifted["added"]["id"], lifted["removed"]["id"]) == (added, removed)
    assert as_json(reconciler, "zed", "--history", "--room", "finals")["lifted"] == []
    assert "No ban of this user was lifted, as far as git tells." in asked(reconciler, "ann", "--history")


def test_two_thousand_commits(reconciler: Reconciler) -> None:
    repository()
    imported(
        f"{HEAD}bans:\n{ZED if number < 1000 else ''}  - user_id: u{number}\n    rooms: all\n" for number in range(2000)
    )
    [lifted] = as_json(reconciler, "zed", "--history")["lifted"]
    assert (lifted["added"]["subject"], lifted["removed"]["subject"]) == ("version 0", "version 1000")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ABC123DEF456", "abc123def456"),
        ("abc123def45", "abc123def456"),
        ("bc123def456", "abc123def456"),
        ("abc132def456", "abc123def456"),
        ("abc1x3def456", "abc123def456"),
        ("abc123", "abc123def456"),
        ("lobby/abc123def456", "abc123def456"),
        ("ann", "anna"),
        ("recordedX", "recorded"),
        ("a  b c", '"a b c"'),
    ],
)
def test_the_nearest_user_is_suggested(reconciler: Reconciler, typed: str, meant: str) -> None:
    listed(*(f"  - user_id: {user}\n    rooms: [lobby]\n" for user in ("abc123def456", "anna", '"a b c"', "someone")))
    recorded({BanKey(LOBBY, "recorded"): record()})
    shown = asked(reconciler, typed)
    assert f"\nNothing is known of this user. Did you mean {meant}?\n" in shown
    assert as_json(reconciler, typed)["suggestions"] == [meant.strip('"')]


def test_only_users_who_are_known_are_suggested(reconciler: Reconciler) -> None:
    listed("  # - user_id: zeb\n  #   rooms: all\n", "  - user_id: someone\n    rooms: all\n    note: 'user_id: zee'\n")
    assert "Did you mean" not in asked(reconciler, "zed")
    listed(*(f"  - user_id: zed{number}\n    rooms: [lobby]\n" for number in range(9)))
    assert "Did you mean zed0, zed1, zed2, zed3 or zed4?" in asked(reconciler, "zed")


@pytest.mark.parametrize("user", ["a b", "it's", 'say "so"', "a\\nb", "\u202eolleh", "zoë", "-rf", "::error::x", "*"])
def test_a_user_may_be_typed_as_a_plan_shows_it(reconciler: Reconciler, user: str) -> None:
    listed(f"  - user_id: {json.dumps(user)}\n    rooms: [lobby]\n")
    [shown] = re.findall(r"^  \+ lobby/(.+?)   disconnect", reconciler("plan").out, re.MULTILINE)
    for typed in (user, shown):
        assert as_json(reconciler, "--", typed)["user_id"] == user
    assert_harmless_in_a_log(reconciler("why", "--", user).out)


def test_a_user_whose_id_has_quotes_is_not_taken_for_another(reconciler: Reconciler) -> None:
    listed("  - user_id: '\"zed\"'   # reconciler: ok\n    rooms: [lobby]\n", ZED)
    assert as_json(reconciler, '"zed"')["user_id"] == '"zed"'
    assert as_json(reconciler, "zed")["user_id"] == "zed"


def test_a_protected_user(reconciler: Reconciler) -> None:
    listed(extra="guardrails: {protected_users: ['host-*']}\n")
    shown = asked(reconciler, "host-1")
    assert "bans.yaml protects this user from bans: host-* is under `protected_users`.\n" in shown
    assert as_json(reconciler, "host-1")["protected_by"] == "host-*"
    assert as_json(reconciler, "guest")["protected_by"] is None


def test_what_is_wrong_elsewhere_in_the_list_keeps_nobody_from_an_answer(reconciler: Reconciler) -> None:
    listed("  - user_id: ann\n    room: lobby\n", ZED)
    assert reconciler("validate").code == 1
    assert "  listed        bans.yaml:8\n" in asked(reconciler, "zed")


def test_without_a_list_that_can_be_used_the_state_is_told(reconciler: Reconciler) -> None:
    Path("bans.yaml").write_text("version: 1\nbans:\n")
    assert reconciler("why", "zed").code == 1  # nobody knows where the state is
    recorded({zed(): record()})
    result = reconciler("why", "zed")
    assert result.code == 0
    assert "bans.yaml cannot be used, so rooms are shown by their ARNs. `reconciler validate` says" in result.err
    assert result.out.startswith(f"zed is banned in {LOBBY} for good.\n")
    assert "next apply" not in result.out
    assert "The state knows of no ban; what bans.yaml says is not known.\n" in reconciler("why", "bob").out
    Path("bans.yaml").write_text(WRONG)
    assert "alice" in reconciler("why", "alice").out


def test_in_a_folder_without_a_list_and_a_state_nobody_is_said_not_to_be_banned(
    reconciler: Reconciler, folder: Path
) -> None:
    Path("bans.yaml").unlink(missing_ok=True)
    for command in (("why", "zed"), ("show",), ("state", "list")):
        failed = reconciler(*command, "--state", "bans.state.json")
        assert (failed.code, failed.out) == (1, "")
        assert "bans.yaml: there is no such file. Name the ban list with -f, or run this where it is." in failed.err


def test_one_user_is_asked_for(reconciler: Reconciler) -> None:
    for users, said in {
        (): "Missing argument 'USER_ID'",
        ("zed", "amy"): "put a user ID with spaces in quotes",
    }.items():
        assert said in reconciler("why", *users).err


def test_nothing_that_others_wrote_is_obeyed(reconciler: Reconciler) -> None:
    repository()
    for number, said in enumerate(hostile.TEXTS[::7]):
        if "\0" in said or not said.strip() or len(said) > 128:
            continue
        user = said
        listed(
            f"  - user_id: {json.dumps(user)}   # reconciler: ok\n    rooms: [lobby]\n    reason: {json.dumps(said)}\n"
        )
        if reconciler("validate").code:
            continue
        subject = "".join(said.split("\n")) or "x"
        name = re.sub(r"[\n<>]", "", said).strip(" .,:;\"'\\") or "x"
        try:
            commit(subject, author=name, day=1 + number % 28)
        except subprocess.CalledProcessError:  # git takes no such name
            continue
        result = reconciler("why", "--", user)
        assert result.code == 0
        assert_harmless_in_a_log(result.out)
        listed()
        commit("Lift")
        assert_harmless_in_a_log(reconciler("why", "--history", "--", user).out)
        assert_harmless_in_a_log(reconciler("why", "--history", "--format", "json", "--", user).out)


def test_escapes_of_an_author_are_shown_and_not_obeyed(reconciler: Reconciler) -> None:
    repository()
    listed(ZED)
    there = commit("Ban \x1b[31mzed\x1b[0m\u202e", author="Kim \x1b]0;x\x07 Lee")
    shown = asked(reconciler, "zed")
    assert "\x1b" not in shown
    assert f'by Kim \\x1b]0;x\\x07 Lee, commit {there[:7]}: "Ban \\u001b[31mzed\\u001b[0m\\u202e"\n' in shown


def test_redacted_nobody_is_named(reconciler: Reconciler, key: None) -> None:
    repository()
    listed(
        "  - user_id: alice\n    rooms: [lobby]\n    reason: alice was rude\n    note: with bob\n",
        "  - user_id: bob\n    rooms: [lobby]\n",
        extra="guardrails: {protected_users: [carol, 'dav*']}\n",
    )
    recorded({BanKey(LOBBY, "alice"): record(Ban("alice was rude"))})
    commit("Ban alice and bob")
    for arguments in (["alice"], ["alice", "--history"], ["alice", "--format", "json"], ["carol"], ["alic"], ["dave"]):
        result = reconciler("why", "--redact", *arguments)
        assert result.code == 0
        for user in ("alice", "bob", "carol", "dav", "alic"):
            assert user not in result.out + result.err, arguments
        assert KEY not in result.out
    shown = reconciler("why", "--redact", "alice").out
    alice = REDACT.user("alice")
    assert shown.startswith(f"{alice} is banned in lobby for good.\n")
    assert f'  reason        "{alice} was rude"\n  listed        bans.yaml:7\n  written       2026-11-02' in shown
    listed()
    commit("Lift alice and bob")
    lifted = reconciler("why", "--redact", "alice", "--history").out
    assert f'lobby   "{alice} was rude"\n' in lifted
    assert "alice" not in lifted.replace(alice, "")
    answer = json.loads(reconciler("why", "--redact", "alice", "--format", "json").out)
    assert (answer["redacted"], answer["user_id"]) == (True, alice)


def test_nothing_is_changed(reconciler: Reconciler) -> None:
    listed(ZED, extra="denylist: denylist.json\n")
    recorded({zed(): record()})
    published({zed(): None})
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    asked(reconciler, "zed", "--history")
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_a_terminal_gets_lines_that_fit() -> None:
    written = Commit("a" * 40, "Kim Lee", THEN, "a long subject of a commit " * 3)
    ban = Ban("a reason of many words " * 8)
    ruling = Ruling(zed(), Standing.LISTED, True, None, ban.reason, listed=ban, commit=written, record=record())
    answer = Answer(user_id="zed", now=NOW, rulings=(ruling,), room_names={LOBBY: "lobby"}, ban_list="bans.yaml")
    assert all(len(line) <= 60 for line in why(answer, width=60).splitlines())
    assert max(map(len, why(answer).splitlines())) > 150
