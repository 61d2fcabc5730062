"""From the bytes of a file to its text. What programs on Windows write is read, or named with the way out."""

from __future__ import annotations

# By their marks. UTF-32's little-endian mark begins with UTF-16's.
_MARKED = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_NO_TEXT = (  # how a file begins that is no text, and what it is
    (b"PK\x03\x04", "an Excel workbook or another zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook or another Office file"),
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "a gzip file"),
)


class NotText(ValueError):
    """The bytes are no text in UTF-8, or in UTF-16 with its mark; the message says what they are."""


def decoded(data: bytes, *, quote: bool = True) -> tuple[str, bool]:
    """The text, and whether its bytes are UTF-8. Raises NotText.

    `quote`: whether the message may show a line of the text.
    """
    encoding = next((name for mark, name in _MARKED if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\x00" in data[:2]:  # both bytes of a first letter that is ASCII
        raise NotText("is not UTF-8; it looks like UTF-16 without its mark")
    try:
        return data.decode(encoding), encoding.startswith("utf-8")
    except UnicodeDecodeError as error:
        raise NotText(_explained(data, encoding, error.start, quote)) from None


def _explained(data: bytes, encoding: str, start: int, quote: bool) -> str:
    kind = next((kind for mark, kind in _NO_TEXT if data.startswith(mark)), "")
    if kind:
        return f"is not text but {kind}, whatever its name says"
    if not encoding.startswith("utf-8"):
        return f"is not {encoding.upper()}, although it begins with its mark"
    if data[start:].startswith((b"\xed", b"\xf0")) or start + 1 >= len(data):
        return "is not UTF-8"  # a part of a character, rather than a letter of Windows-1252
    number = data.count(b"\n", 0, start) + 1
    place = f"is not UTF-8 (line {number}); it looks like Windows-1252"
    if not quote:
        return place
    line = data.splitlines()[number - 1].decode("cp1252", "replace")
    return f'{place}, in which that line reads "{"".join(c for c in line if c.isprintable())[:60]}"'
