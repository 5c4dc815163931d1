"""Times as people write them, and what they are told to write."""

import re
from datetime import UTC, datetime

import pytest

from reconciler.banlist.times import advice_on
from reconciler.bans import parse_time

EXAMPLE = "2027-01-31T00:00:00Z"
DAY = "2026-12-01"
FORMAT = f"not a date and time in the right format; write it like {EXAMPLE}: with seconds, and Z or +02:00"
NO_SUCH = f"there is no such date or time; write it like {EXAMPLE}"


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01",
        "01.12.2026",
        "1.12.2026",
        "2026/12/1",
        "2026.12.01",
        "Dec 1 2026",
        "1 December 2026",
        "1st dec. 2026",
        "December 1, 2026",
    ],
)
def test_a_date_alone_gets_a_time_and_a_zone(text: str) -> None:
    assert advice_on(text) == f"{text} has no time and no time zone; write {DAY}T00:00:00Z"


@pytest.mark.parametrize(
    "text", ["2026-12-01T18:00:00", "2026-12-01 18:00", "2026-12-01T18:00", "01.12.2026 18:00", "Dec 1, 2026 6:00 pm"]
)
def test_a_time_without_a_zone_gets_one(text: str) -> None:
    assert advice_on(text) == (
        f"{text} has no time zone; write {DAY}T18:00:00Z for UTC, or an offset such as {DAY}T18:00:00+02:00"
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-01T18:00Z", "18:00:00Z"),
        ("2026-12-01 18:00 UTC", "18:00:00Z"),
        ("2026-12-01 18:00:00.5 gmt", "18:00:00.5Z"),
        ("2026-12-01 18:00+02:00", "18:00:00+02:00"),
        ("2026-12-01T18:00:00+0200", "18:00:00+02:00"),
        ("2026-12-01T18:00:00 -5", "18:00:00-05:00"),
        ("2026-12-01T18:00:00 Z", "18:00:00Z"),
        ("2026-12-01 12:30 am UTC", "00:30:00Z"),
    ],
)
def test_a_time_that_is_complete_is_written_anew(text: str, meant: str) -> None:
    assert advice_on(text) == f"{text} is not in the right format; write {DAY}T{meant}"


@pytest.mark.parametrize("text", ["01/12/2026", "12/01/2026", "1-12-2026"])
def test_a_date_that_can_be_two_is_not_guessed(text: str) -> None:
    assert advice_on(text) == f"{text} can be two dates; write 2026-01-12T00:00:00Z or 2026-12-01T00:00:00Z"


@pytest.mark.parametrize(("text", "day"), [("31/12/2026", 31), ("12/31/2026", 31), ("12/12/2026", 12)])
def test_a_date_that_can_be_only_one_is_that(text: str, day: int) -> None:
    assert advice_on(text) == f"{text} has no time and no time zone; write 2026-12-{day}T00:00:00Z"


def test_of_two_dates_with_a_time_the_zone_is_kept() -> None:
    assert advice_on("1/12/2026 18:00 +01:00") == (
        "1/12/2026 18:00 +01:00 can be two dates; write 2026-01-12T18:00:00+01:00 or 2026-12-01T18:00:00+01:00"
    )


@pytest.mark.parametrize(
    "text", ["7d", "30 days", "2h", "in a week", "+1 month", "P7D", "PT12H", "next week", "tomorrow", "end of month"]
)
def test_what_depends_on_today_is_not_reckoned(text: str) -> None:
    assert advice_on(text) == f"{text} depends on today's date; write the exact time, such as {EXAMPLE}"


@pytest.mark.parametrize("text", ["Never", "forever", "permanent", "Indefinitely"])
def test_a_ban_for_good_has_a_word(text: str) -> None:
    assert advice_on(text) == "for a ban that does not end, write `never`"


def test_a_zone_is_not_reckoned_from_its_name() -> None:
    assert advice_on("2026-12-01 18:00 CET") == (
        "a time zone is written as its offset from UTC; write 2026-12-01T18:00:00 and the offset,"
        " such as 2026-12-01T18:00:00+02:00"
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-13-01",
        "2026-02-30T00:00:00Z",
        "31.11.2026",
        "2026-12-01T25:00:00Z",
        "2026-12-01T18:00:60Z",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_a_date_or_time_that_does_not_exist_is_not_corrected(text: str) -> None:
    assert advice_on(text) == NO_SUCH


@pytest.mark.parametrize(
    "text",
    ["", "SeCrEt", "12345", "20261201", "1796083200", "1/2/26", "18:00", "2026-12", "1" * 3_000_000, "7d\n\n" * 30],
)
def test_whatever_is_no_time_is_not_repeated(text: str) -> None:
    assert advice_on(text) == FORMAT


def test_every_time_that_is_to_be_written_can_be_read() -> None:
    start = datetime(2026, 1, 1, 23, 59, tzinfo=UTC)
    forms = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%b %d, %Y %I:%M %p", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M%z"]
    for month in range(1, 13):
        for form in forms:
            written = [*re.findall(r"\S+T\S+(?:Z|\+\d\d:\d\d)", advice_on(start.replace(month=month).strftime(form)))]
            assert written
            assert all(parse_time(text).year == 2026 for text in written)
