"""The characters of a file: what is not UTF-8, and what YAML does not allow."""

import pytest

from reconciler.yamltext.characters import decode, has_unreadable, without_unreadable
from reconciler.yamltext.values import Mark, NotText


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfa: \xc3\xa9") == "a: é"


UTF_16 = "the file is saved as UTF-16, or is not text at all; save it as UTF-8"
UTF_8 = "this is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("content", "mark", "message"),
    [
        ("a: b".encode("utf-16"), Mark(1, 1), UTF_16),
        ("a: b".encode("utf-16-le"), Mark(1, 1), UTF_16),
        ("a: b".encode("utf-16-be"), Mark(1, 1), UTF_16),
        ("a: b".encode("utf-32"), Mark(1, 1), UTF_16),
        (b"\xff", Mark(1, 1), UTF_8),
        ("a: b\r\né: é".encode() + b"\xe9\n", Mark(2, 5), UTF_8),
        (b"\xef\xbb\xbfa\xff", Mark(1, 2), UTF_8),
        (b"a: \xed\xa0\xbd", Mark(1, 4), UTF_8),
        (b"a: \xc0\x80", Mark(1, 4), UTF_8),
    ],
)
def test_what_is_not_utf_8_is_refused_with_its_place(content: bytes, mark: Mark, message: str) -> None:
    with pytest.raises(NotText) as caught:
        decode(content)
    assert (caught.value.mark, str(caught.value)) == (mark, message)


def test_unreadable_characters_are_the_same_ones_in_the_bytes_of_a_file() -> None:
    every_character = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    for character in every_character:
        unreadable = without_unreadable(character) != character
        assert has_unreadable(f"a{character}".encode()) == unreadable, hex(ord(character))
