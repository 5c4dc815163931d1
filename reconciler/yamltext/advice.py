"""What to write instead, for each way in which a text is not YAML, or is more YAML than a ban list may use.

Written for people who do not know YAML.
"""

import re
from typing import Final

_NO_YAML: Final = "cannot be read as YAML; check the indentation, the colons, the quotes and the backslashes"
ALIAS: Final = "an alias (*) is not supported; write the value out, or quote a text that begins with *"
ANCHOR: Final = (
    "an anchor (&) is not supported; write the value out where it is needed, or quote a text that begins with &"
)
TAG: Final = (
    "a tag (!) is not supported; every value is text already, so leave it out, or quote a text that begins with !"
)
CUT: Final = "the text ends before this, as ` #` begins a comment; put all of it in quotes, or write `# ` with a space"
CONFLICT: Final = (
    "there is an unfinished merge here, from `<<<<<<<` to `>>>>>>>`; keep the bans that you want from both sides, and"
    " remove the lines with these marks"
)
DIRECTIVE: Final = "a line that begins with % is an instruction to YAML, which is not supported; remove the line"
SECOND_DOCUMENT: Final = "a second document begins here; a ban list is one document, so remove the line `---` or `...`"
KEY_TWICE: Final = "this key is here twice; keep one of the two"
KEY_MISSING: Final = "a key is missing before the colon; quote it if this text is meant"
KEY_NO_TEXT: Final = "a key must be text, and this is not; quote it, or check the brackets"
KEY_SPANS_LINES: Final = "a key must stand on one line; write it as `key: value`"
MERGE_KEY: Final = "merge keys (<<) are not supported; write the keys out"
HALF: Final = "an escape such as \\uD83D is half a character; write the whole character"
TOO_MANY: Final = "there are more problems from here on; correct those above first"
AFTER_HERE: Final = f"what follows here {_NO_YAML}"
UNREADABLE_TOO: Final = "there are more such characters here and below; is this file a ban list?"
GLUED: Final = (
    "a `#` cannot stand right behind a quote, a bracket or a comma; put it inside the quotes if it belongs to the text,"
    " or write ` # ` with spaces to begin a comment"
)
EMPTY_BLOCK: Final = (
    "there is no text below this sign (| or >); write it there, with every line indented, or write it here in place of"
    " the sign"
)
SPACES_AT_END: Final = "this text ends in a line that holds nothing but spaces; remove that line"
BLOCK_ALONE: Final = "a text cannot stand alone; begin with `key: value` lines"
EDGE: Final = "inside brackets, a text that begins or ends with this character must be in quotes"
QUESTION: Final = "`? ` is not supported inside brackets; write `key: value`"
TAB: Final = "there is a tab here; use spaces instead"
LONE_RETURN: Final = (
    "a carriage return ends a line here without a line feed, so other tools may show or read this line otherwise;"
    " begin a new line here"
)
UTF16: Final = "the file is saved as UTF-16, or is not text at all; save it as UTF-8"
NOT_UTF8: Final = "this is not UTF-8; save the file as UTF-8"


def unreadable(character: str) -> str:
    """Advice on a character that YAML does not allow unescaped."""
    code = f"{ord(character):04X}"
    return f'the character U+{code} cannot be written as it is; remove it, or write "\\u{code}" in double quotes'


def too_deep(depth: int) -> str:
    """Advice on a list or mapping inside more than `depth` others."""
    return f"nested more than {depth} deep, and a ban list needs four levels; check the brackets and the indentation"


def too_shallow(spaces: int) -> str:
    """Advice on a line that belongs to a value, and does not begin with as many spaces."""
    spaces_text = "a space" if spaces == 1 else f"{spaces} spaces"
    return f"this line belongs to what is above it, so it must be indented; begin it with at least {spaces_text}"


# Patterns for the "context: problem" of the pure parser's error: the first that fits counts. True: the fault is where
# the context is.
_SYNTAX: Final = (
    (r"character '\\t'", False, TAB),
    (r"cannot start any token", False, "an unquoted text cannot begin with this character; put it in quotes"),
    (r"directive|YAML document|duplicate tag handle", False, DIRECTIVE),
    (r"scanning an alias", True, ALIAS),
    (r"scanning an anchor", True, ANCHOR),
    (r"(scanning|parsing) an? tag|undefined tag", True, TAG),
    (
        r"quoted scalar.*(unexpected end|document separator)",
        True,
        "a quote opens here and is never closed; add the closing quote",
    ),
    (
        r"double-quoted scalar",
        False,
        "a backslash in double quotes begins an escape; write \\\\ for a backslash, or use single quotes",
    ),
    (
        r"block scalar",
        False,
        "a block of text (| or >) begins on a new line, with every line indented alike;"
        " quote a text that begins with | or >",
    ),
    (
        r"mapping values are not allowed",
        False,
        "a colon is not allowed here; quote text that contains `: `, or check this line's indentation, that each ban"
        " begins with `- `, and that the line above has a space after its `-` and its `:`",
    ),
    (r"unexpected ':'", False, "a colon is not allowed here; quote the text, or put a space after the colon"),
    (r"could not find expected ':'", True, "`key: value` is expected here; there is no `: ` on this line"),
    (r"flow sequence", True, "a list opens here with [ and is not closed properly; check its commas and the ]"),
    (
        r"flow mapping",
        True,
        "`key: value` pairs open here with { and are not closed properly; check the commas and the }",
    ),
    (
        r"(block|flow) node",
        False,
        "a value is expected here; write one, or quote a text that begins with this character",
    ),
    (
        r"sequence entries are not allowed",
        False,
        "a list item (`- `) cannot begin here; put it on a line of its own, or quote a text that begins with `- `",
    ),
    (
        r"mapping keys are not allowed",
        False,
        "a question mark and a space are not allowed here; quote text that begins with them",
    ),
    (r"document", False, "the list has ended above; check the indentation of this line, and remove `...` and `---`"),
    (
        r"block (mapping|collection|sequence)",
        False,
        "this does not fit what is above it; check the indentation, that each ban begins with `- `, and that"
        " quoted text ends its line and contains no quote of the same kind",
    ),
)


def of(complaint: str) -> tuple[bool, str]:
    """Advice on an error of the pure parser.

    Args:
        complaint: "context: problem", as in the error.

    Returns:
        Whether the fault is where the context is, rather than the problem; and the advice.
    """
    fitting = ((at_context, advice) for pattern, at_context, advice in _SYNTAX if re.search(pattern, complaint))
    return next(fitting, (False, f"this {_NO_YAML}"))
