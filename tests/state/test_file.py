"""The state file: what it looks like, what survives, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import Ban, BanKey, Record, State
from reconciler.errors import StateDamaged, StateTooNew
from reconciler.state import file as state
from tests.builders import FINALS, LINEAGE, LOBBY, NOW, TOMORROW, YESTERDAY, ban, recorded

FILE = f"""\
{{
  "format_version": 1,
  "lineage": "{LINEAGE}",
  "serial": 7,
  "bans": {{
    "{FINALS}": {{
      "ünï 😀":{{"reason":"Nä","expires_at":"2026-11-23T16:00:00Z","disconnected_at":null,"request_id":null}}
    }},
    "{LOBBY}": {{
      "a":{{"reason":null,"expires_at":null,"disconnected_at":"2026-11-21T16:00:00Z","request_id":"request-a"}},
      "b":{{"reason":"No","expires_at":null,"disconnected_at":"2026-11-21T16:00:00Z","request_id":"request-b"}}
    }}
  }}
}}
"""


def test_the_file_has_one_ban_a_line_sorted_by_room_and_user() -> None:
    of_lobby = recorded(ban("b", reason="No"), ban("a"), serial=7)
    whole = of_lobby.after([(BanKey(FINALS, "ünï 😀"), Record(Ban("Nä", TOMORROW)))])
    assert state.dumps(whole).decode() == FILE


def test_the_file_is_read_back_as_it_was() -> None:
    read = state.loads(FILE)
    assert (read.lineage, read.serial) == (LINEAGE, 7)
    assert state.dumps(read).decode() == FILE


def test_a_state_that_is_not_of_aws_says_so_and_only_that_one_is_of_format_2() -> None:
    rehearsed = recorded(ban("a"), endpoint="http://127.0.0.1:8787")
    text = state.dumps(rehearsed).decode()
    assert text.startswith(
        f'''{{
  "format_version": 2,
  "lineage": "{LINEAGE}",
  "serial": 1,
  "endpoint": "http://127.0.0.1:8787",
  "bans": {{
'''
    )
    assert state.loads(text) == rehearsed
    assert state.dumps(recorded(ban("a"))).startswith(b'{\n  "format_version": 1,\n')
    assert state.loads(FILE.replace('"format_version": 1', '"format_version": 2')) == state.loads(FILE)


@pytest.mark.parametrize("endpoint", ["null", '""', '"AWS"', '"http://a b"', '"http://x", "endpoint": "http://y"'])
def test_an_endpoint_is_one_url(endpoint: str) -> None:
    with pytest.raises(StateDamaged, match=r"endpoint|twice"):
        state.loads(FILE.replace('"format_version": 1,', f'"format_version": 2, "endpoint": {endpoint},'))


def test_an_empty_state_is_a_file_too() -> None:
    assert state.loads(state.dumps(State(LINEAGE, 1))) == State(LINEAGE, 1)


RECORDS = st.builds(
    Record,
    ban=st.builds(Ban, st.none() | st.text(min_size=1, max_size=256), st.sampled_from([None, TOMORROW])),
    disconnected_at=st.sampled_from([None, YESTERDAY, NOW.replace(microsecond=1)]),
    request_id=st.none() | st.text(),
)
KEYS = st.builds(BanKey, st.sampled_from([LOBBY, FINALS]), st.text(min_size=1, max_size=128))


@given(st.dictionaries(KEYS, RECORDS))
def test_any_state_survives_the_file(records: dict[BanKey, Record]) -> None:
    before = State(LINEAGE, 3, records)
    assert state.loads(state.dumps(before)) == before


def test_what_a_git_diff_would_hide_or_act_on_is_escaped_in_the_file() -> None:
    hidden = "\u202eevil\u200b\x1b[31m\x85"
    text = state.dumps(recorded(ban(hidden))).decode()
    assert text.replace("\n", "").isprintable()
    assert BanKey(LOBBY, hidden) in state.loads(text).records


def test_taking_out_what_is_not_there_changes_nothing() -> None:
    before = recorded(ban("a"))
    assert before.after([(BanKey(LOBBY, "b"), None)]) == before


def test_a_generation_counts_up_and_keeps_the_lineage() -> None:
    first = State().generation(lineage=LINEAGE)
    assert (first.lineage, first.serial) == (LINEAGE, 1)
    assert first.generation(lineage="another").lineage == LINEAGE


def test_a_newer_format_is_refused_even_when_it_looks_quite_different() -> None:
    with pytest.raises(StateTooNew, match="format 3"):
        state.loads('{"format_version": 3, "everything": "else"}')


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "the file is empty"),
        ("\n", "the file is empty"),
        ("{", "EOF while parsing"),
        (FILE[: len(FILE) // 2], "EOF while parsing"),
        (FILE.replace('  "serial": 7,\n', "<<<<<<< HEAD\n  =======\n>>>>>>> other\n"), "unresolved merge conflict"),
        ("[]", "should be an object"),
        ("{}", "format_version: Field required"),
        (FILE.replace(LINEAGE, ""), "lineage"),
        (FILE.replace('"serial": 7', '"serial": "x"'), "serial"),
        (FILE.replace(LOBBY, "arn:aws:s3:::bucket"), "bans"),
        (FILE.replace("2026-11-21T16:00:00Z", "2026-11-21T16:00:00"), "line 10: disconnected_at: "),
        (FILE.replace('"serial"', '"unknown": 1, "serial"'), "unknown"),
    ],
)
def test_what_is_no_state_is_damage_and_never_an_empty_state(content: str, why: str) -> None:
    with pytest.raises(StateDamaged, match=why):
        state.loads(content)


def test_the_message_about_damage_names_no_user() -> None:
    broken = json.loads(FILE)
    broken["bans"][LOBBY]["secret-user"] = {"reason": 5}
    with pytest.raises(StateDamaged) as caught:
        state.loads(json.dumps(broken))
    assert "secret-user" not in str(caught.value)


A_LINE = next(line for line in FILE.splitlines(keepends=True) if line.startswith('      "a":'))


@pytest.mark.parametrize(
    "content", [FILE.replace(A_LINE, A_LINE * 2), FILE.replace("  }\n}\n", '  },\n  "bans": {}\n}\n')]
)
def test_what_stands_there_twice_is_damage(content: str) -> None:
    assert content != FILE
    with pytest.raises(StateDamaged, match="twice"):
        state.loads(content)
    with pytest.raises(StateDamaged, match="twice"):
        state.loads(content.encode())


def test_a_text_that_looks_like_a_key_is_no_second_record() -> None:
    before = recorded(ban('"request_id":', reason='{"request_id": null}'))
    assert state.loads(state.dumps(before)) == before


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_does_not_have_is_damage(time: str) -> None:
    with pytest.raises(StateDamaged, match="years 1 to 9999"):
        state.loads(FILE.replace("2026-11-23T16:00:00Z", time))


# What the layout of the file and the search for what stands there twice look for.
SHAPES = st.lists(
    st.sampled_from([*'{}[]",:\\ ', "request_id", '"request_id"', "serial", "reason", "},", '},"', "\n"]), max_size=12
).map("".join)
SHAPED = st.builds(Record, ban=st.builds(Ban, st.none() | SHAPES.filter(bool)), request_id=st.none() | SHAPES)


@given(st.dictionaries(st.builds(BanKey, st.just(LOBBY), SHAPES.filter(bool)), SHAPED))
def test_a_text_that_looks_like_json_survives_the_file(records: dict[BanKey, Record]) -> None:
    before = State(LINEAGE, 3, records)
    written = state.dumps(before)
    assert written.count(b"\n") == (9 + len(records) if records else 6)  # one ban a line
    assert state.loads(written) == before


@pytest.mark.parametrize(
    "user_id", ["request_id", 'x"request_id', "serial", '"serial', "bans", "a},", '},"', '{"a":{', "\\u007b"]
)
def test_a_user_may_be_called_like_what_the_file_is_made_of(user_id: str) -> None:
    before = recorded(ban(user_id, reason=user_id), ban("next"))
    assert state.loads(state.dumps(before)) == before


@pytest.mark.parametrize(
    "content",
    [
        f'{{"format_version":1,"lineage":"x","serial":1,"bans":{{"{LOBBY}":{{"a":{{}}}},"{LOBBY}":{{"b":{{}}}}}}}}',
        f'{{"format_version":1,"lineage":"x","serial":1,"bans":{{"{LOBBY}":{{"a":{{}},"a" : {{}}}}}}}}',
        f'{{"format_version":1,"lineage":"x","serial":1,"bans":{{"{LOBBY}":{{"a":{{}},"\\u0061":{{}},"\\u007B":{{}}}}}}}}',
        f'{{"format_version":1,"lineage":"x","serial":9,"serial":3,"bans":{{"{LOBBY}":{{"a":{{}}}}}}}}',
        '{"format_version":1,"lineage":"x","lineage":"y","serial":9,"bans":{}}',
    ],
)
def test_what_stands_there_twice_is_damage_however_it_is_written(content: str) -> None:
    with pytest.raises(StateDamaged, match="twice"):
        state.loads(content)


@pytest.mark.parametrize("serial", ["true", '"1"', "1.0"])
def test_a_serial_is_a_whole_number(serial: str) -> None:
    with pytest.raises(StateDamaged, match="serial"):
        state.loads(FILE.replace('"serial": 7', f'"serial": {serial}'))


@pytest.mark.parametrize("key", ["reason", "expires_at", "disconnected_at", "request_id"])
def test_a_misspelt_key_of_a_record_is_not_taken_for_no_value(key: str) -> None:
    content = state.dumps(recorded(ban("a", reason="Spam", until=TOMORROW))).decode()
    assert f'"{key}":' in content
    with pytest.raises(StateDamaged, match="line 7"):
        state.loads(content.replace(f'"{key}":', f'"{key}s":'))


def test_a_record_without_a_key_has_no_value_for_it() -> None:
    content = state.dumps(recorded(ban("a", reason="Spam"))).decode()
    [record] = state.loads(content.replace('"reason":"Spam",', "")).records.values()
    assert record.ban.reason is None
