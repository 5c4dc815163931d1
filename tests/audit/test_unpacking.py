"""Logs in gzip, whole, damaged, and far larger inside than out."""

import gzip
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit.unpacking import PIECE, unpacked


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def content(pieces: Iterator[bytes]) -> tuple[bytes, list[str]]:
    damages: list[str] = []
    return b"".join(unpacked(pieces, damages.append)), damages


@given(st.lists(st.binary(max_size=200), max_size=3), st.integers(1, 50), st.integers(0, 20))
def test_streams_behind_each_other_are_one_log(contents: list[bytes], size: int, padding: int) -> None:
    packed = b"".join(map(gzip.compress, contents)) + bytes(padding if contents else 0)
    assert content(cut(packed, size)) == (b"".join(contents), [])


@given(st.binary(max_size=200).filter(lambda data: not data.startswith(b"\x1f\x8b")), st.integers(1, 50))
def test_what_is_not_compressed_is_left_as_it_is(data: bytes, size: int) -> None:
    assert content(cut(data, size)) == (data, [])


def test_of_a_log_that_is_cut_off_the_beginning_is_read() -> None:
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    packed = gzip.compress(lines)
    for end in (2, 5, 12, len(packed) // 2, len(packed) - 1):
        read, damages = content(cut(packed[:end], 4096))
        assert lines.startswith(read)
        assert damages == ["it is cut off"]
    assert len(content(cut(packed[: len(packed) // 2], 4096))[0]) > 200_000


def test_of_a_damaged_log_the_beginning_is_read() -> None:
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    packed = bytearray(gzip.compress(lines))
    packed[-6] ^= 1  # its checksum
    read, damages = content(cut(bytes(packed), 4096))
    assert lines.startswith(read)
    assert damages == ["it is damaged"]
    assert content(iter([gzip.compress(b"x") + b"garbage"])) == (b"x", ["it is damaged"])


def test_a_small_log_that_is_huge_inside_comes_in_small_pieces() -> None:
    packing = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([packing.compress(bytes(2**24)) for _ in range(16)]) + packing.flush()
    assert len(packed) < 2**19
    sizes = [len(piece) for piece in unpacked(iter([packed]), pytest.fail)]
    assert sum(sizes) == 2**28
    assert max(sizes) <= PIECE
