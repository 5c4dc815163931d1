"""Who is banned, as CSV: other readers of CSV get back exactly what is recorded."""

import csv
import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler import BanKey, State
from reconciler.bans import EVERYWHERE
from reconciler.redaction import Redaction
from reconciler.views.csv_format import COLUMNS
from reconciler.views.report import Output, report
from tests import hostile
from tests.builders import FINALS, LOBBY, NOW, ROOMS, TOMORROW, YESTERDAY, ban, many, recorded
from tests.command_line import REDACT
from tests.logs import assert_harmless_in_a_log

NAMES = {arn: name for name, arn in ROOMS.items()}


def shown(state: State, redact: Redaction | None = None, width: int | None = None) -> tuple[str, list[str]]:
    """What is written, and what is said besides."""
    written: list[bytes] = []
    said: list[str] = []

    def write(part: str | bytes) -> None:
        assert isinstance(part, bytes)
        written.append(part)

    output = Output(write=write, ban_list="bans.yaml", diagnostic=lambda *messages: said.extend(messages), width=width)
    report("csv", output, redact or Redaction()).state(state, NAMES, "bans.state.json", NOW)
    assert max(part.count(b"\n") for part in written) <= 1000
    return b"".join(written).decode(), said


def read(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_ban_in_force_is_a_row() -> None:
    state = recorded(
        ban("zed", reason="Spam, twice", until=TOMORROW),
        ban("amy", room=FINALS, reason='said "no"'),
        ban("over", until=YESTERDAY),
        (BanKey(EVERYWHERE, "eve"), ban("eve")[1]),
    )
    text, said = shown(state)
    assert text == (
        "user_id,rooms,reason,expires_at,room_arn,disconnected_at\n"
        "eve,everywhere,,,*,2026-11-21T16:00:00Z\n"
        f'amy,finals,"said ""no""",,{FINALS},2026-11-21T16:00:00Z\n'
        f'zed,lobby,"Spam, twice",2026-11-23T16:00:00Z,{LOBBY},2026-11-21T16:00:00Z\n'
    )
    assert said == []


def test_nobody_is_a_header_alone() -> None:
    assert shown(State()) == (",".join(COLUMNS) + "\n", [])


@given(
    st.dictionaries(st.text(min_size=1) | st.sampled_from(hostile.TEXTS), st.text() | st.sampled_from(hostile.TEXTS))
)
def test_whatever_is_recorded_comes_back_from_another_reader(bans: dict[str, str]) -> None:
    bans = {user: reason for user, reason in bans.items() if "\0" not in user + reason}  # which Python's reader refuses
    text, _ = shown(recorded(*(ban(user, reason=reason) for user, reason in bans.items())))
    assert {row["user_id"]: row["reason"] for row in read(text)} == bans


def test_formulas_are_exact_and_told_of() -> None:
    text, said = shown(recorded(ban("=1+1"), ban("-zed"), ban("amy", reason="@all"), ban("a=b")))
    assert [row["user_id"] for row in read(text)] == ["-zed", "=1+1", "a=b", "amy"]
    (warning,) = said
    assert warning.startswith("3 rows have a cell that begins with =, +, -, @ or a tab.")


def test_a_terminal_gets_nothing_raw() -> None:
    text, _ = shown(recorded(*(ban(user, reason=user) for user in hostile.TEXTS)), width=80)
    assert len(text.splitlines()) == len(hostile.TEXTS) + 1
    assert_harmless_in_a_log(text)


def test_no_row_begins_with_a_workflow_command() -> None:
    text, _ = shown(recorded(ban("::error::x"), ban(" ::error::x")))
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_it_is_written_piece_by_piece() -> None:
    text, _ = shown(recorded(*many(2500)))
    assert len(read(text)) == 2500


def test_redacted_it_names_nobody_and_the_order_tells_nothing() -> None:
    text, _ = shown(recorded(ban("alice", reason="alice was rude"), ban("bob")), REDACT)
    assert "alice" not in text
    users = [row["user_id"] for row in read(text)]
    assert users == sorted(REDACT.user(user) for user in ("alice", "bob"))
