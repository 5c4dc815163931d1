"""A log without its compression, piece by piece."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_MAGIC: Final = b"\x1f\x8b"  # of gzip (RFC 1952); no JSON begins like this
_GZIP: Final = 31  # zlib's word for it
PIECE: Final = 2**20  # bytes


def unpacked(pieces: Iterable[bytes], damaged: Callable[[str], object]) -> Iterator[bytes]:
    """The content of a log, compressed with gzip or not, in pieces of at most 1 MiB if it is.

    Its name does not count: what was stored compressed may have been unpacked on the way. Several streams behind each
    other are one log, as for `gzip`.

    Args:
        pieces: the bytes of the log.
        damaged: told why there is no more, once what can be read has been yielded.
    """
    left = iter(pieces)
    head = b""
    for piece in left:
        head += piece
        if len(head) >= len(_MAGIC):
            break
    if not head.startswith(_MAGIC):
        if head:
            yield head
        yield from left
        return
    stream = zlib.decompressobj(_GZIP)
    data = head
    while data:
        try:
            content = stream.decompress(data, PIECE)
        except zlib.error:
            damaged("it is damaged")
            return
        if content:
            yield content
        if not stream.eof:
            data = stream.unconsumed_tail or next(left, b"")
            continue
        data = stream.unused_data.lstrip(b"\0")  # some archives are padded
        while not data:
            more = next(left, None)
            if more is None:
                return
            data = more.lstrip(b"\0")
        stream = zlib.decompressobj(_GZIP)
    damaged("it is cut off")
