"""User IDs that are probably not what their author means: what is wrong with them is hard to see, or easy to miss.

Any text can be a user ID, so these are doubts and not mistakes.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from reconciler import escape

SILENCER: Final = "# reconciler: ok"


class Doubt(NamedTuple):
    """Why a text is suspicious.

    Attributes:
        message: what is odd, and what to do about it.
        private: the parts of the message that quote the text.
    """

    message: str
    private: tuple[str, ...] = ()


# Strings, which are compiled when they are used: few lists need them.
_LINE_BREAK: Final = "[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]"
_QUOTES: Final = "\"'`“”„‟‘’‚‛«»‹›＂＇"
_COPY: Final = "copy it from your application again"


def doubts(text: str) -> Iterator[Doubt]:
    """Everything that is odd about a user ID, or about a pattern for user IDs."""
    for odd in _oddities(text):
        yield odd._replace(message=f"{odd.message}, or if this is right, end the line with `{SILENCER}`")


def _oddities(text: str) -> Iterator[Doubt]:
    if not escape.is_visible(text):
        yield from _invisible(text)
    ends = [verb for verb, end in (("begins", text[:1]), ("ends", text[-1:])) if end in {" ", "\u3000"}]
    if ends:
        yield Doubt(f"{' and '.join(ends)} with a space; remove it")
    if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        yield Doubt("the quotes around it are part of it; remove them")
    if ", " in text:
        yield Doubt("contains a comma and a space; if these are two, write each by itself")
    if not text.isascii():
        if not unicodedata.is_normalized("NFC", text):
            what = "not in the usual form of Unicode (NFC), so it may differ from one that looks the same"
            yield Doubt(f"{what}; {_COPY}")
        yield from _mixed(unicodedata.normalize("NFC", text))


def _invisible(text: str) -> Iterator[Doubt]:
    if re.search(_LINE_BREAK, text):
        yield Doubt("contains a line break; write it on one line")
    hidden = [
        character for character in text if not escape.is_visible(character) and not re.match(_LINE_BREAK, character)
    ]
    spaces = [character for character in hidden if unicodedata.category(character) == "Zs"]
    if spaces:
        code = _code(spaces[0])
        yield Doubt(f"contains {code}, which looks like a space but is not the usual one; write a space", (code,))
    if others := [character for character in hidden if character not in spaces]:
        code = _code(others[0])
        yield Doubt(f"contains {code}, which is an invisible character; remove it", (code,))


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


# UTS #39, Unicode Security Mechanisms, 5.2: a text is "highly restrictive" if its letters are of one script, or of one
# of these groups. It is asked here of each word, since `clan_Мария` misleads nobody.
_TOGETHER: Final = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_WORD: Final = "(?:[^\\W\\d_]|[\u0300-\u036f])+"
# Cyrillic and Greek letters that look like Latin ones: a word of nothing else misleads beside Latin words.
_LIKE_LATIN: Final = frozenset("АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυ")


def _mixed(text: str) -> Iterator[Doubt]:
    words = re.findall(_WORD, text)
    beside_latin = any("LATIN" in scripts for scripts in map(_scripts, words))
    for word in words:
        scripts = _scripts(word)
        mixed = len(scripts) > 1 and not any(scripts <= group for group in _TOGETHER)
        if mixed or (beside_latin and _LIKE_LATIN.issuperset(word)):
            first = "LATIN" if beside_latin else _script(word[0])
            stranger = next(letter for letter in word if _script(letter) not in (first, ""))
            here, there = first.capitalize(), _script(stranger).capitalize()
            code = _code(stranger)
            what = f"mixes {here} and {there} letters, which may look alike: {code} is {there}"
            yield Doubt(f"{what}; {_COPY}", (code,))
            return


def _scripts(word: str) -> set[str]:
    return {"LATIN"} if word.isascii() else set(map(_script, word)) - {""}


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    """The script of a letter, as the first word of its name has it; empty for what goes with every script."""
    if unicodedata.category(character) not in ("Lu", "Ll", "Lt", "Lo"):
        return ""
    first, *rest = unicodedata.name(character, "").split(" ")
    if first in ("FULLWIDTH", "HALFWIDTH"):
        first = rest[0]
    return "HAN" if first == "CJK" else first
