"""The canonical form of a ban list: the same list, written so that every YAML tool reads the same user IDs.

As little as possible changes, so that a diff shows what was done and nothing else. In the canonical form:

- The encoding is UTF-8 without a byte order mark, lines end with a line feed alone, and the text ends with exactly one.
- No line ends with spaces or tabs.
- A user ID (`user_id`, and the patterns of `guardrails.protected_users`) that some YAML tool takes for a number, a
  time, a truth value or a null is in quotes. This program reads it as text either way; the quotes are for other tools.

Everything else stays byte for byte: order, comments, blank lines, quotes, indentation (YAML wants the entries of a list
indented alike anyway, and indenting them anew would touch every line), and the inside of every text that spans lines.
If the last value is a block of text, its own rules say how the text ends: `|+` keeps the line breaks that follow it.

With `sort`, the entries of `bans` are ordered by user ID, code point by code point; entries of one user keep their
order. A comment goes with the entry below it. If a blank line follows the comment, or it is indented deeper than the
dash, it goes with the entry above. Blank lines between entries stay where they are.

A text is changed where the marks of YAML's events say that a value is. The result is read again, and must say exactly
what the text said before.
"""

import re
from bisect import bisect_left
from typing import Final

from ruamel.yaml.events import ScalarEvent

from reconciler.banlist.read import read_alone
from reconciler.banlist.sort import order_of, reordered, with_order
from reconciler.banlist.spans import BLOCK_SIGNS, Span, spans_of
from reconciler.banlist.splice import Edit, spliced
from reconciler.errors import FormattingUnsafe
from reconciler.yamltext import read as yamltext
from reconciler.yamltext.characters import decode
from reconciler.yamltext.events import Event
from reconciler.yamltext.places import walk
from reconciler.yamltext.values import Data, Document, Path

# Plain texts that some reader takes for something else: YAML 1.1 and 1.2, and what Ruby's and Go's readers add.
_AMBIGUOUS: Final = re.compile(
    r"""
      [-+]?[0-9.](?:[0-9_.,:]*)(?:[eE][-+]?[0-9_]+)?  # 00123  1_000  1,000  1.5e3  12:30:45; needs a digit, see below
    | [-+]?0[bB][01_]+
    | [-+]?0[oO][0-7_]+
    | [-+]?0[xX][0-9a-fA-F_]+
    | [-+]?\.(?i:inf|nan)
    | -?[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9:.]+[ \t]*(?:[Zz]|[-+][0-9:]+)?)?
    | (?i:y|n|yes|no|on|off|true|false|null)  # null, ~ and nothing at all are errors here already
    | = | <<  # YAML 1.1: "the default value", and the merge key
    | :.+  # Ruby: a symbol
    """,
    re.VERBOSE,
)
_DIGIT: Final = re.compile("[0-9]")
_LINE_BREAK: Final = re.compile("\r\n?")
_TRAILING: Final = re.compile(r"(?<![ \t])[ \t]++(?=\n|\Z)")


def format_content(content: bytes, path: str = "bans.yaml", *, sort: bool = False, pure: bool = False) -> bytes:
    """The canonical form of a ban list, or of a file that holds nothing but `bans`.

    Args:
        content: the file.
        path: its name, for messages.
        sort: order the entries of `bans` by user ID.
        pure: read it without the C parser; the result is the same.

    Returns:
        Content that reads the same, and is its own canonical form.

    Raises:
        BanListInvalid: with every problem in it; or `bans` cannot be sorted as it is written.
        FormattingUnsafe: the result would not read the same: a bug in this module.
    """
    document = read_alone(content, path, pure=pure)
    text = decode(content)
    expected = document.data
    formatted = _LINE_BREAK.sub("\n", text)
    formatted += (
        "" if formatted.endswith("\n") else "\n"
    )  # so the text reads the same, and a mark may be behind its end
    if formatted != text:
        document = yamltext.read(formatted.encode(), pure=pure)
    formatted = _tidied(formatted, document)
    if sort and (order := order_of(expected)):
        formatted = reordered(formatted, yamltext.read(formatted.encode(), pure=pure), order, path)
        expected = with_order(expected, order)
    if formatted != text:
        _require_same(yamltext.read(formatted.encode(), pure=pure), expected, path)
    return formatted.encode()


def is_ambiguous(text: str) -> bool:
    """Whether some YAML tool takes this text, without quotes, for something else."""
    if not _AMBIGUOUS.fullmatch(text):
        return False
    return text[0] not in "+-.0123456789" or _DIGIT.search(text) is not None or text[-1] in "fFnN"


def _require_same(document: Document, expected: Data, path: str) -> None:
    if document.faults or not document.complete or document.data != expected:
        raise FormattingUnsafe(
            f"{path}: formatting it would change what it means, which must never happen, so it is left as it is."
            " Please report this, with a list that shows it."
        )


def _is_user(path: Path | None) -> bool:
    """Whether it is the path of a user ID, or of a pattern for user IDs."""
    if path is None or len(path) != 3:
        return False
    section, key, last = path
    return (section == "bans" and last == "user_id") or (section == "guardrails" and key == "protected_users")


def _tidied(text: str, document: Document) -> str:
    edits: list[Edit] = []
    spans: list[Span] = []
    last: Event = None
    for placed in walk(document):
        spans += spans_of(text, placed)
        event = placed.event
        if event.__class__ is not ScalarEvent:
            continue
        last = event
        if event.implicit[0] and _is_user(placed.path) and is_ambiguous(event.value):
            edits.append(Edit(event.start_mark.index, event.end_mark.index, _quoted(event.value)))
    end = _end(text, last)
    starts = [span.start for span in spans]
    for match in _TRAILING.finditer(text, 0, end):
        before = bisect_left(starts, match.end()) - 1
        if before < 0 or spans[before].end <= match.start():
            edits.append(Edit(match.start(), match.end(), ""))
    body = spliced(text[:end], edits)
    return body if body.endswith("\n") else body + "\n"


def _end(text: str, last: Event) -> int:
    """Where the text ends before its last line break; behind those that belong to a block of text at its end."""
    if last is None or last.style not in ("|", ">") or text[last.end_mark.index :].strip():
        return len(text.rstrip(" \t\n"))
    end: int = last.end_mark.index
    signs = BLOCK_SIGNS.match(text, last.start_mark.index)
    if signs is not None and "+" in signs[0]:
        return end
    return text.find("\n", len(text.rstrip(" \t\n")))  # spaces at the end of its last line belong to it


def _quoted(value: str) -> str:
    if '"' in value or "\\" in value:
        return "'" + value.replace("'", "''") + "'"
    return f'"{value}"'
