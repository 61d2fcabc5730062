"""From the bytes of a file to its text. What programs on Windows write is read, or named with the way out."""

from __future__ import annotations

import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

# By their marks. UTF-32's little-endian mark begins with UTF-16's.
_MARKED = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
LONGEST_MARK = 4  # bytes
_NO_TEXT = (  # how a file begins that is no text, and what it is
    (b"PK\x03\x04", "an Excel workbook or another zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office file"),
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "a gzip file"),
)
_LONGEST_LINE = 1 << 20  # bytes of which a line is looked at


class NotText(ValueError):
    """The bytes are no text in UTF-8, or in UTF-16 with its mark; the message says what they are."""


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins with these bytes. Raises NotText."""
    encoding = next((name for mark, name in _MARKED if head.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\x00" in head[:2]:  # both bytes of a first letter that is ASCII
        raise NotText("is not UTF-8; it looks like UTF-16 without its mark")
    return encoding


def decoded(data: bytes, *, quote: bool = True) -> str:
    """The text. Raises NotText.

    `quote`: whether the message may show a line of the text.
    """
    encoding = encoding_of(data[:LONGEST_MARK])
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise refused(io.BytesIO(data), encoding, quote=quote) from None


def refused(file: BinaryIO, encoding: str, *, quote: bool = True) -> NotText:
    """Why a file cannot be decoded, by the first line that cannot."""
    head, number = b"", 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        head = head or line[:16]
        if kind := next((kind for mark, kind in _NO_TEXT if head.startswith(mark)), ""):
            return NotText(f"is not text but {kind}, whatever its name says")
        if not encoding.startswith("utf-8"):
            return NotText(f"is not {encoding.upper()}, although it begins with its mark")
        try:
            line.decode()
        except UnicodeDecodeError as error:
            return NotText(_explained(line, number, error.start, quote=quote))
    return NotText("is not UTF-8")


def _explained(line: bytes, number: int, start: int, *, quote: bool) -> str:
    if line[start:].startswith((b"\xed", b"\xf0")) or start + 1 >= len(line):
        return "is not UTF-8"  # a part of a character, rather than a letter of Windows-1252
    place = f"is not UTF-8 (line {number}); it looks like Windows-1252"
    if not quote:
        return place
    text = line.decode("cp1252", "replace")
    return f'{place}, in which that line reads "{"".join(c for c in text if c.isprintable())[:60]}"'
