"""User IDs that look wrong, and those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import escape
from reconciler.banlist.suspicious import SILENCER, doubts
from reconciler.yamltext.second_look import is_clean, may_be_odd

OR_SILENCE = ", or if this is right, end the line with `# reconciler: ok`"
COPY = "copy it from your application again"
NFC = f"not in the usual form of Unicode (NFC), so it may differ from one that looks the same; {COPY}"


def of(text: str) -> list[str]:
    found = list(doubts(text))
    for doubt in found:
        assert doubt.message.endswith(OR_SILENCE)
        for quote in doubt.private:
            assert quote in doubt.message
    return [doubt.message.removesuffix(OR_SILENCE) for doubt in found]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (" alice", ["begins with a space; remove it"]),
        ("alice ", ["ends with a space; remove it"]),
        (" alice ", ["begins and ends with a space; remove it"]),
        (" ", ["begins and ends with a space; remove it"]),
        ("\u3000さくら", ["begins with a space; remove it"]),
        ("“alice”", ["the quotes around it are part of it; remove them"]),
        ("„alice“", ["the quotes around it are part of it; remove them"]),
        ("‘alice’", ["the quotes around it are part of it; remove them"]),
        ("«alice»", ["the quotes around it are part of it; remove them"]),
        ('"alice"', ["the quotes around it are part of it; remove them"]),
        ("`alice`", ["the quotes around it are part of it; remove them"]),
        ("alice, bob", ["contains a comma and a space; if these are two, write each by itself"]),
        ("alice\n", ["contains a line break; write it on one line"]),
        ("ali\u2028ce", ["contains a line break; write it on one line"]),
        ("ali\tce", ["contains U+0009, which is an invisible character; remove it"]),
        ("ali\u200bce", ["contains U+200B, which is an invisible character; remove it"]),
        ("alice\u202e", ["contains U+202E, which is an invisible character; remove it"]),
        ("alice\u3164", ["contains U+3164, which is an invisible character; remove it"]),
        ("ali\ufe0fce", ["contains U+FE0F, which is an invisible character; remove it"]),
        ("ali\U000e0041ce", ["contains U+E0041, which is an invisible character; remove it"]),
        ("ali\u00a0ce", ["contains U+00A0, which looks like a space but is not the usual one; write a space"]),
        ("e\u0301va", [NFC]),
        ("\u212bke", [NFC]),
        ("\u0430lice", [f"mixes Latin and Cyrillic letters, which may look alike: U+0430 is Cyrillic; {COPY}"]),
        ("alic\u03bf_7", [f"mixes Latin and Greek letters, which may look alike: U+03BF is Greek; {COPY}"]),
        ("a\u043b\u0438sa", [f"mixes Latin and Cyrillic letters, which may look alike: U+043B is Cyrillic; {COPY}"]),
        ("Мари\u03b1", [f"mixes Cyrillic and Greek letters, which may look alike: U+03B1 is Greek; {COPY}"]),
        ("\u0430.smith", [f"mixes Latin and Cyrillic letters, which may look alike: U+0430 is Cyrillic; {COPY}"]),
        ("x5\u0430", [f"mixes Latin and Cyrillic letters, which may look alike: U+0430 is Cyrillic; {COPY}"]),
        ("さкら", [f"mixes Hiragana and Cyrillic letters, which may look alike: U+043A is Cyrillic; {COPY}"]),
        (
            "\ufeffali\u00a0ce, \n",
            [
                "contains a line break; write it on one line",
                "contains U+00A0, which looks like a space but is not the usual one; write a space",
                "contains U+FEFF, which is an invisible character; remove it",
                "contains a comma and a space; if these are two, write each by itself",
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_odd_about_a_user_id_is_told(text: str, messages: list[str]) -> None:
    assert of(text) == messages
    assert not is_clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "ABC123def456",
        "00123",
        "auth0|3f9a1c20b7d4",
        "player.7@example.com",
        "Alice Smith",
        "Smith,Alice",
        "O'Brien",
        "O’Brien",
        '5" disk',
        "~!@#$%^&*()_+[]{};:<>?/\\|-=",
        "a,",
        "Ünal_107",
        "Zoë",
        "Nguyễn",
        "Мария_37",
        "clan_Мария",
        "DJ Вася",
        "Ζωή",
        "Ελένη-2",
        "さくら_14",
        "カタカナさくら桜abc",
        "チャット・ルーム",
        "コーヒー々",
        "桜　さくら",
        "김철수 金abc",
        "注音ㄓㄨㄧㄣ",
        "דוד",
        "فاطمة",
        "हिन्दी",
        "😀 gamer",
        "x²",
        "№5",
        "ＡＢＣ",
        "µ",
        "сахар",
    ],
)  # fmt: skip
def test_usual_user_ids_are_not_odd(text: str) -> None:
    assert of(text) == []
    assert is_clean(text) or not text.isascii()


LETTERS = "aZ09 ,'\"`_.-ÄßñабЯЁїώさアーッ漢々가힣ᄀ\u0301\u3099\u0430\u00a0\u200b\t\n"


@given(st.text(max_size=128) | st.text(LETTERS, max_size=8))
def test_a_second_look_at_a_clean_user_id_finds_nothing(text: str) -> None:
    odd = bool(of(text))
    if is_clean(text) or not may_be_odd(text):
        assert not odd
    elif text.isascii() and text:
        assert odd or text[0] in "\"'`"


def test_every_letter_of_a_clean_user_id_is_one_that_is_not_odd() -> None:
    letters = [chr(code) for code in range(0x30000) if is_clean(chr(code))]
    assert len(letters) > 30_000
    assert not any(of(letter) for letter in letters)


@given(st.text(max_size=20))
def test_whatever_a_plan_shows_as_an_escape_is_odd(text: str) -> None:
    if not escape.is_visible(text):
        assert of(text)


def test_messages_say_how_to_silence_them() -> None:
    assert f"`{SILENCER}`" in OR_SILENCE
