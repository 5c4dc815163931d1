"""Reading a log: every way in which records are written, whatever stands between them, and piece by piece."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.audit import records
from reconciler.audit.records import Reader
from tests import hostile
from tests.audit.builders import Said, event, later, lines, message, read
from tests.builders import NOW


def test_a_message_of_a_banned_user_is_told_by_its_send_time() -> None:
    reader, said = read(lines(message("amy"), message("zed", later(1.5), id="m1"), event()), {"zed"})
    assert said == [("zed", later(1.5), "m1")]
    assert (reader.records, reader.skipped) == (3, 0)


def test_whoever_is_banned_everywhere_is_told_too() -> None:
    _, said = read(lines(message("amy"), message("zed")), {"zed"}, everywhere={"amy"})
    assert [user for user, _, _ in said] == ["amy", "zed"]


def test_without_a_send_time_the_time_of_the_record_counts() -> None:
    for send_time in (None, "", "yesterday", 5, "2026-11-22T16:00:00"):
        _, said = read(lines(message("zed", SendTime=send_time)), {"zed"})
        assert [time for _, time, _ in said] == [NOW]


def test_a_banned_message_at_no_readable_time_is_skipped() -> None:
    record = message("zed", SendTime="soon") | {"event_timestamp": None}
    reader, said = read(lines(record, record | {"payload": message("amy", SendTime="soon")["payload"]}), {"zed"})
    assert (said, reader.records, reader.skipped, reader.places) == ([], 1, 1, [1])


@pytest.mark.parametrize("digits", ["", ".5", ".41551437", ".123456789", ".123456789123"])
def test_fractions_of_any_length_are_read(digits: str) -> None:
    _, said = read(lines(message("zed", SendTime=f"2026-11-22T16:00:00{digits}Z")), {"zed"})
    assert [time.replace(microsecond=0) for _, time, _ in said] == [NOW]


BROKEN = [
    b"{",
    b"hello",
    b"[]",
    b"5",
    b"null",
    b'"MESSAGE"',
    b"{}",
    b'{"type": "MESSAGE"}',
    b'{"type": "MESSAGE", "payload": null}',
    b'{"type": "MESSAGE", "payload": {"Sender": []}}',
    b'{"type": "MESSAGE", "payload": {"Sender": {"UserId": 5}}}',
    b'{"type": "MESSAGE", "payload": {"Sender": {"UserId": ["zed"]}}}',
    b'{"type": "EVENT", "payload": "x"}',
    b'{"type": "ERROR", "payload": {}}',
    b'{"type": ["MESSAGE"], "payload": {}}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b"9" * 10_000,
    b"\x00",
    json.dumps(message("zed")).encode()[:-1],
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: repr(broken[:40]))
def test_what_is_no_record_is_skipped_and_hides_nothing(broken: bytes) -> None:
    log = lines(message("amy")) + broken + b"\n" + lines(message("zed")) + broken
    reader, said = read(log, {"zed"})
    assert [user for user, _, _ in said] == ["zed"]
    assert (reader.records, reader.skipped, reader.places) == (2, 2, [2, 4])


def test_blank_lines_and_other_line_ends_are_nothing() -> None:
    log = b"\xef\xbb\xbf" + lines(message("zed"), message("zed")).replace(b"\n", b"\r\n\r\n \t\n") + b"\r\n"
    reader, said = read(log, {"zed"})
    assert (len(said), reader.records, reader.skipped) == (2, 2, 0)


def test_records_without_line_breaks_are_read_as_firehose_delivers_them() -> None:
    users = [f"{'é' * 100}{number}" for number in range(3000)]
    log = lines(*(message(user, Content='}{ \\ "}{') for user in users), event()).replace(b"\n", b"")
    for size in (1000, 1003, 4099, 2**16, 2**20):  # some of which cut an é in two
        reader, said = read(log, set(users), size=size)
        assert [user for user, _, _ in said] == users
        assert (reader.records, reader.skipped) == (3001, 0)


def test_records_between_tabs_are_read_as_the_aws_cli_prints_them() -> None:
    log = lines(*(message(f"u{number}") for number in range(3000))).replace(b"\n", b"\t").rstrip() + b"\n"
    reader, said = read(log + log, {"u7"})
    assert (len(said), reader.records, reader.skipped) == (2, 6000, 0)


def test_a_broken_record_among_them_costs_itself_alone() -> None:
    one = json.dumps(message("zed")).encode()
    reader, said = read(one + one[:-30] + one + b'{"x' + one[1:] + one, {"zed"})
    assert (len(said), reader.records) == (3, 3)
    assert reader.skipped > 0
    many = one * 2000
    reader, said = read(many[:-30] + b"}" + many, {"zed"}, size=5000)
    assert 3998 <= len(said) == reader.records


def test_a_time_may_come_before_each_record_as_cloudwatch_exports_them() -> None:
    for time in (b"2026-11-22T16:00:00.123Z ", b"2026-11-22T16:00:00+00:00\t"):
        log = b"".join(time + line for line in lines(message("zed"), event(), message("amy")).splitlines(True))
        reader, said = read(log, {"zed"})
        assert (len(said), reader.records, reader.skipped) == (1, 3, 0)


def test_no_escape_hides_who_spoke() -> None:
    for spelled in (rb"\u007aed", rb"z\u0065d", rb"\u007a\u0065\u0064"):
        _, said = read(lines(message("zed")).replace(b'"zed"', b'"' + spelled + b'"'), {"zed"})
        assert [user for user, _, _ in said] == ["zed"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\xc3", rb"\ud800", b'", "b": [NaN, 1e999, -0], "a": "'])
def test_no_content_hides_who_spoke(content: bytes) -> None:
    log = lines(message("zed", Content="CONTENT")).replace(b"CONTENT", content)
    for banned, found in (({"zed"}, 1), ({"amy"}, 0)):
        reader, said = read(log, banned)
        assert (len(said), reader.records, reader.skipped) == (found, 1, 0)


def test_other_places_where_a_user_id_stands_are_nobody_speaking() -> None:
    log = lines(
        message("amy", Attributes={"UserId": "zed", "Sender": '{"UserId": "zed"}'}, Content='"UserId":"zed"'),
        event(UserId="zed"),
        {**message("amy"), "Sender": {"UserId": "zed"}},
    )
    assert read(log, {"zed"})[1] == []


@pytest.mark.parametrize("user", hostile.TEXTS)
def test_any_user_id_is_compared_exactly(user: str) -> None:
    log = lines(message(user), message(user + "x"), message("x" + user), message(user.swapcase() + " "))
    assert [said[0] for said in read(log, {user})[1]] == [user]


def test_a_line_that_is_far_too_long_is_passed_over_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    held = 0
    reader = Reader(({"zed"}, set()), lambda *_: None)
    for piece in [lines(message("zed")), *[b"x" * 2**16] * 100, b"\n" + lines(message("zed"))]:
        reader.feed(piece)
        held = max(held, len(reader._rest))
    reader.end()
    assert held <= records.RECORD_MAX + 2**16
    assert (reader.records, reader.skipped, reader.places) == (2, 1, [2])


def test_so_much_without_a_record_is_hopeless() -> None:
    reader = Reader((set(), set()), lambda *_: None)
    reader.feed(lines(message("zed")))
    zeros = bytes(2**20)
    fed = 0
    while not reader.hopeless:
        reader.feed(zeros)
        fed += 1
        assert fed < 70
    assert fed > 60
    reader.feed(b"\n" + lines(message("zed")))
    assert not reader.hopeless


def plainly(log: bytes, banned: set[str]) -> tuple[list[Said], int, int]:
    """The same with nothing but `json.loads`, for logs with a record a line."""
    said: list[Said] = []
    count = skipped = 0
    for line in log.split(b"\n"):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
        except ValueError:
            skipped += 1
            continue
        payload = record.get("payload") if isinstance(record, dict) else None
        sender = payload.get("Sender") if isinstance(payload, dict) else None
        user = sender.get("UserId") if isinstance(sender, dict) else None
        is_event = isinstance(record, dict) and record.get("type") == "EVENT" and isinstance(payload, dict)
        if is_event or (isinstance(user, str) and record.get("type") == "MESSAGE"):
            count += 1
            if not is_event and user in banned:
                said.append((user, NOW, payload["Id"] if isinstance(payload, dict) else None))
        else:
            skipped += 1
    return said, count, skipped


users = st.sampled_from(["zed", "amy", "é", '"', "\\", "\u2028", "z" * 128, "UserId", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | users,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("UserId"), inner, max_size=3)
    ),
    max_leaves=6,
)
anything = st.one_of(
    st.builds(
        message, users, id=st.just("m1"), Content=st.text(), Attributes=values, SendTime=st.just(NOW.isoformat())
    ),
    st.builds(lambda user: event(UserId=user), users),
    values,
    st.builds(
        lambda kind, payload: {"type": kind, "payload": payload}, st.sampled_from(["MESSAGE", "EVENT", "X"]), values
    ),
    st.builds(
        lambda sender: {"type": "MESSAGE", "payload": {"Sender": sender, "Id": "m1", "SendTime": NOW.isoformat()}},
        values,
    ),
)


@given(st.lists(st.tuples(anything, st.booleans()), max_size=6), st.sets(users), st.integers(1, 300), st.booleans())
@example([(message("zed", SendTime=NOW.isoformat(), id="m1"), True)], {"zed"}, 7, False)
def test_it_agrees_with_a_plain_parser(log: list[tuple[Any, bool]], banned: set[str], size: int, last: bool) -> None:
    written = b"\n".join(json.dumps(record, ensure_ascii=ascii).encode() for record, ascii in log) + b"\n" * last
    reader, said = read(written, banned, size=size)
    expected, count, skipped = plainly(written, banned)
    assert (said, reader.records, reader.skipped) == (expected, count, skipped)


def test_gzip_is_not_its_business() -> None:
    reader, _ = read(gzip.compress(lines(message("zed"))), {"zed"})
    assert (reader.records, reader.skipped > 0) == (0, True)
