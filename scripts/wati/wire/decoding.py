"""Decompresses a body in steps of limited size: 64 KB of gzip can expand to 64 MB, nested gzip to more."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPTED = "gzip"  # the `Accept-Encoding` of every request
STEP = 64 * 1024

_COMPRESSED = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 32 + 15  # zlib detects the format by its header and takes any window size


class Undecodable(Exception):
    """The body is not encoded as its headers say, or the encoding was not asked for."""


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body without its `Content-Encoding` (one layer). Raises Undecodable if it is broken or cut."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from chunks
        return
    if encoding not in _COMPRESSED:
        raise Undecodable
    import zlib

    decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
    is_empty = True
    try:
        for chunk in chunks:
            is_empty = is_empty and not chunk
            yield decoder.decompress(chunk, STEP)
            while decoder.unconsumed_tail:
                yield decoder.decompress(decoder.unconsumed_tail, STEP)
            if decoder.unused_data:
                raise Undecodable
    except zlib.error:
        raise Undecodable from None
    if not (decoder.eof or is_empty):
        raise Undecodable
