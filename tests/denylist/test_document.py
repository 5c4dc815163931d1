"""The document: what it looks like, what survives, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import Ban, BanKey, Record, State
from reconciler.denylist import document
from reconciler.denylist.value import Bans, Contents, Provisional
from reconciler.errors import DenylistDamaged, DenylistError, DenylistTooNew, NotADenylist
from reconciler.state import file as state
from tests.builders import FINALS, LINEAGE, LOBBY, NOW, TOMORROW
from tests.denylist.builders import A_EVERYWHERE, BANS, ODD_USERS, PROVISIONAL, A, B, contents, head

FILE = f"""\
{{
  "format_version": 1,
  "lineage": "{LINEAGE}",
  "serial": 7,
  "settle_after": 90,
  "published_at": "2026-11-22T16:00:00Z",
  "count": 4,
  "bans": {{
    "a":{{"*":null,"{FINALS}":"2026-11-23T16:00:00Z"}},
    "b":{{"{LOBBY}":null}},
    "ünï 😀":{{"{LOBBY}":"2026-11-23T16:00:00Z"}}
  }},
  "provisional": {{
    "c":{{"*":"2026-11-23T16:00:00Z"}}
  }}
}}
"""
WHOLE = Contents(
    head(4, serial=7),
    {B: None, BanKey(LOBBY, "ünï 😀"): TOMORROW, BanKey(FINALS, "a"): TOMORROW, A_EVERYWHERE: None},
    {BanKey("*", "c"): TOMORROW},
)
EMPTY = f"""\
{{
  "format_version": 1,
  "lineage": "{LINEAGE}",
  "serial": 1,
  "settle_after": 90,
  "published_at": "2026-11-22T16:00:00Z",
  "count": 0,
  "bans": {{}},
  "provisional": {{}}
}}
"""


def test_the_document_has_one_user_a_line_sorted() -> None:
    assert document.dumps(WHOLE).decode() == FILE
    assert document.loads(FILE.encode()) == WHOLE


def test_a_denylist_of_nobody_is_a_document_too() -> None:
    assert document.dumps(contents({})).decode() == EMPTY
    assert document.loads(EMPTY.encode()) == contents({})


def test_what_has_no_owner_is_no_document() -> None:
    with pytest.raises(ValueError, match="whose it is"):
        document.dumps(Contents(None, {A: None}))


@given(BANS, PROVISIONAL)
def test_any_denylist_survives_the_document(bans: Bans, provisional: Provisional) -> None:
    before = contents(bans, provisional)
    written = document.dumps(before)
    assert document.loads(written) == before
    users = len({key.user_id for key in bans}), len({key.user_id for key in provisional})
    assert written.count(b"\n") == 10 + sum(count + 1 for count in users if count)  # one user a line
    assert json.loads(written)["bans"].keys() == {key.user_id for key in bans}


@given(st.lists(st.sampled_from([*'{}[]",:\\*# ', "},", '},"', '":{', '"},":{"', "\n"]), max_size=8).map("".join))
def test_a_user_who_looks_like_json_survives_the_document(user_id: str) -> None:
    before = contents({BanKey(LOBBY, user_id or "x"): None, A: None, BanKey(LOBBY, "~"): TOMORROW})
    assert document.loads(document.dumps(before)) == before


@pytest.mark.parametrize("user_id", ODD_USERS)
def test_what_a_git_diff_would_hide_or_act_on_is_escaped(user_id: str) -> None:
    text = document.dumps(contents({BanKey(LOBBY, user_id): None, A: None})).decode()
    assert text.endswith("}\n")
    assert text.replace("\n", "").isprintable()
    assert "##[" not in text
    assert BanKey(LOBBY, user_id) in document.loads(text.encode()).bans


def test_a_newer_format_is_refused() -> None:
    newer = FILE.replace('"format_version": 1', '"format_version": 2').replace("null", "[]")
    with pytest.raises(DenylistTooNew, match="format 2; this one reads 1"):
        document.loads(newer.encode())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (FILE[: len(FILE) // 2], "it is not whole: "),
        (FILE.replace('"serial": 7', '"serial": "x"'), "serial: Input should be a valid integer"),
        (FILE.replace('"settle_after": 90', '"settle_after": -1'), "settle_after: "),
        (FILE.replace(f'"lineage": "{LINEAGE}"', '"lineage": ""'), "lineage: "),
        (FILE.replace('"count": 4', '"counts": 4'), "count: Field required"),
        (FILE.replace('"b":{"' + LOBBY, '"b":{"arn:aws:s3:::bucket'), "bans: line 10: "),
        (FILE.replace('"c":{"*":"2026-11-23T16:00:00Z"', '"c":{"*":null'), "provisional: line 14: "),
        (FILE.replace('"2026-11-23T16:00:00Z"', '"2026-11-23T16:00:00"'), "bans: line 9: "),
        (FILE.replace('"2026-11-23T16:00:00Z"', '"2026-02-30T16:00:00Z"'), "one of its times does not exist"),
        (FILE.replace('"b"', '""'), "bans: "),
        (FILE.replace('"b"', f'"{"b" * 129}"'), "bans: line 10: "),
    ],
)
def test_a_damaged_denylist_is_said_to_be_damaged(content: str, why: str) -> None:
    assert content != FILE
    with pytest.raises(DenylistDamaged) as caught:
        document.loads(content.encode())
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"version: 1\nbans: []\n", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it is some other JSON"),
        (b'{"bans": {}}', "it is some other JSON"),
        (b'"bans settle_after"', "it is some other JSON"),
        (state.dumps(State(LINEAGE, 1, {A: Record(Ban("Spam"), NOW, "id")})), "it is a state file"),
    ],
)
def test_what_is_something_else_is_said_to_be_something_else(content: bytes, why: str) -> None:
    with pytest.raises(NotADenylist) as caught:
        document.loads(content)
    assert str(caught.value) == why


def test_the_message_about_damage_names_no_user() -> None:
    for broken in (FILE.replace('"b":{', '"secret":{"x":null,'), FILE.replace('"b":{', '"secret":{"*":"x",')):
        with pytest.raises(DenylistDamaged) as caught:
            document.loads(broken.encode())
        assert "secret" not in str(caught.value)
        assert "line 10" in str(caught.value)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,0123456789bans', max_size=60).map(str.encode))
def test_whatever_is_no_denylist_is_an_error_of_ours(content: bytes) -> None:
    with pytest.raises(DenylistError):
        document.loads(content)
