"""JSON as the standard defines it, which all parsers read in the same way.

Python's own parser also accepts NaN and reads 1e999 as infinity. If an object has the same member twice, it
keeps the last one; other parsers keep the first.
"""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from typing import Any

# An empty list takes three bytes of JSON and sixty of memory. A page of 100 contacts with 100 attributes each
# has about 23,000 values; a bulk send to 1,000 receivers with ten parameters each has about 45,000.
MOST_VALUES = 250_000
# Python's own limit, in versions that have one: parsing time grows with the square of the digits.
MOST_DIGITS = 4300

_NO_STRUCTURE = bytes(set(range(256)) - set(b'",[{'))


class TooRich(ValueError):
    """The text has more values than any call or answer needs."""


class Ambiguous(ValueError):
    """An object has the same member twice, and parsers disagree about which one counts."""


def loads(text: str | bytes) -> Any:
    """The parsed text. Raises ValueError, or RecursionError if it is nested too deeply."""
    if _values(text.encode() if isinstance(text, str) else text) > MOST_VALUES:
        raise TooRich(f"more than {MOST_VALUES:,} values")
    return json.loads(
        text,
        parse_constant=_refuse_constant,
        parse_float=_finite,
        parse_int=_whole,
        object_pairs_hook=_only_once,
    )


def _values(content: bytes) -> int:
    """The largest possible number of values in a JSON text, without what is inside its strings."""
    if json.detect_encoding(content) not in ("utf-8", "utf-8-sig"):
        content = content.decode(json.detect_encoding(content), "replace").encode("utf-8", "replace")
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    return len(b"".join(unescaped.translate(None, _NO_STRUCTURE).split(b'"')[::2]))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Ambiguous(f"an object has the member {twice[:80]!r} twice")
    return members
