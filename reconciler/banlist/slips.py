"""What people who do not know YAML write in a ban list in place of YAML, and what to write instead.

A parser only knows where it got lost. What led it astray is often something else, or on the line above, and what it
asks for can be the opposite of what was meant: of a ban whose dash was forgotten it says that its keys are there twice.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from reconciler.banlist.schema import KEYS
from reconciler.yamltext import advice
from reconciler.yamltext.values import Data, Document, Fault, Mark, Path

ODD_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"

NEW_BAN: Final = (
    "this ban has this key already, so a new ban probably begins here; put a `-` before it, right below the `-` above"
)
NEW_BAN_IN_BRACES: Final = (
    "this ban has this key already, so another ban probably begins here; give it braces { } of its own"
)
ROOMS_TWICE: Final = "this ban has `rooms` already; write all its rooms into one list, such as [lobby, finals]"
BANS_TWICE: Final = (
    "there is a `bans:` above already; move the bans below this line to the end of that list, indented alike, and"
    " remove this line"
)
SECTION_TWICE: Final = (
    "this key is above already; move the lines below it up there, indented alike, and remove this line"
)
DASH_MISSING: Final = "a new ban probably begins here; put `- ` before it"
EQUALS: Final = "a key is followed by a colon and a space; write `: ` in place of `=`"
FULL_WIDTH: Final = "this colon (U+FF1A) is not the one that YAML knows; write `: `, a usual colon and a space"
BULLET: Final = "a ban begins with a `-` and a space; write `-` in place of this sign"
AFTER_COLON: Final = "put a space after the colon"
AFTER_DASH: Final = "put a space after the dash"
BRACKET: Final = 'a text that begins with a bracket needs quotes around all of it, such as "[Mod] spam"'
SINGLE_QUOTE: Final = (
    "this quote ends the text; write it twice ('') to mean it, or put the text in double quotes instead"
)
DOUBLE_QUOTE: Final = 'this quote ends the text; write \\" to mean it, or put the text in single quotes instead'
BEHIND_QUOTE: Final = "the text goes on behind its quotes; put all of it inside them"
ALL: Final = "for every room, write `rooms: all`"

_KEY: Final = rf"(?:{'|'.join(sorted({key for keys in KEYS.values() for key in keys}))})"
_START: Final = rf"[ -]*{_KEY}"
# Each matches up to the sign that is wrong. Compiled when they are needed.
_SLIPS: Final = (
    (rf"(?:[ -]*|{_START} *: *)(?=[{ODD_SPACES}])", ""),
    (rf" *(?=[•‣▪●·–—*] *{_KEY} *:)", BULLET),
    (rf"{_START} *(?=：)", FULL_WIDTH),
    (rf"{_START} *(?==)", EQUALS),
    (rf" *-(?={_KEY} *:)", AFTER_DASH),
    (rf"{_START} *:(?=[^ ])", AFTER_COLON),
    (r"[ -]*rooms *: +\[?(?=\*)", ALL),
    (rf"{_START} *: +(?=\[[^][]*\] *[^ #,]|\{{[^{{}}]*\}} *[^ #,])", BRACKET),
    (rf"{_START} *: +'(?:[^']|'')*(?='[^ '])", SINGLE_QUOTE),
    (rf'{_START} *: +"(?:[^"\\]|\\.)*(?="[^ ])', DOUBLE_QUOTE),
    (rf"{_START} *: +(?:'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\") +(?=[^ #])", BEHIND_QUOTE),
)
_LINE: Final = rf"(?P<indent> *)(?P<dash>- +)?(?P<key>{_KEY}) *:"
_NOT_SYNTAX: Final = frozenset({advice.CONFLICT, advice.DIRECTIVE, advice.SECOND_DOCUMENT, advice.TAB, advice.TOO_MANY})


def odd_space(text: str) -> str:
    """Advice on the first special space of a text."""
    found = re.search(f"[{ODD_SPACES}]", text)
    code = f"U+{ord(found[0]):04X}" if found else ""
    return f"there are special spaces ({code}) on this line; put usual spaces in their place"


def indented(spaces: int, what: str) -> str:
    """Advice on a line that is not indented like the one above it that it belongs with."""
    return f"begin this line with {spaces} spaces, so that its {what} stands right below the {what} above"


def clarified(content: bytes, document: Document) -> Document:
    """The same document, with faults that say what probably happened."""
    faults = tuple(_faults(content, document)) if document.faults else ()
    return replace(document, faults=faults) if faults != document.faults else document


def _faults(content: bytes, document: Document) -> Iterator[Fault]:
    lines = re.split("\r\n?|\n", content.decode(errors="replace").removeprefix("\ufeff"))
    *others, last = document.faults
    begun: set[Path] = set()  # bans in which another one seems to begin
    for fault in others if not document.complete else document.faults:
        if fault.message != advice.KEY_TWICE:
            yield fault
        elif (message := _key_twice(fault, lines, document.data, begun)) is not None:
            yield replace(fault, message=message)
    if not document.complete:
        yield _slip(last, lines) or last


def _key_twice(fault: Fault, lines: list[str], data: Data, begun: set[Path]) -> str | None:
    """What to say of a key that is there twice; None if it is part of a ban that begins above it."""
    path = fault.path
    match path:
        case ("bans",):
            return BANS_TWICE
        case ("rooms" | "defaults" | "guardrails" | "include",):
            return SECTION_TWICE
        case ("bans", int(), key):
            if key == _first_key(data, path) or (key == "user_id" and path[:2] not in begun):
                begun.add(path[:2])
                is_in_braces = lines[fault.mark.line - 1][: fault.mark.column - 1].strip(" -") != ""
                return NEW_BAN_IN_BRACES if is_in_braces else NEW_BAN
            if path[:2] in begun:
                return None
            return ROOMS_TWICE if key == "rooms" else fault.message
    return fault.message


def _first_key(data: Data, path: Path) -> str | None:
    """The first key of the ban that a path leads into."""
    bans = data.get("bans") if isinstance(data, dict) else None
    entry = bans[path[1]] if isinstance(bans, list) and isinstance(path[1], int) else None
    return next(iter(entry), None) if isinstance(entry, dict) else None


def _slip(fault: Fault, lines: list[str]) -> Fault | None:
    """The slip over which the parser stumbled, on the line of a fault or the last one above that says anything."""
    if fault.message in _NOT_SYNTAX or fault.path:
        return None
    number = min(fault.mark.line, len(lines)) - 1
    above = next((index for index in range(number - 1, -1, -1) if lines[index].split("#")[0].strip()), number)
    for index in (above, number):
        for pattern, message in _SLIPS:
            if (found := re.match(pattern, lines[index])) is not None:
                mark = Mark(index + 1, found.end() + 1)
                return replace(fault, mark=mark, message=message or odd_space(lines[index][found.end() :]))
    return _misplaced(fault, number, lines, lines[above] if above < number else "")


def _misplaced(fault: Fault, number: int, lines: list[str], above: str) -> Fault | None:
    """A line that stands neither below the key above nor below a dash."""
    line, other = re.match(_LINE, lines[number]), re.match(_LINE, above)
    if line is None:
        return None
    dash = next((len(found["indent"]) for found in _lines_above(number, lines) if found["dash"]), None)
    mark = Mark(number + 1, line.end("indent") + 1)
    indent = len(line["indent"])
    if line["dash"]:
        if dash is None or dash == indent:
            return None
        return replace(fault, mark=mark, message=indented(dash, "`-`"))
    if line["key"] == "user_id" and indent == dash:
        return replace(fault, mark=mark, message=DASH_MISSING)
    if other is None or other.start("key") == indent:
        return None
    return replace(fault, mark=mark, message=indented(other.start("key"), "key"))


def _lines_above(number: int, lines: list[str]) -> Iterator[re.Match[str]]:
    for index in range(number - 1, -1, -1):
        if (found := re.match(_LINE, lines[index])) is not None:
            yield found
