"""What to say about each mistake that pydantic finds in a ban list: what is wrong, and what to write instead."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

from reconciler.banlist.schema import EXAMPLE_ARN, KEYS, MAX_PATTERNS
from reconciler.banlist.slips import odd_space
from reconciler.banlist.times import advice_on
from reconciler.yamltext.values import Path


def explain(path: Path, detail: ErrorDetails) -> str:
    """What is wrong with a value, and what to write instead."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return _unknown_key(path, value)
        case "time":
            return advice_on(value)
        case "string_too_short":
            what = "write a value, or leave the key out" if path[-1] == "reason" else "write a value"
            return f"an empty text; {what}"
        case "string_too_long":
            limit = context["max_length"]
            return f"{len(value):,} characters long, and the limit is {limit}; shorten it"
        case "string_pattern_mismatch" if path[0] == "rooms":
            return f"not the ARN of a room; it looks like {EXAMPLE_ARN}"
        case "string_pattern_mismatch":
            return _SHAPES.get((path[0], path[-1]), _LINE_BREAK)
        case "too_long":
            return f"{len(value):,} patterns, and the limit is {MAX_PATTERNS}; put more files into a folder"
        case "too_short" if path[-1] == "include":
            return "an empty list; name files such as bans.d/*.yaml, or leave the key out"
        case "too_short":
            return "an empty list; name at least one room, or write `rooms: all`"
        case "less_than_equal":
            return f"{value} is too high; the highest value is {context['le']}"
        case "literal_error":
            return "this version of the format is not known; write `version: 1`"
        case "string_type" | "list_type" | "dict_type" | "int_type" | "datetime_type":
            expected = _EXPECTED[kind]
            if kind == "dict_type" and path[0] == "bans":
                expected = "`user_id: …` and the other keys of a ban"
            elif kind == "dict_type" and path[0] == "accounts":
                expected = (
                    "a line such as `role_arn: …` or `profile: …`" if len(path) > 1 else "accounts and their roles"
                )
            elif kind == "list_type" and path[-1] in _EXAMPLES:
                expected = f"a list such as {_EXAMPLES[str(path[-1])]}"
            elif kind == "string_type" and path[0] == "rooms":
                return f"the ARN of the room is missing; it looks like {EXAMPLE_ARN}"
            if value is None and kind == "string_type":
                return "has no value; write one; if this very text is meant, put it in quotes"
            if value is None:
                return f"has no value; write {expected}"
            return f"this is {_kind_of(value)}; write {expected} instead"
    return detail["msg"]


_LINE_BREAK: Final = "ends in a line break, which becomes part of the text; write it on one line, without `|` or `>`"
_SHAPES: Final[Mapping[tuple[str | int, str | int], str]] = {
    ("denylist", "name"): "a list's name has 1 to 64 letters, digits, `_`, `-` and `.`; write one such as esports",
    ("discover", "region"): "not a region; write it like us-west-2",
    ("discover", "account"): "not an account; write its digits alone, such as 123456789012",
    ("accounts", "external_id"): "not an external ID; it has 2 to 1,224 letters, digits and signs of _+=,.@:/-",
}
_EXAMPLES: Final = {"protected_users": "[host-*]", "include": "[bans.d/*.yaml]"}
_EXPECTED: Final = {
    "string_type": "text",
    "list_type": "a list such as [lobby]",
    "dict_type": "indented `key: value` lines",
    "int_type": "a whole number",
    "datetime_type": "a time such as 2027-01-31T00:00:00Z",
}


def _kind_of(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "a group of `key: value` lines" if isinstance(value, dict) else "text"


def unknown_in_included(key: str) -> str:
    """What to say about a key of an included file, which holds only `bans`."""
    if key in KEYS[""]:
        return "an included file holds only `bans`; move this to the list that includes it"
    return "there is no such key; an included file holds only `bans`"


def likely_key(key: str, section: str) -> str | None:
    """The key that was probably meant, for one that does not exist."""
    keys = list(KEYS[section])
    plain = key.casefold().replace("-", "_").replace(" ", "_")
    return next(iter(get_close_matches(plain, keys, 1)), None)


def _unknown_key(path: Path, value: object) -> str:
    key, section = str(path[-1]), str(path[0]) if len(path) > 1 else ""
    if key.strip() != key and key.strip() in KEYS[section]:
        return odd_space(key)
    if not section and key in KEYS["bans"]:
        return "this belongs to a ban, and the bans stand below `bans:`; indent the lines of the ban like those there"
    meant = likely_key(key, section)
    if meant == "rooms" and section and isinstance(value, str):
        return "there is no such key; did you mean `rooms`? It holds a list, such as [lobby]"
    return "there is no such key; " + (
        f"did you mean `{meant}`?" if meant else f"the keys here are {', '.join(KEYS[section])}"
    )


def quoted(text: str) -> str:
    """Text of the list as messages show it: on one line, and not too long."""
    return json.dumps(text if len(text) <= 60 else text[:60] + "…", ensure_ascii=False)
