"""Problems for GitHub and for programs: the format, and the places."""

import json

import pytest

from reconciler.errors import Problem
from reconciler.views import diagnostics

LIST = """\
version: 1
rooms:
  lobby: arn:aws:ivschat:us-west-2:123456789012:room/g1H2I3j4k5L6
bans:
  - user_id: zed
    rooms: [lobby]
    expires_at: 2027-01-31   # soon
  - {user_id: "a \\" b", rooms: [loby]}
  - note: 'it''s' # x
  - ünï: x
""".encode()


def problem(line: int, column: int, path: str = "bans[0].user_id", message: str = "wrong") -> Problem:
    return Problem("bans.yaml", line, column, path, message)


def only(printed: str) -> dict[str, object]:
    [diagnostic] = json.loads(printed)["diagnostics"]
    assert isinstance(diagnostic, dict)
    return diagnostic


def test_json_has_the_shape_of_terraform() -> None:
    message = "2027-01-31 has no time zone; write 2027-01-31T00:00:00Z"
    printed = diagnostics.as_json([problem(7, 17, "bans[0].expires_at", message)], {"bans.yaml": LIST})
    start = LIST.index(b"2027")
    assert json.loads(printed) == {
        "format_version": "1.0",
        "valid": False,
        "error_count": 1,
        "warning_count": 0,
        "diagnostics": [
            {
                "severity": "error",
                "summary": "Problem in bans[0].expires_at",
                "detail": message,
                "range": {
                    "filename": "bans.yaml",
                    "start": {"line": 7, "column": 17, "byte": start},
                    "end": {"line": 7, "column": 27, "byte": start + 10},
                },
                "snippet": {
                    "context": "bans[0]",
                    "code": "    expires_at: 2027-01-31   # soon",
                    "start_line": 7,
                    "highlight_start_offset": 16,
                    "highlight_end_offset": 26,
                    "values": [],
                },
            }
        ],
    }


def test_a_valid_list_has_no_diagnostics() -> None:
    assert json.loads(diagnostics.as_json([], {})) == {
        "format_version": "1.0",
        "valid": True,
        "error_count": 0,
        "warning_count": 0,
        "diagnostics": [],
    }


def test_a_list_that_cannot_be_read_is_a_diagnostic_without_a_place() -> None:
    printed = json.loads(diagnostics.as_json([], {}, error="no such file"))
    assert (printed["valid"], printed["error_count"]) == (False, 1)
    assert printed["diagnostics"] == [
        {"severity": "error", "summary": "The ban list cannot be read", "detail": "no such file"}
    ]


@pytest.mark.parametrize(
    ("line", "column", "token"),
    [
        (1, 1, "version"),
        (5, 14, "zed"),
        (6, 12, "[lobby]"),
        (6, 13, "lobby"),
        (7, 17, "2027-01-31"),
        (8, 5, r'{user_id: "a \" b", rooms: [loby]}'),
        (8, 6, "user_id"),
        (8, 15, r'"a \" b"'),
        (8, 32, "[loby]"),
        (8, 33, "loby"),
        (9, 11, "'it''s'"),
        (10, 5, "ünï"),
        (10, 10, "x"),
    ],
)
def test_the_token_that_is_wrong_is_highlighted(line: int, column: int, token: str) -> None:
    diagnostic = only(diagnostics.as_json([problem(line, column)], {"bans.yaml": LIST}))
    snippet, place = diagnostic["snippet"], diagnostic["range"]
    assert isinstance(snippet, dict)
    assert isinstance(place, dict)
    assert snippet["code"][snippet["highlight_start_offset"] : snippet["highlight_end_offset"]] == token
    assert LIST[place["start"]["byte"] : place["end"]["byte"]].decode() == token
    assert place["end"]["column"] - place["start"]["column"] == len(token)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_bytes_are_counted_with_every_line_break_and_byte_order_mark(line_break: str, mark: bytes) -> None:
    content = mark + line_break.join(["é: 1", "x: ü", "abc: d"]).encode()
    diagnostic = only(diagnostics.as_json([problem(3, 6)], {"bans.yaml": content}))
    place = diagnostic["range"]
    assert isinstance(place, dict)
    assert content[place["start"]["byte"] : place["end"]["byte"]] == b"d"


@pytest.mark.parametrize(("line", "column"), [(1, 99), (4, 1), (99, 7)])
def test_a_place_that_the_file_does_not_have_any_more_is_no_error(line: int, column: int) -> None:
    diagnostics.as_json([problem(line, column)], {"bans.yaml": b"a: b\nc: d\n\n"})
    diagnostics.as_json([problem(line, column)], {"bans.yaml": b""})


def test_what_is_not_utf_8_can_be_shown() -> None:
    diagnostic = only(diagnostics.as_json([problem(1, 5)], {"bans.yaml": b"a: \xff\xfe\xc3\xa9"}))
    place, snippet = diagnostic["range"], diagnostic["snippet"]
    assert isinstance(place, dict)
    assert isinstance(snippet, dict)
    assert place["start"]["byte"] == 4
    assert snippet["code"] == "a: ??é"


def test_a_long_line_is_shown_in_part_with_what_is_wrong() -> None:
    content = f"bans: [{'x, ' * 100_000}{{user_id: zed}}, {'y, ' * 1000}]".encode()
    at = content.index(b"zed") + 1
    snippet = only(diagnostics.as_json([problem(1, at)], {"bans.yaml": content}))["snippet"]
    assert isinstance(snippet, dict)
    assert len(snippet["code"]) <= 240
    assert snippet["code"][snippet["highlight_start_offset"] : snippet["highlight_end_offset"]] == "zed"


def test_problems_of_several_files_are_each_shown_from_their_own() -> None:
    problems = [Problem("a.yaml", 1, 1, "", "x"), Problem("b.yaml", 1, 1, "", "y"), Problem("c.yaml", 1, 1, "", "z")]
    printed = json.loads(diagnostics.as_json(problems, {"a.yaml": b"in a", "b.yaml": b"in b"}))["diagnostics"]
    assert [each["snippet"] and each["snippet"]["code"] for each in printed] == ["in a", "in b", None]


def test_github_gets_a_workflow_command_for_each_problem() -> None:
    found = [problem(7, 14, "bans[1].user_id", "100 % wrong: this, that"), Problem("a,b:c%.yaml", 1, 1, "", "broken")]
    assert diagnostics.github(found) == (
        "::error file=bans.yaml,line=7,col=14,title=bans[1].user_id::"
        "bans.yaml:7:14: bans[1].user_id: 100 %25 wrong: this, that\n"
        "::error file=a%2Cb%3Ac%25.yaml,line=1,col=1,title=Ban list::a,b:c%25.yaml:1:1: broken\n"
    )


def test_github_gets_fifty_at_most_and_the_count_of_the_rest() -> None:
    lines = diagnostics.github([problem(n, 1) for n in range(1, 53)]).splitlines()
    assert len(lines) == 51
    assert lines[-1] == "::error title=Ban list::2 more problems not shown here."
    assert len(diagnostics.github([problem(n, 1) for n in range(1, 51)]).splitlines()) == 50
    assert diagnostics.github([]) == ""
