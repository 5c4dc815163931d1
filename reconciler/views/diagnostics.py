"""The problems of a ban list where people and programs look for them: annotations of GitHub, and JSON.

The JSON has the shape of `terraform validate -json`, so that what reads that reads this.
"""

import codecs
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from reconciler import escape
from reconciler.errors import Problem
from reconciler.views.wording import count, errors_and_warnings

FORMAT_VERSION: Final = "1.0"
MAX_ANNOTATIONS: Final = 50  # GitHub shows ten a step; the others can be read in the log
_MAX_CODE: Final = 240  # characters of a line that a snippet shows
_MAX_TOKEN: Final = 600  # characters that are searched for the end of a token
_LINE_BREAK: Final = re.compile(b"\r\n|\r|\n")


def github(problems: Sequence[Problem]) -> str:
    """Workflow commands for GitHub Actions, one a line, which it shows as annotations in the pull request.

    Errors come before warnings, so that these leave room for them.

    Args:
        problems: with paths from the root of the repository as their files.
    """
    shown = sorted(problems, key=lambda problem: problem.is_warning)[:MAX_ANNOTATIONS]
    lines = [
        f"::{_severity(problem)} file={_property(problem.file)},line={problem.line},col={problem.column},"
        f"title={_property(problem.path or 'Ban list')}::{_message(str(problem))}\n"
        for problem in shown
    ]
    counts = zip(errors_and_warnings(problems), errors_and_warnings(shown), strict=True)
    for what, (found, told) in zip(("error", "warning"), counts, strict=True):
        if more := found - told:
            noun = "more problem" if what == "error" else "more warning"
            lines.append(f"::{what} title=Ban list::{count(more, noun)} not shown here.\n")
    return "".join(lines)


def _severity(problem: Problem) -> str:
    return "warning" if problem.is_warning else "error"


def github_failed(error: str, file: str | None = None) -> str:
    """A workflow command that says why a list cannot be used at all.

    Args:
        error: why.
        file: the list as a path from the root of the repository, if it is there.
    """
    where = "" if file is None else f"file={_property(file)},"
    return f"::error {where}title=Ban list::{_message(error)}\n"


def _message(text: str) -> str:
    return escape.terminal(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def as_json(
    problems: Sequence[Problem],
    contents: Mapping[str, bytes],
    *,
    snippets: bool = True,
    error: str | None = None,
    summary: str = "The ban list cannot be read",
) -> str:
    """The verdict on a list as a JSON object.

    Args:
        problems: none, or warnings alone, if the list is valid.
        contents: of the files that the problems are in. If one is left out, its problems have no end and no snippet.
        snippets: show the lines that have problems.
        error: why the list cannot be read or planned at all.
        summary: the same in a few words.
    """
    wanted: dict[str, set[int]] = {}
    for problem in problems:
        wanted.setdefault(problem.file, set()).add(problem.line)
    sources = {file: _Lines(content, wanted.get(file, set())) for file, content in contents.items()}
    diagnostics = [_diagnostic(problem, sources.get(problem.file), snippets=snippets) for problem in problems]
    errors, warnings = errors_and_warnings(problems)
    if error is not None:
        diagnostics.append({"severity": "error", "summary": summary, "detail": error})
        errors += 1
    rows = ",\n".join(f"    {escape.to_json(diagnostic)}" for diagnostic in diagnostics)
    head = {"format_version": FORMAT_VERSION, "valid": not errors, "error_count": errors, "warning_count": warnings}
    lines = [f'  "{key}": {escape.to_json(value)},' for key, value in head.items()]
    return "\n".join(["{", *lines, f'  "diagnostics": [\n{rows}\n  ]' if rows else '  "diagnostics": []', "}\n"])


def _diagnostic(problem: Problem, source: "_Lines | None", *, snippets: bool) -> dict[str, object]:
    diagnostic: dict[str, object] = {
        "severity": _severity(problem),
        "summary": f"{'Warning about' if problem.is_warning else 'Problem in'} {problem.path or 'the ban list'}",
        "detail": problem.detail,
    }
    if source is None:
        start = {"line": problem.line, "column": problem.column, "byte": 0}
        return {**diagnostic, "range": {"filename": problem.file, "start": start, "end": start}, "snippet": None}
    line = source.line(problem.line)
    first = min(problem.column - 1, len(line))
    last = _token_end(line, first)
    begin, end = (
        {"line": problem.line, "column": at + 1, "byte": source.byte(problem.line, at)} for at in (first, last)
    )
    place = {"filename": problem.file, "start": begin, "end": end}
    if not snippets:
        return {**diagnostic, "range": place, "snippet": None}
    left = max(0, min(first - _MAX_CODE // 4, len(line) - _MAX_CODE))
    code = line[left : left + _MAX_CODE]
    snippet: dict[str, object] = {
        "context": _context(problem.path),
        "code": code.encode(errors="replace").decode(),
        "start_line": problem.line,
        "highlight_start_offset": first - left,
        "highlight_end_offset": min(last - left, len(code)),
        "values": [],
    }
    return {**diagnostic, "range": place, "snippet": snippet}


class _Lines:
    """Some of the lines of a file, as characters and as bytes.

    Args:
        content: the file.
        wanted: their numbers, counted from 1.
    """

    def __init__(self, content: bytes, wanted: Collection[int]) -> None:
        self._content = content
        self._places: dict[int, tuple[int, int]] = {}  # line → where it begins and ends
        self._last = (0, "")  # the line that was asked for last: many problems may be on one long line
        number, last = 1, max(wanted, default=0)
        start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
        for found in _LINE_BREAK.finditer(content, start):
            if number in wanted:
                self._places[number] = start, found.start()
            number, start = number + 1, found.end()
            if number > last:
                break
        else:
            self._places[number] = start, len(content)

    def _place(self, number: int) -> tuple[int, int]:
        end = len(self._content)
        return self._places.get(number, (end, end))

    def line(self, number: int) -> str:
        """One of these lines, without its break; a byte that is not UTF-8 is a lone surrogate. Empty beyond the end."""
        if self._last[0] != number:
            start, end = self._place(number)
            self._last = number, self._content[start:end].decode("utf-8", "surrogateescape")
        return self._last[1]

    def byte(self, number: int, character: int) -> int:
        """How many bytes of the file come before a character of a line."""
        line = self.line(number)
        before = character if line.isascii() else len(line[:character].encode("utf-8", "surrogateescape"))
        return self._place(number)[0] + before


# A quoted or a plain scalar, or a collection in brackets: enough of YAML to highlight what is wrong.
_TOKEN: Final = re.compile(
    r"""
    "(?:[^"\\]|\\.)*"? | '(?:[^']|'')*'? | \{.*\} | \[[^\]]*\]?
    | (?:(?!:(?:\s|$)|\s\#)[^,\[\]{}])+
    """,
    re.VERBOSE,
)


def _token_end(line: str, start: int) -> int:
    """Where the YAML token that begins at `start` ends, at the latest with its line; at least one character on."""
    match = _TOKEN.match(line[start : start + _MAX_TOKEN])
    return start + max(1, len(match[0].rstrip()) if match else 0)


def _context(path: str) -> str | None:
    """What a problem stands in: `bans[1]` for `bans[1].user_id`."""
    return path.rpartition(".")[0] or path or None
