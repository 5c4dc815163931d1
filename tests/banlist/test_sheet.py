"""Bans from tables of other systems."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.banlist import sheet
from reconciler.banlist.banning import Wanted
from reconciler.banlist.sheet import Otherwise, Sheet
from reconciler.errors import BanListInvalid, BanListUnreadable

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)


def read(text: str, renamed: dict[str, str] | None = None, otherwise: Otherwise | None = None) -> Sheet:
    return sheet.read(text.encode(), "raid.csv", renamed or {}, otherwise or Otherwise(), NOW)


def problems(text: str, renamed: dict[str, str] | None = None, otherwise: Otherwise | None = None) -> list[str]:
    with pytest.raises(BanListInvalid) as caught:
        read(text, renamed, otherwise)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(("sign", "name"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs")])
def test_a_table_is_read_by_its_heading(sign: str, name: str) -> None:
    text = sign.join(["email", "user_id", "room", "reason", "expires_at", "note"]) + "\n"
    text += sign.join(["x@y.z", "00123", "lobby finals", '"a ""b"" c"', "2026-12-01T01:00:00+01:00", "TS-1"]) + "\n"
    found = read(text)
    assert found.bans == (Wanted("00123", ("lobby", "finals"), 'a "b" c', END, "TS-1", "raid.csv", 2),)
    assert (found.delimiter, found.ignored) == (name, ["email"])
    assert found.columns == {
        "user_id": "user_id",
        "rooms": "room",
        "reason": "reason",
        "expires_at": "expires_at",
        "note": "note",
    }


def test_lines_that_say_nothing_take_what_the_command_line_says() -> None:
    otherwise = Otherwise(("lobby",), "Spam", END, "TS-1")
    found = read("user_id,rooms,reason,note\na,,,\nb,all,Rude,TS-2\n", otherwise=otherwise)
    assert found.bans == (
        Wanted("a", ("lobby",), "Spam", END, "TS-1", "raid.csv", 2),
        Wanted("b", "all", "Rude", END, "TS-2", "raid.csv", 3),
    )


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("first", ["sep={}", "SEP={}", '"sep={}"'])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_first_line_may_say_what_separates_the_columns(first: str, sign: str, newline: str) -> None:
    text = f"\ufeff{first.format(sign)}\nplayer{sign}a,b;c\td\nzed{sign}\n".replace("\n", newline)
    other = "".join(each for each in "a,b;c\td" if each != sign)
    found = read(text.replace("a,b;c\td", other), {"user_id": "player"})
    assert found.bans == (Wanted("zed", file="raid.csv", line=3),)
    assert found.ignored == [other]


def test_a_first_line_that_names_what_separates_columns_is_no_user() -> None:
    assert problems("sep=|\nuser_id|note\nzed|x\n") == [
        'raid.csv:1: this says that "|" separates columns; export it with commas, semicolons or tabs'
    ]
    assert problems("sep=;\nzed\n") == [
        "raid.csv:2: no column is called user_id; say which one it is: --map user_id=COLUMN"
    ]
    with pytest.raises(BanListUnreadable):
        read("sep=;\n")


@pytest.mark.parametrize("endless", ["", "null", "never", "NULL", "Never"])
def test_no_end_is_for_good(endless: str) -> None:
    assert read(f"user_id,expires_at\na,{endless}\n").bans[0].ends == "never"


def test_durations_begin_now() -> None:
    assert read("user_id,expires_at\na,7d\n").bans[0].ends == NOW + timedelta(days=7)


def test_columns_can_be_renamed() -> None:
    found = read("player;why\na;x\n", {"user_id": "player", "reason": "why"})
    assert found.bans == (Wanted("a", None, "x", file="raid.csv", line=2),)
    assert read("player\na\nb\n", {"user_id": "player"}).bans[1].user_id == "b"
    assert read("\ufeffuser_id\r\na\r\n\r\nb\r\n").bans[1] == Wanted("b", file="raid.csv", line=4)


def test_a_list_has_one_user_id_a_line() -> None:
    found = read("00123\n\nzed x\r\n#7\n")
    assert found.bans == (
        Wanted("00123", file="raid.csv", line=1),
        Wanted("zed x", file="raid.csv", line=3),
        Wanted("#7", file="raid.csv", line=4),
    )
    assert found.delimiter is None


@pytest.mark.parametrize(
    "heading",
    [
        "userid",
        "User ID",
        '"User ID"',
        "USERNAME",
        "id",
        "player,why",
        "a;b",
        "a\tb",
        "Smith, Alice",
        "reason",
        "rooms",
    ],
)
def test_a_heading_without_our_key_is_never_taken_for_users(heading: str) -> None:
    (problem,) = problems(f"{heading}\na\n")
    assert problem.startswith("raid.csv:1: no column is called user_id. If this line names the columns (")


@pytest.mark.parametrize(
    "text", ["version: 1\nbans:\n", "---\nbans: []\n", '[\n  {\n    "user_id": "a"\n', '{"a": 1, "b": 2}', "<html>\n"]
)
def test_lines_of_other_formats_are_never_taken_for_users(text: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith("raid.csv:1: this looks like YAML, JSON or HTML.")


def test_every_problem_is_told_with_its_line() -> None:
    assert problems("user_id,expires_at\na\nb,soon\nc,2026-13-01\n") == [
        "raid.csv:2: 1 cells, and the first line names 2 columns; check its quotes",
        *(
            f"raid.csv:{line}: expires_at: write a time such as 2027-01-31T00:00:00Z, a duration such as 90m, 12h, 7d"
            " or 2w, or nothing for a ban that does not end"
            for line in (3, 4)
        ),
    ]
    many = problems("user_id,note\n" + "a\n" * 1000)
    assert len(many) == 50
    assert many[-1].endswith("(and 950 more like this)")


def test_every_fault_of_a_line_is_told() -> None:
    faults = problems("user_id,expires_at\nzed ,soon\n")
    assert [fault[:40] for fault in faults] == [
        "raid.csv:2: the user ID begins or ends w",
        "raid.csv:2: expires_at: write a time suc",
    ]
    assert [fault[:40] for fault in problems('amy\n"zed" \n')] == [
        "raid.csv:2: the user ID begins or ends w",
        "raid.csv:2: a user ID does not begin wit",
    ]


def test_a_space_is_never_dropped_from_a_user_id() -> None:
    assert problems('user_id,note\n"zed ", x \n') == [
        "raid.csv:2: the user ID begins or ends with a space; remove it, or ban this user by hand if the ID has one"
    ]
    assert [problem.partition(": ")[0] for problem in problems("zed \namy\n\u00a0bob\n")] == [
        "raid.csv:1",
        "raid.csv:3",
    ]


def test_a_list_in_quotes_is_no_list_of_user_ids() -> None:
    assert problems('zed\n"amy"\n') == [
        "raid.csv:2: a user ID does not begin with a quote; if this is CSV, put the line `user_id` above the first one"
    ]
    assert [ban.user_id for ban in read('user_id\n"amy"\n"""zed"""\n').bans] == ["amy", '"zed"']


@pytest.mark.parametrize("newline", ["\r", "\r\n"])
def test_lines_may_end_as_they_did_on_old_machines(newline: str) -> None:
    for heading in ("", "user_id\n", "user_id,note\n"):
        text = f"{heading}zed\namy\n".replace("d\n", "d,\n").replace("y\n", "y,\n") if "," in heading else ""
        found = read((text or f"{heading}zed\namy\n").replace("\n", newline))
        assert [(ban.user_id, ban.line) for ban in found.bans] == [
            ("zed", 1 + bool(heading)),
            ("amy", 2 + bool(heading)),
        ]


def test_what_no_table_can_hold_is_a_problem_and_no_crash() -> None:
    long = "x" * 200_000
    assert "no column is called user_id" in problems(f"{long},user_id\na,b\n")[0]
    assert "field larger than field limit" in problems(f"user_id,note\na,{long}\n")[0]
    assert [len(ban.user_id) for ban in read(f"{long}\n").bans] == [200_000]
    for time in ("9999-12-31T23:59:59.5Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "999999w"):
        assert "expires_at: write a time" in problems(f"user_id,expires_at\na,{time}\n")[0]


@pytest.mark.parametrize(
    ("text", "renamed", "problem"),
    [
        ("user_id,user_id\na,b\n", {}, "raid.csv:1: two columns are read as user_id; remove one, or rename it"),
        (
            "a;b\nx;y\n",
            {"user_id": "player"},
            'raid.csv:1: no column is called player. If this line names the columns ("a", "b"), say which holds the'
            " user IDs: --map user_id=COLUMN. If it is a user ID itself, put the line `user_id` above it.",
        ),
        ("user_id,a\nx,y\n", {"reason": "b"}, 'raid.csv:1: there is no column "b", which --map names'),
        (
            'user_id,reason\na,"open\n',
            {},
            "raid.csv:2: this line cannot be read: unexpected end of data; check its quotes",
        ),
    ],
)
def test_broken_tables(text: str, renamed: dict[str, str], problem: str) -> None:
    assert problem in problems(text, renamed)


def test_ends_are_said_once() -> None:
    assert problems("user_id,expires_at\na,7d\n", otherwise=Otherwise(ends="never")) == [
        "raid.csv:1: this table says itself when its bans end; leave out --for and --until"
    ]


@pytest.mark.parametrize("content", [b"", b"\n \n", "user_id\nä".encode("latin-1"), "user_id\na".encode("utf-16")])
def test_what_is_no_table_is_refused(content: bytes) -> None:
    with pytest.raises(BanListUnreadable):
        sheet.read(content, "raid.csv", {}, Otherwise(), NOW)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20).map(str.strip)


@given(st.lists(st.tuples(cells.filter(bool), cells, cells), min_size=1), st.sampled_from([",", ";", "\t"]))
def test_whatever_a_table_holds_is_read_as_it_stands(rows: list[tuple[str, str, str]], sign: str) -> None:
    out = StringIO()
    writer = csv.writer(out, delimiter=sign)
    writer.writerows([("user_id", "reason", "note"), *rows])
    found = read(out.getvalue()).bans
    assert [(ban.user_id, ban.reason or "", ban.note or "") for ban in found] == rows
