"""Ban lists as YAML texts, in every style that YAML has, sound and damaged."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from reconciler.banlist.format import format_content
from tests.builders import FINALS, LOBBY

Text = str | None

# Whatever YAML gives a meaning to, and what people write.
TOKENS = [
    *("- ", "-", "? ", "?", ": ", ":", "[", "]", "{", "}", ", ", ",", "#", " #c", "# c\n", "'", '"', "''", '""', "\\"),
    *("&a ", "*a", "*a ", "!", "!!str ", "!<x> ", "|", ">", "|-\n", ">\n", "|2\n", "|+\n\n", "|#", "| # c\n", "<<: "),
    *("---", "...", "\n---\n", "\n...\n", "%YAML 1.2\n", "%TAG ! x\n", "%x\n", "@", "`", "%", "~", "null", "=", "<<"),
    *("\n# c\tc\n", "\n  #\t\n", "#\t"),
    *("\n", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "\r\n", "\r", "  ", " ", "\t", "   \n", "\n \n"),
    *(
        "\x00",
        "\x07",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ufffd",
        "\ue03a",
        "é",
        "😀",
        '"\\u00e9"',
        '"\\ud83d"',
        "\\n",
        '"\\x"',
    ),
    *("a", "b", "a: b", "a:b", "key", "all", "lobby", "user_id: ", "rooms: ", "bans:\n", "bans: []\n", "version: 1\n"),
    *(
        "[a, b]",
        "{a: b}",
        "{a}",
        "[a: b]",
        LOBBY,
        f"[{FINALS}]",
        "00123",
        "1e5",
        "2026-01-01",
        "|\n  x\n",
        ">-\n  x\n   y\n",
    ),
]


@dataclass(frozen=True)
class Style:
    """How one value is written. `fits` says which texts it can write, on one line or in a block below its key."""

    write: Callable[[str], str]
    fits: Callable[[str], bool]


def _is_simple(text: str) -> bool:
    """Whether the text means itself without quotes, wherever it stands."""
    return text.replace("-", "").replace("_", "").isalnum() and text[0] != "-" and text.lower() != "null"


def _is_printable(text: str) -> bool:
    return text.isprintable()


STYLES = {
    "plain": Style(lambda text: text, _is_simple),
    "single": Style(lambda text: "'" + text.replace("'", "''") + "'", _is_printable),
    "double": Style(lambda text: json.dumps(text, ensure_ascii=False), lambda text: text.isprintable()),
    "escaped": Style(lambda text: '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"', lambda _: True),
    "literal": Style(
        lambda text: f"|-\n        {text}", lambda text: text.isprintable() and text.strip(" ") == text != ""
    ),
    "folded": Style(
        lambda text: f">-\n        {text}", lambda text: text.isprintable() and text.strip(" ") == text != ""
    ),
}


@st.composite
def scalars(draw: st.DrawFn, text: str, *, flow: bool = False) -> str:
    """A way to write this text."""
    names = [name for name, style in STYLES.items() if style.fits(text)]
    if flow:
        names = [name for name in names if name not in ("literal", "folded")]
    return STYLES[draw(st.sampled_from(names))].write(text)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
user_ids = st.one_of(
    st.sampled_from(["00123", "1e5", "0x1F", "no", "2026-01-01", "ABC123def456"]),
    texts.filter(lambda text: not text.endswith("\n")),
)
room_lists = st.sampled_from(
    ["all", "[lobby]", "[lobby, finals]", f"[{LOBBY}]", f'["{FINALS}", lobby]', "[ 'lobby' , ]"]
)


@st.composite
def entries(draw: st.DrawFn, user_id: str) -> Mapping[str, Text]:
    """One entry: its keys and how their values are written in block style; rooms are written already."""
    entry: dict[str, Text] = {"user_id": user_id}
    if draw(st.booleans()):
        entry["reason"] = draw(texts)
    if draw(st.booleans()):
        entry["expires_at"] = draw(st.sampled_from(["2027-01-31T00:00:00Z", "2027-01-31T12:30:00.5+05:30", None]))
    if draw(st.booleans()):
        entry["note"] = draw(st.one_of(st.none(), texts))
    return entry


@st.composite
def ban_list_texts(draw: st.DrawFn) -> tuple[str, Sequence[str]]:
    """A sound ban list in some style, and the user IDs that it bans, in order."""
    ids = draw(st.lists(user_ids, max_size=4, unique=True))
    lines = draw(st.sampled_from([["version: 1"], ["---", 'version: "1"'], ["# a comment", "", "version: '1' # one"]]))
    lines = [*lines, *draw(st.sampled_from([
        ["rooms:", f"  lobby: {LOBBY}", f"  finals: {FINALS}"],
        [f"rooms: {{lobby: {LOBBY}, finals: '{FINALS}'}}"],
        ["rooms: {", f'  "lobby": "{LOBBY}",', f"  finals: {FINALS}", "}"],
    ]))]  # fmt: skip
    lines += draw(st.sampled_from([[], ["defaults: {reason: spam}"], ["guardrails:", "  max_bans: 007"], ["state: ~"]]))
    lines.append("bans:" if ids else "bans: []")
    for user_id in ids:
        entry = draw(entries(user_id))
        rooms = draw(room_lists)
        if draw(st.booleans()):
            pairs = [f"{key}: {written(draw, text, flow=True)}" for key, text in entry.items()]
            lines.append(f"  - {{{', '.join([*pairs, f'rooms: {rooms}'])}}}")
        else:
            pairs = [f"{key}: {written(draw, text, flow=False)}" for key, text in entry.items()]
            pairs.insert(draw(st.integers(0, len(pairs))), f"rooms: {rooms}")
            lines += [f"  {'-' if index == 0 else ' '} {pair}" for index, pair in enumerate(pairs)]
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", "  # a comment", "# a comment"])))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline])), ids


def written(draw: st.DrawFn, text: Text, *, flow: bool) -> str:
    return draw(st.sampled_from(["~", "null"])) if text is None else draw(scalars(text, flow=flow))


@st.composite
def damaged_texts(draw: st.DrawFn) -> str:
    """A ban list in which characters were deleted, inserted or swapped, or lines cut, doubled or indented anew."""
    text, _ = draw(ban_list_texts())
    for _ in range(draw(st.integers(1, 4))):
        if not text:
            break
        at = draw(st.integers(0, len(text) - 1))
        lines = text.split("\n")
        line = draw(st.integers(0, len(lines) - 1))
        token = draw(st.sampled_from(TOKENS))
        match draw(
            st.sampled_from(["delete", "insert", "insert", "replace", "swap", "cut", "double", "indent", "end"])
        ):
            case "delete":
                text = text[:at] + text[at + 1 :]
            case "insert":
                text = text[:at] + token + text[at:]
            case "replace":
                text = text[:at] + token + text[at + 1 :]
            case "swap":
                text = text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
            case "cut":
                text = "\n".join(lines[:line] + lines[line + 1 :])
            case "double":
                text = "\n".join(lines[: line + 1] + lines[line:])
            case "indent":
                lines[line] = " " * draw(st.integers(0, 7)) + lines[line].lstrip(" ")
                text = "\n".join(lines)
            case "end":
                text = text[:at]
    return text


soups = st.lists(st.sampled_from(TOKENS), max_size=20).map("".join)


def format_text(text: str, path: str = "bans.yaml", *, sort: bool = False, pure: bool = False) -> str:
    """`format_content` for a text."""
    return format_content(text.encode(errors="surrogatepass"), path, sort=sort, pure=pure).decode()
